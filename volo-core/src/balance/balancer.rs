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

use faststr::FastStr;

use super::{Ask, Endpoint, Instance, LoadBalance, Policy, Random, Snapshot, latency::Decay};
use crate::{
    Request, Retry,
    clock::now,
    discover::Feed,
    layers::{Reader, Setting, Verdict},
    observe::{self, Event, Sample, Sampled},
};

/// How often, at most, instances that are out or coming back are looked at.
const REFRESH_NS: u64 = 20_000_000;

/// Spreads calls over the instances of one service. Shared by all clones of a client.
pub struct Balancer {
    state: Setting<State>,
    /// Whether the present options need to know how long calls take.
    timed: AtomicBool,
    /// Whether any instance gets less than its full share.
    disturbed: AtomicBool,
    refresh_at_ns: AtomicU64,
    start: Instant,
    /// Held while the list or the number of ejected instances changes.
    changing: Mutex<()>,
    feed: Option<Feed>,
}

/// The list, and how calls are spread over it; replaced as a whole.
pub(super) struct State {
    rules: Arc<Rules>,
    snapshot: Arc<Snapshot>,
}

/// The options, and what follows from them.
struct Rules {
    options: LoadBalance,
    policy: Arc<dyn Policy>,
    /// Over what time latencies are remembered; `None` if nobody asks for them.
    latency_decay: Option<Decay>,
    /// Longer calls count as failures.
    slow_after_ns: Option<u64>,
    total: Option<Arc<AtomicU32>>,
}

impl Rules {
    fn new(options: LoadBalance) -> Self {
        let slow_after = options.ejection.as_ref().and_then(|ejection| ejection.slow_after);
        let policy = options.whole_policy();
        Rules {
            latency_decay: policy.latency_decay().map(Decay::over),
            slow_after_ns: slow_after.map(|slow| u64::try_from(slow.as_nanos()).unwrap_or(u64::MAX)),
            total: policy.counts_total().then(Arc::default),
            policy,
            options,
        }
    }

    fn is_timed(&self) -> bool {
        self.latency_decay.is_some() || self.slow_after_ns.is_some()
    }

