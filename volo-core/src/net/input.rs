//! Receiving half of a byte stream: reads into the worker's buffer and cuts it into frames.
//!
//! An idle connection holds no buffer. Each poll leases the one of its worker thread, reads, and gives it back
//! when nothing is left or the connection has to wait. What then remains of a frame moves to the connection:
//! memory follows the bytes received, never a length the peer announced.
#![forbid(unsafe_code)]

use std::{
    cell::Cell,
    future::Future,
    io, mem,
    pin::pin,
    task::{Context, Poll},
};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Frame, Framer};
use crate::{Error, ErrorKind, Result};

/// Size of a worker's buffer; a larger frame gets memory of its own.
const READ_BUFFER: usize = 64 * 1024;

/// The largest partial frame that is copied into the worker's buffer again when more of it arrives.
const PARTIAL_SMALL: usize = 4 * 1024;

/// Less room than this is not worth a read.
const READ_MIN: usize = 4 * 1024;

thread_local! {
    static WORKER: Cell<Option<BytesMut>> = const { Cell::new(None) };
}

/// Bytes received but not yielded yet.
#[derive(Default)]
pub(super) struct Input {
    /// The worker's buffer while `leased`, else the start of one partial frame in memory of its own, or nothing.
    bytes: BytesMut,
    leased: bool,
    /// Bytes there must be before the framer is asked again.
    need: usize,
    ended: bool,
    failed: bool,
}

