//! What a server says of itself on its admin port.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::within;

/// The HTTP status and the body at a path of the admin port.
pub async fn admin_get(admin: SocketAddr, path: &str) -> (u16, String) {
    within("an answer of the admin port", async {
        let mut socket = TcpStream::connect(admin).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    })
    .await
}

/// The sum of a metric over its labels.
pub async fn metric(admin: SocketAddr, name: &str) -> f64 {
    let (_, text) = admin_get(admin, "/metrics").await;
    let mine = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
    text.lines().filter(mine).map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}
