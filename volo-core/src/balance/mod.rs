//! Which instance of a service a call goes to: pickers over an immutable list, and the layer that asks them.
//!
//! ```text
//! discovery → Balancer::update → Snapshot (swapped whole; statistics stay with their instances)
//! request  → Balance layer → Snapshot → Policy's picker → peer of this attempt → inner service
//! outcome  → statistics of the instance → ejection → share of the picks it may still get
//! ```
//! A picker is a pure function of a snapshot, the numbers its endpoints count, and a source of random numbers; a state
//! of ejection is a pure function of outcomes and the time it is told. Only [`Balancer`] reads a clock, and only if
//! somebody needs it.
#![forbid(unsafe_code)]

mod balancer;
mod ejection;
mod endpoint;
mod hash_ring;
mod instance;
mod latency;
mod pick;
mod random;
mod round_robin;
mod same_host;
mod service;
mod table;
#[cfg(test)]
mod tests;
mod two_choices;
mod weighted_random;

use std::{fmt, sync::Arc};

pub use self::{
    balancer::{Balancer, Picked},
    ejection::Ejection,
    endpoint::Endpoint,
    hash_ring::{ConsistentHash, HashKey, stable_hash},
    instance::{Instance, ParseInstanceError},
    pick::{Ask, Pick, Policy, Snapshot},
    random::Random,
    round_robin::RoundRobin,
    service::{Balance, BalanceLayer, Balanced},
    two_choices::{LeastInFlight, PeakEwma},
    weighted_random::WeightedRandom,
};
use same_host::SameHostFirst;

/// How calls are spread over the instances of a service.
///
/// ```
/// use volo_core::balance::{Ejection, HashKey, LoadBalance};
///
/// let spread = LoadBalance::least_in_flight();
/// let sticky = LoadBalance::consistent_hash(HashKey::metainfo("user")).ejection(Ejection::default());
/// let near = LoadBalance::peak_ewma().same_host_first(16);
/// ```
#[derive(Clone)]
pub struct LoadBalance {
    policy: Arc<dyn Policy>,
    /// Calls under way at each local instance before others get some, if local ones come first.
    spill: Option<u32>,
    ejection: Option<Ejection>,
}

impl LoadBalance {
    /// Of two random instances the one with fewer calls under way, in relation to its weight. This is the default.
    pub fn least_in_flight() -> Self {
        LoadBalance::new(LeastInFlight)
    }

    /// Of two random instances the one whose calls under way are expected to be over sooner: a moving mean of its
    /// latency that rises at once and falls slowly, times calls under way.
    pub fn peak_ewma() -> Self {
        LoadBalance::new(PeakEwma::default())
    }

    /// One after the other, those with more weight more often, evenly interleaved.
    pub fn round_robin() -> Self {
        LoadBalance::new(RoundRobin)
    }

    /// Any, in proportion to the weights.
    pub fn weighted_random() -> Self {
        LoadBalance::new(WeightedRandom)
    }

    /// The same instance for calls with the same key, as long as it is not overloaded; calls without a key go anywhere.
    pub fn consistent_hash(key: HashKey) -> Self {
        LoadBalance::new(ConsistentHash::new(key))
    }

    /// As a policy of your own decides.
    pub fn new(policy: impl Policy) -> Self {
        LoadBalance { policy: Arc::new(policy), spill: None, ejection: Some(Ejection::default()) }
    }

    /// Prefers instances on this machine (Unix socket, in-process, loopback) until each of them has `spill` calls
    /// under way; the others are used beyond that.
    pub fn same_host_first(self, spill: u32) -> Self {
        LoadBalance { spill: Some(spill), ..self }
    }

    /// Makes no difference between local instances and others. This is the default.
    pub fn anywhere(self) -> Self {
        LoadBalance { spill: None, ..self }
    }

    /// The policy, with local instances first if so wanted.
    fn whole_policy(&self) -> Arc<dyn Policy> {
        match self.spill {
            Some(spill) => Arc::new(SameHostFirst::new(self.policy.clone(), spill)),
            None => self.policy.clone(),
        }
    }

    /// When instances that fail get no more calls; `None` for never. By default they are ejected as
    /// [`Ejection::default`] says.
    pub fn ejection(mut self, ejection: impl Into<Option<Ejection>>) -> Self {
        self.ejection = ejection.into();
        self
    }

    /// When instances that fail get no more calls.
    pub fn ejection_rules(&self) -> Option<&Ejection> {
        self.ejection.as_ref()
    }

    /// The same in all else with the policy of `other`.
    #[cfg(feature = "config")]
    pub(crate) fn with_policy_of(self, other: LoadBalance) -> Self {
        LoadBalance { policy: other.policy, ..self }
    }
}

impl Default for LoadBalance {
    fn default() -> Self {
        LoadBalance::least_in_flight()
    }
}

impl fmt::Debug for LoadBalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LoadBalance { policy, spill, ejection } = self;
        let mut out = f.debug_struct("LoadBalance");
        out.field("policy", policy).field("same_host_first", spill).field("ejection", ejection).finish()
    }
}
