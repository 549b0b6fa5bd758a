//! No bytes from a peer kill a server, keep it busy, or take more of its memory than the limits say.
//!
//! The allocator of this binary counts, so its tests run one after the other, in one function.

mod server_support;

use std::time::{Duration, Instant};

use heap_meter::BytesMeter;
use server_support::{FRAMED, Node, Probe, Running, TTHEADER, Text, soon};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use volo_core::Address;
use volo_thrift::{Limits, Server, wire::MessageKind};

#[global_allocator]
static ALLOCATOR: BytesMeter = BytesMeter::new();

/// Bytes of heap in use, from now on at most.
struct Peak(usize);

impl Peak {
    fn start() -> Self {
        Peak(heap_meter::mark())
    }

    fn growth(&self) -> usize {
        heap_meter::peak().saturating_sub(self.0)
    }
}

const MEBIBYTE: usize = 1 << 20;

/// A call of `tree` with these arguments, in Binary without any framing.
fn binary(args: &[u8]) -> Vec<u8> {
    [b"\x80\x01\0\x01\0\0\0\x04tree\0\0\0\x07", args].concat()
}

/// The same in Compact.
fn compact(args: &[u8]) -> Vec<u8> {
    [b"\x82\x21\x07\x04tree", args].concat()
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_be_bytes()[..], message].concat()
}

fn with_header(message: &[u8]) -> Vec<u8> {
    let header = [&b"\x10\0\0\0\0\0\0\x07\0\x01\0\0\0\0"[..], message].concat();
    framed(&header)
}

/// Field `id` of a Binary struct with a container head: element type(s), then the count.
fn container(field_type: u8, id: u8, elements: &[u8], count: i32) -> Vec<u8> {
    [&[field_type, 0, id][..], elements, &count.to_be_bytes()].concat()
}

/// Arguments in Binary that claim more than they have, or what can't be.
fn lying_binary_args() -> Vec<(&'static str, Vec<u8>)> {
    const HUGE: i32 = i32::MAX;
    vec![
        ("list<i64> of 2^31-1", container(15, 1, &[10], HUGE)),
        ("list<struct> of 2^31-1", container(15, 5, &[12], HUGE)),
        ("list<bool> of 2^31-1", container(15, 8, &[2], HUGE)),
        ("list<map> of 2^31-1", container(15, 9, &[13], HUGE)),
        ("list<list> of 2^31-1", container(15, 10, &[15], HUGE)),
        ("set<string> of 10^8", container(14, 2, &[11], 100_000_000)),
        ("map<string,string> of 2^31-1", container(13, 3, &[11, 11], HUGE)),
        ("list of -1", container(15, 1, &[10], -1)),
        ("set of -1", container(14, 2, &[11], -1)),
        ("map of -1", container(13, 3, &[11, 11], -1)),
        ("string of 2^31-1", container(11, 6, &[], HUGE)),
        ("string of -1", container(11, 6, &[], -1)),
        ("binary of 2^31-1", container(11, 7, &[], HUGE)),
        ("binary of -1", container(11, 7, &[], -1)),
        ("string of invalid UTF-8", [&container(11, 6, &[], 2)[..], b"\xff\xfe\0"].concat()),
        ("list of another element type", [&container(15, 1, &[11], 1)[..], b"\0\0\0\0\0"].concat()),
        ("unknown list of void", container(15, 99, &[0], HUGE)),
        ("unknown map of void", container(13, 99, &[0, 0], HUGE)),
        ("unknown list<struct> of 2^31-1", container(15, 99, &[12], HUGE)),
        ("unknown string of -1", container(11, 99, &[], -1)),
        ("unknown field type", b"\x63\0\x01\0".to_vec()),
        ("known structs 100,000 deep", [&b"\x0c\0\x04".repeat(100_000)[..], &[0; 100_001]].concat()),
        ("unknown structs 100,000 deep", [&b"\x0c\0\x63".repeat(100_000)[..], &[0; 100_001]].concat()),
        ("unknown lists 100,000 deep", [&b"\x0f\0\x63"[..], &b"\x0f\0\0\0\x01".repeat(100_000)].concat()),
        ("no arguments at all", Vec::new()),
    ]
}

