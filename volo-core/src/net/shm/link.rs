//! One connection through shared memory.
//!
//! A message is encoded straight into its place in the ring or in a slice, and published with those beside it by one
//! store when the link is flushed. One that has no room there waits in a buffer of this end's and follows in pieces,
//! in order, so that no message is too large and an exhausted arena stops nothing.
//!
//! Waiting: an end registers with the socket, says that it sleeps, and looks once more. A wait holds until the
//! function that began it is called again, so every wait after a wake-up says anew that this end sleeps.
#![forbid(unsafe_code)]

mod waiting;

use std::{
    io::IoSlice,
    net::Shutdown,
    ops::Range,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use socket2::SockRef;
use tokio::net::UnixStream;

use self::waiting::READS_MAX;
use super::{
    arena::{Arena, Slice},
    handshake::Session,
    input::Input,
    layout::{CELL, CLASSES, INLINE_MAX, capacity},
    lease::{Slot, Trade},
    memory::{Own, Peers},
    ring::{Consumer, Content, Producer, Record, Violation},
    sys::{self, Sent},
    wake::{Alarm, News, Sleeper, Spin},
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

/// So many bytes are published before the next message is written, whether they are flushed or not.
const PUBLISH_AFTER: usize = 32 * 1024;

/// One end of a connection through shared memory.
pub(in crate::net) struct ShmLink {
    profile: Profile,
    socket: UnixStream,
    own: Own,
    peers: Peers,
    producer: Producer,
    arena: Arena,
    /// In trusted mode, what takes the place of the arena.
    trade: Option<Trade>,
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

/// Where a message is encoded.
#[derive(Clone, Copy)]
enum Place {
    Inline(u64),
    Slice(u64, Slice),
    Slot(u64, Slot),
}

impl ShmLink {
    pub(super) fn new(socket: UnixStream, session: Session, peer: Peer, options: &ShmOptions) -> Self {
        let Session { own, own_layout, peers, peers_layout, shared } = session;
        let trade = shared.map(|files| {
            Trade::new(files, own_layout, peers_layout, options.process_max, options.leased_max)
        });
        let consumer = match &trade {
            Some(_) => Consumer::new(peers_layout).with_trust(own_layout),
            None => Consumer::new(peers_layout),
        };
        ShmLink {
            profile: Profile { transport: "shm", link_min: usize::MAX, message_max: MESSAGE_MAX, peer },
            socket,
            own,
            peers,
            producer: Producer::new(own_layout),
            arena: Arena::new(own_layout, options.process_max),
            trade,
            backlog: OutBuf::default(),
            staged: 0,
            flushed: 0,
            closed: false,
            consumer,
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
        if let Some(trade) = &mut self.trade {
            let Some(slot) = trade.find(len) else { return Ok(None) };
            let start = self.producer.place(1, &self.peers)?;
            return Ok(start.map(|start| Place::Slot(start, slot)));
        }
        self.producer.refresh(&self.peers)?;
        self.arena.take_back(self.producer.head());
        let Some(slice) = self.arena.find(self.own.file(), len) else { return Ok(None) };
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
        let (start, content, room) = match place {
            Place::Inline(start) => {
                (start, Content::Inline(len), self.own.lend(self.producer.payload(start), len + SCRATCH))
            }
            Place::Slice(start, Slice { class, index, at }) => {
                (start, Content::Slice { class, index, len }, self.own.lend(at, len + SCRATCH))
            }
            Place::Slot(start, slot) => {
                let room = self.trade.as_mut().map(|trade| trade.lend(slot, len + SCRATCH));
                (start, slot.content(len), room.unwrap_or_default())
            }
        };
        let mut links = Vec::new(); // stays empty: nothing is long enough
        let mut span = Span::new(room, size, 0, usize::MAX, &mut links)?;
        fill(&mut span)?;
        span.finish(size)?;
        match (place, &mut self.trade) {
            (Place::Slice(start, slice), _) => self.arena.lend(slice, start),
            (Place::Slot(_, slot), Some(trade)) => trade.sent(slot),
            _ => {}
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
        self.return_slices();
        if self.producer.publish(&mut self.own) {
            self.flushed += self.staged as u64;
            self.staged = 0;
            self.wake_for(News::Records);
        }
    }

    /// Sends slices back that the peer may miss, if there are some.
    fn return_slices(&mut self) {
        let Some(trade) = self.trade.as_mut().filter(|_| !self.closed) else { return };
        while let Some(slot) = trade.excess(self.staged == 0)
            && let Ok(Some(start)) = self.producer.place(1, &self.peers)
        {
            self.producer.stage(&mut self.own, start, slot.content(0));
            trade.sent(slot);
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
            Content::Inline(len) => self.input.take(&self.peers, record.at, len)?,
            Content::Slice { .. } | Content::Back { .. } if self.trade.is_some() => {
                self.take_lease(record)?
            }
            Content::Slice { len, .. } => self.input.take(&self.peers, record.at, len)?,
            Content::Back { .. } => {}
            Content::End => self.ended = true,
        }
        self.consumer.consume(record);
        let slice = matches!(record.content, Content::Slice { .. }) && self.trade.is_none();
        if slice || self.consumer.untold() as usize * CELL >= TELL_AFTER {
            self.tell();
        }
        Ok(true)
    }

    /// Takes a message in where it is, or copies it if too much is in use already.
    fn take_lease(&mut self, record: Record) -> Result<()> {
        let Some(trade) = &mut self.trade else { return Ok(()) };
        let copied = trade.is_exhausted(record.content);
        match trade.receive(record.content) {
            Ok(None) => {}
            Ok(Some(lease)) if copied => self.input.take_copy(lease.as_ref()),
            Ok(Some(lease)) => self.input.take_bytes(Bytes::from_owner(lease)),
            Err(violation) => return Err(self.poison(violation)),
        }
        Ok(())
    }

    /// Takes slices that came back without a message; whether anything else is there.
    fn is_news_there(&mut self) -> bool {
        while let Ok(Some(Record { content: Content::Back { len: 0, .. }, .. })) =
            self.consumer.next(&self.peers)
        {
            if self.take_record().is_err() {
                return true;
            }
        }
        self.consumer.is_ready(&self.peers)
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
        if self.staged >= PUBLISH_AFTER {
            self.publish(); // so that the peer has something to do while the next message is encoded
        }
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
        let quiet = !self.gone && !self.is_news_there();
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
                    self.closed = true; // nothing may stand behind the end
                    self.publish();
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
