//! Words of a filter.

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    /// A text without quotes: a field, a value, or a keyword.
    Bare(String),
    /// A text in quotes. `\` before a character takes it as it is; `\*` is kept so, since `*` alone is a wildcard.
    Quoted(String),
    Compare(Comparator),
    Minus,
    Open,
    Close,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparator {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Has,
}

impl Comparator {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Has => ":",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    /// Position of the first character; 1 is the first.
    pub(super) at: usize,
    pub(super) word: Word,
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut letters = text.chars().enumerate().peekable();
    let mut out = Vec::new();
    while let Some((index, letter)) = letters.next() {
        let mut then = |next: char, both: Comparator, alone: Comparator| {
            let two = letters.next_if(|(_, c)| *c == next).is_some();
            Word::Compare(if two { both } else { alone })
        };
        let word = match letter {
            c if c.is_whitespace() => continue,
            '(' => Word::Open,
            ')' => Word::Close,
            '=' => Word::Compare(Comparator::Eq),
            ':' => Word::Compare(Comparator::Has),
            '<' => then('=', Comparator::Le, Comparator::Lt),
            '>' => then('=', Comparator::Ge, Comparator::Gt),
            '!' => match letters.next_if(|(_, c)| *c == '=') {
                Some(_) => Word::Compare(Comparator::Ne),
                None => return Err(format!("at character {}: `!` is not an operator; write `!=` or NOT", index + 1)),
            },
            '-' if !letters.peek().is_none_or(|(_, c)| c.is_whitespace() || c.is_ascii_digit()) => Word::Minus,
            '"' | '\'' => Word::Quoted(quoted(letter, index, &mut letters)?),
            ',' => return Err(format!("at character {}: functions and lists are not taken", index + 1)),
            first => {
                let mut bare = String::from(first);
                while let Some((_, c)) = letters.next_if(|(_, c)| !c.is_whitespace() && !"()=<>!:,\"'".contains(*c)) {
                    bare.push(c);
                }
                // A time of day has colons, and no field begins with a digit.
                while bare.starts_with(|c: char| c.is_ascii_digit())
                    && let Some((_, c)) = letters.next_if(|(_, c)| c.is_ascii_alphanumeric() || ":.+-".contains(*c))
                {
                    bare.push(c);
                }
                Word::Bare(bare)
            }
        };
        out.push(Token { at: index + 1, word });
    }
    Ok(out)
}

fn quoted(quote: char, from: usize, letters: &mut impl Iterator<Item = (usize, char)>) -> Result<String, String> {
    let mut text = String::new();
    while let Some((_, letter)) = letters.next() {
        match letter {
            c if c == quote => return Ok(text),
            '\\' => match letters.next() {
                Some((_, c @ ('*' | '\\'))) => text.extend(['\\', c]),
                Some((_, c)) => text.push(c),
                None => break,
            },
            c => text.push(c),
        }
    }
    Err(format!("at character {}: the quoted text does not end", from + 1))
}
