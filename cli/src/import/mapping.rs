//! Which column of the input is which field of the record.

use std::collections::HashSet;

use bytes::Bytes;
use campus_schema::{Field, nearest};
use clap::Args;

use crate::{failure::Failure, kind::Kind};

/// The last segment of a name, as a column.
const ID: &str = "id";
/// The column that a file of rejects adds.
pub(crate) const REASON: &str = "reason";

/// How columns that are not called like fields are mapped.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct MappingArgs {
    /// Take the values of COLUMN for FIELD; `id` is the last segment of the name. May be given again
    #[arg(long = "map", value_name = "COLUMN=FIELD")]
    pub(crate) map: Vec<String>,
    /// Leave a column out. May be given again
    #[arg(long, value_name = "COLUMN")]
    pub(crate) ignore: Vec<String>,
}

/// What a column is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// Nothing.
    Ignore,
    /// The name of the record, or its id.
    Name,
    /// A field.
    Field(&'static Field),
}

impl Target {
    fn field(self) -> Option<&'static str> {
        match self {
            Self::Ignore => None,
            Self::Name => Some("name"),
            Self::Field(field) => Some(field.name),
        }
    }
}

/// Finds the field of a column.
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    kind: Kind,
    map: Vec<(String, Target)>,
}

impl Mapping {
    /// A mapping for records of `kind`.
    ///
    /// # Errors
    /// If a `--map` names no field, or a column is mapped twice.
    pub(crate) fn new(kind: &Kind, args: &MappingArgs) -> Result<Self, Failure> {
        let mut mapping = Self { kind: kind.clone(), map: Vec::new() };
        for text in &args.map {
            let Some((column, field)) = text.rsplit_once('=').filter(|(column, _)| !column.is_empty()) else {
                return Err(Failure::usage(format!("--map {text} is not of the form COLUMN=FIELD")));
            };
            let target = by_name(kind, field).ok_or_else(|| no_field(kind, text, field))?;
            mapping.add(column, target)?;
        }
        for column in &args.ignore {
            mapping.add(column, Target::Ignore)?;
        }
        Ok(mapping)
    }

    fn add(&mut self, column: &str, target: Target) -> Result<(), Failure> {
        if self.given(column).is_some() {
            return Err(Failure::usage(format!("column `{column}` is mapped or ignored twice")));
        }
        self.map.push((column.to_owned(), target));
        Ok(())
    }

    fn given(&self, column: &str) -> Option<Target> {
        self.map.iter().find(|(known, _)| known == column.trim()).map(|(_, target)| *target)
    }

    /// The kind of record.
    pub(crate) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// What a column is for; `None` if that cannot be told.
    pub(crate) fn target(&self, column: &str) -> Option<Target> {
        let by_itself = || by_name(&self.kind, column);
        let reason = || (column.trim() == REASON).then_some(Target::Ignore);
        self.given(column).or_else(by_itself).or_else(reason)
    }

