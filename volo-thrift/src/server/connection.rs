//! One connection of a server: a state machine that its task polls, one turn per poll.
//!
//! A turn reads what is there, starts each call, polls its handler once in place, and writes the replies that are
//! ready: those just made and those of handlers that went on in tasks of their own. It flushes after every few
//! replies, so that both ends have something to do, and gives way after [`TURN_REQUESTS`] or [`TURN_BYTES`], so that
//! no connection starves the others.
//!
//! Order: a call that came with leave to be overtaken (TTHeader flag 0x0001) runs beside others; any other runs
//! alone, and what comes behind it waits in the transport. So not only replies but effects, too, keep their order.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::time::Sleep;
use volo_core::{
    Body, Error, ErrorKind, Request, Response, Result, Size,
    net::Link,
    shutdown::{Phase, Watcher},
};

use super::{
    Core,
    budget::Share,
    framer::Framing,
    job::{Calls, Job},
    reply::{Reply, Ticket},
    stall::{Sight, Stalls},
};
use crate::{
    meta,
    wire::{self, Header, Incoming, MessageKind, WireError},
};

/// Requests per turn.
const TURN_REQUESTS: u32 = 32;

/// Bytes of replies per turn.
const TURN_BYTES: u64 = 64 << 10;

/// Replies per flush: one flush per turn would lock both ends into taking turns.
const FLUSH_REPLIES: u32 = 16;

/// One of so many first polls is timed.
const TIMED: u64 = 16;

/// How long a peer that was told of the shutdown may still send, to be told that nothing of it is executed.
const FAREWELL: Duration = Duration::from_millis(50);

/// How long the peer may take to end its side, so that the last replies aren't lost in a reset.
const LINGER: Duration = Duration::from_millis(100);

/// The task of one connection; ends when the connection does.
pub(super) struct Connection {
    link: Box<dyn Link>,
    core: Arc<Core>,
    framing: Framing,
    calls: Calls,
    /// A request that has to wait until those before it are done.
    held: Option<Box<Incoming>>,
    /// A reply that has to wait for room in the transport.
    unwritten: Option<Box<Reply>>,
    stage: Stage,
    /// Whether the peer can be told of a shutdown by itself.
    overtaking: bool,
    frames: u64,
    header: Header,
    share: Share,
    stalls: Stalls,
    sleep: Pin<Box<Sleep>>,
    /// When `sleep` will wake this task; `None` if it has to be polled first.
    armed: Option<Instant>,
    watcher: Option<Watcher>,
}

/// How far the connection is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Calls are taken.
    Serving,
    /// The server shuts down: what is already there is taken, the peer is told.
    Draining,
    /// The peer was told: what it still sends is refused, until then.
    Refusing(Instant),
    /// No more is read: what is under way is answered.
    Finishing,
    /// This side of the stream is being ended.
    Closing,
    /// What the peer still sends is thrown away, until then.
    Lingering(Instant),
}

/// What one turn has done so far.
struct Turn {
    now: Instant,
    requests: u32,
    replies: u32,
    /// End of the stream of replies when the turn began.
    start: u64,
    /// Whether more could be read without waiting.
    more: bool,
}

impl Connection {
    pub(super) fn new(link: Box<dyn Link>, core: Arc<Core>, watcher: Watcher) -> Self {
        let now = now();
        let sleep = Box::pin(tokio::time::sleep_until((now + core.limits.idle_timeout).into()));
        Connection {
            framing: Framing::new(&core.limits),
            share: Share::new(core.budget.clone()),
            link,
            core,
            calls: Calls::default(),
            held: None,
            unwritten: None,
            stage: Stage::Serving,
            overtaking: false,
            frames: 0,
            header: Header::default(),
            stalls: Stalls::new(now),
            sleep,
            armed: None,
            watcher: Some(watcher),
        }
    }

    /// One turn; ready when the connection is over.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let start = self.link.flushed() + self.link.buffered() as u64;
        let mut turn = Turn { now: now(), requests: 0, replies: 0, start, more: false };
        if self.heed_shutdown(cx) == Phase::Over {
            return Poll::Ready(Err(Error::new(ErrorKind::Draining, "drain_timeout passed")));
        }
        self.answer_finished(cx, &mut turn)?;
        self.take_requests(cx, &mut turn)?;
        let flushed = self.link.poll_flush(cx)?.is_ready();
        self.settle_memory()?;
        if self.advance(cx, &turn, flushed)? {
            return Poll::Ready(Ok(()));
        }
        if self.check_time(cx, &turn)? || turn.more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    fn heed_shutdown(&mut self, cx: &mut Context<'_>) -> Phase {
        let Some(watcher) = &mut self.watcher else { return Phase::Running };
        let Poll::Ready(phase) = watcher.poll_change(cx) else { return watcher.phase() };
        if self.stage == Stage::Serving {
            self.stage = Stage::Draining;
        }
        phase
    }

