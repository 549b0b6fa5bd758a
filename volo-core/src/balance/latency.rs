//! A moving mean of latency that rises at once and falls slowly.
//!
//! A slow call must count when it happens, but one slow call must not be held against an instance for ever; so the
//! mean jumps up to a peak and then decays, also while nothing is measured.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The mean of one instance. Updates may get lost between threads; that does no harm to a mean.
#[derive(Debug, Default)]
pub(super) struct Latency {
    mean_ns: AtomicU64,
    measured_ns: AtomicU64,
}

impl Latency {
    /// Counts a call that took `took_ns` and ended at `now_ns`.
    pub(super) fn record(&self, now_ns: u64, took_ns: u64, decay_ns: u64) {
        let mean = self.mean_ns.load(Relaxed);
        let next = if took_ns >= mean {
            took_ns
        } else {
            let old = remaining(now_ns.saturating_sub(self.measured_ns.load(Relaxed)), decay_ns);
            (mean as f64 * old + took_ns as f64 * (1.0 - old)) as u64
        };
        self.mean_ns.store(next.max(1), Relaxed);
        self.measured_ns.store(now_ns, Relaxed);
    }

    /// The mean as it counts at `now_ns`, 0 if nothing was ever measured.
    pub(super) fn at(&self, now_ns: u64, decay_ns: u64) -> f64 {
        let age = now_ns.saturating_sub(self.measured_ns.load(Relaxed));
        self.mean_ns.load(Relaxed) as f64 * remaining(age, decay_ns)
    }
}

/// How much of a value is left after `age_ns`; close to an exponential decay, at the price of a division.
fn remaining(age_ns: u64, decay_ns: u64) -> f64 {
    let x = age_ns as f64 / decay_ns.max(1) as f64;
    1.0 / (1.0 + x + x * x / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const DECAY: u64 = 10_000 * MS;

    #[test]
    fn peaks_count_at_once_and_fade() {
        let latency = Latency::default();
        assert_eq!(latency.at(0, DECAY), 0.0);
        latency.record(MS, 2 * MS, DECAY);
        latency.record(2 * MS, 500 * MS, DECAY);
        assert_eq!(latency.at(2 * MS, DECAY) as u64, 500 * MS);
        latency.record(3 * MS, 2 * MS, DECAY);
        assert!(latency.at(3 * MS, DECAY) > 499.0 * MS as f64, "one fast call is no proof");
        let mut now = 3 * MS;
        for _ in 0..600 {
            now += 100 * MS;
            latency.record(now, 2 * MS, DECAY);
        }
        assert!(latency.at(now, DECAY) < 4.0 * MS as f64);
    }

    #[test]
    fn what_is_not_measured_is_forgotten() {
        let latency = Latency::default();
        latency.record(0, 500 * MS, DECAY);
        assert!(latency.at(10 * DECAY, DECAY) < 10.0 * MS as f64);
    }
}
