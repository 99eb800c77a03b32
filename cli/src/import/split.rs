//! Cuts a JSON array, or lines of JSON, into its values without reading it whole.

use std::io::{self, BufRead, Read};

use crate::failure::{Failure, exit};

/// A value longer than this is not a record.
const LONGEST_VALUE: usize = 16 << 20;

/// One value of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The line on which it begins; the first is 1.
    pub(crate) line: u64,
    /// Bytes of the input up to its end.
    pub(crate) end: u64,
    /// The value as it stands there.
    pub(crate) text: Vec<u8>,
}

/// Counts lines and bytes of what it passes.
struct Cursor<R> {
    input: R,
    line: u64,
    offset: u64,
}

impl<R: BufRead> Cursor<R> {
    fn new(mut input: R) -> Result<Self, Failure> {
        let mut offset = 0;
        if input.fill_buf().map_err(|error| unreadable(1, &error))?.starts_with(b"\xEF\xBB\xBF") {
            input.consume(3);
            offset = 3;
        }
        Ok(Self { input, line: 1, offset })
    }

    fn peek(&mut self) -> Result<Option<u8>, Failure> {
        loop {
            match self.input.fill_buf() {
                Ok(ready) => return Ok(ready.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(self.line, &error)),
            }
        }
    }

    fn pass(&mut self, byte: u8) {
        self.input.consume(1);
        self.offset += 1;
        self.line += u64::from(byte == b'\n');
    }

    fn skip_space(&mut self) -> Result<Option<u8>, Failure> {
        while let Some(byte) = self.peek()? {
            if !byte.is_ascii_whitespace() {
                return Ok(Some(byte));
            }
            self.pass(byte);
        }
        Ok(None)
    }

    fn fault(&self, what: &str) -> Failure {
        Failure::new(exit::FILE, format!("line {}: {what}", self.line))
    }
}

/// The values of one JSON array; a single object counts as an array of one.
pub(crate) struct Array<R> {
    cursor: Cursor<R>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    First,
    Next,
    End,
}

impl<R: BufRead> Array<R> {
    /// Reads the array in `input`.
    ///
    /// # Errors
    /// If `input` cannot be read.
    pub(crate) fn new(input: R) -> Result<Self, Failure> {
        Ok(Self { cursor: Cursor::new(input)?, state: State::Start })
    }

    /// The next value, not looked into: only brackets and strings are followed.
    pub(crate) fn next(&mut self) -> Option<Result<Piece, Failure>> {
        let next = self.advance();
        if next.is_err() {
            self.state = State::End;
        }
        next.transpose()
    }

    fn advance(&mut self) -> Result<Option<Piece>, Failure> {
        loop {
            let byte = self.cursor.skip_space()?;
            match (self.state, byte) {
                (State::Start, None) => {
                    return Err(self.cursor.fault("the input is empty: expected a JSON array, `[ {...}, ... ]`"));
                }
                (State::End, None) => return Ok(None),
                (State::Start, Some(b'[')) => {
                    self.cursor.pass(b'[');
                    self.state = State::First;
                }
                (State::Start, Some(b'{')) => {
                    self.state = State::End;
                    return self.value().map(Some);
                }
                (State::First | State::Next, Some(b']')) => {
                    self.cursor.pass(b']');
                    self.state = State::End;
                }
                (State::Next, Some(b',')) => {
                    self.cursor.pass(b',');
                    self.cursor.skip_space()?;
                    return self.value().map(Some);
                }
                (State::First, Some(_)) => {
                    self.state = State::Next;
                    return self.value().map(Some);
                }
                (State::Start, Some(_)) => return Err(self.cursor.fault("expected a JSON array, `[ {...}, ... ]`")),
                (State::Next, Some(_)) => return Err(self.cursor.fault("expected `,` or `]` after a record")),
                (State::First | State::Next, None) => {
                    return Err(self.cursor.fault("the input ends before the `]` of its array"));
                }
                (State::End, Some(_)) => {
                    let fault = self.cursor.fault("there is more after the end of the JSON value");
                    return Err(fault.note("for one record a line, use --format ndjson"));
                }
            }
        }
    }

    fn value(&mut self) -> Result<Piece, Failure> {
        let line = self.cursor.line;
        let (mut text, mut depth, mut in_string, mut escaped) = (Vec::new(), 0_usize, false, false);
        while let Some(byte) = self.cursor.peek()? {
            if !in_string
                && depth == 0
                && !text.is_empty()
                && (matches!(byte, b',' | b']') || byte.is_ascii_whitespace())
            {
                break;
            }
            if text.is_empty() && matches!(byte, b',' | b']') {
                return Err(self.cursor.fault("expected a record"));
            }
            self.cursor.pass(byte);
            text.push(byte);
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
                _ => continue,
            }
            if !in_string && depth == 0 {
                break;
            }
            if text.len() > LONGEST_VALUE {
                return Err(too_long(line));
            }
        }
        if in_string || depth > 0 || text.is_empty() {
            let fault = self.cursor.fault("the input ends in the middle of a record");
            return Err(fault.note(format!("the record begins at line {line}")));
        }
        Ok(Piece { line, end: self.cursor.offset, text })
    }
}

