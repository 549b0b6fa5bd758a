//! Retries and backup requests in plain tower stacks, in virtual time.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU32, Ordering},
};

use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::*;
use crate::{Attempt, Error, ErrorKind, Retry as When, layers::Verdict};

const MS: Duration = Duration::from_millis(1);

/// A request that knows its attempt.
#[derive(Clone, Debug, Default)]
struct Call {
    idempotent: bool,
    attempt: Attempt,
    config: Option<Arc<RetryConfig>>,
}

fn idempotent() -> Call {
    Call { idempotent: true, ..Call::default() }
}

#[derive(Clone)]
struct Calls;

impl Describe<Call> for Calls {
    fn is_idempotent(&self, call: &Call) -> bool {
        call.idempotent
    }

    fn attempt<'a>(&self, call: &'a Call) -> Option<&'a Attempt> {
        Some(&call.attempt)
    }

    fn attempt_mut<'a>(&self, call: &'a mut Call) -> Option<&'a mut Attempt> {
        Some(&mut call.attempt)
    }

    fn retry_config<'a>(&self, call: &'a Call) -> Option<&'a Arc<RetryConfig>> {
        call.config.as_ref()
    }
}

impl Classify<i32, Error> for Calls {
    fn verdict(&self, result: &Result<i32, Error>) -> Verdict {
        match result {
            Ok(_) => Verdict::Success,
            Err(error) => Verdict::Failure(error.retry()),
        }
    }

    fn code(&self, result: &Result<i32, Error>) -> Option<i32> {
        result.as_ref().ok().copied()
    }

    fn is_timeout(&self, result: &Result<i32, Error>) -> bool {
        result.as_ref().is_err_and(Error::is_timeout)
    }
}

/// What the service does about each attempt: wait so long, then give this.
type Script = VecDeque<(u64, Result<i32, Error>)>;

fn error(retry: When) -> Result<i32, Error> {
    Err(Error::new(ErrorKind::Closed, "scripted").with_retry(retry))
}

/// The attempt that answered, and all that were made, with the milliseconds they started at.
type Report = (Result<i32, Error>, Vec<(u32, u128)>);

async fn play(config: RetryConfig, budget: Budget, call: Call, script: impl Into<Script>) -> Report {
    let (script, start) = (Mutex::new(script.into()), tokio::time::Instant::now());
    let log = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::new((script, log.clone()));
    let serve = service_fn(move |call: Call| {
        let shared = shared.clone();
        async move {
            let (script, log) = &*shared;
            lock(log).push((call.attempt.number, start.elapsed().as_millis()));
            let (millis, result) = lock(script).pop_front().expect("one attempt too many");
            tokio::time::sleep(MS * millis as u32).await;
            result
        }
    });
    let layer = RetryLayer::with(config, Calls, Arc::new(budget));
    let result = ServiceBuilder::new().layer(layer).service(serve).oneshot(call).await;
    let log = lock(&log).clone();
    (result, log)
}

fn plenty() -> Budget {
    Budget::new(100, 100)
}

