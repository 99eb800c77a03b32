//! The values of a record as the cells of a line.

use campus_schema::{EnumType, Field, Kind, Malformed, MessageType, Value, wire};

use crate::{kind::is_plain, terminal::printable, value};

/// How much a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// What can be read back: names of enum values, lists as JSON.
    Exact,
    /// For people: short names, how long a list is.
    Short,
    /// For people who want to see all.
    Wide,
}

/// Whether the cells of a field are numbers.
pub(crate) fn is_number(field: &Field, style: Style) -> bool {
    if field.repeated {
        return style == Style::Short;
    }
    !matches!(field.kind, Kind::Bool | Kind::String | Kind::Bytes | Kind::Enum(_) | Kind::Message(_) | Kind::Map(_))
}

/// One cell for each of `columns`.
///
/// # Errors
/// If the record is not one of `message`.
pub(crate) fn cells(
    message: MessageType,
    columns: &[&'static Field],
    record: &[u8],
    style: Style,
) -> Result<Vec<String>, Malformed> {
    let cells = columns.iter().map(|field| cell(message, field, record, style));
    cells.map(|cell| Ok(if style == Style::Exact { cell? } else { printable(&cell?) })).collect()
}

fn cell(message: MessageType, field: &Field, record: &[u8], style: Style) -> Result<String, Malformed> {
    if field.repeated && style == Style::Short {
        let count = items(field, record)?;
        return Ok(if count == 0 { String::new() } else { count.to_string() });
    }
    if !is_plain(field) || matches!(field.kind, Kind::Message(_) | Kind::Bytes) {
        return nested(message, field, record);
    }
    let value = message.get(record, field.number)?;
    Ok(match (value, field.kind) {
        (Some(Value::Str(text)), _) => text.to_owned(),
        (Some(Value::Enum(number)), Kind::Enum(of)) => enumerator(of, number, style),
        (None, Kind::Enum(of)) if !field.presence => enumerator(of, 0, style),
        (Some(Value::Bool(set)), _) => truth(set, style),
        (None, Kind::Bool) if !field.presence => truth(false, style),
        (Some(Value::I64(number)), _) => number.to_string(),
        (Some(Value::U64(number)), _) => number.to_string(),
        (Some(Value::F64(number)), _) => number.to_string(),
        (None, _) if is_number(field, style) && !field.presence => "0".to_owned(),
        _ => String::new(),
    })
}

/// Zero says nothing where it is called unspecified, as the style guide wants it.
fn enumerator(of: EnumType, number: i32, style: Style) -> String {
    match of.name(number) {
        Some(name) if number == 0 && name.ends_with("UNSPECIFIED") => String::new(),
        Some(name) if style == Style::Exact => name.to_owned(),
        Some(name) => value::short_name(of, name),
        None => number.to_string(),
    }
}

fn truth(set: bool, style: Style) -> String {
    match (style, set) {
        (Style::Exact, _) => set.to_string(),
        (_, true) => "yes".to_owned(),
        (_, false) => String::new(),
    }
}

fn items(field: &Field, record: &[u8]) -> Result<usize, Malformed> {
    let mut count = 0;
    for part in wire::fields(record) {
        count += usize::from(part?.0 == field.number);
    }
    Ok(count)
}

/// The JSON form of one field; of a string, what is between the quotes.
fn nested(message: MessageType, field: &Field, record: &[u8]) -> Result<String, Malformed> {
    let mut only = Vec::new();
    for part in wire::fields(record) {
        let (number, _, raw) = part?;
        if number == field.number {
            only.extend_from_slice(raw);
        }
    }
    if only.is_empty() {
        return Ok(String::new());
    }
    let mut json = String::new();
    message.to_json(&only, &super::JSON, &mut json)?;
    let before = format!("{{\"{}\":", field.json_name);
    let Some(value) = json.strip_prefix(&before).and_then(|rest| rest.strip_suffix('}')) else {
        return Ok(String::new());
    };
    Ok(serde_json::from_str::<String>(value).unwrap_or_else(|_| value.to_owned()))
}

/// A record on one line: `field=value` for each plain field that is set, the name and `left_out` aside.
///
/// # Errors
/// If the record is not one of `message`.
pub(crate) fn summary(
    message: MessageType,
    record: &[u8],
    left_out: impl Fn(&Field) -> bool,
) -> Result<String, Malformed> {
    let mut line = Vec::new();
    for field in message.fields().iter().filter(|field| !left_out(field)) {
        let text = cell(message, field, record, Style::Short)?;
        if !text.is_empty() && text != "0" {
            line.push(format!("{}={}", field.name, printable(&text)));
        }
    }
    Ok(line.join(" "))
}
