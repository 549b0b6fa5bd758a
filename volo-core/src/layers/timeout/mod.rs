//! Ends an attempt at its deadline, wherever it waits.
//!
//! A timer per call costs more than all the rest of the layers together, and a call almost always waits for its
//! connection, which has one timer for all its calls. So whoever goes pending under such a timer says so with
//! [`mark_covered`]; only if a poll went pending and nobody did (a wait in a layer, a queue, a spawned task) is a
//! timer armed here.

mod future;

use std::{
    task::{Context, Poll},
    time::Duration,
};

use tower::{Layer, Service};

pub use future::{Deadline, mark_covered};

use super::{Describe, Plain, Rpc};
use crate::{Error, Origin, Retry, clock::now};

/// Gives each call that goes through so much time, within the deadline it has already; the call is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeoutLayer<D = Rpc> {
    limit: Option<Duration>,
    describe: D,
}

impl TimeoutLayer {
    /// Ends each call at the deadline in its context, or when it has taken as long as the context allows an attempt.
    pub fn new() -> Self {
        TimeoutLayer::default()
    }
}

impl TimeoutLayer<Plain> {
    /// Ends each call, of any type, after so long.
    pub fn after(limit: Duration) -> Self {
        TimeoutLayer { limit: Some(limit), describe: Plain }
    }
}

impl<D> TimeoutLayer<D> {
    /// How long a call may take if it does not say so itself; `None` is as long as its deadline allows.
    pub fn limit(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limit = limit.into();
        self
    }

    /// Reads requests of another type.
    pub fn describe<O>(self, describe: O) -> TimeoutLayer<O> {
        TimeoutLayer { limit: self.limit, describe }
    }
}

impl<S, D: Clone> Layer<S> for TimeoutLayer<D> {
    type Service = Timeout<S, D>;

    fn layer(&self, inner: S) -> Timeout<S, D> {
        Timeout { inner, layer: self.clone() }
    }
}

/// Service of [`TimeoutLayer`].
#[derive(Clone, Debug)]
pub struct Timeout<S, D = Rpc> {
    inner: S,
    layer: TimeoutLayer<D>,
}

impl<S, Req, D> Service<Req> for Timeout<S, D>
where
    S: Service<Req, Error: From<Error>>,
    D: Describe<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Deadline<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let TimeoutLayer { limit, describe } = &self.layer;
        let own = describe.attempt(&request).and_then(|attempt| attempt.timeout);
        let given = describe.deadline(&request);
        let Some(limit) = own.or(*limit) else {
            return Deadline::new(self.inner.call(request), given);
        };
        let now = now();
        let deadline = match (given, now.checked_add(limit)) {
            (Some(given), _) if given <= now => return Deadline::refused(expired()),
            (Some(given), own) if own.is_none_or(|own| given <= own) => Some(given),
            (_, None) => None, // no clock can show it
            (_, Some(own)) => {
                describe.set_deadline(&mut request, own);
                Some(own)
            }
        };
        Deadline::new(self.inner.call(request), deadline)
    }
}

fn expired() -> Error {
    let error = Error::timeout("the deadline had passed before the attempt was made");
    error.with_origin(Origin::Local).with_retry(Retry::Always)
}

#[cfg(test)]
mod tests {
    use std::{convert::identity, time::Instant};

    use tower::{ServiceBuilder, ServiceExt, service_fn};

    use super::*;
    use crate::BoxError;

    #[tokio::test(start_paused = true)]
    async fn it_bounds_calls_of_any_stack() {
        let layer = TimeoutLayer::after(Duration::from_millis(20));
        let sleep = async |millis| {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            Ok::<_, BoxError>(millis)
        };
        let service = ServiceBuilder::new().layer(layer).map_request(identity::<u64>).service_fn(sleep);
        assert_eq!(service.clone().oneshot(19).await.unwrap(), 19);
        let error = Error::from_boxed(service.oneshot(22).await.unwrap_err());
        assert!(error.is_timeout() && error.retry() == Retry::IfIdempotent);
    }

    /// Its deadline is in the request, and so is that of the attempt.
    #[derive(Clone)]
    struct Told;

    type Call = (Option<Instant>, crate::Attempt);

    impl Describe<Call> for Told {
        fn deadline(&self, request: &Call) -> Option<Instant> {
            request.0
        }

        fn set_deadline(&self, request: &mut Call, deadline: Instant) {
            request.0 = Some(deadline);
        }

        fn attempt<'a>(&self, request: &'a Call) -> Option<&'a crate::Attempt> {
            Some(&request.1)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_earliest_limit_holds_and_is_told() {
        let layer = TimeoutLayer::new().limit(Duration::from_millis(50)).describe(Told);
        let echo = service_fn(async |call: Call| Ok::<_, BoxError>(call.0));
        let service = ServiceBuilder::new().layer(layer).service(echo);
        let start = now();
        let at = |millis| Some(start + Duration::from_millis(millis));
        for (given, own, expected) in
            [(None, None, 50), (at(70), None, 50), (at(30), None, 30), (at(70), Some(60), 60)]
        {
            let attempt =
                crate::Attempt { timeout: own.map(Duration::from_millis), ..crate::Attempt::default() };
            assert_eq!(service.clone().oneshot((given, attempt)).await.unwrap(), at(expected));
        }
        let late = service.oneshot((Some(start), crate::Attempt::default())).await.unwrap_err();
        let late = Error::from_boxed(late);
        assert!(late.is_timeout() && late.retry() == Retry::Always, "{late:?}");
    }

    #[tokio::test]
    async fn endless_limits_are_none() {
        let layer = TimeoutLayer::new().limit(Duration::MAX).describe(Told);
        let echo = service_fn(async |call: Call| Ok::<_, BoxError>(call.0));
        let service = ServiceBuilder::new().layer(layer).service(echo);
        let soon = Some(now() + Duration::from_secs(9));
        for given in [None, soon] {
            assert_eq!(service.clone().oneshot((given, crate::Attempt::default())).await.unwrap(), given);
        }
    }
}
