//! The same work over gRPC, REST and server-sent events: bytes on the wire, CPU at both ends, and latency.

use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use campus_proto::campus::employee::v1::{Employee, Gender, UpdateEmployeeRequest};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::{
    RECORDS, Result,
    form::{Form, Work},
    load, median,
    server::{Server, Variant},
    wire::Connection,
};

/// Connections that a server's CPU is measured with, each with one call at a time.
const CONNECTIONS: usize = 16;
/// Watches that run while records change, and how many change in a round.
const WATCHES: usize = 16;
const CHANGES: usize = 500;

/// What one form of a work took, a call; of a watch, a change that one watch was told of.
#[derive(Default)]
struct Taken {
    up: Vec<f64>,
    down: Vec<f64>,
    server_us: Vec<f64>,
    reader_us: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
}

pub(crate) async fn compare(rounds: usize) -> Result<()> {
    let server = Server::start(&Variant::compressing()).await?;
    load::write(&server, (0..RECORDS).map(employee)).await?;
    println!(
        "\nforms: a call, or a change that a watch is told of (median of {rounds} rounds), ratio to gRPC in brackets"
    );
    println!(
        "{:<12} {:<22} {:>9} {:>18} {:>18} {:>18} {:>18} {:>10}",
        "work", "form", "up B", "down B", "server us", "reader us", "p50 us", "p99 us"
    );
    for work in [Work::Get, Work::List, Work::Stream, Work::Watch] {
        let forms = work.forms();
        let mut all: Vec<Taken> = forms.iter().map(|_| Taken::default()).collect();
        for round in 0..=rounds {
            for i in 0..forms.len() {
                let at = (i + round) % forms.len();
                let (Some(form), Some(taken)) = (forms.get(at), all.get_mut(at)) else { continue };
                // The first round fills caches.
                let mut unused = Taken::default();
                let taken = if round > 0 { taken } else { &mut unused };
                if work == Work::Watch {
                    watch(*form, &server, taken).await?;
                } else {
                    calls(work, *form, &server, taken).await?;
                }
            }
        }
        show(work, all);
    }
    Ok(())
}

fn show(work: Work, all: Vec<Taken>) {
    let mut first = None;
    for (form, mut taken) in work.forms().iter().zip(all) {
        let [up, down, server, reader, p50, p99] = [
            median(&mut taken.up),
            median(&mut taken.down),
            median(&mut taken.server_us),
            median(&mut taken.reader_us),
            median(&mut taken.p50_us),
            median(&mut taken.p99_us),
        ];
        let (of_down, of_server, of_reader, of_p50) = *first.get_or_insert((down, server, reader, p50));
        println!(
            "{:<12} {:<22} {up:>9.0} {down:>10.0} ({:>4.1}x) {server:>10.2} ({:>4.1}x) {reader:>10.2} ({:>4.1}x) {p50:>10.1} ({:>4.1}x) {p99:>10.1}",
            work.name(),
            form.name,
            down / of_down,
            server / of_server,
            reader / of_reader,
            p50 / of_p50,
        );
    }
}

/// Calls in turn on one connection tell bytes and latency, and calls on many the CPU of the server.
async fn calls(work: Work, form: Form, server: &Server, taken: &mut Taken) -> Result<()> {
    let times = if work == Work::Stream { 10 } else { 1_000 };
    let mut connection = Connection::open(form.addr(server)?, form.version).await?;
    // Heads get shorter once both ends know them.
    let answer = call(&mut connection, work, form, server).await?;
    let before = connection.count.read();
    let mut latencies = Vec::with_capacity(times);
    for _ in 0..times {
        let begun = Instant::now();
        call(&mut connection, work, form, server).await?;
        latencies.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    let after = connection.count.read();
    taken.up.push(each(after.0 - before.0, times));
    taken.down.push(each(after.1 - before.1, times));
    taken.p50_us.push(median(&mut latencies));
    taken.p99_us.push(latencies.get(times * 99 / 100).copied().unwrap_or_default());

    let begun = Instant::now();
    for _ in 0..times {
        let records = form.read(work, &answer)?;
        if records != work.records() {
            return Err(format!("{}, {}: {records} records came", work.name(), form.name).into());
        }
    }
    taken.reader_us.push(begun.elapsed().as_secs_f64() * 1e6 / each(times as u64, 1));

    let before = server.cpu_us()?;
    let places = (0..CONNECTIONS).map(|_| async {
        let mut connection = Connection::open(form.addr(server)?, form.version).await?;
        for _ in 0..times {
            call(&mut connection, work, form, server).await?;
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    });
    futures_util::future::try_join_all(places).await?;
    taken.server_us.push((server.cpu_us()? - before) / each((CONNECTIONS * times) as u64, 1));
    Ok(())
}

async fn call(connection: &mut Connection, work: Work, form: Form, server: &Server) -> Result<Bytes> {
    let answer = connection.send(form.request(work, server)?).await?;
    if !answer.status().is_success() {
        return Err(format!("{}, {}: {}", work.name(), form.name, answer.status()).into());
    }
    let mut body = answer.into_body();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) => whole.extend_from_slice(&data),
            Err(frame) => match frame.trailers_ref().and_then(|trailers| trailers.get("grpc-status")) {
                Some(status) if status != "0" => return Err(format!("{}: status {status:?}", work.name()).into()),
                _ => {}
            },
        }
    }
    Ok(whole.freeze())
}