impl Input {
    /// The next whole frame, as [`super::Link::poll_recv`] has it.
    pub(super) fn poll_frame<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
        framer: &mut dyn Framer,
    ) -> Poll<Result<Option<Bytes>>> {
        if self.failed {
            return Poll::Ready(Err(Error::new(
                ErrorKind::Closed,
                "receiving on this connection failed before",
            )));
        }
        let polled = self.poll_next(cx, stream, framer);
        self.failed = matches!(polled, Poll::Ready(Err(_)));
        polled
    }

    /// Received bytes that are not yielded yet.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the stream is open as far as is known, with nothing received on it.
    pub(super) fn is_idle(&self) -> bool {
        self.bytes.is_empty() && !self.ended && !self.failed
    }

    /// Remembers that bytes were lost.
    pub(super) fn fail(&mut self) {
        self.failed = true;
    }

    fn poll_next<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
        framer: &mut dyn Framer,
    ) -> Poll<Result<Option<Bytes>>> {
        loop {
            if let Some(frame) = self.cut(framer)? {
                return Poll::Ready(Ok(Some(frame)));
            }
            if self.ended {
                return Poll::Ready(self.end());
            }
            match self.poll_fill(cx, stream) {
                Poll::Ready(Ok(count)) => self.ended = count == 0,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => {
                    self.settle();
                    return Poll::Pending;
                }
            }
        }
    }

    /// Cuts the next frame off, if all of it is here.
    fn cut(&mut self, framer: &mut dyn Framer) -> Result<Option<Bytes>> {
        let len = self.bytes.len();
        if len < self.need.max(1) {
            return Ok(None);
        }
        match framer.frame(&self.bytes)? {
            Frame::Partial(need) => {
                self.need = need.max(len + 1);
                Ok(None)
            }
            Frame::Complete(size) if (1..=len).contains(&size) => {
                self.need = 0;
                Ok(Some(self.take(size)))
            }
            Frame::Complete(size) => {
                Err(Error::internal(format!("the framer found a frame of {size} bytes in {len}")))
            }
        }
    }

    fn take(&mut self, size: usize) -> Bytes {
        if !self.leased && self.bytes.len() == size {
            return mem::take(&mut self.bytes).freeze();
        }
        let frame = self.bytes.split_to(size).freeze();
        if self.leased && self.bytes.is_empty() {
            self.give_back();
        } else if !self.leased {
            let rest = mem::replace(&mut self.bytes, lease()); // at most READ_BUFFER was read ahead
            self.bytes.extend_from_slice(&rest);
            self.leased = true;
        }
        frame
    }

    fn end(&self) -> Result<Option<Bytes>> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let text = format!(
            "the peer ended the stream inside a frame, after {} of at least {} bytes",
            self.bytes.len(),
            self.need
        );
        Err(Error::new(ErrorKind::Closed, text))
    }

    /// Reads once, into whatever buffer suits the frame at hand.
    fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
    ) -> Poll<io::Result<usize>> {
        if self.leased {
            self.make_room();
        } else if self.bytes.len() <= PARTIAL_SMALL {
            return self.poll_fill_leased(cx, stream);
        }
        if !self.leased {
            self.grow();
        }
        let ahead = self.need.saturating_sub(self.bytes.len()).max(READ_BUFFER);
        poll_read(cx, stream, &mut self.bytes, ahead)
    }

    /// Reads into the worker's buffer, behind a copy of the small partial frame; takes the buffer only if bytes came.
    fn poll_fill_leased<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
    ) -> Poll<io::Result<usize>> {
        let mut buffer = lease();
        buffer.extend_from_slice(&self.bytes);
        let polled = poll_read(cx, stream, &mut buffer, READ_BUFFER);
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.bytes = buffer;
            self.leased = true;
        } else {
            give_back(buffer);
        }
        polled
    }

    /// Makes room in the leased buffer, or moves a large frame out of it.
    fn make_room(&mut self) {
        let len = self.bytes.len();
        let large = self.need > READ_BUFFER;
        let missing = if large { READ_MIN } else { self.need.saturating_sub(len).max(READ_MIN) };
        if self.bytes.capacity() - len >= missing {
            return;
        }
        if large && len >= READ_BUFFER / 2 {
            return self.move_out();
        }
        if !self.bytes.try_reclaim(READ_BUFFER - len) {
            let mut fresh = BytesMut::with_capacity(READ_BUFFER);
            fresh.extend_from_slice(&self.bytes);
            self.bytes = fresh;
        }
    }

    /// Before a wait: keeps only what belongs to this connection.
    fn settle(&mut self) {
        if self.leased && self.bytes.is_empty() {
            self.give_back();
        } else if self.leased {
            self.move_out();
        }
    }

    /// Copies the partial frame to memory of its own.
    fn move_out(&mut self) {
        let len = self.bytes.len();
        let mut own =
            BytesMut::with_capacity(if len <= PARTIAL_SMALL { len } else { self.capacity_wanted() });
        own.extend_from_slice(&self.bytes);
        self.give_back();
        self.bytes = own;
    }

    /// Gives a full own buffer the next size.
    fn grow(&mut self) {
        if self.bytes.len() < self.bytes.capacity() {
            return;
        }
        let mut larger = BytesMut::with_capacity(self.capacity_wanted());
        larger.extend_from_slice(&self.bytes);
        self.bytes = larger;
    }

    /// The whole frame if its length is known, but never more than twice what was received.
    fn capacity_wanted(&self) -> usize {
        let twice = 2 * self.bytes.len();
        let known = self.need >= self.bytes.len() + READ_MIN;
        if known { self.need.min(twice) } else { twice }
    }

    fn give_back(&mut self) {
        give_back(mem::take(&mut self.bytes));
        self.leased = false;
    }
}

/// The worker's buffer, empty and with room; frames cut from it before may still be alive.
fn lease() -> BytesMut {
    let buffer = WORKER.take().unwrap_or_default();
    reclaimed(buffer).unwrap_or_else(|| BytesMut::with_capacity(READ_BUFFER))
}

fn reclaimed(mut buffer: BytesMut) -> Option<BytesMut> {
    let roomy = buffer.try_reclaim(READ_BUFFER) || buffer.capacity() >= PARTIAL_SMALL + READ_MIN;
    roomy.then_some(buffer)
}

fn give_back(mut buffer: BytesMut) {
    buffer.clear();
    WORKER.set(Some(buffer));
}

fn poll_read<S: AsyncRead + Unpin>(
    cx: &mut Context<'_>,
    stream: &mut S,
    buffer: &mut BytesMut,
    at_most: usize,
) -> Poll<io::Result<usize>> {
    let room = (buffer.capacity() - buffer.len()).min(at_most);
    pin!(stream.read_buf(&mut buffer.limit(room))).poll(cx)
}
