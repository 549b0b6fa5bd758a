//! The layer that sends each attempt at a call to an instance.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::{Balancer, Picked, Verdict};
use crate::{Error, ErrorKind, Request, Response, Result, Retry};

/// Picks an instance for each attempt at a call and sets it as the peer; learns from how the attempt goes.
///
/// A call whose peer is already set goes there. The first calls wait until discovery gave a list. Belongs inside of
/// what sends calls more than once, and outside of what bounds the time of one attempt.
#[derive(Clone, Debug)]
pub struct BalanceLayer {
    balancer: Arc<Balancer>,
}

impl BalanceLayer {
    /// The layer of this balancer.
    pub fn new(balancer: Arc<Balancer>) -> Self {
        BalanceLayer { balancer }
    }
}

impl<S> Layer<S> for BalanceLayer {
    type Service = Balance<S>;

    fn layer(&self, inner: S) -> Balance<S> {
        Balance { inner, balancer: self.balancer.clone() }
    }
}

/// Service of [`BalanceLayer`].
#[derive(Clone, Debug)]
pub struct Balance<S> {
    inner: S,
    balancer: Arc<Balancer>,
}

impl<S> Service<Request> for Balance<S>
where
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Error;
    type Future = Balanced<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if request.context.peer.is_some() {
            return Balanced::Running { call: self.inner.call(request), picked: None };
        }
        if let Some(feed) = self.balancer.feed() {
            feed.ensure_running(&self.balancer);
        }
        if let Some(picked) = self.balancer.pick(&request) {
            request.context.peer = Some(picked.endpoint().peer().clone());
            return Balanced::Running { call: self.inner.call(request), picked: Some(picked) };
        }
        let Some(feed) = self.balancer.feed().filter(|feed| !feed.is_settled()) else {
            return Balanced::Refused { error: Some(nobody(&self.balancer, &request)) };
        };
        // The clone that takes this one's place has not been made ready; the one that was is called.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let (balancer, settled) = (self.balancer.clone(), feed.settled());
        Balanced::Waiting {
            start: Box::pin(async move {
                settled.await;
                let picked = balancer.pick(&request).ok_or_else(|| nobody(&balancer, &request))?;
                request.context.peer = Some(picked.endpoint().peer().clone());
                Ok((inner.call(request), picked))
            }),
        }
    }
}

/// No instance is known.
fn nobody(balancer: &Balancer, request: &Request) -> Error {
    let text = format!("no instance of {} is known", request.context.service);
    let error = Error::new(ErrorKind::Connect, text).with_retry(Retry::Always);
    match balancer.feed().and_then(|feed| feed.fault()) {
        Some(fault) => error.with_source(fault),
        None => error,
    }
}

type Start<F> = Pin<Box<dyn Future<Output = Result<(F, Picked)>> + Send>>;

pin_project! {
    /// Future of [`Balance`].
    #[project = BalancedProjection]
    pub enum Balanced<F> {
        #[doc(hidden)]
        Running { #[pin] call: F, picked: Option<Picked> },
        #[doc(hidden)]
        Waiting { start: Start<F> },
        #[doc(hidden)]
        Refused { error: Option<Error> },
    }
}

impl<F: Future<Output = Result<Response>>> Future for Balanced<F> {
    type Output = Result<Response>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Response>> {
        loop {
            let (call, picked) = match self.as_mut().project() {
                BalancedProjection::Running { call, picked } => {
                    let result = ready!(call.poll(cx));
                    if let Some(picked) = picked.take() {
                        picked.finish(verdict(&result));
                    }
                    return Poll::Ready(result);
                }
                BalancedProjection::Waiting { start } => ready!(start.as_mut().poll(cx))?,
                BalancedProjection::Refused { error } => {
                    let error = error.take();
                    return Poll::Ready(
                        Err(error.unwrap_or_else(|| Error::internal("polled after the end"))),
                    );
                }
            };
            self.set(Balanced::Running { call, picked: Some(picked) });
        }
    }
}

/// An answer is a success of the instance, whatever it says; a failure of this process says nothing of it.
fn verdict(result: &Result<Response>) -> Verdict {
    match result {
        Ok(_) => Verdict::Success,
        Err(error) => match error.kind() {
            ErrorKind::Timeout | ErrorKind::Connect | ErrorKind::Closed | ErrorKind::Protocol => {
                Verdict::Failure
            }
            _ => Verdict::Neither,
        },
    }
}
