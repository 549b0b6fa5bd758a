//! What goes before the body of a message, as bytes that are written again and again.
//!
//! Two calls of one method, or two plain replies, differ in two sequence ids, the total length, the budget and the
//! checksum. Where these have fixed places, only they are written anew.

use std::ops::Range;

use volo_core::{Body, Result, Size, Span};

use super::{
    Dialect, Framing, Header, MessageHead, Protocol, checksum,
    error::unwritable,
    framed,
    outgoing::{check_size, encode_body, size_body},
    ttheader,
};
use crate::Limits;

/// The front of a message in TTHeader with Binary.
#[derive(Debug)]
pub struct Front {
    bytes: Vec<u8>,
    /// Where the text of the header's last integer key is.
    text: Range<usize>,
    checksum: Option<checksum::Place>,
}

impl Front {
    /// The dialect whose numbers have fixed places.
    pub const DIALECT: Dialect = Dialect::new(Framing::TtHeader, Protocol::Binary);

    /// The front of messages with this header and head. The text of the header's last integer key has `text_len`
    /// bytes, which may be replaced. `None` if it can't be written.
    pub fn new(header: &Header, head: &MessageHead, text_len: usize, limits: &Limits) -> Option<Self> {
        let (protocol, mut bytes) = (Front::DIALECT.protocol, Vec::new());
        let written = header.write(0, protocol, 0, limits.header_max, &mut bytes).ok()?;
        let checksum = written.checksum.map(|digits| checksum::Place { digits, from: bytes.len() });
        head.write(protocol, &mut bytes).ok()?;
        let text = written.end.checked_sub(text_len)?..written.end;
        Some(Front { bytes, text, checksum })
    }

    /// Whether a checksum of each payload goes along.
    pub fn has_checksum(&self) -> bool {
        self.checksum.is_some()
    }

    /// How long the text is that may be replaced.
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// The exact size of the frame with this body; bodies of at least `link_min` bytes are linked.
    ///
    /// # Errors
    /// When the body can't be written in Binary, or the message passes a limit.
    pub fn size(&self, body: &Body, link_min: usize, limits: &Limits) -> Result<Size> {
        let size = size_body(body, Protocol::Binary, link_min, limits)?.plus(self.bytes.len());
        check_size(size, limits)
    }

    /// Writes the frame of exactly that `size` into a fresh span; `text` must have the length of the one it replaces.
    ///
    /// # Errors
    /// When `text` has another length; what was written is to be rolled back then.
    pub fn encode(
        &self,
        sequence_id: i32,
        text: &[u8],
        body: &Body,
        size: Size,
        span: &mut Span<'_>,
    ) -> Result<()> {
        if text.len() != self.text.len() {
            return Err(unwritable(format!(
                "{} bytes of text in the place of {}",
                text.len(),
                self.text.len()
            )));
        }
        let sequence_id = sequence_id.to_be_bytes();
        span.put_slice(&self.bytes);
        span.patch(0, &framed::length(size.total())?);
        span.patch(ttheader::SEQUENCE_ID, &sequence_id);
        span.patch(self.text.start, text);
        span.patch(self.bytes.len() - sequence_id.len(), &sequence_id);
        encode_body(body, Protocol::Binary, span);
        if let Some(checksum) = &self.checksum {
            checksum.fill(span);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use volo_core::{DecodeLimits, Raw, span::OutBuf};

    use super::*;
    use crate::wire::{MessageKind, Outgoing};

    const LINK_MIN: usize = 100;

    fn written(size: Result<Size>, encode: impl Fn(Size, &mut Span<'_>) -> Result<()>) -> Vec<u8> {
        let (mut out, size) = (OutBuf::default(), size.unwrap());
        out.write(size, LINK_MIN, &mut |span| encode(size, span)).unwrap();
        out.to_vec()
    }

    fn header(budget: Option<&'static str>, checksum: bool) -> Header {
        let mut header = Header { flags: 1, checksum, ..Header::default() };
        header.strings.push(("isn".into(), "Echo".into()));
        header.integers.push((9, "ping".into()));
        header.integers.extend(budget.map(|budget| (12, budget.into())));
        header
    }

    #[test]
    fn a_known_front_writes_what_a_fresh_one_would() {
        let limits = Limits::default();
        let decode = DecodeLimits { depth_max: 0, memory_max: 0 };
        for (learned, written_later) in [(Some("100"), Some("999")), (Some("7"), Some("8")), (None, None)] {
            for (len, checksum) in [1, 50, 1000].into_iter().flat_map(|len| [(len, false), (len, true)]) {
                let bytes = Bytes::from(vec![7; len]);
                let body = Body::Raw(Raw { format: Protocol::Binary.format(), bytes, limits: decode });
                let head = |number| MessageHead::new(MessageKind::Call, "ping", number);
                let (first, later) = (header(learned, checksum), header(written_later, checksum));
                let text = written_later.unwrap_or_default();
                let front = Front::new(&first, &head(0), text.len(), &limits).unwrap();
                let outgoing =
                    Outgoing { dialect: Front::DIALECT, header: &later, head: &head(-7), body: &body };
                let fresh =
                    written(outgoing.size(LINK_MIN, &limits), |size, span| outgoing.encode(size, span));
                let known = written(front.size(&body, LINK_MIN, &limits), |size, span| {
                    front.encode(-7, text.as_bytes(), &body, size, span)
                });
                assert_eq!(known, fresh);
                assert_eq!(front.has_checksum(), checksum);
            }
        }
    }

    #[test]
    fn limits_hold_and_a_text_of_another_length_is_refused() {
        let (header, head) = (header(Some("100"), false), MessageHead::new(MessageKind::Call, "ping", 1));
        let decode = DecodeLimits { depth_max: 0, memory_max: 0 };
        let body =
            Body::Raw(Raw { format: Protocol::Binary.format(), bytes: vec![0; 100].into(), limits: decode });
        let mut limits = Limits::default();
        let front = Front::new(&header, &head, 3, &limits).unwrap();
        limits.message_max = 100;
        let error = front.size(&body, LINK_MIN, &limits).unwrap_err().to_string();
        assert!(error.ends_with("passes message_max of 100"), "{error}");
        limits.header_max = 8;
        assert!(Front::new(&header, &head, 3, &limits).is_none());

        let size = front.size(&body, LINK_MIN, &Limits::default()).unwrap();
        let mut out = OutBuf::default();
        let text = b"1000".as_slice();
        assert!(out.write(size, LINK_MIN, &mut |span| front.encode(1, text, &body, size, span)).is_err());
    }
}
