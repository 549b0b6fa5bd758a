//! Refuses calls to a method of which most calls fail, so that nobody waits for it and it can recover.
//!
//! There is one circuit per service and method. It judges by a [`Classify`]; calls that are dropped before they end, as
//! losing backup requests are, count neither as success nor as failure, and give their permit back.

mod state;
mod window;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use faststr::FastStr;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

pub use state::{BreakerConfig, BreakerState};

use super::{
    Classify, Describe, PerMethod, Route, Rpc, Verdict,
    table::{Recent, Table},
};
use crate::{
    Error, ErrorKind,
    clock::now,
    observe::{self, Event},
};
use state::{Circuit, Ending, Permit};

/// The circuits of all methods; clones are handles to the same ones.
#[derive(Clone, Debug, Default)]
pub struct Breakers {
    inner: Arc<Circuits>,
}

#[derive(Debug)]
struct Circuits {
    config: Mutex<PerMethod<BreakerConfig>>,
    breakers: Table<Breaker>,
    start: Instant,
}

impl Default for Circuits {
    fn default() -> Self {
        Circuits { config: Mutex::default(), breakers: Table::default(), start: now() }
    }
}

/// A circuit that many calls use.
#[derive(Debug)]
struct Breaker {
    service: FastStr,
    method: FastStr,
    circuit: Mutex<Circuit>,
    /// The number of the circuit's phase if that admits all calls, so that they take no lock; otherwise [`BARRED`].
    free: AtomicU64,
    /// The calls that succeeded since the circuit was told last, behind the number of its phase, so that they take no
    /// lock either; [`BARRED`] if it must be told of each.
    successes: AtomicU64,
    /// Until when they may be kept from it, in nanoseconds since `epoch`.
    kept_until_ns: AtomicU64,
    epoch: Instant,
}

const BARRED: u64 = u64::MAX;

/// Bits that count, in [`Breaker::successes`].
const COUNT_BITS: u32 = 32;

impl Breakers {
    /// Circuits that open and close as `config` says.
    pub fn new(config: impl Into<PerMethod<BreakerConfig>>) -> Self {
        let inner = Circuits { config: Mutex::new(config.into()), ..Circuits::default() };
        Breakers { inner: Arc::new(inner) }
    }

    /// Changes when they open and close. What they counted stays.
    pub fn configure(&self, config: impl Into<PerMethod<BreakerConfig>>) {
        let config = config.into();
        lock(&self.inner.config).clone_from(&config); // first, so that no new circuit gets the old ones
        self.inner.breakers.for_each(|route, breaker| {
            breaker.change(|circuit| circuit.configure(config.get(route).clone()));
        });
    }

    /// When they open and close.
    pub fn config(&self) -> PerMethod<BreakerConfig> {
        lock(&self.inner.config).clone()
    }

    /// Opens (`true`) or closes (`false`) the circuit of a method, whatever its calls do; `None` lets it decide again.
    pub fn force(&self, route: Route<'_>, open: Option<bool>) {
        self.get(route).change(|circuit| circuit.force(open));
    }

    /// What the circuit of a method does with calls.
    pub fn state(&self, route: Route<'_>) -> BreakerState {
        lock(&self.get(route).circuit).state()
    }

    /// Looks at the circuits of all methods that were called.
    pub fn for_each(&self, mut f: impl FnMut(Route<'_>, BreakerState)) {
        self.inner.breakers.for_each(|route, breaker| f(route, lock(&breaker.circuit).state()));
    }

    fn get(&self, route: Route<'_>) -> Arc<Breaker> {
        self.inner.breakers.get(route, |route| {
            let config = lock(&self.inner.config).get(route).clone();
            Breaker::new(route, Circuit::new(config), self.inner.start)
        })
    }
}

impl Breaker {
    fn new(route: Route<'_>, circuit: Circuit, epoch: Instant) -> Self {
        let free = circuit.free_generation().map_or(BARRED, u64::from);
        Breaker {
            service: FastStr::new(route.service),
            method: FastStr::new(route.method),
            circuit: Mutex::new(circuit),
            free: AtomicU64::new(free),
            successes: AtomicU64::new(BARRED),
            kept_until_ns: AtomicU64::new(0),
            epoch,
        }
    }

    #[inline]
    fn admit(&self, now: Instant) -> Result<Permit, Option<Instant>> {
        if let Ok(generation) = u32::try_from(self.free.load(Ordering::Acquire)) {
            return Ok(Permit { generation });
        }
        self.change(|circuit| circuit.admit(now))
    }

