//! A name server that says what a test tells it to, over UDP and TCP.
//!
//! A fault of a fixture is a failed test, so this crate panics where others return errors.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, mpsc::sync_channel},
};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{RData, Record, RecordType},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::oneshot,
};

/// What there is to say about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// These, for so many seconds. An answer that is too long for UDP is cut off there.
    Addresses(Vec<IpAddr>, u32),
    /// These of IP version 4, and no word to a question for version 6.
    Version4(Vec<IpAddr>),
    /// That it has none.
    Nothing,
    /// That there is no such name (NXDOMAIN).
    NoSuchName,
    /// That the server has failed (SERVFAIL).
    Failure,
    /// No word.
    Silence,
}

/// One question that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// With the dot at the end.
    pub name: String,
    /// `A` or `AAAA`.
    pub kind: String,
    /// Whether it came over TCP.
    pub over_tcp: bool,
}

/// A name server on a port of its own, until it is dropped.
pub struct NameServer {
    /// Where it listens, over UDP and over TCP.
    pub address: SocketAddr,
    state: Arc<State>,
    /// Ends the server when it is dropped.
    _stop: oneshot::Sender<()>,
}

#[derive(Default)]
struct State {
    names: Mutex<HashMap<String, Say>>,
    asked: Mutex<Vec<Question>>,
}

impl NameServer {
    /// A server that knows no name.
    ///
    /// # Panics
    /// If it cannot listen.
    #[expect(clippy::new_without_default, reason = "it takes a port")]
    pub fn new() -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = sync_channel(1);
        let state = Arc::<State>::default();
        let serving = Arc::clone(&state);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (udp, tcp) = bind().await;
                tell.send(udp.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = over_udp(&udp, &serving) => {}
                    () = over_tcp(&tcp, &serving) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address: told.recv().unwrap(), state, _stop: stop }
    }

    /// Says something about a name from now on. The name ends with a dot.
    pub fn say(&self, name: &str, say: Say) {
        assert!(name.ends_with('.'), "{name} does not end with a dot");
        self.state.names.lock().unwrap().insert(name.to_lowercase(), say);
    }

    /// Every question so far.
    pub fn asked(&self) -> Vec<Question> {
        self.state.asked.lock().unwrap().clone()
    }
}

/// One port for both.
async fn bind() -> (UdpSocket, TcpListener) {
    for _ in 0..100 {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
    panic!("there is no port that is free for UDP and for TCP");
}

async fn over_udp(socket: &UdpSocket, state: &State) {
    let mut buffer = [0; 4096];
    loop {
        let (size, from) = socket.recv_from(&mut buffer).await.unwrap();
        if let Some((answer, limit)) = state.answer(&buffer[..size], false) {
            let whole = answer.to_vec().unwrap();
            let sent = if whole.len() > limit { answer.truncate().to_vec().unwrap() } else { whole };
            // Whoever asked may be gone.
            drop(socket.send_to(&sent, from).await);
        }
    }
}

async fn over_tcp(listener: &TcpListener, state: &Arc<State>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let state = Arc::clone(state);
        tokio::spawn(async move { while converse(&mut stream, &state).await.is_ok() {} });
    }
}

/// One question and its answer, each after its length (RFC 1035, 4.2.2).
async fn converse(stream: &mut TcpStream, state: &State) -> io::Result<()> {
    let mut question = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut question).await?;
    if let Some((answer, _)) = state.answer(&question, true) {
        let answer = answer.to_vec().unwrap();
        stream.write_u16(answer.len().try_into().unwrap()).await?;
        stream.write_all(&answer).await?;
    }
    Ok(())
}

impl State {
    /// The answer, and how many bytes of it the client takes over UDP.
    fn answer(&self, question: &[u8], over_tcp: bool) -> Option<(Message, usize)> {
        let question = Message::from_vec(question).ok()?;
        let limit = question.max_payload().into();
        let query = question.queries.first()?.clone();
        let (name, kind) = (query.name().to_string().to_lowercase(), query.query_type());
        self.asked.lock().unwrap().push(Question { name: name.clone(), kind: kind.to_string(), over_tcp });
        let mut answer = question.into_response();
        answer.metadata.authoritative = true;
        answer.metadata.recursion_available = true;
        match self.names.lock().unwrap().get(&name).unwrap_or(&Say::NoSuchName) {
            Say::Version4(_) if kind == RecordType::AAAA => return None,
            Say::Silence => return None,
            Say::Nothing => {}
            Say::NoSuchName => answer.metadata.response_code = ResponseCode::NXDomain,
            Say::Failure => answer.metadata.response_code = ResponseCode::ServFail,
            Say::Version4(addresses) => {
                let record = |ip: &IpAddr| Record::from_rdata(query.name().clone(), 30, RData::from(*ip));
                answer.add_answers(addresses.iter().map(record));
            }
            Say::Addresses(addresses, ttl) => {
                let asked = |ip: &&IpAddr| kind == if ip.is_ipv4() { RecordType::A } else { RecordType::AAAA };
                let record = |ip: &IpAddr| Record::from_rdata(query.name().clone(), *ttl, RData::from(*ip));
                answer.add_answers(addresses.iter().filter(asked).map(record));
            }
        }
        Some((answer, limit))
    }
}
