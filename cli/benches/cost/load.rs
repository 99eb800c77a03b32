//! The work that is measured: bare HTTP/2 with messages encoded beforehand.

use std::time::Instant;

use bytes::{BufMut, Bytes as Buffer, BytesMut};
use campus_proto::{
    campus::employee::v1::{Employee, ImportEmployeesRequest},
    campus::employee::v1::{GetEmployeeRequest, ListEmployeesRequest},
};
use h2::client::SendRequest;
use http::Request;
use prost::Message;

use crate::{RECORDS, Result, server::Server};

/// A kind of work.
#[derive(Clone, Copy)]
pub(crate) enum Load {
    /// GetEmployee, 8 connections with 16 calls each at once.
    Get,
    /// ListEmployees, the first page of 50, 8 x 4.
    List,
    /// A connection with one GetEmployee, 8 at once.
    Connect,
    /// ImportEmployees of records that change, 4 streams; each is one record.
    Import,
}

impl Load {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Connect => "connect",
            Self::Import => "import",
        }
    }
}

/// Puts a load on a server; gives the CPU it took for each unit, in microseconds.
pub(crate) async fn run(load: Load, server: &Server) -> Result<f64> {
    let before = server.cpu_us()?;
    let units = match load {
        Load::Get => calls(server, (8, 16), 5_000, "GetEmployee", &get()).await?.len(),
        Load::List => calls(server, (8, 4), 500, "ListEmployees", &list()).await?.len(),
        Load::Connect => connections(server, 8, 50).await?,
        Load::Import => import(server, 4, RECORDS).await?,
    };
    #[expect(clippy::cast_precision_loss, reason = "a figure to show")]
    Ok((server.cpu_us()? - before) / units as f64)
}

/// How long Gets take, four at once on each of two connections, in microseconds.
pub(crate) async fn latencies(server: &Server) -> Result<Vec<f64>> {
    calls(server, (2, 4), 2_500, "GetEmployee", &get()).await
}

/// Writes the records that the loads read.
pub(crate) async fn fill(server: &Server, records: usize) -> Result<()> {
    import(server, 1, records).await.map(|_| ())
}

/// Writes these records over one stream.
pub(crate) async fn write(server: &Server, records: impl Iterator<Item = Employee>) -> Result<()> {
    let messages: Vec<Buffer> =
        records.map(|employee| framed(&ImportEmployeesRequest { employee: Some(employee) })).collect();
    // Several messages a frame, as a busy client writes them.
    let chunks: Vec<Buffer> = messages.chunks(64).map(|some| some.concat().into()).collect();
    call(&connect(server).await?, "ImportEmployees", chunks).await
}

fn get() -> Buffer {
    framed(&GetEmployeeRequest { name: "employees/e0-100".to_owned(), ..Default::default() })
}

fn list() -> Buffer {
    framed(&ListEmployeesRequest { page_size: 50, ..Default::default() })
}

pub(crate) fn framed(message: &impl Message) -> Buffer {
    let mut buffer = BytesMut::with_capacity(256);
    buffer.put_u8(0);
    buffer.put_u32(u32::try_from(message.encoded_len()).unwrap_or(u32::MAX));
    buffer.extend_from_slice(&message.encode_to_vec());
    buffer.freeze()
}

pub(crate) async fn connect(server: &Server) -> Result<SendRequest<Buffer>> {
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(1 << 20).initial_connection_window_size(1 << 24);
    let (requests, connection) = builder.handshake(server.way.connect().await?).await?;
    tokio::spawn(connection);
    Ok(requests)
}

/// `each` calls in each of the places; all of them must be answered OK. Gives how long each took, in microseconds.
async fn calls(
    server: &Server,
    (connections, streams): (usize, usize),
    each: usize,
    method: &str,
    body: &Buffer,
) -> Result<Vec<f64>> {
    let mut places = Vec::new();
    for _ in 0..connections {
        let requests = connect(server).await?;
        for _ in 0..streams {
            places.push(repeat(requests.clone(), method, body, each));
        }
    }
    Ok(futures_util::future::try_join_all(places).await?.concat())
}

async fn repeat(requests: SendRequest<Buffer>, method: &str, body: &Buffer, times: usize) -> Result<Vec<f64>> {
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        let begun = Instant::now();
        call(&requests, method, [body.clone()]).await?;
        taken.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(taken)
}

async fn connections(server: &Server, at_once: usize, each: usize) -> Result<usize> {
    let places = (0..at_once).map(|_| async {
        for _ in 0..each {
            call(&connect(server).await?, "GetEmployee", [get()]).await?;
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    });
    futures_util::future::try_join_all(places).await?;
    Ok(at_once * each)
}

/// Each stream brings records of its own, which differ from the last time.
async fn import(server: &Server, streams: usize, records: usize) -> Result<usize> {
    let stamp = fastrand::u32(..);
    let places = (0..streams).map(|stream| {
        let employees = (0..records).map(move |n| Employee {
            name: format!("employees/e{stream}-{n}"),
            given_name: format!("Given {stamp}"),
            family_name: "Family".to_owned(),
            email: format!("e{stream}.{n}.{stamp}@example.com"),
            ..Default::default()
        });
        write(server, employees)
    });
    futures_util::future::try_join_all(places).await?;
    Ok(streams * records)
}

pub(crate) async fn call(
    requests: &SendRequest<Buffer>,
    method: &str,
    parts: impl IntoIterator<Item = Buffer>,
) -> Result<()> {
    let mut requests = requests.clone().ready().await?;
    let head = Request::post(format!("http://localhost/campus.employee.v1.EmployeeService/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())?;
    let (response, mut sending) = requests.send_request(head, false)?;
    let mut parts = parts.into_iter().peekable();
    while let Some(mut part) = parts.next() {
        while !part.is_empty() {
            sending.reserve_capacity(part.len());
            let room =
                std::future::poll_fn(|cx| sending.poll_capacity(cx)).await.ok_or("the server stopped reading")??;
            let some = part.split_to(room.min(part.len()));
            sending.send_data(some, part.is_empty() && parts.peek().is_none())?;
        }
    }
    let (head, mut body) = response.await?.into_parts();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
    }
    let trailers = body.trailers().await?.unwrap_or(head.headers);
    match trailers.get("grpc-status").map(http::HeaderValue::as_bytes) {
        Some(b"0") => Ok(()),
        _ => Err(format!("{method} was not answered OK: {trailers:?}").into()),
    }
}
