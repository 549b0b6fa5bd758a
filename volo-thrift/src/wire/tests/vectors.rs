//! Bytes that real libraries produced, read and written.

use volo_core::net::{Frame, Framer};

use super::*;
use Framing::{Buffered, Framed, TtHeader, TtHeaderFramed};
use Protocol::{Binary, Compact};

const PING: &str = "80010001 00000004 70696e67 00000001 00";

fn ping() -> MessageHead {
    MessageHead::new(MessageKind::Call, "ping", 1)
}

fn header(integers: &[(u16, &'static str)], strings: &[(&'static str, &'static str)]) -> Header {
    Header {
        integers: integers.iter().map(|(key, value)| (*key, (*value).into())).collect(),
        strings: strings.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        ..Header::default()
    }
}

/// The message is written as exactly these bytes, and read from them.
fn check(dialect: Dialect, header: Option<Header>, head: MessageHead, body: &str, bytes: &str) {
    let body = raw(dialect.protocol, hex(body));
    let written = encode(dialect, &header.clone().unwrap_or_default(), &head, &body).unwrap();
    assert_eq!(written, hex(bytes));
    check_read(dialect, header, head, &body, bytes);
}

fn check_read(dialect: Dialect, header: Option<Header>, head: MessageHead, body: &Body, bytes: &str) {
    let read = parse(hex(bytes), dialect, &Limits::default()).unwrap();
    let Body::Raw(body) = body else { panic!("encoded body") };
    assert_eq!((read.dialect, read.header, read.head), (dialect, header.map(Arc::new), head));
    assert_eq!((read.body.bytes, read.body.format), (body.bytes.clone(), body.format));
}

#[test]
fn heads() {
    let oneway = MessageHead { kind: MessageKind::Oneway, ..ping() };
    check(dialect(Buffered, Binary), None, ping(), "00", PING);
    check(dialect(Buffered, Compact), None, ping(), "00", "82 21 01 04 70696e67 00");
    check(dialect(Buffered, Compact), None, oneway, "00", "82 81 01 04 70696e67 00");
    let negative = MessageHead { sequence_id: -1, ..ping() };
    check(dialect(Buffered, Compact), None, negative, "00", "82 21 ffffffff0f 04 70696e67 00");
}

#[test]
fn a_head_without_version_is_read() {
    let body = raw(Binary, hex("00"));
    check_read(dialect(Buffered, Binary), None, ping(), &body, "00000004 70696e67 01 00000001 00");
    check_read(dialect(Framed, Binary), None, ping(), &body, "0000000e 00000004 70696e67 01 00000001 00");
}

#[test]
fn exceptions() {
    let text = "756e6b6e6f776e206d6574686f642070696e67";
    let head = MessageHead { kind: MessageKind::Exception, ..ping() };
    let body = format!("0b0001 00000013 {text} 080002 00000001 00");
    let bytes = format!("80010003 00000004 70696e67 00000001 {body}");
    check(dialect(Buffered, Binary), None, head, &body, &bytes);
}

#[test]
fn framed() {
    check(dialect(Framed, Binary), None, ping(), "00", &format!("00000011 {PING}"));
}

#[test]
fn ttheaders() {
    let ttheader = |header: Header, bytes: &str| {
        check(dialect(TtHeader, Binary), Some(header), ping(), "00", &format!("{bytes} {PING}"))
    };
    ttheader(header(&[], &[]), "0000001f 1000 0000 00000001 0001 00 00 0000");
    ttheader(
        header(&[(9, "ping")], &[]),
        "0000002b 1000 0000 00000001 0004 00 00 10 0001 0009 0004 70696e67 000000",
    );
    ttheader(
        header(&[], &[("RPC_PERSIST_K", "v")]),
        "00000033 1000 0000 00000001 0006 00 00 01 0001 000d 5250435f504552534953545f4b 0001 76 00",
    );
    ttheader(
        Header { acl_token: Some("tok".into()), ..header(&[], &[]) },
        "00000023 1000 0000 00000001 0002 00 00 11 0003 746f6b",
    );
    ttheader(
        header(&[(9, "ping")], &[("isn", "Echo")]),
        "00000037 1000 0000 00000001 0007 00 00 01 0001 0003 69736e 0004 4563686f 10 0001 0009 0004 70696e67 00",
    );
}

#[test]
fn ttheader_with_a_second_length() {
    let bytes = format!("00000023 1000 0000 00000001 0001 00 00 0000 00000011 {PING}");
    check(dialect(TtHeaderFramed, Binary), Some(header(&[], &[])), ping(), "00", &bytes);
    let refined = parse(hex(&bytes), dialect(TtHeader, Compact), &Limits::default()).unwrap();
    assert_eq!(refined.dialect, dialect(TtHeaderFramed, Binary));
}

#[test]
fn kitex_control_frame() {
    let head = MessageHead::new(MessageKind::Reply, "none", 0);
    let header = header(&[], &[("crrst", "1")]);
    let bytes = "0000002b 1000 0000 00000000 0004 00 00 01 0001 0005 6372727374 0001 31 00
                 80010002 00000004 6e6f6e65 00000000 00";
    check(dialect(TtHeader, Binary), Some(header), head, "00", bytes);
}

#[test]
fn later_pairs_win() {
    let strings = "01 0001 0001 6b 0001 61 01 0002 0001 6b 0001 62 0001 6b 0001 63";
    let bytes = format!("00000037 1000 0000 00000001 0007 00 00 {strings} 0000 {PING}");
    let read = parse(hex(&bytes), dialect(TtHeader, Binary), &Limits::default()).unwrap();
    assert_eq!(read.header.unwrap().string("k").unwrap(), "c");
}

#[test]
fn checksums() {
    let pair = "01 0001 0006 637263333263 0008 3136363831656661";
    let bytes = hex(&format!("00000033 1000 0000 00000001 0006 00 00 {pair} 00 {PING}"));
    let header = Header { checksum: true, ..header(&[], &[]) };
    let written = encode(dialect(TtHeader, Binary), &header, &ping(), &raw(Binary, hex("00"))).unwrap();
    assert_eq!(written, bytes);
    let read = parse(bytes, dialect(TtHeader, Binary), &Limits::default()).unwrap().header.unwrap();
    assert_eq!(*read, header);
}

#[test]
fn checksums_cover_what_is_linked_and_the_second_length() {
    for (framing, len) in [(TtHeader, 10), (TtHeader, 1000), (TtHeaderFramed, 10), (TtHeaderFramed, 1000)] {
        let header = Header { checksum: true, ..header(&[(9, "ping")], &[("isn", "Echo")]) };
        let body = Body::Typed(Arc::new(Blob(vec![7; len].into())));
        let bytes = encode(dialect(framing, Binary), &header, &ping(), &body).unwrap();
        assert!(
            parse(bytes.clone(), dialect(framing, Binary), &Limits::default())
                .unwrap()
                .header
                .unwrap()
                .checksum
        );
        for at in [bytes.len() - len - 5, bytes.len() - len, bytes.len() - 2] {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 0x10;
            let error = parse(damaged.into(), dialect(framing, Binary), &Limits::default()).unwrap_err();
            assert!(error.to_string().contains("damaged"), "{error}");
            assert_eq!(error.sequence_id(), 1);
        }
    }
}

#[test]
fn a_mesh_header_goes_before_any_message_without_one() {
    let mesh = "ffaf 0008 0001 0001 6b 0001 76";
    let strings = Some(header(&[], &[("k", "v")]));
    let body = raw(Binary, hex("00"));
    check_read(dialect(Buffered, Binary), strings.clone(), ping(), &body, &format!("{mesh} {PING}"));
    check_read(dialect(Framed, Binary), strings, ping(), &body, &format!("{mesh} 00000011 {PING}"));
}

#[test]
fn what_is_not_spoken_here_is_named() {
    let refused = |text: &str| {
        let (bytes, limits) = (hex(text), Limits::default());
        let mut framer = DetectFramer::new(&limits);
        let frame = match framer.frame(&bytes) {
            Err(error) => return WireError::of(&error).unwrap().to_string(),
            Ok(Frame::Partial(needed)) => panic!("{needed} bytes needed for {text}"),
            Ok(Frame::Complete(len)) => bytes.slice(..len),
        };
        parse(frame, framer.dialect().unwrap(), &limits).unwrap_err().to_string()
    };
    let data = "00000020 1000 0002 00000001 0003 10 00 10 0001 001b 0001 33 0000 0b000100000002 6869 00";
    let streamed = "header's protocol id 16 (a streamed struct) is not supported";
    assert_eq!(refused(data), streamed);
    assert_eq!(refused("00000016 1000 0002 00000001 0003 10 00 10 0001 001b 0001 34 0000"), streamed);
    assert_eq!(
        refused("fff4fffd 06ff"),
        "message starts with fff4fffd, which is no version of Thrift Binary or Compact"
    );
    assert_eq!(refused("00000020 0fff 0000"), "THeader is not supported, use TTHeader or Framed");
    assert_eq!(refused("00000004 9001 0001"), "Kitex Protobuf messages are not supported");
}
