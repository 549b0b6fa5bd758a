//! Bytes that no honest peer sends: cut, lying, mutated, or of another protocol.

use volo_core::net::{Frame, Framer};

use super::*;
use Framing::{Framed, TtHeader};
use Protocol::Binary;

fn limits() -> Limits {
    Limits { message_max: 4096, header_max: 1024, ..Limits::default() }
}

fn frame(bytes: &[u8]) -> Result<Frame> {
    DetectFramer::new(&limits()).frame(bytes)
}

/// The text of the wire error that these bytes give, as a frame or inside one.
fn fault(text: &str) -> String {
    let (bytes, limits) = (hex(text), limits());
    let mut framer = DetectFramer::new(&limits);
    match framer.frame(&bytes) {
        Err(error) => WireError::of(&error).unwrap().to_string(),
        Ok(Frame::Partial(needed)) => panic!("{needed} bytes needed for {text}"),
        Ok(Frame::Complete(len)) => {
            let error = parse(bytes.slice(..len), framer.dialect().unwrap(), &limits).unwrap_err();
            error.to_string()
        }
    }
}

#[test]
fn lengths_that_lie() {
    for (bytes, text) in [
        ("00000000", "frame is empty"),
        ("7fffffff 8001", "message of 2147483651 bytes passes message_max of 4096"),
        ("00001000 8001", "message of 4100 bytes passes message_max of 4096"),
        ("ffffffff 8001", "frame length -1 is negative"),
        ("ffffffff 1000", "frame length -1 is negative"),
        ("00000006 1000 0000 0000", "message ends inside its header's sequence id"),
        ("0000000c 1000 0000 00000001 ffff 0000", "header of 262140 bytes passes header_max of 1024"),
        ("0000000c 1000 0000 00000001 0000 0000", "message ends inside its header's protocol id"),
        ("0000000c 1000 0000 00000001 0002 0000", "message ends inside its header"),
        (
            "00000012 1000 0000 00000001 0002 0000 01 ffff 000000",
            "header of 65535 pairs passes the limit of 1024",
        ),
        (
            "00000012 1000 0000 00000001 0002 0000 10 0400 000000",
            "header has no room for the 1024 pairs it claims",
        ),
        (
            "00000016 1000 0000 00000001 0003 0000 01 0001 ffff 0000000000",
            "message ends inside its header's string key",
        ),
        ("0000000c 80010001 7fffffff 70696e67", "message ends inside its method name"),
        ("0000000c 80010001 ffffffff 70696e67", "method name's length -1 is negative"),
        ("00000004 80010001", "message ends inside its method name's length"),
        ("00000006 822101 ffffff", "message ends inside its method name's length"),
        ("00000009 822101 ffffffff7f 00", "method name's length is beyond 32 bits"),
        ("00000009 8221 ffffffff7f 0000", "sequence id is beyond 32 bits"),
        ("0000000a 8221 ffffffffffff 0000", "sequence id is a variable-length integer of more than 5 bytes"),
        ("ffaf 7fff", "mesh header of 32771 bytes passes header_max of 1024"),
        (
            "ffaf 0000 00000011 80010001 00000004 70696e67 00000001 00",
            "message ends inside its header's number of pairs",
        ),
    ] {
        assert_eq!(fault(bytes), text, "{bytes}");
    }
}

const NEGATIVE: &str = "message body: a length or count is negative or larger than the bytes left";

#[test]
fn buffered_messages_that_lie() {
    let deep = "0c0001".repeat(65);
    for (head, body, text) in [
        ("80010001 7fffffff", "", "message of 2147483655 bytes passes message_max of 4096"),
        ("80010001 ffffffff", "", "method name's length -1 is negative"),
        ("00001000 70696e67", "", "message of 4100 bytes passes message_max of 4096"),
        ("8221 01 ffffffff0f", "", "message of 4294967303 bytes passes message_max of 4096"),
        ("8222 01 04", "", "Compact version 2 is not 1"),
        (
            "80020001 00000004",
            "",
            "message starts with 80020001, which is no version of Thrift Binary or Compact",
        ),
        (PING, "0b0001 7fffffff", "message passes message_max of 4096"),
        (PING, "0b0001 ffffffff", NEGATIVE),
        (PING, "0f0001 0a ffffffff", NEGATIVE),
        (PING, "0f0001 0c 80000000", NEGATIVE),
        (PING, "0d0001 0b0b ffffffff", NEGATIVE),
        (PING, "0f0001 0a 7fffffff", "message passes message_max of 4096"),
        (PING, "0f0001 0c 7fffffff", "message passes message_max of 4096"),
        (PING, "0d0001 0b0b 7fffffff", "message passes message_max of 4096"),
        (
            PING,
            "0f0001 00 00000001",
            "message body: an unknown type, or another element type than in the IDL",
        ),
        (PING, "630001", "message body: an unknown type, or another element type than in the IDL"),
        (
            PING,
            deep.as_str(),
            "message body: structs and containers are nested beyond the limit, depth_max of 64",
        ),
    ] {
        let error = frame(&hex(&format!("{head}{body}"))).unwrap_err();
        let error = WireError::of(&error).unwrap();
        assert_eq!(error.to_string(), text, "{head} {body}");
        if head == PING {
            assert_eq!((error.name().as_str(), error.sequence_id()), ("ping", 7));
            assert_eq!(error.dialect(), Some(dialect(Framing::Buffered, Binary)));
        }
    }
}

