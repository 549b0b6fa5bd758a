//! A message on its way out: its exact size and its bytes, from one description.

use volo_core::{Body, Result, Size, Span, span::COPY_MAX};

use super::{
    Dialect, Framing, Header, MessageHead, checksum,
    error::unwritable,
    framed,
    sink::{Count, Sink},
};
use crate::{Limits, protocol::Protocol};

/// One message and all that goes before it.
///
/// Call [`Outgoing::size`], reserve so much, then [`Outgoing::encode`] with that size.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// How to write it.
    pub dialect: Dialect,
    /// Ignored by framings without a header.
    pub header: &'a Header,
    /// What it is, and its sequence id, which goes into the header as well.
    pub head: &'a MessageHead,
    /// The args or result struct, or the exception.
    pub body: &'a Body,
}

impl Outgoing<'_> {
    /// The exact size of the frame; bodies of at least `link_min` bytes are linked.
    ///
    /// # Errors
    /// When the body can't be written in this dialect, or a length passes a limit or what its field can hold.
    pub fn size(&self, link_min: usize, limits: &Limits) -> Result<Size> {
        let mut front = Count::default();
        self.write_front(0, limits.header_max, &mut front)?;
        let size = size_body(self.body, self.dialect.protocol, link_min, limits)?.plus(front.position());
        check_size(size, limits)
    }

    /// Writes the frame, whose size [`Outgoing::size`] gave, into a fresh span.
    ///
    /// # Errors
    /// As [`Outgoing::size`]; what was written is to be rolled back then.
    pub fn encode(&self, size: Size, span: &mut Span<'_>) -> Result<()> {
        let checksum = self.write_front(size.total(), usize::MAX, span)?;
        encode_body(self.body, self.dialect.protocol, span);
        if let Some(checksum) = checksum {
            checksum.fill(span);
        }
        Ok(())
    }

    /// Writes all before the body; gives where its checksum belongs, if there is to be one.
    fn write_front(
        &self,
        total: usize,
        header_max: usize,
        sink: &mut impl Sink,
    ) -> Result<Option<checksum::Place>> {
        let Dialect { framing, protocol } = self.dialect;
        let mut checksum = None;
        if framing.has_header() {
            let written = self.header.write(self.head.sequence_id, protocol, total, header_max, sink)?;
            checksum = written.checksum.map(|digits| checksum::Place { digits, from: sink.position() });
        }
        if matches!(framing, Framing::Framed | Framing::TtHeaderFramed) {
            sink.put(&framed::length(total.saturating_sub(sink.position()))?);
        }
        self.head.write(protocol, sink)?;
        Ok(checksum)
    }
}

/// The size of `body`; it is linked if it has at least `link_min` bytes.
pub(super) fn size_body(body: &Body, protocol: Protocol, link_min: usize, limits: &Limits) -> Result<Size> {
    let format = protocol.format();
    match body {
        Body::Typed(message) => message.encoded_size(format, link_min, limits.depth_max),
        Body::Raw(raw) if raw.format != format => {
            let text = format!("encoded body of format {} for a peer of format {}", raw.format.0, format.0);
            Err(unwritable(text))
        }
        Body::Raw(raw) if raw.bytes.len() < link_min.max(COPY_MAX + 1) => Ok(Size::inline(raw.bytes.len())),
        Body::Raw(raw) => Ok(Size { inline: 0, linked: raw.bytes.len() }),
    }
}

/// The size, if a message may be so long.
pub(super) fn check_size(size: Size, limits: &Limits) -> Result<Size> {
    let (total, max) = (size.total(), limits.message_max);
    if total > max {
        return Err(unwritable(format!("message of {total} bytes passes message_max of {max}")));
    }
    Ok(size)
}

pub(super) fn encode_body(body: &Body, protocol: Protocol, span: &mut Span<'_>) {
    match body {
        Body::Typed(message) => message.encode_into(protocol.format(), span),
        Body::Raw(raw) => span.put_body(&raw.bytes),
    }
}
