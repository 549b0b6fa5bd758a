//! Replies that are made to hurt: an error for their own call, no memory to speak of, and the next call is fine.

mod client_peer;

use std::time::Duration;

use client_peer::{Answer, ECHO, Peer, Plain, client, echo, listen, raw};
use heap_meter::BytesMeter;
use volo_core::{Retry, net::Listener};
use volo_thrift::{
    CallOpt, ClientBuilder, ClientError, Limits, Method, Never,
    client::call,
    protocol::{DecodeError, Map, MethodResult, Reader, Sizer, Type, Value, Writer},
};

#[global_allocator]
static ALLOCATOR: BytesMeter = BytesMeter::new();

/// Keeps tests that need or measure much memory apart.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

static HOSTILE: Method = Method { service: "Echo", name: "hostile", oneway: false, idempotent: false };

/// A result with something of everything.
#[derive(Clone, Debug, Default)]
struct Everything {
    numbers: Vec<i64>,
    texts: Vec<String>,
    map: Map<i64, i64>,
    next: Option<Box<Everything>>,
    text: String,
    parts: Vec<Everything>,
}

impl Value for Everything {
    const TYPE: Type = Type::Struct;
    const MIN: [usize; 2] = [1, 1];

    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        let state = &mut { S::START };
        1 + sizer.field(state, 1, &self.numbers)
    }

    fn encode<W: Writer>(&self, writer: W) -> W {
        writer.field(&mut { W::START }, 1, &self.numbers).stop()
    }

    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        reader.fields("Everything", |reader, field| match field.id() {
            1 => reader.field(field, "numbers", &mut self.numbers),
            2 => reader.field(field, "texts", &mut self.texts),
            3 => reader.field(field, "map", &mut self.map),
            4 => reader.field(field, "next", &mut self.next),
            5 => reader.field(field, "text", &mut self.text),
            6 => reader.field(field, "parts", &mut self.parts),
            _ => reader.skip(field),
        })
    }
}

/// Bodies of replies, in Binary; each starts with the result's field 0.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let field = |bytes: &[u8]| [&[12, 0, 0], bytes].concat();
    let most = [0x7f, 0xff, 0xff, 0xff];
    let minus_one = [0xff; 4];
    let list = |id, element, count: [u8; 4]| field(&[&[15, 0, id, element][..], &count].concat());
    vec![
        ("list<i64>, most", list(1, 10, most)),
        ("list<i64>, negative", list(1, 10, minus_one)),
        ("list<string>, most", list(2, 11, most)),
        ("list<struct>, most", list(6, 12, most)),
        ("map, most", field(&[&[13, 0, 3, 10, 10][..], &most].concat())),
        ("map, negative", field(&[&[13, 0, 3, 10, 10][..], &minus_one].concat())),
        ("unknown list of nothing", list(100, 0, most)),
        ("unknown list of structs", list(100, 12, most)),
        ("string, most", field(&[&[11, 0, 5][..], &most].concat())),
        ("string, negative", field(&[&[11, 0, 5][..], &minus_one].concat())),
        ("no UTF-8", field(&[11, 0, 5, 0, 0, 0, 2, 0xff, 0xfe, 0, 0])),
        ("known structs 100,000 deep", field(&[12, 0, 4].repeat(100_000))),
        ("unknown structs 100,000 deep", field(&[12, 0, 99].repeat(100_000))),
        (
            "as many empty structs as fit",
            field(&[&[15, 0, 6, 12, 0, 0x0e, 0, 0][..], &[0; 0x0e_0000], &[0, 0]].concat()),
        ),
        ("cut short", field(&[10, 0, 1, 0])),
        ("no end", vec![12, 0]),
        ("nothing at all", vec![]),
    ]
}

