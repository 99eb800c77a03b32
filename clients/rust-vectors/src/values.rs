//! What is written for something else: names that stand for values, and lists and strings made of copies.

use std::collections::HashMap;

use serde_json::Value;

/// What names stand for in one run of a vector.
pub(crate) type Names = HashMap<String, String>;

/// The names that every vector has.
pub(crate) fn names() -> Names {
    let run = format!("{:08x}", fastrand::u32(..));
    let n = fastrand::u32(10_000_000..=21_474_835).to_string();
    HashMap::from([("run".to_owned(), run), ("n".to_owned(), n)])
}

/// `value` with everything filled in.
///
/// # Errors
/// If a name stands for nothing, or copies make no sense.
pub(crate) fn fill(value: &Value, names: &Names) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(named(text, names)?),
        Value::Object(members) => match (members.get("$repeat"), members.get("of")) {
            (Some(times), Some(Value::String(text))) => Value::String(named(text, names)?.repeat(count(times)?)),
            (Some(_), _) => return Err("$repeat wants a string in `of`".to_owned()),
            _ => Value::Object(
                members
                    .iter()
                    .map(|(key, member)| Ok((key.clone(), fill(member, names)?)))
                    .collect::<Result<_, String>>()?,
            ),
        },
        Value::Array(elements) => {
            let mut list = Vec::with_capacity(elements.len());
            for element in elements {
                match element.get("$each") {
                    Some(times) => copies(count(times)?, element, names, &mut list)?,
                    None => list.push(fill(element, names)?),
                }
            }
            Value::Array(list)
        }
        other => other.clone(),
    })
}

fn copies(times: usize, element: &Value, names: &Names, list: &mut Vec<Value>) -> Result<(), String> {
    let of = element.get("of").ok_or("$each wants `of`")?;
    let width = times.saturating_sub(1).to_string().len();
    let mut names = names.clone();
    for i in 0..times {
        names.insert("i".to_owned(), format!("{i:0width$}"));
        list.push(fill(of, &names)?);
    }
    Ok(())
}

fn count(times: &Value) -> Result<usize, String> {
    times.as_u64().and_then(|times| usize::try_from(times).ok()).ok_or(format!("{times} is no number of copies"))
}

fn named(text: &str, names: &Names) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after.split_once('}').ok_or(format!("`${{{after}` has no end"))?;
        let value = names.get(name).ok_or(format!("${{{name}}} stands for nothing"))?;
        out.push_str(before);
        out.push_str(value);
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_copies_are_filled_in_and_what_stands_for_nothing_is_an_error() {
        let names = Names::from([("run".to_owned(), "ab".to_owned())]);
        let filled = |value: Value| fill(&value, &names);
        assert_eq!(filled(json!({"${run}": "x-${run}-${run}"})), Ok(json!({"${run}": "x-ab-ab"})));
        assert_eq!(filled(json!([{"$each": 11, "of": {"id": "${i}"}}])).unwrap()[10], json!({"id": "10"}));
        assert_eq!(filled(json!([1, {"$each": 11, "of": "${i}${run}"}])).unwrap()[1], "00ab");
        assert_eq!(filled(json!({"a": {"$repeat": 2, "of": "${run}"}})), Ok(json!({"a": "abab"})));
        for wrong in [json!("${nun}"), json!("${run"), json!([{"$each": 2}]), json!({"$repeat": 2, "of": 1})] {
            assert!(filled(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
