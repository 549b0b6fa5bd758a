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
    time::Instant,
};

use faststr::FastStr;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

pub use state::{BreakerConfig, BreakerState};

use super::{Classify, Describe, PerMethod, Route, Rpc, Verdict, now, table::Table};
use crate::{
    Error, ErrorKind,
    observe::{self, Event},
};
use state::{Circuit, Ending, Permit};

/// The circuits of all methods; clones are handles to the same ones.
#[derive(Clone, Debug, Default)]
pub struct Breakers {
    inner: Arc<Circuits>,
}

#[derive(Debug, Default)]
struct Circuits {
    config: Mutex<PerMethod<BreakerConfig>>,
    breakers: Table<Breaker>,
}

/// A circuit that many calls use.
#[derive(Debug)]
struct Breaker {
    service: FastStr,
    method: FastStr,
    circuit: Mutex<Circuit>,
    /// The number of the circuit's phase if that admits all calls, so that they take no lock; otherwise [`BARRED`].
    free: AtomicU64,
}

const BARRED: u64 = u64::MAX;

impl Breakers {
    /// Circuits that open and close as `config` says.
    pub fn new(config: impl Into<PerMethod<BreakerConfig>>) -> Self {
        let inner = Circuits { config: Mutex::new(config.into()), breakers: Table::default() };
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
            let circuit = Circuit::new(config);
            let free = circuit.free_generation().map_or(BARRED, u64::from);
            Breaker {
                service: FastStr::new(route.service),
                method: FastStr::new(route.method),
                circuit: Mutex::new(circuit),
                free: AtomicU64::new(free),
            }
        })
    }
}

impl Breaker {
    fn admit(&self, now: Instant) -> Result<Permit, Option<Instant>> {
        if let Ok(generation) = u32::try_from(self.free.load(Ordering::Acquire)) {
            return Ok(Permit { generation });
        }
        self.change(|circuit| circuit.admit(now))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Circuit) -> T) -> T {
        let mut circuit = lock(&self.circuit);
        let before = circuit.generation();
        let changed = change(&mut circuit);
        if circuit.generation() != before {
            self.tell(circuit.state());
        }
        let free = circuit.free_generation().map_or(BARRED, u64::from);
        if self.free.load(Ordering::Relaxed) != free {
            self.free.store(free, Ordering::Release);
        }
        changed
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
        CircuitBreaker { inner, layer: self.clone() }
    }
}

/// Service of [`BreakerLayer`].
#[derive(Clone, Debug)]
pub struct CircuitBreaker<S, C = Rpc> {
    inner: S,
    layer: BreakerLayer<C>,
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
        let route = classify.route(&request);
        let (breaker, start) = (breakers.get(route), now());
        let classify = classify.clone();
        match breaker.admit(start) {
            Ok(permit) => {
                let admitted = Admitted { breaker, permit, start, ended: false };
                BreakerFuture { inner: Some(self.inner.call(request)), state: Ok(admitted), classify }
            }
            Err(until) => {
                BreakerFuture { inner: None, state: Err(Some(refusal(route, until, start))), classify }
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
    ended: bool,
}

impl Admitted {
    fn end(&mut self, ending: Ending) {
        self.ended = true;
        let now = now();
        let duration = now.saturating_duration_since(self.start);
        self.breaker.change(|circuit| circuit.end(self.permit, ending, duration, now));
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
    use std::{future::pending, time::Duration};

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
