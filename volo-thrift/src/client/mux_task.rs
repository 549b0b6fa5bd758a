//! The task of one multiplexed connection: queue → encode → flush, receive → deliver, in turns.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use volo_core::{Error, ErrorKind, Request, Result};

use super::{
    connection::{Connection, WriteError},
    hello,
    mux::{Job, Outcome, Reply, Shared},
    timer::now,
};
use crate::{
    conn::{Arrival, Event, Loss, Reset, SequenceId},
    sync::{mpsc::UnboundedReceiver, oneshot},
};

/// Frames delivered before the callers get a turn to refill the queue.
const FRAMES_PER_TURN: usize = 256;

/// Jobs taken from the queue at a time.
const JOBS_PER_STEP: usize = 64;

/// Timeouts in a row, with nothing received between them, after which a peer that can't be asked whether it is still
/// there gets no new calls; another is asked after the first.
const TIMEOUTS_MAX: u32 = 3;

/// How long the peer must have owed an answer before a timeout means anything: calls may have little time.
///
/// A length that was corrupted on its way makes either end wait for a frame that never ends, and everything later
/// becomes part of it. Then only this tells, long before the frame's own time is up.
const SILENCE: Duration = Duration::from_millis(500);

/// The task's end of the queue.
pub(super) struct Queue {
    shared: CloseOnDrop,
    jobs: UnboundedReceiver<Job>,
}

impl Queue {
    pub(super) fn new(shared: Arc<Shared>, jobs: UnboundedReceiver<Job>) -> Self {
        Queue { shared: CloseOnDrop(shared), jobs }
    }

    /// Serves the calls of the queue until the connection ends.
    pub(super) async fn serve(self, connection: Connection<Reply>) {
        let Queue { shared: closing, jobs } = self;
        let shared = &closing.0;
        let _ = shared.peer.set(connection.peer().clone());
        shared.connected.store(true, Ordering::Relaxed);
        let mut task = Task {
            connection,
            shared: shared.clone(),
            queue: jobs,
            inbox: Vec::with_capacity(JOBS_PER_STEP),
            outbox: VecDeque::new(),
            oneways: VecDeque::new(),
            admitted: 0,
            orphaned: false,
            timeouts: 0,
            silent_since: now(),
            ping: None,
        };
        let cause = poll_fn(|cx| task.poll_turn(cx)).await;
        task.end(cause);
    }

    /// No connection could be made.
    pub(super) fn refuse(mut self, cause: Error) {
        let loss = Loss::Closed(Arc::new(cause));
        refuse(&mut self.jobs, |_| Outcome::Event(Event::Reset(Reset { loss: loss.clone(), sent: false })));
    }
}

/// Lets nobody wait for room on a connection that is no more, however it ended.
struct CloseOnDrop(Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.room.close();
    }
}

/// Closes the queue and tells every call still in it the outcome.
fn refuse(queue: &mut UnboundedReceiver<Job>, outcome: impl Fn(Request) -> Outcome) {
    queue.close();
    while let Ok(Job { request, reply }) = queue.try_recv() {
        let _ = reply.send(outcome(request));
    }
}

struct Task {
    connection: Connection<Reply>,
    shared: Arc<Shared>,
    queue: UnboundedReceiver<Job>,
    /// Emptied in each step; kept for its memory.
    inbox: Vec<Job>,
    /// Calls with a slot whose requests wait for room in the write buffer.
    outbox: VecDeque<(SequenceId, Request)>,
    /// Oneway calls in the write buffer, and where they end in the stream of bytes written.
    oneways: VecDeque<(SequenceId, u64)>,
    /// Permits of the queue that are in the hands of this task.
    admitted: usize,
    /// Whether nobody can send further calls.
    orphaned: bool,
    /// Timeouts since anything was received.
    timeouts: u32,
    /// Since when the peer has owed an answer and sent nothing.
    silent_since: Instant,
    /// Where the answer of the peer goes that was asked whether it is still there.
    ping: Option<oneshot::Receiver<Outcome>>,
}

