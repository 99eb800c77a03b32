//! Values as people write them in flags and cells, made into fields of an encoded record.

use campus_schema::{EnumType, Field, Kind as FieldKind, MessageType, nearest, wire};
use serde_json::{Value as Json, value::RawValue};

use crate::kind::{self, Kind};

/// Appends the name of a record, given as an id or a full name.
pub(crate) fn name(kind: &Kind, text: &str, record: &mut Vec<u8>) {
    if let Some(field) = kind.name_field() {
        wire::put_len(record, field.number, kind.name_of(text.trim()).as_bytes());
    }
}

/// Appends the value of one field, given as text. An empty text is the default of the field.
///
/// # Errors
/// What is wrong with the text, and what would be right.
pub(crate) fn field(message: &MessageType, field: &Field, text: &str, record: &mut Vec<u8>) -> Result<(), String> {
    if field.repeated {
        return structured(message, field, &as_list(text.trim()), record);
    }
    match field.kind {
        FieldKind::String => wire::put_len(record, field.number, text.as_bytes()),
        _ if text.trim().is_empty() => {}
        FieldKind::Bool => wire::put_varint(record, field.number, boolean(text.trim())?.into()),
        FieldKind::Enum(of) => {
            let number = enumerator(of, text.trim())?;
            wire::put_varint(record, field.number, i64::from(number).cast_unsigned());
        }
        _ if kind::is_json_string(field) => {
            return structured(message, field, &Json::from(text.trim()).to_string(), record);
        }
        _ => return structured(message, field, text.trim(), record),
    }
    Ok(())
}

/// Appends the value of one field, given as JSON. Text for an enum or a bool is read as [`field`] reads it.
///
/// # Errors
/// As of [`field`].
pub(crate) fn json(message: &MessageType, of: &Field, value: &Json, record: &mut Vec<u8>) -> Result<(), String> {
    match (value, of.kind) {
        (Json::Null, _) => Ok(()),
        (Json::String(text), FieldKind::String | FieldKind::Enum(_) | FieldKind::Bool) if !of.repeated => {
            field(message, of, text, record)
        }
        _ => structured(message, of, &value.to_string(), record),
    }
}

/// The number of an enum value, given by its full name, its short name or its first letter, in any case.
///
/// # Errors
/// If it is none of them: says which there are.
pub(crate) fn enumerator(of: EnumType, text: &str) -> Result<i32, String> {
    let word = folded(text);
    let values = of.values();
    let prefix = prefix(of);
    let full = values.iter().find(|value| value.name == word);
    let short = || values.iter().find(|value| value.name.strip_prefix(&prefix) == Some(&word));
    if let Some(value) = full.or_else(short) {
        return Ok(value.number);
    }
    if let Ok(number) = text.parse::<i32>()
        && of.name(number).is_some()
    {
        return Ok(number);
    }
    let mut starting = named(of).filter(|(short, _)| word.chars().count() == 1 && short.starts_with(&word));
    if let (Some((_, number)), None) = (starting.next(), starting.next()) {
        return Ok(number);
    }
    let known: Vec<String> = named(of).map(|(short, _)| short.to_ascii_lowercase()).collect();
    let hint = nearest(text, known.iter().map(String::as_str)).map(|near| format!("; did you mean `{near}`?"));
    Err(format!("`{text}` is not one of {}{}", known.join(", "), hint.unwrap_or_default()))
}

/// The short names of an enum, its default left out.
pub(crate) fn short_names(of: EnumType) -> Vec<String> {
    named(of).map(|(short, _)| short.to_ascii_lowercase()).collect()
}

/// The short form of an enum value's name: `female` of `GENDER_FEMALE`.
pub(crate) fn short_name(of: EnumType, name: &str) -> String {
    name.strip_prefix(&prefix(of)).unwrap_or(name).to_ascii_lowercase()
}

fn named(of: EnumType) -> impl Iterator<Item = (String, i32)> {
    let prefix = prefix(of);
    let values = of.values().iter().filter(|value| value.number != 0);
    values.map(move |value| (value.name.strip_prefix(&prefix).unwrap_or(value.name).to_owned(), value.number))
}

/// `GENDER_` of `campus.employee.v1.Gender`: what the style guide puts before each value.
fn prefix(of: EnumType) -> String {
    let mut prefix = String::new();
    for letter in of.full_name().rsplit('.').next().unwrap_or_default().chars() {
        if letter.is_uppercase() && !prefix.is_empty() {
            prefix.push('_');
        }
        prefix.push(letter.to_ascii_uppercase());
    }
    prefix.push('_');
    prefix
}

fn folded(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' ' | '-') { '_' } else { c.to_ascii_uppercase() }).collect()
}

