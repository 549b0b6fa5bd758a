//! How a connection ends in order: on a shutdown of the server, at the end of the peer's stream, after a fault.

use std::{
    task::{Context, Poll},
    time::{Duration, Instant},
};

use volo_core::{Error, ErrorKind, Result, shutdown::Phase};

use super::{Connection, TURN_REQUESTS, Turn};
use crate::server::{framer::DiscardFramer, reply::Reply};

/// How long a peer may still send in a shutdown: it takes a while to be heard of, and a call that was on its way is
/// lost if nobody reads it.
const FAREWELL: Duration = Duration::from_millis(50);

/// How long the peer may take to end its side, so that the last replies aren't lost in a reset.
const LINGER: Duration = Duration::from_millis(100);

/// How long a peer may still send that never sent anything: it has no reply to lose, and can't be told anything.
const FIRST_WORD: Duration = FAREWELL.saturating_add(LINGER);

/// How far the connection is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Calls are taken.
    Serving,
    /// The server shuts down. What is already there is taken, up to so many frames more.
    Draining(u32),
    /// What comes is refused with the word that it was not executed if the peer was told and knows that word, and served
    /// otherwise; at least until then.
    Refusing(Instant),
    /// No more is read; what is under way is answered.
    Finishing,
    /// This side of the stream is being ended; before, the peer is told so if it knows that word.
    Closing,
    /// What the peer still sends is thrown away, until then at most.
    Lingering(Instant),
}

impl Stage {
    /// Whether frames are taken, to be executed or refused.
    pub(super) fn is_open(self) -> bool {
        matches!(self, Stage::Serving | Stage::Draining(_) | Stage::Refusing(_))
    }

    /// Counts a frame; while draining, only so many are taken.
    pub(super) fn take_one(&mut self, now: Instant) {
        match self {
            Stage::Draining(0) => *self = Stage::Refusing(now + FAREWELL),
            Stage::Draining(left) => *left -= 1,
            _ => {}
        }
    }

    /// When the stage ends by itself.
    pub(super) fn until(self) -> Option<Instant> {
        match self {
            Stage::Refusing(until) | Stage::Lingering(until) => Some(until),
            _ => None,
        }
    }
}

impl Connection {
    /// Begins to drain when the server shuts down, and fails when it has no more time.
    pub(super) fn heed_shutdown(&mut self, cx: &mut Context<'_>) -> Result<()> {
        while let Some(Poll::Ready(phase)) = self.watcher.as_mut().map(|watcher| watcher.poll_change(cx)) {
            if phase == Phase::Over {
                return Err(Error::new(ErrorKind::Draining, "connection outlived drain_timeout"));
            }
            if self.stage == Stage::Serving {
                self.stage = Stage::Draining(TURN_REQUESTS);
                self.announce(cx)?;
            }
        }
        Ok(())
    }

    /// Tells a multiplexing peer to send no more. Others learn it from their next reply or from the end.
    fn announce(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let Some(dialect) = self.notify.filter(|_| self.unwritten.is_none()) else { return Ok(()) };
        let mut notice = Reply::closing(dialect);
        let written = notice.poll_write(cx, &mut *self.link, &mut self.header, &self.core.limits);
        match written {
            Poll::Ready(written) => written,
            Poll::Pending => {
                self.unwritten = Some(Box::new(notice));
                Ok(())
            }
        }
    }

    /// Tells a peer of our kind that its calls without an answer were not executed. All others have theirs by now, and
    /// nothing is read from here on.
    fn take_leave(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let Some(dialect) = self.kin.filter(|_| !self.peer_ended) else { return Ok(()) };
        let mut leave = Reply::farewell(dialect);
        // There is room, as all was flushed; if not, the peer just learns less.
        let written = leave.poll_write(cx, &mut *self.link, &mut self.header, &self.core.limits);
        if let Poll::Ready(written) = written { written } else { Ok(()) }
    }

    /// Goes on to the next stage once this one has nothing left to do; true when the connection is over.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>, turn: &mut Turn, flushed: bool) -> Result<bool> {
        loop {
            let quiet = self.is_quiet();
            self.stage = match self.stage {
                // All there was has been taken.
                Stage::Draining(_) if !turn.again => {
                    Stage::Refusing(turn.now + if self.written() == 0 { FIRST_WORD } else { FAREWELL })
                }
                Stage::Refusing(until) if turn.now >= until && quiet => Stage::Finishing,
                Stage::Finishing if quiet && flushed => {
                    self.take_leave(cx)?;
                    Stage::Closing
                }
                Stage::Closing => match self.link.poll_close(cx)? {
                    Poll::Pending => return Ok(false),
                    Poll::Ready(()) if self.peer_ended || self.written() == 0 => return Ok(true),
                    Poll::Ready(()) => Stage::Lingering(turn.now + LINGER),
                },
                Stage::Lingering(until) => return Ok(turn.now >= until || self.discard(cx, turn)),
                _ => return Ok(false),
            };
        }
    }

    /// Throws away what the peer still sends; true when it has ended its side, one way or another.
    fn discard(&mut self, cx: &mut Context<'_>, turn: &mut Turn) -> bool {
        for _ in 0..TURN_REQUESTS {
            match self.link.poll_recv(cx, &mut DiscardFramer) {
                Poll::Pending => return false,
                Poll::Ready(Ok(Some(_))) => {}
                Poll::Ready(Ok(None)) => return true,
                Poll::Ready(Err(_)) => return false, // unreadable: just give the peer its time
            }
        }
        turn.again = true;
        false
    }
}
