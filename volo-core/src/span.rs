//! The exact piece of memory that one message is encoded into.
//!
//! A transport reserves [`Size::inline`] bytes (a tail of its write buffer, or a slot of shared memory) plus
//! [`SCRATCH`] bytes behind them, and lends them as a [`Span`]. Writers store in whole words and may scribble on
//! the scratch; large bodies are not copied but linked at their position. Running out of room is sticky: nothing
//! is written past the end and the whole span is rolled back. Together with `volo-thrift`'s input module this is
//! the only place where codec bytes meet raw pointers.

use std::{marker::PhantomData, mem::MaybeUninit, ptr};

use bytes::{Bytes, BytesMut};
use faststr::FastStr;

use crate::{Error, ErrorKind, Result};

/// Bytes behind the exact end of a span that a store may touch.
pub const SCRATCH: usize = 16;

/// Bodies up to this length are always copied, whatever `link_min` says, so that the hot path needn't look.
pub const COPY_MAX: usize = 64;

/// The exact number of bytes a message takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes written into the span.
    pub inline: usize,
    /// Bytes linked instead of copied.
    pub linked: usize,
}

impl Size {
    /// A size with nothing linked.
    pub const fn inline(inline: usize) -> Self {
        Size { inline, linked: 0 }
    }

    /// Bytes on the wire.
    pub const fn total(self) -> usize {
        self.inline + self.linked
    }

    /// This size with `more` in-line bytes.
    pub const fn plus(self, more: usize) -> Self {
        Size { inline: self.inline + more, linked: self.linked }
    }
}

/// A body that goes out from where it is.
#[derive(Clone, Debug)]
pub enum Linked {
    /// A binary.
    Bytes(Bytes),
    /// A string.
    Text(FastStr),
}

impl Linked {
    /// The bytes to send.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Linked::Bytes(bytes) => bytes,
            Linked::Text(text) => text.as_bytes(),
        }
    }
}

/// A linked body and the position in the contiguous buffer where it belongs.
#[derive(Clone, Debug)]
pub struct LinkedAt {
    /// Offset of the first contiguous byte that follows the body.
    pub position: usize,
    /// The body.
    pub body: Linked,
}

/// The reserved memory of one message.
///
/// Invariant: `base <= cur <= end`, everything in `base..cur` is initialised, and memory up to `end + SCRATCH`
/// may be written.
pub struct Span<'a> {
    base: *mut u8,
    cur: *mut u8,
    end: *mut u8,
    /// Position of `base` in the contiguous buffer.
    origin: usize,
    link_min: usize,
    linked: usize,
    failed: bool,
    links: &'a mut Vec<LinkedAt>,
    memory: PhantomData<&'a mut [MaybeUninit<u8>]>,
}

impl<'a> Span<'a> {
    /// A span of `size` over `memory`, which must hold [`Size::inline`] + [`SCRATCH`] bytes.
    ///
    /// `origin` is the position of `memory` in the contiguous buffer that `links` refer to; bodies of at least
    /// `link_min` bytes are linked.
    ///
    /// # Errors
    /// When `memory` is too short.
    pub fn new(
        memory: &'a mut [MaybeUninit<u8>],
        size: Size,
        origin: usize,
        link_min: usize,
        links: &'a mut Vec<LinkedAt>,
    ) -> Result<Self> {
        if memory.len().saturating_sub(SCRATCH) < size.inline {
            return Err(Error::internal(format!(
                "span of {} bytes over {} bytes",
                size.inline,
                memory.len()
            )));
        }
        let base = memory.as_mut_ptr().cast::<u8>();
        // SAFETY: the compare above; `inline` bytes and SCRATCH more lie inside `memory`.
        let end = unsafe { base.add(size.inline) };
        let link_min = link_min.max(COPY_MAX + 1);
        Ok(Span {
            base,
            cur: base,
            end,
            origin,
            link_min,
            linked: 0,
            failed: false,
            links,
            memory: PhantomData,
        })
    }

    /// Bytes written so far, without linked ones.
    pub fn position(&self) -> usize {
        self.cur as usize - self.base as usize
    }

    /// Bytes that may still be written.
    pub fn room(&self) -> usize {
        self.end as usize - self.cur as usize
    }

    /// Copies `bytes` in.
    pub fn put_slice(&mut self, bytes: &[u8]) {
        if self.room() < bytes.len() {
            self.failed = true;
            return;
        }
        // SAFETY: room was checked, and a borrowed slice can't overlap the span's exclusive memory.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.cur, bytes.len());
            self.cur = self.cur.add(bytes.len());
        }
    }

    /// Links `body` here if it is long enough, else copies it.
    pub fn put_body(&mut self, body: &Bytes) {
        if body.len() < self.link_min {
            return self.put_slice(body);
        }
        self.linked += body.len();
        let position = self.origin + self.position();
        self.links.push(LinkedAt { position, body: Linked::Bytes(body.clone()) });
    }

    /// Overwrites bytes written before, at `position`; used for lengths known late.
    pub fn patch(&mut self, position: usize, bytes: &[u8]) {
        if position.checked_add(bytes.len()).is_none_or(|end| end > self.position()) {
            self.failed = true;
            return;
        }
        // SAFETY: position + len lies inside the bytes already written.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.base.add(position), bytes.len()) }
    }

    /// Marks the span as failed: it will be rolled back whatever was written.
    pub fn fail(&mut self) {
        self.failed = true;
    }

    /// Whether exactly `size` was written and nothing overflowed; the owner commits only then.
    ///
    /// # Errors
    /// When it wasn't; names both sizes.
    pub fn finish(self, size: Size) -> Result<()> {
        if !self.failed && self.cur == self.end && self.linked == size.linked {
            return Ok(());
        }
        let (wrote, linked) = (self.position(), self.linked);
        let text = format!(
            "message of {size:?} wrote {wrote} bytes in line and {linked} linked, or ran out of room"
        );
        Err(Error::new(ErrorKind::Encode, text))
    }
}

