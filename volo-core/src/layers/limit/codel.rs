//! Refuses what has waited too long, but only while everything waits too long (after CoDel, controlled delay).
//!
//! A full queue is no harm if it is emptied now and then: it is a burst. If for a whole interval not one call got
//! through without a wait, there is more work than can be done; then what has waited for longer than its callers are
//! likely to be still interested is refused, so that the rest is served in time.

use std::time::{Duration, Instant};

/// When waiting is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodelConfig {
    /// A wait that is always fine.
    pub target: Duration,
    /// For how long all have to wait for more than that before any is refused.
    pub interval: Duration,
}

/// 5 ms, over 100 ms.
impl Default for CodelConfig {
    fn default() -> Self {
        CodelConfig { target: Duration::from_millis(5), interval: Duration::from_millis(100) }
    }
}

/// Watches how long work waits.
#[derive(Debug)]
pub struct Codel {
    config: CodelConfig,
    interval_end: Option<Instant>,
    /// The shortest wait in this interval.
    shortest: Option<Duration>,
    overloaded: bool,
}

impl Codel {
    /// No overload as yet.
    pub fn new(config: CodelConfig) -> Self {
        Codel { config, interval_end: None, shortest: None, overloaded: false }
    }

    /// Changes what is too much.
    pub fn configure(&mut self, config: CodelConfig) {
        self.config = config;
    }

    /// Whether to do work now that has waited for so long; call it for all work.
    pub fn admit(&mut self, waited: Duration, now: Instant) -> bool {
        match self.interval_end {
            Some(end) if now < end => {}
            Some(_) => {
                self.overloaded = self.shortest.is_some_and(|shortest| shortest > self.config.target);
                self.begin(now);
            }
            None => self.begin(now),
        }
        self.shortest = Some(self.shortest.map_or(waited, |shortest| shortest.min(waited)));
        if waited <= self.config.target {
            self.overloaded = false;
        }
        !self.overloaded || waited <= self.config.target.saturating_mul(2)
    }

    /// Whether all waited too long of late.
    pub fn is_overloaded(&self) -> bool {
        self.overloaded
    }

    fn begin(&mut self, now: Instant) {
        self.interval_end = now.checked_add(self.config.interval);
        self.shortest = None;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::layers::dice::Dice;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_burst_is_fine_and_a_standing_queue_is_not() {
        let (mut codel, start) = (Codel::new(CodelConfig::default()), Instant::now());
        assert!((0..50).all(|step| codel.admit(MS * (50 - step), start + MS * step)));
        assert!(codel.admit(MS * 3, start + MS * 60));
        // From here on everything waits for 40 ms.
        let admitted: Vec<_> = (70..400).map(|step| codel.admit(MS * 40, start + MS * step)).collect();
        let first_refused = admitted.iter().position(|admitted| !admitted).unwrap();
        assert!((100..=140).contains(&first_refused), "after {first_refused} ms");
        assert!(admitted[first_refused..].iter().all(|admitted| !admitted) && codel.is_overloaded());
        assert!(codel.admit(MS * 10, start + MS * 400), "what waited less is done");
        assert!(codel.admit(MS * 5, start + MS * 401) && !codel.is_overloaded());
        assert!(codel.admit(MS * 40, start + MS * 402));
    }

    /// A queue with one worker that takes 1 ms for each piece of work; what is refused costs nothing.
    fn longest_wait(load_percent: u64, codel: Option<Codel>) -> (Duration, u64) {
        let (mut codel, start, dice) = (codel, Instant::now(), Dice::seeded(1));
        let (mut queue, mut free_at, mut done, mut longest) = (VecDeque::new(), start, 0, Duration::ZERO);
        for step in 0..20_000_u32 {
            let now = start + MS * step / 10;
            if dice.below(1000) < load_percent {
                queue.push_back(now);
            }
            while free_at <= now
                && let Some(arrived) = queue.pop_front()
            {
                let waited = now - arrived;
                if codel.as_mut().is_none_or(|codel| codel.admit(waited, now)) {
                    free_at = now + MS;
                    done += 1;
                    if step > 5_000 {
                        longest = longest.max(waited);
                    }
                }
            }
        }
        (longest, done)
    }

    #[test]
    fn overload_costs_calls_instead_of_time() {
        let codel = || Some(Codel::new(CodelConfig::default()));
        let (without, _) = longest_wait(200, None);
        let (with, done) = longest_wait(200, codel());
        assert!(without > MS * 500, "{without:?}");
        assert!(with <= MS * 130, "{with:?}");
        assert!(done > 1_900, "the worker was idle: {done}");
        let (_, all) = longest_wait(50, None);
        assert_eq!(longest_wait(50, codel()).1, all, "half the load loses nothing");
    }
}
