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

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use bytes::Bytes;

    use super::*;

    /// Takes at most `step` bytes per write, and is pending after every `burst` writes.
    struct Sink {
        step: usize,
        burst: usize,
        writes: usize,
        slices_max: usize,
        taken: Vec<u8>,
        broken: bool,
    }

    impl Sink {
        fn new(step: usize, burst: usize) -> Self {
            Sink { step, burst, writes: 0, slices_max: 0, taken: Vec::new(), broken: false }
        }
    }

    impl AsyncWrite for Sink {
        fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            if self.broken {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            self.writes += 1;
            if self.writes.is_multiple_of(self.burst + 1) {
                return Poll::Pending;
            }
            self.slices_max = self.slices_max.max(slices.len());
            let mut room = self.step;
            for slice in slices {
                let piece = &slice[..slice.len().min(room)];
                room -= piece.len();
                self.taken.extend_from_slice(piece);
            }
            Poll::Ready(Ok(self.step - room))
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn put(output: &mut Output, inline: usize, body: &Bytes, all: &mut Vec<u8>) {
        let linked = if body.len() >= 100 { body.len() } else { 0 };
        let size = Size { inline: inline + body.len() - linked, linked };
        let range = output.write(size, 100, &mut |span| {
            span.put_slice(&vec![inline as u8; inline / 2]);
            span.put_body(body);
            span.put_slice(&vec![!inline as u8; inline - inline / 2]);
            Ok(())
        });
        assert_eq!(range.unwrap(), all.len() as u64..(all.len() + size.total()) as u64);
        all.extend(vec![inline as u8; inline / 2]);
        all.extend_from_slice(body);
        all.extend(vec![!inline as u8; inline - inline / 2]);
    }

    #[test]
    fn partial_writes_lose_nothing() {
        let bodies: Vec<Bytes> =
            [0, 99, 100, 5_000].iter().map(|length| vec![*length as u8; *length].into()).collect();
        let mut cx = Context::from_waker(Waker::noop());
        for (step, burst) in [(3, 30), (13, 50), (7, 2), (99, 5), (100, 1), (4_096, 1), (100_000, 1)] {
            let (mut output, mut sink, mut all) = (Output::default(), Sink::new(step, burst), Vec::new());
            for round in 0..100 {
                put(&mut output, round % 40, &bodies[round % 4], &mut all);
                let _ = output.poll_flush(&mut cx, &mut sink);
                assert_eq!(output.flushed(), sink.taken.len() as u64);
                assert_eq!(output.len(), all.len() - sink.taken.len());
            }
            while output.poll_flush(&mut cx, &mut sink).is_pending() {}
            assert!(sink.taken == all, "steps of {step}");
            assert!(output.is_idle(), "the buffer was given back");
        }
    }

    #[test]
    fn a_vectored_write_has_a_limit() {
        let (mut output, mut sink, mut all) = (Output::default(), Sink::new(1 << 20, 1_000), Vec::new());
        for _ in 0..500 {
            put(&mut output, 4, &vec![7; 100].into(), &mut all);
        }
        let mut cx = Context::from_waker(Waker::noop());
        assert!(output.poll_flush(&mut cx, &mut sink).is_ready());
        assert!(sink.taken == all);
        assert_eq!((sink.slices_max, sink.writes), (SLICES_MAX, 16)); // 1,000 pieces, adjacent ones joined
    }

    #[test]
    fn a_slow_peer_costs_bounded_memory() {
        const BUFFERED_MAX: usize = 100_000;
        let (mut output, mut sink, mut all) = (Output::default(), Sink::new(1_000, 1), Vec::new());
        let mut cx = Context::from_waker(Waker::noop());
        let body = Bytes::from(vec![9; 100]);
        for _ in 0..20_000 {
            while output.poll_send(&mut cx, &mut sink, BUFFERED_MAX).is_pending() {}
            put(&mut output, 300, &body, &mut all);
            let capacity = output.buffer.as_ref().unwrap().capacity();
            assert!(capacity <= 4 * BUFFERED_MAX, "{capacity} bytes for at most {BUFFERED_MAX}");
        }
        while output.poll_flush(&mut cx, &mut sink).is_pending() {}
        assert!(sink.taken == all);
    }

    #[test]
    fn an_error_is_final() {
        let (mut output, mut sink, mut all) = (Output::default(), Sink::new(50, 1), Vec::new());
        let mut cx = Context::from_waker(Waker::noop());
        put(&mut output, 200, &Bytes::new(), &mut all);
        assert!(output.poll_flush(&mut cx, &mut sink).is_pending());
        sink.broken = true;
        assert!(matches!(output.poll_flush(&mut cx, &mut sink), Poll::Ready(Err(_))));
        sink.broken = false;
        assert!(matches!(output.poll_flush(&mut cx, &mut sink), Poll::Ready(Err(_))));
        assert!(matches!(output.poll_close(&mut cx, &mut sink), Poll::Ready(Err(_))));
        assert!(output.write(Size::inline(0), 100, &mut |_| Ok(())).is_err());
        assert_eq!((output.flushed(), output.len(), sink.taken.len()), (50, 150, 50));
    }
}
