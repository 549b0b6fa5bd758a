//! Tells tracers how each call went: a span, a metric, a line in a log.
//!
//! What is measured costs time, so there are levels, and they can be changed while calls are under way: off is one
//! branch per call, base reads the clock twice, detailed also has the transport note when it reached which stage.

mod context;
mod spans;
mod stats;

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{self, Poll, ready},
    thread,
};

use pin_project_lite::pin_project;
use tower::{Layer, Service};

pub use self::{
    context::{ParseTraceContextError, TraceContext},
    spans::{SpanTracer, open_span},
    stats::{Ending, Side, Stats, Status},
};
use crate::{BoxError, CallInfo, Error, Request, Response, Result};
use stats::Record;

/// Follows calls. A pair of tracers is a tracer.
pub trait Tracer: Send + Sync + 'static {
    /// What is kept while a call runs.
    type Call: TracedCall;

    /// A call begins. What is written to `context` reaches the peer (metainfo of a client) or the handler.
    fn start(&self, side: Side, context: &mut CallInfo) -> Self::Call;
}

/// One call that is followed.
pub trait TracedCall: Send + 'static {
    /// Runs one poll of the call; a span is entered around it.
    fn enter<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        poll()
    }

    /// The call is over, also if its caller dropped it or it panicked.
    fn finish(self, stats: &Stats<'_>);
}

impl<A: Tracer, B: Tracer> Tracer for (A, B) {
    type Call = (A::Call, B::Call);

    fn start(&self, side: Side, context: &mut CallInfo) -> Self::Call {
        (self.0.start(side, context), self.1.start(side, context))
    }
}

impl<A: TracedCall, B: TracedCall> TracedCall for (A, B) {
    fn enter<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        let (outer, inner) = self;
        outer.enter(|| inner.enter(poll))
    }

    fn finish(self, stats: &Stats<'_>) {
        self.1.finish(stats);
        self.0.finish(stats);
    }
}

/// A tracer that hands the statistics of each call to a function.
#[derive(Clone, Copy, Debug)]
pub struct StatsFn<F>(F);

