//! An instance in a list, with what is counted of it.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use super::{Instance, ejection::Standing, latency::Latency};
use crate::Peer;

/// An instance that can be picked.
///
/// What is counted belongs to the instance, by its id: it outlives the list, a change of weight, and one of address.
#[derive(Debug)]
pub struct Endpoint {
    instance: Instance,
    peer: Arc<Peer>,
    local: bool,
    pub(super) stats: Arc<Stats>,
    /// Calls under way to all instances, where a picker needs it.
    pub(super) total: Option<Arc<AtomicU32>>,
}

#[derive(Debug, Default)]
pub(super) struct Stats {
    pub(super) in_flight: AtomicU32,
    pub(super) picks: AtomicU64,
    pub(super) latency: Latency,
    pub(super) standing: Standing,
}

impl Endpoint {
    /// An instance of which nothing was counted yet.
    pub fn new(instance: Instance) -> Self {
        Endpoint::with_stats(instance, Arc::default(), None)
    }

    pub(super) fn with_stats(instance: Instance, stats: Arc<Stats>, total: Option<Arc<AtomicU32>>) -> Self {
        let peer = Arc::new(Peer::new(instance.address.clone()));
        Endpoint { peer, local: instance.is_local(), instance, stats, total }
    }

    /// The instance.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// The peer that calls to it have.
    pub fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    /// Whether it is reached without leaving this machine.
    pub fn is_local(&self) -> bool {
        self.local
    }

    /// Calls under way.
    pub fn in_flight(&self) -> u32 {
        self.stats.in_flight.load(Relaxed)
    }

    /// How often it was picked.
    pub fn picks(&self) -> u64 {
        self.stats.picks.load(Relaxed)
    }

    /// A number that tells its statistics from those of all others in the process, as long as they last.
    pub fn statistics_id(&self) -> usize {
        Arc::as_ptr(&self.stats).addr()
    }

    /// Whether it gets no calls, because too many failed.
    pub fn is_ejected(&self) -> bool {
        self.stats.standing.share() == 0
    }

    /// Which part of its usual share of the calls it gets: 1 unless it is ejected or just came back.
    pub fn share(&self) -> f64 {
        f64::from(self.stats.standing.share()) / f64::from(Standing::FULL)
    }

    /// Weight for comparisons; never 0.
    pub(super) fn weight(&self) -> u32 {
        self.instance.weight.max(1)
    }

    pub(super) fn begin(&self) {
        self.stats.in_flight.fetch_add(1, Relaxed);
        self.stats.picks.fetch_add(1, Relaxed);
        if let Some(total) = &self.total {
            total.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn end(&self) {
        self.stats.in_flight.fetch_sub(1, Relaxed);
        if let Some(total) = &self.total {
            total.fetch_sub(1, Relaxed);
        }
    }
}
