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
        let spare = Arc::new(Mutex::new(inner.clone()));
        Retry { inner, spare, shared: self.shared.clone(), config: self.shared.config.reader() }
    }
}

/// Service of [`RetryLayer`].
#[derive(Debug)]
pub struct Retry<S, C = Rpc> {
    inner: S,
    /// Never made ready, and cloned for further attempts: a clone per call would cost calls that need none.
    spare: Arc<Mutex<S>>,
    shared: Arc<Shared<C>>,
    config: Reader<PerMethod<RetryConfig>>,
}

impl<S: Clone, C> Clone for Retry<S, C> {
    fn clone(&self) -> Self {
        let Retry { inner, spare, shared, config } = self;
        Retry { inner: inner.clone(), spare: spare.clone(), shared: shared.clone(), config: config.clone() }
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
        let shared = &*self.shared;
        shared.budget.deposit();
        let rules = match shared.classify.retry_config(&request) {
            Some(own) => Rules::Own(own.clone()),
            None => Rules::Common(self.config.get().clone()),
        };
        let config = rules.get(|| shared.classify.route(&request));
        let chained = shared.classify.attempt(&request).is_some_and(|attempt| attempt.chained);
        if config.attempts_max <= 1 || (chained && !config.chained) {
            return RetryFuture::once(self.inner.call(request));
        }
        let now = now();
        let latency = shared.latency(config, || shared.classify.route(&request));
        let backup_delay = shared.backup_delay(config, latency.as_deref(), now);
        let is_simple = latency.is_none() && backup_delay.is_none();
        if !is_simple && let Some(attempt) = shared.classify.attempt_mut(&mut request) {
            attempt.tried.get_or_insert_default();
        }
        let (spare, shared, copy) = (self.spare.clone(), self.shared.clone(), request.clone());
        let seed = Seed { spare, shared, request: copy, rules, first_start: now };
        let first = self.inner.call(request);
        if is_simple {
            return RetryFuture::seeded(first, seed);
        }
        RetryFuture::planned(first, seed.grown(backup_delay, latency))
    }
}

/// What holds for one call.
pub(super) enum Rules {
    Own(Arc<RetryConfig>),
    Common(Arc<PerMethod<RetryConfig>>),
}

impl Rules {
    #[inline]
    pub(super) fn get<'a>(&self, route: impl FnOnce() -> Route<'a>) -> &RetryConfig {
        match self {
            Rules::Own(config) => config,
            Rules::Common(configs) => configs.get_with(route),
        }
    }
}

impl<C> Shared<C> {
    fn purse(&self) -> Purse<'_> {
        Purse { all: &self.budget, backups: &self.backups }
    }

    /// The durations of the method's calls, if they matter.
    fn latency<'a>(
        &self,
        config: &RetryConfig,
        route: impl FnOnce() -> Route<'a>,
    ) -> Option<Arc<Mutex<Latency>>> {
        let backup = config.backup.as_ref()?;
        self.backups.set_percent(backup.percent_max);
        self.backups.deposit();
        let measured = matches!(backup.delay, BackupDelay::Percentile { .. });
        measured.then(|| self.latencies.get(route(), |_| Mutex::default()))
    }

    fn backup_delay(
        &self,
        config: &RetryConfig,
        latency: Option<&Mutex<Latency>>,
        now: Instant,
    ) -> Option<Duration> {
        match config.backup.as_ref()?.delay {
            BackupDelay::Fixed(delay) => Some(delay),
            BackupDelay::Percentile { percent, min } => {
                let delay = lock(latency?).percentile(percent, now);
                delay.map(|delay| delay.max(min))
            }
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
