//! Messages in a stream of bytes: framing, detection, heads and headers, and the answers to them.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use volo_core::{
    Body, Context, Result,
    net::{Frame, Framer},
    span::OutBuf,
};

use super::{
    memory::peak,
    protocol::{encode, raw},
    random::Random,
};
use crate::{
    Limits, meta,
    protocol::Typed,
    wire::{
        DetectFramer, Dialect, FixedFramer, Framing, Front, Header, Incoming, MessageHead, MessageKind,
        Outgoing, Protocol, WireError, forget, parse,
    },
};

const FRAMINGS: [Framing; 4] =
    [Framing::Buffered, Framing::Framed, Framing::TtHeader, Framing::TtHeaderFramed];

fn limits() -> Limits {
    Limits { message_max: 4096, header_max: 1024, ..Limits::default() }
}

/// A number from 0 to 7 as a dialect.
fn dialect(number: usize) -> Dialect {
    let protocol = if number.is_multiple_of(2) { Protocol::Binary } else { Protocol::Compact };
    Dialect::new(FRAMINGS[number / 2 % 4], protocol)
}

/// The first byte says how the others, a stream, arrive, and which framing the receiver knows.
pub(super) fn framed(bytes: &[u8]) {
    let [how, bytes @ ..] = bytes else { return };
    forget();
    let (stream, step) = (Bytes::copy_from_slice(bytes), 1 + usize::from(how >> 4) * 3);
    let (found, rest) = detect(&stream, stream.len());
    assert_eq!(
        (&found, &rest),
        (&detect(&stream, step).0, &detect(&stream, step).1),
        "pieces of {step} bytes"
    );
    for (frame, dialect) in found {
        receive(frame, dialect);
    }
    let fixed = dialect(usize::from(how & 7));
    let framers = || FixedFramer::new(fixed, &limits());
    let (frames, rest) = frames(&stream, &mut framers(), stream.len(), |_| {});
    let (in_pieces, rest_in_pieces) = self::frames(&stream, &mut framers(), step, |_| {});
    assert_eq!((&frames, rest), (&in_pieces, rest_in_pieces), "pieces of {step} bytes");
    frames.into_iter().for_each(|frame| receive(frame, fixed));
}

/// What was found and why nothing more was: no text if the bytes are over.
fn detect(stream: &Bytes, step: usize) -> (Vec<(Bytes, Dialect)>, Option<String>) {
    let mut dialects = Vec::new();
    let mut framer = DetectFramer::new(&limits());
    let (frames, rest) = frames(stream, &mut framer, step, |framer| dialects.push(framer.dialect().unwrap()));
    (frames.into_iter().zip(dialects).collect(), rest)
}

/// The frames of a stream that grows by `step` bytes, and the fault that ended it.
fn frames<F: Framer>(
    stream: &Bytes,
    framer: &mut F,
    step: usize,
    mut found: impl FnMut(&F),
) -> (Vec<Bytes>, Option<String>) {
    let (mut frames, mut start, mut end) = (Vec::new(), 0, step.min(stream.len()));
    loop {
        let so_far = &stream[start..end];
        let (framed, memory) = peak(|| framer.frame(so_far));
        assert!(memory <= 4096 + 2 * so_far.len(), "{memory} bytes of memory to frame {}", so_far.len());
        match framed {
            Ok(Frame::Complete(len)) => {
                assert!(0 < len && len <= so_far.len().min(limits().message_max));
                frames.push(stream.slice(start..start + len));
                found(framer);
                start += len;
            }
            Ok(Frame::Partial(needed)) => {
                assert!(needed > so_far.len() && needed <= limits().message_max, "{needed}");
                if end == stream.len() {
                    return (frames, None);
                }
                end = (end + step).min(stream.len());
            }
            Err(error) => {
                let fault = WireError::of(&error).expect("a framer's fault is the peer's");
                answer(fault);
                return (frames, Some(fault.to_string()));
            }
        }
    }
}

/// Reads a frame, whatever headers are remembered; what was read is written and read again as the same.
fn receive(frame: Bytes, dialect: Dialect) {
    let (len, limits) = (frame.len(), limits());
    let remembered = parse(frame.clone(), dialect, &limits);
    forget();
    let (parsed, memory) = peak(|| parse(frame, dialect, &limits));
    assert!(memory <= 4096 + 16 * len, "{memory} bytes of memory to read the head of {len}");
    assert_eq!(format!("{parsed:?}"), format!("{remembered:?}"));
    match parsed {
        Ok(incoming) => {
            interpret(&incoming);
            send_back(incoming, &limits);
        }
        Err(error) => answer(&error),
    }
}

