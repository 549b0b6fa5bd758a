//! A rate with room for bursts: one atomic number, no lock, no timer.
//!
//! Instead of counting tokens it keeps the moment at which the bucket will be full again (the generic cell rate
//! algorithm): each call moves that moment on by one interval, and is refused if that would be too far ahead.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// How many calls there may be. No rate is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateConfig {
    /// Calls per second in the long run; `None` is no limit, 0 refuses all.
    pub per_second: Option<u32>,
    /// Calls at once after a pause; 0 is a tenth of a second's calls.
    pub burst: u32,
}

impl RateConfig {
    /// At most so many calls per second.
    pub fn per_second(rate: u32) -> Self {
        RateConfig { per_second: Some(rate), burst: 0 }
    }
}

/// Admits calls at a rate.
#[derive(Debug)]
pub struct TokenBucket {
    origin: Instant,
    /// Nanoseconds after `origin` when the bucket will be full.
    full_at: AtomicU64,
    /// Nanoseconds between two calls, 0 without a limit, the largest number if all are refused.
    interval: AtomicU64,
    /// Nanoseconds by which `full_at` may be ahead of a call that is admitted.
    slack: AtomicU64,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(config: RateConfig, now: Instant) -> Self {
        let (full_at, interval, slack) = Default::default();
        let bucket = TokenBucket { origin: now, full_at, interval, slack };
        bucket.configure(config);
        bucket
    }

    /// Changes the rate; what was taken stays taken.
    pub fn configure(&self, config: RateConfig) {
        let (interval, slack) = match config.per_second {
            None => (0, 0),
            Some(0) => (u64::MAX, 0),
            Some(rate) => {
                let interval = 1_000_000_000 / u64::from(rate);
                let burst = if config.burst > 0 { config.burst } else { (rate / 10).max(1) };
                (interval.max(1), interval * u64::from(burst - 1))
            }
        };
        self.slack.store(slack, Ordering::Relaxed);
        self.interval.store(interval, Ordering::Relaxed);
    }

    /// Admits a call, or says how long none will be.
    ///
    /// # Errors
    /// With the time after which to try again, if the rate is reached.
    pub fn take(&self, now: Instant) -> Result<(), Duration> {
        let interval = self.interval.load(Ordering::Relaxed);
        if interval == 0 {
            return Ok(());
        }
        if interval == u64::MAX {
            return Err(Duration::MAX);
        }
        let slack = self.slack.load(Ordering::Relaxed);
        let now = u64::try_from(now.saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX);
        let mut full_at = self.full_at.load(Ordering::Relaxed);
        loop {
            let ahead = full_at.saturating_sub(now);
            if ahead > slack {
                return Err(Duration::from_nanos(ahead - slack));
            }
            let next = full_at.max(now).saturating_add(interval);
            match self.full_at.compare_exchange_weak(full_at, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(other) => full_at = other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::dice::Dice;

    #[test]
    fn it_admits_the_rate_and_a_burst_and_no_more() {
        for seed in 0..200 {
            let dice = Dice::seeded(seed);
            let (rate, burst) = (1 + dice.below(5_000), 1 + dice.below(50));
            let config = RateConfig { per_second: Some(rate as u32), burst: burst as u32 };
            let start = Instant::now();
            let bucket = TokenBucket::new(config, start);
            let interval = 1_000_000_000 / rate;
            let mut now = start;
            let mut admitted = Vec::new();
            for _ in 0..2_000 {
                now += Duration::from_nanos(dice.below(interval * 2) * dice.below(3));
                match bucket.take(now) {
                    Ok(()) => admitted.push(now),
                    Err(wait) => {
                        assert!(wait <= Duration::from_nanos(interval), "seed {seed}: {wait:?}");
                        now += wait;
                        assert_eq!(bucket.take(now), Ok(()), "seed {seed}: it said when to come back");
                        admitted.push(now);
                    }
                }
                let (last, count) = (admitted[admitted.len() - 1], admitted.len());
                for back in [1, burst as usize, burst as usize * 3] {
                    let Some(first) = count.checked_sub(back + 1).map(|index| admitted[index]) else {
                        continue;
                    };
                    let allowed = burst + (last - first).as_nanos() as u64 / interval;
                    assert!((back as u64) < allowed, "seed {seed}: {} calls, {allowed} allowed", back + 1);
                }
            }
        }
    }

    #[test]
    fn the_rate_can_be_changed_and_lifted() {
        let now = Instant::now();
        let bucket = TokenBucket::new(RateConfig { per_second: Some(10), burst: 2 }, now);
        assert!(bucket.take(now).is_ok() && bucket.take(now).is_ok());
        assert_eq!(bucket.take(now), Err(Duration::from_millis(100)));
        bucket.configure(RateConfig { per_second: Some(10), burst: 5 });
        assert!((0..3).all(|_| bucket.take(now).is_ok()) && bucket.take(now).is_err());
        bucket.configure(RateConfig::default());
        assert!((0..1000).all(|_| bucket.take(now).is_ok()));
        bucket.configure(RateConfig::per_second(0));
        assert_eq!(bucket.take(now), Err(Duration::MAX));
    }
}
