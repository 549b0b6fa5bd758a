//! Each governing layer around a service that answers at once, and whole stacks: for what a layer costs.
//!
//! A call is a request that is made, a stack that is asked whether it is ready, called, and polled to its end, without a
//! runtime's scheduler in between. What a layer costs is the difference to the bare service. A stack is used for many
//! calls in turn and the clock is held while its layers are told of one, as by a client.

use std::{
    future::{Ready, ready},
    hint::black_box,
    pin::pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use tower::{Layer, Service, ServiceBuilder, layer::layer_fn, util::BoxCloneSyncService};
use volo_core::{
    Body, Context as CallContext, DecodeLimits, Error, Format, Outcome, Peer, Raw, Request, Response, Target,
    balance::{BalanceLayer, Balancer, LoadBalance},
    clock,
    layers::{
        breaker::{BreakerLayer, Breakers},
        fallback::FallbackLayer,
        fault::{FaultConfig, FaultLayer},
        limit::{RateConfig, RateLimitLayer},
        reject::RejectLayer,
        retry::{RetryConfig, RetryLayer},
        timeout::TimeoutLayer,
    },
};
use volo_thrift::{
    CallOpt, Client, ClientBuilder, Method,
    client::{Governance, ServiceClient},
};

/// Makes one call.
pub type Run = Box<dyn FnMut() + Send>;

/// Instances to choose from.
const INSTANCES: u16 = 16;

const TIMEOUT: Duration = Duration::from_secs(1);

/// Polls a future that ends without waiting.
pub fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}

/// Makes calls to a service of ours.
fn calls<S>(mut service: S) -> Run
where
    S: Service<Request, Response = Response, Error = Error> + Send + 'static,
{
    let peer = Arc::new(Peer::new("127.0.0.1:1".parse().expect("an address")));
    let at = clock::now();
    Box::new(move || {
        finish(std::future::poll_fn(|cx| service.poll_ready(cx))).expect("ready");
        let response = finish(clock::hold(at, || service.call(request(Some(peer.clone())))));
        black_box(response.expect("an answer"));
    })
}

/// As [`calls`], without a peer: a balancer has to choose one.
fn unaddressed_calls<S>(mut service: S) -> Run
where
    S: Service<Request, Response = Response, Error = Error> + Send + 'static,
{
    let at = clock::now();
    Box::new(move || {
        finish(std::future::poll_fn(|cx| service.poll_ready(cx))).expect("ready");
        let response = finish(clock::hold(at, || service.call(request(None))));
        black_box(response.expect("an answer"));
    })
}

/// Requests share their target, as a client's do.
fn request(peer: Option<Arc<Peer>>) -> Request {
    static TARGET: LazyLock<Arc<Target>> = LazyLock::new(|| {
        Arc::new(Target { service: "Shop".into(), method: "list".into(), ..Target::default() })
    });
    let mut context = CallContext::of(TARGET.clone());
    context.peer = peer;
    context.attempt.timeout = Some(TIMEOUT);
    Request::new(context, body())
}

fn body() -> Body {
    let limits = DecodeLimits { depth_max: 1, memory_max: 1 };
    Body::Raw(Raw { format: Format(0), bytes: Bytes::new(), limits })
}

/// Answers at once.
#[derive(Clone, Copy, Debug)]
struct Echo;

impl Service<Request> for Echo {
    type Response = Response;
    type Error = Error;
    type Future = Ready<Result<Response, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let body = request.body().clone();
        ready(Ok(Response::new(request.into_context(), body, Outcome::Success)))
    }
}

/// All single layers and the default stack, by name; `bare` is what they are around.
pub fn cases() -> Vec<(&'static str, Run)> {
    let rate = RateConfig::per_second(1_000_000_000);
    let answer = async |_: Request, failure| failure;
    let rule = |request: &Request| request.context.method.is_empty().then(|| "no method".to_owned());
    vec![
        ("bare", calls(Echo)),
        ("boxed", calls(BoxCloneSyncService::new(Echo))),
        ("timeout", calls(TimeoutLayer::new().layer(Echo))),
        ("retry", calls(RetryLayer::new(RetryConfig::default()).layer(Echo))),
        ("breaker", calls(BreakerLayer::new(Breakers::default()).layer(Echo))),
        ("balance", unaddressed_calls(BalanceLayer::new(balancer()).layer(Echo))),
        ("fallback", calls(FallbackLayer::new(answer).layer(Echo))),
        ("reject", calls(RejectLayer::new(rule).layer(Echo))),
        ("rate limit", calls(RateLimitLayer::new(rate).layer(Echo))),
        ("fault", calls(FaultLayer::new(FaultConfig::default()).layer(Echo))),
        ("default stack", unaddressed_calls(default_stack())),
        ("client without governance", client(Governance::none())),
        ("client", client(Governance::default())),
    ]
}

/// What a client puts around its connections, in its order and boxed once.
fn default_stack() -> BoxCloneSyncService<Request, Response, Error> {
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(RetryConfig::default()))
        .layer(BreakerLayer::new(Breakers::default()))
        .layer(BalanceLayer::new(balancer()))
        .layer(TimeoutLayer::new());
    BoxCloneSyncService::new(stack.service(Echo))
}

fn balancer() -> Arc<Balancer> {
    let balancer = Balancer::new(LoadBalance::default());
    let address = |port| volo_core::Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
    balancer.update((1..=INSTANCES).map(|port| address(port).into()));
    balancer
}

struct Plain(Client);

impl From<Client> for Plain {
    fn from(client: Client) -> Self {
        Plain(client)
    }
}

impl ServiceClient for Plain {
    const SERVICE: &'static str = "Shop";
}

static LIST: Method = Method { service: "Shop", name: "list", oneway: false, idempotent: true };

/// Calls of a client whose innermost layer answers instead of a connection: the context is made, the deadline worked
/// out, the stack passed.
fn client(governance: Governance) -> Run {
    let builder = ClientBuilder::<Plain>::new("shop").governance(governance).address("127.0.0.1:1");
    let Plain(client) = builder.layer_inner(layer_fn(|_| Echo)).build();
    let client = client.with_callopt(CallOpt::default());
    Box::new(move || {
        black_box(finish(client.execute(&LIST, body())).expect("an answer"));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_runs() {
        for (_, mut run) in cases() {
            (0..300).for_each(|_| run());
        }
    }
}
