//! Drives the attempts at one call.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
    time::Instant,
};

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};
use tower::{Service, ServiceExt, util::Oneshot};

use super::{Latency, Plan, Rules, Shared, lock};
use crate::{
    Retry,
    layers::{Classify, Describe, Verdict, now, retry::plan::Step},
    observe::{self, Event, RetryEvent},
};

pin_project! {
    /// Future of [`Retry`](super::Retry). Only further attempts are boxed.
    pub struct RetryFuture<S: Service<Req>, Req, C> {
        #[pin]
        first: Option<S::Future>,
        again: Option<Again<S, Req, C>>,
    }
}

/// All that further attempts need.
pub(super) struct Again<S: Service<Req>, Req, C> {
    spare: Arc<Mutex<S>>,
    shared: Arc<Shared<C>>,
    request: Req,
    rules: Rules,
    plan: Plan,
    latency: Option<Arc<Mutex<Latency>>>,
    first_start: Instant,
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
        RetryFuture { first: Some(first), again: None }
    }

    pub(super) fn new(first: S::Future, again: Again<S, Req, C>) -> Self {
        RetryFuture { first: Some(first), again: Some(again) }
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
                let Some(again) = this.again else { return Poll::Ready(result) };
                if let Some(result) = again.settle(again.first_start, result) {
                    return Poll::Ready(result);
                }
            }
            let Some(again) = this.again else { return Poll::Pending };
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

impl<S, Req, C> Again<S, Req, C>
where
    S: Service<Req>,
{
    pub(super) fn new(
        spare: Arc<Mutex<S>>,
        shared: Arc<Shared<C>>,
        request: Req,
        rules: Rules,
        plan: Plan,
        latency: Option<Arc<Mutex<Latency>>>,
        first_start: Instant,
    ) -> Self {
        let (further, sleep, failure) = (Vec::new(), None, None);
        Again { spare, shared, request, rules, plan, latency, first_start, further, sleep, failure }
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
        let classify = &self.shared.classify;
        let config = self.rules.get(classify.route(&self.request));
        let verdict = classify.verdict(&result);
        let unwanted = !config.codes.is_empty()
            && classify.code(&result).is_some_and(|code| config.codes.contains(&code));
        if verdict == Verdict::Success && !unwanted {
            if let Some(latency) = &self.latency {
                let now = now();
                lock(latency).record(now.saturating_duration_since(start), now);
            }
            return Some(result);
        }
        let retry = match verdict.retry() {
            _ if unwanted => Retry::IfIdempotent,
            _ if !config.timeouts && classify.is_timeout(&result) => Retry::Never,
            retry => retry,
        };
        let backoff = |number| config.backoff.delay(number, self.shared.dice.next());
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
        let route = self.shared.classify.route(&self.request);
        let step = self.plan.due(self.rules.get(route), &self.shared.purse(), now());
        if !matches!(step, Step::Start(_)) {
            observe::tell(&Event::Retry { route, retry: RetryEvent::Unpaid }); // its time has come, and it is not sent
        }
        Poll::Ready(step)
    }

    fn start(&mut self, number: u32, is_alone: bool) {
        let classify = &self.shared.classify;
        let route = classify.route(&self.request);
        let retry = if is_alone { RetryEvent::Again } else { RetryEvent::Backup };
        observe::tell(&Event::Retry { route, retry });
        tracing::debug!(service = route.service, method = route.method, attempt = number, "sent again");
        let mut request = self.request.clone();
        if let Some(attempt) = classify.attempt_mut(&mut request) {
            *attempt = attempt.further(number);
        }
        if is_alone && self.rules.get(route).same_peer {
            classify.pin_to_last(&mut request);
        }
        let service = lock(&self.spare).clone();
        self.further.push(Further { start: now(), future: Box::pin(service.oneshot(request)) });
    }
}
