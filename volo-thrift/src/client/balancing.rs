//! Which instance of the callee a call goes to, if there are several.

use std::{sync::Arc, time::Duration};

use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};
use volo_core::{
    Body, Context, Peer, Request, Result,
    balance::{BalanceLayer, Balancer, Instance, LoadBalance},
    discover::{Discover, Feed},
};

use super::{ClientBuilder, ClientService, ServiceClient, timer::after};
use crate::{health, protocol::Typed};

/// How long the call that warms an instance up may take.
const WARM_UP_TIMEOUT: Duration = Duration::from_secs(1);

/// Settings for several instances.
#[derive(Default)]
pub(super) struct Balancing {
    feed: Option<Feed>,
    load_balance: LoadBalance,
    balancer: Option<Arc<Balancer>>,
    warm_up: bool,
}

impl<C: ServiceClient> ClientBuilder<C> {
    /// Where the instances of the callee are found; calls are spread over them. A call with an address of its own
    /// goes there nonetheless.
    ///
    /// ```no_run
    /// use volo_core::{balance::LoadBalance, discover::FileDiscover};
    /// use volo_thrift::health::{HealthClient, HealthClientBuilder};
    ///
    /// let client: HealthClient = HealthClientBuilder::new("catalog")
    ///     .discover(FileDiscover::new("/etc/catalog.list"))
    ///     .load_balance(LoadBalance::peak_ewma())
    ///     .build();
    /// ```
    pub fn discover(mut self, source: impl Discover) -> Self {
        self.balancing.feed = Some(Feed::new(source));
        self
    }

    /// How calls are spread over the instances that [`ClientBuilder::discover`] finds; by default each goes to the
    /// one of two random ones that has fewer calls under way.
    pub fn load_balance(mut self, load_balance: LoadBalance) -> Self {
        self.balancing.load_balance = load_balance;
        self
    }

    /// Spreads calls by a balancer of the caller's, who may keep it to watch it or to update its list by hand. Takes
    /// the place of [`ClientBuilder::discover`] and [`ClientBuilder::load_balance`].
    pub fn balancer(mut self, balancer: Arc<Balancer>) -> Self {
        self.balancing.balancer = Some(balancer);
        self
    }

    /// Connects to new instances that [`ClientBuilder::discover`] finds before they get calls, by calling
    /// [`Health`](crate::health::Health)'s method. Whatever the answer is, there is a connection then.
    pub fn warm_up(mut self) -> Self {
        self.balancing.warm_up = true;
        self
    }
}

impl Balancing {
    /// Lets calls pass the choice of an instance before `attempt`; `connections` is below all layers.
    pub(super) fn around(self, attempt: ClientService, connections: ClientService) -> ClientService {
        let Balancing { feed, load_balance, balancer, warm_up } = self;
        let discovering = |feed: Feed| {
            let feed = if warm_up { feed.warm_up(move |new| warm(connections.clone(), new)) } else { feed };
            Balancer::discovering(load_balance, feed)
        };
        match balancer.or_else(|| feed.map(discovering)) {
            Some(balancer) => BoxCloneSyncService::new(BalanceLayer::new(balancer).layer(attempt)),
            None => attempt,
        }
    }
}

/// Makes one call to an instance.
async fn warm(connections: ClientService, instance: Instance) -> Result<()> {
    let mut context = Context::new(health::CHECK.service, health::CHECK.name);
    context.idempotent = true;
    context.deadline = after(WARM_UP_TIMEOUT);
    context.peer = Some(Arc::new(Peer { address: instance.address, credentials: None }));
    let body = Body::Typed(Arc::new(Typed(health::check_args())));
    let mut connections = connections;
    connections.ready().await?.call(Request::new(context, body)).await.map(drop)
}
