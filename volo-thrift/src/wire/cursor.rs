//! A position in a frame; every read is checked against the frame's end and names what was cut short.

use bytes::Bytes;
use faststr::FastStr;

use super::WireError;

/// Texts up to this length are kept inside the string itself; longer ones share the frame.
const INLINE_MAX: usize = 30;

pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
    owner: Option<&'a Bytes>,
    /// The same bytes as one text, if they were checked together and are one: then no part needs a check of its own.
    whole: Option<&'a str>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(frame: &'a Bytes) -> Self {
        Cursor { bytes: frame, position: 0, owner: Some(frame), whole: None }
    }

    /// A cursor over bytes that may still move: texts are copied out of them.
    pub(super) fn over(bytes: &'a [u8]) -> Self {
        Cursor { bytes, position: 0, owner: None, whole: None }
    }

    /// Splits off a cursor over the next `len` bytes.
    pub(super) fn split(&mut self, len: usize, what: &'static str) -> Result<Cursor<'a>, WireError> {
        Ok(Cursor { bytes: self.take(len, what)?, position: 0, owner: self.owner, whole: None })
    }

    /// The same cursor, for bytes that are mostly short texts with small numbers between them.
    pub(super) fn checked(self) -> Self {
        Cursor { whole: simdutf8::basic::from_utf8(self.bytes).ok(), ..self }
    }

    /// The same cursor, but all texts are copied, so that none of them holds the frame.
    pub(super) fn detached(self) -> Self {
        Cursor { owner: None, ..self }
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The bytes left.
    pub(super) fn as_slice(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    /// The next byte, which stays unread.
    pub(super) fn peek(&self) -> Option<u8> {
        self.as_slice().first().copied()
    }

    /// The bytes left, sharing the frame.
    pub(super) fn rest(&self) -> Bytes {
        share(self.owner, self.as_slice())
    }

    pub(super) fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], WireError> {
        let bytes = self.as_slice().get(..len).ok_or_else(|| self.cut_short(len, what))?;
        self.position += len;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], WireError> {
        let bytes = self.as_slice().first_chunk().ok_or_else(|| self.cut_short(N, what))?;
        self.position += N;
        Ok(*bytes)
    }

    #[cold]
    fn cut_short(&self, len: usize, what: &'static str) -> WireError {
        WireError::cut_short(what, self.position.saturating_add(len))
    }

    pub(super) fn u8(&mut self, what: &'static str) -> Result<u8, WireError> {
        self.array(what).map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self, what: &'static str) -> Result<u16, WireError> {
        self.array(what).map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, WireError> {
        self.array(what).map(u32::from_be_bytes)
    }

    pub(super) fn i32(&mut self, what: &'static str) -> Result<i32, WireError> {
        self.array(what).map(i32::from_be_bytes)
    }

    /// An unsigned variable-length integer of at most 32 bits.
    pub(super) fn varint(&mut self, what: &'static str) -> Result<u32, WireError> {
        let mut value = 0u64;
        for shift in (0..35).step_by(7) {
            let byte = self.u8(what)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let fits = u32::try_from(value);
                return fits.map_err(|_| WireError::protocol(format!("{what} is beyond 32 bits")));
            }
        }
        Err(WireError::protocol(format!("{what} is a variable-length integer of more than 5 bytes")))
    }

    /// A text of `len` bytes, valid UTF-8.
    pub(super) fn text(&mut self, len: usize, what: &'static str) -> Result<FastStr, WireError> {
        let start = self.position;
        let bytes = self.take(len, what)?;
        let text = if len <= INLINE_MAX {
            let checked = self.whole.and_then(|whole| whole.get(start..start + len));
            checked.or_else(|| simdutf8::basic::from_utf8(bytes).ok()).map(FastStr::new)
        } else {
            FastStr::from_bytes(share(self.owner, bytes)).ok()
        };
        text.ok_or_else(|| not_text(what))
    }
}

#[cold]
fn not_text(what: &str) -> WireError {
    WireError::protocol(format!("{what} is not valid UTF-8"))
}

/// `bytes`, which are a part of `owner`, without copying them.
fn share(owner: Option<&Bytes>, bytes: &[u8]) -> Bytes {
    match owner {
        Some(owner) => owner.slice_ref(bytes),
        None => Bytes::copy_from_slice(bytes),
    }
}
