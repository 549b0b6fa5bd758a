//! Drives the attempts at one call.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};
use tower::{Service, ServiceExt, util::Oneshot};

use super::{Latency, Plan, RetryConfig, Source, lock};
use crate::{
    Retry,
    clock::now,
    layers::{Classify, Describe, PerMethod, Verdict, retry::plan::Step},
    observe::{self, Event, RetryEvent},
};

pin_project! {
    /// Future of [`Retry`](super::Retry). Only what a call needs that is sent again is boxed.
    pub struct RetryFuture<S: Service<Req>, Req, C> {
        #[pin]
        first: Option<S::Future>,
        rest: Rest<S, Req, C>,
    }
}

/// What is there for a call beside its first attempt.
enum Rest<S: Service<Req>, Req, C> {
    Nothing,
    /// Enough to send it again should the first attempt fail, as few do.
    Seed(Seed<S, Req, C>),
    Again(Box<Again<S, Req, C>>),
}

/// What further attempts are made from.
pub(super) struct Seed<S, Req, C> {
    pub(super) source: Arc<Source<S, C>>,
    pub(super) request: Req,
    /// As it was when the call began.
    pub(super) config: Arc<PerMethod<RetryConfig>>,
    /// Whether there are business statuses that are retried.
    pub(super) has_codes: bool,
    pub(super) first_start: Instant,
}

/// All that further attempts need.
pub(super) struct Again<S: Service<Req>, Req, C> {
    seed: Seed<S, Req, C>,
    plan: Plan,
    latency: Option<Arc<Mutex<Latency>>>,
    further: Vec<Further<S, Req>>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// How the latest attempt ended that failed.
    failure: Option<Result<S::Response, S::Error>>,
}

/// An attempt after the first.
struct Further<S: Service<Req>, Req> {
    start: Instant,
    future: Pin<Box<Oneshot<S, Req>>>,
}

impl<S: Service<Req>, Req, C> RetryFuture<S, Req, C> {
    /// A call that is sent once.
    pub(super) fn once(first: S::Future) -> Self {
        RetryFuture { first: Some(first), rest: Rest::Nothing }
    }

    /// A call that is sent again if it fails.
    pub(super) fn seeded(first: S::Future, seed: Seed<S, Req, C>) -> Self {
        RetryFuture { first: Some(first), rest: Rest::Seed(seed) }
    }

    /// A call that is sent again if it fails or takes long.
    pub(super) fn planned(first: S::Future, again: Again<S, Req, C>) -> Self {
        RetryFuture { first: Some(first), rest: Rest::Again(Box::new(again)) }
    }
}

impl<S, Req, C> Future for RetryFuture<S, Req, C>
where
    S: Service<Req> + Clone,
    Req: Clone,
    C: Describe<Req> + Classify<S::Response, S::Error>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            if let Some(first) = this.first.as_mut().as_pin_mut()
                && let Poll::Ready(result) = first.poll(cx)
            {
                this.first.set(None);
                let mut again = match mem::replace(this.rest, Rest::Nothing) {
                    Rest::Nothing => return Poll::Ready(result),
                    Rest::Seed(seed) if seed.is_success(&result) => return Poll::Ready(result),
                    Rest::Seed(mut seed) => {
                        seed.note_peer(&result);
                        Box::new(seed.grown(None, None))
                    }
                    Rest::Again(again) => again,
                };
                if let Some(result) = again.settle(again.seed.first_start, result) {
                    return Poll::Ready(result);
                }
                *this.rest = Rest::Again(again);
            }
            let Rest::Again(again) = this.rest else { return Poll::Pending };
            if let Some(result) = again.poll_further(cx) {
                return Poll::Ready(result);
            }
            let is_alone = this.first.is_none() && again.further.is_empty();
            match ready!(again.poll_due(cx)) {
                Step::Start(number) => again.start(number, is_alone),
                Step::Wait => {}
                Step::End => {
                    if let Some(failure) = again.failure.take() {
                        return Poll::Ready(failure);
                    }
                }
            }
        }
    }
}

