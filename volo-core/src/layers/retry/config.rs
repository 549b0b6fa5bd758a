//! What to do about an attempt that failed or takes too long.

use std::time::Duration;

/// When a call is sent again. The default sends it twice more at most, at once and to other peers, if that is safe.
///
/// Safe means: nothing of the call was executed, or executing it twice does no more than executing it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryConfig {
    /// How many attempts there are at most, the first and backup requests included; 1 is never to retry.
    pub attempts_max: u32,
    /// No attempt starts later than this after the first; `None` leaves it to the deadline.
    pub duration_max: Option<Duration>,
    /// How long to wait after a failure.
    pub backoff: Backoff,
    /// Whether a retry goes to the peer that failed instead of another one.
    pub same_peer: bool,
    /// Whether attempts that ran out of time are retried.
    pub timeouts: bool,
    /// Whether calls are retried that may have been executed, and are not known to be idempotent.
    pub non_idempotent: bool,
    /// Whether calls are retried that serve a call which is a retry itself.
    pub chained: bool,
    /// Business statuses that are retried like failures, where executing the call twice is safe.
    pub codes: Vec<i32>,
    /// Whether to send a call that takes long to a second peer, too.
    pub backup: Option<BackupConfig>,
}

impl Default for RetryConfig {
    fn default() -> Self {
        RetryConfig {
            attempts_max: 3,
            duration_max: None,
            backoff: Backoff::None,
            same_peer: false,
            timeouts: true,
            non_idempotent: false,
            chained: false,
            codes: Vec::new(),
            backup: None,
        }
    }
}

impl RetryConfig {
    /// Sends every call once.
    pub fn never() -> Self {
        RetryConfig { attempts_max: 1, ..RetryConfig::default() }
    }
}

/// How long to wait after a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backoff {
    /// Not at all.
    #[default]
    None,
    /// Always as long.
    Fixed(Duration),
    /// Twice as long each time, with chance taking off up to half, so that callers don't come back all at once.
    Exponential {
        /// The wait after the first failure.
        initial: Duration,
        /// The longest wait.
        max: Duration,
    },
}

impl Backoff {
    /// How long to wait before the retry with this number, of which the first is 1; `random` is any number.
    pub fn delay(self, retry: u32, random: u64) -> Duration {
        match self {
            Backoff::None => Duration::ZERO,
            Backoff::Fixed(delay) => delay,
            Backoff::Exponential { initial, max } => {
                let doublings = retry.saturating_sub(1).min(31);
                let whole = initial.saturating_mul(1 << doublings).min(max);
                let jitter = whole / 2;
                let nanos = u64::try_from(jitter.as_nanos()).unwrap_or(u64::MAX);
                whole - Duration::from_nanos(random % nanos.max(1))
            }
        }
    }
}

/// When a call is sent to a second peer because the first takes long; whoever answers first wins, the other attempt is
/// dropped. Only calls that may be executed twice are sent so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupConfig {
    /// How long to wait for an answer first.
    pub delay: BackupDelay,
    /// Backup requests per call at most.
    pub requests_max: u32,
    /// Backup requests per hundred calls at most.
    pub percent_max: u32,
}

impl Default for BackupConfig {
    fn default() -> Self {
        let delay = BackupDelay::Percentile { percent: 95, min: Duration::from_millis(1) };
        BackupConfig { delay, requests_max: 1, percent_max: 5 }
    }
}

/// How long to wait before a backup request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupDelay {
    /// Always as long.
    Fixed(Duration),
    /// As long as so many percent of the calls to the method take, by their latest durations, and at least `min`. Until
    /// there are enough of them, no backup request is sent.
    Percentile {
        /// How many percent of the calls are over by then.
        percent: u32,
        /// The shortest wait.
        min: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::dice::Dice;

    #[test]
    fn waits_double_up_to_the_longest_and_vary_by_half() {
        let (initial, max) = (Duration::from_millis(10), Duration::from_millis(100));
        let backoff = Backoff::Exponential { initial, max };
        let dice = Dice::seeded(1);
        for (retry, whole) in [(1, 10), (2, 20), (3, 40), (4, 80), (5, 100), (9, 100), (u32::MAX, 100)] {
            let whole = Duration::from_millis(whole);
            let delays: Vec<_> = (0..100).map(|_| backoff.delay(retry, dice.next())).collect();
            assert!(delays.iter().all(|delay| (whole / 2..=whole).contains(delay)), "{retry}: {delays:?}");
            assert!(delays.iter().max().unwrap().as_secs_f64() > whole.as_secs_f64() * 0.9);
            assert!(delays.iter().min().unwrap().as_secs_f64() < whole.as_secs_f64() * 0.6);
        }
        let endless = Backoff::Exponential { initial: Duration::MAX, max: Duration::MAX };
        assert!(endless.delay(7, u64::MAX) > Duration::from_secs(1));
        let nothing = Backoff::Exponential { initial: Duration::ZERO, max };
        assert_eq!(nothing.delay(3, 5), Duration::ZERO);
    }
}
