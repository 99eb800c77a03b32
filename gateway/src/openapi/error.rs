//! How errors are described.

use serde_json::{Value, json};
use tonic::Code;

use crate::code;

/// AIP-193.
pub(super) fn schema() -> Value {
    let names: Vec<&str> = (1..17).map(|number| code::of(Code::from(number)).1).collect();
    json!({
        "type": "object",
        "description": "Why there is no answer, or why a stream ended: `google.rpc.Status`.",
        "required": ["error"],
        "properties": { "error": {
            "type": "object",
            "required": ["code", "message", "status", "details"],
            "properties": {
                "code": { "type": "integer", "description": "The code of HTTP." },
                "message": { "type": "string", "description": "What is wrong and what to do, for people." },
                "status": { "type": "string", "enum": names, "description": "The code of gRPC." },
                "details": {
                    "type": "array",
                    "description": "What is wrong, for programs: messages of `google.rpc`, such as `BadRequest`.",
                    "items": {
                        "type": "object",
                        "required": ["@type"],
                        "properties": { "@type": { "type": "string" } },
                    },
                },
            },
        }},
    })
}

pub(super) fn response() -> Value {
    let example = json!({ "error": {
        "code": 404,
        "message": "there is no such record",
        "status": "NOT_FOUND",
        "details": [{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "RESOURCE_NOT_FOUND",
            "domain": "campus",
        }],
    }});
    json!({
        "description": "There is no answer; the body says why.",
        "content": { "application/json": { "schema": super::reference("Error"), "example": example } },
    })
}