/// Gives a header its meaning, on either side.
fn interpret(incoming: &Incoming) {
    let header = incoming.header.as_deref();
    let context = meta::read_request(header, meta::read_target(header, &incoming.head), Instant::now());
    assert!(context.deadline.is_none() || header.is_some());
    let Some(header) = header else { return };
    meta::read_reply(header, &mut Context::new("service", "method"));
    meta::message_kind(header);
    if let Some(advert) = meta::Advert::read(header) {
        assert!(advert.to_text().is_ascii());
    }
    if let Some(hello) = meta::Hello::read(header) {
        assert!(!hello.to_text().is_empty());
    }
}

fn send_back(incoming: Incoming, limits: &Limits) {
    let Incoming { dialect, header, head, body, .. } = incoming;
    let (header, body) = (header.unwrap_or_default(), Body::Raw(body));
    let Ok(bytes) = write(dialect, &header, &head, &body) else { return };
    check_front(&header, &head, &body, dialect, &bytes);
    let Ok(again) = parse(bytes.clone(), dialect, limits) else {
        assert!(bytes.len() > limits.message_max || *header != Header::default());
        return;
    };
    let Body::Raw(body) = body else { return };
    assert_eq!((again.dialect, &again.head, &again.body.bytes), (dialect, &head, &body.bytes));
    assert_eq!(again.outer_sequence_id, head.sequence_id);
    let Some(found) = again.header else { return };
    assert_eq!(found.flags, header.flags);
    assert_eq!((found.checksum, &found.integers), (header.checksum, &header.integers));
    assert_eq!(found.acl_token, header.acl_token);
    assert_eq!(found.strings, header.strings);
}

/// What is kept of a message's front gives the same `bytes` again as a fresh one.
fn check_front(header: &Header, head: &MessageHead, body: &Body, dialect: Dialect, bytes: &Bytes) {
    let limits = Limits::default();
    let text = header.integers.last().map_or(&b""[..], |(_, text)| text.as_bytes());
    let other = MessageHead { sequence_id: !head.sequence_id, ..head.clone() };
    let front = Front::new(header, &other, text.len(), &limits).filter(|_| dialect == Front::DIALECT);
    let Some(front) = front else { return };
    let (size, mut out) = (front.size(body, 100, &limits).expect("it was written before"), OutBuf::default());
    let mut fill = |span: &mut volo_core::Span<'_>| front.encode(head.sequence_id, text, body, size, span);
    out.write(size, 100, &mut fill).expect("the size was right");
    assert_eq!(out.to_vec(), **bytes);
}

/// A fault can be answered, in its own dialect and under its own name.
fn answer(fault: &WireError) {
    let Some(dialect) = fault.dialect() else { return };
    let head = MessageHead::new(MessageKind::Exception, fault.name().clone(), fault.sequence_id());
    let body = Body::Typed(Arc::new(Typed(fault.exception())));
    let bytes = write(dialect, &Header::default(), &head, &body).expect("an answer can be written");
    let again = parse(bytes, dialect, &Limits::default()).expect("an answer can be read");
    assert_eq!((again.dialect, again.head), (dialect, head));
}

/// Writes a message as a connection does; fails if size and bytes differ.
fn write(dialect: Dialect, header: &Header, head: &MessageHead, body: &Body) -> Result<Bytes> {
    let outgoing = Outgoing { dialect, header, head, body };
    let size = outgoing.size(100, &Limits::default())?;
    let mut out = OutBuf::default();
    out.write(size, 100, &mut |span| outgoing.encode(size, span)).expect("the size was right");
    assert_eq!(out.len(), size.total());
    Ok(out.to_vec().into())
}

