//! `google.api.HttpBody`: a body that is no JSON but is passed on as it is.

use campus_schema::{MessageType, Value, wire};

use super::{Bound, Violations};
use crate::route::{Body, Route};

const HTTP_BODY: &str = "google.api.HttpBody";
const CONTENT_TYPE: u32 = 1;
const DATA: u32 = 2;

/// A body that is passed on as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawBody<'a> {
    /// Its media type; may be empty.
    pub content_type: &'a str,
    /// Its bytes.
    pub data: &'a [u8],
}

/// Which bodies of a route are passed on as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    /// The body of the request, or of each message where the request is a stream.
    pub request: bool,
    /// The body of the answer.
    pub reply: bool,
}

impl Route {
    /// Which bodies are `google.api.HttpBody`.
    pub fn raw(&self) -> Raw {
        let raw = |message: Option<MessageType>| message.is_some_and(|message| message.full_name() == HTTP_BODY);
        let repeated = matches!(self.body, Body::Field(field) if field.repeated);
        Raw {
            request: raw(self.body_type()) && !repeated,
            reply: raw(self.reply_type()) && !self.response_body.is_some_and(|field| field.repeated),
        }
    }

    /// Appends the request message with a body that is passed on as it is.
    ///
    /// # Errors
    /// As [`Route::request`].
    pub fn raw_request(&self, bound: &Bound, body: RawBody<'_>, out: &mut Vec<u8>) -> Result<(), Violations> {
        let mut raw = Vec::with_capacity(body.data.len() + body.content_type.len() + 16);
        if !body.content_type.is_empty() {
            wire::put_len(&mut raw, CONTENT_TYPE, body.content_type.as_bytes());
        }
        wire::put_len(&mut raw, DATA, body.data);
        match self.body {
            Body::Field(field) => wire::put_len(out, field.number, &raw),
            Body::All | Body::None => out.extend_from_slice(&raw),
        }
        self.request(bound, &[], out)
    }

    /// The body of the answer to a reply message, where it is passed on as it is.
    pub fn raw_reply<'a>(&self, message: &'a [u8]) -> Option<RawBody<'a>> {
        let (body, of) = match self.response_body {
            None => (message, self.method.output),
            Some(field) => match self.method.output.get(message, field.number) {
                Ok(Some(Value::Message(body))) => (body, field.message()?),
                _ => (&[][..], field.message()?),
            },
        };
        let content_type = match of.get(body, CONTENT_TYPE).ok()? {
            Some(Value::Str(content_type)) => content_type,
            _ => "",
        };
        let data = match of.get(body, DATA).ok()? {
            Some(Value::Bytes(data)) => data,
            _ => &[],
        };
        Some(RawBody { content_type, data })
    }
}
