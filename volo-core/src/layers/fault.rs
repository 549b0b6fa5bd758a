//! Delays and fails a share of the calls, to see what the rest of a system makes of it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower::{Layer, Service};

use super::{Describe, PerMethod, Plain, Setting, dice::Dice};
use crate::{Error, ErrorKind};

/// What goes wrong how often. By default nothing does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultConfig {
    /// How many percent of the calls are delayed.
    pub delay_percent: u32,
    /// For how long.
    pub delay: Duration,
    /// How many percent of the calls fail instead of being made, after their delay if they have one.
    pub abort_percent: u32,
    /// What they fail with.
    pub abort: Abort,
}

/// What an aborted call fails with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abort(pub ErrorKind);

impl Default for Abort {
    fn default() -> Self {
        Abort(ErrorKind::Closed)
    }
}

/// Delays and fails calls. Its config can be changed, and so switched off, while it is in use.
#[derive(Clone, Debug)]
pub struct FaultLayer<D = super::Rpc> {
    shared: Arc<Shared<D>>,
}

struct Shared<D> {
    config: Setting<PerMethod<FaultConfig>>,
    describe: D,
    dice: Dice,
}

impl<D> fmt::Debug for Shared<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}

impl FaultLayer {
    /// Faults of our calls.
    pub fn new(config: impl Into<Setting<PerMethod<FaultConfig>>>) -> Self {
        FaultLayer::with(config, super::Rpc::default(), None)
    }
}

impl FaultLayer<Plain> {
    /// Faults of calls of any type.
    pub fn plain(config: impl Into<Setting<PerMethod<FaultConfig>>>) -> Self {
        FaultLayer::with(config, Plain, None)
    }
}

impl<D> FaultLayer<D> {
    /// Faults of calls that `describe` knows the methods of; with a seed, the same ones each time.
    pub fn with(
        config: impl Into<Setting<PerMethod<FaultConfig>>>,
        describe: D,
        seed: impl Into<Option<u64>>,
    ) -> Self {
        let dice = seed.into().map_or_else(Dice::default, Dice::seeded);
        FaultLayer { shared: Arc::new(Shared { config: config.into(), describe, dice }) }
    }
}

impl<S, D> Layer<S> for FaultLayer<D> {
    type Service = Fault<S, D>;

    fn layer(&self, inner: S) -> Fault<S, D> {
        Fault { inner, shared: self.shared.clone() }
    }
}

/// Service of [`FaultLayer`].
#[derive(Debug)]
pub struct Fault<S, D = super::Rpc> {
    inner: S,
    shared: Arc<Shared<D>>,
}

impl<S: Clone, D> Clone for Fault<S, D> {
    fn clone(&self) -> Self {
        Fault { inner: self.inner.clone(), shared: self.shared.clone() }
    }
}

impl<S, Req, D> Service<Req> for Fault<S, D>
where
    S: Service<Req, Error: From<Error>>,
    D: Describe<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = FaultFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let Shared { config, describe, dice } = &*self.shared;
        let (delay, abort) = config.with(|config| {
            let config = config.get(describe.route(&request));
            let delay = dice.percent(config.delay_percent).then_some(config.delay);
            (delay, dice.percent(config.abort_percent).then_some(config.abort))
        });
        FaultFuture {
            sleep: delay.map(|delay| Box::pin(sleep(delay))),
            abort: abort.map(|Abort(kind)| Error::new(kind, "the call was failed by the fault layer")),
            // Futures do nothing before they are polled, so a delayed call starts late.
            inner: if abort.is_none() { Some(self.inner.call(request)) } else { None },
        }
    }
}

pin_project! {
    /// Future of [`Fault`].
    #[derive(Debug)]
    pub struct FaultFuture<F> {
        #[pin]
        inner: Option<F>,
        sleep: Option<Pin<Box<Sleep>>>,
        abort: Option<Error>,
    }
}

impl<F, T, E> Future for FaultFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: From<Error>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let this = self.project();
        if let Some(sleep) = this.sleep {
            ready!(sleep.as_mut().poll(cx));
            *this.sleep = None;
        }
        if let Some(inner) = this.inner.as_pin_mut() {
            return inner.poll(cx);
        }
        let abort = this.abort.take();
        Poll::Ready(Err(abort.unwrap_or_else(|| Error::internal("polled after its end")).into()))
    }
}

#[cfg(test)]
mod tests {
    use tower::{ServiceBuilder, ServiceExt, service_fn};

    use super::*;
    use crate::BoxError;

    #[tokio::test(start_paused = true)]
    async fn faults_come_in_their_shares_to_any_stack() {
        let config = FaultConfig {
            delay_percent: 20,
            delay: Duration::from_secs(1),
            abort_percent: 10,
            abort: Abort(ErrorKind::Overloaded),
        };
        let setting = Setting::new(PerMethod::new(config));
        let layer = FaultLayer::with(setting.clone(), Plain, 5);
        let echo = service_fn(async |number: i32| Ok::<_, BoxError>(number));
        let service = ServiceBuilder::new().layer(layer).service(echo);
        let run = async || {
            let (start, mut failed) = (tokio::time::Instant::now(), 0);
            for number in 0..1000 {
                match service.clone().oneshot(number).await {
                    Ok(echoed) => assert_eq!(echoed, number),
                    Err(error) => {
                        assert!(Error::from_boxed(error).is_overloaded());
                        failed += 1;
                    }
                }
            }
            (start.elapsed().as_secs(), failed)
        };
        let (delayed, failed) = run().await;
        assert!((160..240).contains(&delayed) && (75..125).contains(&failed), "{delayed}, {failed}");
        setting.set(PerMethod::default());
        assert_eq!(run().await, (0, 0));
    }
}