/// What may come instead of a frame, per framing: bytes after which nothing can be read any more.
fn streams(framing: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut streams: Vec<(_, Vec<u8>)> = vec![
        ("web server", b"HTTP/1.1 400 Bad Request\r\n\r\n".into()),
        ("zeros", vec![0; 64]),
        ("ones", vec![0xff; 64]),
    ];
    match framing {
        "framed" => streams.extend([
            ("2 GiB announced", vec![0x7f, 0xff, 0xff, 0xff, 0x80, 1, 0, 2]),
            ("negative length", vec![0x80, 0, 0, 1, 0x80, 1, 0, 2]),
        ]),
        "buffered" => streams.extend([
            ("name of 2 GiB", vec![0x80, 1, 0, 2, 0x7f, 0xff, 0xff, 0xff]),
            ("negative name", vec![0x80, 1, 0, 2, 0xff, 0xff, 0xff, 0xff]),
        ]),
        _ => streams.extend([
            ("4 GiB announced", vec![0xff, 0xff, 0xff, 0xff, 0x10, 0, 0, 0]),
            ("2 GiB announced", vec![0x7f, 0xff, 0xff, 0xff, 0x10, 0, 0, 0]),
        ]),
    }
    streams
}

type Setting = fn(ClientBuilder<Plain>) -> ClientBuilder<Plain>;

const SETTINGS: [(&str, Setting); 4] = [
    ("ttheader", |builder| builder),
    ("framed", |builder| builder.framed()),
    ("buffered", |builder| builder.buffered()),
    ("mux", |builder| builder.mux(1)),
];

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.message_max = 1 << 20;
    limits
}

async fn call_hostile(client: &Plain, index: usize) -> Result<Everything, ClientError> {
    call(&client.0, &HOSTILE, MethodResult::<i64, Never>::Ok(index as i64)).await
}

/// Echoes, and answers `hostile` with one of these.
fn spawn_hostile(
    listener: Listener,
    answer: impl Fn(&mut Peer, &volo_thrift::wire::Incoming, usize) -> Vec<u8> + Clone + Send + Sync + 'static,
) {
    tokio::spawn(async move {
        loop {
            let (mut peer, answer) = (Peer::accept(&listener).await, answer.clone());
            tokio::spawn(async move {
                while let Some(call) = peer.receive().await {
                    let bytes = if call.head.name == ECHO.name {
                        Answer::default().to_bytes(&call)
                    } else {
                        let index = i64::from_be_bytes(call.body.bytes[3..11].try_into().unwrap());
                        answer(&mut peer, &call, index as usize)
                    };
                    peer.send_bytes(&bytes).await;
                }
            });
        }
    });
}

#[tokio::test]
async fn no_body_of_a_reply_hurts() {
    let _alone = ALONE.lock().await;
    let before = heap_meter::mark();
    for (framing, setting) in SETTINGS {
        let listener = listen().await;
        let client = setting(client(&listener)).limits(limits()).build();
        spawn_hostile(listener, |_, call, index| {
            Answer { body: Some(bodies()[index].1.clone().into()), ..Answer::default() }.to_bytes(call)
        });
        for (index, (name, _)) in bodies().into_iter().enumerate() {
            // A message without length can't be known to be over: there, waiting for the rest is right.
            let options = CallOpt { timeout: Some(Duration::from_millis(200)), ..CallOpt::default() };
            let hasty = Plain(client.0.with_callopt(options));
            let error = call_hostile(&hasty, index).await.map(|_| ()).expect_err(name);
            let protocol = error.as_rpc().is_some_and(|error| error.is_protocol());
            assert!(protocol || framing == "buffered" && error.is_timeout(), "{framing}, {name}: {error:?}");
            echo(&client, 1).await.unwrap_or_else(|error| panic!("{framing}, after {name}: {error:?}"));
        }
    }
    let grown = heap_meter::peak() - before;
    // 1 MiB of message and 4 MiB of decoded memory are allowed; the rest is what the test holds itself.
    assert!(grown < 8 << 20, "{grown} bytes in use at once");
}

#[tokio::test]
async fn no_stream_of_a_server_hurts() {
    for (framing, setting) in SETTINGS {
        let listener = listen().await;
        let client = setting(client(&listener)).limits(limits()).build();
        spawn_hostile(listener, move |_, _, index| streams(framing)[index].1.clone());
        for (index, (name, _)) in streams(framing).into_iter().enumerate() {
            let error = call_hostile(&client, index).await.map(|_| ()).expect_err(name);
            let error = error.as_rpc().unwrap_or_else(|| panic!("{framing}, {name}: {error:?}"));
            assert!(error.is_protocol(), "{framing}, {name}: {error:?}");
            echo(&client, 1).await.unwrap_or_else(|error| panic!("{framing}, after {name}: {error:?}"));
        }
    }
}

