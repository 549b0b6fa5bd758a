//! The exact piece of memory that one message is encoded into.
//!
//! A transport reserves [`Size::inline`] bytes (a tail of its write buffer, or a slot of shared memory) plus
//! [`SCRATCH`] bytes behind them, and lends them as a [`Span`]. Writers store in whole words and may scribble on
//! the scratch; large bodies are not copied but linked at their position. Running out of room is sticky: nothing
//! is written past the end and the whole span is rolled back. Together with `volo-thrift`'s input module this is
//! the only place where codec bytes meet raw pointers.

mod cursor;
mod out;

use std::{marker::PhantomData, mem::MaybeUninit, ptr, slice};

use bytes::Bytes;
use faststr::FastStr;

use cursor::copy_short;
pub use cursor::{Body, Cursor};
pub use out::OutBuf;

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
    /// Links of earlier messages, before those of this span.
    links_before: usize,
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
    #[inline]
    pub fn new(
        memory: &'a mut [MaybeUninit<u8>],
        size: Size,
        origin: usize,
        link_min: usize,
        links: &'a mut Vec<LinkedAt>,
    ) -> Result<Self> {
        if memory.len().saturating_sub(SCRATCH) < size.inline {
            return Err(too_short(memory.len(), size));
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
            links_before: links.len(),
            links,
            memory: PhantomData,
        })
    }

    /// Bytes written so far, without linked ones.
    #[inline]
    pub fn position(&self) -> usize {
        self.cur as usize - self.base as usize
    }

    /// Bytes that may still be written.
    #[inline]
    pub fn room(&self) -> usize {
        self.end as usize - self.cur as usize
    }

    /// Copies `bytes` in.
    #[inline]
    pub fn put_slice(&mut self, bytes: &[u8]) {
        if self.room() < bytes.len() {
            self.failed = true;
            return;
        }
        // SAFETY: room was checked, and a borrowed slice can't overlap the span's exclusive memory.
        unsafe {
            if bytes.len() <= COPY_MAX {
                copy_short(bytes, self.cur);
            } else {
                ptr::copy_nonoverlapping(bytes.as_ptr(), self.cur, bytes.len());
            }
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

    /// Shows all bytes from `position` on, linked ones included, piece by piece in wire order; for checksums.
    pub fn visit(&self, position: usize, see: &mut dyn FnMut(&[u8])) {
        // SAFETY: everything in `base..cur` is initialised, and borrowed for as long as the slice lives.
        let written = unsafe { slice::from_raw_parts(self.base, self.position()) };
        let mut start = position;
        for link in self.links.iter().skip(self.links_before) {
            let end = link.position - self.origin;
            if end < position {
                continue;
            }
            see(written.get(start..end).unwrap_or_default());
            see(link.body.as_slice());
            start = end;
        }
        see(written.get(start..).unwrap_or_default());
    }

    /// Marks the span as failed: it will be rolled back whatever was written.
    pub fn fail(&mut self) {
        self.failed = true;
    }

    /// Whether exactly `size` was written and nothing overflowed; the owner commits only then.
    ///
    /// # Errors
    /// When it wasn't; names both sizes.
    #[inline]
    pub fn finish(self, size: Size) -> Result<()> {
        if !self.failed && self.cur == self.end && self.linked == size.linked {
            return Ok(());
        }
        Err(mismatch(self.position(), self.linked, size))
    }
}

#[cold]
fn too_short(memory: usize, size: Size) -> Error {
    Error::internal(format!("span of {} bytes over {memory} bytes", size.inline))
}

#[cold]
fn mismatch(wrote: usize, linked: usize, size: Size) -> Error {
    let text =
        format!("message of {size:?} wrote {wrote} bytes in line and {linked} linked, or ran out of room");
    Error::new(ErrorKind::Encode, text)
}
