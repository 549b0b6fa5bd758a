//! A `tracing` span per call, tied to those of other processes by W3C Trace Context.
//!
//! Names and fields are OpenTelemetry's conventions for RPC.

use tracing::{Span, field};

use super::{Ending, Side, Stats, TraceContext, TracedCall, Tracer};
use crate::Context;

/// Opens a span at level `INFO` for each call.
///
/// A server's span belongs to the trace that its caller named, or begins one; a client's to that of the handler it
/// is called from. The ids are in the fields `trace_id` and `span_id`, so that logs of several services can be joined
/// without more than a subscriber that prints them.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanTracer;

impl Tracer for SpanTracer {
    type Call = Span;

    fn start(&self, side: Side, context: &mut Context) -> Span {
        let parent = match side {
            Side::Client => TraceContext::current(),
            Side::Server => TraceContext::received(context),
        };
        let here = parent.map_or_else(TraceContext::root, TraceContext::child);
        match side {
            Side::Client => here.send(context),
            Side::Server => context.extensions_mut().insert(here),
        }
        open(side, context, here)
    }
}

fn open(side: Side, context: &Context, here: TraceContext) -> Span {
    // The macro wants a constant name.
    macro_rules! span {
        ($name:literal) => {
            tracing::info_span!(
                $name,
                otel.kind = %side,
                rpc.system.name = "thrift",
                rpc.method = format_args!("{}/{}", context.service, context.method),
                rpc.attempt = context.attempt.number,
                trace_id = format_args!("{:032x}", here.trace_id),
                span_id = format_args!("{:016x}", here.span_id),
                server.address = field::Empty,
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

impl TracedCall for Span {
    fn enter<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        self.in_scope(poll)
    }

    fn finish(self, stats: &Stats<'_>) {
        if let (Side::Client, Some(peer)) = (stats.side, stats.peer) {
            self.record("server.address", field::display(&peer.address));
        }
        let status = stats.status();
        self.record("rpc.response.status_code", status);
        if !stats.is_success() {
            self.record("error.type", status);
        }
        if let Ending::Failed(error) = stats.ending {
            self.record("error.message", field::display(error));
        }
    }
}