/// A write buffer: contiguous bytes beside the bodies linked into them.
#[derive(Debug, Default)]
pub struct OutBuf {
    bytes: BytesMut,
    links: Vec<LinkedAt>,
    committed_links: usize,
}

impl OutBuf {
    /// An empty buffer with this much room.
    pub fn with_capacity(capacity: usize) -> Self {
        OutBuf { bytes: BytesMut::with_capacity(capacity), ..OutBuf::default() }
    }

    /// Reserves exactly `size`, lets `fill` write, and keeps the bytes only if exactly `size` was written.
    ///
    /// # Errors
    /// What `fill` returned, or a size mismatch; the buffer is as before then.
    pub fn write(
        &mut self,
        size: Size,
        link_min: usize,
        fill: &mut dyn FnMut(&mut Span<'_>) -> Result<()>,
    ) -> Result<()> {
        self.links.truncate(self.committed_links); // leftovers of a fill that panicked
        let start = self.bytes.len();
        self.bytes.reserve(size.inline + SCRATCH);
        let mut span = Span::new(self.bytes.spare_capacity_mut(), size, start, link_min, &mut self.links)?;
        let filled = fill(&mut span);
        if let Err(error) = filled.and_then(|()| span.finish(size)) {
            self.links.truncate(self.committed_links);
            return Err(error);
        }
        self.committed_links = self.links.len();
        // SAFETY: `finish` found that all `inline` bytes behind `start` were written.
        unsafe { self.bytes.set_len(start + size.inline) }
        Ok(())
    }

    /// The contiguous bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The linked bodies, by position.
    pub fn links(&self) -> &[LinkedAt] {
        &self.links
    }

    /// Bytes on the wire, linked ones included.
    pub fn len(&self) -> usize {
        self.bytes.len() + self.links.iter().map(|link| link.body.as_slice().len()).sum::<usize>()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.links.is_empty()
    }

    /// Forgets everything written, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.links.clear();
        self.committed_links = 0;
    }

    /// All bytes in wire order, copied together.
    pub fn to_vec(&self) -> Vec<u8> {
        let (mut all, mut done) = (Vec::with_capacity(self.len()), 0);
        for link in &self.links {
            all.extend_from_slice(&self.bytes[done..link.position]);
            all.extend_from_slice(link.body.as_slice());
            done = link.position;
        }
        all.extend_from_slice(&self.bytes[done..]);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(out: &mut OutBuf, size: Size, fill: impl Fn(&mut Span<'_>)) -> Result<()> {
        out.write(size, 100, &mut |span| {
            fill(span);
            Ok(())
        })
    }

    #[test]
    fn a_lying_size_is_rolled_back() {
        let mut out = OutBuf::default();
        write(&mut out, Size::inline(4), |span| span.put_slice(b"keep")).unwrap();
        for inline in [0, 2, 4, 7, 100] {
            assert!(write(&mut out, Size::inline(inline), |span| span.put_slice(b"abc")).is_err());
        }
        let body = Bytes::from(vec![7; 200]);
        for linked in [0, 199, 201] {
            assert!(write(&mut out, Size { inline: 0, linked }, |span| span.put_body(&body)).is_err());
        }
        assert_eq!(out.to_vec(), b"keep");
    }

    #[test]
    fn long_bodies_are_linked_in_place() {
        let (mut out, body) = (OutBuf::default(), Bytes::from(vec![7; 200]));
        let size = Size { inline: 4, linked: 200 };
        write(&mut out, size, |span| {
            span.put_slice(b"ab");
            span.put_body(&body);
            span.put_slice(b"??");
            span.patch(2, b"cd");
        })
        .unwrap();
        assert_eq!((out.bytes(), out.len()), (&b"abcd"[..], 204));
        assert_eq!(out.to_vec(), [&b"ab"[..], &[7; 200], b"cd"].concat());
    }

    #[test]
    fn a_panic_while_filling_leaves_nothing_behind() {
        let (mut out, body) = (OutBuf::default(), Bytes::from(vec![7; 200]));
        let size = Size { inline: 4, linked: 200 };
        let attempt = std::panic::AssertUnwindSafe(|| {
            write(&mut out, size, |span| {
                span.put_body(&body);
                panic!("while encoding");
            })
        });
        assert!(std::panic::catch_unwind(attempt).is_err());
        write(&mut out, Size::inline(2), |span| span.put_slice(b"ok")).unwrap();
        assert_eq!(out.to_vec(), b"ok");
    }
}