    fn end(&self, permit: Permit, ending: Ending, start: Instant) {
        let now = now();
        let duration = now.saturating_duration_since(start);
        self.change(|circuit| circuit.end(permit, ending, duration, now));
    }

    /// Counts a success that the circuit need not be told of yet, if the call began in time for that.
    fn keep_success(&self, permit: Permit) -> bool {
        let known = self.successes.load(Ordering::Relaxed);
        known >> COUNT_BITS == u64::from(permit.generation)
            && known as u32 != u32::MAX
            && self.successes.compare_exchange(known, known + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Changes the circuit, which is told before of what was kept from it.
    fn change<T>(&self, change: impl FnOnce(&mut Circuit) -> T) -> T {
        let mut circuit = lock(&self.circuit);
        let before = circuit.generation();
        let kept = self.successes.swap(BARRED, Ordering::Relaxed);
        if kept != BARRED {
            circuit.end_successes(kept as u32);
        }
        let changed = change(&mut circuit);
        if circuit.generation() != before {
            self.tell(circuit.state());
        }
        if let Some((generation, until)) = circuit.quick() {
            self.kept_until_ns.store(self.ns(until), Ordering::Relaxed);
            self.successes.store(u64::from(generation) << COUNT_BITS, Ordering::Relaxed);
        }
        let free = circuit.free_generation().map_or(BARRED, u64::from);
        if self.free.load(Ordering::Relaxed) != free {
            self.free.store(free, Ordering::Release);
        }
        changed
    }

    fn ns(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A breaker, as one of its users knows it.
#[derive(Debug)]
struct Known {
    breaker: Arc<Breaker>,
    /// [`Breaker::kept_until_ns`] as it was read last, and as a time: comparing times takes less than counting from one
    /// to the other.
    kept_until: (u64, Instant),
}

impl Known {
    fn new(breaker: Arc<Breaker>) -> Self {
        Known { kept_until: (0, breaker.epoch), breaker }
    }

    /// Whether success of a call that begins now may be kept from the circuit.
    #[inline]
    fn keeps(&mut self, now: Instant) -> bool {
        let ns = self.breaker.kept_until_ns.load(Ordering::Relaxed);
        if ns != self.kept_until.0 {
            let epoch = self.breaker.epoch;
            self.kept_until = (ns, epoch.checked_add(Duration::from_nanos(ns)).unwrap_or(epoch));
        }
        now < self.kept_until.1
    }
}

impl Breaker {
    #[cold]
    fn tell(&self, state: BreakerState) {
        let route = Route { service: &self.service, method: &self.method };
        observe::tell(&Event::Breaker { route, state });
    }
}

/// Refuses calls to methods that fail.
#[derive(Clone, Debug, Default)]
pub struct BreakerLayer<C = Rpc> {
    breakers: Breakers,
    classify: C,
}

impl BreakerLayer {
    /// With these circuits.
    pub fn new(breakers: Breakers) -> Self {
        BreakerLayer { breakers, classify: Rpc::default() }
    }
}

impl<C> BreakerLayer<C> {
    /// Lets `classify` say what a failure is, of requests and results of any type.
    pub fn classify<O>(self, classify: O) -> BreakerLayer<O> {
        BreakerLayer { breakers: self.breakers, classify }
    }
}

impl<S, C: Clone> Layer<S> for BreakerLayer<C> {
    type Service = CircuitBreaker<S, C>;

    fn layer(&self, inner: S) -> CircuitBreaker<S, C> {
        CircuitBreaker { inner, layer: self.clone(), recent: Recent::default() }
    }
}

/// Service of [`BreakerLayer`].
#[derive(Clone, Debug)]
pub struct CircuitBreaker<S, C = Rpc> {
    inner: S,
    layer: BreakerLayer<C>,
    recent: Recent<Known>,
}

impl<S, Req, C> Service<Req> for CircuitBreaker<S, C>
where
    S: Service<Req, Error: From<Error>>,
    C: Describe<Req> + Classify<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BreakerFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let BreakerLayer { breakers, classify } = &self.layer;
        let route = || classify.route(&request);
        let (target, start) = (classify.target(&request), now());
        let known = self.recent.get(target, route, |route| Known::new(breakers.get(route)));
        let classify = classify.clone();
        match known.breaker.admit(start) {
            Ok(permit) => {
                let (breaker, kept) = (known.breaker.clone(), known.keeps(start));
                let admitted = Admitted { breaker, permit, start, kept, ended: false };
                BreakerFuture { inner: Some(self.inner.call(request)), state: Ok(admitted), classify }
            }
            Err(until) => {
                BreakerFuture { inner: None, state: Err(Some(refusal(route(), until, start))), classify }
            }
        }
    }
}

pin_project! {
    /// Future of [`CircuitBreaker`].
    pub struct BreakerFuture<F, C> {
        #[pin]
        inner: Option<F>,
        state: Result<Admitted, Option<Error>>,
        classify: C,
    }
}

impl<F, C, T, E> Future for BreakerFuture<F, C>
where
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
    E: From<Error>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            let refusal = this.state.as_mut().err().and_then(Option::take);
            return Poll::Ready(Err(refusal
                .unwrap_or_else(|| Error::internal("polled after its end"))
                .into()));
        };
        let result = ready!(inner.poll(cx));
        if let Ok(admitted) = this.state {
            admitted.end(match this.classify.verdict(&result) {
                Verdict::Success => Ending::Succeeded,
                Verdict::Failure(_) => Ending::Failed,
                Verdict::Ignored(_) => Ending::Nothing,
            });
        }
        Poll::Ready(result)
    }
}

