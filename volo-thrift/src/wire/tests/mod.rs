//! Helpers of the wire tests: bytes from hex, and messages both ways.

mod vectors;

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use volo_core::{Body, DecodeLimits, Encode, Format, Raw, Result, Size, Span, span::OutBuf};

use super::*;

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
    fn encoded_size(&self, _: Format, link_min: usize) -> Result<Size> {
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
