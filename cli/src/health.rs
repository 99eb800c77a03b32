//! `health`: the standard health protocol, asked for each service.

use futures_util::future::join_all;
use http::uri::PathAndQuery;
use prost::Message;
use serde_json::json;
use tonic::Code;

use crate::{
    connect::Server,
    context::{ClientArgs, Context},
    failure::{Failure, exit},
    kind,
    output::{Format, print},
    terminal::complain,
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

/// The answer of a server that cannot be asked, beside others.
const UNREACHABLE: &str = "UNREACHABLE";

/// How a service of a server is.
struct State {
    server: String,
    service: &'static str,
    status: &'static str,
}

/// Runs `health`.
///
/// # Errors
/// If a server cannot be asked, or a service is not serving.
pub(crate) async fn run(client: &ClientArgs) -> Result<(), Failure> {
    let servers = Server::new(&client.server, &client.tls)?.each(client.timeout).await?;
    let asked = join_all(servers.into_iter().map(|server| ask(server, client))).await;
    let alone = asked.len() == 1;
    let mut states = Vec::new();
    for (server, answer) in asked {
        match answer {
            Ok(of_server) => states.extend(of_server),
            Err(failure) if alone => return Err(failure),
            Err(failure) => {
                complain(&failure);
                states.push(State { server, service: "", status: UNREACHABLE });
            }
        }
    }
    print(&text(&states, Format::or_default(client.output, Format::Json), alone))?;
    let is_well = states.iter().all(|state| [SERVING, ELSEWHERE].contains(&state.status));
    if is_well { Ok(()) } else { Err(Failure::silent(exit::UNAVAILABLE)) }
}

async fn ask(server: Server, client: &ClientArgs) -> (String, Result<Vec<State>, Failure>) {
    let name = server.uri.clone();
    let answer = async {
        let context = Context::to(server, client).await?;
        let contract = kind::schema().map_err(|error| Failure::new(exit::INTERNAL, error.to_string()))?;
        let services = [""].into_iter().chain(contract.services().iter().map(|service| service.full_name));
        let mut states = Vec::new();
        for service in services {
            states.push(State { server: name.clone(), service, status: check(&context, service).await? });
        }
        Ok(states)
    };
    let answer = answer.await;
    (name, answer)
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

fn text(states: &[State], format: Format, alone: bool) -> String {
    let object = |state: &State| json!({"server": state.server, "service": state.service, "status": state.status});
    let lines = |line: &dyn Fn(&State) -> String| states.iter().map(line).collect::<String>();
    match format {
        Format::Table => lines(&|State { server, service, status }| {
            let server = if alone { String::new() } else { format!("{server:<22} ") };
            let name = if service.is_empty() { "(the server)" } else { service };
            format!("{server}{name:<40} {status}\n")
        }),
        Format::Ndjson => lines(&|state| format!("{}\n", object(state))),
        Format::Json => format!("{:#}\n", serde_json::Value::from_iter(states.iter().map(object))),
        Format::Csv => {
            let row = |State { server, service, status }: &State| format!("{server},{service},{status}\n");
            format!("server,service,status\n{}", lines(&row))
        }
    }
}
