//! The shared connections to one server, of the best kind first, and when those that are not open are tried again.
//!
//! Calls take the best one that is open; whoever finds that a better one is due has it tried in the background. One
//! that can't be made, or ended, is left alone for a while, longer each time, and not by all clients for equally long.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use volo_core::Address;

use super::mux::Handle;
use crate::meta::InstanceId;

/// The first and the longest pause after a connection could not be made or ended.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How long whoever turned out not to be the server is left alone.
const DISTRUST: Duration = Duration::from_secs(30);

/// A connection that lasted so long had nothing wrong with it.
const SETTLED: Duration = Duration::from_secs(30);

/// The ways to one server.
#[derive(Debug)]
pub(super) struct Ladder {
    pub(super) instance: InstanceId,
    /// Best first.
    rungs: Vec<Rung>,
    climbing: AtomicBool,
}

/// One way to the server.
#[derive(Debug)]
pub(super) struct Rung {
    pub(super) address: Address,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: Option<(Handle, Instant)>,
    retry: Retry,
}

/// When to try again.
#[derive(Debug, Default, PartialEq)]
struct Retry {
    failures: u32,
    at: Option<Instant>,
    /// Whether somebody else was there.
    distrusted: bool,
}

impl Retry {
    /// After a failure at `now`; `part` of 256 makes the pause longer by up to a half.
    fn fail(&mut self, now: Instant, part: u8) {
        let pause = PAUSE_MIN.saturating_mul(1 << self.failures.min(16)).min(PAUSE_MAX);
        self.failures += 1;
        self.at = now.checked_add(pause + pause * u32::from(part) / 512);
    }

    /// The connection that was open until `now` ended.
    fn end(&mut self, since: Instant, now: Instant, part: u8) {
        if now.duration_since(since) >= SETTLED {
            self.failures = 0;
        }
        self.fail(now, part);
    }

    fn is_due(&self, now: Instant) -> bool {
        self.at.is_none_or(|at| at <= now)
    }
}

impl Ladder {
    pub(super) fn new(instance: InstanceId, addresses: impl IntoIterator<Item = Address>) -> Self {
        let rung = |address| Rung { address, state: Mutex::default() };
        let rungs = addresses.into_iter().map(rung).collect();
        Ladder { instance, rungs, climbing: AtomicBool::new(false) }
    }

    /// How many ways there are.
    pub(super) fn len(&self) -> usize {
        self.rungs.len()
    }

    /// The best connection that is open, and whether it is the best there could be.
    pub(super) fn best(&self) -> (Option<Handle>, bool) {
        let open = self.rungs.iter().enumerate().find_map(|(index, rung)| Some((rung.open()?, index)));
        open.map_or((None, false), |(handle, index)| (Some(handle), index == 0))
    }

    /// Whether calls can share a connection.
    pub(super) fn is_up(&self) -> bool {
        self.best().0.is_some()
    }

    /// Whether somebody else was found where the server was to be, just now.
    pub(super) fn is_distrusted(&self, now: Instant) -> bool {
        self.rungs.iter().any(|rung| {
            let state = rung.state();
            state.retry.distrusted && !state.retry.is_due(now)
        })
    }

    /// Whether nothing is open, under way or remembered.
    pub(super) fn is_forgettable(&self, now: Instant) -> bool {
        let paused = |rung: &Rung| !rung.state().retry.is_due(now);
        !self.is_up() && !self.climbing.load(Ordering::Relaxed) && !self.rungs.iter().any(paused)
    }

    /// Takes it upon the caller to try what is due above the best that is open, if nobody else does.
    pub(super) fn climb(self: &Arc<Self>, now: Instant) -> Option<Climb> {
        self.next(now)?;
        (!self.climbing.swap(true, Ordering::Relaxed)).then(|| Climb(self.clone()))
    }

    /// The best way that is due and better than what is open.
    fn next(&self, now: Instant) -> Option<&Rung> {
        let better = self.rungs.iter().take_while(|rung| rung.open().is_none());
        better.into_iter().find(|rung| rung.state().retry.is_due(now))
    }
}

/// The right to try connections.
pub(super) struct Climb(Arc<Ladder>);

impl Climb {
    /// What to try next.
    pub(super) fn next(&self, now: Instant) -> Option<&Rung> {
        self.0.next(now)
    }
}

impl Drop for Climb {
    fn drop(&mut self) {
        self.0.climbing.store(false, Ordering::Relaxed);
    }
}

impl Rung {
    /// The connection, if one is open; notes its end.
    fn open(&self) -> Option<Handle> {
        let mut state = self.state();
        let (handle, since) = state.open.as_ref()?;
        if handle.is_usable() {
            return Some(handle.clone());
        }
        let since = *since;
        state.open = None;
        state.retry.end(since, super::timer::now(), part());
        None
    }

    /// Lets calls use the connection from now on.
    pub(super) fn install(&self, handle: Handle, now: Instant) {
        let mut state = self.state();
        state.open = Some((handle, now));
        state.retry.distrusted = false;
    }

    /// No connection could be made.
    pub(super) fn fail(&self, now: Instant) {
        let mut state = self.state();
        state.retry.fail(now, part());
        state.retry.distrusted = false;
    }

    /// Somebody else was there.
    pub(super) fn distrust(&self, now: Instant) {
        let mut state = self.state();
        state.retry.failures = 0;
        state.retry.at = now.checked_add(DISTRUST);
        state.retry.distrusted = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A random number; the standard library keys its hashers from the system's.
fn part() -> u8 {
    RandomState::new().hash_one(0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_differ() {
        let (start, mut retry) = (Instant::now(), Retry::default());
        assert!(retry.is_due(start));
        let pause = |retry: &mut Retry, part| {
            retry.fail(start, part);
            retry.at.unwrap() - start
        };
        let pauses: Vec<_> = (0..9).map(|_| pause(&mut retry, 0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert!(pause(&mut retry, 255) > Duration::from_secs(89));
        assert!(!retry.is_due(start) && retry.is_due(start + Duration::from_secs(90)));
    }

    #[test]
    fn what_lasted_is_tried_again_soon() {
        let (start, mut retry) = (Instant::now(), Retry { failures: 5, ..Retry::default() });
        retry.end(start, start + Duration::from_secs(1), 0);
        assert_eq!(retry.failures, 6, "it broke at once");
        let end = start + SETTLED;
        retry.end(start, end, 0);
        assert_eq!(retry.at, Some(end + PAUSE_MIN));
    }

    #[test]
    fn the_best_way_that_is_due_comes_first() {
        let now = Instant::now();
        let names = ["unix:///a", "127.0.0.1:1"].map(|name| name.parse().unwrap());
        let ladder = Arc::new(Ladder::new(InstanceId::random(), names));
        let climb = ladder.climb(now).unwrap();
        assert!(ladder.climb(now).is_none(), "one at a time");
        let best = climb.next(now).unwrap();
        assert_eq!(best.address.to_string(), "unix:///a");
        best.fail(now);
        let second = climb.next(now).unwrap();
        assert_eq!(second.address.to_string(), "127.0.0.1:1");
        second.distrust(now);
        assert!(climb.next(now).is_none());
        drop(climb);
        assert!(ladder.climb(now).is_none() && ladder.is_distrusted(now) && !ladder.is_forgettable(now));
        let later = now + Duration::from_secs(2);
        assert_eq!(ladder.climb(later).unwrap().next(later).unwrap().address.to_string(), "unix:///a");
        let much_later = now + DISTRUST;
        assert!(!ladder.is_distrusted(much_later) && ladder.is_forgettable(much_later));
    }
}
