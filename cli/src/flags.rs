//! The flags of `create` and `update` that come from the fields of the record.

use campus_schema::{Field, Kind as FieldKind};
use clap::{Arg, ArgAction, ArgMatches, Args, Command};
use serde_json::{Map, Value as Json};
use std::{
    fs,
    io::{Read, stdin},
    path::Path,
};

use crate::{
    failure::{Failure, exit},
    import::{
        json,
        mapping::{Mapping, MappingArgs, Target},
    },
    kind::{Kind, is_json_string},
    value,
};

const HEADING: &str = "Fields";
/// Options that every command has.
const OF_CALLS: [&str; 9] =
    ["help", "server", "timeout", "output", "compress", "tls-ca", "tls-cert", "tls-key", "tls-server-name"];

/// A whole record on the command line.
#[derive(Debug, Clone, Args)]
pub(crate) struct WholeArgs {
    /// Take the record from JSON: a file, `-` for standard input, or the text itself. Flags have precedence
    #[arg(long, value_name = "FILE|-|TEXT")]
    pub(crate) json: Option<String>,
}

/// A record as it was given, and which fields were.
pub(crate) struct Given {
    /// The record, encoded, without its name.
    pub(crate) record: Vec<u8>,
    /// The fields that were given, set or cleared.
    pub(crate) fields: Vec<&'static str>,
    /// The name in the JSON.
    pub(crate) name: Option<String>,
    /// The etag in the JSON.
    pub(crate) etag: Option<String>,
}

/// Adds a flag for each field that a client may set. `whole` says whether required fields have to be there.
pub(crate) fn add(mut command: Command, kind: &Kind, whole: bool) -> Command {
    for field in kind.settable() {
        let long = long(&command, field);
        command = command.arg(
            Arg::new(field.name)
                .long(long)
                .value_name(value_name(field))
                .help(help(field, whole))
                .help_heading(HEADING)
                .action(if field.repeated { ArgAction::Append } else { ArgAction::Set })
                .allow_hyphen_values(true),
        );
    }
    command
}

/// `--given-name`; `--field-json` where the command has an option of that name.
fn long(command: &Command, field: &Field) -> String {
    let plain = field.name.replace('_', "-");
    let is_taken = OF_CALLS.contains(&plain.as_str())
        || command.get_arguments().any(|arg| arg.get_long() == Some(&plain) || arg.get_id() == field.name);
    if is_taken { format!("field-{plain}") } else { plain }
}

fn value_name(field: &Field) -> String {
    if is_json_string(field) {
        return "TEXT".to_owned();
    }
    match field.kind {
        _ if field.repeated => "JSON".to_owned(),
        FieldKind::String => "TEXT".to_owned(),
        FieldKind::Bool => "yes|no".to_owned(),
        FieldKind::Enum(_) => "VALUE".to_owned(),
        FieldKind::Message(_) | FieldKind::Map(_) => "JSON".to_owned(),
        _ => "NUMBER".to_owned(),
    }
}

