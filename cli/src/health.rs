//! `health`: the standard health protocol, asked for each service.

use http::uri::PathAndQuery;
use prost::Message;
use serde_json::json;
use tonic::Code;

use crate::{
    context::{ClientArgs, Context},
    failure::{Failure, exit},
    kind,
    output::{Format, print},
};

/// `grpc.health.v1.HealthCheckRequest`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Request {
    /// Full name; empty is the server as a whole.
    #[prost(string, tag = "1")]
    pub(crate) service: String,
}

/// `grpc.health.v1.HealthCheckResponse`.
#[derive(Clone, PartialEq, Message)]
struct Response {
    /// `ServingStatus`: 1 is SERVING, 2 is NOT_SERVING.
    #[prost(int32, tag = "1")]
    status: i32,
}

pub(crate) const CHECK: &str = "/grpc.health.v1.Health/Check";
const STATES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
const SERVING: &str = "SERVING";
/// The answer for a service that the server does not have, which is no fault where each has a server of its own.
const ELSEWHERE: &str = "NOT_SERVED_HERE";

/// Runs `health`.
///
/// # Errors
/// If the server cannot be asked, or a service is not serving.
pub(crate) async fn run(client: &ClientArgs) -> Result<(), Failure> {
    let context = Context::connect(client).await?;
    let contract = kind::schema().map_err(|error| Failure::new(exit::INTERNAL, error.to_string()))?;
    let services = [""].into_iter().chain(contract.services().iter().map(|service| service.full_name));
    let mut states = Vec::new();
    for service in services {
        states.push((service, check(&context, service).await?));
    }
    print(&text(&states, Format::or_default(context.format, Format::Json))?)?;
    let is_well = states.iter().all(|(_, state)| [SERVING, ELSEWHERE].contains(state));
    if is_well { Ok(()) } else { Err(Failure::silent(exit::UNAVAILABLE)) }
}

async fn check(context: &Context, service: &str) -> Result<&'static str, Failure> {
    let request = Request { service: service.to_owned() };
    let path = PathAndQuery::from_static(CHECK);
    match context.caller.unary(&path, &request, context.unary_deadline()).await {
        Ok(reply) => {
            let state = Response::decode(reply).map(|reply| usize::try_from(reply.status).unwrap_or_default());
            let state = state.map_err(|error| Failure::new(exit::INTERNAL, format!("malformed answer: {error}")))?;
            Ok(STATES.get(state).copied().unwrap_or("UNKNOWN"))
        }
        Err(status) if status.code() == Code::NotFound => Ok(ELSEWHERE),
        Err(status) => Err(context.failure(&status, "Health/Check")),
    }
}

fn text(states: &[(&str, &str)], format: Format) -> Result<String, Failure> {
    let object = |(service, state): &(&str, &str)| json!({"service": service, "status": state});
    let lines = |line: &dyn Fn(&(&str, &str)) -> String| states.iter().map(line).collect::<String>();
    Ok(match format {
        Format::Table => lines(&|(service, state)| {
            let name = if service.is_empty() { "(the server)" } else { service };
            format!("{name:<40} {state}\n")
        }),
        Format::Ndjson => lines(&|state| format!("{}\n", object(state))),
        Format::Json => {
            let list: Vec<_> = states.iter().map(object).collect();
            format!("{:#}\n", serde_json::Value::from(list))
        }
        Format::Csv => format!("service,status\n{}", lines(&|(service, state)| format!("{service},{state}\n"))),
    })
}
