//! Sleeping and waking: the word that tells the peer to send a wake-up, and how long to look before sleeping.
//!
//! An end that goes to sleep says so in its memory, and then looks once more; an end that published something looks
//! at that word afterwards. With a full fence between the two steps on either side, at least one sees the other.
#![forbid(unsafe_code)]

use std::{
    hint,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::{
    super::ShmSpin,
    layout::SLEEP,
    memory::{Load, Store},
};
use crate::sync::fence;

const ASLEEP: u64 = 1;
/// Set beside [`ASLEEP`] by an end that waits for room as well.
const FOR_ROOM: u64 = 2;
const SHIFT: u32 = 2;

/// This end's word.
#[derive(Default)]
pub(super) struct Sleeper {
    /// Counts the times of sleeping, so that the peer sends one wake-up for each.
    times: u64,
    asleep: bool,
}

impl Sleeper {
    /// Says that this end sleeps from now on. Whatever it waits for has to be looked at once more afterwards.
    pub(super) fn sleep(&mut self, own: &mut impl Store, for_room: bool) {
        self.times += 1;
        self.asleep = true;
        own.store(SLEEP, self.times << SHIFT | ASLEEP | if for_room { FOR_ROOM } else { 0 });
        fence(Ordering::SeqCst);
    }

    /// Says that this end is awake.
    pub(super) fn wake(&mut self, own: &mut impl Store) {
        if self.asleep {
            self.asleep = false;
            own.store(SLEEP, self.times << SHIFT);
        }
    }

    /// How often this end has slept.
    pub(super) fn times(&self) -> u64 {
        self.times
    }

    /// Whether this end said that it sleeps.
    pub(super) fn is_asleep(&self) -> bool {
        self.asleep
    }
}

/// What a sleeping peer may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Records were published.
    Records,
    /// Records were consumed.
    Room,
}

/// Knows when the peer needs to be woken.
#[derive(Default)]
pub(super) struct Alarm {
    /// The peer's word when it was woken last.
    woken: u64,
}

impl Alarm {
    /// Whether the peer has to be woken for what was stored just before; only once for each time it sleeps.
    pub(super) fn is_due(&mut self, peers: &impl Load, news: News) -> bool {
        fence(Ordering::SeqCst);
        let word = peers.load(SLEEP);
        let waits = word & ASLEEP != 0 && (news == News::Records || word & FOR_ROOM != 0);
        if !waits || word == self.woken {
            return false;
        }
        self.woken = word;
        true
    }
}

/// How long to look before sleeping: a bit more than it costs to be woken.
const WINDOW: Duration = Duration::from_micros(50);

/// How long at most, where waits take longer. Two ends that both sleep see waits of twice the time it takes to be
/// woken, and neither would ever find anything in a shorter window.
const WINDOW_MAX: Duration = Duration::from_micros(200);

/// Looks in one go; about a microsecond.
const LOOKS: u32 = 32;

/// So many windows in vain, and looking stops.
const FAILURES_MAX: u32 = 4;

/// Looking is tried again after so many short sleeps, twice as many after each further failure.
const SHORT_SLEEPS: u32 = 8;
const SHORT_SLEEPS_MAX: u32 = 1024;

/// One thread of the process looks at a time.
static LOOKING: AtomicBool = AtomicBool::new(false);

/// What to do next while there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// There is something now.
    Found,
    /// Let others have a turn, then look again.
    Again,
    /// Sleep.
    Sleep,
}

/// Decides between looking and sleeping.
pub(super) struct Spin {
    mode: ShmSpin,
    /// How long to look: longer than the last wait that could have been spent looking.
    window: Duration,
    /// Since when this connection has been looking.
    since: Option<Instant>,
    failures: u32,
    /// Short sleeps to go until looking is tried again; 0 while it is on.
    paused: u32,
    /// For how many it is paused after the next failure.
    pause: u32,
    asleep_since: Option<Instant>,
}

impl Spin {
    pub(super) fn new(mode: ShmSpin) -> Self {
        Spin {
            mode,
            window: WINDOW,
            since: None,
            failures: 0,
            paused: 0,
            pause: SHORT_SLEEPS,
            asleep_since: None,
        }
    }

    /// Looks for a moment, if that is worth it now; not if the peer can't run meanwhile, because it needs the same
    /// processor.
    pub(super) fn look(&mut self, is_peer_here: bool, found: impl FnMut() -> bool) -> Look {
        match self.mode {
            ShmSpin::Off => Look::Sleep,
            ShmSpin::Busy => {
                if any_of_looks(found) {
                    Look::Found
                } else {
                    Look::Again
                }
            }
            ShmSpin::Adaptive if is_peer_here => Look::Sleep,
            ShmSpin::Adaptive => self.look_alone(found),
        }
    }

    fn look_alone(&mut self, found: impl FnMut() -> bool) -> Look {
        if self.paused > 0 || LOOKING.swap(true, Ordering::Relaxed) {
            self.since = None;
            return Look::Sleep;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        let found = any_of_looks(found);
        LOOKING.store(false, Ordering::Relaxed);
        if found {
            return Look::Found;
        }
        if since.elapsed() > self.window {
            self.fail();
            return Look::Sleep;
        }
        Look::Again
    }

    /// Something came.
    #[inline]
    pub(super) fn arrived(&mut self) {
        if self.since.take().is_some() {
            self.asleep_since = None;
            (self.failures, self.pause) = (0, SHORT_SLEEPS);
        } else if let Some(since) = self.asleep_since.take() {
            let slept = since.elapsed();
            if slept < WINDOW_MAX {
                self.window = (2 * slept).clamp(WINDOW, WINDOW_MAX);
                if self.paused > 0 {
                    self.paused -= 1;
                    self.failures = FAILURES_MAX - 1; // the next window in vain is the last
                }
            }
        }
    }

    /// This end goes to sleep.
    pub(super) fn slept(&mut self) {
        self.since = None;
        if self.mode == ShmSpin::Adaptive {
            self.asleep_since.get_or_insert_with(Instant::now);
        }
    }

    fn fail(&mut self) {
        (self.since, self.window) = (None, WINDOW);
        self.failures += 1;
        if self.failures >= FAILURES_MAX {
            self.paused = self.pause;
            self.pause = (2 * self.pause).min(SHORT_SLEEPS_MAX);
        }
    }
}

fn any_of_looks(mut found: impl FnMut() -> bool) -> bool {
    for _ in 0..LOOKS {
        if found() {
            return true;
        }
        hint::spin_loop();
    }
    false
}
