//! The better of two random endpoints.
//!
//! Asking two is enough: the most loaded of all gets hardly any calls, and unlike with the best of all, many clients
//! with the same knowledge don't run to the same one.

use std::{sync::Arc, time::Duration};

use super::{Ask, Endpoint, Pick, Policy, latency::Decay, table::Table};

/// Prefers fewer calls under way, in relation to weight.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeastInFlight;

impl Policy for LeastInFlight {
    fn picker(&self, endpoints: &Arc<[Arc<Endpoint>]>) -> Box<dyn Pick> {
        Box::new(TwoChoices::new(endpoints, |a: &Endpoint, b: &Endpoint, _: u64| {
            let load = |it: &Endpoint, other: &Endpoint| {
                u64::from(it.in_flight().saturating_add(1)) * u64::from(other.weight())
            };
            load(b, a) < load(a, b)
        }))
    }
}

/// Prefers the one whose calls under way will be over sooner, by a mean of latency that rises at once.
#[derive(Clone, Copy, Debug)]
pub struct PeakEwma {
    decay: Duration,
}

impl PeakEwma {
    /// Latencies fade over `decay`; 10 s by default.
    pub fn new(decay: Duration) -> Self {
        PeakEwma { decay }
    }
}

impl Default for PeakEwma {
    fn default() -> Self {
        PeakEwma::new(Duration::from_secs(10))
    }
}

impl Policy for PeakEwma {
    fn picker(&self, endpoints: &Arc<[Arc<Endpoint>]>) -> Box<dyn Pick> {
        let decay = Decay::over(self.decay);
        let cost = move |it: &Endpoint, now_ns: u64| {
            let waiting = f64::from(it.in_flight());
            let latency = it.stats.latency.at(now_ns, decay);
            if latency == 0.0 && waiting > 0.0 {
                return f64::MAX; // nothing is known yet; one call is enough to find out
            }
            latency * (waiting + 1.0) / f64::from(it.weight())
        };
        Box::new(TwoChoices::new(endpoints, move |a: &Endpoint, b: &Endpoint, now_ns| {
            cost(b, now_ns) < cost(a, now_ns)
        }))
    }

    fn latency_decay(&self) -> Option<Duration> {
        Some(self.decay)
    }
}

struct TwoChoices<F> {
    endpoints: Arc<[Arc<Endpoint>]>,
    table: Table,
    /// Whether the second of two is the better one.
    is_second_better: F,
}

impl<F: Fn(&Endpoint, &Endpoint, u64) -> bool> TwoChoices<F> {
    fn new(endpoints: &Arc<[Arc<Endpoint>]>, is_second_better: F) -> Self {
        let table = Table::new(endpoints.iter().map(|endpoint| endpoint.weight()));
        TwoChoices { endpoints: endpoints.clone(), table, is_second_better }
    }
}

impl<F: Fn(&Endpoint, &Endpoint, u64) -> bool + Send + Sync> Pick for TwoChoices<F> {
    fn pick(&self, ask: &mut Ask<'_>) -> Option<&Arc<Endpoint>> {
        let index = self.table.accepted(&self.endpoints, ask, None)?;
        let first = &self.endpoints[index];
        let Some(other) = self.table.accepted(&self.endpoints, ask, Some(index)) else { return Some(first) };
        let second = &self.endpoints[other];
        Some(if (self.is_second_better)(first, second, ask.now_ns) { second } else { first })
    }
}
