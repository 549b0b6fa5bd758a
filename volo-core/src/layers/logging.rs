//! One `tracing` event per call: who was called, how it ended, how long it took.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{self, Poll, ready},
    time::Instant,
};

use faststr::FastStr;
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::Level;

use super::{PerMethod, Route, Setting};
use crate::{Outcome, Request, Response};

/// Logs every call that goes through, on a client or a server: successes and declared exceptions at one level,
/// failures at another. A call that is dropped before it ends is logged as such.
///
/// Costs two clock reads and the event; nothing else if the level is off.
#[derive(Clone, Debug, Default)]
pub struct LoggingLayer {
    config: Setting<PerMethod<LogConfig>>,
}

/// At which levels calls are logged; `None` is not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Those that ended well.
    pub level: Option<Level>,
    /// Those that failed.
    pub failure_level: Option<Level>,
}

impl LogConfig {
    /// Logs nothing.
    pub const OFF: LogConfig = LogConfig { level: None, failure_level: None };
}

/// Calls at `DEBUG`, failures at `WARN`.
impl Default for LogConfig {
    fn default() -> Self {
        LogConfig { level: Some(Level::DEBUG), failure_level: Some(Level::WARN) }
    }
}

impl LoggingLayer {
    /// Logs at these levels.
    pub fn new(level: Level, failure_level: Level) -> Self {
        LoggingLayer::with(LogConfig { level: Some(level), failure_level: Some(failure_level) })
    }

    /// Logs as `config` says, which may be kept and changed.
    pub fn with(config: impl Into<Setting<PerMethod<LogConfig>>>) -> Self {
        LoggingLayer { config: config.into() }
    }
}

impl<S> Layer<S> for LoggingLayer {
    type Service = Logging<S>;

    fn layer(&self, inner: S) -> Logging<S> {
        Logging { inner, layer: self.clone() }
    }
}

/// Service of [`LoggingLayer`].
#[derive(Clone, Debug)]
pub struct Logging<S> {
    inner: S,
    layer: LoggingLayer,
}

impl<S> Service<Request> for Logging<S>
where
    S: Service<Request, Response = Response>,
    S::Error: fmt::Display,
{
    type Response = Response;
    type Error = S::Error;
    type Future = LoggingFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (service, method) = (&request.context.service, &request.context.method);
        let config = self.layer.config.with(|config| *config.get(Route { service, method }));
        let record = (config != LogConfig::OFF).then(|| Record {
            service: service.clone(),
            method: method.clone(),
            config,
            start: Instant::now(),
            ended: false,
        });
        LoggingFuture { inner: self.inner.call(request), record }
    }
}

pin_project! {
    /// Future of [`Logging`].
    pub struct LoggingFuture<F> {
        #[pin]
        inner: F,
        record: Option<Record>,
    }
}

impl<F, E> Future for LoggingFuture<F>
where
    F: Future<Output = Result<Response, E>>,
    E: fmt::Display,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        if let Some(record) = this.record {
            record.end(match &result {
                Ok(response) => Ending::Answered(response.outcome()),
                Err(error) => Ending::Failed(error),
            });
        }
        Poll::Ready(result)
    }
}

/// What is known of a call when it ends.
struct Record {
    service: FastStr,
    method: FastStr,
    config: LogConfig,
    start: Instant,
    ended: bool,
}

enum Ending<'a> {
    Answered(Outcome),
    Failed(&'a dyn fmt::Display),
    Dropped,
}

impl fmt::Display for Ending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Answered(Outcome::Success) => f.write_str("success"),
            Ending::Answered(Outcome::Declared(id)) => write!(f, "declared exception {id}"),
            Ending::Answered(Outcome::Business(status)) => write!(f, "business status {status}"),
            Ending::Answered(Outcome::Failed(kind)) => write!(f, "application exception {kind}"),
            Ending::Failed(error) => write!(f, "error: {error}"),
            Ending::Dropped => f.write_str("dropped"),
        }
    }
}

impl Ending<'_> {
    fn is_failure(&self) -> bool {
        !matches!(self, Ending::Answered(Outcome::Success | Outcome::Declared(_) | Outcome::Business(_)))
    }
}

/// `tracing` wants each event's level as a constant.
macro_rules! log_at {
    ($level:expr, $($fields:tt)*) => {
        match $level {
            Level::ERROR => tracing::error!($($fields)*),
            Level::WARN => tracing::warn!($($fields)*),
            Level::INFO => tracing::info!($($fields)*),
            Level::DEBUG => tracing::debug!($($fields)*),
            Level::TRACE => tracing::trace!($($fields)*),
        }
    };
}

impl Record {
    fn end(&mut self, ending: Ending<'_>) {
        self.ended = true;
        let LogConfig { level, failure_level } = self.config;
        let Some(level) = (if ending.is_failure() { failure_level } else { level }) else { return };
        let duration_us = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let Record { service, method, .. } = self;
        log_at!(level, %service, %method, outcome = %ending, duration_us, "call");
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Ending::Dropped);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        sync::{Arc, Mutex},
    };

    use tower::{ServiceBuilder, ServiceExt, service_fn};
    use tracing::{
        Event, Metadata, Subscriber,
        field::{Field, Visit},
        span,
    };

    use super::*;
    use crate::{Body, Error, Format, Raw};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl Subscriber for Lines {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut line = event.metadata().level().to_string();
            event.record(&mut Text(&mut line));
            self.0.lock().unwrap().push(line);
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    struct Text<'a>(&'a mut String);

    impl Visit for Text<'_> {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            if !matches!(field.name(), "message" | "duration_us") {
                *self.0 += &format!(" {}={value:?}", field.name());
            }
        }
    }

    fn request(method: &'static str) -> Request {
        let raw = Raw {
            format: Format(0),
            bytes: Default::default(),
            limits: crate::DecodeLimits { depth_max: 1, memory_max: 1 },
        };
        Request::new(crate::Context::new("Shop", method), Body::Raw(raw))
    }

    async fn serve(request: Request) -> Result<Response, Error> {
        let outcome = match request.context.method.as_str() {
            "list" => Outcome::Success,
            "find" => Outcome::Declared(1),
            "break" => Outcome::Failed(6),
            "wait" => pending().await,
            _ => return Err(Error::timeout("too slow")),
        };
        let body = request.body().clone();
        ready(Ok(Response::new(request.into_context(), body, outcome))).await
    }

    #[tokio::test]
    async fn each_call_is_one_line() {
        let lines = Lines::default();
        let guard = tracing::subscriber::set_default(lines.clone());
        let service = ServiceBuilder::new().layer(LoggingLayer::default()).service(service_fn(serve));
        for method in ["list", "find", "break", "late"] {
            let _ = service.clone().oneshot(request(method)).await;
        }
        let _ =
            tokio::time::timeout(std::time::Duration::from_millis(1), service.oneshot(request("wait"))).await;
        drop(guard);
        let lines = lines.0.lock().unwrap().clone();
        assert_eq!(
            lines,
            [
                "DEBUG service=Shop method=list outcome=success",
                "DEBUG service=Shop method=find outcome=declared exception 1",
                "WARN service=Shop method=break outcome=application exception 6",
                "WARN service=Shop method=late outcome=error: too slow",
                "WARN service=Shop method=wait outcome=dropped",
            ]
        );
    }
}
