//! One connection of a server: a state machine that its task polls, one turn per poll.
//!
//! A turn reads what is there, starts each call, polls its handler once in place, and writes the replies that are
//! ready: those just made and those of handlers that went on in tasks of their own. It flushes after every few
//! replies, so that both ends have something to do, and gives way after [`TURN_REQUESTS`] or [`TURN_BYTES`], so that
//! no connection starves the others.
//!
//! Order: a call that came with leave to be overtaken (TTHeader flag 0x0001) runs beside others; any other runs
//! alone, and what comes behind it waits in the transport. So not only replies but effects, too, keep their order.
//!
//! A turn that ends without asking for another has registered this task with whatever can let it go on: the
//! transport, the calls under way, the shutdown, the timer.

mod ending;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::time::Sleep;
use volo_core::{Error, Peer, Result, Size, clock::now, net::Link, shutdown::Watcher};

use self::ending::Stage;
use super::{
    admission::Queued,
    core::{Admitted, Core},
    job::{Calls, Job},
    reply::{Reply, Ticket},
    stall::{Sight, Stall, Stalls},
};
use crate::{
    budget::{PARTIAL_FREE, Share},
    wire::{self, DetectFramer, Dialect, Header, Incoming, WireError},
};

/// Requests per turn, and those that a connection still takes when the server shuts down.
const TURN_REQUESTS: u32 = 32;

/// Bytes of replies per turn.
const TURN_BYTES: u64 = 64 << 10;

/// Replies per flush: with one flush per turn, both ends would take turns instead of working side by side.
const FLUSH_REPLIES: u32 = 16;

/// Fewer replies are not worth a flush of their own.
const FLUSH_REPLIES_MIN: u32 = 2;

/// Requests with more bytes are decoded in a task of their own, so that they don't hold up other connections.
const LARGE_REQUEST: usize = 1 << 20;

/// One first poll in so many is timed.
const TIMED: u64 = 16;

/// Memory that a frame may share with others and keep from being used again: that of a read buffer.
const SHARED: usize = 64 << 10;

/// Frames up to this size are copied out of shared memory if their calls are likely to wait.
const OWNED_MAX: usize = 16 << 10;

/// So many calls in a row must be done at their first poll for further ones to be expected to be, too.
const STREAK: u8 = 32;

/// The task of one connection; ends when the connection does.
pub(super) struct Connection {
    link: Box<dyn Link>,
    core: Arc<Core>,
    peer: Arc<Peer>,
    framer: DetectFramer,
    stage: Stage,
    calls: Calls,
    /// A request that has to wait until those before it are done.
    held: Option<Box<(Ticket, Incoming)>>,
    /// Since when so many received bytes have been waiting to be looked at.
    backlog: Option<(Instant, usize)>,
    /// A reply that has to wait for room in the transport.
    unwritten: Option<Box<Reply>>,
    /// How to tell the peer of a shutdown by itself, if it can take that.
    notify: Option<Dialect>,
    /// The dialect of a client of ours: it announced itself.
    kin: Option<Dialect>,
    peer_ended: bool,
    frames: u64,
    /// Replies after which the transport is given them before the turn is over.
    flush_replies: u32,
    /// Calls that are still to be done at their first poll before frames are left where they are.
    streak_left: u8,
    /// The memory of reply headers.
    header: Header,
    share: Share,
    stalls: Stalls,
    sleep: Pin<Box<Sleep>>,
    /// When `sleep` will wake this task; `None` if it wasn't polled yet.
    armed: Option<Instant>,
    watcher: Option<Watcher>,
}

/// What one turn has done so far.
struct Turn {
    now: Instant,
    requests: u32,
    replies: u32,
    /// Replies after which the transport is given them, and how many more it takes then.
    flush_at: u32,
    flush_step: u32,
    /// Length of the stream of replies at which the turn is over.
    end: u64,
    /// Whether the next turn needs no waiting.
    again: bool,
}

impl Connection {
    pub(super) fn new(link: Box<dyn Link>, core: Arc<Core>, watcher: Watcher) -> Self {
        let now = now();
        Connection {
            peer: Arc::new(link.profile().peer.clone()),
            framer: DetectFramer::new(&core.limits),
            stage: Stage::Serving,
            calls: Calls::default(),
            held: None,
            backlog: None,
            unwritten: None,
            notify: None,
            kin: None,
            peer_ended: false,
            frames: 0,
            flush_replies: FLUSH_REPLIES,
            streak_left: STREAK,
            header: Header::default(),
            share: Share::new(core.budget.clone()),
            stalls: Stalls::new(now),
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            armed: None,
            watcher: Some(watcher),
            link,
            core,
        }
    }