impl Task {
    /// Does all that can be done now; ready with the reason once the connection is over.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        match self.turn(cx) {
            Err(error) => Poll::Ready(error),
            Ok(()) if self.is_done() => {
                Poll::Ready(Error::new(ErrorKind::Closed, "the connection is no longer used"))
            }
            Ok(()) => Poll::Pending,
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Result<()> {
        loop {
            self.take_jobs(cx);
            self.send(cx);
            self.finish_oneways();
            let received = self.receive(cx)?;
            let overdue = self.connection.poll_overdue(cx);
            let in_time = overdue.is_pending();
            if let Poll::Ready(overdue) = overdue {
                self.expire(overdue?)?;
            }
            self.check_ping()?;
            self.return_permits();
            if received > 0 {
                // The callers just woken get to run first, so that the next turn writes their requests together.
                cx.waker().wake_by_ref();
                return Ok(());
            }
            if in_time {
                return Ok(());
            }
        }
    }

    /// Whether nobody waits for anything here, or will.
    fn is_done(&self) -> bool {
        (self.orphaned || self.connection.is_retiring()) && self.connection.calls.waiting() == 0
    }

    /// Gives every call in the queue a slot, so that its deadline is watched from now on.
    fn take_jobs(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(count) = self.queue.poll_recv_many(cx, &mut self.inbox, JOBS_PER_STEP) {
            if count == 0 {
                self.orphaned = true;
                return;
            }
            self.admitted += count;
            for Job { request, reply } in self.inbox.drain(..) {
                if reply.is_closed() {
                    continue;
                }
                if self.connection.is_retiring() {
                    let _ = reply.send(Outcome::Unsent(request));
                    continue;
                }
                match self.connection.calls.open(reply, request.context.deadline) {
                    Ok(id) => self.outbox.push_back((id, request)),
                    Err(reply) => drop(reply.send(Outcome::Unsent(request))),
                }
            }
        }
    }

    /// Encodes and flushes, over and over while the transport keeps up.
    fn send(&mut self, cx: &mut Context<'_>) {
        if self.outbox.is_empty() && self.connection.is_flushed() {
            return;
        }
        let now = now();
        loop {
            let waiting = self.outbox.len();
            self.write(cx, now);
            let Poll::Ready(flushed) = self.connection.poll_flush(cx) else { return };
            if let Err(error) = flushed {
                self.connection.hear_out(error);
            }
            if self.outbox.is_empty() || self.outbox.len() == waiting {
                return;
            }
        }
    }

    /// Encodes waiting requests until the write buffer is full; leaves out those that nobody waits for any more.
    fn write(&mut self, cx: &mut Context<'_>, now: Instant) {
        while let Some((id, request)) = self.outbox.front() {
            let wanted = self.connection.calls.sink(*id).is_some_and(|reply| !reply.is_closed());
            if !wanted {
                self.connection.calls.retract(*id);
                self.outbox.pop_front();
                continue;
            }
            let written = match self.connection.poll_write(cx, *id, request, now) {
                Poll::Ready(written) => written,
                Poll::Pending => return,
            };
            match written {
                Ok(range) if request.context.oneway => self.oneways.push_back((*id, range.end)),
                Ok(_) if self.connection.calls.occupied() == 1 => self.silent_since = now,
                Ok(_) => {}
                Err(WriteError::Connection(error)) => {
                    self.connection.hear_out(error);
                    return;
                }
                Err(WriteError::Request(error)) => {
                    if let Some(reply) = self.connection.calls.retract(*id) {
                        let _ = reply.send(Outcome::Refused(error));
                    }
                }
            }
            self.outbox.pop_front();
        }
    }