/// Calls `finished` with the statistics of each call.
pub fn stats_fn<F: Fn(&Stats<'_>) + Clone + Send + Sync + 'static>(finished: F) -> StatsFn<F> {
    StatsFn(finished)
}

impl<F: Fn(&Stats<'_>) + Clone + Send + Sync + 'static> Tracer for StatsFn<F> {
    type Call = StatsFn<F>;

    fn start(&self, _: Side, _: &mut CallInfo) -> Self::Call {
        self.clone()
    }
}

impl<F: Fn(&Stats<'_>) + Clone + Send + Sync + 'static> TracedCall for StatsFn<F> {
    fn finish(self, stats: &Stats<'_>) {
        (self.0)(stats);
    }
}

/// How much is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Nothing; tracers aren't called.
    Off,
    /// When a call began and ended, and how.
    #[default]
    Base,
    /// Also when it reached which [`Stage`](crate::Stage), and its sizes.
    Detailed,
}

/// Changes the [`Level`] of a layer and of all services made from it.
#[derive(Clone, Debug)]
pub struct LevelHandle(Arc<AtomicU8>);

/// At [`Level::Base`].
impl Default for LevelHandle {
    fn default() -> Self {
        LevelHandle::new(Level::default())
    }
}

impl LevelHandle {
    /// A level that layers can share, by [`TraceLayer::follow`].
    pub fn new(level: Level) -> Self {
        LevelHandle(Arc::new(AtomicU8::new(level as u8)))
    }

    /// From now on.
    pub fn set(&self, level: Level) {
        self.0.store(level as u8, Ordering::Relaxed);
    }

    /// At this moment.
    pub fn get(&self) -> Level {
        match self.0.load(Ordering::Relaxed) {
            0 => Level::Off,
            1 => Level::Base,
            _ => Level::Detailed,
        }
    }
}

/// Has a [`Tracer`] follow each call.
///
/// On a client it belongs among the outer layers for calls, among the inner ones for attempts; on a server it is the
/// first layer.
#[derive(Debug)]
pub struct TraceLayer<T> {
    tracer: Arc<T>,
    side: Side,
    level: LevelHandle,
}

impl<T> Clone for TraceLayer<T> {
    fn clone(&self) -> Self {
        TraceLayer { tracer: self.tracer.clone(), side: self.side, level: self.level.clone() }
    }
}

impl<T: Tracer> TraceLayer<T> {
    /// For a client.
    pub fn client(tracer: T) -> Self {
        TraceLayer::new(Side::Client, tracer)
    }

    /// For a server.
    pub fn server(tracer: T) -> Self {
        TraceLayer::new(Side::Server, tracer)
    }

    fn new(side: Side, tracer: T) -> Self {
        TraceLayer { tracer: Arc::new(tracer), side, level: LevelHandle::default() }
    }

    /// Measures so much.
    pub fn level(self, level: Level) -> Self {
        self.level.set(level);
        self
    }

    /// Measures as much as `level` says, now and later.
    pub fn follow(self, level: LevelHandle) -> Self {
        TraceLayer { level, ..self }
    }

    /// To change the level later.
    pub fn handle(&self) -> LevelHandle {
        self.level.clone()
    }
}

impl<T: Tracer, S> Layer<S> for TraceLayer<T> {
    type Service = Trace<T, S>;

    fn layer(&self, inner: S) -> Trace<T, S> {
        Trace { inner, layer: self.clone() }
    }
}

/// Service of [`TraceLayer`].
#[derive(Debug)]
pub struct Trace<T, S> {
    inner: S,
    layer: TraceLayer<T>,
}

impl<T, S: Clone> Clone for Trace<T, S> {
    fn clone(&self) -> Self {
        Trace { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

impl<T, S> Service<Request> for Trace<T, S>
where
    T: Tracer,
    S: Service<Request, Response = Response>,
    S::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Error;
    type Future = TraceFuture<T::Call, S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx).map_err(into_error)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let level = self.layer.level.get();
        let traced = (level != Level::Off).then(|| {
            let record = Record::start(self.layer.side, level, &mut request);
            Traced { call: Some(self.layer.tracer.start(self.layer.side, &mut request.context)), record }
        });
        TraceFuture { inner: self.inner.call(request), traced }
    }
}

fn into_error(error: impl Into<BoxError>) -> Error {
    Error::from_boxed(error.into())
}

pin_project! {
    /// Future of [`Trace`].
    pub struct TraceFuture<C, F>
    where
        C: TracedCall,
    {
        #[pin]
        inner: F,
        traced: Option<Traced<C>>,
    }
}

impl<C, F, E> Future for TraceFuture<C, F>
where
    C: TracedCall,
    F: Future<Output = Result<Response, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Result<Response>> {
        let this = self.project();
        let result = match this.traced.as_mut().and_then(|traced| traced.call.as_mut()) {
            Some(call) => ready!(call.enter(|| this.inner.poll(cx))),
            None => ready!(this.inner.poll(cx)),
        };
        let result = result.map_err(into_error);
        if let Some(traced) = this.traced {
            traced.finish(match &result {
                Ok(response) => Ending::Answered(response),
                Err(error) => Ending::Failed(error),
            });
        }
        Poll::Ready(result)
    }
}

/// A call that a tracer will hear the end of, whatever happens to its future.
struct Traced<C: TracedCall> {
    call: Option<C>,
    record: Record,
}

impl<C: TracedCall> Traced<C> {
    fn finish(&mut self, ending: Ending<'_>) {
        if let Some(call) = self.call.take() {
            call.finish(&self.record.end(ending));
        }
    }
}

impl<C: TracedCall> Drop for Traced<C> {
    fn drop(&mut self) {
        self.finish(if thread::panicking() { Ending::Panicked } else { Ending::Dropped });
    }
}

#[cfg(test)]
mod tests;
