//! What may listen where a server should be.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use campus_testcerts::Identity;
use rustls::{ServerConfig, ServerConnection, pki_types::pem::PemObject};

/// How it behaves.
#[derive(Clone)]
pub(super) enum Manner {
    /// Takes connections, and says nothing.
    Silent,
    /// Speaks HTTP/1.1 alone.
    Http,
    /// Speaks HTTP/2, and answers no call.
    Mute,
    /// As [`Mute`](Self::Mute), after a while.
    Slow(Duration),
    /// Speaks TLS, with this certificate.
    Tls(Identity),
}

/// It listens until the test ends.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    told: mpsc::Receiver<Duration>,
}

impl Peer {
    pub(super) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, (tell, told)) = (Arc::clone(&connections), mpsc::sync_channel(16));
        thread::spawn(move || {
            let kept = Mutex::new(Vec::new());
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::Relaxed);
                kept.lock().unwrap().push(stream.try_clone().unwrap());
                let (manner, tell) = (manner.clone(), tell.clone());
                thread::spawn(move || serve(stream, manner, &tell));
            }
        });
        Self { address, connections, told }
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// How long the first call may take, as its client says.
    pub(super) fn told(&self) -> Duration {
        self.told.recv_timeout(Duration::from_secs(30)).unwrap()
    }
}

fn serve(mut stream: TcpStream, manner: Manner, tell: &mpsc::SyncSender<Duration>) {
    match manner {
        Manner::Silent => {}
        Manner::Http => {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        Manner::Mute => mute(stream, Duration::ZERO, tell),
        Manner::Slow(pause) => mute(stream, pause, tell),
        Manner::Tls(identity) => {
            let mut connection = ServerConnection::new(Arc::new(config(&identity))).unwrap();
            while connection.complete_io(&mut stream).is_ok_and(|(read, written)| read + written > 0) {}
            let _ = connection.complete_io(&mut stream);
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

fn config(identity: &Identity) -> ServerConfig {
    let chain = rustls::pki_types::CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = builder.with_single_cert(vec![chain], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// Greets after a while, then takes each call of a connection and says nothing.
fn mute(stream: TcpStream, pause: Duration, tell: &mpsc::SyncSender<Duration>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        stream.set_nonblocking(true).unwrap();
        let stream = tokio::net::TcpStream::from_std(stream).unwrap();
        tokio::time::sleep(pause).await;
        let Ok(mut connection) = h2::server::handshake(stream).await else { return };
        let mut kept = Vec::new();
        while let Some(Ok((request, respond))) = connection.accept().await {
            if let Some(timeout) = request.headers().get("grpc-timeout") {
                let _ = tell.try_send(duration(timeout.to_str().unwrap()));
            }
            kept.push((request, respond));
        }
    });
}

/// `1500000u` of gRPC.
fn duration(text: &str) -> Duration {
    let (number, unit) = text.split_at(text.len() - 1);
    let number: u64 = number.parse().unwrap();
    match unit {
        "n" => Duration::from_nanos(number),
        "u" => Duration::from_micros(number),
        "m" => Duration::from_millis(number),
        _ => Duration::from_secs(number),
    }
}
