//! What every call of a command shares: the server, the time it has, the form of the output.

use std::time::Duration;

use clap::Args;
use tonic::Status;

use crate::{
    calls::{Caller, Compression, Deadline, within},
    connect::{DEFAULT_SERVER, Server, TlsArgs},
    failure::{Failure, exit},
    kind::{Call, Kind, Verb},
    output::Format,
    status,
};

/// Longest a unary call takes when nothing else is said.
const UNARY_TIMEOUT: Duration = Duration::from_secs(10);

/// Names the server when no flag does. Not left to clap, to which it would be an argument that was typed.
pub(crate) const SERVER_VARIABLE: &str = "CAMPUS_SERVER";

/// Options of every command that calls a server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every call")]
pub(crate) struct ClientArgs {
    /// Where the server is: host:port, https://host:port, unix:/path, dns:///host:port for all that have the name, or
    /// static:///IP:PORT,... [env: CAMPUS_SERVER]
    #[arg(long, value_name = "ADDR", default_value = DEFAULT_SERVER)]
    pub(crate) server: String,
    /// Longest that the command may take, for example 500ms, 10s, 2m [default: 10s for a call; none for streams]
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) timeout: Option<Duration>,
    /// Form of the output: table, json, csv or ndjson; errors are text on stderr in any case [default: table on a
    /// terminal; else json for one record, ndjson for many]
    #[arg(long, short, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    pub(crate) output: Option<Format>,
    /// Compress the messages of calls, both ways: gzip or zstd [default: neither]
    #[arg(long, value_name = "ENCODING", value_enum, hide_possible_values = true)]
    pub(crate) compress: Option<Compression>,
    /// How the connection is encrypted.
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
}

/// A connection and what was said about calls.
pub(crate) struct Context {
    /// Makes the calls.
    pub(crate) caller: Caller,
    /// Where the server is.
    pub(crate) server: String,
    /// What the output should be, if that was said.
    pub(crate) format: Option<Format>,
    by: Deadline,
}

impl Context {
    /// Connects.
    ///
    /// # Errors
    /// If the address is none, or nobody listens there.
    pub(crate) async fn connect(args: &ClientArgs) -> Result<Self, Failure> {
        Self::to(Server::new(&args.server, &args.tls)?, args).await
    }

    /// Connects to this server instead of the one that is named.
    ///
    /// # Errors
    /// If nobody listens there.
    pub(crate) async fn to(server: Server, args: &ClientArgs) -> Result<Self, Failure> {
        let by = within(args.timeout);
        let transport = server.connect(args.timeout).await?;
        let caller = Caller::new(transport, args.compress);
        Ok(Self { caller, server: server.uri, format: args.output, by })
    }

    /// When a unary call that starts now must be over.
    pub(crate) fn unary_deadline(&self) -> Deadline {
        self.by.or_else(|| within(Some(UNARY_TIMEOUT)))
    }

    /// When a stream must be over.
    pub(crate) fn stream_deadline(&self) -> Deadline {
        self.by
    }

    /// What a call of `method` ended with, for a user.
    pub(crate) fn failure(&self, status: &Status, method: &str) -> Failure {
        status::failure(status, method, &self.server)
    }

    /// The method of a verb.
    ///
    /// # Errors
    /// If the service has none.
    pub(crate) fn call<'a>(&self, kind: &'a Kind, verb: Verb) -> Result<&'a Call, Failure> {
        kind.call(verb).ok_or_else(|| Failure::new(exit::INTERNAL, format!("{} has no {verb:?} method", kind.service)))
    }
}

/// `500ms`, `10s`, `2m`, `1h`; a bare number is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let second = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(FORM.to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| FORM.to_owned())?;
    match Duration::try_from_secs_f64(number * second) {
        Ok(duration) if !duration.is_zero() && duration <= LONGEST => Ok(duration),
        _ => Err("give a time longer than zero and at most 8760h, for example 10s".to_owned()),
    }
}

/// A year; a time of gRPC has at most eight digits.
const LONGEST: Duration = Duration::from_secs(8760 * 3600);

const FORM: &str = "give a number with ms, s, m or h, for example 10s";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("8760h"), Ok(LONGEST));
        let wrong =
            ["", "s", "10d", "-1s", "0s", "NaN", "1e400", "ten", "1e3s", "99999999999h", "18446744073709551615s"];
        for wrong in wrong {
            assert!(duration(wrong).unwrap_err().ends_with("for example 10s"), "{wrong}");
        }
    }
}