/// The bytes as the header of a message: flags and sequence id, then info blocks.
pub(super) fn ttheader(bytes: &[u8]) {
    const PING: &[u8] = b"\x80\x01\0\x01\0\0\0\x04ping\0\0\0\x07\0";
    let Some((front, info)) = bytes.split_at_checked(6) else { return };
    forget();
    let info = &info[..info.len().min(900)];
    let padding = &[0; 4][..info.len().next_multiple_of(4) - info.len()];
    let words = ((info.len() + padding.len()) / 4) as u16;
    let inner = [b"\x10\0", front, &words.to_be_bytes(), info, padding, PING].concat();
    let frame = Bytes::from([&(inner.len() as u32).to_be_bytes()[..], &inner].concat());
    let (found, rest) = detect(&frame, frame.len());
    let ttheader = Dialect::new(Framing::TtHeader, Protocol::Binary);
    assert_eq!((found, rest), (vec![(frame.clone(), ttheader)], None));
    if let Ok(incoming) = parse(frame.clone(), ttheader, &limits()) {
        assert_eq!((incoming.head.name.as_str(), &incoming.body.bytes[..]), ("ping", &b"\0"[..]));
    }
    receive(frame, ttheader);
}

/// Values that mean something under some key.
const VALUES: [&str; 5] = [
    "1",
    "{\"a\":\"b\",\"c\":\"\\u00e9\"}",
    "mux;00112233445566778899aabbccddeeff",
    "00112233445566778899aabbccddeeff;127.0.0.1:80",
    "?",
];

/// Headers as they are sent.
fn headers() -> Vec<Header> {
    let header = |seed| {
        let random = &mut Random::new(seed);
        let mut header = Header { flags: random.below(4) as u16, ..Header::default() };
        for _ in 0..random.below(4) {
            header.integers.push((random.below(28) as u16, ["ping", "250", ""][random.below(3)].into()));
            let (key, value) = match random.below(meta::keys::STRING_KEYS.len() + 3) {
                0 => ("RPC_PERSIST_A", "b"),
                1 => ("RPC_TRANSIT_A", "b"),
                2 => ("RPC_BACKWARD_A", "b"),
                key => (meta::keys::STRING_KEYS[key - 3].0, VALUES[random.below(VALUES.len())]),
            };
            header.strings.push((key.into(), value.into()));
        }
        header.acl_token = (random.below(3) == 0).then(|| "tok".into());
        header.checksum = random.below(4) == 0;
        header
    };
    (0..60).map(header).collect()
}

pub(super) fn framed_seeds() -> Vec<Vec<u8>> {
    let kinds = [MessageKind::Call, MessageKind::Reply, MessageKind::Exception, MessageKind::Oneway];
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for (number, header) in headers().into_iter().enumerate() {
        let dialect = dialect(number);
        let random = &mut Random::new(number as u64);
        let head =
            MessageHead::new(kinds[random.below(4)], ["ping", "a:b", ""][random.below(3)], number as i32);
        let sample = encode(&random.sample(), dialect.protocol);
        let body = Body::Raw(raw(dialect.protocol, if sample.len() < 300 { sample } else { vec![0] }));
        let bytes = write(dialect, &header, &head, &body).expect("a message within the limits");
        let [first, rest] = [(number % 8) as u8 | (number * 16) as u8, number as u8];
        seeds.push([&[first][..], &bytes, &bytes[..usize::from(rest) % bytes.len()]].concat());
        let next = MessageHead { sequence_id: head.sequence_id + 1, ..head };
        let next = write(dialect, &header, &next, &body).expect("a message within the limits");
        seeds.push([&[first][..], &bytes, &next, &bytes].concat());
    }
    let old = b"\x00\0\0\0\x04ping\x01\0\0\0\x01\0".to_vec();
    let mesh = b"\x12\xff\xaf\0\x0a\0\x01\0\x03rip\0\x01A\0\0\0\x11\x80\x01\0\x01\0\0\0\x04ping\0\0\0\x01\0"
        .to_vec();
    seeds.extend([
        old,
        mesh,
        b"\x00GET / HTTP/1.1\r\n".to_vec(),
        b"\x00\x16\x03\x01\x02\0\x01\0\x01\xfc".to_vec(),
    ]);
    seeds
}

pub(super) fn ttheader_seeds() -> Vec<Vec<u8>> {
    let dialect = Dialect::new(Framing::TtHeader, Protocol::Binary);
    let head = MessageHead::new(MessageKind::Call, "ping", 7);
    let body = Body::Raw(raw(dialect.protocol, vec![0]));
    let info = |header: Header| {
        let bytes = write(dialect, &header, &head, &body).expect("a message within the limits");
        let words = usize::from(u16::from_be_bytes([bytes[12], bytes[13]]));
        [&bytes[6..12], &bytes[14..14 + 4 * words]].concat()
    };
    headers().into_iter().map(info).collect()
}
