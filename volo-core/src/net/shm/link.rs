//! One connection through shared memory.
//!
//! A message is encoded straight into its place in the ring or in a slice, and published with those beside it by one
//! store when the link is flushed. One that has no room there waits in a buffer of this end's and follows in pieces,
//! in order, so that no message is too large and an exhausted arena stops nothing.
//!
//! Waiting: an end registers with the socket, says that it sleeps, and looks once more. A wait holds until the
//! function that began it is called again, so every wait after a wake-up says anew that this end sleeps.
#![forbid(unsafe_code)]

use std::{
    io::{self, IoSlice},
    net::Shutdown,
    ops::Range,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use socket2::SockRef;
use tokio::{io::Interest, net::UnixStream};

use super::{
    arena::{Arena, Slice},
    handshake::Session,
    input::Input,
    layout::{CELL, CLASSES, INLINE_MAX, PROCESSOR, capacity},
    memory::{Load, Own, Peers, Store},
    ring::{Consumer, Content, Producer, Violation},
    sys::{self, Sent},
    wake::{Alarm, Look, News, Sleeper, Spin},
};
use crate::{
    Error, ErrorKind, Peer, Result, Size, Span,
    net::{Framer, Link, Profile, ShmOptions},
    span::{OutBuf, SCRATCH},
};

/// The largest message: what a 32-bit signed length can announce.
const MESSAGE_MAX: usize = i32::MAX as usize;

/// A buffer that grew beyond this is not kept.
const BACKLOG_KEPT: usize = 64 * 1024;

/// So many bytes of records may be consumed before the peer is told that it can use them again.
const TELL_AFTER: usize = 32 * 1024;

/// Wake-ups read in one go.
const WAKE_UPS: usize = 64;

/// How often the socket is read before the rest of what a peer floods it with has to wait.
const READS_MAX: usize = 16;

/// Times of sleeping for which wake-ups may lie unread in the socket, which has room for some hundred.
const UNREAD_MAX: u64 = 32;

/// One end of a connection through shared memory.
pub(in crate::net) struct ShmLink {
    profile: Profile,
    socket: UnixStream,
    own: Own,
    peers: Peers,
    producer: Producer,
    arena: Arena,
    /// Messages that had no room in shared memory, and what followed them.
    backlog: OutBuf,
    /// Bytes in shared memory that are not published.
    staged: usize,
    flushed: u64,
    closed: bool,
    consumer: Consumer,
    input: Input,
    /// Whether the peer will send no more.
    ended: bool,
    /// Whether the peer has closed its socket, or died.
    gone: bool,
    receive_failed: bool,
    /// What the peer did that ended the connection.
    violation: Option<String>,
    sleeper: Sleeper,
    /// Times this end had slept when it read its wake-ups last.
    read_at: u64,
    alarm: Alarm,
    spin: Spin,
    /// Where this end ran last, as the peer knows it.
    processor: usize,
    /// Whether a wait for records, or for room, goes on.
    waits_for_records: bool,
    waits_for_room: bool,
}

/// What a wait is over for before it began.
struct There {
    records: bool,
    room: bool,
}

/// Where a message is encoded.
enum Place {
    Inline(u64),
    Slice(u64, Slice),
}

impl ShmLink {
    pub(super) fn new(socket: UnixStream, session: Session, peer: Peer, options: &ShmOptions) -> Self {
        let Session { own, own_layout, peers, peers_layout } = session;
        ShmLink {
            profile: Profile { transport: "shm", link_min: usize::MAX, message_max: MESSAGE_MAX, peer },
            socket,
            own,
            peers,
            producer: Producer::new(own_layout),
            arena: Arena::new(own_layout, options.process_max),
            backlog: OutBuf::default(),
            staged: 0,
            flushed: 0,
            closed: false,
            consumer: Consumer::new(peers_layout),
            input: Input::default(),
            ended: false,
            gone: false,
            receive_failed: false,
            violation: None,
            sleeper: Sleeper::default(),
            read_at: 0,
            alarm: Alarm::default(),
            spin: Spin::new(options.spin),
            processor: 0,
            waits_for_records: false,
            waits_for_room: false,
        }
    }

    /// Ends the connection because of what the peer did.
    #[cold]
    fn poison(&mut self, Violation(text): Violation) -> Error {
        tracing::warn!(peer = %self.profile.peer.address, %text, "a peer broke the rules of shared memory");
        let _ = SockRef::from(&self.socket).shutdown(Shutdown::Both);
        let error = Error::protocol(text.clone());
        self.violation = Some(text);
        error
    }

    fn check(&self) -> Result<()> {
        match &self.violation {
            Some(text) => Err(closed(&format!("the connection was ended: {text}"))),
            None => Ok(()),
        }
    }

    fn check_sending(&self) -> Result<()> {
        self.check()?;
        if self.closed {
            return Err(closed("this end of the connection was closed"));
        }
        if self.gone {
            return Err(closed("the peer is gone"));
        }
        Ok(())
    }

    /// Finds room in shared memory for a message, if there is some.
    fn place(&mut self, len: usize) -> Result<Option<Place>> {
        let placed = if len <= INLINE_MAX {
            let cells = Content::Inline(len).cells();
            self.producer.place(cells, &self.peers).map(|start| start.map(Place::Inline))
        } else {
            self.place_slice(len)
        };
        placed.map_err(|violation| self.poison(violation))
    }

    fn place_slice(&mut self, len: usize) -> Result<Option<Place>, Violation> {
        self.producer.refresh(&self.peers)?;
        self.arena.take_back(self.producer.head());
        let Some(slice) = self.arena.find(&self.own, len) else { return Ok(None) };
        let start = self.producer.place(1, &self.peers)?;
        Ok(start.map(|start| Place::Slice(start, slice)))
    }

    /// Encodes a message in its place, where it waits to be published.
    fn write_at(
        &mut self,
        place: Place,
        size: Size,
        fill: &mut dyn FnMut(&mut Span<'_>) -> Result<()>,
    ) -> Result<()> {
        let len = size.inline;
        let (start, at, content) = match place {
            Place::Inline(start) => (start, self.producer.payload(start), Content::Inline(len)),
            Place::Slice(start, Slice { class, index, at }) => {
                (start, at, Content::Slice { class, index, len })
            }
        };
        let mut links = Vec::new(); // stays empty: nothing is long enough
        let mut span = Span::new(self.own.lend(at, len + SCRATCH), size, 0, usize::MAX, &mut links)?;
        fill(&mut span)?;
        span.finish(size)?;
        if let Place::Slice(start, slice) = place {
            self.arena.lend(slice, start);
        }
        self.producer.stage(&mut self.own, start, content);
        self.staged += len;
        Ok(())
    }

    /// Moves what waits for room into shared memory, as far as there is some now; true if nothing is left.
    fn pump(&mut self) -> Result<bool> {
        if self.backlog.is_empty() {
            return Ok(true);
        }
        let mut backlog = std::mem::take(&mut self.backlog);
        let pumped = self.pump_from(&mut backlog);
        if backlog.is_empty() {
            backlog.clear();
        }
        if backlog.capacity() <= BACKLOG_KEPT || !backlog.is_empty() {
            self.backlog = backlog;
        }
        pumped.map(|()| self.backlog.is_empty())
    }

    fn pump_from(&mut self, backlog: &mut OutBuf) -> Result<()> {
        loop {
            let mut piece = [IoSlice::new(&[])];
            if backlog.gather(&mut piece) == 0 {
                return Ok(());
            }
            let Some((place, len)) = self.place_piece(piece[0].len())? else { return Ok(()) };
            self.write_at(place, Size::inline(len), &mut |span| {
                span.put_slice(&piece[0][..len]);
                Ok(())
            })?;
            backlog.advance(len);
        }
    }

    /// Room for a piece of so many bytes or, if there is none, for a smaller one.
    fn place_piece(&mut self, len: usize) -> Result<Option<(Place, usize)>> {
        for class in (0..CLASSES).rev() {
            let len = len.min(capacity(class));
            let useful = len > INLINE_MAX && (class == 0 || len > capacity(class - 1));
            if useful && let Some(place) = self.place(len)? {
                return Ok(Some((place, len)));
            }
        }
        let len = len.min(INLINE_MAX);
        Ok(self.place(len)?.map(|place| (place, len)))
    }

    /// Lets the peer see what was staged, and wakes it if it sleeps.
    fn publish(&mut self) {
        if self.producer.publish(&mut self.own) {
            self.flushed += self.staged as u64;
            self.staged = 0;
            self.wake_for(News::Records);
        }
    }

    fn wake_for(&mut self, news: News) {
        if self.alarm.is_due(&self.peers, news) && sys::wake(&self.socket) == Sent::Gone {
            self.gone = true;
        }
    }

    /// Tells the peer what it may use again.
    fn tell(&mut self) {
        if self.consumer.untold() > 0 {
            self.consumer.tell(&mut self.own);
            self.wake_for(News::Room);
        }
    }

    /// Takes the next record in; false if there is none.
    fn take_record(&mut self) -> Result<bool> {
        let record = match self.consumer.next(&self.peers) {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(false),
            Err(violation) => return Err(self.poison(violation)),
        };
        self.spin.arrived();
        match record.content {
            Content::Inline(len) | Content::Slice { len, .. } => {
                self.input.take(&self.peers, record.at, len)?
            }
            Content::End => self.ended = true,
        }
        self.consumer.consume(record);
        let slice = matches!(record.content, Content::Slice { .. });
        if slice || self.consumer.untold() as usize * CELL >= TELL_AFTER {
            self.tell();
        }
        Ok(true)
    }

    /// Takes the wake-ups that came, and registers with the socket for the next; notices that the peer is gone.
    fn poll_socket(&mut self, cx: &mut Context<'_>) {
        for turn in 0..READS_MAX {
            match self.socket.poll_read_ready(cx) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) if turn == 0 && self.sleeper.times() - self.read_at < UNREAD_MAX => {
                    self.pass_wake_ups();
                }
                Poll::Ready(Ok(())) => {
                    self.read_wake_ups();
                }
                Poll::Ready(Err(_)) => self.gone = true,
            }
            if self.gone {
                return;
            }
        }
        cx.waker().wake_by_ref();
    }

    /// Lets wake-ups lie, which saves reading them: the next one is told nevertheless, and so is the end.
    fn pass_wake_ups(&self) {
        let _ = self.socket.try_io(Interest::READABLE, || io::Result::<()>::Err(io::ErrorKind::WouldBlock.into()));
    }

    /// Whether there were wake-ups.
    fn read_wake_ups(&mut self) -> bool {
        self.read_at = self.sleeper.times();
        match self.socket.try_read(&mut [0; WAKE_UPS]) {
            Ok(1..) => return true,
            Ok(0) => self.gone = true,
            Err(error) => {
                self.gone |= !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
            }
        }
        false
    }

    /// Begins to wait for whatever this end waits for; says what of it is there already.
    fn wait(&mut self, cx: &mut Context<'_>) -> Result<There> {
        self.tell();
        self.poll_socket(cx);
        self.sleeper.sleep(&mut self.own, self.waits_for_room);
        self.spin.slept();
        let records = self.waits_for_records && (self.gone || self.consumer.is_ready(&self.peers));
        let room = self.waits_for_room && (self.gone || self.refresh()?);
        Ok(There { records, room })
    }

    fn refresh(&mut self) -> Result<bool> {
        self.producer.refresh(&self.peers).map_err(|violation| self.poison(violation))
    }

    /// Waits until everything is in shared memory, and publishes it.
    fn poll_pump(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let done = self.pump()?;
            self.publish();
            if self.gone {
                return Poll::Ready(Err(closed("the peer is gone")));
            }
            if done {
                return Poll::Ready(self.end_wait_for_room(cx));
            }
            ready!(self.poll_room(cx))?;
        }
    }

    /// Waits until the peer has made some room, or is gone.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.waits_for_room = true;
        let there = self.wait(cx)?;
        if there.records {
            cx.waker().wake_by_ref();
        }
        if there.room { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// The wait for records, if there is one, goes on alone.
    fn end_wait_for_room(&mut self, cx: &mut Context<'_>) -> Result<()> {
        if self.waits_for_room {
            self.waits_for_room = false;
            if self.waits_for_records && self.wait(cx)?.records {
                cx.waker().wake_by_ref();
            }
        }
        Ok(())
    }

    /// Waits until there are records, or the peer is gone.
    fn poll_records(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.publish(); // nobody should wait for this while this end waits
        let is_peer_here = self.is_peer_here();
        match self.spin.look(is_peer_here, || self.consumer.is_ready(&self.peers)) {
            Look::Found => return Poll::Ready(Ok(())),
            Look::Again => {
                self.tell();
                self.poll_socket(cx);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Look::Sleep => {}
        }
        self.waits_for_records = true;
        let there = self.wait(cx)?;
        if there.room {
            cx.waker().wake_by_ref();
        }
        if there.records { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Whether the peer ran last where this end runs; tells the peer where that is.
    fn is_peer_here(&mut self) -> bool {
        let processor = sys::processor() + 1;
        if processor != self.processor {
            self.processor = processor;
            self.own.store(PROCESSOR, processor as u64);
        }
        self.peers.load(PROCESSOR) == processor as u64
    }

    /// The wait for room, if there is one, goes on alone.
    fn end_wait_for_records(&mut self, cx: &mut Context<'_>) -> Result<()> {
        self.waits_for_records = false;
        if !self.waits_for_room {
            self.sleeper.wake(&mut self.own);
        } else if self.wait(cx)?.room {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>, framer: &mut dyn Framer) -> Poll<Result<Option<Bytes>>> {
        loop {
            if let Some(frame) = self.input.cut(framer)? {
                return Poll::Ready(Ok(Some(frame)));
            }
            if self.ended {
                return Poll::Ready(self.input.end());
            }
            if self.take_record()? {
                continue;
            }
            if self.gone {
                self.ended = !self.take_record()?; // what it published before it went is still to be had
                continue;
            }
            ready!(self.poll_records(cx))?;
        }
    }
}

fn closed(text: &str) -> Error {
    Error::new(ErrorKind::Closed, text)
}

impl Link for ShmLink {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>, _size: Size) -> Poll<Result<()>> {
        self.check_sending()?;
        if self.backlog.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.poll_pump(cx)
    }

    fn write(&mut self, size: Size, fill: &mut dyn FnMut(&mut Span<'_>) -> Result<()>) -> Result<Range<u64>> {
        self.check_sending()?;
        if size.total() > MESSAGE_MAX {
            let text = format!("a message of {} bytes is beyond the {MESSAGE_MAX} of a stream", size.total());
            return Err(Error::new(ErrorKind::Encode, text));
        }
        let start = self.flushed + self.buffered() as u64;
        let place = match self.backlog.is_empty() && size.total() > 0 {
            true => self.place(size.total())?,
            false => None,
        };
        match place {
            Some(place) => self.write_at(place, size, fill)?,
            None => self.backlog.write(size, usize::MAX, fill)?,
        }
        Ok(start..start + size.total() as u64)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.check_sending()?;
        self.poll_pump(cx)
    }

    fn flushed(&self) -> u64 {
        self.flushed
    }

    fn buffered(&self) -> usize {
        self.staged + self.backlog.len()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, framer: &mut dyn Framer) -> Poll<Result<Option<Bytes>>> {
        if self.receive_failed {
            return Poll::Ready(Err(closed("receiving on this connection failed before")));
        }
        self.check()?;
        let received = self.poll_frame(cx, framer);
        match &received {
            Poll::Ready(Ok(_)) => {
                if self.waits_for_records || self.sleeper.is_asleep() {
                    self.end_wait_for_records(cx)?;
                }
            }
            Poll::Ready(Err(_)) => self.receive_failed = true,
            Poll::Pending => {}
        }
        received
    }

    fn partial(&self) -> usize {
        self.input.len()
    }

    fn idle_ok(&mut self) -> bool {
        let clean = self.input.len() == 0 && self.buffered() == 0 && !self.closed;
        let whole = !self.ended && !self.gone && !self.receive_failed && self.violation.is_none();
        if !clean || !whole {
            return false;
        }
        let mut woken = false;
        for _ in 0..READS_MAX {
            if !self.read_wake_ups() {
                break;
            }
            woken = true;
        }
        if woken && self.sleeper.is_asleep() {
            self.sleeper.sleep(&mut self.own, self.waits_for_room); // the wake-up was used up
        }
        let quiet = !self.gone && !self.consumer.is_ready(&self.peers);
        self.receive_failed = !quiet;
        quiet
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.closed {
            return Poll::Ready(Ok(()));
        }
        self.check_sending()?;
        loop {
            ready!(self.poll_pump(cx))?;
            match self.producer.place(Content::End.cells(), &self.peers) {
                Err(violation) => return Poll::Ready(Err(self.poison(violation))),
                Ok(Some(start)) => {
                    self.producer.stage(&mut self.own, start, Content::End);
                    self.publish();
                    self.closed = true;
                    return Poll::Ready(Ok(()));
                }
                Ok(None) => ready!(self.poll_room(cx))?,
            }
        }
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
