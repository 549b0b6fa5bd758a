//! Bytes that are no messages, messages that are no calls, and headers that lie.

use volo_thrift::protocol::Protocol;

use super::{
    Row,
    bytes::{NO_HEADER, both, framed, later, node, strings, tree, ttheader, ttheader_of},
};
use crate::peer::echo;

const FAULT: &str = "exception 7, kept";
const LOST: &str = "exception 7, closed";
const CLOSED: &str = "nothing, closed";
const WAITS: &str = "nothing, timed out";
const KEPT: &str = "nothing, kept";
const REPLY: &str = "reply, kept";

/// All rows.
pub fn rows() -> Vec<Row> {
    let all = [frames(), heads(), headers(), greetings(), foreign(), good()];
    let rows = all.into_iter().flatten().map(|(name, bytes, expected)| Row::new(name, bytes, expected));
    rows.chain(floods()).collect()
}

type Stream = (&'static str, Vec<u8>, &'static str);

/// Frames whose length lies.
fn frames() -> Vec<Stream> {
    let call = tree(Protocol::Binary, &node(b""));
    vec![
        ("frame of 2^31-1", b"\x7f\xff\xff\xff\x80\x01\0\x01".to_vec(), LOST),
        ("frame of -1", b"\xff\xff\xff\xff\x80\x01\0\x01".to_vec(), LOST),
        ("frame of -2^31", b"\x80\0\0\0\x80\x01\0\x01".to_vec(), LOST),
        ("frame of 16 MiB + 1", b"\x01\0\0\x01\x80\x01\0\x01".to_vec(), LOST),
        ("frame of 16 MiB and its length", b"\x01\0\0\0\x80\x01\0\x01".to_vec(), LOST),
        ("frame of 16 MiB with its length, then silence", b"\0\xff\xff\xfc\x80\x01\0\x01".to_vec(), WAITS),
        ("frame of 0", b"\0\0\0\0\x80\x01\0\x01".to_vec(), CLOSED),
        ("frame of 1", b"\0\0\0\x01\x80".to_vec(), WAITS),
        ("frame of 3", b"\0\0\0\x03\x80\x01\0".to_vec(), FAULT),
        ("frame shorter than its message", framed(&call[..14]), FAULT),
        ("garbage behind the message in its frame", framed(&both(&call, [0xee; 9])), REPLY),
        ("one byte, then silence", b"\0".to_vec(), WAITS),
        ("a length, then silence", b"\0\0\0\x20".to_vec(), WAITS),
        ("all of a frame but its last byte", framed(&call)[..20].to_vec(), WAITS),
        ("compact frame of 2^31-1", b"\x7f\xff\xff\xff\x82\x21\x07\x04".to_vec(), LOST),
        ("zeros", vec![0; 64], CLOSED),
        ("ones", vec![0xff; 64], CLOSED),
    ]
}

