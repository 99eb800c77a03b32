//! Strings of JSON: quoting, and the two spellings of field names.

/// Appends a JSON string.
pub(super) fn quote(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut letters = special.chars();
        match letters.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\u{c}') => out.push_str("\\f"),
            Some(control) => {
                let code = u32::from(control);
                out.push_str(if code < 16 { "\\u000" } else { "\\u001" });
                out.extend(char::from_digit(code % 16, 16));
            }
            None => {}
        }
        rest = letters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// Appends a path of a field mask in `lowerCamelCase`; false when it would not be read back as it is.
pub(super) fn camel(out: &mut String, path: &str) -> bool {
    let mut raise = false;
    for letter in path.chars() {
        match letter {
            'a'..='z' if raise => {
                out.push(letter.to_ascii_uppercase());
                raise = false;
            }
            _ if raise => return false,
            '_' => raise = true,
            'A'..='Z' | ',' => return false,
            _ => out.push(letter),
        }
    }
    !raise
}

/// A path of a field mask out of its `lowerCamelCase`.
pub(super) fn snake(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len() + 4);
    for letter in path.chars() {
        match letter {
            '_' => return None,
            'A'..='Z' => out.extend(['_', letter.to_ascii_lowercase()]),
            _ => out.push(letter),
        }
    }
    Some(out).filter(|path| !path.is_empty())
}
