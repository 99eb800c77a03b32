//! Forms that the same work can take, and what a reader makes of the answer.

use std::io::Read;

use bytes::Bytes;
use campus_proto::campus::employee::v1::{
    Employee, GetEmployeeRequest, ListEmployeesRequest, ListEmployeesResponse, StreamEmployeesRequest,
    WatchEmployeesRequest, WatchEmployeesResponse,
};
use http::{Request, Version};
use http_body_util::Full;
use prost::Message;
use serde_json::Value;

use crate::{RECORDS, Result, load::framed, server::Server};

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// One record.
    Get,
    /// A page of 50.
    List,
    /// All records.
    Stream,
    /// Every change from now on.
    Watch,
}

/// How it is asked for and answered.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub(crate) name: &'static str,
    pub(crate) version: Version,
    shape: Shape,
    is_compressed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Grpc,
    Json,
    Lines,
    Events,
}

const fn form(name: &'static str, version: Version, shape: Shape, is_compressed: bool) -> Form {
    Form { name, version, shape, is_compressed }
}

const GRPC: Form = form("gRPC", Version::HTTP_2, Shape::Grpc, false);
const GRPC_GZIP: Form = form("gRPC, gzip", Version::HTTP_2, Shape::Grpc, true);
const REST_2: Form = form("REST, HTTP/2", Version::HTTP_2, Shape::Json, false);
const REST_1: Form = form("REST, HTTP/1.1", Version::HTTP_11, Shape::Json, false);
const REST_GZIP: Form = form("REST, HTTP/1.1, gzip", Version::HTTP_11, Shape::Json, true);
const LINES: Form = form("REST, lines", Version::HTTP_11, Shape::Lines, false);
const LINES_GZIP: Form = form("REST, lines, gzip", Version::HTTP_11, Shape::Lines, true);
const EVENTS: Form = form("server-sent events", Version::HTTP_11, Shape::Events, false);

impl Work {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get one",
            Self::List => "list 50",
            Self::Stream => "all records",
            Self::Watch => "watch",
        }
    }

    /// The first one is what the others are compared with.
    pub(crate) fn forms(self) -> &'static [Form] {
        match self {
            Self::Get => &[GRPC, REST_2, REST_1],
            Self::List => &[GRPC, REST_2, REST_1, GRPC_GZIP, REST_GZIP],
            Self::Stream => &[GRPC, LINES, EVENTS, REST_1, LINES_GZIP],
            Self::Watch => &[GRPC, LINES, EVENTS],
        }
    }

    /// Records in an answer.
    pub(crate) fn records(self) -> usize {
        match self {
            Self::Get | Self::Watch => 1,
            Self::List => 50,
            Self::Stream => RECORDS,
        }
    }

    fn method(self) -> (&'static str, Bytes, &'static str) {
        let name = "employees/e0-100".to_owned();
        match self {
            Self::Get => {
                ("GetEmployee", framed(&GetEmployeeRequest { name, ..Default::default() }), "/v1/employees/e0-100")
            }
            Self::List => (
                "ListEmployees",
                framed(&ListEmployeesRequest { page_size: 50, ..Default::default() }),
                "/v1/employees?pageSize=50",
            ),
            Self::Stream => ("StreamEmployees", framed(&StreamEmployeesRequest::default()), "/v1/employees:stream"),
            Self::Watch => ("WatchEmployees", framed(&WatchEmployeesRequest::default()), "/v1/employees:watch"),
        }
    }
}

impl Form {
    pub(crate) fn addr(&self, server: &Server) -> Result<std::net::SocketAddr> {
        match (self.shape, &server.way) {
            (Shape::Grpc, crate::way::Way::Tcp(addr)) => Ok(*addr),
            (Shape::Grpc, _) => Err("this is measured over TCP".into()),
            _ => Ok(server.rest.ok_or("the server has no REST")?),
        }
    }

    pub(crate) fn request(&self, work: Work, server: &Server) -> Result<Request<Full<Bytes>>> {
        let (method, message, path) = work.method();
        let addr = self.addr(server)?;
        if self.shape == Shape::Grpc {
            let request = Request::post(format!("http://{addr}/campus.employee.v1.EmployeeService/{method}"))
                .version(Version::HTTP_2)
                .header("content-type", "application/grpc")
                .header("te", "trailers");
            let request = if self.is_compressed { request.header("grpc-accept-encoding", "gzip") } else { request };
            return Ok(request.body(Full::new(message))?);
        }
        let accept = match self.shape {
            Shape::Grpc | Shape::Json => "application/json",
            Shape::Lines => "application/x-ndjson",
            Shape::Events => "text/event-stream",
        };
        // HTTP/1.1 has the server's name in a header, and HTTP/2 in the request's address.
        let request = match self.version {
            Version::HTTP_2 => Request::get(format!("http://{addr}{path}")).version(Version::HTTP_2),
            _ => Request::get(path).header("host", addr.to_string()),
        };
        let request = request.header("accept", accept);
        let request = if self.is_compressed { request.header("accept-encoding", "gzip") } else { request };
        Ok(request.body(Full::default())?)
    }

    /// Reads an answer as a client would, records as a generated type or as JSON's values; gives how many there were.
    pub(crate) fn read(&self, work: Work, answer: &[u8]) -> Result<usize> {
        if self.shape == Shape::Grpc {
            return frames(answer).map(|frame| Ok(message(work, &frame?)?)).sum();
        }
        let inflated = if self.is_compressed { gunzip(answer)? } else { Vec::new() };
        let answer = if self.is_compressed { &inflated } else { answer };
        let lines = answer.split(|byte| *byte == b'\n');
        match self.shape {
            Shape::Grpc | Shape::Json => {
                let value: Value = serde_json::from_slice(answer)?;
                let list = value.get("employees").or(Some(&value)).and_then(Value::as_array);
                Ok(list.map_or(1, Vec::len))
            }
            Shape::Lines => lines.filter(|line| !line.is_empty()).map(record).sum(),
            Shape::Events => lines.filter_map(|line| line.strip_prefix(b"data: ")).map(record).sum(),
        }
    }
}

/// One where there is a record, none in a mark of progress or at the end.
fn record(line: &[u8]) -> Result<usize> {
    let value: Value = serde_json::from_slice(line)?;
    Ok(usize::from(value.get("name").or(value.get("employee")).is_some()))
}

fn message(work: Work, bytes: &[u8]) -> std::result::Result<usize, prost::DecodeError> {
    Ok(match work {
        Work::Get | Work::Stream => usize::from(!Employee::decode(bytes)?.name.is_empty()),
        Work::List => ListEmployeesResponse::decode(bytes)?.employees.len(),
        Work::Watch => usize::from(WatchEmployeesResponse::decode(bytes)?.employee.is_some()),
    })
}

/// The messages of a gRPC answer, inflated where they are compressed.
fn frames(mut answer: &[u8]) -> impl Iterator<Item = Result<std::borrow::Cow<'_, [u8]>>> {
    std::iter::from_fn(move || {
        let ((flag, length), rest) = answer.split_first().and_then(|(flag, rest)| {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            Some(((*flag, u32::from_be_bytes(*length) as usize), rest))
        })?;
        let (message, rest) = rest.split_at_checked(length)?;
        answer = rest;
        Some(if flag == 1 { gunzip(message).map(Into::into) } else { Ok(message.into()) })
    })
}

fn gunzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut whole = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut whole)?;
    Ok(whole)
}
