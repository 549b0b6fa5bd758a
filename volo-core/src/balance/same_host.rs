//! Endpoints on this machine before all others.

use std::{sync::Arc, time::Duration};

use super::{Ask, Endpoint, Pick, Policy};
use crate::Request;

/// Spreads calls over local endpoints by another policy, and over all when those have enough to do.
#[derive(Debug)]
pub(super) struct SameHostFirst {
    policy: Arc<dyn Policy>,
    spill: u32,
}

impl SameHostFirst {
    /// Local endpoints are preferred until they have `spill` calls under way.
    pub(super) fn new(policy: Arc<dyn Policy>, spill: u32) -> Self {
        SameHostFirst { policy, spill: spill.max(1) }
    }
}

impl Policy for SameHostFirst {
    fn picker(&self, endpoints: &Arc<[Arc<Endpoint>]>) -> Box<dyn Pick> {
        let (near, far): (Vec<_>, Vec<_>) = endpoints.iter().cloned().partition(|it| it.is_local());
        if near.is_empty() || far.is_empty() {
            return self.policy.picker(endpoints);
        }
        let near = self.policy.picker(&near.into());
        Box::new(Picker { near, far: self.policy.picker(&far.into()), spill: self.spill })
    }

    fn key(&self, request: &Request) -> Option<u64> {
        self.policy.key(request)
    }

    fn latency_decay(&self) -> Option<Duration> {
        self.policy.latency_decay()
    }

    fn counts_total(&self) -> bool {
        self.policy.counts_total()
    }
}

struct Picker {
    near: Box<dyn Pick>,
    far: Box<dyn Pick>,
    spill: u32,
}

impl Pick for Picker {
    fn pick(&self, ask: &mut Ask<'_>) -> Option<&Arc<Endpoint>> {
        match self.near.pick(ask) {
            Some(near) if near.in_flight() < self.spill => Some(near),
            near => self.far.pick(ask).or(near),
        }
    }
}