    /// What each column of a header is for.
    ///
    /// # Errors
    /// If a column is unknown, two are for the same field, a `--map` names no column, or none gives the name.
    pub(crate) fn columns(&self, header: &[&str]) -> Result<Vec<Target>, Failure> {
        for (column, _) in &self.map {
            if !header.iter().any(|known| known.trim() == column) {
                let near = nearest(column, header.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
                let message = format!("there is no column `{column}` to map{}", near.unwrap_or_default());
                return Err(Failure::usage(message).note(format!("columns: {}", header.join(", "))));
            }
        }
        let unknown: Vec<&str> = header.iter().copied().filter(|column| self.target(column).is_none()).collect();
        if !unknown.is_empty() {
            return Err(self.unknown(&unknown));
        }
        let targets: Vec<Target> = header.iter().filter_map(|column| self.target(column)).collect();
        self.each_once(header, &targets)?;
        if !targets.iter().any(|target| matches!(target, Target::Name)) {
            let kind = &self.kind;
            let message = format!("no column says which {} a line is: one has to be `id` or `name`", kind.singular);
            return Err(Failure::usage(message).note("name it: --map COLUMN=id"));
        }
        Ok(targets)
    }

    fn each_once(&self, header: &[&str], targets: &[Target]) -> Result<(), Failure> {
        for (at, (column, target)) in header.iter().zip(targets).enumerate() {
            let Some(field) = target.field() else { continue };
            let same = |(_, other): &(&&str, &Target)| other.field() == Some(field);
            if let Some((other, _)) = header.iter().zip(targets).take(at).find(same) {
                let message = format!("columns `{other}` and `{column}` are both for {field}");
                let advice = match column.trim() {
                    // A flag would mean both.
                    name if name == other.trim() => "rename one of them in the header".to_owned(),
                    name => format!("leave one out: --ignore {}", quoted(name)),
                };
                return Err(Failure::usage(message).note(advice));
            }
        }
        Ok(())
    }

    /// Refuses columns that are no fields, and says what to type instead.
    pub(crate) fn unknown(&self, columns: &[&str]) -> Failure {
        let mut seen = HashSet::new();
        let columns: Vec<&str> = columns.iter().map(|column| column.trim()).filter(|name| seen.insert(*name)).collect();
        let names = columns.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(", ");
        let (what, are) = if columns.len() == 1 { ("column", "is not a field") } else { ("columns", "are not fields") };
        let mut failure = Failure::usage(format!("{what} {names} {are} of {}; nothing was sent", self.kind.one()));
        let (mut flags, mut meant) = (String::new(), Vec::new());
        for column in &columns {
            let ignore = format!("--ignore {}", quoted(column));
            if column.is_empty() {
                flags = format!("{flags} {ignore}");
                failure = failure.note(format!("a column without a name: name it in the header, or add {ignore}"));
                continue;
            }
            let field = likely(&self.kind, column);
            let nearest = field.map(|field| format!(" (nearest field: {field})")).unwrap_or_default();
            let map = format!("--map {}", quoted(&format!("{column}={}", field.unwrap_or("FIELD"))));
            meant.extend(field);
            flags = format!("{flags} {}", if field.is_some() { &map } else { &ignore });
            failure = failure.note(format!("`{column}`{nearest}: add {map} or {ignore}"));
        }
        let failure = failure.note(format!("fields: {}", field_names(&self.kind).collect::<Vec<_>>().join(", ")));
        // Flags that give one field two columns would only be refused in their turn.
        let is_clear = meant.iter().collect::<HashSet<_>>().len() == meant.len();
        if columns.len() > 1 && is_clear { failure.note(format!("for all of them:{flags}")) } else { failure }
    }

    /// The record, if it has a name.
    pub(crate) fn named(&self, record: Vec<u8>) -> Result<Bytes, String> {
        if self.kind.name_in(&record).is_empty() {
            return Err(format!("has neither an id nor a name: which {} is it?", self.kind.singular));
        }
        Ok(Bytes::from(record))
    }
}

/// The field that is called so, in proto or JSON form, in any case, with `-` or a space for `_`.
fn by_name(kind: &Kind, name: &str) -> Option<Target> {
    let name = folded(name);
    let is_called = |field: &&Field| field.name == name || field.json_name.to_ascii_lowercase() == name;
    match kind.message.fields().iter().find(is_called) {
        Some(field) if kind.is_settable(field) => Some(Target::Field(field)),
        Some(field) if Some(field.number) == kind.name_field().map(|name| name.number) => Some(Target::Name),
        // What the server sets may stand in the input, as it does in an export, and is left to the server.
        Some(_) => Some(Target::Ignore),
        None => (name == ID).then_some(Target::Name),
    }
}

/// What columns of other systems are often called, and the field that is then meant. Only ever suggested.
const ELSEWHERE: [(&str, &str); 14] = [
    ("first_name", "given_name"),
    ("firstname", "given_name"),
    ("forename", "given_name"),
    ("last_name", "family_name"),
    ("lastname", "family_name"),
    ("surname", "family_name"),
    ("sex", "gender"),
    ("birthday", "birth_date"),
    ("date_of_birth", "birth_date"),
    ("dob", "birth_date"),
    ("mail", "email"),
    ("e_mail", "email"),
    ("number", ID),
    ("key", ID),
];

/// The field that an unknown column is probably for.
fn likely(kind: &Kind, column: &str) -> Option<&'static str> {
    let word = folded(column);
    let elsewhere = || ELSEWHERE.iter().find(|(name, _)| *name == word).map(|(_, field)| *field);
    let number = || ["_no", "_nr", "_id", "_number"].iter().any(|end| word.ends_with(end)).then_some(ID);
    let likely = nearest(&word, field_names(kind)).or_else(elsewhere).or_else(number);
    likely.and_then(|field| field_names(kind).find(|known| *known == field))
}

fn folded(name: &str) -> String {
    name.trim().chars().map(|c| if matches!(c, '-' | ' ') { '_' } else { c.to_ascii_lowercase() }).collect()
}

fn field_names(kind: &Kind) -> impl Iterator<Item = &'static str> {
    [ID, "name"].into_iter().chain(kind.settable().map(|field| field.name))
}

fn no_field(kind: &Kind, text: &str, field: &str) -> Failure {
    let near = nearest(field, field_names(kind)).map(|near| format!("; did you mean `{near}`?"));
    let message = format!("--map {text}: {} has no field `{field}`{}", kind.one(), near.unwrap_or_default());
    Failure::usage(message).note(format!("fields: {}", field_names(kind).collect::<Vec<_>>().join(", ")))
}

