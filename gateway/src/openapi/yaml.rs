//! The document as YAML 1.2, in blocks as people read it.
//!
//! Strings that could be anything else are quoted as in JSON, which is how YAML reads them too.

use serde_json::Value;

pub(super) fn text(document: &Value) -> String {
    let mut out = String::new();
    block(document, 0, &mut out);
    out
}

/// Appends a value below its key or dash.
fn block(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (at, (key, value)) in object.iter().enumerate() {
                // The first one stands behind its dash.
                if at > 0 || !out.ends_with("- ") {
                    indent(depth, out);
                }
                scalar(key, out);
                out.push(':');
                nested(value, depth + 1, out);
            }
        }
        Value::Array(array) if !array.is_empty() => {
            for value in array {
                indent(depth, out);
                out.push('-');
                if matches!(value, Value::Object(object) if !object.is_empty()) {
                    out.push(' ');
                    block(value, depth + 1, out);
                } else {
                    nested(value, depth + 1, out);
                }
            }
        }
        _ => nested(value, depth, out),
    }
}

/// Appends a value to the line of its key or dash, or to those below.
fn nested(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            out.push('\n');
            block(value, depth, out);
        }
        Value::Array(array) if !array.is_empty() => {
            out.push('\n');
            block(value, depth, out);
        }
        Value::String(text) if is_literal(text) => {
            out.push_str(" |-\n");
            for line in text.lines() {
                if !line.is_empty() {
                    indent(depth, out);
                    out.push_str(line);
                }
                out.push('\n');
            }
        }
        Value::String(text) => {
            out.push(' ');
            scalar(text, out);
            out.push('\n');
        }
        other => {
            out.push(' ');
            out.push_str(&other.to_string());
            out.push('\n');
        }
    }
}

fn indent(depth: usize, out: &mut String) {
    (0..depth).for_each(|_| out.push_str("  "));
}

/// Whether a text of several lines can stand as it is.
fn is_literal(text: &str) -> bool {
    let plain = |line: &str| line.chars().all(|letter| !letter.is_control());
    text.contains('\n') && !text.starts_with([' ', '\n']) && !text.ends_with('\n') && text.lines().all(plain)
}

/// A word stands as it is, all else in quotes.
fn scalar(text: &str, out: &mut String) {
    let is_word = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-./{}:$".contains(letter))
        && !text.ends_with(':')
        && !is_other(text);
    if is_word {
        out.push_str(text);
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}

/// What YAML of some version takes for something else than a text.
fn is_other(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_has_a_key_a_line_and_says_the_same() {
        let document = json!({
            "a": { "b": [1, "two", { "c": null, "d": [] }, [true, {}]], "e": "one\n\n  two: #3" },
            "/v1/{name}:do": { "no": "yes", "f": "x: y", "g": "1.0", "h": "", "200": "\ttab\n" },
        });
        let expected = r#"/v1/{name}:do:
  "200": "\ttab\n"
  f: "x: y"
  g: "1.0"
  h: ""
  "no": "yes"
a:
  b:
    - 1
    - two
    - c: null
      d: []
    -
      - true
      - {}
  e: |-
    one

      two: #3
"#;
        assert_eq!(text(&document), expected);
    }
}