/// Message heads that are wrong.
fn heads() -> Vec<Stream> {
    let call = |head: &[u8]| framed(&both(head, b"\0"));
    vec![
        ("method name of 2^31-1", framed(b"\x80\x01\0\x01\x7f\xff\xff\xffecho"), FAULT),
        ("method name of -2^31", framed(b"\x80\x01\0\x01\x80\0\0\0echo"), FAULT),
        ("method name of -1", framed(b"\x80\x01\0\x01\xff\xff\xff\xffecho"), FAULT),
        ("method name not UTF-8", call(b"\x80\x01\0\x01\0\0\0\x02\xff\xfe\0\0\0\x07"), FAULT),
        ("method name of nothing", call(b"\x80\x01\0\x01\0\0\0\0\0\0\0\x07"), "exception 1, kept"),
        ("unframed method name of 2^31-1", b"\x80\x01\0\x01\x7f\xff\xff\xffecho".to_vec(), LOST),
        ("unframed method name of -1", b"\x80\x01\0\x01\xff\xff\xff\xffecho".to_vec(), LOST),
        ("compact method name of 2^32-1", framed(b"\x82\x21\x07\xff\xff\xff\xff\x0fecho"), FAULT),
        ("compact unframed method name of 2^32-1", b"\x82\x21\x07\xff\xff\xff\xff\x0fecho".to_vec(), LOST),
        ("compact sequence id of 20 bytes", framed(&both(b"\x82\x21", [0xff; 20])), FAULT),
        ("compact version 2", call(b"\x82\x22\x07\x04echo"), "exception 9, kept"),
        ("version 0x8002", call(b"\x80\x02\0\x01\0\0\0\x04echo\0\0\0\x07"), "exception 9, kept"),
        ("message type 9", call(b"\x80\x01\0\x09\0\0\0\x04echo\0\0\0\x07"), "exception 2, kept"),
        ("message type 0", call(b"\x80\x01\0\0\0\0\0\x04echo\0\0\0\x07"), "exception 2, kept"),
        ("compact message type 7", call(b"\x82\xe1\x07\x04echo"), "exception 2, kept"),
        ("a reply, sent to a server", call(b"\x80\x01\0\x02\0\0\0\x04echo\0\0\0\x07"), "exception 2, kept"),
        (
            "an exception, sent to a server",
            call(b"\x80\x01\0\x03\0\0\0\x04echo\0\0\0\x07"),
            "exception 2, kept",
        ),
        ("compact reply, sent to a server", call(b"\x82\x41\x07\x04echo"), "exception 2, kept"),
        ("unknown method", call(b"\x80\x01\0\x01\0\0\0\x04what\0\0\0\x07"), "exception 1, kept"),
        ("compact unknown method", call(b"\x82\x21\x07\x04what"), "exception 1, kept"),
        ("unknown service", call(b"\x80\x01\0\x01\0\0\0\x09what:echo\0\0\0\x07"), "exception 20, kept"),
        ("unknown method, oneway", call(b"\x80\x01\0\x04\0\0\0\x04what\0\0\0\x07"), KEPT),
        ("oneway method, called as a call", call(b"\x80\x01\0\x01\0\0\0\x04post\0\0\0\x07"), KEPT),
        ("oneway method", call(b"\x80\x01\0\x04\0\0\0\x04post\0\0\0\x07"), KEPT),
        ("call, sent as oneway", call(b"\x80\x01\0\x04\0\0\0\x04echo\0\0\0\x07"), KEPT),
        ("oneway with arguments that lie", call(b"\x80\x01\0\x04\0\0\0\x04post\0\0\0\x07\x0a"), KEPT),
    ]
}