/// The lines of NDJSON; empty ones are passed over.
pub(crate) struct Lines<R> {
    cursor: Cursor<R>,
}

impl<R: BufRead> Lines<R> {
    /// Reads the lines of `input`.
    ///
    /// # Errors
    /// If `input` cannot be read.
    pub(crate) fn new(input: R) -> Result<Self, Failure> {
        Ok(Self { cursor: Cursor::new(input)? })
    }

    /// The next line that is not empty, without its end.
    pub(crate) fn next(&mut self) -> Option<Result<Piece, Failure>> {
        self.advance().transpose()
    }

    fn advance(&mut self) -> Result<Option<Piece>, Failure> {
        loop {
            let line = self.cursor.line;
            let mut text = Vec::new();
            let limit = LONGEST_VALUE as u64 + 1;
            let mut limited = (&mut self.cursor.input).take(limit);
            let count = limited.read_until(b'\n', &mut text).map_err(|error| unreadable(line, &error))?;
            if count == 0 {
                return Ok(None);
            }
            if count > LONGEST_VALUE {
                return Err(too_long(line));
            }
            self.cursor.line += 1;
            self.cursor.offset += count as u64;
            let content = text.trim_ascii();
            if !content.is_empty() {
                return Ok(Some(Piece { line, end: self.cursor.offset, text: content.to_vec() }));
            }
        }
    }
}

fn too_long(line: u64) -> Failure {
    Failure::new(exit::FILE, format!("line {line}: the record is longer than {} MiB", LONGEST_VALUE >> 20))
}

fn unreadable(line: u64, error: &io::Error) -> Failure {
    Failure::new(exit::FILE, format!("cannot read the input at line {line}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(text: &str) -> Result<Vec<(u64, String)>, String> {
        let mut array = Array::new(io::BufReader::with_capacity(3, text.as_bytes())).map_err(|f| f.to_string())?;
        let mut found = Vec::new();
        while let Some(piece) = array.next() {
            let piece = piece.map_err(|failure| failure.to_string())?;
            found.push((piece.line, String::from_utf8(piece.text).unwrap()));
        }
        Ok(found)
    }

    #[test]
    fn an_array_falls_into_its_values_with_their_lines() {
        let text = "[\n {\"a\": \"]},{[\"},\n\n {\"b\\\"]\":\n [1, {}]} ,3, \"x,\" ]\n";
        let found = array(text).unwrap();
        let expected = [(2, "{\"a\": \"]},{[\"}"), (4, "{\"b\\\"]\":\n [1, {}]}"), (5, "3"), (5, "\"x,\"")];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn an_empty_array_holds_nothing() {
        assert_eq!(array("\u{feff} [ ] ").unwrap(), []);
    }

    #[test]
    fn a_single_object_counts_as_an_array_of_one() {
        assert_eq!(array("{\"a\":\n1}\n").unwrap(), [(1, "{\"a\":\n1}".to_owned())]);
    }

    #[test]
    fn faults_are_named_with_their_line() {
        let faults = [
            ("", "line 1: the input is empty"),
            (" \n", "line 2: the input is empty"),
            ("[\n{\"a\": 1}\n{\"b\": 2}]", "line 3: expected `,` or `]`"),
            ("[\n{\"a\": 1},\n", "line 3: the input ends in the middle"),
            ("[{\"a\": 1}\n", "line 2: the input ends before"),
            ("[\n{\"a\": \"x", "line 2: the input ends in the middle"),
            ("[1,]", "line 1: expected a record"),
            ("hello", "line 1: expected a JSON array"),
            ("[]\n{}", "line 2: there is more after"),
        ];
        for (text, fault) in faults {
            let found = array(text).expect_err(text);
            assert!(found.starts_with(fault), "{text}: {found}");
        }
    }

    #[test]
    fn lines_are_counted_across_empty_ones_and_crlf() {
        let mut lines = Lines::new(io::BufReader::new("\u{feff}{}\r\n\r\n [1]\n3".as_bytes())).unwrap();
        let mut found = Vec::new();
        while let Some(piece) = lines.next() {
            let piece = piece.unwrap();
            found.push((piece.line, piece.end, String::from_utf8(piece.text).unwrap()));
        }
        assert_eq!(found, [(1, 7, "{}".into()), (3, 14, "[1]".into()), (4, 15, "3".into())]);
    }

    #[test]
    fn a_value_that_never_ends_is_refused_before_it_fills_the_memory() {
        let endless = io::BufReader::new(b"[{\"a\":".chain(io::repeat(b'{')));
        let failure = Array::new(endless).unwrap().next().unwrap().expect_err("no end");
        assert!(failure.to_string().contains("longer than 16 MiB"), "{failure}");
        let failure = Lines::new(io::BufReader::new(io::repeat(b'x'))).unwrap().next().unwrap().expect_err("no end");
        assert!(failure.to_string().contains("longer than 16 MiB"), "{failure}");
    }
}