/// `word` as a POSIX shell has to be given it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '=' | '.' | '/');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{failure::exit, kind::kinds};

    fn mapping(map: &[&str], ignore: &[&str]) -> Result<Mapping, Failure> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Mapping::new(&kinds().unwrap()[0], &MappingArgs { map: owned(map), ignore: owned(ignore) })
    }

    fn fields(mapping: &Mapping, header: &[&str]) -> Result<Vec<Option<&'static str>>, Failure> {
        Ok(mapping.columns(header)?.into_iter().map(Target::field).collect())
    }

    #[test]
    fn columns_called_like_fields_map_themselves() {
        let mapping = mapping(&[], &[]).unwrap();
        let header = ["ID", "Given Name", "familyName", "birth-date", "GENDER", " email ", "etag", "createTime"];
        let expected = ["name", "given_name", "family_name", "birth_date", "gender", "email"].map(Some);
        let found = fields(&mapping, &header).unwrap();
        assert_eq!(found[..6], expected);
        assert_eq!(found[6..], [None, None]);
    }

    #[test]
    fn the_published_sample_maps_with_three_flags() {
        let mapping = mapping(&["emp_no=id", "first_name=given_name", "last_name=family_name"], &[]).unwrap();
        let header = ["emp_no", "birth_date", "first_name", "last_name", "gender", "hire_date"];
        let expected = ["name", "birth_date", "given_name", "family_name", "gender", "hire_date"].map(Some);
        assert_eq!(fields(&mapping, &header).unwrap(), expected);
    }

    #[test]
    fn an_unknown_column_is_refused_with_what_to_type() {
        let failure = fields(&mapping(&[], &[]).unwrap(), &["id", "famly name", "salary"]).unwrap_err();
        assert_eq!(failure.exit(), exit::USAGE);
        let text = failure.to_string();
        assert!(text.contains("`famly name` (nearest field: family_name)"), "{text}");
        assert!(text.contains("--map 'famly name=family_name' or --ignore 'famly name'"), "{text}");
        assert!(text.contains("`salary`: add --map salary=FIELD or --ignore salary"), "{text}");
        assert!(text.contains("nothing was sent"), "{text}");
        assert!(text.ends_with("for all of them: --map 'famly name=family_name' --ignore salary"), "{text}");
    }

    #[test]
    fn what_other_systems_call_a_field_is_suggested() {
        let failure = fields(&mapping(&[], &[]).unwrap(), &["emp_no", "First Name", "last_name", "dob"]).unwrap_err();
        let flags = "--map emp_no=id --map 'First Name=given_name' --map last_name=family_name --map dob=birth_date";
        assert!(failure.to_string().ends_with(flags), "{failure}");
    }

    #[test]
    fn a_map_that_leads_nowhere_is_refused() {
        let failure = mapping(&["a=famly_name"], &[]).unwrap_err();
        assert!(failure.to_string().contains("did you mean `family_name`?"), "{failure}");
        assert!(mapping(&["nothing"], &[]).is_err());
        assert!(mapping(&["a=id"], &["a"]).is_err());
        let failure = fields(&mapping(&["emp_nr=id"], &[]).unwrap(), &["emp_no", "gender"]).unwrap_err();
        assert!(failure.to_string().contains("did you mean `emp_no`?"), "{failure}");
    }

    #[test]
    fn two_columns_cannot_be_one_field() {
        let failure = fields(&mapping(&[], &[]).unwrap(), &["id", "name"]).unwrap_err();
        assert!(failure.to_string().contains("columns `id` and `name` are both for name"), "{failure}");
        let ignoring = mapping(&[], &["id"]).unwrap();
        assert_eq!(fields(&ignoring, &["id", "name"]).unwrap(), [None, Some("name")]);
    }

    #[test]
    fn columns_of_the_same_name_have_to_be_renamed() {
        let failure = fields(&mapping(&[], &[]).unwrap(), &["id", "email", "id"]).unwrap_err();
        assert!(failure.to_string().ends_with("rename one of them in the header"), "{failure}");
    }

    #[test]
    fn columns_without_a_name_are_left_out_with_the_flag_that_is_shown() {
        let header = ["id", "", " ", "salary "];
        let failure = fields(&mapping(&[], &[]).unwrap(), &header).unwrap_err();
        assert!(failure.to_string().ends_with("for all of them: --ignore '' --ignore salary"), "{failure}");
        let ignoring = mapping(&[], &["", "salary"]).unwrap();
        assert_eq!(fields(&ignoring, &header).unwrap(), [Some("name"), None, None, None]);
    }

    #[test]
    fn flags_for_all_columns_never_drop_one_that_has_a_near_field_nor_give_a_field_twice() {
        let failure = fields(&mapping(&[], &[]).unwrap(), &["id", "Famly-Name", "givnName", "EMIAL"]).unwrap_err();
        let flags = "--map Famly-Name=family_name --map givnName=given_name --map EMIAL=email";
        assert!(failure.to_string().ends_with(flags), "{failure}");
        let failure = fields(&mapping(&[], &[]).unwrap(), &["emp_no", "dept_no"]).unwrap_err();
        assert!(!failure.to_string().contains("for all of them"), "{failure}");
    }

    #[test]
    fn some_column_must_say_which_record_it_is() {
        let failure = fields(&mapping(&[], &[]).unwrap(), &["given_name"]).unwrap_err();
        assert!(failure.to_string().contains("--map COLUMN=id"), "{failure}");
    }

    #[test]
    fn the_reason_that_a_file_of_rejects_adds_is_passed_over() {
        assert_eq!(fields(&mapping(&[], &[]).unwrap(), &["id", "reason"]).unwrap(), [Some("name"), None]);
    }
}