    fn snapshot(&self, endpoints: Vec<Arc<Endpoint>>) -> Arc<Snapshot> {
        Arc::new(Snapshot::new(&*self.policy, endpoints))
    }
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
        let rules = Arc::new(Rules::new(options));
        let snapshot = rules.snapshot(Vec::new());
        let balancer = Arc::new(Balancer {
            timed: AtomicBool::new(rules.is_timed()),
            state: State { rules, snapshot }.into(),
            disturbed: AtomicBool::new(false),
            refresh_at_ns: AtomicU64::new(0),
            start: now(),
            changing: Mutex::new(()),
            feed,
        });
        let sampled = Arc::downgrade(&balancer);
        observe::register(sampled);
        balancer
    }

    /// The list that picks are made from now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.state.with(|state| state.snapshot.clone())
    }

    /// How calls are spread now.
    pub fn options(&self) -> LoadBalance {
        self.state.with(|state| state.rules.options.clone())
    }

    /// Spreads calls another way from now on. What was counted of the instances stays; if nobody is to be ejected any
    /// more, those who are come back.
    pub fn configure(&self, options: LoadBalance) {
        let _changing = self.changing();
        let rules = Arc::new(Rules::new(options));
        let old = self.state.get();
        let endpoints = old.snapshot.endpoints().iter().map(|it| {
            Arc::new(Endpoint::with_stats(it.instance().clone(), it.stats.clone(), rules.total.clone()))
        });
        let snapshot = rules.snapshot(endpoints.collect());
        if rules.options.ejection.is_none() {
            snapshot.endpoints().iter().for_each(|it| it.stats.standing.reset());
        }
        self.timed.store(rules.is_timed(), Relaxed);
        self.state.set(State { rules, snapshot });
    }

    /// A reader of the list, for one who picks again and again.
    pub(super) fn reader(&self) -> Reader<State> {
        self.state.reader()
    }

    pub(crate) fn feed(&self) -> Option<&Feed> {
        self.feed.as_ref()
    }

    /// Replaces the list. What was counted of an instance stays with its id; of several instances with the same id,
    /// the first one counts.
    pub fn update(&self, instances: impl IntoIterator<Item = Instance>) {
        let _changing = self.changing();
        let old = self.state.get();
        let (rules, known) = (&old.rules, old.snapshot.endpoints());
        let known: HashMap<&FastStr, &Arc<Endpoint>> =
            known.iter().map(|endpoint| (&endpoint.instance().id, endpoint)).collect();
        let mut seen = HashSet::new();
        let endpoints = instances
            .into_iter()
            .filter(|instance| seen.insert(instance.id.clone()))
            .map(|instance| match known.get(&instance.id) {
                Some(same) if *same.instance() == instance => Arc::clone(same),
                Some(changed) => {
                    let stats = changed.stats.clone();
                    Arc::new(Endpoint::with_stats(instance, stats, rules.total.clone()))
                }
                None => Arc::new(Endpoint::with_stats(instance, Arc::default(), rules.total.clone())),
            })
            .collect();
        self.state.set(State { rules: rules.clone(), snapshot: rules.snapshot(endpoints) });
    }

    /// An instance for this attempt at a call; `None` while the list is empty. The pick is noted in the request, so
    /// that a further attempt goes elsewhere.
    pub fn pick(self: &Arc<Self>, request: &Request) -> Option<Picked> {
        self.pick_from(&self.state.get(), request)
    }

    /// As [`Balancer::pick`], for one who keeps a reader of the list.
    pub(super) fn pick_from(self: &Arc<Self>, state: &State, request: &Request) -> Option<Picked> {
        let is_timed = self.timed.load(Relaxed);
        let now_ns = if is_timed { self.now_ns() } else { 0 };
        if self.disturbed.load(Relaxed) {
            self.refresh(if is_timed { now_ns } else { self.now_ns() });
        }
        let attempt = &request.context.attempt;
        let endpoint = Random::with_local(|random| {
            let mut ask = Ask::new(random, attempt);
            ask.key = state.rules.policy.key(request);
            ask.now_ns = now_ns;
            state.snapshot.pick(&mut ask).cloned()
        })?;
        attempt.note_pick(endpoint.peer());
        endpoint.begin();
        Some(Picked { balancer: self.clone(), endpoint, start_ns: now_ns, verdict: None })
    }

    fn record(&self, endpoint: &Endpoint, start_ns: u64, verdict: Option<Verdict>) {
        let mut verdict = verdict.unwrap_or(Verdict::Ignored(Retry::Never));
        // 0 if durations did not matter when the attempt began.
        if self.timed.load(Relaxed) && start_ns > 0 {
            let (rules, now_ns) = (self.state.with(|state| state.rules.clone()), self.now_ns());
            let took_ns = now_ns.saturating_sub(start_ns);
            if let Some(decay) = rules.latency_decay {
                // A call that failed says nothing of how fast the instance is, unless it took long to do so.
                let mean_ns = endpoint.stats.latency.at(now_ns, decay);
                if verdict == Verdict::Success || (mean_ns > 0.0 && took_ns as f64 > mean_ns) {
                    endpoint.stats.latency.record(now_ns, took_ns, decay);
                }
            }
            if rules.slow_after_ns.is_some_and(|slow| took_ns > slow) {
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
        let state = self.state.get();
        let Some(rules) = &state.rules.options.ejection else { return };
        let now_ns = self.now_ns();
        if !endpoint.stats.standing.failure(now_ns, rules) {
            return;
        }
        let _changing = self.changing();
        let snapshot = self.snapshot();
        let others = snapshot.endpoints().iter().filter(|it| !Arc::ptr_eq(&it.stats, &endpoint.stats));
        let out = others.filter(|other| other.is_ejected()).count();
        if endpoint.is_ejected() || out >= rules.ejected_max(snapshot.endpoints().len()) {
            return;
        }
        endpoint.stats.standing.eject(now_ns, rules);
        self.refresh_at_ns.store(0, Relaxed);
        self.disturbed.store(true, Relaxed);
        observe::tell(&Event::Ejected { endpoint });
        tracing::warn!(instance = %endpoint.instance().id, "ejected, because too many calls to it failed");
    }

    /// Lets instances that are out or coming back have what the time allows.
    fn refresh(&self, now_ns: u64) {
        if now_ns < self.refresh_at_ns.load(Relaxed) {
            return;
        }
        let _changing = self.changing();
        let state = self.state.get();
        let Some(rules) = state.rules.options.ejection.as_ref() else { return };
        self.refresh_at_ns.store(now_ns.saturating_add(REFRESH_NS), Relaxed);
        let mut all_full = true;
        for endpoint in state.snapshot.endpoints() {
            all_full &= endpoint.stats.standing.refresh(now_ns, rules);
        }
        self.disturbed.store(!all_full, Relaxed);
    }

    /// Never 0, which stands for an unknown time.
    fn now_ns(&self) -> u64 {
        let since = now().saturating_duration_since(self.start).as_nanos();
        u64::try_from(since).unwrap_or(u64::MAX).max(1)
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sampled for Balancer {
    fn sample(&self, each: &mut dyn FnMut(Sample<'_>)) {
        self.snapshot().endpoints().iter().for_each(|endpoint| each(Sample::Endpoint(endpoint)));
    }
}

impl fmt::Debug for Balancer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balancer").field("state", &self.state.get()).finish_non_exhaustive()
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { rules, snapshot } = self;
        f.debug_struct("State").field("options", &rules.options).field("instances", snapshot).finish()
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
    #[inline]
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
