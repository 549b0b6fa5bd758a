//! Layers of tower, each around a service that answers at once.

use std::{
    future::{Ready, poll_fn, ready},
    hint::black_box,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use peer_ours::finish;
use tower::{
    BoxError, Layer, Service, ServiceBuilder,
    balance::p2c::Balance,
    discover::ServiceList,
    filter::FilterLayer,
    limit::{ConcurrencyLimitLayer, RateLimitLayer},
    load::{CompleteOnResponse, PendingRequests},
    load_shed::LoadShedLayer,
    retry::{
        Policy, RetryLayer,
        budget::{Budget, TpsBudget},
    },
    timeout::TimeoutLayer,
    util::BoxCloneSyncService,
};

use super::Cases;

const INSTANCES: usize = 16;
const TIMEOUT: Duration = Duration::from_secs(1);

/// Answers at once.
#[derive(Clone, Copy, Debug)]
struct Echo;

impl Service<u64> for Echo {
    type Response = u64;
    type Error = BoxError;
    type Future = Ready<Result<u64, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Self::Future {
        ready(Ok(request))
    }
}

/// Retries what failed, within a budget.
#[derive(Clone)]
struct Again(Arc<TpsBudget>);

impl Policy<u64, u64, BoxError> for Again {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut u64, result: &mut Result<u64, BoxError>) -> Option<Ready<()>> {
        if result.is_ok() {
            self.0.deposit();
            return None;
        }
        self.0.withdraw().then(|| ready(()))
    }

    fn clone_request(&mut self, request: &u64) -> Option<u64> {
        Some(*request)
    }
}

/// Every layer that has a counterpart of ours, and a stack of them.
pub(super) fn cases() -> Cases {
    let budget = || Again(Arc::new(TpsBudget::new(Duration::from_secs(10), 10, 0.2)));
    let rule = |request: u64| if request == 0 { Err(BoxError::from("no method")) } else { Ok(request) };
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(budget()))
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(1024))
        .layer(TimeoutLayer::new(TIMEOUT));
    vec![
        ("bare", cloned(Echo)),
        ("boxed", cloned(BoxCloneSyncService::new(Echo))),
        ("timeout", cloned(TimeoutLayer::new(TIMEOUT).layer(Echo))),
        ("retry", cloned(RetryLayer::new(budget()).layer(Echo))),
        ("filter", cloned(FilterLayer::new(rule).layer(Echo))),
        ("load shed", cloned(LoadShedLayer::new().layer(Echo))),
        ("concurrency limit", cloned(ConcurrencyLimitLayer::new(1024).layer(Echo))),
        ("rate limit", kept(RateLimitLayer::new(1_000_000_000, Duration::from_secs(1)).layer(Echo))),
        ("balance", kept(balance())),
        ("stack", cloned(BoxCloneSyncService::new(stack.service(Echo)))),
    ]
}

/// It can't be cloned, so a stack that many tasks use needs a buffer as well, which is not counted here.
fn balance() -> impl Service<u64, Response = u64, Error = BoxError, Future: Send> + Send {
    let loads = (0..INSTANCES).map(|_| PendingRequests::new(Echo, CompleteOnResponse::default()));
    Balance::new(ServiceList::new::<u64>(loads))
}

/// Each call on a clone of its own.
fn cloned<S>(service: S) -> Box<dyn FnMut() + Send>
where
    S: Service<u64, Response = u64, Error: std::fmt::Debug> + Clone + Send + 'static,
{
    Box::new(move || {
        let mut service = service.clone();
        finish(poll_fn(|cx| service.poll_ready(cx))).expect("ready");
        black_box(finish(service.call(black_box(7))).expect("an answer"));
    })
}

/// All calls on the same one.
fn kept<S>(mut service: S) -> Box<dyn FnMut() + Send>
where
    S: Service<u64, Response = u64, Error: std::fmt::Debug> + Send + 'static,
{
    Box::new(move || {
        finish(poll_fn(|cx| service.poll_ready(cx))).expect("ready");
        black_box(finish(service.call(black_box(7))).expect("an answer"));
    })
}
