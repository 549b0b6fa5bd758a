//! Callers of every kind over real sockets: old heads, multiplexed names, headers, checksums, and no Thrift at all.

mod server_support;

use faststr::FastStr;
use server_support::{Caller, FRAMED, Probe, Running, TTHEADER, soon};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use volo_core::{Address, Request};
use volo_thrift::{
    HandlerFuture, Method, Server, ServerError, Service,
    handler::{handle, unknown_method},
    protocol::Protocol,
    wire::{Dialect, Framing, Header, MessageKind},
};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A message with its length before it.
fn framed(message: &str) -> String {
    format!("{:08x} {message}", hex(message).len())
}

/// A message behind a TTHeader whose info blocks these are.
fn with_header(info: &str, message: &str) -> String {
    let words = hex(info).len().div_ceil(4);
    let padding = "00".repeat(words * 4 - hex(info).len());
    framed(&format!("1000 0000 00000007 {words:04x} {info} {padding} {message}"))
}

async fn start(server: Server) -> Running {
    Running::start(server.add_service(Probe::default()).bind("127.0.0.1:0").await.unwrap())
}

async fn connect(running: &Running) -> TcpStream {
    let Address::Tcp(address) = running.address else { unreachable!() };
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends `bytes` one by one, and reads so many.
async fn trickle(stream: &mut TcpStream, bytes: &[u8], wanted: usize) -> Vec<u8> {
    for byte in bytes {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = vec![0; wanted];
    soon(stream.read_exact(&mut answer)).await.unwrap();
    answer
}

#[tokio::test]
async fn heads_without_version_are_read_byte_by_byte_and_answered_strictly() {
    let running = start(Server::new()).await;
    let mut stream = connect(&running).await;
    let call = "00000004 6563686f 01 00000007 0b0001 00000002 6869 00"; // echo("hi")
    let reply = hex("80010002 00000004 6563686f 00000007 0b0000 00000002 6869 00");
    let unknown = "00000004 6e6f7065 01 00000008 00";
    for _ in 0..2 {
        assert_eq!(trickle(&mut stream, &hex(call), reply.len()).await, reply);
        let expected = [&(reply.len() as u32).to_be_bytes()[..], &reply].concat();
        assert_eq!(trickle(&mut stream, &hex(&framed(call)), expected.len()).await, expected);
        let head = hex("80010003 00000004 6e6f7065 00000008");
        let answer = trickle(&mut stream, &hex(unknown), head.len() + 34).await;
        assert_eq!(answer[..head.len()], head, "an exception, strict and unframed");
    }
}

#[tokio::test]
async fn every_framing_is_found_one_byte_at_a_time() {
    let running = start(Server::new()).await;
    let mut stream = connect(&running).await;
    let binary = "80010001 00000004 6563686f 00000007 0b0001 00000002 6869 00";
    let compact = "8221 07 04 6563686f 18 02 6869 00";
    let reply = "80010002 00000004 6563686f 00000007 0b0000 00000002 6869 00";
    let compact_reply = "8241 07 04 6563686f 08 00 02 6869 00";
    let mesh = "ffaf 0010 0001 0006 54454e414e54 0004 6d657368";
    for (call, answer) in [
        (binary.to_owned(), reply.to_owned()),
        (compact.to_owned(), compact_reply.to_owned()),
        (framed(binary), framed(reply)),
        (framed(compact), framed(compact_reply)),
        (format!("{mesh} {binary}"), reply.to_owned()),
        (format!("{mesh} {}", framed(binary)), framed(reply)),
        (with_header("00 00", binary), with_header("00 00 10 0001 0016 0001 32", reply)),
        (
            with_header("00 00", &framed(compact)),
            with_header("02 00 10 0001 0016 0001 32", &framed(compact_reply)),
        ),
    ] {
        assert_eq!(trickle(&mut stream, &hex(&call), hex(&answer).len()).await, hex(&answer), "{call}");
    }
}

#[tokio::test]
async fn who_speaks_no_thrift_is_told_once_and_left() {
    let running = start(Server::new()).await;
    let http = b"HTTP/1.1 400 Bad Request\r\n";
    let foreign: [(&[u8], &[u8], usize); 4] = [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", http, 121),
        (b"POST /Echo/echo HTTP/1.1\r\n\r\n", http, 121),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", b"\0\0\0\x04\0\0\0\0\0", 26),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"\x15\x03\x01\0\x02\x02\x46", 7),
    ];
    for (bytes, start, len) in foreign {
        let mut stream = connect(&running).await;
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        soon(stream.read_to_end(&mut answer)).await.unwrap();
        assert!(answer.starts_with(start), "{answer:?}");
        assert_eq!(answer.len(), len, "{:?}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn metainfo_of_a_mesh_header_reaches_the_handler() {
    let running = start(Server::new()).await;
    let mut stream = connect(&running).await;
    let pairs = "0001 0012 5250435f504552534953545f54454e414e54 0001 61"; // RPC_PERSIST_TENANT: a
    let call = framed("80010001 00000006 77686f616d69 00000007 00"); // whoami()
    stream.write_all(&hex(&format!("ffaf {:04x} {pairs} {call}", hex(pairs).len()))).await.unwrap();
    let answer = read_frame(&mut stream).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    assert!(text.contains("Probe.whoami Some(\"a\") 127.0.0.1"), "{text}");
}

#[tokio::test]
async fn checksums_are_checked_and_answered_with_one() {
    let running = start(Server::new()).await;
    let mut stream = connect(&running).await;
    let payload = "80010001 00000004 6563686f 00000007 0b0001 00000002 6869 00";
    let frame = |sum: &str| {
        let pair = format!("0006 {} 0008 {}", text("crc32c"), text(sum));
        hex(&with_header(&format!("00 00 01 0001 {pair}"), payload))
    };
    let good = frame(&format!("{:08x}", crc32c::crc32c(&hex(payload))));
    stream.write_all(&good).await.unwrap();
    let answer = read_frame(&mut stream).await;
    assert!(contains(&answer, b"crc32c") && contains(&answer, b"hi"), "{answer:?}");
    stream.write_all(&frame("00000000")).await.unwrap();
    let answer = String::from_utf8_lossy(&read_frame(&mut stream).await).into_owned();
    assert!(answer.contains("payload was damaged"), "{answer}");
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "nothing behind it can be relied on");

    // The switch lets every reply carry one, whatever its size and whoever encoded it.
    let running = start(Server::new().checksums()).await;
    for framing in [Framing::TtHeader, Framing::TtHeaderFramed] {
        let mut caller = running.connect(Dialect::new(framing, Protocol::Binary)).await;
        for (id, len) in [(1, "5"), (2, "70000"), (3, "3000000/later")] {
            let answer = soon(caller.call("big", id, len)).await;
            assert!(answer.checksum, "{framing:?} {len}");
            assert_eq!(answer.text().len(), len.split('/').next().unwrap().parse::<usize>().unwrap());
        }
    }
}

fn text(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

async fn read_frame(stream: &mut TcpStream) -> Vec<u8> {
    let len = soon(stream.read_u32()).await.unwrap();
    let mut frame = vec![0; len as usize];
    soon(stream.read_exact(&mut frame)).await.unwrap();
    frame
}

/// Two services with a method of the same name.
struct Named(&'static str, &'static [Method]);

static CATALOG: [Method; 1] = [Method { service: "Catalog", name: "echo", oneway: false, idempotent: false }];
static ORDERING: [Method; 1] =
    [Method { service: "Ordering", name: "echo", oneway: false, idempotent: false }];

impl Service for Named {
    fn name(&self) -> &'static str {
        self.0
    }

    fn methods(&self) -> &'static [Method] {
        self.1
    }

    fn call(&self, method: usize, request: Request) -> HandlerFuture {
        let name = self.0;
        match method {
            0 => handle(request, async move |args: server_support::Text| -> Result<FastStr, ServerError> {
                Ok(format!("{name} {}", args.text).into())
            }),
            _ => unknown_method(request),
        }
    }
}

async fn two_services() -> Running {
    let server = Server::new().service_name_required();
    let server = server.add_service(Named("Catalog", &CATALOG)).add_service(Named("Ordering", &ORDERING));
    Running::start(server.bind("127.0.0.1:0").await.unwrap())
}

#[tokio::test]
async fn a_service_is_found_by_the_name_a_call_gives() {
    let running = two_services().await;
    for framing in [Framing::Buffered, Framing::Framed, Framing::TtHeader] {
        for protocol in [Protocol::Binary, Protocol::Compact] {
            let mut caller = running.connect(Dialect::new(framing, protocol)).await;
            let answer = soon(caller.call("Ordering:echo", 1, "a")).await;
            assert_eq!(answer.name, "echo", "as Apache's multiplexed servers answer");
            assert_eq!(answer.text(), "Ordering a");
            assert_eq!(soon(caller.call("Catalog:echo", 2, "b")).await.text(), "Catalog b");
            assert_eq!(soon(caller.call("Billing:echo", 3, "c")).await.fault().0, 20, "UNKNOWN_SERVICE");
            assert_eq!(soon(caller.call("Catalog:sell", 4, "d")).await.fault().0, 1, "UNKNOWN_METHOD");
            assert_eq!(soon(caller.call("echo", 5, "e")).await.fault().0, 21, "NO_SERVICE_NAME");
        }
    }
    let mut caller = running.connect(TTHEADER).await;
    caller.header.strings = vec![("isn".into(), "Catalog".into())];
    assert_eq!(soon(caller.call("echo", 1, "f")).await.text(), "Catalog f");
    caller.header.strings = vec![("isn".into(), "Billing".into())];
    assert_eq!(soon(caller.call("echo", 2, "g")).await.fault().0, 20, "UNKNOWN_SERVICE");
}

/// The type of the exception that answers these bytes in a TTHeader without keys.
async fn fault_of(caller: &mut Caller, kind: MessageKind, name: &str) -> i32 {
    caller.send(kind, name, 9, "x").await;
    soon(caller.answer()).await.fault().0
}

#[tokio::test]
async fn each_fault_has_its_own_type() {
    let running = start(Server::new()).await;
    let mut caller = running.connect(TTHEADER).await;
    assert_eq!(fault_of(&mut caller, MessageKind::Call, "nothing").await, 1, "UNKNOWN_METHOD");
    assert_eq!(fault_of(&mut caller, MessageKind::Reply, "echo").await, 2, "INVALID_MESSAGE_TYPE");
    assert_eq!(fault_of(&mut caller, MessageKind::Exception, "echo").await, 2, "INVALID_MESSAGE_TYPE");
    assert_eq!(fault_of(&mut caller, MessageKind::Call, "boom").await, 6, "INTERNAL_ERROR");
    assert_eq!(fault_of(&mut caller, MessageKind::Call, "refuse").await, 1234, "the handler's own");
    caller.header = Header { strings: vec![("isn".into(), "Nobody".into())], ..Header::default() };
    assert_eq!(fault_of(&mut caller, MessageKind::Call, "echo").await, 20, "UNKNOWN_SERVICE");

    let head = "80010001 00000004 6563686f 00000007";
    for (frame, kind) in [
        (framed("80010009 00000004 6563686f 00000007 00"), 2),
        (framed(&format!("{head} 0b0001 ffffffff 00")), 7),
        (with_header("00 01 01", &format!("{head} 00")), 8),
        (with_header("04 00", &format!("{head} 00")), 9),
        (framed("8222 07 04 6563686f 00"), 9),
    ] {
        let mut stream = connect(&running).await;
        stream.write_all(&hex(&frame)).await.unwrap();
        let answer = read_frame(&mut stream).await;
        let zigzag = answer[0] == 0x82; // Compact
        let number = answer[answer.len() - 2] >> u8::from(zigzag);
        assert_eq!(i32::from(number), kind, "{frame}");
    }
}

#[tokio::test]
async fn the_method_decides_whether_there_is_a_reply() {
    let running = start(Server::new()).await;
    for dialect in [FRAMED, TTHEADER] {
        let mut caller = running.connect(dialect).await;
        caller.send(MessageKind::Call, "post", 1, "a oneway method, called and waited for").await;
        caller.send(MessageKind::Oneway, "echo", 2, "a method with a result, which nobody wants").await;
        caller.send(MessageKind::Oneway, "boom", 3, "a failure that nobody wants").await;
        caller.send(MessageKind::Call, "echo", 4, "hi").await;
        let answer = soon(caller.answer()).await;
        assert_eq!((answer.id, answer.text().as_str()), (4, "hi"), "{dialect:?}");
        assert_eq!(soon(caller.call("echo", 5, "next")).await.id, 5, "one reply to each call");
    }
}
