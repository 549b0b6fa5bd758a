//! When an instance that fails gets no more calls, and how it comes back.
//!
//! ```text
//!          too many failures          the time is over           the first call succeeds, then time passes
//!    in ───────────────────────▶ out ─────────────────▶ probing ────────────────────────────────────────▶ in
//!                                 ▲                        │ a failure before that, too many later
//!                                 └────────────────────────┘ (out for twice as long as before)
//! ```
//! All of it is a function of outcomes and the time it is told. A success costs two relaxed atomic operations and no
//! look at a clock.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

/// When an instance is ejected, and for how long.
///
/// What a failure is, says the balance layer's [`Classify`](crate::layers::Classify): by default an attempt that timed
/// out, could not connect, lost its connection, broke the protocol, or was answered with an application exception.
#[derive(Clone, Debug)]
pub struct Ejection {
    /// So many failures in a row, none of the rules if 0.
    pub consecutive_failures: u32,
    /// This part of the attempts in a window, 0 to 1; above 1 it never applies.
    pub failure_rate: f64,
    /// Attempts in a window before its rate means anything.
    pub samples_min: u32,
    /// How long a window is.
    pub window: Duration,
    /// Attempts that took longer, or were given up after longer, count as failures; `None` for no such limit.
    pub slow_after: Option<Duration>,
    /// At most this part of all instances is out at a time, rounded down; the last one never is.
    pub ejected_max: f64,
    /// How long the first ejection lasts; each further one twice as long, until the instance was fully back.
    pub duration: Duration,
    /// How long an ejection lasts at most.
    pub duration_max: Duration,
    /// How long it takes from the first success until the instance gets its full share again.
    pub return_over: Duration,
}

impl Default for Ejection {
    fn default() -> Self {
        Ejection {
            consecutive_failures: 5,
            failure_rate: 0.5,
            samples_min: 20,
            window: Duration::from_secs(10),
            slow_after: None,
            ejected_max: 0.5,
            duration: Duration::from_secs(5),
            duration_max: Duration::from_secs(300),
            return_over: Duration::from_secs(10),
        }
    }
}

impl Ejection {
    /// How many of `count` instances may be out at a time.
    pub(super) fn ejected_max(&self, count: usize) -> usize {
        ((count as f64 * self.ejected_max) as usize).min(count.saturating_sub(1))
    }
}

/// How an instance stands.
#[derive(Debug)]
pub(super) struct Standing {
    share: AtomicU32,
    streak: AtomicU32,
    successes: AtomicU32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    failures: u32,
    window_end_ns: u64,
    /// Ejections since the instance was fully in.
    times: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    In,
    Out {
        until_ns: u64,
    },
    Probing,
    Returning {
        since_ns: u64,
    },
}

impl Default for Standing {
    fn default() -> Self {
        Standing {
            share: AtomicU32::new(Self::FULL),
            streak: AtomicU32::default(),
            successes: AtomicU32::default(),
            state: Mutex::default(),
        }
    }
}

impl Standing {
    /// The share of an instance that is in.
    pub(super) const FULL: u32 = 1 << 10;
    /// The share of one that is asked, one call at a time, whether it is well again.
    pub(super) const PROBING: u32 = Self::FULL / 10;

    /// Which part of its usual picks the instance gets, of [`Standing::FULL`].
    pub(super) fn share(&self) -> u32 {
        self.share.load(Relaxed)
    }

    /// Counts a success.
    pub(super) fn success(&self) {
        self.successes.fetch_add(1, Relaxed);
        if self.streak.load(Relaxed) != 0 {
            self.streak.store(0, Relaxed);
        }
    }

    /// Counts a failure; gives whether the instance should be ejected.
    pub(super) fn failure(&self, now_ns: u64, rules: &Ejection) -> bool {
        let mut state = self.state();
        let streak = self.streak.load(Relaxed).saturating_add(1);
        self.streak.store(streak, Relaxed);
        if now_ns >= state.window_end_ns {
            state.window_end_ns = now_ns.saturating_add(nanos(rules.window));
            state.failures = 0;
            if state.phase != Phase::Probing {
                self.successes.store(0, Relaxed);
            }
        }
        state.failures = state.failures.saturating_add(1);
        let successes = self.successes.load(Relaxed);
        let samples = successes.saturating_add(state.failures);
        match state.phase {
            Phase::Out { .. } => false, // a call from before
            Phase::Probing if successes == 0 => true,
            _ if rules.consecutive_failures > 0 && streak >= rules.consecutive_failures => true,
            _ => {
                samples >= rules.samples_min
                    && f64::from(state.failures) >= f64::from(samples) * rules.failure_rate
            }
        }
    }

    /// Takes the instance out.
    pub(super) fn eject(&self, now_ns: u64, rules: &Ejection) {
        let mut state = self.state();
        let duration = nanos(rules.duration).saturating_mul(1 << state.times.min(20));
        let until_ns = now_ns.saturating_add(duration.min(nanos(rules.duration_max)));
        *state = State {
            phase: Phase::Out { until_ns },
            times: state.times.saturating_add(1),
            ..State::default()
        };
        self.share.store(0, Relaxed);
    }

