//! Modes of files, as `chmod` takes them.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// The mode of a file, written in octal: `"0660"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketMode(pub u32);

const FORM: &str = "an octal mode in quotes, such as \"0660\"";

impl Default for SocketMode {
    fn default() -> Self {
        Self(0o660)
    }
}

impl Serialize for SocketMode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:04o}", self.0))
    }
}

impl<'de> Deserialize<'de> for SocketMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// A text only: the number `0o660` of a file would come as 432.
        struct Mode;
        impl de::Visitor<'_> for Mode {
            type Value = SocketMode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(FORM)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SocketMode, E> {
                let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
                mode.map(SocketMode).ok_or_else(|| E::custom(format!("expected {FORM}")))
            }
        }
        deserializer.deserialize_any(Mode)
    }
}
