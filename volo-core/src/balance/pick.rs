//! What a picker is, and the list it picks from.

use std::{fmt, sync::Arc, time::Duration};

use super::{Endpoint, Random, ejection::Standing};
use crate::{Attempt, Request};

/// A way to spread calls; makes a picker for each list.
pub trait Policy: fmt::Debug + Send + Sync + 'static {
    /// A picker over these endpoints, of which there is at least one. Whatever can be computed once per list is
    /// computed here.
    fn picker(&self, endpoints: &Arc<[Arc<Endpoint>]>) -> Box<dyn Pick>;

    /// What calls are told apart by; for [`Ask::key`].
    fn key(&self, _request: &Request) -> Option<u64> {
        None
    }

    /// Over what time latencies are remembered; `None` if nobody asks for them.
    fn latency_decay(&self) -> Option<Duration> {
        None
    }

    /// Whether the calls under way to all instances together must be counted.
    fn counts_total(&self) -> bool {
        false
    }
}

/// A picker over one list.
pub trait Pick: Send + Sync {
    /// An endpoint that [`Ask::accepts`] says yes to; `None` if there is none.
    fn pick(&self, ask: &mut Ask<'_>) -> Option<&Arc<Endpoint>>;
}

/// What a pick depends on beside the list.
#[derive(Debug)]
pub struct Ask<'a> {
    /// Where random numbers come from.
    pub random: &'a mut Random,
    /// What calls are told apart by, if anything.
    pub key: Option<u64>,
    /// The time, in nanoseconds since the balancer was made; 0 unless the policy asks for latencies.
    pub now_ns: u64,
    /// Which attempt at its call this is.
    pub attempt: &'a Attempt,
    strictness: Strictness,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strictness {
    /// Nobody who was tried, nobody who is ejected.
    Full,
    /// Nobody who is ejected.
    Again,
    /// Anybody.
    Anybody,
}

impl<'a> Ask<'a> {
    /// A question for the first attempt at a call, without a key.
    pub fn new(random: &'a mut Random, attempt: &'a Attempt) -> Self {
        Ask { random, key: None, now_ns: 0, attempt, strictness: Strictness::Full }
    }

    /// Whether the endpoint may be picked: not ejected, and not tried before by an attempt at the same call. One that
    /// just came back from ejection gets a part of its picks; so ask once for each time it comes into question.
    #[inline]
    pub fn accepts(&mut self, endpoint: &Endpoint) -> bool {
        let share = endpoint.stats.standing.share();
        (share == Standing::FULL || self.accepts_part(endpoint, share))
            && (self.attempt.is_first() || !self.is_again(endpoint))
    }

    #[cold]
    fn accepts_part(&mut self, endpoint: &Endpoint, share: u32) -> bool {
        match self.strictness {
            Strictness::Anybody => true,
            Strictness::Again => share > 0,
            Strictness::Full if share == Standing::PROBING && endpoint.in_flight() > 0 => false,
            Strictness::Full => self.random.below(Standing::FULL) < share,
        }
    }

    #[cold]
    fn is_again(&self, endpoint: &Endpoint) -> bool {
        self.strictness == Strictness::Full && self.attempt.has_tried(endpoint.peer())
    }
}

/// An immutable list of endpoints and the picker over it.
pub struct Snapshot {
    endpoints: Arc<[Arc<Endpoint>]>,
    picker: Option<Box<dyn Pick>>,
}

impl Snapshot {
    /// The picker of `policy` over `endpoints`. Those with weight 0 are not picked as long as others have more.
    pub fn new(policy: &dyn Policy, endpoints: Vec<Arc<Endpoint>>) -> Self {
        let endpoints: Arc<[_]> = endpoints.into();
        let weighted: Arc<[_]> = endpoints.iter().filter(|it| it.instance().weight > 0).cloned().collect();
        let candidates = if weighted.is_empty() { &endpoints } else { &weighted };
        let picker = (!candidates.is_empty()).then(|| policy.picker(candidates));
        Snapshot { endpoints, picker }
    }

    /// All endpoints, in the order of their list.
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// An endpoint for a call. If only such remain that were tried before, one of them; if all are ejected, one of
    /// those: somebody has to be asked. `None` if the list is empty.
    pub fn pick(&self, ask: &mut Ask<'_>) -> Option<&Arc<Endpoint>> {
        let picker = self.picker.as_ref()?;
        picker.pick(ask).or_else(|| pick_anybody(&**picker, ask))
    }
}

/// A pick that may be one of those who were tried before, or are ejected.
#[cold]
fn pick_anybody<'a>(picker: &'a dyn Pick, ask: &mut Ask<'_>) -> Option<&'a Arc<Endpoint>> {
    for strictness in [Strictness::Again, Strictness::Anybody] {
        ask.strictness = strictness;
        if let Some(endpoint) = picker.pick(ask) {
            return Some(endpoint);
        }
    }
    None
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.endpoints.iter().map(|endpoint| &endpoint.instance().id)).finish()
    }
}