    /// Lets time pass; gives whether the instance is fully in.
    pub(super) fn refresh(&self, now_ns: u64, rules: &Ejection) -> bool {
        if self.share() == Self::FULL {
            return true;
        }
        let mut state = self.state();
        match state.phase {
            Phase::Out { until_ns } if now_ns >= until_ns => {
                state.phase = Phase::Probing;
                self.streak.store(0, Relaxed);
                self.successes.store(0, Relaxed);
            }
            Phase::Probing if self.successes.load(Relaxed) > 0 => {
                state.phase = Phase::Returning { since_ns: now_ns };
            }
            Phase::Returning { since_ns } if now_ns.saturating_sub(since_ns) >= nanos(rules.return_over) => {
                *state = State::default();
            }
            _ => {}
        }
        let share = match state.phase {
            Phase::In => Self::FULL,
            Phase::Out { .. } => 0,
            Phase::Probing => Self::PROBING,
            Phase::Returning { since_ns } => {
                let part = now_ns.saturating_sub(since_ns) as f64 / nanos(rules.return_over).max(1) as f64;
                Self::PROBING + 1 + (part.min(1.0) * f64::from(Self::FULL - Self::PROBING - 2)) as u32
            }
        };
        self.share.store(share, Relaxed);
        share == Self::FULL
    }

    /// Back in, whatever was before.
    pub(super) fn reset(&self) {
        *self.state() = State::default();
        self.streak.store(0, Relaxed);
        self.share.store(Self::FULL, Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::Random;

    const SECOND: u64 = 1_000_000_000;

    fn rules() -> Ejection {
        Ejection::default()
    }

    /// Fails until it should be ejected; gives how often that was.
    fn failures_until_out(standing: &Standing, now_ns: u64) -> u32 {
        let count = 1 + (0..100).take_while(|_| !standing.failure(now_ns, &rules())).count() as u32;
        standing.eject(now_ns, &rules());
        count
    }

    #[test]
    fn failures_in_a_row_eject() {
        let standing = Standing::default();
        for _ in 0..4 {
            assert!(!standing.failure(0, &rules()));
        }
        standing.success();
        assert_eq!(failures_until_out(&standing, 0), 5);
        assert_eq!(standing.share(), 0);
        assert!(!standing.failure(SECOND, &rules()), "calls from before change nothing");
    }

    #[test]
    fn a_rate_needs_samples_within_a_window() {
        let standing = Standing::default();
        let alternate = |from: u64, count: u64| {
            let mut hits = (0..count).map(|it| {
                standing.success();
                standing.failure(from + it, &rules())
            });
            hits.any(|hit| hit)
        };
        assert!(!alternate(0, 9));
        assert!(!alternate(11 * SECOND, 9), "the first window is over");
        assert!(alternate(12 * SECOND, 2));
        (0..1000).for_each(|_| standing.success());
        assert!(!standing.failure(13 * SECOND, &rules()), "it is one in many");
    }

    #[test]
    fn it_comes_back_slowly_once_a_call_succeeds() {
        let standing = Standing::default();
        failures_until_out(&standing, 0);
        assert!(!standing.refresh(5 * SECOND - 1, &rules()));
        assert_eq!(standing.share(), 0);
        standing.refresh(5 * SECOND, &rules());
        standing.refresh(9 * SECOND, &rules());
        assert_eq!(standing.share(), Standing::PROBING);
        standing.success();
        let mut last = 0;
        for tenths in 0..100 {
            assert!(!standing.refresh(10 * SECOND + tenths * SECOND / 10, &rules()));
            assert!(standing.share() > Standing::PROBING && standing.share() >= last);
            last = standing.share();
        }
        assert!(standing.refresh(20 * SECOND, &rules()));
        assert_eq!(failures_until_out(&standing, 30 * SECOND), 5, "the past is forgotten");
    }

    #[test]
    fn a_failed_probe_doubles_the_time() {
        let standing = Standing::default();
        failures_until_out(&standing, 0);
        let mut now = 0;
        for seconds in [5, 10, 20, 40, 80, 160, 300, 300] {
            assert!(!standing.refresh(now + seconds * SECOND - 1, &rules()));
            assert_eq!(standing.share(), 0, "{seconds} s");
            now += seconds * SECOND;
            standing.refresh(now, &rules());
            assert_eq!(failures_until_out(&standing, now), 1);
        }
    }

    #[test]
    fn whatever_happens_a_healthy_instance_gets_back() {
        let mut random = Random::seeded(11);
        for _ in 0..200 {
            let (standing, mut now) = (Standing::default(), 0);
            for _ in 0..200 {
                now += u64::from(random.below(3000)) * SECOND / 1000;
                match random.below(4) {
                    0 => standing.success(),
                    1 => drop(standing.refresh(now, &rules())),
                    _ if standing.failure(now, &rules()) => standing.eject(now, &rules()),
                    _ => {}
                }
                assert!(standing.share() <= Standing::FULL);
            }
            for step in [300, 1, 10] {
                now += step * SECOND;
                standing.refresh(now, &rules());
                standing.success();
            }
            assert!(standing.refresh(now, &rules()), "{standing:?}");
        }
    }

    #[test]
    fn the_last_one_stays() {
        let max = |ejected_max: f64, count| Ejection { ejected_max, ..rules() }.ejected_max(count);
        assert_eq!([max(0.5, 0), max(0.5, 1), max(0.5, 2), max(0.5, 3), max(0.5, 10)], [0, 0, 1, 1, 5]);
        assert_eq!([max(9.0, 3), max(-1.0, 3), max(f64::NAN, 3)], [2, 0, 0]);
    }
}
