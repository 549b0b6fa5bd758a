//! Answers in place of a call that failed: from a cache, with a default, or with another call.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::{Classify, Rpc, Verdict};

/// Lets `answer` end the calls that failed, given the request and how it failed; it may well fail the same way.
///
/// Only what a [`Classify`] takes for a success is passed on untouched.
pub struct FallbackLayer<A, C = Rpc> {
    answer: Arc<A>,
    classify: C,
}

impl<A> FallbackLayer<A> {
    /// Answers failed calls with `answer`.
    pub fn new(answer: A) -> Self {
        FallbackLayer { answer: Arc::new(answer), classify: Rpc::default() }
    }
}

impl<A, C> FallbackLayer<A, C> {
    /// Lets `classify` say what a failure is, of results of any type.
    pub fn classify<O>(self, classify: O) -> FallbackLayer<A, O> {
        FallbackLayer { answer: self.answer, classify }
    }
}

impl<A, C: Clone> Clone for FallbackLayer<A, C> {
    fn clone(&self) -> Self {
        FallbackLayer { answer: self.answer.clone(), classify: self.classify.clone() }
    }
}

impl<A, C: fmt::Debug> fmt::Debug for FallbackLayer<A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FallbackLayer").field("classify", &self.classify).finish_non_exhaustive()
    }
}

impl<S, A, C: Clone> Layer<S> for FallbackLayer<A, C> {
    type Service = Fallback<S, A, C>;

    fn layer(&self, inner: S) -> Fallback<S, A, C> {
        Fallback { inner, layer: self.clone() }
    }
}

/// Service of [`FallbackLayer`].
pub struct Fallback<S, A, C = Rpc> {
    inner: S,
    layer: FallbackLayer<A, C>,
}

impl<S: Clone, A, C: Clone> Clone for Fallback<S, A, C> {
    fn clone(&self) -> Self {
        Fallback { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<S: fmt::Debug, A, C: fmt::Debug> fmt::Debug for Fallback<S, A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fallback").field("inner", &self.inner).field("layer", &self.layer).finish()
    }
}

impl<S, Req, A, C, F> Service<Req> for Fallback<S, A, C>
where
    S: Service<Req>,
    Req: Clone,
    C: Classify<S::Response, S::Error>,
    A: Fn(Req, Result<S::Response, S::Error>) -> F,
    F: Future<Output = Result<S::Response, S::Error>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = FallbackFuture<S::Future, F, Req, A, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let copy = Some(request.clone());
        let inner = Some(self.inner.call(request));
        FallbackFuture { inner, answer: None, request: copy, layer: self.layer.clone() }
    }
}

pin_project! {
    /// Future of [`Fallback`].
    pub struct FallbackFuture<I, F, Req, A, C> {
        #[pin]
        inner: Option<I>,
        #[pin]
        answer: Option<F>,
        request: Option<Req>,
        layer: FallbackLayer<A, C>,
    }
}

impl<I, F, Req, A, C, T, E> Future for FallbackFuture<I, F, Req, A, C>
where
    I: Future<Output = Result<T, E>>,
    F: Future<Output = Result<T, E>>,
    A: Fn(Req, Result<T, E>) -> F,
    C: Classify<T, E>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let mut this = self.project();
        loop {
            if let Some(answer) = this.answer.as_mut().as_pin_mut() {
                return answer.poll(cx);
            }
            let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Pending };
            let result = ready!(inner.poll(cx));
            this.inner.set(None);
            match this.request.take().filter(|_| this.layer.classify.verdict(&result) != Verdict::Success) {
                Some(request) => this.answer.set(Some((this.layer.answer)(request, result))),
                None => return Poll::Ready(result),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tower::{ServiceBuilder, ServiceExt, service_fn};

    use super::*;
    use crate::{BoxError, layers::Plain};

    #[tokio::test]
    async fn it_answers_what_failed_in_any_stack() {
        let answer = async |request: u32, failure: Result<u32, BoxError>| match request {
            7 => failure,
            request => Ok(request * 100),
        };
        let halve = service_fn(async |request: u32| match request % 2 {
            0 => Ok(request / 2),
            _ => Err(BoxError::from("odd")),
        });
        let service = ServiceBuilder::new().layer(FallbackLayer::new(answer).classify(Plain)).service(halve);
        assert_eq!(service.clone().oneshot(4).await.unwrap(), 2);
        assert_eq!(service.clone().oneshot(5).await.unwrap(), 500);
        assert_eq!(service.oneshot(7).await.unwrap_err().to_string(), "odd");
    }
}
