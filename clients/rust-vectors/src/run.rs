//! Runs the steps of a vector.

use std::collections::VecDeque;

use serde_json::Value;

use crate::{
    Args, compare,
    grpc::Caller,
    rest::Http,
    values,
    values::Names,
    vector::{self, Call, Request, Step},
};

/// Has a way to the services.
pub(crate) struct Runner {
    caller: Caller,
    http: Http,
}

impl Runner {
    /// To the services that the arguments name.
    ///
    /// # Errors
    /// If that makes no sense; nothing is connected yet.
    pub(crate) fn new(args: &Args) -> Result<Self, String> {
        Ok(Self { caller: Caller::new(args)?, http: Http::new(args)? })
    }

    /// Runs the steps in order.
    ///
    /// # Errors
    /// With the first that comes to something else than it must.
    pub(crate) async fn run(&self, steps: Vec<Value>) -> Result<(), String> {
        let mut names = values::names();
        for (at, raw) in steps.iter().enumerate() {
            let outcome = async {
                match vector::step(values::fill(raw, &names)?)? {
                    Step::Call(call) => self.call(call, &mut names).await,
                    Step::Request(request) => self.request(request, &mut names).await,
                }
            };
            outcome.await.map_err(|why| format!("step {}: {why}", at + 1))?;
        }
        Ok(())
    }

    async fn call(&self, call: Call, names: &mut Names) -> Result<(), String> {
        let seen = self.caller.call(&call).await?;
        let expected = &call.expect;
        let code = expected.code.as_deref().unwrap_or("OK");
        if seen.code != code {
            return Err(format!("code: expected {code}, got {}: {}", seen.code, seen.message));
        }
        if let Some(part) = expected.message.as_ref().filter(|part| !seen.message.contains(*part)) {
            return Err(format!("message: expected {part:?} in {:?}", seen.message));
        }
        if let Some(details) = &expected.details {
            compare::same("details", details, &seen.details, names)?;
        }
        if let Some(responses) = &expected.responses {
            compare::same("responses", responses, &Value::Array(seen.responses.clone()), names)?;
        }
        includes(expected.includes.iter().flatten(), &seen.responses, names)?;
        compare::headers("headers", &expected.headers, |key| seen.headers.values(key), names)?;
        compare::headers("trailers", &expected.trailers, |key| seen.trailers.values(key), names)?;
        match &expected.encoding {
            Some(encoding) if *encoding != seen.encoding => {
                Err(format!("encoding: expected {encoding}, got {}", seen.encoding))
            }
            _ => Ok(()),
        }
    }

    async fn request(&self, request: Request, names: &mut Names) -> Result<(), String> {
        let seen = self.http.send(&request).await?;
        let expected = &request.expect;
        if seen.status != expected.status {
            return Err(format!("status: expected {}, got {}: {}", expected.status, seen.status, seen.text));
        }
        compare::headers("headers", &expected.headers, |key| seen.header(key), names)?;
        if let Some(body) = &expected.body {
            compare::same("body", body, &seen.json()?, names)?;
        }
        if let Some(lines) = &expected.lines {
            compare::same("lines", lines, &seen.lines(request.take)?, names)?;
        }
        if let Some(events) = &expected.events {
            compare::same("events", events, &seen.events(request.take)?, names)?;
        }
        match &expected.text {
            Some(text) => compare::same("text", text, &Value::String(seen.text), names),
            None => Ok(()),
        }
    }
}

/// Whether the expected ones are among the responses, in their order.
fn includes<'a>(expected: impl Iterator<Item = &'a Value>, seen: &[Value], names: &mut Names) -> Result<(), String> {
    let mut rest: VecDeque<&Value> = seen.iter().collect();
    for (at, expected) in expected.enumerate() {
        loop {
            let Some(next) = rest.pop_front() else {
                return Err(format!(
                    "includes[{at}]: not among the {} responses, or not behind the others",
                    seen.len()
                ));
            };
            let mut captured = names.clone();
            if compare::same("", expected, next, &mut captured).is_ok() {
                *names = captured;
                break;
            }
        }
    }
    Ok(())
}
