//! What a unary call costs its caller, in CPU of the caller's thread: this channel beside one plain channel of tonic, to the
//! same server, in turns within one run. `cargo bench -p campus-client --bench cost [-- ROUNDS]`
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod server;

use std::{error::Error, fs, net::SocketAddr, time::Duration};

use campus_client::Channel;
use futures_util::{StreamExt, stream};
use http::uri::PathAndQuery;
use tonic::{
    Request, Status,
    body::Body,
    client::{Grpc, GrpcService},
    transport::Endpoint,
};
use tonic_prost::ProstCodec;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Calls in one round of one channel.
const CALLS: usize = 20_000;

/// Retries as the command line asks for them.
const RETRIES: &str = r#"{"methodConfig":[{"name":[{}],"retryPolicy":{"maxAttempts":3,"initialBackoff":"0.1s",
    "maxBackoff":"1s","backoffMultiplier":2,"retryableStatusCodes":["UNAVAILABLE"]}}]}"#;

#[derive(Clone, PartialEq, prost::Message)]
struct Note {
    #[prost(string, tag = "1")]
    text: String,
}

fn main() -> Result<()> {
    let rounds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(7);
    let addresses = [server::start()?, server::start()?, server::start()?];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (one, all) = (ours(&addresses[..1]), ours(&addresses));
        let retrying = one()?.service_config(RETRIES)?.build();
        let (one, all) = (one()?.build(), all()?.build());
        let tonic = Endpoint::from_shared(format!("http://{}", addresses[0]))?.tcp_nodelay(true).connect().await?;
        println!("CPU of the caller's thread, microseconds a call (median of {rounds} rounds), and the ratio to tonic");
        for (name, open, limit) in
            [("one at a time", 1, None), ("32 at once", 32, None), ("32, with a deadline", 32, Some(10))]
        {
            let limit = limit.map(Duration::from_secs);
            let mut taken = [const { Vec::new() }; 4];
            for round in 0..=rounds {
                let costs = [
                    cost(&tonic, open, limit).await?,
                    cost(&one, open, limit).await?,
                    cost(&retrying, open, limit).await?,
                    cost(&all, open, limit).await?,
                ];
                // The first round fills caches.
                taken.iter_mut().zip(costs).for_each(|(taken, cost)| taken.extend((round > 0).then_some(cost)));
            }
            let medians = taken.map(|mut costs| median(&mut costs));
            for (channel, median) in
                ["tonic", "ours, one server", "ours, with retries", "ours, three servers"].iter().zip(medians)
            {
                println!("{name:<20} {channel:<20} {median:>7.2}  {:>5.2}x", median / medians[0]);
            }
        }
        Ok(())
    })
}

fn ours(addresses: &[SocketAddr]) -> impl Fn() -> Result<campus_client::Builder> {
    let list: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    move || Ok(Channel::builder(&format!("static:///{}", list.join(",")))?)
}

/// Microseconds a call.
async fn cost<C>(channel: &C, open: usize, limit: Option<Duration>) -> Result<f64>
where
    C: GrpcService<Body> + Clone,
    C::ResponseBody: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    <C::ResponseBody as http_body::Body>::Error: Into<Box<dyn Error + Send + Sync>> + Send,
{
    let before = cpu()?;
    let calls = stream::iter(0..CALLS).map(|_| call(channel.clone(), limit)).buffer_unordered(open);
    let failed = calls.filter_map(|answer| std::future::ready(answer.err())).collect::<Vec<_>>().await;
    if let Some(error) = failed.into_iter().next() {
        return Err(error.into());
    }
    Ok((cpu()? - before) / CALLS as f64)
}

async fn call<C>(channel: C, limit: Option<Duration>) -> std::result::Result<(), Status>
where
    C: GrpcService<Body>,
    C::ResponseBody: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    <C::ResponseBody as http_body::Body>::Error: Into<Box<dyn Error + Send + Sync>> + Send,
{
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.map_err(|error| Status::unavailable(error.into().to_string()))?;
    let mut request = Request::new(Note { text: "employees/0123456789".to_owned() });
    if let Some(limit) = limit {
        request.set_timeout(limit);
    }
    let path = PathAndQuery::from_static("/campus.employee.v1.EmployeeService/GetEmployee");
    grpc.unary::<_, Note, _>(request, path, ProstCodec::<Note, Note>::default()).await.map(drop)
}

/// Of this thread so far, in microseconds.
fn cpu() -> Result<f64> {
    let figures = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = figures.split(' ').next().ok_or("schedstat is empty")?.parse()?;
    Ok(nanoseconds / 1000.0)
}

fn median(costs: &mut [f64]) -> f64 {
    costs.sort_by(f64::total_cmp);
    costs.get(costs.len() / 2).copied().unwrap_or_default()
}