/// TTHeaders that lie.
fn headers() -> Vec<Stream> {
    let call = echo(7, "hello");
    let with = |header: &[u8]| ttheader(0, header, &call);
    let many: Vec<u8> = (0..1025_u16).flat_map(|key| both(key.to_be_bytes(), [0, 0])).collect();
    vec![
        ("TTHeader of 4 GiB", b"\xff\xff\xff\xff\x10\0\0\0\0\0".to_vec(), LOST),
        ("TTHeader of 2 GiB", b"\x7f\xff\xff\xff\x10\0\0\0\0\0".to_vec(), LOST),
        ("TTHeader of -2^31", b"\x80\0\0\0\x10\0\0\0\0\0".to_vec(), LOST),
        ("TTHeader of 16 MiB and its length", b"\x01\0\0\0\x10\0\0\0\0\0".to_vec(), LOST),
        ("TTHeader of 16 MiB with its length, then silence", b"\0\xff\xff\xfc\x10\0\0\0\0\0".to_vec(), WAITS),
        ("TTHeader of 0", b"\0\0\0\0\x10\0\0\0\0\0".to_vec(), CLOSED),
        ("TTHeader of 6", b"\0\0\0\x06\x10\0\0\0\0\0".to_vec(), FAULT),
        ("header length 0xffff", ttheader_of(0, 0xffff, b"\0\0\0\0", &call), FAULT),
        ("header length 0", ttheader_of(0, 0, b"", &call), FAULT),
        ("header of a word more than there is", ttheader_of(0, 2, b"\0\0\0\0", b""), FAULT),
        ("255 transforms", with(b"\0\xff"), "exception 8, kept"),
        ("1 transform", with(b"\0\x01\x01"), "exception 8, kept"),
        ("unknown protocol id", with(b"\x09\0"), "exception 9, kept"),
        ("protocol id of Protobuf", with(b"\x04\0"), "exception 9, kept"),
        ("unknown info block", with(b"\0\0\x77"), FAULT),
        ("65,535 string pairs, none there", with(b"\0\0\x01\xff\xff"), FAULT),
        ("65,535 integer pairs, none there", with(b"\0\0\x10\xff\xff"), FAULT),
        ("1,025 integer pairs", with(&both(b"\0\0\x10\x04\x01", many)), FAULT),
        ("key of 65,535 bytes", with(b"\0\0\x01\0\x01\xff\xff"), FAULT),
        ("value of 65,535 bytes", with(b"\0\0\x10\0\x01\0\x02\xff\xff"), FAULT),
        ("ACL token of 65,535 bytes", with(b"\0\0\x11\xff\xff"), FAULT),
        ("key not UTF-8", with(b"\0\0\x01\0\x01\0\x02\xff\xfe\0\0"), FAULT),
        ("value not UTF-8", with(b"\0\0\x10\0\x01\0\x02\0\x02\xff\xfe"), FAULT),
        ("message missing", ttheader(0, b"\0\0", b""), FAULT),
        ("message cut short", ttheader(0, b"\0\0", &call[..10]), FAULT),
        ("frame of 4 GiB within", ttheader(0, b"\0\0", &both([0xff; 4], &call)), "exception 9, kept"),
        (
            "reply within",
            ttheader(0, b"\0\0", b"\x80\x01\0\x02\0\0\0\x04echo\0\0\0\x07\0"),
            "exception 2, kept",
        ),
        ("header of 64 KiB and a word", ttheader(0, &[0; 65_540], &call), FAULT),
        ("unknown deployment in the header", with(b"\0\0\x10\0\x01\0\x06\0\x04what"), REPLY),
        ("unknown service in the header", with(&strings(&[(b"isn", b"What")])), "exception 20, kept"),
        ("unknown flags", ttheader(0xfffc, NO_HEADER, &call), REPLY),
        ("flag of a stream", ttheader(2, NO_HEADER, &call), REPLY),
        ("budget that is no number", with(b"\0\0\x10\0\x01\0\x0c\0\x04soon"), REPLY),
        ("budget of -1", with(b"\0\0\x10\0\x01\0\x0c\0\x02-1"), REPLY),
        ("budget of 2^64", with(b"\0\0\x10\0\x01\0\x0c\0\x1418446744073709551616"), REPLY),
        ("checksum that is wrong", with(&strings(&[(b"crc32c", b"00000000")])), LOST),
        ("checksum that is no number", with(&strings(&[(b"crc32c", b"checksum")])), LOST),
        ("checksum of 9 digits", with(&strings(&[(b"crc32c", b"000000000")])), LOST),
        ("checksum of nothing, which is none", with(&strings(&[(b"crc32c", b"")])), REPLY),
        ("header's sequence id differs", other_id(&call), REPLY),
        ("mux: header length 0xffff", ttheader_of(1, 0xffff, b"\0\0\0\0", &call), FAULT),
        ("mux: 255 transforms", ttheader(1, b"\0\xff", &call), "exception 8, kept"),
        (
            "mux: reply within",
            ttheader(1, b"\0\0", b"\x80\x01\0\x02\0\0\0\x04echo\0\0\0\x07\0"),
            "exception 2, kept",
        ),
        ("THeader of fbthrift", framed(b"\x0f\xff\0\0\0\0\0\x01\0\0"), CLOSED),
    ]
}

/// A TTHeader whose own sequence id is not that of the message in it.
fn other_id(call: &[u8]) -> Vec<u8> {
    let mut bytes = ttheader(0, NO_HEADER, call);
    bytes[11] = 0x63;
    bytes
}

