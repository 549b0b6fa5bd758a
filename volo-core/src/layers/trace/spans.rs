//! A `tracing` span per call, tied to those of other processes by W3C Trace Context.
//!
//! Names and fields are OpenTelemetry's conventions for RPC.

use tracing::{Span, field};

use super::{Ending, Side, Stats, TraceContext, TracedCall, Tracer};
use crate::CallInfo;

/// Opens a span at level `INFO` for each call.
///
/// A server's span belongs to the trace that its caller named, or begins one; a client's to that of the handler it
/// is called from. The ids are in the fields `trace_id` and `span_id`, so that logs of several services can be joined
/// without more than a subscriber that prints them.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanTracer;

impl Tracer for SpanTracer {
    type Call = Span;

    fn start(&self, side: Side, context: &mut CallInfo) -> Span {
        let parent = match side {
            Side::Client => TraceContext::current(),
            Side::Server => TraceContext::received(context),
        };
        let here = parent.map_or_else(TraceContext::root, TraceContext::child);
        match side {
            Side::Client => here.send(context),
            Side::Server => context.extensions_mut().insert(here),
        }
        let span = open_span(side, context);
        here.record(&span);
        span
    }
}

/// The span of one call, with its place in a trace left open: for tracers that have their own way to find it.
pub fn open_span(side: Side, context: &CallInfo) -> Span {
    // The macro wants a constant name.
    macro_rules! span {
        ($name:literal) => {
            tracing::info_span!(
                $name,
                otel.kind = %side,
                rpc.system.name = "thrift",
                rpc.method = format_args!("{}/{}", context.service, context.method),
                rpc.attempt = context.attempt.number,
                trace_id = field::Empty,
                span_id = field::Empty,
                server.address = field::Empty,
                network.transport = field::Empty,
                rpc.response.status_code = field::Empty,
                error.type = field::Empty,
                error.message = field::Empty,
            )
        };
    }
    match side {
        Side::Client => span!("rpc.client"),
        Side::Server => span!("rpc.server"),
    }
}

impl TraceContext {
    /// Fills the ids of a span from [`open_span`].
    fn record(self, span: &Span) {
        span.record("trace_id", field::display(format_args!("{:032x}", self.trace_id)));
        span.record("span_id", field::display(format_args!("{:016x}", self.span_id)));
    }
}

impl TracedCall for Span {
    fn enter<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        self.in_scope(poll)
    }

    fn finish(self, stats: &Stats<'_>) {
        if let (Side::Client, Some(peer)) = (stats.side, stats.peer) {
            self.record("server.address", field::display(&peer.address));
        }
        if let Some(transport) = stats.transport() {
            self.record("network.transport", transport);
        }
        let status = stats.status();
        self.record("rpc.response.status_code", status.as_str());
        if !stats.is_success() {
            self.record("error.type", status.as_str());
        }
        if let Ending::Failed(error) = stats.ending {
            self.record("error.message", field::display(error));
        }
    }
}
