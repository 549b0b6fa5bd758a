//! The other end of a client under test: reads calls and answers them byte by byte as a test wants.
#![allow(dead_code, unreachable_pub, reason = "shared by tests, each of which uses a part")]

pub mod service;

use std::{
    future::poll_fn,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use volo_core::{
    Address, Body, Format, Raw, Size,
    net::{Link, ListenOptions, Listener},
};
use volo_thrift::{
    Client, ClientBuilder, ClientError, Limits, Method, Never,
    client::{ServiceClient, call},
    protocol::MethodResult,
    wire::{DetectFramer, Header, Incoming, MessageHead, MessageKind, Outgoing, parse},
};

/// A client that shows everything.
#[derive(Clone)]
pub struct Plain(pub Client);

impl From<Client> for Plain {
    fn from(client: Client) -> Self {
        Plain(client)
    }
}

impl ServiceClient for Plain {
    const SERVICE: &'static str = "Echo";
}

pub static ECHO: Method = Method { service: "Echo", name: "echo", oneway: false, idempotent: false };
pub static NOTE: Method = Method { service: "Echo", name: "note", oneway: true, idempotent: false };

pub const BINARY: Format = Format(0);

/// An encoded payload.
pub fn raw(bytes: impl Into<Bytes>) -> Body {
    Body::Raw(Raw { format: BINARY, bytes: bytes.into(), limits: Limits::default().decode() })
}

/// A struct with `number` in field 0, in Binary.
pub fn number(number: i64) -> Bytes {
    [&[10, 0, 0][..], &number.to_be_bytes(), &[0]].concat().into()
}

/// Calls a method that takes a number and gives one.
pub async fn call_number(client: &Plain, method: &'static Method, value: i64) -> Result<i64, ClientError> {
    call::<_, i64, Never>(&client.0, method, MethodResult::<i64, Never>::Ok(value)).await
}

/// Calls `echo` with a number; checks that the same one comes back.
pub async fn echo(client: &Plain, value: i64) -> volo_core::Result<()> {
    match call_number(client, &ECHO, value).await {
        Ok(reply) => assert_eq!(reply, value, "a reply reached another call"),
        Err(ClientError::Rpc(error)) => return Err(error),
        Err(error) => panic!("{error:?}"),
    }
    Ok(())
}

/// A listener for a server that speaks as the test tells it to.
pub async fn listen() -> Listener {
    Listener::bind(&"127.0.0.1:0".parse().unwrap(), &ListenOptions::default()).await.unwrap()
}

/// A listener inside the process, so that virtual time works.
pub async fn listen_mem() -> Listener {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("mem://client-test-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    Listener::bind(&name.parse().unwrap(), &ListenOptions::default()).await.unwrap()
}

/// A client of it.
pub fn client(listener: &Listener) -> ClientBuilder<Plain> {
    client_of(listener.local_address().clone())
}

pub fn client_of(address: Address) -> ClientBuilder<Plain> {
    ClientBuilder::new("echo").address(address).caller_name("test").connect_timeout(Duration::from_secs(5))
}

/// One accepted connection.
pub struct Peer {
    link: Box<dyn Link>,
    framer: DetectFramer,
    limits: Limits,
}

impl Peer {
    pub fn new(link: Box<dyn Link>) -> Self {
        let limits = Limits::default();
        Peer { link, framer: DetectFramer::new(&limits), limits }
    }

    pub async fn accept(listener: &Listener) -> Self {
        Peer::new(listener.accept().await.unwrap())
    }

    /// The next call; `None` once the client has closed or broken the connection.
    pub async fn receive(&mut self) -> Option<Incoming> {
        let frame = poll_fn(|cx| self.link.poll_recv(cx, &mut self.framer)).await.ok()??;
        Some(parse(frame, self.framer.dialect()?, &self.limits).unwrap())
    }

    /// Answers with these bytes, whatever they are; `false` if the client is gone.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        let size = Size::inline(bytes.len());
        if poll_fn(|cx| self.link.poll_ready(cx, size)).await.is_err() {
            return false;
        }
        let written = self.link.write(size, &mut |span| {
            span.put_slice(bytes);
            Ok(())
        });
        written.is_ok() && poll_fn(|cx| self.link.poll_flush(cx)).await.is_ok()
    }

    /// Answers a call in its dialect.
    pub async fn send(&mut self, call: &Incoming, answer: &Answer) -> bool {
        self.send_bytes(&answer.to_bytes(call)).await
    }

    /// Answers every call with its own payload until the client goes away; says how many there were.
    pub async fn echo_all(mut self) -> usize {
        let mut count = 0;
        while let Some(call) = self.receive().await {
            count += 1;
            if call.head.kind == MessageKind::Call && !self.send(&call, &Answer::default()).await {
                break;
            }
        }
        count
    }
}

/// What to answer; by default the call's own payload.
#[derive(Clone, Debug)]
pub struct Answer {
    pub kind: MessageKind,
    pub name: Option<&'static str>,
    pub sequence_id: Option<i32>,
    pub header: Header,
    pub body: Option<Bytes>,
}

impl Default for Answer {
    fn default() -> Self {
        Answer {
            kind: MessageKind::Reply,
            name: None,
            sequence_id: None,
            header: Header::default(),
            body: None,
        }
    }
}

impl Answer {
    pub fn to_bytes(&self, call: &Incoming) -> Vec<u8> {
        let name = self.name.map_or_else(|| call.head.name.clone(), Into::into);
        let head = MessageHead::new(self.kind, name, self.sequence_id.unwrap_or(call.head.sequence_id));
        let bytes = self.body.clone().unwrap_or_else(|| call.body.bytes.clone());
        let body = Body::Raw(Raw { bytes, ..call.body.clone() });
        let outgoing = Outgoing { dialect: call.dialect, header: &self.header, head: &head, body: &body };
        let size = outgoing.size(usize::MAX, &Limits::default()).unwrap();
        let mut out = volo_core::span::OutBuf::with_capacity(size.inline);
        out.write(size, usize::MAX, &mut |span| outgoing.encode(size, span)).unwrap();
        out.to_vec()
    }
}

/// Serves every connection with [`Peer::echo_all`].
pub fn spawn_echo(listener: Listener) {
    tokio::spawn(async move {
        while let Ok(link) = listener.accept().await {
            tokio::spawn(Peer::new(link).echo_all());
        }
    });
}
