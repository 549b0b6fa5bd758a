//! The list in use, and what happens to it: updates, picks, outcomes.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use arc_swap::ArcSwap;
use faststr::FastStr;

use super::{Ask, Endpoint, Instance, LoadBalance, Random, Snapshot, latency::Decay};
use crate::{Request, Retry, clock::now, discover::Feed, layers::Verdict};

/// How often, at most, instances that are out or coming back are looked at.
const REFRESH_NS: u64 = 20_000_000;

/// Spreads calls over the instances of one service. Shared by all clones of a client.
pub struct Balancer {
    options: LoadBalance,
    /// Over what time latencies are remembered; `None` if nobody asks for them.
    latency_decay: Option<Decay>,
    /// Longer calls count as failures.
    slow_after_ns: Option<u64>,
    snapshot: ArcSwap<Snapshot>,
    total: Option<Arc<AtomicU32>>,
    /// Whether any instance gets less than its full share.
    disturbed: AtomicBool,
    refresh_at_ns: AtomicU64,
    start: Instant,
    /// Held while the list or the number of ejected instances changes.
    changing: Mutex<()>,
    feed: Option<Feed>,
}

impl Balancer {
    /// A balancer whose list is empty until [`Balancer::update`].
    pub fn new(options: LoadBalance) -> Arc<Self> {
        Balancer::with_feed(options, None)
    }

    /// A balancer whose list comes from discovery, which starts with the first call and ends with the balancer.
    pub fn discovering(options: LoadBalance, feed: Feed) -> Arc<Self> {
        Balancer::with_feed(options, Some(feed))
    }

    fn with_feed(options: LoadBalance, feed: Option<Feed>) -> Arc<Self> {
        let slow_after = options.ejection.as_ref().and_then(|ejection| ejection.slow_after);
        Arc::new(Balancer {
            latency_decay: options.policy.latency_decay().map(Decay::over),
            slow_after_ns: slow_after.map(|slow| u64::try_from(slow.as_nanos()).unwrap_or(u64::MAX)),
            snapshot: ArcSwap::from_pointee(Snapshot::new(&*options.policy, Vec::new())),
            total: options.policy.counts_total().then(Arc::default),
            disturbed: AtomicBool::new(false),
            refresh_at_ns: AtomicU64::new(0),
            start: now(),
            changing: Mutex::new(()),
            feed,
            options,
        })
    }

