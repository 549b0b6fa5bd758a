//! Received bytes, cut into frames.
//!
//! Usually a record is a frame: it is copied out of shared memory once, and yielded as it is. A frame that came in
//! pieces is put together in memory of its own, which follows the bytes received.
#![forbid(unsafe_code)]

use std::{cell::Cell, mem};

use bytes::{Buf, Bytes, BytesMut};

use super::memory::Peers;
use crate::{
    Error, ErrorKind, Result,
    net::{Frame, Framer},
};

/// Up to this size, messages share the worker's buffer.
const SHARED_MAX: usize = 4096;

/// Size of a worker's buffer.
const WORKER_BUFFER: usize = 64 * 1024;

thread_local! {
    static WORKER: Cell<BytesMut> = Cell::new(BytesMut::new());
}

/// Bytes received but not yielded yet.
#[derive(Default)]
pub(super) struct Input {
    /// What is left of a record whose frames were whole so far.
    rest: Bytes,
    /// The start of a frame, and what else came with it; `rest` is empty then.
    partial: BytesMut,
    /// Bytes that `partial` must have before the framer is asked again.
    need: usize,
}

impl Input {
    /// Takes the payload of a record in, which must lie inside the memory.
    pub(super) fn take(&mut self, peers: &Peers, at: usize, len: usize) -> Result<()> {
        let taken = if !self.partial.is_empty() {
            self.make_room(len);
            peers.append_to(&mut self.partial, at, len)
        } else if len <= SHARED_MAX {
            let mut buffer = WORKER.take();
            if buffer.capacity() < len && !buffer.try_reclaim(WORKER_BUFFER) {
                buffer = BytesMut::with_capacity(WORKER_BUFFER);
            }
            let taken = peers.append_to(&mut buffer, at, len);
            self.rest = buffer.split().freeze();
            WORKER.set(buffer);
            taken
        } else {
            let mut buffer = BytesMut::with_capacity(len);
            let taken = peers.append_to(&mut buffer, at, len);
            self.rest = buffer.freeze();
            taken
        };
        match taken {
            true => Ok(()),
            false => Err(Error::internal(format!("{len} bytes at {at} are outside the shared memory"))),
        }
    }

    /// Takes bytes in that stay where they are, unless they belong to a frame that came in pieces.
    pub(super) fn take_bytes(&mut self, bytes: Bytes) {
        if self.partial.is_empty() {
            self.rest = bytes;
        } else {
            self.take_copy(&bytes);
        }
    }

    /// Takes a copy of bytes in.
    pub(super) fn take_copy(&mut self, bytes: &[u8]) {
        if self.partial.is_empty() {
            self.rest = Bytes::copy_from_slice(bytes);
        } else {
            self.make_room(bytes.len());
            self.partial.extend_from_slice(bytes);
        }
    }

    /// Cuts the next frame off, if all of it is here.
    pub(super) fn cut(&mut self, framer: &mut dyn Framer) -> Result<Option<Bytes>> {
        if !self.partial.is_empty() {
            return self.cut_partial(framer);
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let len = self.rest.len();
        match framer.frame(&self.rest)? {
            Frame::Complete(size) if size == len => Ok(Some(mem::take(&mut self.rest))),
            Frame::Complete(size) if (1..len).contains(&size) => Ok(Some(self.rest.split_to(size))),
            Frame::Complete(size) => Err(misframed(size, len)),
            Frame::Partial(need) => {
                self.partial.extend_from_slice(&self.rest);
                self.rest.clear();
                self.need = need;
                Ok(None)
            }
        }
    }

    /// Bytes that are not yielded yet.
    pub(super) fn len(&self) -> usize {
        self.rest.remaining() + self.partial.len()
    }

    /// What the end of the stream means here.
    pub(super) fn end(&self) -> Result<Option<Bytes>> {
        if self.len() == 0 {
            return Ok(None);
        }
        let (len, need) = (self.len(), self.need);
        let text = format!("the peer ended the stream inside a frame, after {len} of at least {need} bytes");
        Err(Error::new(ErrorKind::Closed, text))
    }

    fn cut_partial(&mut self, framer: &mut dyn Framer) -> Result<Option<Bytes>> {
        let len = self.partial.len();
        if len < self.need {
            return Ok(None);
        }
        match framer.frame(&self.partial)? {
            Frame::Complete(size) if (1..=len).contains(&size) => {
                let mut whole = mem::take(&mut self.partial).freeze();
                let frame = whole.split_to(size);
                self.rest = whole;
                Ok(Some(frame))
            }
            Frame::Complete(size) => Err(misframed(size, len)),
            Frame::Partial(need) => {
                self.need = need;
                Ok(None)
            }
        }
    }

    /// Room for the whole frame if its length is known, but never for more than twice what was received.
    fn make_room(&mut self, len: usize) {
        let (old, new) = (self.partial.len(), self.partial.len() + len);
        if self.partial.capacity() < new {
            let wanted = self.need.clamp(new, 2 * new);
            self.partial.reserve(wanted - old);
        }
    }
}

fn misframed(size: usize, len: usize) -> Error {
    Error::internal(format!("the framer found a frame of {size} bytes in {len}"))
}
