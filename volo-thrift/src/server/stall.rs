//! Which of a peer's silences ran out: pure bookkeeping, one look per turn of the connection.
//!
//! The clock of a wait runs only while the peer is the one to act: a frame's while the server reads, the writer's
//! while bytes wait to be taken, the idle one while nothing is under way.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::Limits;

/// What a connection looks like at the end of a turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// Whole frames received so far.
    pub(super) frames: u64,
    /// Bytes of the frame that is being received.
    pub(super) partial: usize,
    /// How many bytes of it are its header, or more than there are.
    pub(super) head: usize,
    /// Whether the server is waiting for bytes.
    pub(super) reading: bool,
    /// Bytes that the transport has not taken yet.
    pub(super) unsent: usize,
    /// Bytes that the transport has taken.
    pub(super) flushed: u64,
    /// Whether calls are under way.
    pub(super) busy: bool,
}

/// The silences of one connection.
#[derive(Debug)]
pub(super) struct Stalls {
    frame: Option<(Instant, u64)>,
    write: Option<(Instant, u64)>,
    quiet_since: Instant,
    /// Whether anything was under way at the last look, and how many frames there had been.
    active: bool,
    frames: u64,
    in_head: bool,
}

/// A silence that ran out, or the next that will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stall {
    Header,
    Frame,
    Write,
    Idle,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stall::Header => "peer began a frame and did not complete its header within header_timeout",
            Stall::Frame => "peer did not complete a frame within frame_timeout",
            Stall::Write => "peer took no reply byte for write_timeout",
            Stall::Idle => "connection was idle for idle_timeout",
        })
    }
}

impl Stalls {
    pub(super) fn new(now: Instant) -> Self {
        Stalls { frame: None, write: None, quiet_since: now, active: false, frames: 0, in_head: false }
    }

    /// Takes notice of what happened since the last look.
    pub(super) fn look(&mut self, now: Instant, sight: &Sight) {
        self.in_head = sight.partial < sight.head;
        self.frame = since(self.frame, now, sight.reading && sight.partial > 0, sight.frames);
        self.write = since(self.write, now, sight.unsent > 0, sight.flushed);
        let active = sight.busy || self.frame.is_some() || self.write.is_some();
        if active || self.active || sight.frames != self.frames {
            self.quiet_since = now;
        }
        (self.active, self.frames) = (active, sight.frames);
    }

    /// Which silence runs out next, and when.
    pub(super) fn next(&self, limits: &Limits) -> (Instant, Stall) {
        let mut next = (after(self.quiet_since, limits.idle_timeout), Stall::Idle);
        let mut consider = |at: Instant, stall| {
            if at < next.0 {
                next = (at, stall);
            }
        };
        if let Some((since, _)) = self.frame {
            consider(after(since, limits.frame_timeout), Stall::Frame);
            if self.in_head {
                consider(after(since, limits.header_timeout), Stall::Header);
            }
        }
        if let Some((since, _)) = self.write {
            consider(after(since, limits.write_timeout), Stall::Write);
        }
        next
    }
}

/// A moment beyond the clock's end is as good as any that nobody lives to see.
fn after(since: Instant, timeout: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    since.checked_add(timeout).unwrap_or_else(|| since + NEVER)
}

/// Since when a wait lasts whose `progress` tells one from the next.
fn since(
    known: Option<(Instant, u64)>,
    now: Instant,
    waiting: bool,
    progress: u64,
) -> Option<(Instant, u64)> {
    match known {
        Some((since, seen)) if waiting && seen == progress => Some((since, seen)),
        _ if waiting => Some((now, progress)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Sight =
        Sight { frames: 0, partial: 0, head: 0, reading: true, unsent: 0, flushed: 0, busy: false };

    fn next_s(stalls: &Stalls, start: Instant) -> (u64, Stall) {
        let (at, stall) = stalls.next(&Limits::default());
        ((at - start).as_secs(), stall)
    }

    #[test]
    fn a_timeout_of_forever_never_comes() {
        let start = Instant::now();
        let mut limits = Limits::default();
        limits.idle_timeout = Duration::MAX;
        limits.frame_timeout = Duration::MAX;
        let mut stalls = Stalls::new(start);
        stalls.look(start, &Sight { partial: 6, head: 4, ..QUIET });
        let (at, _) = stalls.next(&limits);
        assert!(at > start + Duration::from_secs(3600 * 24 * 365));
    }

    #[test]
    fn each_wait_has_its_clock() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut stalls = Stalls::new(start);
        assert_eq!(next_s(&stalls, start), (600, Stall::Idle));

        stalls.look(at(5), &Sight { partial: 1, head: usize::MAX, ..QUIET });
        assert_eq!(next_s(&stalls, start), (15, Stall::Header));
        stalls.look(at(9), &Sight { partial: 6, head: 4, ..QUIET });
        assert_eq!(next_s(&stalls, start), (35, Stall::Frame), "counted from the first byte");
        stalls.look(at(20), &Sight { partial: 7, head: 4, frames: 1, ..QUIET });
        assert_eq!(next_s(&stalls, start), (50, Stall::Frame), "the next frame has its own time");
        stalls.look(at(21), &Sight { partial: 7, head: 4, frames: 1, reading: false, ..QUIET });
        assert_eq!(next_s(&stalls, start), (621, Stall::Idle), "a server that doesn't read can't complain");

        stalls.look(at(30), &Sight { unsent: 9, flushed: 1, ..QUIET });
        stalls.look(at(40), &Sight { unsent: 9, flushed: 1, ..QUIET });
        assert_eq!(next_s(&stalls, start), (60, Stall::Write));
        stalls.look(at(50), &Sight { unsent: 9, flushed: 2, ..QUIET });
        assert_eq!(next_s(&stalls, start), (80, Stall::Write), "any byte taken starts it anew");
    }

    #[test]
    fn whatever_happens_is_no_idleness() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut stalls = Stalls::new(start);
        stalls.look(at(100), &Sight { frames: 1, ..QUIET });
        assert_eq!(next_s(&stalls, start), (700, Stall::Idle), "a call, answered in its turn");
        stalls.look(at(200), &Sight { frames: 2, busy: true, ..QUIET });
        stalls.look(at(5000), &Sight { frames: 2, ..QUIET });
        assert_eq!(next_s(&stalls, start), (5600, Stall::Idle), "a call that took long and is answered now");
        stalls.look(at(5100), &Sight { frames: 2, ..QUIET });
        assert_eq!(next_s(&stalls, start), (5600, Stall::Idle));
    }
}
