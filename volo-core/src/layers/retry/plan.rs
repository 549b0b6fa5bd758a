//! When the attempts at one call start: pure, it is told what happens and when.

use std::time::{Duration, Instant};

use super::{Budget, RetryConfig};
use crate::Retry;

/// The attempts at one call.
#[derive(Debug)]
pub(super) struct Plan {
    first_start: Instant,
    started: u32,
    running: u32,
    failures: u32,
    backups: u32,
    next: Option<(Instant, Cause)>,
    /// Whether executing the call twice is fine.
    repeatable: bool,
    /// How long to wait before a backup request, if there is to be one.
    backup_delay: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Failure,
    Slowness,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Start the attempt with this number.
    Start(u32),
    /// Wait for an attempt to end or for [`Plan::next_at`].
    Wait,
    /// The call ends as its latest attempt did.
    End,
}

/// Who pays for further attempts.
pub(super) struct Purse<'a> {
    pub(super) all: &'a Budget,
    pub(super) backups: &'a Budget,
}

impl Plan {
    /// The first attempt was started.
    pub(super) fn begin(
        config: &RetryConfig,
        idempotent: bool,
        backup_delay: Option<Duration>,
        now: Instant,
    ) -> Self {
        let repeatable = idempotent || config.non_idempotent;
        let mut plan = Plan {
            first_start: now,
            started: 1,
            running: 1,
            failures: 0,
            backups: 0,
            next: None,
            repeatable,
            backup_delay: backup_delay.filter(|_| repeatable),
        };
        plan.schedule_backup(config, now);
        plan
    }