/// `yes`, `true`, `1` and the like.
fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "t" | "1" => Ok(true),
        "false" | "no" | "n" | "f" | "0" => Ok(false),
        _ => Err(format!("`{text}` is neither yes nor no")),
    }
}

/// A list as JSON: a single item counts as a list of one.
fn as_list(text: &str) -> String {
    match text {
        "" => "[]".to_owned(),
        _ if text.starts_with('[') => text.to_owned(),
        _ => format!("[{text}]"),
    }
}

/// Appends a field whose value is given as JSON.
fn structured(message: &MessageType, field: &Field, json: &str, record: &mut Vec<u8>) -> Result<(), String> {
    // Looked at alone first, so that it cannot be more than one value.
    let value: &RawValue = serde_json::from_str(json).map_err(|error| expected(field, &error.to_string()))?;
    let object = format!("{{{}:{}}}", Json::from(field.json_name), value.get());
    let encoded = message.from_json(&object).map_err(|error| {
        let path = if error.path.is_empty() || error.path == field.json_name { "" } else { &error.path };
        let gap = if path.is_empty() { "" } else { ": " };
        format!("{path}{gap}{}", error.message)
    })?;
    record.extend_from_slice(&encoded);
    Ok(())
}

fn expected(field: &Field, fault: &str) -> String {
    let form = match field.kind {
        FieldKind::Message(of) if field.repeated => format!("a JSON list of {}", of.name()),
        FieldKind::Message(of) => format!("a JSON object, {}", of.name()),
        FieldKind::Map(_) => "a JSON object".to_owned(),
        _ if field.repeated => "a JSON list".to_owned(),
        _ => "a number".to_owned(),
    };
    format!("is not {form}: {fault}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::kinds;

    fn student() -> Kind {
        kinds().unwrap().into_iter().find(|kind| kind.singular == "student").unwrap()
    }

    fn json(name: &str, text: &str) -> Result<String, String> {
        let kind = student();
        let mut record = Vec::new();
        field(&kind.message, kind.message.field(name).unwrap(), text, &mut record)?;
        let mut out = String::new();
        kind.message.to_json(&record, &campus_schema::JsonOptions::default(), &mut out).unwrap();
        Ok(out)
    }

    #[test]
    fn an_enum_value_is_known_by_its_full_name_its_short_name_and_its_first_letter() {
        for text in ["GENDER_FEMALE", "gender_female", "female", "Female", "F", "f", "1", " f "] {
            assert_eq!(json("gender", text).unwrap(), r#"{"gender":"GENDER_FEMALE"}"#, "{text}");
        }
        assert_eq!(json("gender", "m").unwrap(), r#"{"gender":"GENDER_MALE"}"#);
        for text in ["EDUCATION_LEVEL_LOWER_SECONDARY", "lower secondary", "Lower-Secondary", "l"] {
            let expected = r#"{"educationLevel":"EDUCATION_LEVEL_LOWER_SECONDARY"}"#;
            assert_eq!(json("education_level", text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn an_unknown_enum_value_is_answered_with_the_known_ones() {
        let fault = json("gender", "femal").unwrap_err();
        assert_eq!(fault, "`femal` is not one of female, male, other; did you mean `female`?");
        assert!(json("gender", "17").is_err());
        assert!(json("gender", "é").is_err());
    }

    #[test]
    fn yes_and_no_come_in_many_forms() {
        for text in ["yes", "TRUE", "1", "y", "t"] {
            assert_eq!(json("disability_declared", text).unwrap(), r#"{"disabilityDeclared":true}"#);
        }
        for text in ["no", "False", "0", "n", "f", ""] {
            assert!(!json("disability_declared", text).unwrap().contains("true"));
        }
        assert_eq!(json("disability_declared", "maybe").unwrap_err(), "`maybe` is neither yes nor no");
    }

    #[test]
    fn a_list_is_json_and_a_single_item_will_do() {
        let item = r#"{"module":"AAA","presentation":"2013J","outcome":"OUTCOME_PASS"}"#;
        for text in [item.to_owned(), format!("[{item}]"), format!(" [ {item} ] ")] {
            assert_eq!(json("enrollments", &text).unwrap(), format!(r#"{{"enrollments":[{item}]}}"#));
        }
        assert_eq!(json("enrollments", "").unwrap(), "{}");
    }

    #[test]
    fn json_in_a_cell_cannot_reach_another_field() {
        let fault = json("enrollments", r#"[], "name": "students/1""#).unwrap_err();
        assert!(fault.starts_with("is not a JSON list of Enrollment"), "{fault}");
    }

    #[test]
    fn a_fault_inside_a_list_is_named_by_its_path() {
        let fault = json("enrollments", r#"[{"module":"AAA"},{"modul":"BBB"}]"#).unwrap_err();
        assert!(fault.contains("enrollments[1]") && fault.contains("module"), "{fault}");
    }
}
