//! The layers around the services, boxed once.

use std::{
    any::Any,
    future::ready,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::Instant;
use tower::{Service, ServiceExt, util::BoxCloneSyncService};
use volo_core::{BoxError, Error, Request, Response, Result};

use super::{
    admission::expired,
    router::{Route, Router},
};
use crate::{
    HandlerFuture,
    erased::{Wrap, wrapped},
};

/// The innermost service: finds the method and starts its handler.
///
/// The names are looked up again here because a layer may have changed them.
#[derive(Clone)]
pub struct Dispatch {
    router: Arc<Router>,
}

impl Dispatch {
    pub(super) fn new(router: Arc<Router>) -> Self {
        Dispatch { router }
    }
}

impl Service<Request> for Dispatch {
    type Response = Response;
    type Error = Error;
    type Future = HandlerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> HandlerFuture {
        match self.router.find(&request.context.service, &request.context.method) {
            Ok(route) => route.service.call(route.index, request),
            Err(exception) => {
                let response = crate::handler::failure(request.into_context(), exception);
                Box::pin(ready(Ok(response)))
            }
        }
    }
}

/// All layers and the services behind them; `None` if there are no layers.
pub(super) struct Stack(Option<BoxCloneSyncService<Request, Response, Error>>);

impl Stack {
    pub(super) fn new<S>(service: S) -> Self
    where
        S: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
    {
        if (&service as &dyn Any).is::<Dispatch>() {
            return Stack(None);
        }
        Stack(Some(BoxCloneSyncService::new(service.map_err(|error| Error::from_boxed(error.into())))))
    }

    /// With these layers around it, of which the first is the outermost.
    pub(super) fn within(self, layers: Vec<Wrap>, router: &Arc<Router>) -> Self {
        if layers.is_empty() {
            return self;
        }
        let inner = self.0.unwrap_or_else(|| BoxCloneSyncService::new(Dispatch::new(router.clone())));
        Stack(Some(wrapped(inner, layers)))
    }

    /// Starts a call on a clone of its own, so that a permit or place in a queue, which some layers hand out when
    /// they become ready, belongs to this call and ends with it.
    pub(super) fn call(&self, cx: &mut Context<'_>, route: &Route, request: Request) -> HandlerFuture {
        let Some(layers) = &self.0 else {
            return route.service.call(route.index, request);
        };
        let mut layers = layers.clone();
        match layers.poll_ready(cx) {
            Poll::Ready(Ok(())) => layers.call(request),
            Poll::Ready(Err(error)) => Box::pin(ready(Err(error))),
            Poll::Pending => Box::pin(async move {
                let layers = layers.ready().await?;
                let now = Instant::now().into_std();
                if request.context.deadline.is_some_and(|deadline| deadline <= now) {
                    return Err(expired(&request.context.method));
                }
                layers.call(request).await
            }),
        }
    }
}
