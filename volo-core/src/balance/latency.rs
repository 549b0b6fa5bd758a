//! A moving mean of latency that rises at once and falls slowly.
//!
//! A slow call must count when it happens, but one slow call must not be held against an instance for ever; so the
//! mean jumps up to a peak and then decays, also while nothing is measured.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The mean of one instance. Updates may get lost between threads; that does no harm to a mean.
///
/// Times are kept in the form that reading them, twice for each pick, costs least.
#[derive(Debug, Default)]
pub(super) struct Latency {
    /// The bits of an `f64`.
    mean_ns: AtomicU64,
    measured_ns: AtomicU64,
}

/// How fast a mean falls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decay {
    per_ns: f64,
}

impl Decay {
    /// Over `time`, a mean falls to less than half.
    pub(super) fn over(time: Duration) -> Self {
        Decay { per_ns: 1.0 / (time.as_nanos() as f64).max(1.0) }
    }

    /// How much of a value is left after `age_ns`; close to an exponential decay, at the price of a division.
    fn remaining(self, age_ns: u64) -> f64 {
        let x = age_ns.cast_signed() as f64 * self.per_ns; // a signed number is converted by one instruction
        1.0 / (1.0 + x + x * x * 0.5)
    }
}

impl Latency {
    /// Counts a call that took `took_ns` and ended at `now_ns`.
    pub(super) fn record(&self, now_ns: u64, took_ns: u64, decay: Decay) {
        let (mean, took) = (f64::from_bits(self.mean_ns.load(Relaxed)), took_ns as f64);
        let next = if took >= mean {
            took
        } else {
            let old = decay.remaining(now_ns.saturating_sub(self.measured_ns.load(Relaxed)));
            mean * old + took * (1.0 - old)
        };
        self.mean_ns.store(next.max(1.0).to_bits(), Relaxed);
        self.measured_ns.store(now_ns, Relaxed);
    }

    /// The mean as it counts at `now_ns`, 0 if nothing was ever measured.
    #[inline]
    pub(super) fn at(&self, now_ns: u64, decay: Decay) -> f64 {
        let age_ns = now_ns.saturating_sub(self.measured_ns.load(Relaxed));
        f64::from_bits(self.mean_ns.load(Relaxed)) * decay.remaining(age_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const DECAY_MS: u64 = 10_000;

    fn decay() -> Decay {
        Decay::over(Duration::from_millis(DECAY_MS))
    }

    #[test]
    fn peaks_count_at_once_and_fade() {
        let latency = Latency::default();
        assert_eq!(latency.at(0, decay()), 0.0);
        latency.record(MS, 2 * MS, decay());
        latency.record(2 * MS, 500 * MS, decay());
        assert_eq!(latency.at(2 * MS, decay()) as u64, 500 * MS);
        latency.record(3 * MS, 2 * MS, decay());
        assert!(latency.at(3 * MS, decay()) > 499.0 * MS as f64, "one fast call is no proof");
        let mut now = 3 * MS;
        for _ in 0..600 {
            now += 100 * MS;
            latency.record(now, 2 * MS, decay());
        }
        assert!(latency.at(now, decay()) < 4.0 * MS as f64);
    }

    #[test]
    fn what_is_not_measured_is_forgotten() {
        let latency = Latency::default();
        latency.record(0, 500 * MS, decay());
        assert!(latency.at(10 * DECAY_MS * MS, decay()) < 10.0 * MS as f64);
    }
}
