//! Refuses calls beyond a rate, and work that has waited too long.
//!
//! The state machines serve a server's admission control, which asks them before it decodes anything, as well as the
//! layer, for clients and for other stacks. What is refused was not executed, so it may be sent again, elsewhere.

mod codel;
mod token_bucket;

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tower::{Layer, Service};

pub use codel::{Codel, CodelConfig};
pub use token_bucket::{RateConfig, TokenBucket};

use super::reject::Refusable;
use crate::clock::now;
use crate::{Error, ErrorKind};

/// Refuses calls beyond a rate, as overload. All services that it makes share the rate.
#[derive(Clone, Debug)]
pub struct RateLimitLayer {
    bucket: Arc<TokenBucket>,
}

impl RateLimitLayer {
    /// Admits calls at this rate.
    pub fn new(config: RateConfig) -> Self {
        RateLimitLayer { bucket: Arc::new(TokenBucket::new(config, now())) }
    }

    /// Changes the rate.
    pub fn configure(&self, config: RateConfig) {
        self.bucket.configure(config);
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit { inner, bucket: self.bucket.clone() }
    }
}

/// Service of [`RateLimitLayer`].
#[derive(Clone, Debug)]
pub struct RateLimit<S> {
    inner: S,
    bucket: Arc<TokenBucket>,
}

impl<S, Req> Service<Req> for RateLimit<S>
where
    S: Service<Req, Error: From<Error>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Refusable<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        match self.bucket.take(now()) {
            Ok(()) => Refusable::admitted(self.inner.call(request)),
            Err(wait) => Refusable::refused(beyond(wait)),
        }
    }
}

#[cold]
fn beyond(wait: Duration) -> Error {
    let text = match wait {
        Duration::MAX => "no calls are admitted".to_owned(),
        wait => format!("the rate of calls is reached, the next is admitted in {wait:.1?}"),
    };
    Error::new(ErrorKind::Overloaded, text)
}

#[cfg(test)]
mod tests {
    use tower::{ServiceBuilder, ServiceExt, service_fn};

    use super::*;
    use crate::{BoxError, Retry};

    #[tokio::test(start_paused = true)]
    async fn it_keeps_the_rate_in_any_stack() {
        let layer = RateLimitLayer::new(RateConfig { per_second: Some(100), burst: 3 });
        let echo = service_fn(async |number: i32| Ok::<_, BoxError>(number));
        let service = ServiceBuilder::new().layer(layer.clone()).service(echo);
        let call = async || service.clone().oneshot(1).await.map_err(Error::from_boxed);
        for _ in 0..3 {
            call().await.unwrap();
        }
        let error = call().await.unwrap_err();
        assert!(error.is_overloaded() && error.retry() == Retry::Always);
        tokio::time::sleep(Duration::from_millis(10)).await;
        call().await.unwrap();
        layer.configure(RateConfig::default());
        call().await.unwrap();
    }
}
