//! How long calls take of late: the percentile after which a backup request is worth it.

use std::time::{Duration, Instant};

/// Every power of two is divided into eight, so a duration is known to an eighth; the last bucket begins at 19 hours.
const BUCKETS: usize = 280;

/// Durations are forgotten after one to two of these.
const PERIOD: Duration = Duration::from_secs(10);

/// A percentile of fewer calls would be chance.
const SAMPLES_MIN: u32 = 100;

/// The percentile is worked out again after so many calls.
const STALE_AFTER: u32 = 64;

/// The durations of the latest calls to one method.
#[derive(Debug)]
pub(super) struct Latency {
    recent: Box<[u32; BUCKETS]>,
    previous: Box<[u32; BUCKETS]>,
    since: Option<Instant>,
    percent: u32,
    known: Option<Duration>,
    unseen: u32,
}

impl Default for Latency {
    fn default() -> Self {
        let empty = || Box::new([0; BUCKETS]);
        Latency { recent: empty(), previous: empty(), since: None, percent: 0, known: None, unseen: 0 }
    }
}

impl Latency {
    /// A call took so long.
    pub(super) fn record(&mut self, duration: Duration, now: Instant) {
        self.forget(now);
        self.recent[index(duration)] += 1;
        self.unseen += 1;
    }

    /// After how long so many percent of the calls are over; `None` while too few are known. Tells at most an eighth too
    /// much.
    pub(super) fn percentile(&mut self, percent: u32, now: Instant) -> Option<Duration> {
        self.forget(now);
        if self.unseen >= STALE_AFTER || self.percent != percent {
            (self.percent, self.unseen) = (percent, 0);
            self.known = self.compute(percent);
        }
        self.known
    }

    fn forget(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let age = now.saturating_duration_since(since);
        if age < PERIOD {
            return;
        }
        std::mem::swap(&mut self.recent, &mut self.previous);
        self.recent.fill(0);
        if age >= 2 * PERIOD {
            self.previous.fill(0);
        }
        (self.since, self.unseen) = (Some(now), STALE_AFTER);
    }

    fn compute(&self, percent: u32) -> Option<Duration> {
        let counts = || self.recent.iter().zip(&*self.previous).map(|(recent, previous)| recent + previous);
        let total: u32 = counts().sum();
        if total < SAMPLES_MIN {
            return None;
        }
        let wanted = u64::from(total) * u64::from(percent.min(100));
        let mut seen = 0;
        let index = counts().position(|count| {
            seen += u64::from(count) * 100;
            seen >= wanted
        });
        index.map(end)
    }
}

/// The bucket of a duration in microseconds.
fn index(duration: Duration) -> usize {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let shift = (64 - micros.leading_zeros()).saturating_sub(4) as usize;
    (shift * 8 + (micros >> shift) as usize).min(BUCKETS - 1)
}

/// The longest duration in a bucket.
fn end(index: usize) -> Duration {
    let shift = (index / 8).saturating_sub(1);
    let mantissa = index - shift * 8;
    Duration::from_micros(((mantissa as u64 + 1) << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::dice::Dice;

    #[test]
    fn buckets_hold_durations_to_an_eighth() {
        let dice = Dice::seeded(3);
        for _ in 0..10_000 {
            let micros = dice.next() >> (28 + dice.below(36));
            let end = end(index(Duration::from_micros(micros))).as_micros() as u64;
            assert!(end >= micros && end - micros <= micros / 8, "{micros} µs in the bucket up to {end}");
        }
        assert_eq!(index(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_durations() {
        for seed in 0..20 {
            let dice = Dice::seeded(seed);
            let mut latency = Latency::default();
            let now = Instant::now();
            let mut durations: Vec<_> = (0..1000)
                .map(|_| Duration::from_micros(1 + dice.next() % (1 << (1 + dice.below(20)))))
                .collect();
            durations.iter().for_each(|duration| latency.record(*duration, now));
            durations.sort();
            for percent in [1, 50, 95, 99, 100] {
                let exact = durations[(percent * 10 - 1) as usize];
                let told = latency.percentile(percent, now).unwrap();
                assert!(told >= exact && told <= exact + exact / 8, "p{percent}: {told:?} for {exact:?}");
            }
        }
    }

    #[test]
    fn few_calls_tell_nothing_and_old_ones_are_forgotten() {
        let (mut latency, start) = (Latency::default(), Instant::now());
        let record = |latency: &mut Latency, count: u32, millis, after: Duration| {
            (0..count).for_each(|_| latency.record(Duration::from_millis(millis), start + after));
        };
        record(&mut latency, 99, 10, Duration::ZERO);
        assert_eq!(latency.percentile(50, start), None);
        record(&mut latency, 64, 10, Duration::ZERO);
        assert!(latency.percentile(50, start).unwrap() >= Duration::from_millis(10));
        record(&mut latency, 500, 80, PERIOD);
        assert!(latency.percentile(50, start + PERIOD).unwrap() >= Duration::from_millis(80));
        assert!(latency.percentile(1, start + PERIOD).unwrap() < Duration::from_millis(12));
        assert!(latency.percentile(1, start + 2 * PERIOD).unwrap() >= Duration::from_millis(80));
        assert_eq!(latency.percentile(1, start + 9 * PERIOD), None);
    }
}