    /// When to call [`Plan::due`].
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.next.map(|(at, _)| at)
    }

    /// An attempt failed, and the call may be sent again in these circumstances; `backoff` gives the wait before the
    /// retry with this number.
    pub(super) fn fail(
        &mut self,
        config: &RetryConfig,
        retry: Retry,
        backoff: impl FnOnce(u32) -> Duration,
        now: Instant,
    ) -> Step {
        self.running = self.running.saturating_sub(1);
        self.failures += 1;
        let safe = retry == Retry::Always || (retry == Retry::IfIdempotent && self.repeatable);
        let at = now.checked_add(backoff(self.failures)).filter(|at| self.may_start(config, *at));
        match at.filter(|_| safe) {
            // A retry that waits already, or a backup request about to be sent, is the sooner the better.
            Some(at) => {
                self.next = Some(self.next.filter(|(next, _)| *next < at).unwrap_or((at, Cause::Failure)))
            }
            None if self.running == 0 && self.next.is_none_or(|(_, cause)| cause == Cause::Slowness) => {
                self.next = None;
                return Step::End;
            }
            None => {}
        }
        Step::Wait
    }

    /// Starts what is due by now, if it can be paid for.
    pub(super) fn due(&mut self, config: &RetryConfig, purse: &Purse<'_>, now: Instant) -> Step {
        let Some((_, cause)) = self.next.take_if(|(at, _)| *at <= now) else { return Step::Wait };
        let paid = purse.all.withdraw();
        if !paid || (cause == Cause::Slowness && !purse.backups.withdraw()) {
            if paid {
                purse.all.refund();
            }
            return if self.running == 0 { Step::End } else { Step::Wait };
        }
        let number = self.started;
        self.started += 1;
        self.running += 1;
        self.backups += u32::from(cause == Cause::Slowness);
        self.schedule_backup(config, now);
        Step::Start(number)
    }

    fn schedule_backup(&mut self, config: &RetryConfig, now: Instant) {
        if config.backup.as_ref().is_none_or(|backup| self.backups >= backup.requests_max) {
            return;
        }
        let at = self.backup_delay.and_then(|delay| now.checked_add(delay));
        self.next = at.filter(|at| self.may_start(config, *at)).map(|at| (at, Cause::Slowness));
    }

    fn may_start(&self, config: &RetryConfig, at: Instant) -> bool {
        let in_time = config.duration_max.is_none_or(|max| at.duration_since(self.first_start) <= max);
        in_time && self.started < config.attempts_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{
        dice::Dice,
        retry::{BackupConfig, BackupDelay},
    };

    const MS: Duration = Duration::from_millis(1);

    fn random_config(dice: &Dice) -> RetryConfig {
        RetryConfig {
            attempts_max: dice.below(5) as u32,
            duration_max: dice.percent(50).then(|| MS * dice.below(100) as u32),
            non_idempotent: dice.percent(20),
            backup: dice.percent(50).then(|| BackupConfig {
                delay: BackupDelay::Fixed(MS * 10),
                requests_max: dice.below(3) as u32,
                percent_max: 100,
            }),
            ..RetryConfig::default()
        }
    }

    #[test]
    fn plans_keep_their_limits_and_come_to_an_end() {
        for seed in 0..20_000 {
            let dice = Dice::seeded(seed);
            let config = random_config(&dice);
            let (all, backups) = (Budget::new(0, dice.below(5) as u32), Budget::new(0, dice.below(3) as u32));
            let (paid, start) = (all.available(), Instant::now());
            let purse = Purse { all: &all, backups: &backups };
            let idempotent = dice.percent(50);
            let repeatable = idempotent || config.non_idempotent;
            let mut plan = Plan::begin(&config, idempotent, Some(MS * 10), start);
            let (mut now, mut running, mut started, mut unsafe_failure) = (start, 1, 1, false);
            let mut ended = false;
            while !ended {
                assert!(running > 0 || plan.next_at().is_some(), "seed {seed}: nothing will ever happen");
                now += MS * dice.below(15) as u32;
                let step = if running > 0 && dice.percent(40) {
                    running -= 1;
                    let retry = [Retry::Never, Retry::IfIdempotent, Retry::Always][dice.below(3) as usize];
                    unsafe_failure |= retry == Retry::Never || (retry == Retry::IfIdempotent && !repeatable);
                    let backoff = MS * dice.below(30) as u32;
                    plan.fail(&config, retry, |_| backoff, now)
                } else {
                    plan.due(&config, &purse, now)
                };
                match step {
                    Step::Start(number) => {
                        assert_eq!(number, started, "seed {seed}");
                        assert!(repeatable || (running == 0 && !unsafe_failure), "seed {seed}: not safe");
                        let late = config.duration_max.is_some_and(|max| now > start + max + MS * 15);
                        assert!(!late, "seed {seed}: started after {:?}", now - start);
                        (started, running) = (started + 1, running + 1);
                    }
                    Step::Wait => {}
                    Step::End => ended = true,
                }
                assert!(!ended || running == 0, "seed {seed}: ended while attempts run");
            }
            assert!(started <= config.attempts_max.max(1), "seed {seed}: {started} attempts");
            assert!(started - 1 <= paid, "seed {seed}: not paid for");
        }
    }

    #[test]
    fn a_slow_attempt_gets_company_and_a_failed_one_a_successor() {
        let config = RetryConfig { backup: Some(BackupConfig::default()), ..RetryConfig::default() };
        let purse = Purse { all: &Budget::new(0, 9), backups: &Budget::new(0, 9) };
        let start = Instant::now();
        let mut plan = Plan::begin(&config, true, Some(MS * 10), start);
        assert_eq!(plan.next_at(), Some(start + MS * 10));
        assert_eq!(plan.due(&config, &purse, start + MS * 9), Step::Wait);
        assert_eq!(plan.due(&config, &purse, start + MS * 10), Step::Start(1));
        assert_eq!(plan.next_at(), None);
        assert_eq!(plan.fail(&config, Retry::Always, |_| MS * 5, start + MS * 12), Step::Wait);
        assert_eq!(plan.due(&config, &purse, start + MS * 17), Step::Start(2));
        assert_eq!(plan.fail(&config, Retry::Always, |_| MS, start + MS * 20), Step::Wait);
        assert_eq!(plan.fail(&config, Retry::Always, |_| MS, start + MS * 21), Step::End);
    }

    #[test]
    fn what_may_have_been_executed_gets_no_company() {
        let config = RetryConfig { backup: Some(BackupConfig::default()), ..RetryConfig::default() };
        let start = Instant::now();
        let mut plan = Plan::begin(&config, false, Some(MS), start);
        assert_eq!(plan.next_at(), None);
        assert_eq!(plan.fail(&config, Retry::IfIdempotent, |_| MS, start), Step::End);
    }
}
