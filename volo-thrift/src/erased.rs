//! Layers whose type was erased, so that a stack is one type however many there are.

use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};
use volo_core::{
    BoxError, Error, Request, Response,
    layers::trace::{LevelHandle, TraceLayer, Tracer},
};

/// A service of any type.
pub(crate) type Erased = BoxCloneSyncService<Request, Response, Error>;

/// A layer of any type.
pub(crate) type Wrap = Box<dyn FnOnce(Erased) -> Erased + Send>;

/// A layer that traces as much as it is told.
pub(crate) type TraceWrap = Box<dyn FnOnce(&LevelHandle) -> Wrap + Send>;

/// Erases the type of a layer and makes its errors ours.
pub(crate) fn wrap<L>(layer: L) -> Wrap
where
    L: Layer<Erased> + Send + 'static,
    L::Service: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
    <L::Service as Service<Request>>::Error: Into<BoxError>,
    <L::Service as Service<Request>>::Future: Send + 'static,
{
    Box::new(move |inner| {
        let service = layer.layer(inner).map_err(|error| Error::from_boxed(error.into()));
        BoxCloneSyncService::new(service)
    })
}

/// The same for a tracer of which the level is not known yet.
pub(crate) fn trace<T: Tracer>(layer: TraceLayer<T>) -> TraceWrap {
    Box::new(|level| wrap(layer.follow(level.clone())))
}

/// Puts layers around a service; the first one is the outermost.
pub(crate) fn wrapped(
    service: Erased,
    layers: impl IntoIterator<Item = Wrap, IntoIter: DoubleEndedIterator>,
) -> Erased {
    layers.into_iter().rev().fold(service, |service, wrap| wrap(service))
}
