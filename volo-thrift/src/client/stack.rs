//! The layers around a client's connections, in their order.
//!
//! ```text
//! once per call      deadline (total) → outer layers → fallback → retry and backup requests
//! once per attempt     → breaker → balance and ejection → deadline (attempt) → inner layers → connection
//! ```
//! A fallback answers for the call, not for an attempt. The breaker counts attempts, so that retries don't hide
//! failures from it, and a call that it refuses needs no instance. Whoever was picked is known inside of the balancer
//! only. All of them are one type, boxed once; layers of users are boxed each.

use std::{
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tower::{
    Layer, Service,
    util::{BoxCloneSyncService, option_layer},
};
use volo_core::{
    Error, ErrorKind, Request, Response, Result,
    balance::{BalanceLayer, Balancer},
    layers::{
        PerMethod, Rpc, Setting,
        breaker::{BreakerConfig, BreakerLayer, Breakers},
        retry::{Budget, RetryConfig, RetryLayer},
        timeout::TimeoutLayer,
        trace::LevelHandle,
    },
};

use super::{ClientService, Timeouts, auto::Auto, mux::Mux, pingpong::PingPong};
use crate::erased::{Wrap, wrapped};

/// What governs the calls of a client, and can be changed while it makes some: clones share it all.
///
/// Several clients may share one, too, for example to have one budget of retries together.
#[derive(Clone, Debug, Default)]
pub struct Governance {
    /// How long calls may take.
    pub timeouts: Setting<PerMethod<Timeouts>>,
    /// When calls are sent again.
    pub retry: Setting<PerMethod<RetryConfig>>,
    /// How many retries all calls together may cause.
    pub budget: Arc<Budget>,
    /// When methods that fail are not called any more.
    pub breakers: Breakers,
    /// What a failure is.
    pub classify: Rpc,
    /// Whose failures the fallback does not answer for.
    pub fallback_suspended: Setting<PerMethod<bool>>,
    /// How much tracers are told.
    pub trace: LevelHandle,
}

impl Governance {
    /// Nothing but timeouts: each call is sent once, whatever happened to those before.
    pub fn none() -> Self {
        let (retry, breakers) = (RetryConfig::never().into(), Breakers::new(BreakerConfig::never()));
        Governance { retry, breakers, ..Governance::default() }
    }
}

/// The layers of one client, before they are put together.
#[derive(Default)]
pub(super) struct Layers {
    pub(super) outer: Vec<Wrap>,
    pub(super) fallback: Option<Wrap>,
    pub(super) balancer: Option<Arc<Balancer>>,
    pub(super) inner: Vec<Wrap>,
}

impl Layers {
    /// Puts everything around the connections.
    pub(super) fn around(self, transport: Transport, governance: &Governance) -> ClientService {
        let Layers { outer, fallback, balancer, inner } = self;
        let balance = balancer.map(BalanceLayer::new);
        let governed = if inner.is_empty() {
            govern(transport, balance, governance)
        } else {
            govern(wrapped(BoxCloneSyncService::new(transport), inner), balance, governance)
        };
        let answered = wrapped(governed, fallback);
        wrapped(answered, outer)
    }
}

fn govern<S>(inner: S, balance: Option<BalanceLayer>, governance: &Governance) -> ClientService
where
    S: Service<Request, Response = Response, Error = Error, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static,
{
    let Governance { retry, budget, breakers, classify, .. } = governance.clone();
    let balance = balance.map(|balance| balance.classify(classify.clone()));
    let timed = TimeoutLayer::new().layer(inner);
    let balanced = option_layer(balance).layer(timed);
    let guarded = BreakerLayer::new(breakers).classify(classify.clone()).layer(balanced);
    BoxCloneSyncService::new(RetryLayer::with(retry, classify, budget).layer(guarded))
}

/// The connections of a client.
#[derive(Clone, Debug)]
pub(super) enum Transport {
    Auto(Arc<Auto>),
    PingPong(Arc<PingPong>),
    Mux(Arc<Mux>),
    /// There are none, because the settings make no sense.
    Refusing(Arc<str>),
}

#[cfg(feature = "config")]
impl Transport {
    /// The connections that serve one call at a time, where there are any.
    pub(super) fn pingpong(&self) -> Option<&PingPong> {
        match self {
            Transport::Auto(auto) => Some(auto.pingpong()),
            Transport::PingPong(pingpong) => Some(pingpong),
            Transport::Mux(_) | Transport::Refusing(_) => None,
        }
    }
}

impl Service<Request> for Transport {
    type Response = Response;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self {
            Transport::Auto(auto) => Box::pin(auto.clone().call(request)),
            Transport::PingPong(pingpong) => Box::pin(pingpong.clone().call(request)),
            Transport::Mux(mux) => Box::pin(mux.clone().call(request)),
            Transport::Refusing(fault) => {
                let fault = Error::new(ErrorKind::Config, &**fault);
                Box::pin(ready(Err(fault)))
            }
        }
    }
}