fn help(field: &Field, whole: bool) -> String {
    let what = match field.kind {
        FieldKind::Enum(of) if !field.repeated => value::short_names(of).join(", "),
        FieldKind::Message(of) if field.repeated => {
            format!("{}, as JSON: one, or a list of them; may be given again", of.name())
        }
        FieldKind::Message(of) => format!("{}, as JSON", of.name()),
        FieldKind::Map(_) => "as a JSON object".to_owned(),
        _ if field.repeated => "as a JSON list; may be given again".to_owned(),
        _ => String::new(),
    };
    let required = if field.required && whole { "required" } else { "" };
    [what.as_str(), required].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

/// The record that the command line gives.
///
/// # Errors
/// If the JSON or a value cannot be read, or a field is unknown.
pub(crate) fn read(kind: &Kind, whole: &WholeArgs, matches: &ArgMatches) -> Result<Given, Failure> {
    let object = whole.json.as_deref().map(load).transpose()?.unwrap_or_default();
    let mapping = Mapping::new(kind, &MappingArgs::default())?;
    let unknown: Vec<&str> = object.keys().map(String::as_str).filter(|key| mapping.target(key).is_none()).collect();
    if !unknown.is_empty() {
        return Err(unknown_members(kind, &unknown));
    }
    let mut record = Vec::new();
    json::fill(&mapping, &object, &mut record).map_err(|fault| Failure::usage(format!("--json: {fault}")))?;
    let mut fields: Vec<&'static str> = Vec::new();
    for key in object.keys() {
        if let Some(Target::Field(field)) = mapping.target(key) {
            fields.push(field.name);
        }
    }
    let name = Some(kind.name_in(&record).to_owned()).filter(|name| !name.is_empty());
    let number = kind.name_field().map(|field| field.number);
    let mut record = without(kind, &record, number)?;
    for field in kind.settable() {
        let Some(texts) = matches.get_many::<String>(field.name) else { continue };
        record = without(kind, &record, Some(field.number))?;
        for text in texts {
            value::field(&kind.message, field, text, &mut record)
                .map_err(|fault| Failure::usage(format!("--{}: {fault}", field.name.replace('_', "-"))))?;
        }
        fields.retain(|known| *known != field.name);
        fields.push(field.name);
    }
    let etag = object.get("etag").and_then(Json::as_str).map(str::to_owned);
    Ok(Given { record, fields, name, etag })
}

fn without(kind: &Kind, record: &[u8], number: Option<u32>) -> Result<Vec<u8>, Failure> {
    kind.message
        .without(record, number.as_slice())
        .map_err(|error| Failure::new(exit::INTERNAL, format!("the record made of the flags is malformed: {error}")))
}

fn unknown_members(kind: &Kind, unknown: &[&str]) -> Failure {
    let mut failure = Failure::usage(format!("--json: {} has no such fields", kind.one()));
    for key in unknown {
        let near = campus_schema::nearest(key, kind.message.fields().iter().map(|field| field.json_name));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        failure = failure.note(format!("`{key}`{hint}"));
    }
    failure
}

fn load(json: &str) -> Result<Map<String, Json>, Failure> {
    let text = if json.trim_start().starts_with('{') {
        json.to_owned()
    } else if json == "-" {
        let mut text = String::new();
        let read = stdin().read_to_string(&mut text);
        read.map_err(|error| Failure::new(exit::FILE, format!("cannot read standard input: {error}")))?;
        text
    } else {
        fs::read_to_string(json).map_err(|error| Failure::file("read", Path::new(json), &error))?
    };
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err(Failure::usage(format!("--json {json}: there is nothing in it; give one JSON object")));
    }
    json::object(text.as_bytes()).map_err(|fault| Failure::usage(format!("--json {fault}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::kinds;

    fn student(line: &[&str]) -> Result<(Given, String), Failure> {
        let kind = kinds().unwrap().into_iter().find(|kind| kind.singular == "student").unwrap();
        let command = add(WholeArgs::augment_args(Command::new("create")), &kind, true);
        let matches = command.try_get_matches_from(["create"].iter().chain(line)).unwrap();
        let whole = <WholeArgs as clap::FromArgMatches>::from_arg_matches(&matches).unwrap();
        let given = read(&kind, &whole, &matches)?;
        let mut json = String::new();
        kind.message.to_json(&given.record, &campus_schema::JsonOptions::default(), &mut json).unwrap();
        Ok((given, json))
    }

    #[test]
    fn every_field_has_a_flag() {
        let (given, json) = student(&[
            "--given-name",
            "Zoë",
            "--gender",
            "F",
            "--education-level",
            "higher",
            "--disability-declared",
            "yes",
            "--enrollments",
            r#"{"module":"AAA","presentation":"2013J"}"#,
            "--enrollments",
            r#"[{"module":"BBB","presentation":"2013J"}]"#,
        ])
        .unwrap();
        let expected = concat!(
            r#"{"givenName":"Zoë","gender":"GENDER_FEMALE","educationLevel":"EDUCATION_LEVEL_HIGHER","#,
            r#""disabilityDeclared":true,"enrollments":[{"module":"AAA","presentation":"2013J"},"#,
            r#"{"module":"BBB","presentation":"2013J"}]}"#
        );
        assert_eq!(json, expected);
        assert_eq!(given.fields, ["given_name", "gender", "education_level", "disability_declared", "enrollments"]);
    }

    #[test]
    fn flags_have_precedence_over_json() {
        let whole = r#"{"name":"students/1","etag":"e","familyName":"Old","region":null,
            "enrollments":[{"module":"AAA","presentation":"2013J"}],"createTime":"2026-01-01T00:00:00Z"}"#;
        let (given, json) = student(&["--json", whole, "--family-name", "New", "--enrollments", "[]"]).unwrap();
        assert_eq!(json, r#"{"familyName":"New"}"#);
        assert_eq!(given.name.as_deref(), Some("students/1"));
        assert_eq!(given.etag.as_deref(), Some("e"));
        assert_eq!(given.fields, ["region", "family_name", "enrollments"]);
    }

    #[test]
    fn an_empty_value_clears_a_field() {
        let (given, json) = student(&["--gender", "", "--email", ""]).unwrap();
        assert_eq!(json, "{}");
        assert_eq!(given.fields, ["gender", "email"]);
    }

    #[test]
    fn faults_name_the_flag() {
        let fault = |line: &[&str]| student(line).map(|_| ()).unwrap_err().to_string();
        assert!(fault(&["--gender", "x"]).starts_with("--gender: `x` is not one of female, male, other"));
        assert!(fault(&["--enrollments", "{"]).starts_with("--enrollments: is not a JSON list of Enrollment"));
        assert!(fault(&["--json", r#"{"familyNam":"x"}"#]).contains("did you mean `familyName`?"));
        assert!(fault(&["--json", "{"]).starts_with("--json is not valid JSON"));
        assert!(fault(&["--json", "/no/such/file"]).starts_with("cannot read /no/such/file"));
        assert!(fault(&["--json", "/dev/null"]).starts_with("--json /dev/null: there is nothing in it"));
    }

    #[test]
    fn a_field_that_is_called_like_an_option_keeps_a_flag() {
        let kind = &kinds().unwrap()[0];
        let taken = Command::new("create").arg(Arg::new("x").long("given-name"));
        assert_eq!(long(&taken, kind.message.field("given_name").unwrap()), "field-given-name");
        assert_eq!(long(&taken, kind.message.field("family_name").unwrap()), "family-name");
    }
}
