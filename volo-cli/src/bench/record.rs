//! What is kept of calls: histograms and sums, whose size doesn't depend on how many calls there are.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use super::{figures::Point, load::Done};

/// Finer differences than this are not told apart, in nanoseconds.
const FINEST_NS: u64 = 100;

/// Longer calls count as this long.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// Where the time of one call went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Split {
    /// Until it had a connection.
    pub(crate) connect: Duration,
    /// Until it was in the connection's buffer.
    pub(crate) encode: Duration,
    /// Until its reply was there: network and server.
    pub(crate) wait: Duration,
}

/// Sums of nanoseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    pub(super) calls: u64,
    pub(super) queue: u64,
    pub(super) connect: u64,
    pub(super) encode: u64,
    pub(super) wait: u64,
    pub(super) total: u64,
    pub(super) decoded: u64,
    pub(super) decode: u64,
}

/// Calls of an interval.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    pub(super) latency: Histogram<u64>,
    pub(super) jitter: Histogram<u64>,
    pub(super) parts: Parts,
    pub(super) succeeded: u64,
    pub(super) errors: BTreeMap<&'static str, u64>,
}

fn histogram(digits: u8) -> Histogram<u64> {
    // The bounds are far enough apart, and the digits within what is allowed.
    Histogram::new_with_bounds(FINEST_NS, LONGEST_NS, digits).expect("constant bounds are valid")
}

pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Recorder {
    pub(super) fn new() -> Self {
        Recorder {
            latency: histogram(3),
            jitter: histogram(2),
            parts: Parts::default(),
            succeeded: 0,
            errors: BTreeMap::new(),
        }
    }

    /// Notes a call that was meant to be sent at `intended`, was sent at `sent` and is done now; gives its latency.
    pub(super) fn note(
        &mut self,
        intended: Instant,
        sent: Instant,
        done: &Done,
        before: Option<u64>,
    ) -> Option<u64> {
        let latency = nanos(done.at.saturating_duration_since(intended));
        if let Some(spent) = done.decoded {
            self.parts.decoded += 1;
            self.parts.decode += nanos(spent);
        }
        if let Some(kind) = done.error {
            *self.errors.entry(kind).or_default() += 1;
            // Others may fail fast, which says nothing of how long a call takes.
            if !done.timed_out {
                return None;
            }
        } else {
            self.succeeded += 1;
        }
        self.latency.saturating_record(latency);
        if let Some(before) = before {
            self.jitter.saturating_record(latency.abs_diff(before));
        }
        let parts = &mut self.parts;
        parts.calls += 1;
        parts.queue += nanos(sent.saturating_duration_since(intended));
        parts.connect += nanos(done.split.connect);
        parts.encode += nanos(done.split.encode);
        parts.wait += nanos(done.split.wait);
        parts.total += latency;
        Some(latency)
    }

    pub(super) fn add(&mut self, other: &Recorder) {
        // Both have the same bounds.
        let _ = self.latency.add(&other.latency);
        let _ = self.jitter.add(&other.jitter);
        self.succeeded += other.succeeded;
        for (kind, count) in &other.errors {
            *self.errors.entry(kind).or_default() += count;
        }
        let (to, from) = (&mut self.parts, &other.parts);
        to.calls += from.calls;
        to.queue += from.queue;
        to.connect += from.connect;
        to.encode += from.encode;
        to.wait += from.wait;
        to.total += from.total;
        to.decoded += from.decoded;
        to.decode += from.decode;
    }

    pub(super) fn clear(&mut self) {
        self.latency.reset();
        self.jitter.reset();
        self.parts = Parts::default();
        self.succeeded = 0;
        self.errors.clear();
    }

    pub(super) fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    /// What a chart shows of an interval.
    pub(super) fn point(&self, repeat: u32, at_s: f64, seconds: f64) -> Point {
        let us = |quantile| self.latency.value_at_quantile(quantile) as f64 / 1e3;
        Point {
            repeat,
            at_s,
            seconds,
            calls: self.succeeded,
            errors: self.failed(),
            p50_us: us(0.5),
            p99_us: us(0.99),
        }
    }
}

/// A run: one load, once.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) all: Recorder,
    /// How long it was measured.
    pub(super) seconds: f64,
    /// Processor time of this process meanwhile, if the system tells.
    pub(super) cpu_s: Option<f64>,
    pub(super) points: Vec<Point>,
}

impl Measured {
    /// Calls that ended, or should have been sent.
    pub(super) fn calls(&self) -> u64 {
        self.all.succeeded + self.all.failed()
    }

    /// Several runs as one; `None` of none.
    pub(super) fn merged(runs: &[Measured]) -> Option<Measured> {
        let (first, rest) = runs.split_first()?;
        let mut merged = first.clone();
        for run in rest {
            merged.all.add(&run.all);
            merged.seconds += run.seconds;
            merged.cpu_s = merged.cpu_s.zip(run.cpu_s).map(|(a, b)| a + b);
            merged.points.extend_from_slice(&run.points);
        }
        Some(merged)
    }
}