/// The head of a strict Binary call.
const PING: &str = "80010001 00000004 70696e67 00000007";

#[test]
fn headers_that_ask_for_too_much() {
    let info = |bytes: &str| {
        let payload = "80010001 00000004 70696e67 00000001 00";
        let len = 10 + hex(bytes).len() + hex(payload).len();
        let words = hex(bytes).len() / 4;
        fault(&format!("{len:08x} 1000 0000 00000001 {words:04x} {bytes} {payload}"))
    };
    assert_eq!(info("00 01 01 00"), "header asks for 1 transforms, none is supported");
    assert_eq!(info("00 ff 0000"), "header asks for 255 transforms, none is supported");
    assert_eq!(info("04 00 0000"), "header's protocol id 4 (Protobuf) is not supported");
    assert_eq!(info("63 00 0000"), "header's protocol id 99 (unknown) is not supported");
    assert_eq!(info("00 00 05 00"), "header has an unknown info block 0x05");
    assert_eq!(info("00 00 11 0001 ff 0000"), "ACL token is not valid UTF-8");
    assert_eq!(info("00 00 01 0001 0001 ff 0000 0000"), "header's string key is not valid UTF-8");
}

#[test]
fn an_error_keeps_what_an_answer_needs() {
    let check = |text: &str, framing, protocol, name: &str, sequence_id, kind: ApplicationKind| {
        let error = parse(hex(text), dialect(framing, protocol), &limits()).unwrap_err();
        assert_eq!((error.name().as_str(), error.sequence_id(), error.kind()), (name, sequence_id, kind));
        assert_eq!(error.dialect().unwrap().framing, framing);
    };
    let invalid = ApplicationKind::INVALID_MESSAGE_TYPE;
    check("00000010 80010009 00000004 70696e67 00000007", Framed, Binary, "ping", 7, invalid);
    check("00000008 82e1 07 04 70696e67", Framed, Protocol::Compact, "ping", 7, invalid);
    let version = ApplicationKind::INVALID_PROTOCOL;
    check("00000004 80020001", Framed, Binary, "", 0, version);
    check("00000004 90010001", Framed, Binary, "", 0, version);
    let header = "1000 0000 0000002a 0001 00 00 0000";
    check(&format!("00000012 {header} 80020001"), TtHeader, Binary, "", 42, version);
    let transform = ApplicationKind::INVALID_TRANSFORM;
    check("0000000e 1000 0000 0000002a 0001 00 01 0000", TtHeader, Binary, "", 42, transform);
}

#[test]
fn other_protocols_are_told_so() {
    for (hello, name, farewell) in [
        (&b"GET / HTTP/1.1\r\n"[..], "HTTP", &b"HTTP/1.1 400"[..]),
        (b"POST /a HTTP/1.1\r\n", "HTTP", b"HTTP/1.1 400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM", "HTTP/2 or gRPC", b"\0\0\0\x04"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "TLS", b"\x15\x03"),
    ] {
        let error = frame(hello).unwrap_err();
        let error = WireError::of(&error).unwrap();
        assert_eq!(error.to_string(), format!("peer speaks {name}, this port speaks Thrift only"));
        assert!(error.farewell().starts_with(farewell));
        assert_eq!(error.kind(), ApplicationKind::UNSUPPORTED_CLIENT_TYPE);
    }
    for noise in [&b"\xff\xf4\xff\xfd\x06\x00"[..], b"\x00\x00\x00\x09\x01\x02", b"\x00\x00\x00\x20\x0f\xff"]
    {
        assert!(WireError::of(&frame(noise).unwrap_err()).unwrap().farewell().is_empty());
    }
}

#[test]
fn limits_hold_to_the_byte_both_ways() {
    for dialect in DIALECTS {
        let head = MessageHead::new(MessageKind::Call, "ping", 1);
        let body = raw(dialect.protocol, STRUCT.of(dialect.protocol));
        let bytes = encode(dialect, &Header::default(), &head, &body).unwrap();
        let header = Header::default();
        let outgoing = Outgoing { dialect, header: &header, head: &head, body: &body };
        for (spare, fits) in [(1, true), (0, true), (-1, false)] {
            let message_max = bytes.len().checked_add_signed(spare).unwrap();
            let limits = Limits { message_max, ..Limits::default() };
            assert_eq!(outgoing.size(usize::MAX, &limits).is_ok(), fits, "{dialect:?}");
            let framed = DetectFramer::new(&limits).frame(&bytes);
            assert_eq!(framed.is_ok(), fits, "{dialect:?} {framed:?}");
        }
    }
}

#[test]
fn every_truncation_waits_or_fails() {
    for (dialect, bytes) in samples() {
        for len in 0..bytes.len() {
            match frame(&bytes[..len]).unwrap() {
                Frame::Partial(needed) => assert!(needed > len && needed <= bytes.len(), "{dialect:?} {len}"),
                Frame::Complete(_) => panic!("{dialect:?} complete at {len} of {}", bytes.len()),
            }
            // Frames cut by a liar: the head may survive if only the body is cut.
            drop(parse(bytes.slice(..len), dialect, &limits()));
        }
    }
}
