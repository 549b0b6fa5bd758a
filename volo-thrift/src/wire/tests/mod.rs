//! Helpers of the wire tests: bytes from hex, and messages both ways.

mod hostile;
mod stream;
mod vectors;

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use faststr::FastStr;
use volo_core::{Body, DecodeLimits, Encode, Format, Raw, Result, Size, Span, span::OutBuf};

use super::*;
use crate::ApplicationKind;

/// Bytes from hex digits; anything else only separates.
pub(super) fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// An already encoded body.
pub(super) fn raw(protocol: Protocol, bytes: impl Into<Bytes>) -> Body {
    let limits = DecodeLimits { depth_max: 64, memory_max: 1 << 20 };
    Body::Raw(Raw { format: protocol.format(), bytes: bytes.into(), limits })
}

/// A body of this process, with a part that may be linked.
pub(super) struct Blob(pub(super) Bytes);

impl Encode for Blob {
    fn encoded_size(&self, _: Format, link_min: usize, _: u32) -> Result<Size> {
        Ok(if self.0.len() < link_min.max(volo_core::span::COPY_MAX + 1) {
            Size::inline(self.0.len() + 1)
        } else {
            Size { inline: 1, linked: self.0.len() }
        })
    }

    fn encode_into(&self, _: Format, span: &mut Span<'_>) {
        span.put_body(&self.0);
        span.put_slice(&[0]);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

/// Writes a message as a transport would; fails if size and bytes differ.
pub(super) fn encode(dialect: Dialect, header: &Header, head: &MessageHead, body: &Body) -> Result<Bytes> {
    let (outgoing, link_min) = (Outgoing { dialect, header, head, body }, 100);
    let size = outgoing.size(link_min, &Limits::default())?;
    let mut out = OutBuf::default();
    out.write(size, link_min, &mut |span| outgoing.encode(size, span))?;
    assert_eq!(out.len(), size.total());
    Ok(out.to_vec().into())
}

pub(super) const fn dialect(framing: Framing, protocol: Protocol) -> Dialect {
    Dialect::new(framing, protocol)
}

pub(super) const DIALECTS: [Dialect; 8] = [
    dialect(Framing::Buffered, Protocol::Binary),
    dialect(Framing::Buffered, Protocol::Compact),
    dialect(Framing::Framed, Protocol::Binary),
    dialect(Framing::Framed, Protocol::Compact),
    dialect(Framing::TtHeader, Protocol::Binary),
    dialect(Framing::TtHeader, Protocol::Compact),
    dialect(Framing::TtHeaderFramed, Protocol::Binary),
    dialect(Framing::TtHeaderFramed, Protocol::Compact),
];

/// One struct of many types, as each protocol writes it.
pub(super) struct Sample {
    binary: &'static str,
    compact: &'static str,
}

/// `{1: true, 2: -1, 20: "hi", 21: [true, false], 22: {"k": 50399}, 23: {}, 24: 1.5}`
pub(super) const STRUCT: Sample = Sample {
    binary: "02000101 080002ffffffff 0b0014000000026869 0f001502000000020100
        0d00160b0a00000001000000016b000000000000c4df 0d00170b0a00000000 0400183ff8000000000000 00",
    compact: "11 1501 0828026869 19210102 1b0186016bbe9306 1b00 17000000000000f83f 00",
};

impl Sample {
    pub(super) fn of(&self, protocol: Protocol) -> Bytes {
        match protocol {
            Protocol::Binary => hex(self.binary),
            Protocol::Compact => hex(self.compact),
        }
    }
}

/// Messages of every dialect, small and larger.
pub(super) fn samples() -> Vec<(Dialect, Bytes)> {
    let mut samples = Vec::new();
    for dialect in DIALECTS {
        let header = Header {
            integers: vec![(9, "ping".into()), (12, "250".into())],
            strings: vec![("isn".into(), "Echo".into())],
            acl_token: Some("tok".into()),
            ..Header::default()
        };
        for name in ["ping", "aMethodWhoseNameIsMuchTooLongToBeKeptInline"] {
            let head = MessageHead::new(MessageKind::Call, name, -5);
            let body = raw(dialect.protocol, STRUCT.of(dialect.protocol));
            samples.push((dialect, encode(dialect, &header, &head, &body).unwrap()));
        }
        let head = MessageHead::new(MessageKind::Reply, "p", 1);
        let body = raw(dialect.protocol, hex("00"));
        samples.push((dialect, encode(dialect, &Header::default(), &head, &body).unwrap()));
    }
    let buffered = dialect(Framing::Buffered, Protocol::Binary);
    samples.push((buffered, hex("00000004 70696e67 01 00000001 00")));
    samples.push((buffered, hex("00000001 70 01 00000001 00")));
    let framed = dialect(Framing::Framed, Protocol::Binary);
    samples.push((framed, hex("0000000e 00000004 70696e67 01 00000001 00")));
    samples
}

/// Numbers that are the same in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 ^ self.0 >> 33
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// A text of fewer than `end` bytes.
    pub(super) fn text(&mut self, end: usize) -> FastStr {
        let len = self.below(end);
        (0..len).map(|_| char::from(b'a' + self.below(26) as u8)).collect::<String>().into()
    }
}