    fn finish_oneways(&mut self) {
        let flushed = self.connection.flushed();
        while let Some((id, _)) = self.oneways.pop_front_if(|(_, end)| *end <= flushed) {
            if let Some(reply) = self.connection.calls.retract(id) {
                let _ = reply.send(Outcome::Flushed);
            }
        }
    }

    /// Delivers what has come in; says how many messages.
    fn receive(&mut self, cx: &mut Context<'_>) -> Result<usize> {
        let mut count = 0;
        while count < FRAMES_PER_TURN {
            let Poll::Ready(received) = self.connection.poll_receive(cx) else { break };
            let received = received?;
            count += 1;
            if let Arrival::Call(reply) = received.arrival {
                let _ = reply.send(Outcome::Event(Event::Reply(received.message)));
            }
        }
        if count > 0 {
            (self.timeouts, self.silent_since) = (0, now());
        }
        if self.connection.is_retiring() && !self.shared.retiring.swap(true, Ordering::Relaxed) {
            self.shared.room.close();
            self.hand_back();
        }
        Ok(count)
    }

    fn expire(&mut self, overdue: Option<(Reply, Reset)>) -> Result<()> {
        let now = now();
        let mut next = overdue;
        while let Some((reply, reset)) = next {
            self.timeouts = self.timeouts.saturating_add(u32::from(reset.sent));
            let _ = reply.send(Outcome::Event(Event::Reset(reset)));
            next = self.connection.expire(now);
        }
        if self.connection.calls.is_choked() {
            let text = "the peer answers no call on this connection any more";
            return Err(Error::new(ErrorKind::Closed, text));
        }
        let timeouts_max = if self.connection.is_akin() { 1 } else { TIMEOUTS_MAX };
        let silent = self.timeouts >= timeouts_max && now.duration_since(self.silent_since) >= SILENCE;
        if silent && self.ping.is_none() && !self.connection.is_retiring() {
            self.ping(now);
        }
        Ok(())
    }

    /// Asks the peer whether it is still there. One that can't be asked gets no new calls on this connection.
    fn ping(&mut self, now: Instant) {
        let (reply, answer) = oneshot::channel();
        let request = hello::request(now);
        match self.connection.calls.open(reply, request.context.deadline) {
            Ok(id) if self.connection.is_akin() => {
                self.connection.ask();
                self.outbox.push_front((id, request));
                self.ping = Some(answer);
            }
            Ok(id) => {
                self.connection.calls.retract(id);
                self.connection.retire();
            }
            Err(_) => self.connection.retire(),
        }
    }

    /// Looks for the answer to the ping.
    fn check_ping(&mut self) -> Result<()> {
        let Some(ping) = &mut self.ping else { return Ok(()) };
        match ping.try_recv() {
            Err(oneshot::error::TryRecvError::Empty) => return Ok(()),
            Ok(Outcome::Event(Event::Reset(_))) => {
                let text = "the peer answered neither its calls nor a ping";
                return Err(Error::new(ErrorKind::Closed, text));
            }
            Ok(_) | Err(_) => self.ping = None,
        }
        Ok(())
    }

    /// Hands back the calls of which nothing was written.
    fn hand_back(&mut self) {
        for (id, request) in self.outbox.drain(..) {
            if let Some(reply) = self.connection.calls.retract(id) {
                let _ = reply.send(Outcome::Unsent(request));
            }
        }
    }

    /// A permit is free again when its call has no slot any more.
    fn return_permits(&mut self) {
        let occupied = self.connection.calls.occupied() - usize::from(self.ping.is_some());
        let returned = self.admitted.saturating_sub(occupied);
        if returned > 0 {
            self.admitted -= returned;
            self.shared.room.add_permits(returned);
        }
    }

    /// Tells every caller that the connection is over.
    fn end(mut self, cause: Error) {
        self.hand_back();
        refuse(&mut self.queue, Outcome::Unsent);
        for (reply, reset) in self.connection.end(cause) {
            let _ = reply.send(Outcome::Event(Event::Reset(reset)));
        }
    }
}
