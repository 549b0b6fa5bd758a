//! What the framework's tracers measure, where operators can see it: metrics with an endpoint for Prometheus, and
//! spans in an OpenTelemetry collector.
//!
//! ```no_run
//! # fn main() -> Result<(), volo_telemetry::Error> {
//! use volo_core::layers::trace::SpanTracer;
//! use volo_telemetry::MetricsTracer;
//!
//! // Once per process, on its runtime; Prometheus scrapes http://127.0.0.1:9464/metrics.
//! volo_telemetry::prometheus::install(([127, 0, 0, 1], 9464))?;
//! // On a server or a client: `.tracer(tracer)`.
//! let tracer = (SpanTracer, MetricsTracer::calls());
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs)]
#![forbid(unsafe_code)]

mod error;
pub mod governance;
mod metrics;
#[cfg(feature = "otel")]
pub mod otel;
#[cfg(feature = "prometheus")]
pub mod prometheus;
mod table;

pub use self::{
    error::Error,
    metrics::{MetricsCall, MetricsTracer},
};
