//! Every limit, one below it, at it and one above: what passes, what doesn't, and what is said then.
//!
//! The rows run one after the other on virtual time, as some limits concern the whole process.

#[cfg(feature = "tls")]
#[path = "../../volo-core/tests/certificates/mod.rs"]
mod certificates;
mod server_support;

use std::{future::Future, future::poll_fn, pin::Pin, time::Duration};

use faststr::FastStr;
use server_support::{Answer, Caller, FRAMED, METHODS, Node, Probe, Running, TTHEADER, Text};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};
use volo_core::{Address, Error};
use volo_thrift::{
    Client, ClientBuilder, ClientError, Limits, Never, Server,
    client::{ServiceClient, call},
    protocol::{Protocol, Value},
    wire::{Dialect, Framing, MessageKind},
};

const BUFFERED: Dialect = Dialect::new(Framing::Buffered, Protocol::Binary);
const COMPACT: Dialect = Dialect::new(Framing::Buffered, Protocol::Compact);
const DIALECTS: [Dialect; 4] = [BUFFERED, COMPACT, FRAMED, TTHEADER];

type Row = (&'static str, fn() -> Pin<Box<dyn Future<Output = ()>>>);

/// A limit may have several rows.
const ROWS: [Row; 28] = [
    ("message_max", || Box::pin(requests_to_a_server())),
    ("message_max", || Box::pin(replies_of_a_server())),
    ("message_max", || Box::pin(requests_of_a_client())),
    ("message_max", || Box::pin(replies_to_a_client())),
    ("header_max", || Box::pin(headers_to_a_server())),
    ("header_max", || Box::pin(headers_of_a_client())),
    ("depth_max", || Box::pin(levels_that_are_known())),
    ("depth_max", || Box::pin(levels_that_are_skipped())),
    ("depth_max", || Box::pin(levels_of_a_client_s_requests())),
    ("depth_max", || Box::pin(levels_of_a_server_s_replies())),
    ("decode_memory_max", || Box::pin(memory_of_a_list())),
    ("handshake_timeout", || Box::pin(a_session_that_is_not_made())),
    ("header_timeout", || Box::pin(a_header_that_stalls())),
    ("frame_timeout", || Box::pin(a_frame_that_stalls())),
    ("frame_timeout", || Box::pin(a_reply_that_stalls())),
    ("write_timeout", || Box::pin(a_peer_that_takes_nothing())),
    ("write_timeout", || Box::pin(a_server_that_takes_nothing())),
    ("idle_timeout", || Box::pin(a_peer_that_says_nothing())),
    ("write_buffer_max", || Box::pin(replies_that_nobody_reads())),
    ("in_flight_max", || Box::pin(calls_of_one_connection())),
    ("in_flight_max", || Box::pin(calls_of_a_client())),
    ("in_flight_bytes_max", || Box::pin(bytes_of_one_connection())),
    ("receive_memory_max", || Box::pin(bytes_of_all_connections())),
    ("receive_memory_max", || Box::pin(bytes_of_a_client_s_replies())),
    ("connections_max", || Box::pin(connections_of_a_server())),
    ("concurrency_max", || Box::pin(calls_of_a_server())),
    ("queue_timeout", || Box::pin(a_call_that_waits())),
    ("drain_timeout", || Box::pin(a_call_that_outlasts_the_server())),
];

#[tokio::test(start_paused = true)]
async fn each_limit_is_exact() {
    for (_, check) in ROWS {
        check().await;
    }
}

#[test]
fn no_limit_is_without_a_row() {
    let text = format!("{:#?}", Limits::default());
    let fields = text.lines().filter_map(|line| line.trim().split_once(": ")).map(|(name, _)| name);
    let missing: Vec<_> = fields.filter(|name| !ROWS.iter().any(|(row, _)| row == name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn the_document_names_every_row() {
    let (code, document) = (include_str!("limits.rs"), include_str!("../../SECURITY.md"));
    let rows = code.lines().filter_map(|line| line.trim().strip_prefix("(\"")?.split_once("Box::pin("));
    let rows: Vec<_> = rows.filter_map(|(_, row)| Some(format!("`{}`", row.split_once('(')?.0))).collect();
    assert_eq!(rows.len(), ROWS.len());
    let missing: Vec<_> = rows.iter().filter(|row| !document.contains(row.as_str())).collect();
    assert_eq!(missing, Vec::<&String>::new());
}

/// `attempt` makes the same message, of `size`, meet the limit it is given.
async fn exact(limit: &str, size: usize, mut attempt: impl AsyncFnMut(usize) -> Result<(), String>) {
    let error = attempt(size - 1).await.expect_err("one above the limit");
    assert!(error.contains(&format!("{limit} of {}", size - 1)), "{limit} of {}: {error}", size - 1);
    for max in [size, size + 1] {
        attempt(max).await.unwrap_or_else(|error| panic!("{size} within {limit} of {max}: {error}"));
    }
}

/// The least limit that `attempt` bears.
async fn least(mut attempt: impl AsyncFnMut(usize) -> Result<(), String>) -> usize {
    let (mut low, mut high) = (1_usize, 100_000_usize);
    while low < high {
        let middle = low.midpoint(high);
        match attempt(middle).await {
            Ok(()) => high = middle,
            Err(_) => low = middle + 1,
        }
    }
    low
}

async fn start(address: &str, set: impl FnOnce(&mut Limits)) -> (Running, Probe) {
    let (probe, mut limits) = (Probe::default(), Limits::default());
    set(&mut limits);
    let server = Server::new().limits(limits).add_service(probe.clone()).bind(address).await.unwrap();
    (Running::start(server), probe)
}

const TCP: &str = "127.0.0.1:0";

async fn tcp(running: &Running) -> TcpStream {
    let Address::Tcp(address) = running.address else { unreachable!() };
    TcpStream::connect(address).await.unwrap()
}

fn said(answer: Answer) -> Result<(), String> {
    answer.result.map(drop).map_err(|(_, text)| text)
}

async fn requests_to_a_server() {
    for dialect in DIALECTS {
        let request = async |max: usize| {
            let (running, _) = start(TCP, |limits| limits.message_max = max).await;
            said(running.connect(dialect).await.call("whoami", 1, &"x".repeat(1000)).await)
        };
        let (running, _) = start(TCP, |_| {}).await;
        let size = running.connect(dialect).await.encode("whoami", 1, &"x".repeat(1000)).len();
        exact("message_max", size, request).await;
    }
}

async fn replies_of_a_server() {
    for dialect in DIALECTS {
        let reply = async |max: usize| {
            let (running, _) = start(TCP, |limits| limits.message_max = max).await;
            said(running.connect(dialect).await.call("big", 1, "1000").await)
        };
        let size = least(reply).await;
        assert!((1000..1100).contains(&size), "{size}");
        exact("message_max", size, reply).await;
    }
}

#[derive(Clone)]
struct Plain(Client);

impl From<Client> for Plain {
    fn from(client: Client) -> Self {
        Plain(client)
    }
}

impl ServiceClient for Plain {
    const SERVICE: &'static str = "Probe";
}

/// A call of a client with limits, over a mode of its own.
async fn ask<A: Value>(
    running: &Running,
    set: impl FnOnce(&mut Limits),
    mode: impl FnOnce(ClientBuilder<Plain>) -> ClientBuilder<Plain>,
    (method, args): (usize, A),
) -> Result<(), String> {
    let mut limits = Limits::default();
    set(&mut limits);
    let client = ClientBuilder::<Plain>::new("probe").address(running.address.clone()).limits(limits);
    let client = mode(client.connect_timeout(Duration::from_secs(5)).rpc_timeout(None)).build();
    match call::<_, FastStr, Never>(&client.0, &METHODS[method], args).await {
        Ok(_) => Ok(()),
        Err(ClientError::Rpc(error)) => Err(texts(&error)),
        Err(error) => Err(error.to_string()),
    }
}

/// What an error and its causes say.
fn texts(error: &Error) -> String {
    let error: &dyn std::error::Error = error;
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

const MODES: [fn(ClientBuilder<Plain>) -> ClientBuilder<Plain>; 4] =
    [|client| client, |client| client.framed(), |client| client.buffered(), |client| client.mux(1)];

const ECHO: usize = 0;
const BIG: usize = 8;
const WHOAMI: usize = 9;
const TREE: usize = 10;

fn text(text: &str) -> Text {
    Text { text: FastStr::new(text) }
}

async fn requests_of_a_client() {
    let (running, _) = start(TCP, |_| {}).await;
    for mode in MODES {
        let long = || text(&"x".repeat(1000));
        let request =
            async |max| ask(&running, |limits| limits.message_max = max, mode, (WHOAMI, long())).await;
        let size = least(request).await;
        assert!((1000..1200).contains(&size), "{size}");
        exact("message_max", size, request).await;
    }
}

async fn replies_to_a_client() {
    let (running, _) = start(TCP, |_| {}).await;
    for mode in MODES {
        let reply =
            async |max| ask(&running, |limits| limits.message_max = max, mode, (BIG, text("1000"))).await;
        let size = least(reply).await;
        assert!((1000..1200).contains(&size), "{size}");
        exact("message_max", size, reply).await;
    }
}

async fn headers_to_a_server() {
    let request = async |max: usize| {
        let (running, _) = start(TCP, |limits| limits.header_max = max).await;
        let mut caller = running.connect(TTHEADER).await;
        caller.header.strings.push(("key".into(), "v".repeat(200).into()));
        said(caller.call("whoami", 1, "x").await)
    };
    // Protocol id, transforms, kind, count, two lengths, key and value; in whole words.
    exact("header_max", (2_usize + 1 + 2 + 4 + 3 + 200).next_multiple_of(4), request).await;
}

async fn headers_of_a_client() {
    let (running, _) = start(TCP, |_| {}).await;
    let request = async |max| {
        let mode = |client: ClientBuilder<Plain>| client.pingpong().caller_name("c".repeat(200));
        ask(&running, |limits| limits.header_max = max, mode, (ECHO, text("x"))).await
    };
    let size = least(request).await;
    assert!((200..400).contains(&size) && size % 4 == 0, "{size}");
    exact("header_max", size, request).await;
}

async fn levels_that_are_known() {
    for dialect in DIALECTS {
        let request = async |max: usize| {
            let (running, _) = start(TCP, |limits| limits.depth_max = max as u32).await;
            let mut caller = running.connect(dialect).await;
            caller.send_value(MessageKind::Call, "tree", 1, Node::nested(20)).await.unwrap();
            said(caller.answer().await)
        };
        exact("depth_max", 21, request).await;
    }
}

async fn levels_of_a_client_s_requests() {
    let (running, _) = start(TCP, |_| {}).await;
    for mode in MODES {
        let request = async |max: usize| {
            ask(&running, |limits| limits.depth_max = max as u32, mode, (TREE, Node::nested(20))).await
        };
        exact("depth_max", 21, request).await;
    }
    let deepest = |structs| ask(&running, |_| {}, |client| client, (TREE, Node::nested(structs)));
    deepest(63).await.unwrap();
    let error = deepest(10_000).await.unwrap_err();
    assert_eq!(error, "Node: Node in it is nested deeper than depth_max of 64");
}

async fn levels_of_a_server_s_replies() {
    for dialect in DIALECTS {
        let reply = async |max: usize| {
            let (running, _) = start(TCP, |limits| limits.depth_max = max as u32).await;
            said(running.connect(dialect).await.call("grow", 1, "20").await)
        };
        exact("depth_max", 22, reply).await; // the result is a struct of its own
    }
}

async fn levels_that_are_skipped() {
    for dialect in DIALECTS {
        let request = async |max: usize| {
            let (running, _) = start(TCP, |limits| limits.depth_max = max as u32).await;
            let mut caller = running.connect(dialect).await;
            // `whoami` takes a text, so a child in field 4 is unknown to it.
            caller.send_value(MessageKind::Call, "whoami", 1, Node::nested(20)).await.unwrap();
            said(caller.answer().await)
        };
        exact("depth_max", 21, request).await;
    }
}

async fn memory_of_a_list() {
    for dialect in DIALECTS {
        let request = async |max: usize| {
            let (running, _) = start(TCP, |limits| limits.decode_memory_max = Some(max)).await;
            let mut caller = running.connect(dialect).await;
            let node = Node { numbers: vec![7; 100], ..Node::default() };
            caller.send_value(MessageKind::Call, "tree", 1, node).await.unwrap();
            said(caller.answer().await)
        };
        exact("decode_memory_max", 800, request).await;
    }
}

/// Milliseconds of a limit of time.
const LIMIT_MS: u64 = 700;
const LIMIT: Duration = Duration::from_millis(LIMIT_MS);

/// Something ended when its time was up; a timer may be a millisecond late.
fn check_time(limit: &str, began: Instant) {
    let took = began.elapsed().as_millis() as u64;
    assert!((LIMIT_MS..=LIMIT_MS + 2).contains(&took), "{limit} of {LIMIT_MS} ms took {took} ms");
}

async fn ends_in_time(limit: &str, set: impl FnOnce(&mut Limits), bytes: &[u8]) {
    let (running, _) = start(TCP, set).await;
    let mut stream = tcp(&running).await;
    let began = Instant::now();
    stream.write_all(bytes).await.unwrap();
    let _ = stream.read(&mut [0; 64]).await;
    check_time(limit, began);
}

#[cfg(feature = "tls")]
async fn a_session_that_is_not_made() {
    let tls = certificates::Authority::new().server().tls();
    let limits = Limits { handshake_timeout: LIMIT, ..Limits::default() };
    let server = Server::new().limits(limits).add_service(Probe::default()).tls(tls);
    let running = Running::start(server.bind("tls://127.0.0.1:0").await.unwrap());
    let Address::Tls(host, port) = &running.address else { unreachable!() };
    let mut stream = TcpStream::connect((host.as_str(), *port)).await.unwrap();
    let began = Instant::now();
    let _ = stream.read(&mut [0; 64]).await;
    check_time("handshake_timeout", began);
}

/// A session through shared memory instead.
#[cfg(all(not(feature = "tls"), target_os = "linux"))]
async fn a_session_that_is_not_made() {
    let path = std::env::temp_dir().join(format!("volo-limits-{}", std::process::id()));
    let limits = Limits { handshake_timeout: LIMIT, ..Limits::default() };
    let server = Server::new().limits(limits).add_service(Probe::default());
    let _running = Running::start(server.bind(format!("shm://{}", path.display()).as_str()).await.unwrap());
    let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    let began = Instant::now();
    let _ = stream.read(&mut [0; 64]).await;
    check_time("handshake_timeout", began);
    let _ = std::fs::remove_file(path);
}

#[cfg(not(any(feature = "tls", target_os = "linux")))]
async fn a_session_that_is_not_made() {
    eprintln!("SKIPPED: handshake_timeout is tested with the feature tls, or on Linux");
}

async fn a_header_that_stalls() {
    ends_in_time("header_timeout", |limits| limits.header_timeout = LIMIT, b"\0\0\x10\0\x10").await;
}

async fn a_frame_that_stalls() {
    ends_in_time("frame_timeout", |limits| limits.frame_timeout = LIMIT, b"\0\0\x10\0\x80\x01").await;
}

/// A call to a server that answers it with `answer`, and then no more; says why it failed.
async fn failure(set: impl FnOnce(&mut Limits), args: Text, answer: &[u8]) -> String {
    let listener = TcpListener::bind(TCP).await.unwrap();
    let mut limits = Limits::default();
    set(&mut limits);
    let client = ClientBuilder::<Plain>::new("probe").address(listener.local_addr().unwrap()).limits(limits);
    let client = client.framed().connect_timeout(Duration::from_secs(5)).rpc_timeout(None).build();
    let calling = call::<_, FastStr, Never>(&client.0, &METHODS[ECHO], args);
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(answer).await.unwrap();
        stream
    };
    match tokio::join!(calling, serving).0 {
        Err(ClientError::Rpc(error)) => texts(&error),
        other => panic!("{other:?}"),
    }
}

async fn a_reply_that_stalls() {
    let began = Instant::now();
    let error = failure(|limits| limits.frame_timeout = LIMIT, text("x"), b"\0\0\x10\0\x80\x01").await;
    assert!(error.contains("not whole after 700ms (frame_timeout)"), "{error}");
    check_time("frame_timeout", began);
}

async fn a_server_that_takes_nothing() {
    let began = Instant::now();
    let large = text(&"x".repeat(12 << 20));
    let error = failure(|limits| limits.write_timeout = LIMIT, large, b"").await;
    assert!(error.contains("took no byte for 700ms (write_timeout)"), "{error}");
    check_time("write_timeout", began);
}

async fn a_peer_that_says_nothing() {
    ends_in_time("idle_timeout", |limits| limits.idle_timeout = LIMIT, b"").await;
}

async fn a_peer_that_takes_nothing() {
    let (running, _) = start("mem://write-timeout", |limits| limits.write_timeout = LIMIT).await;
    let mut caller = running.connect(TTHEADER).await.out_of_order();
    let began = Instant::now();
    for id in 1..=65 {
        caller.send(MessageKind::Call, "big", id, "60000").await; // one more than there are slots
        tokio::task::yield_now().await;
    }
    while poll_fn(|cx| caller.link.poll_flush(cx)).await.is_ok() {
        sleep(Duration::from_millis(1)).await;
    }
    check_time("write_timeout", began);
}

/// How much the kernel takes is its own business, so this only tells that there is an end, which moves with the limit.
async fn replies_that_nobody_reads() {
    const REPLY: usize = 50_000;
    const SMALL: usize = 100 << 10;
    let mut executed = [0, 0];
    for (executed, max) in executed.iter_mut().zip([SMALL, SMALL + (8 << 20)]) {
        let (running, probe) = start(TCP, |limits| limits.write_buffer_max = max).await;
        let mut caller = running.connect(TTHEADER).await;
        let requests: Vec<u8> =
            (1..400).flat_map(|id| caller.encode("echo", id, &"x".repeat(REPLY))).collect();
        let writing = caller.send_raw(&requests);
        let _ = timeout(Duration::from_secs(20), writing).await;
        *executed = probe.journal.lines().len();
    }
    assert!(executed[0] + 50 < executed[1], "{executed:?}");
}

async fn most_at_a_time(calls: i32, name: &str, set: impl FnOnce(&mut Limits)) -> usize {
    let (running, probe) = start(&format!("mem://{name}"), set).await;
    let mut caller = running.connect(TTHEADER).await.out_of_order();
    for id in 1..=calls {
        caller.send(MessageKind::Call, "slow", id, "100").await;
    }
    for _ in 0..calls {
        caller.answer().await;
    }
    probe.journal.most()
}

async fn calls_of_one_connection() {
    for (calls, most) in [(2, 2), (3, 3), (4, 3)] {
        let name = format!("in-flight-{calls}");
        assert_eq!(most_at_a_time(calls, &name, |limits| limits.in_flight_max = 3).await, most);
    }
}

async fn calls_of_a_client() {
    for (calls, most) in [(2, 2), (3, 3), (4, 3)] {
        let (running, probe) = start(&format!("mem://window-{calls}"), |_| {}).await;
        let mut limits = Limits::default();
        limits.in_flight_max = 3;
        let client = ClientBuilder::<Plain>::new("probe").address(running.address.clone()).limits(limits);
        let client = client.mux(1).build();
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..calls {
            let client = client.clone();
            waiting
                .spawn(async move { call::<_, FastStr, Never>(&client.0, &METHODS[1], text("100")).await });
        }
        waiting.join_all().await.into_iter().for_each(|call| drop(call.unwrap()));
        assert_eq!(probe.journal.most(), most);
    }
}

async fn bytes_of_one_connection() {
    let (running, _) = start("mem://frame", |_| {}).await;
    let frame = running.connect(TTHEADER).await.encode("slow", 1, "100").len();
    for (max, most) in [(2 * frame - 1, 2), (2 * frame, 2), (2 * frame + 1, 3)] {
        let set = |limits: &mut Limits| limits.in_flight_bytes_max = max;
        assert_eq!(most_at_a_time(4, &format!("bytes-{max}"), set).await, most, "{max} of {frame}");
    }
}

async fn bytes_of_all_connections() {
    const HELD: usize = 50_000;
    for (max, stays) in [(HELD - 1, false), (HELD, true), (HELD + 1, true)] {
        let (running, _) = start(TCP, |limits| limits.receive_memory_max = Some(max)).await;
        let mut stream = tcp(&running).await;
        let announced = [&100_000_u32.to_be_bytes()[..], b"\x80\x01\0\x01"].concat();
        stream.write_all(&[&announced[..], &vec![7; HELD - 8]].concat()).await.unwrap();
        let ended = timeout(Duration::from_secs(1), stream.read(&mut [0; 64])).await;
        assert_eq!(ended.is_err(), stays, "{HELD} of {max}");
    }
}

/// Told apart by what ends the call: the budget, or the time for a frame.
async fn bytes_of_a_client_s_replies() {
    const HELD: usize = 50_000;
    let reply = [&100_000_u32.to_be_bytes()[..], b"\x80\x01\0\x02", &[7; HELD - 8]].concat();
    for (max, stays) in [(HELD - 1, false), (HELD, true), (HELD + 1, true)] {
        let set = |limits: &mut Limits| {
            (limits.receive_memory_max, limits.frame_timeout) = (Some(max), LIMIT);
        };
        let error = failure(set, text("x"), &reply).await;
        let cause = if stays { "frame_timeout".to_owned() } else { format!("receive_memory_max of {max}") };
        assert!(error.contains(&cause), "{HELD} of {max}: {error}");
    }
}

async fn connections_of_a_server() {
    for (connections, served) in [(1, 1), (2, 2), (3, 2)] {
        let address = format!("mem://connections-{connections}");
        let (running, probe) = start(&address, |limits| limits.connections_max = Some(2)).await;
        let mut callers: Vec<Caller> = Vec::new();
        for id in 0..connections {
            callers.push(running.connect(FRAMED).await);
            callers[id].send(MessageKind::Call, "echo", 1, "hi").await;
        }
        sleep(Duration::from_secs(1)).await;
        assert_eq!(probe.journal.lines().len(), served);
    }
}

async fn calls_of_a_server() {
    let calls = async |max: usize| {
        let address = format!("mem://concurrency-{max}");
        let (running, _) = start(&address, |limits| limits.concurrency_max = Some(max)).await;
        let mut caller = running.connect(TTHEADER).await.out_of_order();
        for id in 1..=3 {
            caller.send(MessageKind::Call, "slow", id, "100").await;
        }
        let mut result = Ok(());
        for _ in 1..=3 {
            result = result.and(said(caller.answer().await));
        }
        result
    };
    exact("concurrency_max", 3, calls).await;
}

async fn a_call_that_waits() {
    for (busy_ms, executed) in [(LIMIT_MS - 1, true), (LIMIT_MS, true), (LIMIT_MS + 1, false)] {
        let address = format!("mem://queue-{busy_ms}");
        let (running, _) = start(&address, |limits| limits.queue_timeout = Some(LIMIT)).await;
        let mut caller = running.connect(FRAMED).await;
        let slow = caller.encode("slow", 1, &busy_ms.to_string());
        caller.send_raw(&[slow, caller.encode("echo", 2, "waits")].concat()).await;
        caller.answer().await;
        let result = said(caller.answer().await);
        assert_eq!(result.is_ok(), executed, "{busy_ms} ms");
        if let Err(text) = result {
            assert!(text.ends_with("waited for 701ms, which passes queue_timeout of 700ms"), "{text}");
        }
    }
}

async fn a_call_that_outlasts_the_server() {
    for (call_ms, answered) in [(LIMIT_MS - 1, true), (LIMIT_MS + 1, false)] {
        let address = format!("mem://drain-{call_ms}");
        let (mut running, _) = start(&address, |limits| limits.drain_timeout = LIMIT).await;
        let mut caller = running.connect(FRAMED).await;
        caller.send(MessageKind::Call, "slow", 1, &call_ms.to_string()).await;
        tokio::task::yield_now().await;
        running.stop();
        let answer = caller.receive().await;
        assert_eq!(answer.is_ok_and(|answer| answer.is_some()), answered, "{call_ms} ms");
        running.task.await.unwrap();
    }
}
