//! What can be wrong with descriptors, bytes, paths and JSON. No error holds a value out of a record.

use std::{borrow::Cow, fmt};

/// A descriptor set that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The bytes are no `FileDescriptorSet`, or one that contradicts itself or lacks an import.
    #[error("the descriptor set cannot be read: {0}")]
    Unreadable(String),
    /// A field is encoded as a group, a form that protobuf has given up.
    #[error("field {0} is a group, which is not supported; make it a message")]
    Group(String),
}

/// Bytes that are not an encoding of the message they are taken for, or that have no JSON form.
#[derive(Clone, PartialEq, Eq)]
pub struct Malformed(Box<Fault>);

#[derive(Clone, PartialEq, Eq)]
struct Fault {
    path: String,
    reason: Cow<'static, str>,
}

impl Malformed {
    pub(crate) fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Fault { path: String::new(), reason: reason.into() }))
    }

    /// The same fault seen from the message around: `step` leads to the message it is in.
    pub(crate) fn inside(mut self, step: &str) -> Self {
        if !self.0.path.is_empty() && !self.0.path.starts_with('[') {
            self.0.path.insert(0, '.');
        }
        self.0.path.insert_str(0, step);
        self
    }

    /// The same fault seen from the list around.
    pub(crate) fn at(self, index: usize) -> Self {
        self.inside(&format!("[{index}]"))
    }

    /// The field at fault, for example `enrollments[2].module`; empty when it is the message itself.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// What is wrong.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }
}

impl From<&'static str> for Malformed {
    fn from(reason: &'static str) -> Self {
        Self::new(reason)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.path.is_empty() {
            write!(f, "{}: ", self.0.path)?;
        }
        f.write_str(&self.0.reason)
    }
}

impl fmt::Debug for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Malformed({self})")
    }
}

impl std::error::Error for Malformed {}

/// A path of a field mask that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} is no field of {message}{}", hint(nearest.as_deref()))]
pub struct UnknownPath {
    /// The path as it was given.
    pub path: String,
    /// Full name of the message it was to lead into.
    pub message: &'static str,
    /// The path that was probably meant.
    pub nearest: Option<String>,
}

/// Text that is not the JSON form of a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{message}", place(*line, *column), if path.is_empty() { String::new() } else { format!("{path}: ") })]
pub struct JsonError {
    /// The field at fault, in JSON names, for example `enrollments[2].module`; empty when it is the whole text.
    pub path: String,
    /// Line of the text, from 1; 0 where there is no text.
    pub line: usize,
    /// Column in bytes, from 1; where reading stopped, which is right behind what is at fault.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// `; did you mean "x"?`, or nothing.
pub(crate) fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest:?}?"))
}

fn place(line: usize, column: usize) -> String {
    if line == 0 { String::new() } else { format!("line {line} column {column}: ") }
}