/// As [`lying_binary_args`], in Compact.
fn lying_compact_args() -> Vec<(&'static str, Vec<u8>)> {
    const HUGE: &[u8] = b"\xff\xff\xff\xff\x07";
    let long = |head: &[u8]| [head, HUGE].concat();
    vec![
        ("compact list<i64> of 2^31-1", long(b"\x19\xf6")),
        ("compact list<struct> of 2^31-1", long(b"\x59\xfc")),
        ("compact set of 2^31-1", long(b"\x2a\xf8")),
        ("compact map of 2^31-1", [b"\x3b", HUGE, b"\x88"].concat()),
        ("compact list of 2^32-1", b"\x19\xf6\xff\xff\xff\xff\x0f".to_vec()),
        ("compact string of 2^32-1", b"\x68\xff\xff\xff\xff\x0f".to_vec()),
        ("compact varint of 20 bytes", [b"\x68", &[0xff; 20][..]].concat()),
        ("compact known structs 100,000 deep", b"\x4c".repeat(100_000)),
        ("compact unknown structs 100,000 deep", [&b"\xfc"[..], &b"\x1c".repeat(100_000)].concat()),
        ("compact field id out of range", b"\x05\xff\xff\xff\xff\x0f\0\0".to_vec()),
    ]
}

/// Streams that are no messages.
fn lying_streams() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("frame of 2^31-1", b"\x7f\xff\xff\xff\x80\x01\0\x01".to_vec()),
        ("frame of -1", b"\xff\xff\xff\xff\x80\x01\0\x01".to_vec()),
        ("frame of 0", b"\0\0\0\0\x80\x01\0\x01".to_vec()),
        ("frame shorter than its message", framed(&binary(&[0])[..14])),
        ("TTHeader of 4 GiB", b"\xff\xff\xff\xff\x10\0\0\0\0\0".to_vec()),
        ("TTHeader of 6 bytes", b"\0\0\0\x06\x10\0\0\0\0\0".to_vec()),
        (
            "TTHeader whose header is longer than it",
            framed(b"\x10\0\0\0\0\0\0\x01\xff\xff\0\0\0\0\x80\x01\0\x01"),
        ),
        ("TTHeader with 255 transforms", framed(b"\x10\0\0\0\0\0\0\x01\0\x01\0\xff\0\0\x80\x01\0\x01")),
        (
            "TTHeader with 65,535 absent pairs",
            framed(b"\x10\0\0\0\0\0\0\x01\0\x02\0\0\x01\xff\xff\0\0\0\x80\x01"),
        ),
        ("TTHeader of unknown protocol", framed(b"\x10\0\0\0\0\0\0\x01\0\x01\x09\0\0\0\x80\x01\0\x01")),
        ("method name of 2^31-1", framed(b"\x80\x01\0\x01\x7f\xff\xff\xffecho")),
        ("method name of -1", framed(b"\x80\x01\0\x01\xff\xff\xff\xffecho")),
        ("unframed method name of 2^31-1", b"\x80\x01\0\x01\x7f\xff\xff\xffecho".to_vec()),
        ("bad version", framed(b"\x80\x02\0\x01\0\0\0\x04echo\0\0\0\x01\0")),
        ("bad message type", framed(b"\x80\x01\0\x09\0\0\0\x04echo\0\0\0\x01\0")),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec()),
        ("noise", (0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8 | 0x40).collect()),
    ]
}

async fn connect(running: &Running) -> TcpStream {
    let Address::Tcp(address) = running.address else { unreachable!() };
    TcpStream::connect(address).await.unwrap()
}

