//! Refuses calls by rule: who may call what, what is switched off.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::{Error, ErrorKind};

/// Refuses a call if one of its rules gives a reason to.
///
/// On a server a rule finds the caller in the request's context: its peer, metainfo, deadline. Nothing of the payload
/// has been decoded by then.
pub struct RejectLayer<Req> {
    rules: Vec<Arc<Rule<Req>>>,
}

/// Why a request is refused, if it is.
type Rule<Req> = dyn Fn(&Req) -> Option<String> + Send + Sync;

impl<Req> RejectLayer<Req> {
    /// Refuses the requests for which `rule` gives a reason.
    pub fn new<R>(rule: R) -> Self
    where
        R: Fn(&Req) -> Option<String> + Send + Sync + 'static,
    {
        RejectLayer { rules: Vec::new() }.and(rule)
    }

    /// Refuses also those for which this rule gives one.
    pub fn and<R>(mut self, rule: R) -> Self
    where
        R: Fn(&Req) -> Option<String> + Send + Sync + 'static,
    {
        self.rules.push(Arc::new(rule));
        self
    }
}

impl<Req> Clone for RejectLayer<Req> {
    fn clone(&self) -> Self {
        RejectLayer { rules: self.rules.clone() }
    }
}

impl<Req> fmt::Debug for RejectLayer<Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RejectLayer({} rules)", self.rules.len())
    }
}

impl<S, Req> Layer<S> for RejectLayer<Req> {
    type Service = Reject<S, Req>;

    fn layer(&self, inner: S) -> Reject<S, Req> {
        Reject { inner, rules: self.rules.iter().cloned().collect() }
    }
}

/// Service of [`RejectLayer`].
pub struct Reject<S, Req> {
    inner: S,
    rules: Arc<[Arc<Rule<Req>>]>,
}

impl<S: Clone, Req> Clone for Reject<S, Req> {
    fn clone(&self) -> Self {
        Reject { inner: self.inner.clone(), rules: self.rules.clone() }
    }
}

impl<S: fmt::Debug, Req> fmt::Debug for Reject<S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reject").field("inner", &self.inner).field("rules", &self.rules.len()).finish()
    }
}

impl<S, Req> Service<Req> for Reject<S, Req>
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
        match self.rules.iter().find_map(|rule| rule(&request)) {
            Some(reason) => Refusable::refused(Error::new(ErrorKind::Rejected, reason)),
            None => Refusable::admitted(self.inner.call(request)),
        }
    }
}

pin_project! {
    /// A call that may have been refused before it began.
    #[derive(Debug)]
    pub struct Refusable<F> {
        #[pin]
        inner: Option<F>,
        refusal: Option<Error>,
    }
}

impl<F> Refusable<F> {
    /// The call goes on.
    pub(super) fn admitted(inner: F) -> Self {
        Refusable { inner: Some(inner), refusal: None }
    }

    /// It ends here.
    pub(super) fn refused(error: Error) -> Self {
        Refusable { inner: None, refusal: Some(error) }
    }
}

impl<F, T, E> Future for Refusable<F>
where
    F: Future<Output = Result<T, E>>,
    E: From<Error>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let this = self.project();
        if let Some(inner) = this.inner.as_pin_mut() {
            return inner.poll(cx);
        }
        let refusal = this.refusal.take();
        Poll::Ready(Err(refusal.unwrap_or_else(|| Error::internal("polled after its end")).into()))
    }
}

#[cfg(test)]
mod tests {
    use tower::{ServiceBuilder, ServiceExt, service_fn};

    use super::*;
    use crate::BoxError;

    #[tokio::test]
    async fn any_rule_refuses_in_any_stack() {
        let layer = RejectLayer::new(|number: &i32| (*number < 0).then(|| "negative".to_owned()))
            .and(|number| (*number > 9).then(|| format!("{number} is too much")));
        let echo = service_fn(async |number: i32| Ok::<_, BoxError>(number));
        let service = ServiceBuilder::new().layer(layer).service(echo);
        let call = async |number| service.clone().oneshot(number).await.map_err(Error::from_boxed);
        assert_eq!(call(3).await.unwrap(), 3);
        for (number, reason) in [(-1, "negative"), (10, "10 is too much")] {
            let error = call(number).await.unwrap_err();
            assert!(error.is_rejected());
            assert_eq!(error.to_string(), reason);
        }
    }
}