#[tokio::test(start_paused = true)]
async fn failures_are_retried_after_a_wait_if_that_is_safe() {
    let config = || RetryConfig { backoff: Backoff::Fixed(MS * 10), ..RetryConfig::default() };
    let script = || [(5, error(When::IfIdempotent)), (5, error(When::Always)), (0, Ok(7))];
    let (result, log) = play(config(), plenty(), idempotent(), script()).await;
    assert_eq!((result.unwrap(), log), (7, vec![(0, 0), (1, 15), (2, 30)]));

    let (result, log) = play(config(), plenty(), Call::default(), script()).await;
    assert!(result.unwrap_err().is_closed() && log.len() == 1);
    let allowed = RetryConfig { non_idempotent: true, ..config() };
    assert_eq!(play(allowed, plenty(), Call::default(), script()).await.0.unwrap(), 7);
    let never = [(0, error(When::Never))];
    assert_eq!(play(config(), plenty(), idempotent(), never).await.1.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn limits_end_the_retries_with_the_last_failure() {
    let endless = || std::iter::repeat_with(|| (10, error(When::Always))).take(50).collect::<Script>();
    let three = play(RetryConfig::default(), plenty(), Call::default(), endless()).await;
    assert_eq!((three.0.is_err(), three.1.len()), (true, 3));
    let in_time = RetryConfig { attempts_max: 99, duration_max: Some(MS * 35), ..RetryConfig::default() };
    assert_eq!(play(in_time, plenty(), Call::default(), endless()).await.1.len(), 4);
    let paid = RetryConfig { attempts_max: 99, ..RetryConfig::default() };
    assert_eq!(play(paid, Budget::new(0, 5), Call::default(), endless()).await.1.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn calls_for_a_retry_are_not_retried_and_a_call_may_bring_its_own_rules() {
    let chained = || Call { attempt: Attempt { chained: true, ..Attempt::default() }, ..idempotent() };
    let script = || [(0, error(When::Always)), (0, Ok(1))];
    assert!(play(RetryConfig::default(), plenty(), chained(), script()).await.0.is_err());
    let allowed = RetryConfig { chained: true, ..RetryConfig::default() };
    assert_eq!(play(allowed, plenty(), chained(), script()).await.0.unwrap(), 1);
    let own = Call { config: Some(Arc::new(RetryConfig::never())), ..idempotent() };
    assert!(play(RetryConfig::default(), plenty(), own, script()).await.0.is_err());
}

#[tokio::test(start_paused = true)]
async fn statuses_and_timeouts_are_retried_as_configured() {
    let codes = RetryConfig { codes: vec![503], ..RetryConfig::default() };
    let script = || [(0, Ok(503)), (0, Ok(404))];
    assert_eq!(play(codes.clone(), plenty(), idempotent(), script()).await.0.unwrap(), 404);
    assert_eq!(play(codes, plenty(), Call::default(), script()).await.0.unwrap(), 503);
    let late = || [(0, Err(Error::timeout("scripted"))), (0, Ok(1))];
    assert_eq!(play(RetryConfig::default(), plenty(), idempotent(), late()).await.0.unwrap(), 1);
    let not_late = RetryConfig { timeouts: false, ..RetryConfig::default() };
    assert!(play(not_late, plenty(), idempotent(), late()).await.0.unwrap_err().is_timeout());
}

fn with_backup(delay: BackupDelay) -> RetryConfig {
    let backup = BackupConfig { delay, requests_max: 1, percent_max: 100 };
    RetryConfig { backup: Some(backup), ..RetryConfig::default() }
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_is_backed_up_and_the_first_answer_wins() {
    let config = || with_backup(BackupDelay::Fixed(MS * 20));
    let second = play(config(), plenty(), idempotent(), [(90, Ok(1)), (10, Ok(2))]).await;
    assert_eq!((second.0.unwrap(), second.1), (2, vec![(0, 0), (1, 20)]));
    let first = play(config(), plenty(), idempotent(), [(30, Ok(1)), (30, Ok(2))]).await;
    assert_eq!((first.0.unwrap(), first.1.len()), (1, 2));
    let fast = play(config(), plenty(), idempotent(), [(19, Ok(1))]).await;
    assert_eq!((fast.0.unwrap(), fast.1.len()), (1, 1));
    let unsafe_twice = play(config(), plenty(), Call::default(), [(90, Ok(1))]).await;
    assert_eq!((unsafe_twice.0.unwrap(), unsafe_twice.1.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_leaves_it_to_the_other_and_both_are_retried() {
    let config = || with_backup(BackupDelay::Fixed(MS * 20));
    let script = [(50, Ok(1)), (5, error(When::Never))];
    let waits = play(config(), plenty(), idempotent(), script).await;
    assert_eq!((waits.0.unwrap(), waits.1.len()), (1, 2));
    let script = [(30, error(When::Always)), (90, Ok(2)), (5, Ok(3))];
    let mixed = play(config(), plenty(), idempotent(), script).await;
    assert_eq!((mixed.0.unwrap(), mixed.1), (3, vec![(0, 0), (1, 20), (2, 30)]));
}

#[tokio::test(start_paused = true)]
async fn the_loser_is_dropped() {
    struct Dropped(Arc<AtomicU32>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let (ends, dropped) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (ended, guard) = (ends.clone(), dropped.clone());
    let serve = service_fn(move |call: Call| {
        let (ended, guard) = (ended.clone(), Dropped(guard.clone()));
        async move {
            let _guard = guard;
            tokio::time::sleep(if call.attempt.number == 0 { MS * 500 } else { MS * 5 }).await;
            ended.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Error>(1)
        }
    });
    let layer = RetryLayer::with(with_backup(BackupDelay::Fixed(MS * 20)), Calls, Arc::default());
    let service = ServiceBuilder::new().layer(layer).service(serve);
    service.clone().oneshot(idempotent()).await.unwrap();
    assert_eq!(dropped.load(Ordering::Relaxed), 2);
    tokio::time::sleep(MS * 1000).await;
    assert_eq!(ends.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn backups_follow_the_measured_percentile_and_their_share() {
    let sent = Arc::new(AtomicU32::new(0));
    let counted = sent.clone();
    // One call in twenty takes 200 ms, unless it is a backup; the others take 1 to 10.
    let serve = service_fn(move |call: Call| {
        let number = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            let slow = number % 20 == 19 && call.attempt.number == 0;
            tokio::time::sleep(if slow { MS * 200 } else { MS * (1 + number % 10) }).await;
            Ok::<_, Error>(1)
        }
    });
    let mut config = with_backup(BackupDelay::Percentile { percent: 90, min: MS });
    let setting = Setting::new(PerMethod::new(config.clone()));
    let layer = RetryLayer::with(setting.clone(), Calls, Arc::new(plenty()));
    let service = ServiceBuilder::new().layer(layer).service(serve);
    let slowest = async |calls: u32| {
        let mut slowest = Duration::ZERO;
        for _ in 0..calls {
            let start = tokio::time::Instant::now();
            service.clone().oneshot(idempotent()).await.unwrap();
            slowest = slowest.max(start.elapsed());
        }
        slowest
    };
    assert_eq!(slowest(200).await.as_millis() / 10, 20);
    let before = sent.load(Ordering::Relaxed);
    let with_backups = slowest(400).await;
    assert!(with_backups < MS * 30, "{with_backups:?}");
    assert!(sent.load(Ordering::Relaxed) - before > 415);

    config.backup.as_mut().unwrap().percent_max = 0;
    setting.set(PerMethod::new(config));
    slowest(2500).await; // uses up what was saved
    let before = sent.load(Ordering::Relaxed);
    slowest(300).await;
    assert_eq!(sent.load(Ordering::Relaxed) - before, 300);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_failures_stays_in_the_budget() {
    let sent = Arc::new(AtomicU32::new(0));
    let counted = sent.clone();
    let serve = service_fn(move |_: Call| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { error(When::Always) }
    });
    let config = RetryConfig { attempts_max: 9, ..RetryConfig::default() };
    let layer = RetryLayer::with(config, Calls, Arc::new(Budget::new(20, 0)));
    let service = ServiceBuilder::new().layer(layer).service(serve);
    for _ in 0..1000 {
        assert!(service.clone().oneshot(Call::default()).await.is_err());
    }
    assert_eq!(sent.load(Ordering::Relaxed), 1200);
}
