//! Sending half of a byte stream: encodes into the worker's buffer and hands it to the transport.
//!
//! The buffer is leased with the first write of a turn and given back once all of it is sent, so only a
//! connection whose peer reads too slowly holds one.
#![forbid(unsafe_code)]

use std::{
    cell::Cell,
    io::{self, IoSlice},
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;

use crate::{Error, ErrorKind, Result, Size, Span, span::OutBuf};

/// Initial size of a worker's buffer.
const WRITE_BUFFER: usize = 64 * 1024;

/// A buffer that grew beyond this is not kept.
const WRITE_BUFFER_KEPT: usize = 2 * WRITE_BUFFER;

/// Pieces in one vectored write.
const SLICES_MAX: usize = 64;

thread_local! {
    static WORKER: Cell<Option<OutBuf>> = const { Cell::new(None) };
}

/// Bytes written but not sent yet.
#[derive(Default)]
pub(super) struct Output {
    /// Leased while anything is buffered.
    buffer: Option<OutBuf>,
    flushed: u64,
    /// Why nothing can be sent any more.
    fault: Option<&'static str>,
}

impl Output {
    /// Writes one message, as [`super::Link::write`] has it.
    pub(super) fn write(
        &mut self,
        size: Size,
        link_min: usize,
        fill: &mut dyn FnMut(&mut Span<'_>) -> Result<()>,
    ) -> Result<Range<u64>> {
        self.check()?;
        let buffer = self.buffer.get_or_insert_with(lease);
        let start = self.flushed + buffer.len() as u64;
        let written = buffer.write(size, link_min, fill);
        if buffer.is_empty() {
            self.give_back();
        }
        written?;
        Ok(start..start + size.total() as u64)
    }

    /// Sends until at most `rest` bytes are left.
    pub(super) fn poll_send<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
        rest: usize,
    ) -> Poll<Result<()>> {
        self.check()?;
        while let Some(buffer) = &mut self.buffer
            && buffer.len() > rest
        {
            match ready!(poll_write(cx, stream, buffer)) {
                Ok(count) => {
                    buffer.advance(count);
                    self.flushed += count as u64;
                }
                Err(error) => return Poll::Ready(Err(self.fail(error))),
            }
        }
        if self.len() == 0 {
            self.give_back();
        }
        Poll::Ready(Ok(()))
    }

    /// Sends everything.
    pub(super) fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
    ) -> Poll<Result<()>> {
        ready!(self.poll_send(cx, stream, 0))?;
        ready!(Pin::new(stream).poll_flush(cx)).map_err(|error| self.fail(error))?;
        Poll::Ready(Ok(()))
    }

    /// Sends everything, then ends the stream.
    pub(super) fn poll_close<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
    ) -> Poll<Result<()>> {
        if self.fault == Some(CLOSED) {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_flush(cx, stream))?;
        ready!(Pin::new(stream).poll_shutdown(cx)).map_err(|error| self.fail(error))?;
        self.fault = Some(CLOSED);
        Poll::Ready(Ok(()))
    }

    /// Bytes the transport has taken so far.
    pub(super) fn flushed(&self) -> u64 {
        self.flushed
    }

    /// Bytes written but not sent.
    pub(super) fn len(&self) -> usize {
        self.buffer.as_ref().map_or(0, OutBuf::len)
    }

    /// Whether nothing is buffered and messages can be sent.
    pub(super) fn is_idle(&self) -> bool {
        self.buffer.is_none() && self.fault.is_none()
    }

    fn check(&self) -> Result<()> {
        self.fault.map_or(Ok(()), |fault| Err(Error::new(ErrorKind::Closed, fault)))
    }

    fn fail(&mut self, error: io::Error) -> Error {
        self.fault = Some("sending on this connection failed before");
        error.into()
    }

    fn give_back(&mut self) {
        let Some(mut buffer) = self.buffer.take() else { return };
        if buffer.capacity() <= WRITE_BUFFER_KEPT {
            buffer.clear();
            WORKER.set(Some(buffer));
        }
    }
}

const CLOSED: &str = "this end of the connection was closed";

fn lease() -> OutBuf {
    WORKER.take().unwrap_or_else(|| OutBuf::with_capacity(WRITE_BUFFER))
}

fn poll_write<S: AsyncWrite + Unpin>(
    cx: &mut Context<'_>,
    stream: &mut S,
    buffer: &OutBuf,
) -> Poll<io::Result<usize>> {
    let polled = match buffer.as_contiguous() {
        Some(bytes) => Pin::new(stream).poll_write(cx, bytes),
        None => {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = buffer.gather(&mut slices);
            Pin::new(stream).poll_write_vectored(cx, &slices[..count])
        }
    };
    match ready!(polled) {
        Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        count => Poll::Ready(count),
    }
}
