//! Query parameters that are about the call and not part of its request.
//!
//! Source: <https://cloud.google.com/apis/docs/system-parameters>; clients that are generated for REST send `$alt`.

use campus_schema::{JsonOptions, nearest};

/// What the query says about the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct System {
    enum_numbers: Option<bool>,
    pretty: Option<bool>,
}

const NAMES: [&str; 2] = ["alt", "prettyPrint"];

impl System {
    /// Takes a parameter, its name without the `$`.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let before = match (name, value) {
            ("alt", "json") => self.enum_numbers.replace(false),
            ("alt", "json;enum-encoding=int") => self.enum_numbers.replace(true),
            ("alt", _) => return Err("expected json or json;enum-encoding=int".to_owned()),
            ("prettyPrint", "true") => self.pretty.replace(true),
            ("prettyPrint", "false") => self.pretty.replace(false),
            ("prettyPrint", _) => return Err("expected true or false".to_owned()),
            _ => {
                let nearest = nearest(name, NAMES).map(|nearest| format!("; did you mean \"${nearest}\"?"));
                return Err(format!("is no system parameter{}", nearest.unwrap_or_default()));
            }
        };
        if before.is_none() { Ok(()) } else { Err("is given twice".to_owned()) }
    }

    pub(super) fn json_options(self, default: JsonOptions) -> JsonOptions {
        JsonOptions {
            enum_numbers: self.enum_numbers.unwrap_or(default.enum_numbers),
            indent: self.pretty.map_or(default.indent, |pretty| pretty.then_some(2)),
            ..default
        }
    }
}
