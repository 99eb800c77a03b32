//! Whether what was seen is what was expected, and where it is not.

use std::{
    fmt::Display,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prost_reflect::prost_types::Timestamp;
use serde_json::Value;

use crate::values::Names;

/// How far `<time>` may be from now.
const NOW: Duration = Duration::from_secs(3600);

/// Compares, and keeps what is to be captured.
///
/// # Errors
/// With the place of the first difference, which begins with `at`.
pub(crate) fn same(at: &str, expected: &Value, seen: &Value, names: &mut Names) -> Result<(), String> {
    match (expected, seen) {
        (Value::String(text), _) => string(at, text, seen, names),
        (Value::Array(expected), Value::Array(seen)) => {
            for (i, (expected, seen)) in expected.iter().zip(seen).enumerate() {
                same(&format!("{at}[{i}]"), expected, seen, names)?;
            }
            if expected.len() != seen.len() {
                let next = seen.get(expected.len()).map(|next| format!("; the next is {}", short(next)));
                let next = next.unwrap_or_default();
                return Err(format!("{at}: expected {} elements, got {}{next}", expected.len(), seen.len()));
            }
            Ok(())
        }
        (Value::Object(expected), Value::Object(seen)) => {
            for (key, expected) in expected {
                let at = format!("{at}.{key}");
                let seen = seen.get(key).ok_or_else(|| format!("{at}: expected {}, got nothing", short(expected)))?;
                same(&at, expected, seen, names)?;
            }
            match seen.iter().find(|(key, _)| !expected.contains_key(*key)) {
                Some((key, seen)) => Err(format!("{at}.{key}: expected nothing, got {}", short(seen))),
                None => Ok(()),
            }
        }
        _ if expected == seen => Ok(()),
        _ => Err(differ(at, short(expected), seen)),
    }
}

/// Compares metadata or headers: those that are expected, whatever else is there.
///
/// # Errors
/// As of [`same`].
pub(crate) fn headers<'a>(
    at: &str,
    expected: impl IntoIterator<Item = (&'a String, &'a Value)>,
    seen: impl Fn(&str) -> Vec<String>,
    names: &mut Names,
) -> Result<(), String> {
    for (key, expected) in expected {
        let at = format!("{at}.{key}");
        let mut values: Vec<Value> = seen(key).into_iter().map(Value::String).collect();
        match (expected, values.len()) {
            (Value::Null, 0) => {}
            (Value::String(_), 1) => same(&at, expected, &values.remove(0), names)?,
            (Value::Array(_), 1..) => same(&at, expected, &Value::Array(values), names)?,
            _ => return Err(differ(&at, short(expected), &Value::Array(values))),
        }
    }
    Ok(())
}

fn string(at: &str, expected: &str, seen: &Value, names: &mut Names) -> Result<(), String> {
    let text = match seen {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let within = expected.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let (kind, value) = within.map_or(("", ""), |within| within.split_once(':').unwrap_or((within, "")));
    let met = match kind {
        "any" => *seen != Value::String(String::new()),
        "time" => instant(&text).is_some_and(near_now),
        "etag" => (1..=64).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_graphic()),
        "capture" => {
            names.insert(value.to_owned(), text.clone());
            !text.is_empty()
        }
        "not" => !text.is_empty() && text != value,
        "has" => seen.is_string() && text.contains(value),
        "length" => seen.is_string() && text.chars().count().to_string() == value,
        _ => (seen.is_string() || seen.is_number()) && text == expected,
    };
    if met { Ok(()) } else { Err(differ(at, short(&Value::String(expected.to_owned())), seen)) }
}

fn instant(text: &str) -> Option<SystemTime> {
    let time: Timestamp = text.parse().ok().filter(|_| text.ends_with('Z'))?;
    Some(UNIX_EPOCH + Duration::from_secs(time.seconds.try_into().ok()?))
}

fn near_now(time: SystemTime) -> bool {
    let now = SystemTime::now();
    now.duration_since(time).or_else(|_| time.duration_since(now)).is_ok_and(|apart| apart < NOW)
}

fn differ(at: &str, expected: impl Display, seen: &Value) -> String {
    format!("{at}: expected {expected}, got {}", short(seen))
}

/// A value as JSON, its beginning if it is long.
fn short(value: &Value) -> String {
    const LONGEST: usize = 300;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What differs; empty if nothing does.
    fn differs(expected: &Value, seen: &Value) -> String {
        same("seen", expected, seen, &mut Names::new()).err().unwrap_or_default()
    }

    #[test]
    fn what_is_missing_what_is_too_much_and_what_is_in_another_order_differs() {
        assert_eq!(differs(&json!({"a": [1, {"b": "x"}]}), &json!({"a": [1, {"b": "x"}]})), "");
        assert_eq!(differs(&json!({"a": 1}), &json!({})), "seen.a: expected 1, got nothing");
        assert_eq!(differs(&json!({}), &json!({"a": 1})), "seen.a: expected nothing, got 1");
        assert_eq!(differs(&json!([1, 2]), &json!([2, 1])), "seen[0]: expected 1, got 2");
        assert_eq!(differs(&json!([1]), &json!([1, 2])), "seen: expected 1 elements, got 2; the next is 2");
        assert_eq!(differs(&json!([1, 2]), &json!([1])), "seen: expected 2 elements, got 1");
        assert_eq!(differs(&json!(1), &json!("1")), "seen: expected 1, got \"1\"");
    }

    #[test]
    fn placeholders_are_met_by_what_they_say_and_by_nothing_else() {
        let cases = [
            ("<any>", json!([]), json!("")),
            ("<time>", json!(now()), json!("1970-01-01T00:00:00Z")),
            ("<time>", json!(now()), json!("yesterday")),
            ("<etag>", json!("0f"), json!("0 f")),
            ("<not:a>", json!("b"), json!("a")),
            ("<has:b>", json!("abc"), json!("ac")),
            ("<length:2>", json!("\u{1f600}e"), json!("e\u{301}e")),
            ("12", json!(12), json!(13)),
            ("<tme>", json!("<tme>"), json!(now())),
        ];
        for (expected, good, bad) in cases {
            assert_eq!(differs(&json!(expected), &good), "", "{expected}");
            assert_ne!(differs(&json!(expected), &bad), "", "{expected}");
        }
    }

    #[test]
    fn what_is_captured_is_known_later() {
        let mut names = Names::new();
        same("seen", &json!({"id": "<capture:id>"}), &json!({"id": 7}), &mut names).unwrap();
        assert_eq!(names.get("id").unwrap(), "7");
    }

    #[test]
    fn a_header_is_one_value_a_list_or_absent() {
        let seen = |key: &str| if key == "two" { vec!["a".into(), "b".into()] } else { Vec::new() };
        let check = |key: &str, expected: Value| {
            headers("headers", [(&key.to_owned(), &expected)], seen, &mut Names::new()).is_ok()
        };
        assert!(check("two", json!(["a", "b"])) && check("none", Value::Null));
        assert!(!check("two", json!("a")) && !check("two", json!(["b", "a"])) && !check("two", Value::Null));
        assert!(!check("none", json!("<any>")) && !check("none", json!([])));
    }

    fn now() -> String {
        Timestamp::from(SystemTime::now()).to_string()
    }
}