    /// One turn; ready when the connection is over.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut turn = Turn {
            now: now(),
            requests: 0,
            replies: 0,
            flush_at: self.flush_replies,
            flush_step: self.flush_replies,
            end: self.written() + TURN_BYTES,
            again: false,
        };
        self.heed_shutdown(cx)?;
        self.answer_finished(cx, &mut turn)?;
        self.take_requests(cx, &mut turn)?;
        if turn.replies > 0 {
            self.flush_replies = flush_after(turn.replies);
        }
        let flushed = self.flush(cx, &mut turn)?;
        self.account_memory(&turn)?;
        if self.advance(cx, &mut turn, flushed)? {
            return Poll::Ready(Ok(()));
        }
        self.check_time(cx, &mut turn)?;
        if turn.again {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Length of the stream of replies so far.
    fn written(&self) -> u64 {
        self.link.flushed() + self.link.buffered() as u64
    }

    /// Whether nothing is left to be answered.
    fn is_quiet(&self) -> bool {
        self.calls.count() == 0 && self.held.is_none() && self.unwritten.is_none()
    }

    /// Whether another frame may be read now.
    fn is_reading(&self) -> bool {
        let (limits, calls) = (&self.core.limits, &self.calls);
        let room_for_calls = calls.count() == 0
            || !calls.is_alone()
                && calls.count() < limits.in_flight_max
                && calls.bytes() < limits.in_flight_bytes_max
                && !self.share.is_exhausted();
        self.stage.is_open() && room_for_calls && self.held.is_none() && self.has_room()
    }

    /// Whether another reply may be written now.
    fn has_room(&self) -> bool {
        self.unwritten.is_none() && self.link.buffered() < self.core.limits.write_buffer_max
    }

    /// Writes the replies of calls that went on in tasks of their own.
    fn answer_finished(&mut self, cx: &mut Context<'_>, turn: &mut Turn) -> Result<()> {
        if let Some(reply) = self.unwritten.take() {
            self.answer(cx, turn, Some(*reply))?;
        }
        while self.has_room() {
            let Some((ticket, result)) = self.calls.poll_finished(cx) else { return Ok(()) };
            self.answer(cx, turn, ticket.reply(result))?;
        }
        self.calls.watch(cx); // their replies take memory
        Ok(())
    }

    /// Writes a reply, if there is one to be given, and flushes now and then.
    fn answer(&mut self, cx: &mut Context<'_>, turn: &mut Turn, reply: Option<Reply>) -> Result<()> {
        let Some(mut reply) = reply else { return Ok(()) };
        if self.stage != Stage::Serving {
            reply.mark_closing();
        }
        if reply.poll_write(cx, &mut *self.link, &mut self.header, &self.core.limits)?.is_pending() {
            self.unwritten = Some(Box::new(reply));
            return Ok(());
        }
        turn.replies += 1;
        if turn.replies >= turn.flush_at {
            turn.flush_step = (2 * turn.flush_step).min(FLUSH_REPLIES); // the longer a turn, the more at once
            turn.flush_at += turn.flush_step;
            let _ = self.link.poll_flush(cx)?;
        }
        Ok(())
    }

    /// Reads and starts calls as long as there are some and they may run.
    fn take_requests(&mut self, cx: &mut Context<'_>, turn: &mut Turn) -> Result<()> {
        if let Some(held) = self.held.take() {
            let (ticket, incoming) = *held;
            self.start_or_hold(cx, turn, ticket, incoming)?;
        }
        while self.is_reading() {
            if turn.requests >= TURN_REQUESTS || self.written() >= turn.end {
                turn.again = true;
                return Ok(());
            }
            match self.link.poll_recv(cx, &mut self.framer) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(Some(frame))) => self.take_frame(cx, turn, frame)?,
                Poll::Ready(Ok(None)) => {
                    self.peer_ended = true;
                    self.stage = Stage::Finishing;
                }
                Poll::Ready(Err(error)) => {
                    self.stage = Stage::Finishing;
                    match WireError::of(&error) {
                        Some(error) => self.refuse_bytes(cx, turn, error)?,
                        None => self.peer_ended = true,
                    }
                }
            }
        }
        Ok(())
    }

    fn take_frame(&mut self, cx: &mut Context<'_>, turn: &mut Turn, frame: Bytes) -> Result<()> {
        turn.requests += 1;
        self.frames += 1;
        if self.frames == 1 && self.link.profile().peer.certificate.is_some() {
            self.peer = Arc::new(self.link.profile().peer.clone()); // it is known only now
        }
        self.stage.take_one(turn.now);
        let arrived = self.arrival(frame.len()).unwrap_or(turn.now);
        let dialect = self.framer.dialect().ok_or_else(|| Error::internal("a frame of no dialect"))?;
        let (frame, held) = self.owned(frame);
        match wire::parse(frame, dialect, &self.core.limits) {
            Ok(incoming) => match Reply::to_hello(&incoming, self.core.instance, &self.peer) {
                None => {
                    let late = matches!(self.stage, Stage::Refusing(_));
                    let mut ticket = Ticket::new(&incoming, arrived, late, &self.core, &*self.link);
                    ticket.frame_len = held;
                    self.kin = self.kin.or(ticket.kin.then_some(incoming.dialect));
                    self.start_or_hold(cx, turn, ticket, incoming)
                }
                Some(hello) => {
                    self.kin = self.kin.or(Some(dialect)); // none but clients of ours ask
                    self.answer(cx, turn, Some(hello))
                }
            },
            Err(error) => {
                if error.is_damage() {
                    self.stage = Stage::Finishing; // nobody knows where the next frame begins
                }
                self.refuse_bytes(cx, turn, &error)
            }
        }
    }

    /// The frame in memory of its own if its call may have to wait; gives how much memory it holds, too.
    fn owned(&self, frame: Bytes) -> (Bytes, usize) {
        let len = frame.len();
        if self.streak_left > 0 && len <= OWNED_MAX {
            return (Bytes::copy_from_slice(&frame), len);
        }
        (frame, len.max(SHARED))
    }

    /// When a frame came that was not read at once; a call's budget counts from then.
    fn arrival(&mut self, frame_len: usize) -> Option<Instant> {
        let (since, waiting) = self.backlog.take()?;
        self.backlog = waiting.checked_sub(frame_len).filter(|rest| *rest > 0).map(|rest| (since, rest));
        Some(since)
    }

    /// Answers bytes that are no message as far as they were understood.
    fn refuse_bytes(&mut self, cx: &mut Context<'_>, turn: &mut Turn, error: &WireError) -> Result<()> {
        tracing::debug!(peer = %self.peer.address, %error, "refused what a peer sent");
        let farewell = error.farewell();
        if !farewell.is_empty() {
            return self.say(cx, farewell);
        }
        self.answer(cx, turn, Reply::to_wire_error(error))
    }

    /// Writes plain bytes, unless the transport has no room.
    fn say(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Result<()> {
        let size = Size::inline(bytes.len());
        if self.link.poll_ready(cx, size)?.is_ready() {
            self.link.write(size, &mut |span| {
                span.put_slice(bytes);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn start_or_hold(
        &mut self,
        cx: &mut Context<'_>,
        turn: &mut Turn,
        ticket: Ticket,
        incoming: Incoming,
    ) -> Result<()> {
        let must_wait = self.calls.is_alone() || !ticket.may_overtake && self.calls.count() > 0;
        if must_wait || !self.has_room() {
            self.held = Some(Box::new((ticket, incoming)));
            return Ok(());
        }
        if ticket.may_overtake {
            self.notify = Some(incoming.dialect);
        }
        self.start(cx, turn, ticket, incoming)
    }

    /// Starts a call, and answers it if it is done at its first poll.
    fn start(
        &mut self,
        cx: &mut Context<'_>,
        turn: &mut Turn,
        ticket: Ticket,
        incoming: Incoming,
    ) -> Result<()> {
        let Admitted { route, request, permit } =
            match self.core.admit(&ticket, incoming, &self.peer, turn.now) {
                Ok(admitted) => admitted,
                Err(exception) => return self.answer(cx, turn, ticket.exception(exception)),
            };
        let (blocking, slow) = (route.blocking, route.pace.is_slow() || ticket.frame_len > LARGE_REQUEST);
        let ticket = ticket.routed(route);
        let timed = (slow || self.frames % TIMED == 1).then(|| route.clone());
        let deadline = request.context.deadline;
        let mut job = Job::new(|| self.core.stack.call(cx, route, request), timed, permit);
        if !blocking
            && !slow
            && let Poll::Ready(result) = Pin::new(&mut job).poll(cx)
        {
            self.streak_left = self.streak_left.saturating_sub(1);
            return self.answer(cx, turn, ticket.reply(result));
        }
        if blocking || slow {
            let (gate, route, arrived) = (self.core.gate.clone(), route.names(), ticket.arrived);
            job.queue(Queued { gate, route, deadline, arrived });
        }
        self.streak_left = STREAK;
        self.calls.spawn(cx, ticket, job, blocking);
        // A slow call is about to take this thread: a further turn makes the runtime wake another one for the rest.
        turn.again |= slow;
        Ok(())
    }

    /// Hands the replies to the transport; true when it took them all.
    fn flush(&mut self, cx: &mut Context<'_>, turn: &mut Turn) -> Result<bool> {
        let was_full = !self.has_room();
        let before = self.link.flushed();
        let flushed = self.link.poll_flush(cx)?.is_ready();
        // What waited for room may go on now, and nothing else would wake this task.
        turn.again |= was_full && self.link.flushed() > before;
        Ok(flushed)
    }

    /// Notes what waits here and counts it; a connection that asks for much when there is none left has to go.
    fn account_memory(&mut self, turn: &Turn) -> Result<()> {
        let partial = self.link.partial();
        if partial > 0 && self.backlog.is_none() && !self.is_reading() {
            self.backlog = Some((turn.now, partial));
        }
        let received = self.link.held();
        let held = self.held.as_ref().map_or(0, |held| held.0.frame_len);
        let unsent = self.link.buffered();
        self.share.set(received + held + self.calls.bytes() + unsent);
        let modest = received <= PARTIAL_FREE
            && self.calls.reply_bytes() + unsent <= self.core.limits.write_buffer_max;
        if modest || !self.share.is_exhausted() {
            return Ok(());
        }
        Err(self.share.refusal())
    }

    /// Ends a connection whose peer was silent for too long, else sees to being woken when it will have been.
    fn check_time(&mut self, cx: &mut Context<'_>, turn: &mut Turn) -> Result<()> {
        let sight = Sight {
            frames: self.frames,
            partial: self.link.partial(),
            head: self.framer.head(),
            reading: self.is_reading() && !turn.again,
            unsent: self.link.buffered() + usize::from(self.unwritten.is_some()),
            flushed: self.link.flushed(),
            busy: !self.is_quiet(),
        };
        self.stalls.look(turn.now, &sight);
        let (at, stall) = self.core.with_timeouts(|limits| self.stalls.next(limits));
        if at <= turn.now && stall == Stall::Idle && self.stage.is_open() {
            self.stage = Stage::Finishing; // a call may cross the end, as in a shutdown
            turn.again = true;
            return Ok(());
        }
        if at <= turn.now {
            return Err(Error::timeout(stall.to_string()));
        }
        // What could have been done when the stage's time was up, was done; calls may still be under way.
        let until = self.stage.until().filter(|until| *until > turn.now);
        let at = until.map_or(at, |until| until.min(at));
        // The timer is not put off when there is a sign of life: it fires too early then, and is set anew.
        if self.armed.is_none_or(|armed| at < armed || armed <= turn.now) {
            self.sleep.as_mut().reset(at.into());
            self.armed = Some(at);
            turn.again |= self.sleep.as_mut().poll(cx).is_ready();
        }
        Ok(())
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_turn(cx).map(|ended| {
            if let Err(error) = ended {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::debug!(peer = %self.peer.address, %error, cause, "connection ended");
            }
        })
    }
}

/// Replies per flush of the turn after one with so many: halves, if that is enough for both, so that few calls at
/// once overlap, too.
fn flush_after(replies: u32) -> u32 {
    match replies.div_ceil(2) {
        half @ FLUSH_REPLIES_MIN..=FLUSH_REPLIES => half,
        _ => FLUSH_REPLIES,
    }
}

/// Handlers run to the end although nobody waits for them any more, and a shutdown waits for them.
impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            self.calls.outlive(watcher);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_small() {
        let state = size_of::<Connection>();
        let timer = size_of::<Sleep>();
        assert!(state + timer < 1024, "{state} and {timer} bytes");
    }
}
