//! Servers that lie about what they are: a client shares a connection among calls only after a hello that is right in
//! everything, goes on calling in ping-pong otherwise, and doesn't ask again and again.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use volo_core::{
    BoxError,
    net::{Frame, Framer},
};
use volo_thrift::{
    Limits,
    wire::{self, DetectFramer, Incoming, flag},
};

use super::{
    MEBIBYTE,
    bytes::{NO_HEADER, both, echo_result, message, strings},
};
use crate::{process::Process, report::Report, role, scene::Counter};

const ID: &str = "0123456789abcdef0123456789abcdef";

/// Calls that are made of each server.
const CALLS: usize = 4;

/// How long a client may take to ask, or to go over, once it has reason to.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long is waited for a client to do what it must not do.
const SUSPICION: Duration = Duration::from_millis(100);

/// What is said to a client that asks who the server is.
#[derive(Clone)]
enum Hello {
    /// The truth.
    Right,
    /// This, and behind it how the connection looks from here.
    Instance(&'static str),
    /// This value.
    Value(Vec<u8>),
    /// A reply without it.
    None,
    /// The truth, to another call.
    OtherCall,
    /// The truth, twice.
    Twice,
    /// These bytes.
    Bytes(&'static [u8]),
    /// Nothing.
    Silence,
    /// The end of the connection.
    End,
}

/// A lying server.
struct Liar {
    name: &'static str,
    /// How the client is set up.
    mode: &'static str,
    advert: Vec<u8>,
    hello: Hello,
    expected: &'static str,
}

const STAYS: &str = "4 ok, ping-pong, 0 hellos";
const ASKS: &str = "4 ok, ping-pong, 1 hellos";
const GOES_OVER: &str = "4 ok, mux, 1 hellos";

fn liars() -> Vec<Liar> {
    let right = format!("mux;{ID}");
    let advert = |name, advert: &[u8], expected| Liar {
        name,
        mode: "ttheader",
        advert: advert.to_vec(),
        hello: Hello::Right,
        expected,
    };
    let many = both("mux,".repeat(10_000), format!(";{ID}"));
    let mut liars = vec![
        advert("advert and hello right", right.as_bytes(), GOES_OVER),
        advert("advert of 10,000 features", &many, GOES_OVER),
        advert("advert of nothing", b"", STAYS),
        advert("advert without instance", b"mux", STAYS),
        advert("advert of an empty instance", b"mux;", STAYS),
        advert("advert of a separator", b";", STAYS),
        advert("advert of 31 digits", &format!("mux;{}", &ID[1..]).into_bytes(), STAYS),
        advert("advert of 33 digits", &format!("mux;{ID}0").into_bytes(), STAYS),
        advert("advert that is no number", b"mux;0123456789abcdef0123456789abcdeg", STAYS),
        advert("advert with a sign", b"mux;+123456789abcdef0123456789abcdef", STAYS),
        advert("advert of two instances", &format!("mux;{ID};{ID}").into_bytes(), STAYS),
        advert("advert with a NUL", &format!("mux\0;{ID}").into_bytes(), STAYS),
        advert("advert of another feature", &format!("muxes;{ID}").into_bytes(), STAYS),
        advert("advert of 60,000 bytes", &vec![b'x'; 60_000], STAYS),
        advert("advert not UTF-8", b"mux;\xff\xfe", "protocol, ping-pong, 0 hellos"),
        Liar { mode: "pingpong", ..advert("advert that nobody asked for", right.as_bytes(), STAYS) },
        advert("another instance in each advert", b"changing", ASKS),
    ];
    let hello =
        |name, hello| Liar { name, mode: "ttheader", advert: right.clone().into(), hello, expected: ASKS };
    liars.extend([
        hello("hello of another instance", Hello::Instance("fedcba9876543210fedcba9876543210")),
        hello("hello of 31 digits", Hello::Instance(&ID[1..])),
        hello("hello of no instance", Hello::Instance("")),
        hello("hello of another connection", Hello::Value(format!("{ID};127.0.0.1 1").into())),
        hello("hello of no connection", Hello::Value(format!("{ID};").into())),
        hello("hello without separator", Hello::Value(ID.into())),
        hello("hello of nothing", Hello::Value(Vec::new())),
        hello("hello of 60,000 bytes", Hello::Value(both(format!("{ID};"), [b'1'; 60_000]))),
        hello("hello not UTF-8", Hello::Value(both(format!("{ID};"), b"\xff\xfe"))),
        hello("hello with the question", Hello::Value(b"?".to_vec())),
        hello("reply without a hello", Hello::None),
        hello("hello to another call", Hello::OtherCall),
        hello("two hellos", Hello::Twice),
        hello("no hello, and no end", Hello::Silence),
        hello("end instead of a hello", Hello::End),
        hello("web server instead of a hello", Hello::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
        hello("4 GiB announced instead of a hello", Hello::Bytes(b"\xff\xff\xff\xff\x10\0\0\0")),
        hello("a frame of nothing instead of a hello", Hello::Bytes(b"\0\0\0\0\0\0\0\0")),
    ]);
    liars
}

/// What was seen of a client.
#[derive(Default)]
struct Seen {
    hellos: Counter,
    /// Calls that may be overtaken, as over a shared connection.
    shared: Counter,
    calls: Counter,
}

/// Lets clients in processes of their own call each of the servers.
pub async fn against_client(report: &mut Report) -> Result<(), BoxError> {
    let (mut panics, mut heaviest) = (0, 0);
    for liar in liars() {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut client = Process::start(role::CLIENT, &[listener.local_addr()?.to_string()], None)?;
        client.line()?;
        let (seen, live) = (Arc::new(Seen::default()), client.mark()?.live);
        let (case, mode, expected) = (format!("client: {}", liar.name), liar.mode, liar.expected);
        let server = tokio::spawn(serve(listener, Arc::new(liar), seen.clone()));
        let outcome = call(&mut client, mode, expected, &seen).await?;
        server.abort();
        report.equal(&case, "outcome", outcome, expected.to_owned());
        let meter = client.meter()?;
        panics += meter.panics;
        heaviest = heaviest.max(meter.peak.saturating_sub(live));
    }
    report.equal("all lies to a client", "panics", panics, 0);
    report.at_most("all lies to a client", "heap bytes", heaviest, MEBIBYTE);
    Ok(())
}

/// Has the client call, waits for what it should do about the advert, has it call again; how that went.
async fn call(client: &mut Process, mode: &str, expected: &str, seen: &Seen) -> Result<String, BoxError> {
    let question = format!("call {mode} echo");
    let mut ends = vec![client.ask(&question)?];
    if expected != STAYS {
        until(|| seen.hellos.get() > 0).await;
    }
    tokio::time::sleep(SUSPICION).await;
    if expected == GOES_OVER {
        for _ in 0..50 {
            if seen.shared.get() > 0 {
                break;
            }
            let end = client.ask(&question)?;
            if end != "ok" {
                return Ok(end);
            }
            tokio::time::sleep(PATIENCE / 50).await;
        }
    }
    for _ in 1..CALLS {
        ends.push(client.ask(&question)?);
    }
    tokio::time::sleep(SUSPICION).await;
    let good = ends.iter().filter(|end| *end == "ok").count();
    let calls = match ends.iter().find(|end| *end != "ok") {
        None => format!("{good} ok"),
        Some(end) => end.clone(),
    };
    let way = if seen.shared.get() > 0 { "mux" } else { "ping-pong" };
    Ok(format!("{calls}, {way}, {} hellos", seen.hellos.get()))
}

async fn until(done: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !done() && start.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn serve(listener: TcpListener, liar: Arc<Liar>, seen: Arc<Seen>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve_one(stream, liar.clone(), seen.clone()));
    }
}

async fn serve_one(mut stream: TcpStream, liar: Arc<Liar>, seen: Arc<Seen>) -> Result<(), BoxError> {
    let mut received = bytes::BytesMut::new();
    let mut framer = DetectFramer::new(&Limits::default());
    loop {
        let len = match framer.frame(&received)? {
            Frame::Complete(len) => len,
            Frame::Partial(_) if stream.read_buf(&mut received).await? == 0 => return Ok(()),
            Frame::Partial(_) => continue,
        };
        let frame: Bytes = received.split_to(len).freeze();
        let call = wire::parse(frame, framer.dialect().ok_or("no dialect")?, &Limits::default())?;
        let header = call.header.as_ref().ok_or("no header")?;
        if header.string("volo-hello").is_some() {
            seen.hellos.count();
            let Some(answer) = hello(&liar, &call, &stream)? else { return Ok(()) };
            stream.write_all(&answer).await?;
            continue;
        }
        seen.calls.count();
        seen.shared.add(u64::from(header.flags & flag::OUT_OF_ORDER != 0));
        let changing = format!("mux;{:032x}", seen.calls.get());
        let advert = if liar.advert == b"changing" { changing.as_bytes() } else { &liar.advert };
        let header = strings(&[(b"volo-advert", advert)]);
        let id = call.head.sequence_id;
        stream.write_all(&message(call.dialect, &header, 2, "echo", id, &echo_result(&call))).await?;
    }
}

/// What this server answers when asked who it is; `None` for the end.
fn hello(liar: &Liar, call: &Incoming, stream: &TcpStream) -> Result<Option<Vec<u8>>, BoxError> {
    let id = call.head.sequence_id;
    let reply = |header: &[u8], id| message(call.dialect, header, 2, &call.head.name, id, &[0]);
    let peer = stream.peer_addr()?;
    let end = format!("{} {}", peer.ip(), peer.port());
    let value = |value: &[u8]| reply(&strings(&[(b"volo-hello", value)]), id);
    let right = format!("{ID};{end}").into_bytes();
    Ok(Some(match &liar.hello {
        Hello::Right => value(&right),
        Hello::Instance(instance) => value(format!("{instance};{end}").as_bytes()),
        Hello::Value(bytes) => value(bytes),
        Hello::None => reply(NO_HEADER, id),
        Hello::OtherCall => reply(&strings(&[(b"volo-hello", &right)]), id.wrapping_add(1)),
        Hello::Twice => value(&right).repeat(2),
        Hello::Bytes(bytes) => bytes.to_vec(),
        Hello::Silence => Vec::new(),
        Hello::End => return Ok(None),
    }))
}