    /// Writes the replies of calls that went on in tasks of their own.
    fn answer_finished(&mut self, cx: &mut Context<'_>, turn: &mut Turn) -> Result<()> {
        loop {
            if let Some(reply) = self.unwritten.take() {
                self.answer(cx, turn, *reply)?;
            }
            if self.unwritten.is_some() || self.link.buffered() >= self.core.limits.write_buffer_max {
                return Ok(());
            }
            let Some((ticket, result)) = self.calls.poll_finished(cx) else { return Ok(()) };
            if let Some(reply) = ticket.reply(result) {
                self.answer(cx, turn, reply)?;
            }
        }
    }

    /// Reads and starts calls as long as there are some and they may run.
    fn take_requests(&mut self, cx: &mut Context<'_>, turn: &mut Turn) -> Result<()> {
        if let Some(incoming) = self.held.take() {
            self.start_or_hold(cx, turn, incoming)?;
        }
        while self.is_reading() {
            if turn.is_over(&*self.link) {
                turn.more = true;
                return Ok(());
            }
            match self.link.poll_recv(cx, &mut self.framing) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(Some(frame))) => self.take_frame(cx, turn, frame)?,
                Poll::Ready(Ok(None)) => self.stage = Stage::Finishing,
                Poll::Ready(Err(error)) => {
                    self.stage = Stage::Finishing;
                    let wire = WireError::of(&error).cloned().ok_or(error)?;
                    self.refuse_bytes(cx, turn, &wire)?;
                }
            }
        }
        Ok(())
    }

    /// Whether another frame may be read now. If not, something that wakes this task is under way.
    fn is_reading(&self) -> bool {
        let limits = &self.core.limits;
        let calls = &self.calls;
        let open = matches!(self.stage, Stage::Serving | Stage::Draining | Stage::Refusing(_));
        let has_room = calls.count() == 0
            || !calls.is_alone()
                && calls.count() < limits.in_flight_max
                && calls.bytes() < limits.in_flight_bytes_max
                && !self.share.is_exhausted();
        open && has_room
            && self.held.is_none()
            && self.unwritten.is_none()
            && self.link.buffered() < limits.write_buffer_max
    }

    fn take_frame(&mut self, cx: &mut Context<'_>, turn: &mut Turn, frame: Bytes) -> Result<()> {
        turn.requests += 1;
        self.frames += 1;
        let Some(dialect) = self.framing.dialect() else {
            return Err(Error::internal("frame of no dialect"));
        };
        match wire::parse(frame, dialect, &self.core.limits) {
            Ok(incoming) => self.start_or_hold(cx, turn, Box::new(incoming)),
            Err(error) => self.refuse_bytes(cx, turn, &error),
        }
    }

    fn start_or_hold(&mut self, cx: &mut Context<'_>, turn: &mut Turn, incoming: Box<Incoming>) -> Result<()> {
        let ticket = Ticket::new(&incoming);
        let must_wait = self.calls.is_alone() || !ticket.may_overtake && self.calls.count() > 0;
        if must_wait {
            self.held = Some(incoming);
            return Ok(());
        }
        self.overtaking |= ticket.may_overtake;
        self.start(cx, turn, ticket, *incoming)
    }

    /// Starts a call and answers it if it is done at once.
    fn start(
        &mut self,
        cx: &mut Context<'_>,
        turn: &mut Turn,
        ticket: Ticket,
        incoming: Incoming,
    ) -> Result<()> {
        let refusing = matches!(self.stage, Stage::Refusing(_));
        let admitted = self.core.admit(incoming, self.link.profile(), turn.now, refusing);
        let (route, request) = match admitted {
            Ok(admitted) => admitted,
            Err(exception) => match ticket.exception(exception) {
                Some(reply) => return self.answer(cx, turn, reply),
                None => return Ok(()),
            },
        };
        let ticket = ticket.routed(&route);
        let slow = route.pace.is_slow();
        let timed = (slow || self.frames % TIMED == 1).then(|| route.clone());
        let mut job = Job::new(|| self.core.call(request), timed);
        if slow || route.blocking {
            self.calls.spawn(ticket, job, route.blocking);
            self.answer_finished(cx, turn) // registers this task
        } else {
            match Pin::new(&mut job).poll(cx) {
                Poll::Ready(result) => match ticket.reply(result) {
                    Some(reply) => self.answer(cx, turn, reply),
                    None => Ok(()),
                },
                Poll::Pending => {
                    self.calls.spawn(ticket, job, false);
                    self.answer_finished(cx, turn)
                }
            }
        }
    }
}
