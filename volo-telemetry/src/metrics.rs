//! Durations, calls under way and bytes, through the `metrics` facade.
//!
//! Finding a series by its labels costs more than the call it counts, so each is looked up once and kept. A peer can
//! make up names of methods; what doesn't fit into the table is counted as `_OTHER`.

use std::{fmt, sync::Arc};

use faststr::FastStr;
use metrics::{Counter, Gauge, Histogram, Label, Unit};
use volo_core::{
    Address, CallInfo,
    layers::{
        Route,
        trace::{Side, Stats, Status, TracedCall, Tracer},
    },
};

use crate::table::Table;

const OTHER: FastStr = FastStr::from_static_str("_OTHER");

/// Counts and times calls.
///
/// | metric | kind | labels |
/// |---|---|---|
/// | `rpc.client.call.duration`, `rpc.server.call.duration` | histogram, seconds | `rpc.system.name`, `rpc.method` (`Service/method`), `rpc.response.status_code`, `error.type` of failures |
/// | `rpc.client.call.active`, `rpc.server.call.active` | gauge | `rpc.system.name`, `rpc.method` |
/// | `rpc.client.call.received`, `rpc.server.call.received` | counter, bytes | the same |
///
/// [`MetricsTracer::attempts`] counts `rpc.client.attempt.…` instead, by `server.address` and `rpc.attempt`
/// (`first`, `retry`) too: whom the balancer picks, and how much is sent again.
pub struct MetricsTracer {
    per_attempt: bool,
    methods: Table<(Side, FastStr, FastStr), Arc<Method>>,
}

impl MetricsTracer {
    /// For a [`TraceLayer`](volo_core::layers::trace::TraceLayer) that sees whole calls: outer ones of a client, any of
    /// a server.
    pub fn calls() -> Self {
        MetricsTracer { per_attempt: false, methods: Table::default() }
    }

    /// For one that sees each attempt at a call: inner ones of a client.
    pub fn attempts() -> Self {
        MetricsTracer { per_attempt: true, methods: Table::default() }
    }

    fn method(&self, side: Side, service: &FastStr, method: &FastStr) -> Arc<Method> {
        if let Some(known) = self.methods.get(&(side, service.clone(), method.clone())) {
            return known;
        }
        let other = || (side, OTHER, OTHER);
        // Names that came with a frame would keep all of it alive.
        let own = || (side, FastStr::new(service), FastStr::new(method));
        let key = if (Route { service, method }).may_be_kept() { own() } else { other() };
        self.methods.get_or_insert(key, other, |(side, service, method)| {
            Arc::new(Method::new(*side, self.per_attempt, service, method))
        })
    }
}

impl fmt::Debug for MetricsTracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsTracer").field("per_attempt", &self.per_attempt).finish_non_exhaustive()
    }
}

impl Tracer for MetricsTracer {
    type Call = MetricsCall;

    fn start(&self, side: Side, context: &mut CallInfo) -> MetricsCall {
        let method = self.method(side, &context.service, &context.method);
        method.active.increment(1.0);
        MetricsCall { method }
    }
}

/// A call that is counted.
pub struct MetricsCall {
    method: Arc<Method>,
}

impl TracedCall for MetricsCall {
    fn finish(self, stats: &Stats<'_>) {
        let method = &self.method;
        method.active.decrement(1.0);
        method.duration(stats).record(stats.duration.as_secs_f64());
        let received = match stats.side {
            Side::Client => stats.response_bytes,
            Side::Server => stats.request_bytes,
        };
        if let Some(bytes) = received {
            method.received.increment(bytes as u64);
        }
    }
}

impl fmt::Debug for MetricsCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsCall").finish_non_exhaustive()
    }
}

/// The series of one method.
struct Method {
    per_attempt: bool,
    names: Names,
    labels: Vec<Label>,
    active: Gauge,
    received: Counter,
    durations: Table<Series, Histogram>,
}

/// What tells durations of a method apart.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Series {
    status: Status,
    success: bool,
    retry: bool,
    address: Option<Address>,
}

impl Method {
    fn new(side: Side, per_attempt: bool, service: &str, method: &str) -> Self {
        let names = names(side, per_attempt);
        let labels = vec![
            Label::new("rpc.system.name", "thrift"),
            Label::new("rpc.method", format!("{service}/{method}")),
        ];
        metrics::describe_histogram!(names.duration, Unit::Seconds, "How long calls took.");
        metrics::describe_gauge!(names.active, "Calls under way.");
        metrics::describe_counter!(names.received, Unit::Bytes, "Bytes of messages received.");
        Method {
            per_attempt,
            active: metrics::gauge!(names.active, labels.clone()),
            received: metrics::counter!(names.received, labels.clone()),
            names,
            labels,
            durations: Table::default(),
        }
    }

    fn duration(&self, stats: &Stats<'_>) -> Histogram {
        let mut series =
            Series { status: stats.status(), success: stats.is_success(), retry: false, address: None };
        if self.per_attempt {
            series.retry = stats.attempt > 0;
            series.address = stats.peer.map(|peer| peer.address.clone());
        }
        let anywhere = || Series { address: None, ..series.clone() };
        self.durations.get_or_insert(series.clone(), anywhere, |series| self.register(series))
    }

    fn register(&self, series: &Series) -> Histogram {
        let mut labels = self.labels.clone();
        labels.push(Label::from_static_parts("rpc.response.status_code", series.status.as_str()));
        if !series.success {
            labels.push(Label::from_static_parts("error.type", series.status.as_str()));
        }
        if self.per_attempt {
            let kind = if series.retry { "retry" } else { "first" };
            labels.push(Label::from_static_parts("rpc.attempt", kind));
        }
        if let Some(address) = &series.address {
            labels.push(Label::new("server.address", address.to_string()));
        }
        metrics::histogram!(self.names.duration, labels)
    }
}

#[derive(Clone, Copy)]
struct Names {
    duration: &'static str,
    active: &'static str,
    received: &'static str,
}

fn names(side: Side, per_attempt: bool) -> Names {
    match (side, per_attempt) {
        (Side::Client, false) => Names {
            duration: "rpc.client.call.duration",
            active: "rpc.client.call.active",
            received: "rpc.client.call.received",
        },
        (Side::Client, true) => Names {
            duration: "rpc.client.attempt.duration",
            active: "rpc.client.attempt.active",
            received: "rpc.client.attempt.received",
        },
        (Side::Server, _) => Names {
            duration: "rpc.server.call.duration",
            active: "rpc.server.call.active",
            received: "rpc.server.call.received",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_share_one_entry() {
        let tracer = MetricsTracer::calls();
        let of = |method: &str| tracer.method(Side::Server, &"Shop".into(), &FastStr::new(method));
        let [short, first, second] = [of("list"), of(&"a".repeat(2000)), of(&"b".repeat(3000))];
        assert!(Arc::ptr_eq(&first, &second) && !Arc::ptr_eq(&first, &short));
        assert!(Arc::ptr_eq(&short, &of("list")));
    }
}
