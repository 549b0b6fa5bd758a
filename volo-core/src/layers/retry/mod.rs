//! Sends a call again when an attempt at it failed, or when it takes longer than most.
//!
//! Three things keep this from doing harm. A call that may have been executed is only sent again if it is idempotent.
//! All calls together have a [`Budget`], so that a failing peer does not get a multiple of its load. And calls made on
//! behalf of a retry are not retried themselves, so that the attempts of several hops don't multiply.

mod budget;
mod config;
mod future;
mod latency;
mod plan;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tower::{Layer, Service};

pub use budget::Budget;
pub use config::{Backoff, BackupConfig, BackupDelay, RetryConfig};
pub use future::RetryFuture;

use super::{Classify, Describe, PerMethod, Reader, Route, Rpc, Setting, dice::Dice, table::Table};
use crate::clock::now;
use future::Seed;
use latency::Latency;
use plan::{Plan, Purse};

/// Sends calls again, as its [`RetryConfig`] says.
#[derive(Clone, Debug)]
pub struct RetryLayer<C = Rpc> {
    shared: Arc<Shared<C>>,
}

/// What all calls share.
pub(super) struct Shared<C> {
    config: Setting<PerMethod<RetryConfig>>,
    budget: Arc<Budget>,
    backups: Budget,
    classify: C,
    dice: Dice,
    latencies: Table<Mutex<Latency>>,
}

impl RetryLayer {
    /// Retries as `config` says, a fifth of the calls at most.
    pub fn new(config: impl Into<Setting<PerMethod<RetryConfig>>>) -> Self {
        RetryLayer::with(config, Rpc::default(), Arc::default())
    }
}

impl<C> RetryLayer<C> {
    /// Retries calls of any type, which `classify` understands, while there is something left in the budget.
    pub fn with(
        config: impl Into<Setting<PerMethod<RetryConfig>>>,
        classify: C,
        budget: Arc<Budget>,
    ) -> Self {
        let shared = Shared {
            config: config.into(),
            budget,
            backups: Budget::new(0, 0),
            classify,
            dice: Dice::default(),
            latencies: Table::default(),
        };
        RetryLayer { shared: Arc::new(shared) }
    }
}

impl<S: Clone, C> Layer<S> for RetryLayer<C> {
    type Service = Retry<S, C>;

    fn layer(&self, inner: S) -> Retry<S, C> {
        let source = Source { spare: Mutex::new(inner.clone()), shared: self.shared.clone() };
        Retry { inner, source: Arc::new(source), config: self.shared.config.reader() }
    }
}

/// Service of [`RetryLayer`].
#[derive(Debug)]
pub struct Retry<S, C = Rpc> {
    inner: S,
    source: Arc<Source<S, C>>,
    config: Reader<PerMethod<RetryConfig>>,
}

/// Where further attempts come from.
#[derive(Debug)]
pub(super) struct Source<S, C> {
    /// Never made ready, and cloned for each: a clone per call would cost calls that need none.
    spare: Mutex<S>,
    shared: Arc<Shared<C>>,
}

impl<S: Clone, C> Clone for Retry<S, C> {
    fn clone(&self) -> Self {
        let Retry { inner, source, config } = self;
        Retry { inner: inner.clone(), source: source.clone(), config: config.clone() }
    }
}

impl<S, Req, C> Service<Req> for Retry<S, C>
where
    S: Service<Req> + Clone,
    Req: Clone,
    C: Describe<Req> + Classify<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = RetryFuture<S, Req, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let shared = &*self.source.shared;
        shared.budget.deposit();
        let common = self.config.get();
        let config = shared.config_of(&request, common);
        let chained = shared.classify.attempt(&request).is_some_and(|attempt| attempt.chained);
        if config.attempts_max <= 1 || (chained && !config.chained) {
            return RetryFuture::once(self.inner.call(request));
        }
        let (has_codes, backup) = (!config.codes.is_empty(), config.backup.clone());
        let first_start = now();
        let seed = |request: &Req| Seed {
            source: self.source.clone(),
            request: request.clone(),
            config: common.clone(),
            has_codes,
            first_start,
        };
        let Some(backup) = backup else {
            let seed = seed(&request);
            return RetryFuture::seeded(self.inner.call(request), seed);
        };
        if let Some(attempt) = shared.classify.attempt_mut(&mut request) {
            attempt.tried.get_or_insert_default();
        }
        let latency = shared.latency(&backup, || shared.classify.route(&request));
        let delay = backup_delay(backup.delay, latency.as_deref(), first_start);
        let seed = seed(&request);
        RetryFuture::planned(self.inner.call(request), seed.grown(delay, latency))
    }
}

impl<C> Shared<C> {
    /// What holds for this call, where `common` does for others.
    #[inline]
    fn config_of<'a, Req>(&self, request: &'a Req, common: &'a PerMethod<RetryConfig>) -> &'a RetryConfig
    where
        C: Describe<Req>,
    {
        let own = self.classify.retry_config(request);
        own.map_or_else(|| common.get_with(|| self.classify.route(request)), Arc::as_ref)
    }

    fn purse(&self) -> Purse<'_> {
        Purse { all: &self.budget, backups: &self.backups }
    }

    /// The durations of the method's calls, if they matter.
    fn latency<'a>(
        &self,
        backup: &BackupConfig,
        route: impl FnOnce() -> Route<'a>,
    ) -> Option<Arc<Mutex<Latency>>> {
        self.backups.set_percent(backup.percent_max);
        self.backups.deposit();
        let measured = matches!(backup.delay, BackupDelay::Percentile { .. });
        measured.then(|| self.latencies.get(route(), |_| Mutex::default()))
    }
}

/// How long to wait before a backup request, if there is to be one.
fn backup_delay(delay: BackupDelay, latency: Option<&Mutex<Latency>>, now: Instant) -> Option<Duration> {
    match delay {
        BackupDelay::Fixed(delay) => Some(delay),
        BackupDelay::Percentile { percent, min } => {
            let delay = lock(latency?).percentile(percent, now);
            delay.map(|delay| delay.max(min))
        }
    }
}

impl<C> fmt::Debug for Shared<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("config", &self.config)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
