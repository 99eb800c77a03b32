//! What is said on stderr, and what is known of the terminal.

use std::io::{IsTerminal, Write, stderr, stdout};

use console::{Style, Term};

use crate::failure::Failure;

/// Writes one line to stderr. That nobody reads it is not an error.
pub(crate) fn say(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}

/// Writes a failure to stderr, unless it has nothing to say.
pub(crate) fn complain(failure: &Failure) {
    if !failure.is_silent() {
        say(&format!("{} {failure}", red("error:")));
    }
}

/// Whether stdout is a terminal.
pub(crate) fn stdout_is_terminal() -> bool {
    stdout().is_terminal()
}

/// Whether stderr is a terminal.
pub(crate) fn stderr_is_terminal() -> bool {
    stderr().is_terminal()
}

/// Columns of the terminal on stdout; `None` if stdout is no terminal, and then nothing has to fit.
pub(crate) fn width() -> Option<usize> {
    if !stdout_is_terminal() {
        return None;
    }
    Term::stdout().size_checked().map(|(_, columns)| usize::from(columns))
}

fn red(text: &str) -> String {
    Style::new().for_stderr().red().bold().apply_to(text).to_string()
}

/// `text` with every control character replaced, so that data cannot steer the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\n"), "a\u{fffd}[31mb\u{fffd}");
    }
}