/// Sends `bytes`, ends the stream, and gives what comes back before the server ends it as well.
async fn provoke(running: &Running, bytes: &[u8]) -> Vec<u8> {
    let (mut read, mut write) = connect(running).await.into_split();
    let mut answer = Vec::new();
    let talk = async {
        let _ = write.write_all(bytes).await; // a server may close before it has it all
        let _ = write.shutdown().await;
    };
    let listen = async {
        let _ = read.read_to_end(&mut answer).await;
    };
    soon(async { tokio::join!(talk, listen) }).await;
    answer
}

async fn serves_on(running: &Running, name: &str) {
    let mut caller = running.connect(FRAMED).await;
    assert_eq!(soon(caller.call("echo", 1, "alive")).await.text(), "alive", "after {name}");
}

async fn start(limits: Limits) -> Running {
    let server = Server::new().limits(limits).add_service(Probe::default());
    Running::start(server.bind("127.0.0.1:0").await.unwrap())
}

#[test]
fn nothing_a_peer_sends_does_harm() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let running = start(Limits::default()).await;
        serves_on(&running, "the start").await;
        lies_are_answered_or_ended(&running).await;
        a_fault_inside_a_frame_costs_no_connection(&running).await;
        calls_cut_at_any_byte_do_no_harm(&running).await;
        full_size_bombs_meet_the_budget(&running).await;
        a_peer_that_never_reads_takes_one_write_buffer(&running).await;
        a_thousand_stalled_connections_stay_within_the_budget().await;
    });
}

async fn lies_are_answered_or_ended(running: &Running) {
    let mut inputs = lying_streams();
    for (name, args) in lying_binary_args() {
        inputs.push((name, framed(&binary(&args))));
        inputs.push((name, with_header(&binary(&args))));
        inputs.push((name, binary(&args)));
    }
    for (name, args) in lying_compact_args() {
        inputs.push((name, framed(&compact(&args))));
        inputs.push((name, with_header(&compact(&args))));
        inputs.push((name, compact(&args)));
    }
    for (name, input) in &inputs {
        let (peak, began) = (Peak::start(), Instant::now());
        let answer = provoke(running, input).await;
        let (growth, took) = (peak.growth(), began.elapsed());
        assert!(took < Duration::from_secs(2), "{name} took {took:?}");
        assert!(growth < MEBIBYTE + 4 * input.len(), "{name} took {growth} bytes of memory");
        let told = answer.windows(3).any(|bytes| matches!(bytes, [0x80, 1, 0] | [0x82, 0x61, _]));
        let foreign = answer.starts_with(b"HTTP/1.1 400") || name.starts_with("HTTP/2") || *name == "TLS";
        assert!(told || foreign || answer.is_empty(), "{name}: {answer:?}");
        serves_on(running, name).await;
    }
    println!("{} hostile inputs", inputs.len());
}

async fn a_fault_inside_a_frame_costs_no_connection(running: &Running) {
    let mut stream = connect(running).await;
    for (name, args) in lying_binary_args() {
        stream.write_all(&framed(&binary(&args))).await.unwrap();
        let answer = soon(read_frame(&mut stream)).await;
        assert_eq!(answer[..4], [0x80, 1, 0, 3], "{name}: {answer:?}");
    }
}

async fn read_frame(stream: &mut TcpStream) -> Vec<u8> {
    let len = stream.read_u32().await.unwrap();
    let mut frame = vec![0; len as usize];
    stream.read_exact(&mut frame).await.unwrap();
    frame
}

async fn calls_cut_at_any_byte_do_no_harm(running: &Running) {
    let node = Node { name: "n".into(), numbers: vec![1, 2], photo: "p".into(), ..Node::default() };
    let node =
        Node { child: Some(Box::new(node.clone())), children: vec![node.clone(), node], ..Node::default() };
    for dialect in [FRAMED, TTHEADER] {
        let whole = running.connect(dialect).await.encode_value("tree", 7, node.clone());
        for cut in 0..whole.len() {
            assert_eq!(provoke(running, &whole[..cut]).await, b"", "cut at {cut}");
        }
        assert!(!provoke(running, &whole).await.is_empty());
    }
    serves_on(running, "cut calls").await;
}

