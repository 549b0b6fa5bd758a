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

use super::{Balancer, Picked, balancer::State};
use crate::{
    Error, ErrorKind, Request, Response, Result, Retry,
    layers::{Classify, Reader, Rpc},
};

/// Picks an instance for each attempt at a call and sets it as the peer; learns from how the attempt goes.
///
/// A call whose peer is already set goes there. The first calls wait until discovery gave a list. Belongs inside of
/// what sends calls more than once, and outside of what bounds the time of one attempt.
#[derive(Clone, Debug)]
pub struct BalanceLayer<C = Rpc> {
    balancer: Arc<Balancer>,
    classify: C,
}

impl BalanceLayer {
    /// The layer of this balancer.
    pub fn new(balancer: Arc<Balancer>) -> Self {
        BalanceLayer { balancer, classify: Rpc::default() }
    }
}

impl<C> BalanceLayer<C> {
    /// Lets `classify` say what is a failure of the instance.
    pub fn classify<O>(self, classify: O) -> BalanceLayer<O> {
        BalanceLayer { balancer: self.balancer, classify }
    }
}

impl<S, C: Clone> Layer<S> for BalanceLayer<C> {
    type Service = Balance<S, C>;

    fn layer(&self, inner: S) -> Balance<S, C> {
        Balance { inner, layer: self.clone(), state: self.balancer.reader() }
    }
}

/// Service of [`BalanceLayer`].
#[derive(Clone, Debug)]
pub struct Balance<S, C = Rpc> {
    inner: S,
    layer: BalanceLayer<C>,
    state: Reader<State>,
}

impl<S, C> Service<Request> for Balance<S, C>
where
    C: Classify<Response, Error>,
    S: Service<Request, Response = Response, Error = Error> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Error;
    type Future = Balanced<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let BalanceLayer { balancer, classify } = &self.layer;
        let classify = classify.clone();
        if request.context.peer.is_some() {
            return Balanced::Running { call: self.inner.call(request), picked: None, classify };
        }
        if let Some(feed) = balancer.feed() {
            feed.ensure_running(balancer);
        }
        if let Some(picked) = balancer.pick_from(self.state.get(), &request) {
            request.context.peer = Some(picked.endpoint().peer().clone());
            return Balanced::Running { call: self.inner.call(request), picked: Some(picked), classify };
        }
        let Some(feed) = balancer.feed().filter(|feed| !feed.is_settled()) else {
            return Balanced::Refused { error: Some(nobody(balancer, &request)) };
        };
        // The clone that takes this one's place has not been made ready; the one that was is called.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let (balancer, settled) = (balancer.clone(), feed.settled());
        Balanced::Waiting {
            start: Box::pin(async move {
                settled.await;
                let picked = balancer.pick(&request).ok_or_else(|| nobody(&balancer, &request))?;
                request.context.peer = Some(picked.endpoint().peer().clone());
                Ok((inner.call(request), picked))
            }),
            classify,
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
    pub enum Balanced<F, C = Rpc> {
        #[doc(hidden)]
        Running { #[pin] call: F, picked: Option<Picked>, classify: C },
        #[doc(hidden)]
        Waiting { start: Start<F>, classify: C },
        #[doc(hidden)]
        Refused { error: Option<Error> },
    }
}

impl<F, C> Future for Balanced<F, C>
where
    F: Future<Output = Result<Response>>,
    C: Classify<Response, Error>,
{
    type Output = Result<Response>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Response>> {
        loop {
            let ((call, picked), classify) = match self.as_mut().project() {
                BalancedProjection::Running { call, picked, classify } => {
                    let result = ready!(call.poll(cx));
                    let Some(picked) = picked.take() else { return Poll::Ready(result) };
                    let verdict = classify.verdict(&result);
                    let result = result.map_err(|error| error.with_peer(picked.endpoint().peer().clone()));
                    picked.finish(verdict);
                    return Poll::Ready(result);
                }
                BalancedProjection::Waiting { start, classify } => {
                    (ready!(start.as_mut().poll(cx))?, classify.clone())
                }
                BalancedProjection::Refused { error } => {
                    let error = error.take();
                    return Poll::Ready(
                        Err(error.unwrap_or_else(|| Error::internal("polled after the end"))),
                    );
                }
            };
            self.set(Balanced::Running { call, picked: Some(picked), classify });
        }
    }
}
