//! Where a stream can be taken up again, by the names of its fields.
//!
//! Two conventions are known. A request and a reply that both have a text field `resume_token`: the token of a reply goes
//! into the next request. A request with a text field `after` and a reply that is a resource: its `name` goes into `after`.

use campus_schema::{Field, Kind, MessageType, Method, Value};

use crate::bind::FieldPath;

/// Where the place in a stream stands.
#[derive(Debug)]
pub(crate) struct Resume {
    /// In the request.
    pub(super) request: FieldPath,
    /// In the reply.
    reply: &'static Field,
    /// Whether the place is one in a log that grows, so that the stream has no end of its own.
    pub(super) endless: bool,
}

impl Resume {
    /// What a method has of it. Only a stream of the server alone can be taken up again.
    pub(crate) fn of(method: &Method) -> Option<Self> {
        if method.client_streaming || !method.server_streaming {
            return None;
        }
        let of = |request: &str, reply: &str, endless: bool| {
            text(method.input, request)?;
            let reply = text(method.output, reply)?;
            Some(Self { request: FieldPath::of_template(method.input, request).ok()?, reply, endless })
        };
        let of_resource = || of("after", "name", false).filter(|_| method.output.resource().is_some());
        of("resume_token", "resume_token", true).or_else(of_resource)
    }

    /// The place behind a reply.
    pub(super) fn place<'a>(&self, output: MessageType, reply: &'a [u8]) -> Option<&'a str> {
        match output.get(reply, self.reply.number) {
            Ok(Some(Value::Str(place))) if !place.is_empty() => Some(place),
            _ => None,
        }
    }
}

fn text(message: MessageType, name: &str) -> Option<&'static Field> {
    message.field(name).filter(|field| field.kind == Kind::String && !field.repeated)
}