    /// The list that picks are made from now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    pub(crate) fn feed(&self) -> Option<&Feed> {
        self.feed.as_ref()
    }

    /// Replaces the list. What was counted of an instance stays with its id; of several instances with the same id,
    /// the first one counts.
    pub fn update(&self, instances: impl IntoIterator<Item = Instance>) {
        let _changing = self.changing();
        let old = self.snapshot.load();
        let known: HashMap<&FastStr, &Arc<Endpoint>> =
            old.endpoints().iter().map(|endpoint| (&endpoint.instance().id, endpoint)).collect();
        let mut seen = HashSet::new();
        let endpoints = instances
            .into_iter()
            .filter(|instance| seen.insert(instance.id.clone()))
            .map(|instance| match known.get(&instance.id) {
                Some(same) if *same.instance() == instance => Arc::clone(same),
                Some(changed) => {
                    let stats = changed.stats.clone();
                    Arc::new(Endpoint::with_stats(instance, stats, self.total.clone()))
                }
                None => Arc::new(Endpoint::with_stats(instance, Arc::default(), self.total.clone())),
            })
            .collect();
        self.snapshot.store(Arc::new(Snapshot::new(&*self.options.policy, endpoints)));
    }

    /// An instance for this attempt at a call; `None` while the list is empty. The pick is noted in the request, so
    /// that a further attempt goes elsewhere.
    pub fn pick(self: &Arc<Self>, request: &Request) -> Option<Picked> {
        let is_timed = self.is_timed();
        let now_ns = if is_timed { self.now_ns() } else { 0 };
        if self.disturbed.load(Relaxed) {
            self.refresh(if is_timed { now_ns } else { self.now_ns() });
        }
        let snapshot = self.snapshot.load();
        let attempt = &request.context.attempt;
        let endpoint = Random::with_local(|random| {
            let mut ask = Ask::new(random, attempt);
            ask.key = self.options.policy.key(request);
            ask.now_ns = now_ns;
            snapshot.pick(&mut ask).cloned()
        })?;
        attempt.note_pick(endpoint.peer());
        endpoint.begin();
        Some(Picked { balancer: self.clone(), endpoint, start_ns: now_ns, verdict: None })
    }

    fn record(&self, endpoint: &Endpoint, start_ns: u64, verdict: Option<Verdict>) {
        let mut verdict = verdict.unwrap_or(Verdict::Ignored(Retry::Never));
        if self.is_timed() {
            let now_ns = self.now_ns();
            let took_ns = now_ns.saturating_sub(start_ns);
            if let Some(decay) = self.latency_decay {
                // A call that failed says nothing of how fast the instance is, unless it took long to do so.
                let mean_ns = endpoint.stats.latency.at(now_ns, decay);
                if verdict == Verdict::Success || (mean_ns > 0.0 && took_ns as f64 > mean_ns) {
                    endpoint.stats.latency.record(now_ns, took_ns, decay);
                }
            }
            if self.slow_after_ns.is_some_and(|slow| took_ns > slow) {
                verdict = Verdict::Failure(Retry::Never);
            }
        }
        match verdict {
            Verdict::Success => endpoint.stats.standing.success(),
            Verdict::Failure(_) => self.fail(endpoint),
            Verdict::Ignored(_) => {}
        }
    }

    fn fail(&self, endpoint: &Endpoint) {
        let Some(rules) = &self.options.ejection else { return };
        let now_ns = self.now_ns();
        if !endpoint.stats.standing.failure(now_ns, rules) {
            return;
        }
        let _changing = self.changing();
        let snapshot = self.snapshot.load();
        let others = snapshot.endpoints().iter().filter(|it| !Arc::ptr_eq(&it.stats, &endpoint.stats));
        let out = others.filter(|other| other.is_ejected()).count();
        if endpoint.is_ejected() || out >= rules.ejected_max(snapshot.endpoints().len()) {
            return;
        }
        endpoint.stats.standing.eject(now_ns, rules);
        self.refresh_at_ns.store(0, Relaxed);
        self.disturbed.store(true, Relaxed);
        tracing::warn!(instance = %endpoint.instance().id, "ejected, because too many calls to it failed");
    }

    /// Lets instances that are out or coming back have what the time allows.
    fn refresh(&self, now_ns: u64) {
        let Some(rules) = self.options.ejection.as_ref() else { return };
        if now_ns < self.refresh_at_ns.load(Relaxed) {
            return;
        }
        let _changing = self.changing();
        self.refresh_at_ns.store(now_ns.saturating_add(REFRESH_NS), Relaxed);
        let snapshot = self.snapshot.load();
        let mut all_full = true;
        for endpoint in snapshot.endpoints() {
            all_full &= endpoint.stats.standing.refresh(now_ns, rules);
        }
        self.disturbed.store(!all_full, Relaxed);
    }

    fn is_timed(&self) -> bool {
        self.latency_decay.is_some() || self.slow_after_ns.is_some()
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(now().saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX)
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Balancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Balancer { options, snapshot, .. } = self;
        let mut out = f.debug_struct("Balancer");
        out.field("options", options).field("instances", &*snapshot.load()).finish_non_exhaustive()
    }
}

/// An instance that was picked for one attempt at a call, which counts as under way until this is dropped.
#[derive(Debug)]
pub struct Picked {
    balancer: Arc<Balancer>,
    endpoint: Arc<Endpoint>,
    start_ns: u64,
    verdict: Option<Verdict>,
}

impl Picked {
    /// The instance.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Ends the attempt. One that is just dropped was given up by its caller, which tells nothing of the instance
    /// unless it took too long already.
    pub fn finish(mut self, verdict: Verdict) {
        self.verdict = Some(verdict);
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.endpoint.end();
        self.balancer.record(&self.endpoint, self.start_ns, self.verdict);
    }
}