/// What clients and servers of ours say to each other, said by somebody else.
fn greetings() -> Vec<Stream> {
    let call = echo(7, "hello");
    let with = |key: &[u8], value: &[u8]| ttheader(0, &strings(&[(key, value)]), &call);
    let oneway = b"\x80\x01\0\x04\0\0\0\x04post\0\0\0\x07\0";
    let unknown = b"\x80\x01\0\x01\0\0\0\x04what\0\0\0\x07\0";
    let asked = strings(&[(b"volo-hello", b"?")]);
    vec![
        ("hello", with(b"volo-hello", b"?"), REPLY),
        ("hello of nothing", with(b"volo-hello", b""), REPLY),
        ("hello of 60,000 bytes", with(b"volo-hello", &[b'?'; 60_000]), REPLY),
        ("hello not UTF-8", with(b"volo-hello", b"\xff\xfe"), FAULT),
        ("hello with another server's instance", with(b"volo-hello", &[b'0'; 32]), REPLY),
        ("hello in mux", ttheader(1, &asked, &call), REPLY),
        ("hello to an unknown method", ttheader(0, &asked, unknown), REPLY),
        ("hello, oneway", ttheader(0, &asked, oneway), KEPT),
        ("hello with a body that lies", ttheader(0, &asked, &tree(Protocol::Binary, b"\x0c")), REPLY),
        ("announcement of nothing", with(b"volo-announce", b""), REPLY),
        ("announcement of 60,000 bytes", with(b"volo-announce", &[b','; 60_000]), REPLY),
        ("announcement not UTF-8", with(b"volo-announce", b"\xff"), FAULT),
        ("announcement of unknown features", with(b"volo-announce", b"mux,warp,\0"), REPLY),
        (
            "1,000 announcements",
            ttheader(0, &strings(&[(&b"volo-announce"[..], &b"mux"[..]); 1000]), &call),
            REPLY,
        ),
        ("advert, sent to a server", with(b"volo-advert", b"mux;00"), REPLY),
        ("not-executed marker, sent to a server", with(b"volo-not-executed", b"1"), REPLY),
        ("end announced by a client", with(b"crrst", b"1"), REPLY),
        ("business status, sent to a server", with(b"biz-status", b"-1"), REPLY),
    ]
}

/// Much of something harmless in one go.
fn floods() -> Vec<Row> {
    let call = echo(7, "hello");
    let hello = ttheader(0, &strings(&[(b"volo-hello", b"?")]), &call);
    let announced = ttheader(0, &strings(&[(b"volo-announce", b"mux")]), &call);
    let unknown = framed(b"\x80\x01\0\x01\0\0\0\x04what\0\0\0\x07\0");
    let post = framed(b"\x80\x01\0\x04\0\0\0\x04post\0\0\0\x07\0");
    let broken = framed(b"\x80\x01\0\x01\0\0\0\x04tree\0\0\0\x07\x0c");
    vec![
        Row::new("50 calls at once", framed(&call), REPLY).times(50),
        Row::new("10,000 hellos at once", hello, REPLY).times(10_000),
        Row::new("10,000 announcements at once", announced, REPLY).times(10_000),
        Row::new("10,000 calls of an unknown method at once", unknown, "exception 1, kept").times(10_000),
        Row::new("10,000 calls cut short at once", broken, FAULT).times(10_000),
        Row::new("10,000 oneway calls at once", post, KEPT).times(10_000),
        // All with the same sequence id, and more than may be under way.
        Row::new("mux: 3,000 slow calls at once", ttheader(1, NO_HEADER, &later()), REPLY).times(3000),
    ]
}

/// Other protocols.
fn foreign() -> Vec<Stream> {
    let noise = (0..4000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8 | 0x40).collect();
    vec![
        ("HTTP GET", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), "http 400, closed"),
        ("HTTP POST", b"POST /x HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), "http 400, closed"),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), "http2 goaway, closed"),
        ("TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(), "tls alert, closed"),
        ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(), LOST),
        ("Redis", b"*1\r\n$4\r\nPING\r\n".to_vec(), LOST),
        ("noise", noise, LOST),
    ]
}

/// What looks odd and is right.
fn good() -> Vec<Stream> {
    let call = echo(7, "hello");
    vec![
        ("a call without framing", call.clone(), REPLY),
        ("a call in a frame in a TTHeader", ttheader(0, b"\0\0", &framed(&call)), REPLY),
        ("a call", framed(&call), REPLY),
        ("a call without version", framed(b"\0\0\0\x04echo\x01\0\0\0\x07\x0b\0\x01\0\0\0\x01a\0"), REPLY),
    ]
}
