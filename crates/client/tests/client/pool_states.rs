//! What a channel says of itself, and whom it calls.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use campus_client::{Address, Channel, PoolConfig, State};
use tokio::net::{TcpListener, TcpSocket};
use tonic::Code;

use crate::support::{Server, channel_to, eventually, note, quick, reaches, unary, within};

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_channel_is_idle_until_it_is_used_and_shut_down_when_it_is_gone() {
    let server = Server::start().await;
    let channel = channel_to(&[server.address]).build();
    assert_eq!(channel.state(), State::Idle);
    unary(&channel, "Echo", note(1)).await.unwrap();
    assert_eq!(channel.state(), State::Ready);
    let mut state = channel.watch_state();
    drop(channel);
    within(state.wait_for(|now| *now == State::Shutdown)).await.unwrap();
}

#[tokio::test]
async fn a_server_that_comes_later_is_found() {
    let address = nobody().await;
    let channel = channel_to(&[address]).build();
    let error = unary(&channel, "Echo", note(1)).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    let text = format!("no server of static:///{address} can be reached: {address}: Connection refused");
    assert!(error.message().starts_with(&text), "{}", error.message());
    assert_eq!(channel.state(), State::TransientFailure);
    let _server = Server::at(&address.to_string()).await;
    reaches(&channel, State::Ready).await;
    unary(&channel, "Echo", note(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn while_no_server_is_ready_calls_have_them_tried_sooner() {
    let tries = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&tries);
    let refuse = move |_: Address| {
        counted.fetch_add(1, Relaxed);
        async { Err::<tokio::io::DuplexStream, _>(std::io::ErrorKind::ConnectionRefused.into()) }
    };
    let config = PoolConfig { max_backoff: Duration::from_secs(3600), ..PoolConfig::default() };
    let channel = channel_to(&["192.0.2.1:1".parse().unwrap()]).pool(config).connector(refuse).build();
    let pass = async |calls: u64, pause| {
        for _ in 0..calls {
            assert_eq!(unary(&channel, "Echo", note(1)).await.unwrap_err().code(), Code::Unavailable);
            tokio::time::sleep(Duration::from_secs(pause)).await;
        }
        tries.swap(0, Relaxed)
    };
    let busy = pass(600, 1).await;
    assert!((150..=620).contains(&busy), "about once a second or two: {busy}");
    let quiet = pass(1, 600).await;
    assert!(quiet <= 3, "without calls the pauses are long: {quiet}");
}

#[tokio::test]
async fn a_server_that_takes_connections_and_says_nothing_is_not_ready() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = PoolConfig { connect_timeout: Duration::from_millis(100), ..quick() };
    let channel = channel_to(&[silent.local_addr().unwrap()]).pool(config).build();
    let error = unary(&channel, "Echo", note(1)).await.unwrap_err();
    assert!(error.message().ends_with("no connection of HTTP/2 within 100ms"), "{}", error.message());
}

#[tokio::test]
async fn a_greeting_that_is_no_frame_of_http2_makes_nobody_ready() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let _ = stream.write_all(b"+OK\r\n").await;
            let _ = stream.read_to_end(&mut vec![]).await;
        }
    });
    let config = PoolConfig { connect_timeout: Duration::from_millis(100), ..quick() };
    let channel = channel_to(&[address]).pool(config).build();
    let mut state = channel.watch_state();
    let ended = within(state.wait_for(|now| !matches!(now, State::Idle | State::Connecting))).await;
    assert_eq!(*ended.unwrap(), State::TransientFailure);
}

#[tokio::test]
async fn a_listener_whose_backlog_is_full_is_not_waited_for_without_end() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let full: Vec<_> = (0..4).map(|_| tokio::spawn(tokio::net::TcpStream::connect(address))).collect();
    eventually(async || full.iter().filter(|one| one.is_finished()).count() >= 2).await;
    let config = PoolConfig { connect_timeout: Duration::from_millis(100), ..quick() };
    let channel = channel_to(&[address]).pool(config).build();
    reaches(&channel, State::TransientFailure).await;
    for one in full {
        one.abort();
    }
}

#[tokio::test]
async fn what_is_no_http2_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let _ = stream.read(&mut [0; 100]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
            let _ = stream.read_to_end(&mut vec![]).await;
        }
    });
    let channel = channel_to(&[address]).build();
    let error = unary(&channel, "Echo", note(1)).await.unwrap_err();
    assert!(error.message().ends_with("what listens there does not speak HTTP/2"), "{}", error.message());
}

#[tokio::test]
async fn an_endpoint_known_to_be_dead_gets_no_call() {
    let (one, two) = (Server::at("127.0.0.1:0").await, Server::at("127.0.0.2:0").await);
    let channel = channel_to(&[nobody().await, one.address, nobody().await, two.address]).build();
    for number in 0..200 {
        unary(&channel, "Echo", note(number)).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_is_made_again() {
    let server = Server::start().await;
    let (address, channel) = (server.address, channel_to(&[server.address]).build());
    unary(&channel, "Echo", note(1)).await.unwrap();
    server.stop().await;
    reaches(&channel, State::TransientFailure).await;
    let _server = Server::at(&address.to_string()).await;
    reaches(&channel, State::Ready).await;
    unary(&channel, "Echo", note(1)).await.unwrap();
}

#[tokio::test]
async fn servers_of_this_process_and_of_unix_sockets_are_reached_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let targets = [format!("unix:{}/s", folder.path().display()), "in-process:pool-states".to_owned()];
    let listen = targets.join(",").parse().unwrap();
    let _server = Server::with(campus_chassis::ServerConfig { listen, ..crate::support::server_config() }).await;
    for target in targets {
        let channel = Channel::builder(&target).unwrap().build();
        unary(&channel, "Echo", note(1)).await.unwrap_or_else(|error| panic!("{target}: {error}"));
    }
}