impl<S, Req, C> Seed<S, Req, C>
where
    S: Service<Req>,
    C: Describe<Req> + Classify<S::Response, S::Error>,
{
    fn config(&self) -> &RetryConfig {
        self.source.shared.config_of(&self.request, &self.config)
    }

    fn classify(&self) -> &C {
        &self.source.shared.classify
    }

    /// Whether the call is over with this result, and well.
    #[inline]
    fn is_success(&self, result: &Result<S::Response, S::Error>) -> bool {
        self.classify().verdict(result) == Verdict::Success && !self.is_unwanted(result)
    }

    /// Whether the result has a business status that is to be retried.
    #[inline]
    fn is_unwanted(&self, result: &Result<S::Response, S::Error>) -> bool {
        let is_listed = |code| self.config().codes.contains(&code);
        self.has_codes && self.classify().code(result).is_some_and(is_listed)
    }

    /// Takes note of who got the first attempt, so that the next goes elsewhere. Nobody had to before.
    fn note_peer(&mut self, result: &Result<S::Response, S::Error>) {
        let classify = &self.source.shared.classify;
        let Some(attempt) = classify.attempt_mut(&mut self.request) else { return };
        attempt.tried.get_or_insert_default();
        if let Some(peer) = classify.peer(result) {
            attempt.note_pick(peer);
        }
    }

    /// With a plan of the attempts.
    pub(super) fn grown(
        self,
        backup_delay: Option<Duration>,
        latency: Option<Arc<Mutex<Latency>>>,
    ) -> Again<S, Req, C> {
        let idempotent = self.classify().is_idempotent(&self.request);
        let plan = Plan::begin(self.config(), idempotent, backup_delay, self.first_start);
        Again { seed: self, plan, latency, further: Vec::new(), sleep: None, failure: None }
    }
}

impl<S, Req, C> Again<S, Req, C>
where
    S: Service<Req> + Clone,
    Req: Clone,
    C: Describe<Req> + Classify<S::Response, S::Error>,
{
    /// Takes note of how an attempt ended; gives the result if the call ends with it.
    fn settle(
        &mut self,
        start: Instant,
        result: Result<S::Response, S::Error>,
    ) -> Option<Result<S::Response, S::Error>> {
        if self.seed.is_success(&result) {
            if let Some(latency) = &self.latency {
                let now = now();
                lock(latency).record(now.saturating_duration_since(start), now);
            }
            return Some(result);
        }
        let (config, classify) = (self.seed.config(), self.seed.classify());
        let retry = match classify.verdict(&result).retry() {
            _ if self.seed.is_unwanted(&result) => Retry::IfIdempotent,
            _ if !config.timeouts && classify.is_timeout(&result) => Retry::Never,
            retry => retry,
        };
        let backoff = |number| config.backoff.delay(number, self.seed.source.shared.dice.next());
        match self.plan.fail(config, retry, backoff, now()) {
            Step::End => Some(result),
            Step::Wait | Step::Start(_) => {
                self.failure = Some(result);
                None
            }
        }
    }

    fn poll_further(&mut self, cx: &mut Context<'_>) -> Option<Result<S::Response, S::Error>> {
        let mut index = 0;
        while let Some(attempt) = self.further.get_mut(index) {
            let Poll::Ready(result) = attempt.future.as_mut().poll(cx) else {
                index += 1;
                continue;
            };
            let start = self.further.swap_remove(index).start;
            if let Some(result) = self.settle(start, result) {
                return Some(result);
            }
        }
        None
    }

    /// Waits for the next attempt to be due.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let Some(at) = self.plan.next_at() else { return Poll::Pending };
        if now() < at {
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at.into())));
            if sleep.deadline() != at.into() {
                sleep.as_mut().reset(at.into());
            }
            ready!(sleep.as_mut().poll(cx));
        }
        let step = self.plan.due(self.seed.config(), &self.seed.source.shared.purse(), now());
        if !matches!(step, Step::Start(_)) {
            // Its time has come, and it is not sent.
            let route = self.seed.classify().route(&self.seed.request);
            observe::tell(&Event::Retry { route, retry: RetryEvent::Unpaid });
        }
        Poll::Ready(step)
    }

    fn start(&mut self, number: u32, is_alone: bool) {
        let Seed { source, request, .. } = &self.seed;
        let classify = self.seed.classify();
        let route = classify.route(request);
        let retry = if is_alone { RetryEvent::Again } else { RetryEvent::Backup };
        observe::tell(&Event::Retry { route, retry });
        tracing::debug!(service = route.service, method = route.method, attempt = number, "sent again");
        let mut request = request.clone();
        if let Some(attempt) = classify.attempt_mut(&mut request) {
            *attempt = attempt.further(number);
        }
        if is_alone && self.seed.config().same_peer {
            classify.pin_to_last(&mut request);
        }
        let service = lock(&source.spare).clone();
        self.further.push(Further { start: now(), future: Box::pin(service.oneshot(request)) });
    }
}
