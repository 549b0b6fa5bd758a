//! Spans in an OpenTelemetry collector.

use std::time::Duration;

use opentelemetry::{
    Context as OtelContext,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider as _},
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{
    EnvFilter, Layer, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};
use volo_core::{
    CallInfo,
    layers::trace::{Side, TraceContext, Tracer, open_span},
};

use crate::Error;

/// How long a batch of spans may take to the collector.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends spans to the collector at `endpoint` (OTLP over HTTP, e.g. `http://127.0.0.1:4318/v1/traces`), and logs to
/// standard error, filtered by `RUST_LOG` (default `info`).
///
/// Keep what it returns until the program ends: dropping it sends what is left.
///
/// # Errors
/// When the endpoint is no address, or another subscriber is installed.
pub fn install(service: &'static str, endpoint: &str) -> Result<Exporting, Error> {
    let (exporting, layer) = layer(service, endpoint)?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry()
        .with(layer)
        .with(log)
        .with(filter)
        .try_init()
        .map_err(|error| Error::new("can't install the subscriber", error))?;
    Ok(exporting)
}

/// The part of [`install`] that exports, for programs with a subscriber of their own.
///
/// # Errors
/// When the endpoint is no address.
pub fn layer<S>(service: &'static str, endpoint: &str) -> Result<(Exporting, impl Layer<S>), Error>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|error| Error::new("can't export spans there", error))?;
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name(service).build())
        .with_batch_exporter(exporter)
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("volo-telemetry"));
    Ok((Exporting { provider }, layer))
}

/// Exports spans until it is dropped.
#[derive(Debug)]
pub struct Exporting {
    provider: SdkTracerProvider,
}

impl Drop for Exporting {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "spans were lost");
        }
    }
}

/// As [`SpanTracer`](volo_core::layers::trace::SpanTracer), with the ids that OpenTelemetry gives the spans.
#[derive(Clone, Copy, Debug, Default)]
pub struct OtelTracer;

impl Tracer for OtelTracer {
    type Call = Span;

    fn start(&self, side: Side, context: &mut CallInfo) -> Span {
        let span = open_span(side, context);
        if side == Side::Server
            && let Some(parent) = TraceContext::received(context)
        {
            // It fails if no OpenTelemetry layer is installed; then there is nothing to tie together.
            let _ = span.set_parent(OtelContext::new().with_remote_span_context(to_otel(parent)));
        }
        if let Some(here) = from_otel(span.context().span().span_context()) {
            match side {
                Side::Client => here.send(context),
                Side::Server => context.extensions_mut().insert(here),
            }
        }
        span
    }
}

fn to_otel(place: TraceContext) -> SpanContext {
    let flags = if place.sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    let (trace_id, span_id) = (TraceId::from(place.trace_id), SpanId::from(place.span_id));
    SpanContext::new(trace_id, span_id, flags, true, TraceState::NONE)
}

fn from_otel(place: &SpanContext) -> Option<TraceContext> {
    place.is_valid().then(|| TraceContext {
        trace_id: u128::from_be_bytes(place.trace_id().to_bytes()),
        span_id: u64::from_be_bytes(place.span_id().to_bytes()),
        sampled: place.is_sampled(),
    })
}
