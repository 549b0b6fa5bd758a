//! Receiving half of a byte stream: reads into the worker's buffer and cuts it into frames.
//!
//! An idle connection holds no buffer. Each poll leases the one of its worker thread, reads, and gives it back
//! when nothing is left or the connection has to wait. What then remains of a frame moves to the connection:
//! memory follows the bytes received, never a length the peer announced alone. Up to [`LARGE`] it is at most twice
//! what was received, beyond that at most [`LARGE_FACTOR`] times, so that a large frame is not copied over and over.
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

/// Bytes received of one frame that show that its length is meant.
const LARGE: usize = 1 << 20;

/// How many times as much memory as was received a frame may have whose length is meant.
const LARGE_FACTOR: usize = 16;

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

    /// What has to be counted for them: they take at most twice as much memory.
    pub(super) fn held(&self) -> usize {
        let len = self.bytes.len();
        if self.leased { len } else { len.max(self.bytes.capacity() / 2) }
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

    /// The whole frame if its length is known, but never more than what was received allows.
    fn capacity_wanted(&self) -> usize {
        let len = self.bytes.len();
        let known = self.need >= len + READ_MIN;
        let factor = if known && len >= LARGE { LARGE_FACTOR } else { 2 };
        let grown = len.saturating_mul(factor);
        if known { self.need.min(grown) } else { grown }
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

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, pin::Pin, task::Waker};

    use tokio::io::ReadBuf;

    use super::*;

    /// Frames of a 4-byte length and so many bytes; `exact` tells the length as soon as it is known.
    struct LengthFramer {
        exact: bool,
    }

    impl Framer for LengthFramer {
        fn frame(&mut self, bytes: &[u8]) -> Result<Frame> {
            let Some(&prefix) = bytes.first_chunk::<4>() else { return Ok(Frame::Partial(4)) };
            let size = 4 + u32::from_be_bytes(prefix) as usize;
            Ok(match bytes.len() >= size {
                true => Frame::Complete(size),
                false => Frame::Partial(if self.exact { size } else { bytes.len() + 1 }),
            })
        }
    }

    fn frame(length: usize, seed: usize) -> Vec<u8> {
        let body = (0..length).map(|at| (at * 31 + seed) as u8);
        (length as u32).to_be_bytes().into_iter().chain(body).collect()
    }

    /// Gives one piece per read; is pending at an empty piece, and ended after the last.
    struct Script(VecDeque<Vec<u8>>);

    impl AsyncRead for Script {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            into: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let Some(mut piece) = self.0.pop_front() else { return Poll::Ready(Ok(())) };
            if piece.is_empty() {
                return Poll::Pending;
            }
            let rest = piece.split_off(piece.len().min(into.remaining()));
            into.put_slice(&piece);
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
            Poll::Ready(Ok(()))
        }
    }

    fn poll(input: &mut Input, script: &mut Script, exact: bool) -> Poll<Result<Option<Bytes>>> {
        input.poll_frame(&mut Context::from_waker(Waker::noop()), script, &mut LengthFramer { exact })
    }

    fn script(pieces: &[&[u8]]) -> Script {
        Script(pieces.iter().map(|piece| piece.to_vec()).collect())
    }

    #[test]
    fn frames_of_one_read_share_memory_and_idle_holds_none() {
        let both = [frame(10, 1), frame(20, 2)].concat();
        let (mut input, mut script) = (Input::default(), script(&[&both, &[]]));
        let Poll::Ready(Ok(Some(one))) = poll(&mut input, &mut script, true) else { panic!() };
        let Poll::Ready(Ok(Some(two))) = poll(&mut input, &mut script, true) else { panic!() };
        assert_eq!(one.as_ptr().wrapping_add(one.len()), two.as_ptr());
        assert_eq!((&one[..], &two[..]), (&frame(10, 1)[..], &frame(20, 2)[..]));
        assert!(poll(&mut input, &mut script, true).is_pending());
        assert_eq!(input.bytes.capacity(), 0);
    }

    #[test]
    fn memory_follows_the_bytes_received() {
        for exact in [true, false] {
            let claim = (1u32 << 30).to_be_bytes();
            let mut script = script(&[&claim, &[]]);
            script.0.extend((0..3_000).flat_map(|_| [vec![7; 100], vec![]]));
            let mut input = Input::default();
            while !script.0.is_empty() {
                assert!(poll(&mut input, &mut script, exact).is_pending());
                assert!(input.bytes.capacity() <= 2 * input.bytes.len());
            }
            assert_eq!(input.len(), 300_004);
            let Poll::Ready(Err(error)) = poll(&mut input, &mut script, exact) else { panic!() };
            assert!(error.is_closed());
        }
    }

    #[test]
    fn a_large_frame_gets_memory_of_its_own() {
        let all = [frame(5, 1), frame(1_000_000, 2), frame(6, 3)].concat();
        let (mut input, mut script) = (Input::default(), script(&[&all]));
        let Poll::Ready(Ok(Some(_))) = poll(&mut input, &mut script, true) else { panic!() };
        let Poll::Ready(Ok(Some(large))) = poll(&mut input, &mut script, true) else { panic!() };
        assert!(large == frame(1_000_000, 2));
        let memory = large.try_into_mut().expect("it is shared with nothing");
        assert_eq!(memory.capacity(), 1_000_004);
        let Poll::Ready(Ok(Some(small))) = poll(&mut input, &mut script, true) else { panic!() };
        assert_eq!(small, frame(6, 3));
    }

    #[test]
    fn a_frame_whose_length_is_meant_is_given_room_and_counted() {
        let length = 40 << 20;
        let start = [&(length as u32).to_be_bytes()[..], &vec![7; LARGE - 5]].concat();
        let (mut input, mut script) =
            (Input::default(), script(&[&start, &[], &[7], &[], &vec![7; LARGE], &[]]));
        assert!(poll(&mut input, &mut script, true).is_pending());
        assert_eq!((input.len(), input.held()), (LARGE - 1, LARGE - 1), "until then it is at most doubled");
        for _ in 0..2 {
            assert!(poll(&mut input, &mut script, true).is_pending());
            let (received, memory) = (input.len(), input.bytes.capacity());
            assert!(memory <= LARGE_FACTOR * received, "{memory} bytes for {received}");
            assert_eq!(input.held(), received.max(memory / 2));
        }
        assert_eq!(input.held(), LARGE_FACTOR * LARGE / 2);
    }

    #[test]
    fn frames_survive_any_cut() {
        let mut random = 0x9E37_79B9_7F4A_7C15u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) as usize % below
        };
        for round in 0..60 {
            let exact = round % 2 == 0;
            let frames: Vec<_> = (0..30)
                .map(|seed| {
                    let scale = [10, 300, 5_000, 70_000, 300_000][next(5)];
                    frame(next(scale), seed)
                })
                .collect();
            let mut rest = &frames.concat()[..];
            let mut script = Script(VecDeque::new());
            while !rest.is_empty() {
                let scale = [8, 5_000, 70_000, 400_000][next(4)];
                let (piece, tail) = rest.split_at((1 + next(scale)).min(rest.len()));
                script.0.push_back(piece.to_vec());
                script.0.extend(vec![vec![]; next(3)]);
                rest = tail;
            }
            let (mut input, mut got, mut kept) = (Input::default(), 0, Vec::new());
            loop {
                match poll(&mut input, &mut script, exact) {
                    Poll::Pending => {
                        let bound = (2 * input.bytes.len()).max(PARTIAL_SMALL);
                        assert!(!input.leased && input.bytes.capacity() <= bound);
                    }
                    Poll::Ready(frame) => {
                        let Some(frame) = frame.unwrap() else { break };
                        assert!(frame == frames[got], "frame {got} of round {round}");
                        got += 1;
                        if next(3) == 0 {
                            kept.push(frame); // pins the buffer it is in
                        }
                    }
                }
            }
            assert_eq!(got, frames.len());
            assert!(kept.iter().all(|frame| frames.iter().any(|sent| frame == sent)));
        }
    }

    #[test]
    fn a_framer_that_lies_is_an_error() {
        struct Liar(Frame);
        impl Framer for Liar {
            fn frame(&mut self, _: &[u8]) -> Result<Frame> {
                Ok(self.0)
            }
        }
        for lie in [Frame::Complete(0), Frame::Complete(6)] {
            let (mut input, mut script) = (Input::default(), script(&[b"12345"]));
            let mut cx = Context::from_waker(Waker::noop());
            let polled = input.poll_frame(&mut cx, &mut script, &mut Liar(lie));
            assert!(matches!(polled, Poll::Ready(Err(_))));
        }
        let (mut input, mut script) = (Input::default(), script(&[b"12345"]));
        let mut cx = Context::from_waker(Waker::noop());
        let polled = input.poll_frame(&mut cx, &mut script, &mut Liar(Frame::Partial(1)));
        assert!(matches!(polled, Poll::Ready(Err(_))), "it waits for more, and there is none");
    }
}