/// Records change one after the other, and each watch must be told of each. The CPU is that of the server less what the
/// same changes cost without a watch.
async fn watch(form: Form, server: &Server, taken: &mut Taken) -> Result<()> {
    let before = server.cpu_us()?;
    change(server).await?;
    let alone = server.cpu_us()? - before;

    let mut watches = Vec::new();
    let mut counts = Vec::new();
    for _ in 0..WATCHES {
        let mut connection = Connection::open(form.addr(server)?, form.version).await?;
        let answer = connection.send(form.request(Work::Watch, server)?).await?;
        let mut body = answer.into_body();
        // The mark of where the watch begins.
        body.frame().await.ok_or("the watch ended")??;
        counts.push((connection.count.clone(), connection.count.read()));
        watches.push(tokio::spawn(async move { told(form, body, connection).await }));
    }
    let before = server.cpu_us()?;
    let sent = change(server).await?;
    let mut waits = Vec::new();
    let mut reader = 0.0;
    for watch in watches {
        let (arrived, took) = tokio::time::timeout(Duration::from_secs(10), watch).await???;
        reader += took.as_secs_f64() * 1e6;
        waits.extend(arrived.iter().zip(&sent).map(|(arrived, sent)| (*arrived - *sent).as_secs_f64() * 1e6));
    }
    let events = (WATCHES * CHANGES) as u64;
    taken.server_us.push((server.cpu_us()? - before - alone) / each(events, 1));
    taken.reader_us.push(reader / each(events, 1));
    let all =
        |pick: fn((u64, u64)) -> u64| counts.iter().map(|(now, then)| pick(now.read()) - pick(*then)).sum::<u64>();
    taken.up.push(each(all(|(up, _)| up), WATCHES * CHANGES));
    taken.down.push(each(all(|(_, down)| down), WATCHES * CHANGES));
    taken.p50_us.push(median(&mut waits));
    taken.p99_us.push(waits.get(waits.len() * 99 / 100).copied().unwrap_or_default());
    Ok(())
}

/// When each change came, and how long reading them took.
async fn told(form: Form, mut body: Incoming, _open: Connection) -> Result<(Vec<Instant>, Duration)> {
    let (mut arrived, mut reading) = (Vec::with_capacity(CHANGES), Duration::ZERO);
    while arrived.len() < CHANGES {
        let frame = body.frame().await.ok_or("the watch ended")??;
        let now = Instant::now();
        let Ok(mut data) = frame.into_data() else { return Err("the watch ended".into()) };
        let records = form.read(Work::Watch, &data.copy_to_bytes(data.remaining()))?;
        reading += now.elapsed();
        arrived.extend(std::iter::repeat_n(now, records));
    }
    Ok((arrived, reading))
}

/// Changes records one after the other; gives when each was sent.
async fn change(server: &Server) -> Result<Vec<Instant>> {
    let requests = load::connect(server).await?;
    let stamp = fastrand::u32(..);
    let mut sent = Vec::with_capacity(CHANGES);
    for n in 0..CHANGES {
        let employee = Employee { given_name: format!("Given {stamp}"), ..employee(n) };
        let request = UpdateEmployeeRequest { employee: Some(employee), ..Default::default() };
        sent.push(Instant::now());
        load::call(&requests, "UpdateEmployee", [load::framed(&request)]).await?;
    }
    Ok(sent)
}

/// A record with every field set that a client can set.
fn employee(n: usize) -> Employee {
    Employee {
        name: format!("employees/e0-{n}"),
        given_name: "Margareta".to_owned(),
        family_name: "Bierman-Facello".to_owned(),
        gender: Gender::Female.into(),
        birth_date: "1964-06-02".to_owned(),
        hire_date: "1985-11-21".to_owned(),
        email: format!("margareta.bierman.{n}@campus.example"),
        ..Default::default()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure to show")]
fn each(sum: u64, times: usize) -> f64 {
    sum as f64 / times as f64
}