/// A call under way. Gives its permit back if it is dropped.
struct Admitted {
    breaker: Arc<Breaker>,
    permit: Permit,
    start: Instant,
    /// Whether success need not be told at once.
    kept: bool,
    ended: bool,
}

impl Admitted {
    #[inline]
    fn end(&mut self, ending: Ending) {
        self.ended = true;
        if ending == Ending::Succeeded && self.kept && self.breaker.keep_success(self.permit) {
            return;
        }
        self.breaker.end(self.permit, ending, self.start);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Ending::Nothing);
        }
    }
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").field("permit", &self.permit).finish_non_exhaustive()
    }
}

#[cold]
fn refusal(route: Route<'_>, until: Option<Instant>, now: Instant) -> Error {
    let Route { service, method } = route;
    let rest = match until {
        Some(until) => format!("it will be probed in {:.1?}", until.saturating_duration_since(now)),
        None => "it is being probed, or was opened by hand".to_owned(),
    };
    Error::new(ErrorKind::CircuitOpen, format!("the circuit of `{service}.{method}` is open: {rest}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tower::{ServiceBuilder, ServiceExt, service_fn};

    use super::*;
    use crate::{BoxError, layers::Plain};

    const SECOND: Duration = Duration::from_secs(1);

    fn config() -> BreakerConfig {
        BreakerConfig { samples_min: 4, open_time: SECOND, probes: 1, ..BreakerConfig::default() }
    }

    async fn serve(request: &'static str) -> Result<(), BoxError> {
        match request {
            "fail" => Err("failed".into()),
            "wait" => pending().await,
            _ => Ok(()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_guards_any_stack() {
        let breakers = Breakers::new(config());
        let layer = BreakerLayer::new(breakers.clone()).classify(Plain);
        let service = ServiceBuilder::new().layer(layer).service(service_fn(serve));
        let call = async |request| service.clone().oneshot(request).await.map_err(Error::from_boxed);
        for _ in 0..4 {
            assert!(!call("fail").await.unwrap_err().is_circuit_open());
        }
        let refused = call("work").await.unwrap_err();
        assert!(refused.is_circuit_open() && refused.to_string().contains("probed in 1"), "{refused}");
        tokio::time::sleep(SECOND).await;
        // The only probe is dropped, so there is room for the next.
        assert!(tokio::time::timeout(SECOND, call("wait")).await.is_err());
        assert_eq!(breakers.state(Route::default()), BreakerState::HalfOpen);
        call("work").await.unwrap();
        assert_eq!(breakers.state(Route::default()), BreakerState::Closed);
        call("work").await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn it_obeys_its_handle() {
        let breakers = Breakers::new(config());
        let layer = BreakerLayer::new(breakers.clone()).classify(Plain);
        let service = ServiceBuilder::new().layer(layer).service(service_fn(serve));
        breakers.force(Route::default(), Some(true));
        assert!(service.clone().oneshot("work").await.is_err());
        breakers.force(Route::default(), None);
        assert!(service.clone().oneshot("work").await.is_ok());
        breakers.configure(BreakerConfig { failures_max: Some(1), ..config() });
        assert!(service.clone().oneshot("fail").await.is_err());
        let refused = Error::from_boxed(service.oneshot("work").await.unwrap_err());
        assert!(refused.is_circuit_open());
        let mut states = Vec::new();
        breakers.for_each(|_, state| states.push(state));
        assert_eq!(states, [BreakerState::Open]);
    }
}
