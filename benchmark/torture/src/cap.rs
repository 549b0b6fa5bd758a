//! So many calls at a time, the rest refused at once: a tower layer such as a user might write.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::sync::Semaphore;
use tower::{Layer, Service};
use volo_core::{Error, ErrorKind, Request, Response, Retry};

/// Lets so many calls through at a time.
#[derive(Clone)]
pub struct CapLayer(Arc<Semaphore>);

impl CapLayer {
    /// At most `calls` at a time.
    pub fn new(calls: usize) -> Self {
        CapLayer(Arc::new(Semaphore::new(calls.min(Semaphore::MAX_PERMITS))))
    }
}

impl<S> Layer<S> for CapLayer {
    type Service = Cap<S>;

    fn layer(&self, inner: S) -> Cap<S> {
        Cap { inner, permits: self.0.clone() }
    }
}

/// What [`CapLayer`] makes of a service.
#[derive(Clone)]
pub struct Cap<S> {
    inner: S,
    permits: Arc<Semaphore>,
}

impl<S> Service<Request> for Cap<S>
where
    S: Service<Request, Response = Response, Error = Error>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Ok(permit) = self.permits.clone().try_acquire_owned() else {
            let error = Error::new(ErrorKind::Overloaded, "all places are taken").with_retry(Retry::Always);
            return Box::pin(async { Err(error) });
        };
        let served = self.inner.call(request);
        Box::pin(async move {
            let result = served.await;
            drop(permit);
            result
        })
    }
}
