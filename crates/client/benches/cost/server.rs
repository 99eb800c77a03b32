//! A server on a thread of its own that answers every call with the same note.

use std::{net::SocketAddr, sync::mpsc, thread};

use bytes::Bytes;
use h2::{RecvStream, server::SendResponse};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};

use crate::Result;

/// As large as an employee.
const SIZE: u8 = 120;

pub(crate) fn start() -> Result<SocketAddr> {
    let (started, address) = mpsc::sync_channel(1);
    thread::spawn(move || -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            started.send(listener.local_addr()?)?;
            loop {
                let (stream, _) = listener.accept().await?;
                tokio::spawn(connection(stream));
            }
        })
    });
    Ok(address.recv()?)
}

async fn connection(stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let message = [&[0, 0, 0, 0, SIZE + 2, 10, SIZE][..], &[b'x'; SIZE as usize]].concat();
    let message = Bytes::from(message);
    let mut connection = h2::server::Builder::new().initial_connection_window_size(8 << 20).handshake(stream).await?;
    while let Some(call) = connection.accept().await {
        let (request, respond) = call?;
        tokio::spawn(answer(request, respond, message.clone()));
    }
    Ok(())
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, message: Bytes) -> Result<()> {
    let mut body = request.into_body();
    while let Some(data) = body.data().await {
        body.flow_control().release_capacity(data?.len())?;
    }
    let head = Response::builder().header("content-type", "application/grpc").body(())?;
    let mut stream = respond.send_response(head, false)?;
    stream.send_data(message, false)?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    stream.send_trailers(trailers)?;
    Ok(())
}
