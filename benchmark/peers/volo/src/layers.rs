//! Layers of Volo's client, each around a service that answers at once.

use std::{
    hint::black_box,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use motore::{BoxError, timeout::TimeoutLayer};
use pilota::thrift::TMessageType;
use volo::{
    Layer, Service,
    context::{Role, RpcInfo},
    discovery::{Instance, StaticDiscover},
    loadbalance::{LbConfig, MkLbLayer, random::WeightedRandomBalance},
};
use volo_thrift::{ClientError, context::ClientContext};

const INSTANCES: u16 = 16;
const TIMEOUT: Duration = Duration::from_secs(1);

/// Answers at once.
#[derive(Clone, Copy, Debug)]
struct Echo;

impl Service<ClientContext, u64> for Echo {
    type Response = u64;
    type Error = ClientError;

    async fn call(&self, _: &mut ClientContext, request: u64) -> Result<u64, ClientError> {
        Ok(request)
    }
}

/// The layers that a client has, and both in their order.
pub fn cases() -> Vec<(&'static str, Box<dyn FnMut() + Send>)> {
    let timeout = || TimeoutLayer::new(Some(TIMEOUT));
    vec![
        ("bare", calls(Echo)),
        ("timeout", calls(timeout().layer(Echo))),
        ("balance", calls(balance().layer(Echo))),
        ("stack", calls(timeout().layer(balance().layer(Echo)))),
    ]
}

type Balance = <LbConfig<WeightedRandomBalance<()>, StaticDiscover> as MkLbLayer>::Layer;

fn balance() -> Balance {
    let instance = |port| {
        let address = SocketAddr::from(([127, 0, 0, 1], port)).into();
        Arc::new(Instance { address, weight: 1, tags: Default::default() })
    };
    let discover = StaticDiscover::new((1..=INSTANCES).map(instance).collect());
    let balance = WeightedRandomBalance::with_discover(&discover);
    LbConfig::new(balance, discover).make()
}

fn calls<S>(service: S) -> Box<dyn FnMut() + Send>
where
    S: Service<ClientContext, u64, Response = u64, Error: Into<BoxError>> + Send + Sync + 'static,
{
    Box::new(move || {
        let mut context = ClientContext::new(1, RpcInfo::with_role(Role::Client), TMessageType::Call);
        let mut call = std::pin::pin!(service.call(&mut context, black_box(7)));
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(answer) = call.as_mut().poll(&mut cx) {
                black_box(answer.map_err(Into::into).expect("an answer"));
                return;
            }
        }
    })
}
