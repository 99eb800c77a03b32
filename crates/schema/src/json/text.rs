//! Strings of JSON: quoting, and the two spellings of field names.

/// Appends a JSON string.
pub(crate) fn quote(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    // Without an exit on the way, so that many bytes are looked at in one step.
    let plain = |bytes: &[u8]| !bytes.iter().fold(false, |special, byte| special | is_special(*byte));
    if text.as_bytes().chunks(64).all(plain) {
        out.push_str(text);
    } else {
        escape(out, text);
    }
    out.push('"');
}

/// Appends a whole number.
pub(super) fn whole(out: &mut String, number: u64, negative: bool) {
    // As many digits as there can be, and the sign.
    let mut text = *b"000000000000000000000";
    let mut rest = number;
    let mut from = text.len();
    for place in text.iter_mut().rev() {
        *place = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        from -= 1;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if negative {
        out.push('-');
    }
    out.push_str(text.get(from..).and_then(|digits| str::from_utf8(digits).ok()).unwrap_or_default());
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..'\u{20}' => {
                out.push_str(if letter < '\u{10}' { "\\u000" } else { "\\u001" });
                out.extend(char::from_digit(u32::from(letter) % 16, 16));
            }
            letter => out.push(letter),
        }
    }
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

/// A path of a field mask out of its `lowerCamelCase`; what has underscores is none.
pub(super) fn strict_snake(path: &str) -> Option<String> {
    snake(path).filter(|_| !path.contains('_'))
}

/// A path of a field mask out of either spelling.
pub(crate) fn snake(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len() + 4);
    for letter in path.chars() {
        match letter {
            'A'..='Z' => out.extend(['_', letter.to_ascii_lowercase()]),
            _ => out.push(letter),
        }
    }
    Some(out).filter(|path| !path.is_empty())
}
