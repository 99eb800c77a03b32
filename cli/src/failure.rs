//! How a command ends when it does not end well: what is said on stderr, and the exit code.

use std::{fmt, io, path::Path};

/// The exit codes of `campus`.
pub mod exit {
    /// Done.
    pub const DONE: u8 = 0;
    /// The call was answered with an error about the records: unknown, taken, refused, rejected rows.
    pub const RECORDS: u8 = 1;
    /// Bad usage.
    pub const USAGE: u8 = 64;
    /// The server is not there, does not answer in time, or cannot serve the call now.
    pub const UNAVAILABLE: u8 = 69;
    /// A fault of the server or of this program.
    pub const INTERNAL: u8 = 70;
    /// A local file cannot be read or written.
    pub const FILE: u8 = 74;
    /// Ended by Ctrl-C before it was done.
    pub const INTERRUPTED: u8 = 130;
}

/// Why a command ended early.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: u8,
    message: String,
    notes: Vec<String>,
}

impl Failure {
    /// A failure with its exit code and one line that says what is wrong.
    pub(crate) fn new(exit: u8, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), notes: Vec::new() }
    }

    /// The command was called in a way that makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(exit::USAGE, message)
    }

    /// A local file could not be read or written.
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(exit::FILE, format!("cannot {doing} {}: {error}", path.display()))
    }

    /// Ends with `exit` and says nothing more, because everything has been said.
    pub(crate) fn silent(exit: u8) -> Self {
        Self::new(exit, "")
    }

    /// Adds a line below the message: where, each fault, or what to do.
    #[must_use]
    pub(crate) fn note(mut self, line: impl Into<String>) -> Self {
        self.notes.push(line.into());
        self
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> u8 {
        self.exit
    }

    /// Whether there is nothing to print.
    pub(crate) fn is_silent(&self) -> bool {
        self.message.is_empty()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.notes.iter().try_for_each(|note| write!(f, "\n  {note}"))
    }
}

impl From<io::Error> for Failure {
    /// What writing to stdout failed with. A reader that has left (`| head`) is no failure.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::silent(exit::DONE);
        }
        Self::new(exit::FILE, format!("cannot write the output: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_left_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(failure.is_silent());
        assert_eq!(failure.exit(), exit::DONE);
    }

    #[test]
    fn any_other_trouble_with_the_output_is_file_trouble() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(!failure.is_silent());
        assert_eq!(failure.exit(), exit::FILE);
    }

    #[test]
    fn notes_stand_below_the_message() {
        let failure = Failure::usage("nothing to change").note("give a field");
        assert_eq!(failure.to_string(), "nothing to change\n  give a field");
    }
}
