//! The same endpoint for the same key: a ring of hashes with bounded load.
//!
//! Every endpoint has many points on a ring, and a key belongs to the next point after its own hash; so an endpoint
//! that comes or goes moves only the keys next to its points. An endpoint with clearly more than its share of the calls
//! under way is passed over, so that a popular key can't overload it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use faststr::FastStr;

use super::{Ask, Endpoint, Pick, Policy};
use crate::Request;

/// Points on the ring for each unit of weight; an endpoint of the usual weight has 160.
const POINTS_PER_WEIGHT: u64 = 16;

/// Points on the ring in all; with more, each endpoint has fewer.
const POINTS_MAX: u64 = 1 << 17;

/// What a call is told apart by.
#[derive(Clone)]
pub struct HashKey(Arc<KeyOf>);

type KeyOf = dyn Fn(&Request) -> Option<u64> + Send + Sync;

impl HashKey {
    /// The value of this metainfo key: what the call carries, or else what the call being served came with.
    pub fn metainfo(key: impl Into<FastStr>) -> Self {
        let key = key.into();
        HashKey::new(move |request| {
            request.context.metainfo_value(&key).map(|value| stable_hash(value.as_bytes()))
        })
    }

    /// Whatever `hash` makes of the request; [`stable_hash`] turns bytes into a number that all processes agree on.
    pub fn new(hash: impl Fn(&Request) -> Option<u64> + Send + Sync + 'static) -> Self {
        HashKey(Arc::new(hash))
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey")
    }
}

/// A hash that is the same in every process and version. Not fit against people who choose the bytes to collide.
pub fn stable_hash(bytes: &[u8]) -> u64 {
    let fnv = bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mix(fnv)
}

fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// Picks by key.
#[derive(Clone, Debug)]
pub struct ConsistentHash {
    key: HashKey,
    bound_percent: u32,
}

impl ConsistentHash {
    /// Calls with the same `key` go to the same endpoint, unless it has more than 1.25 times its share of the calls
    /// under way.
    pub fn new(key: HashKey) -> Self {
        ConsistentHash { key, bound_percent: 125 }
    }

    /// Passes an endpoint over that has more than this percentage (at least 101) of its share of the calls under way.
    pub fn bound_percent(self, percent: u32) -> Self {
        ConsistentHash { bound_percent: percent.max(101), ..self }
    }
}

impl Policy for ConsistentHash {
    fn picker(&self, endpoints: &Arc<[Arc<Endpoint>]>) -> Box<dyn Pick> {
        let total = endpoints.iter().find_map(|endpoint| endpoint.total.clone()).unwrap_or_default();
        let weights = endpoints.iter().map(|endpoint| u64::from(endpoint.weight())).sum();
        let bound_percent = u64::from(self.bound_percent);
        Box::new(Picker {
            ring: Ring::new(endpoints),
            endpoints: endpoints.clone(),
            total,
            weights,
            bound_percent,
        })
    }

    fn key(&self, request: &Request) -> Option<u64> {
        (self.key.0)(request)
    }

    fn counts_total(&self) -> bool {
        true
    }
}

struct Picker {
    ring: Ring,
    endpoints: Arc<[Arc<Endpoint>]>,
    total: Arc<AtomicU32>,
    weights: u64,
    bound_percent: u64,
}

impl Picker {
    /// Whether the endpoint may take one more call.
    fn has_room(&self, endpoint: &Endpoint, total: u64) -> bool {
        let taken = u128::from(endpoint.in_flight()) * 100 * u128::from(self.weights);
        // Compared without division: in_flight < bound × (total + 1) × weight / weights, rounded up.
        taken < u128::from(self.bound_percent) * u128::from(total + 1) * u128::from(endpoint.weight())
    }
}

impl Pick for Picker {
    fn pick(&self, ask: &mut Ask<'_>) -> Option<&Arc<Endpoint>> {
        let key = ask.key.unwrap_or_else(|| ask.random.number());
        let total = u64::from(self.total.load(Relaxed));
        let mut crowded = None;
        for index in self.ring.from(key) {
            let endpoint = &self.endpoints[index];
            if !ask.accepts(endpoint) {
                continue;
            }
            if self.has_room(endpoint, total) {
                return Some(endpoint);
            }
            crowded = crowded.or(Some(endpoint));
        }
        crowded
    }
}

/// The points, and where to begin to look for one.
struct Ring {
    hashes: Box<[u64]>,
    owners: Box<[u32]>,
    /// For each value of a hash's leading bits, the first point that is not before it.
    starts: Box<[u32]>,
    shift: u32,
}

impl Ring {
    fn new(endpoints: &[Arc<Endpoint>]) -> Self {
        let mut points: Vec<(u64, u32)> = Vec::new();
        let shrink = shrink(endpoints);
        for (index, endpoint) in endpoints.iter().enumerate() {
            let seed = stable_hash(endpoint.instance().id.as_bytes());
            let count = ((u64::from(endpoint.weight()) * POINTS_PER_WEIGHT) >> shrink).max(1);
            points.extend((0..count).map(|point| (mix(seed.wrapping_add(mix(point + 1))), index as u32)));
        }
        points.sort_unstable();
        let bits = usize::BITS - points.len().leading_zeros();
        let shift = u64::BITS - bits;
        let start_of = |leading: u64| points.partition_point(|(hash, _)| *hash < leading << shift) as u32;
        let starts = (0..1u64 << bits).map(start_of).collect();
        let (hashes, owners): (Vec<u64>, Vec<u32>) = points.into_iter().unzip();
        Ring { hashes: hashes.into(), owners: owners.into(), starts, shift }
    }

    /// The owners of all points, from the one that `key` belongs to on.
    fn from(&self, key: u64) -> impl Iterator<Item = usize> {
        let mut at = self.starts[(key >> self.shift) as usize] as usize;
        while self.hashes.get(at).is_some_and(|hash| *hash < key) {
            at += 1;
        }
        let at = if at == self.hashes.len() { 0 } else { at };
        self.owners[at..].iter().chain(&self.owners[..at]).map(|owner| *owner as usize)
    }
}

/// By how many bits the number of points must be cut to stay within the limit.
fn shrink(endpoints: &[Arc<Endpoint>]) -> u32 {
    let total: u64 = endpoints.iter().map(|endpoint| u64::from(endpoint.weight()) * POINTS_PER_WEIGHT).sum();
    (total / POINTS_MAX + 1).next_power_of_two().trailing_zeros()
}