#[tokio::test]
async fn a_reply_cut_at_any_byte_is_a_lost_connection() {
    for (framing, setting) in SETTINGS {
        let listener = listen().await;
        let client = setting(client(&listener)).build();
        let server = tokio::spawn(async move {
            for cut in 0.. {
                let mut peer = Peer::accept(&listener).await;
                let call = peer.receive().await.unwrap();
                let bytes = Answer::default().to_bytes(&call);
                if cut == bytes.len() {
                    return;
                }
                peer.send_bytes(&bytes[..cut]).await;
            }
        });
        while !server.is_finished() {
            let error = echo(&client, 1).await.unwrap_err();
            assert!(error.is_closed() || server.is_finished(), "{framing}: {error:?}");
        }
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_reply_that_stalls_at_any_byte_is_a_timeout() {
    for (framing, setting) in SETTINGS {
        let listener = listen().await;
        let mut limits = limits();
        limits.frame_timeout = Duration::from_millis(20);
        let client = setting(client(&listener)).limits(limits).build();
        spawn_hostile(listener, |_, call, cut| {
            let mut bytes = Answer::default().to_bytes(call);
            bytes.truncate(cut);
            bytes
        });
        for cut in 1..20 {
            let error = call_hostile(&client, cut).await.map(|_| ()).unwrap_err();
            let source = std::error::Error::source(error.as_rpc().unwrap()).unwrap().to_string();
            assert!(source.contains("frame_timeout"), "{framing}, {cut}: {error:?}");
            echo(&client, 1).await.unwrap();
        }
    }
}

#[tokio::test]
async fn replies_in_the_making_share_the_budget_of_the_process() {
    let _alone = ALONE.lock().await;
    for (name, setting) in SETTINGS {
        let mut limits = Limits::default();
        limits.receive_memory_max = Some(1 << 20);
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let listener = listen().await;
            let client = setting(client(&listener)).limits(limits.clone()).rpc_timeout(None).build();
            spawn_hostile(listener, |_, call, _| {
                let body =
                    Some([&[11, 0, 0][..], &4_000_000_u32.to_be_bytes(), &[b'x'; 4_000_000]].concat().into());
                let mut bytes = Answer { body, ..Answer::default() }.to_bytes(call);
                bytes.truncate(600_000);
                bytes
            });
            calls.spawn(async move { (call_hostile(&client, 0).await.map(|_| ()), client) });
        }
        let (ended, client) = calls.join_next().await.unwrap().unwrap();
        let error = ended.unwrap_err();
        let source = std::error::Error::source(error.as_rpc().unwrap()).unwrap().to_string();
        assert!(source.contains("receive_memory_max of 1048576 bytes"), "{name}: {error:?}");
        assert!(calls.try_join_next().is_none(), "{name}: the other one fits");
        calls.shutdown().await;
        echo(&client, 1).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_never_reads_is_given_up() {
    let _alone = ALONE.lock().await;
    for (framing, setting) in SETTINGS {
        let listener = listen().await;
        let mut limits = Limits::default();
        limits.write_timeout = Duration::from_millis(50);
        let client = setting(client(&listener)).limits(limits).rpc_timeout(None).build();
        let text = [&[11, 0, 0][..], &(12u32 << 20).to_be_bytes(), &vec![b'x'; 12 << 20], &[0]].concat();
        let error = client.0.execute(&ECHO, raw(text)).await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("write_timeout"), "{framing}: {error:?}");
        spawn_hostile(listener, |_, _, _| Vec::new());
        echo(&client, 1).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_never_accepts_costs_the_connect_timeout() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(20));
    let queued: Vec<_> = std::iter::from_fn(|| connect().ok()).take(64).collect();
    for (framing, setting) in SETTINGS {
        let client = setting(ClientBuilder::<Plain>::new("echo").address(address)).build();
        let start = std::time::Instant::now();
        let error = echo(&client, 1).await.unwrap_err();
        assert!(error.is_connect() && error.retry() == Retry::Always, "{framing}: {error:?}");
        let waited = start.elapsed().as_millis();
        assert!((50..500).contains(&waited), "{framing}: {waited} ms");
    }
    assert!(queued.len() < 64);
}