/// The largest message there may be, full of what takes least on the wire and most in memory.
async fn full_size_bombs_meet_the_budget(running: &Running) {
    let limits = Limits::default();
    let room = limits.message_max - 100;
    let filled = |head: Vec<u8>, element: &[u8]| {
        let count = ((room - head.len()) / element.len()) as i32;
        let mut args = head;
        let at = args.len() - 4;
        args[at..].copy_from_slice(&count.to_be_bytes());
        args.extend(element.repeat(count as usize));
        args.push(0);
        framed(&binary(&args))
    };
    let bombs = [
        ("empty structs", filled(container(15, 5, &[12], 0), &[0])),
        ("empty maps", filled(container(15, 9, &[13], 0), &[11, 11, 0, 0, 0, 0])),
        ("empty lists", filled(container(15, 10, &[15], 0), &[2, 0, 0, 0, 0])),
        ("equal names", filled(container(14, 2, &[11], 0), &[0, 0, 0, 0])),
    ];
    for (name, bomb) in &bombs {
        let (peak, began) = (Peak::start(), Instant::now());
        let answer = provoke(running, bomb).await;
        let growth = peak.growth();
        let budget = 2 * limits.message_max + limits.decode().memory_max + 2 * MEBIBYTE;
        assert!(growth < budget, "{name} took {} MiB of {}", growth / MEBIBYTE, budget / MEBIBYTE);
        assert!(!answer.is_empty(), "{name}");
        println!("{name}: {} MiB, {:?}", growth / MEBIBYTE, began.elapsed());
        serves_on(running, name).await;
    }
}

async fn a_peer_that_never_reads_takes_one_write_buffer(running: &Running) {
    let mut caller = running.connect(TTHEADER).await.out_of_order();
    let peak = Peak::start();
    let flood = async {
        for id in 0..100_000 {
            let text = if id % 2 == 0 { "60000" } else { "60000/later" };
            let args = Text { text: text.into() };
            caller.send_value(MessageKind::Call, "big", id, args).await.unwrap();
        }
    };
    let stuck = tokio::time::timeout(Duration::from_secs(2), flood).await;
    assert!(stuck.is_err(), "a server that has no room for replies stops reading");
    let growth = peak.growth();
    // The write buffer, the calls under way, and buffers of both ends.
    let most = Limits::default().write_buffer_max + Limits::default().in_flight_max * 61_000 + 4 * MEBIBYTE;
    println!("never reads: {} MiB of {}", growth / MEBIBYTE, most / MEBIBYTE);
    assert!(growth < most, "{growth}");
    serves_on(running, "a peer that never reads").await;
}

async fn a_thousand_stalled_connections_stay_within_the_budget() {
    let mut limits = Limits::default();
    limits.receive_memory_max = Some(32 * MEBIBYTE);
    limits.frame_timeout = Duration::from_secs(3);
    let running = start(limits).await;
    serves_on(&running, "the start").await;
    let count = 1000.min(descriptors().saturating_sub(200) / 2);
    let partial =
        [&(16_000_000_u32).to_be_bytes()[..], b"\x80\x01\0\x01\0\0\0\x04tree", &[7; 100_000]].concat();
    let peak = Peak::start();
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = connect(&running).await;
        let _ = tokio::time::timeout(Duration::from_millis(50), stream.write_all(&partial)).await;
        streams.push(stream);
    }
    serves_on(&running, "a thousand stalls").await;
    let growth = peak.growth();
    println!("{count} stalled: {} MiB", growth / MEBIBYTE);
    // What was received may lie in memory of up to twice the size, and small starts of frames are never refused.
    assert!(growth < 2 * 32 * MEBIBYTE + count * (2 * 16 + 16) * 1024, "{} MiB", growth / MEBIBYTE);
    for stream in &mut streams {
        let ended = soon(stream.read(&mut [0; 16])).await;
        assert!(matches!(ended, Ok(0) | Err(_)), "let go after frame_timeout: {ended:?}");
    }
    serves_on(&running, "all stalls ended").await;
}

/// How many descriptors this process may have.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(1024)
}
