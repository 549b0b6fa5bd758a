//! Settings of a client, and how its parts are put together.

use std::{fmt, future::Future, marker::PhantomData, sync::Arc, time::Duration};

use faststr::FastStr;
use tower::{Layer, Service};
use volo_core::{
    Address, BoxError, Error, ErrorKind, Request, Response, Result,
    balance::{Balancer, LoadBalance},
    discover::{Discover, Feed},
    layers::{
        PerMethod, Route, Rpc, Setting,
        breaker::{BreakerConfig, Breakers},
        fallback::FallbackLayer,
        retry::{Budget, RetryConfig},
        trace::{Level, TraceLayer, Tracer},
    },
    net::{ConnectOptions, TlsClient},
    pool::PoolConfig,
};

use super::{
    CallOpt, Client, ClientService, Governance, ServiceClient, Stack, Timeouts,
    auto::Auto,
    connection::{Checksums, Settings, Times},
    mux::Mux,
    pingpong::PingPong,
    readiness::Counting,
    stack::{Layers, Transport},
    targets::Targets,
    warm_up::warming,
};
use crate::{
    Limits, SameHost,
    budget::ReceiveBudget,
    erased::{TraceWrap, trace, wrap},
    meta::{Advert, Identity, keys},
    wire::{Dialect, Framing, Protocol},
};

/// How calls share connections.
#[derive(Clone, Copy, Debug)]
enum Mode {
    /// As the server offers.
    Auto,
    /// One call at a time.
    PingPong,
    /// Many at a time over so many.
    Mux(usize),
}

/// Makes a client of type `C`.
///
/// By default it speaks TTHeader with Binary over pooled connections, one call at a time on each until a server of our
/// kind offers more. An attempt may take one second and a call two; attempts that failed are repeated twice where that
/// is safe, a fifth of the calls at most; a method of which half the calls fail is left alone for a while. Nothing
/// happens before the first call, so a client can be built outside of a runtime.
///
/// ```text
/// once per call      deadline (total) → tracers → outer layers → fallback → retry and backup requests
/// once per attempt     → breaker → balance and ejection → deadline (attempt) → tracers → inner layers → connection
/// ```
/// In each group the layer added first sees a request first. Any [`tower::Layer`] will do: errors of other kinds than
/// ours are turned into ours, with tower's known ones classified.
pub struct ClientBuilder<C> {
    identity: Identity,
    options: CallOpt,
    connect: ConnectOptions,
    dialect: Dialect,
    mode: Mode,
    checksums: bool,
    multiplexed: bool,
    pool: PoolConfig,
    limits: Limits,
    governance: Governance,
    layers: Layers,
    balance: LoadBalance,
    feed: Option<Feed>,
    warm_up: bool,
    tracers: Vec<TraceWrap>,
    attempt_tracers: Vec<TraceWrap>,
    #[cfg(feature = "config")]
    pub(super) config: Option<volo_core::config::Config>,
    same_host: Option<SameHost>,
    fault: Option<String>,
    client: PhantomData<fn() -> C>,
}

impl<C: ServiceClient> ClientBuilder<C> {
    /// A client of the service that is deployed under the name `callee`.
    pub fn new(callee: impl Into<FastStr>) -> Self {
        ClientBuilder {
            identity: Identity { callee: callee.into(), ..Identity::default() },
            options: CallOpt::default(),
            connect: ConnectOptions::default(),
            dialect: Dialect::new(Framing::TtHeader, Protocol::Binary),
            mode: Mode::Auto,
            checksums: false,
            multiplexed: false,
            pool: PoolConfig::default(),
            limits: Limits::default(),
            governance: Governance::default(),
            layers: Layers::default(),
            balance: LoadBalance::least_in_flight(),
            feed: None,
            warm_up: false,
            tracers: Vec::new(),
            attempt_tracers: Vec::new(),
            #[cfg(feature = "config")]
            config: None,
            same_host: None,
            fault: None,
            client: PhantomData,
        }
    }

    /// The name under which the caller is deployed, for the callee to see.
    pub fn caller_name(mut self, caller: impl Into<FastStr>) -> Self {
        self.identity.caller = caller.into();
        self
    }

    /// Where the callee can be reached: an [`Address`], or what it can be made of, as the text `127.0.0.1:9000` or
    /// `unix:///run/catalog.sock`. With a text that is no address, every call fails and says so.
    pub fn address<A>(mut self, address: A) -> Self
    where
        A: TryInto<Address>,
        A::Error: Into<BoxError>,
    {
        match address.try_into() {
            Ok(address) => self.options.address = Some(address),
            Err(error) => self.fault = Some(error.into().to_string()),
        }
        self
    }

    /// Where the instances of the callee are found; each attempt goes to one of them. An address, if one is set, wins.
    pub fn discover(mut self, source: impl Discover) -> Self {
        self.feed = Some(Feed::new(source));
        self
    }

    /// How calls are spread over the instances that were discovered; by default of two the one with fewer calls under
    /// way, and instances that fail are left out for a while.
    pub fn load_balance(mut self, balance: LoadBalance) -> Self {
        self.balance = balance;
        self
    }

    /// Connects to instances that were discovered before they get calls, by calling the method of
    /// [`Health`](crate::health::Health), whatever the answer to that is.
    pub fn warm_up(mut self) -> Self {
        self.warm_up = true;
        self
    }

    /// Lets this balancer choose where each attempt goes, which others may use or look into as well; in place of
    /// [`ClientBuilder::discover`] and [`ClientBuilder::load_balance`].
    pub fn balancer(mut self, balancer: Arc<Balancer>) -> Self {
        self.layers.balancer = Some(balancer);
        self
    }

    /// How long an attempt at a call may take, 1 s by default; `None` leaves it to the caller's own deadline, if there
    /// is one. A call may take twice as long with all its attempts, or as [`ClientBuilder::total_timeout`] says.
    pub fn rpc_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        let attempt = timeout.into();
        self.change_timeouts(|timeouts| timeouts.attempt = attempt)
    }

    /// How long a call may take with all its attempts, twice as long as an attempt by default.
    pub fn total_timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        let total = timeout.into();
        self.change_timeouts(|timeouts| timeouts.total = total)
    }

    /// Sets the same for all methods.
    fn change_timeouts(mut self, change: impl FnOnce(&mut Timeouts)) -> Self {
        let mut timeouts = self.governance.timeouts.with(|timeouts| *timeouts.get(Route::default()));
        change(&mut timeouts);
        self.governance.timeouts = timeouts.into();
        self
    }

    /// How long calls may take, method by method and changeable.
    pub fn timeouts(mut self, timeouts: impl Into<Setting<PerMethod<Timeouts>>>) -> Self {
        self.governance.timeouts = timeouts.into();
        self
    }

    /// When calls are sent again, and whether slow ones are sent twice: a [`RetryConfig`], or a changeable one per
    /// method. By default failed attempts are repeated twice, if they had no effect or the method is `rpc.idempotent`.
    pub fn retry(mut self, config: impl Into<Setting<PerMethod<RetryConfig>>>) -> Self {
        self.governance.retry = config.into();
        self
    }

    /// How many retries all calls together may cause: a fifth of the calls by default.
    pub fn retry_budget(mut self, budget: impl Into<Arc<Budget>>) -> Self {
        self.governance.budget = budget.into();
        self
    }

    /// When a method that fails is not called any more; by default when half of at least 200 calls in ten seconds
    /// failed, for five seconds.
    pub fn breaker(mut self, config: impl Into<PerMethod<BreakerConfig>>) -> Self {
        self.governance.breakers = Breakers::new(config);
        self
    }

    /// What a failure is, for retries and breakers: [`Rpc::judged_by`].
    pub fn classify(mut self, classify: Rpc) -> Self {
        self.governance.classify = classify;
        self
    }

    /// All of that at once: to share it among clients, or keep a clone of it and change it later.
    pub fn governance(mut self, governance: Governance) -> Self {
        self.governance = governance;
        self
    }

    /// Lets `answer` end the calls that failed after all retries, given the request and how it failed.
    pub fn fallback<A, F>(mut self, answer: A) -> Self
    where
        A: Fn(Request, Result<Response>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Response>> + Send + 'static,
    {
        let suspended = self.governance.fallback_suspended.clone();
        let answer = Arc::new(answer);
        self.layers.fallback = Some(wrap(FallbackLayer::new(move |request: Request, result| {
            let (suspended, answer) = (suspended.clone(), answer.clone());
            async move {
                let route = Route { service: &request.context.service, method: &request.context.method };
                if suspended.with(|suspended| *suspended.get(route)) {
                    return result;
                }
                answer(request, result).await
            }
        })));
        self
    }

    /// Has a tracer follow each call, with all that happens to it; a second one sees calls after the first.
    pub fn tracer(mut self, tracer: impl Tracer) -> Self {
        self.tracers.push(trace(TraceLayer::client(tracer)));
        self
    }

    /// Has a tracer follow each attempt at a call, from when it is known where it goes.
    pub fn attempt_tracer(mut self, tracer: impl Tracer) -> Self {
        self.attempt_tracers.push(trace(TraceLayer::client(tracer)));
        self
    }

    /// How much the tracers are told, [`Level::Base`] unless it is set; [`Governance::trace`] changes it later.
    pub fn trace_level(self, level: Level) -> Self {
        self.governance.trace.set(level);
        self
    }

    /// How long making a connection may take, 50 ms by default; the callee is told if it is set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect.connect_timeout = timeout;
        self.identity.connect_timeout = Some(timeout);
        self
    }

    /// Replaces the settings of connections of every kind, those to servers on this host included; what
    /// [`ClientBuilder::connect_timeout`] and [`ClientBuilder::tls`] set before is lost. Write buffers and handshakes
    /// follow [`Limits::write_buffer_max`] and [`Limits::handshake_timeout`]. Servers have
    /// [`Server::listen_options`](crate::Server::listen_options).
    ///
    /// ```
    /// # use volo_thrift::{Client, ClientBuilder, client::ServiceClient};
    /// use volo_core::net::{ConnectOptions, ShmOptions, ShmSpin};
    ///
    /// # fn build<C: ServiceClient>() -> C {
    /// let shm = ShmOptions { spin: ShmSpin::Off, arena_max: 4 << 20, ..ShmOptions::default() };
    /// ClientBuilder::new("catalog")
    ///     .connect_options(ConnectOptions { shm, ..ConnectOptions::default() })
    ///     .same_host("/run/shop/near")
    ///     .build()
    /// # }
    /// ```
    pub fn connect_options(mut self, options: ConnectOptions) -> Self {
        self.connect = options;
        self
    }

    /// How addresses like `tls://catalog.example:443` are spoken to; by default the system's roots are trusted, and no
    /// certificate is shown. Needs the feature `tls`.
    pub fn tls(mut self, tls: TlsClient) -> Self {
        self.connect.tls = tls;
        self
    }

    /// Leaves TCP for a better transport with servers on this host that name the same directory: [`SameHost`], or its
    /// path. Calls stay on TCP if anything lies between, as long as nothing better is up, and where the server
    /// doesn't offer it. Needs TTHeader, and nothing said about how calls share connections.
    pub fn same_host(mut self, same_host: impl Into<SameHost>) -> Self {
        self.same_host = Some(same_host.into());
        self
    }

    /// Puts a header with metainfo before each message. This is the default.
    pub fn ttheader(self) -> Self {
        self.framing(Framing::TtHeader)
    }

    /// Puts a header and a length before each message, as some proxies want it.
    pub fn ttheader_framed(self) -> Self {
        self.framing(Framing::TtHeaderFramed)
    }

    /// Puts just a length before each message.
    pub fn framed(self) -> Self {
        self.framing(Framing::Framed)
    }

    /// Sends message after message with nothing between them.
    pub fn buffered(self) -> Self {
        self.framing(Framing::Buffered)
    }

    fn framing(mut self, framing: Framing) -> Self {
        self.dialect.framing = framing;
        self
    }

    /// How values are encoded; Binary by default.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.dialect.protocol = protocol;
        self
    }

    /// Puts the service's name before each method's, for servers that have several services in Apache's multiplexed
    /// protocol.
    pub fn multiplexed(mut self) -> Self {
        self.multiplexed = true;
        self
    }

    /// Lets every call carry a checksum (CRC32C) of its payload. Needs TTHeader. Replies that carry one are checked
    /// anyway. Calls that share a connection carry one without this, too, unless the peer answers without.
    pub fn checksums(mut self) -> Self {
        self.checksums = true;
        self
    }

    /// Shares so many connections per address among all calls, whatever the server says; 0 is the same as
    /// [`ClientBuilder::pingpong`]. Needs TTHeader and a server that answers out of order.
    pub fn mux(mut self, connections: usize) -> Self {
        self.mode = if connections == 0 { Mode::PingPong } else { Mode::Mux(connections) };
        self
    }

    /// Gives each call a connection for itself while it lasts, whatever the server offers.
    pub fn pingpong(mut self) -> Self {
        self.mode = Mode::PingPong;
        self
    }

    /// How connections are kept between calls that have one for themselves.
    pub fn pool(mut self, config: PoolConfig) -> Self {
        self.pool = config;
        self
    }

    /// What one message and one connection may take.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Adds a layer that sees each call once, before retries and fallback.
    pub fn layer_outer<L>(mut self, layer: L) -> Self
    where
        L: Layer<ClientService> + Send + 'static,
        L::Service: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Error: Into<BoxError>,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.layers.outer.push(wrap(Counting(layer)));
        self
    }

    /// Adds a layer that sees each attempt at a call, with the peer's address and the attempt's deadline known.
    pub fn layer_inner<L>(mut self, layer: L) -> Self
    where
        L: Layer<ClientService> + Send + 'static,
        L::Service: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Error: Into<BoxError>,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.layers.inner.push(wrap(Counting(layer)));
        self
    }

    /// The client. Settings that make no sense together fail its calls, with an error that says why.
    pub fn build(mut self) -> C {
        self.connect.link.buffered_max = self.limits.write_buffer_max;
        self.connect.handshake_timeout = self.limits.handshake_timeout;
        let settings = Settings {
            dialect: self.dialect,
            times: Times::from(&self.limits).into(),
            budget: ReceiveBudget::of_process(&self.limits),
            limits: self.limits,
            identity: self.identity,
            flags: 0,
            checksums: if self.checksums { Checksums::Always } else { Checksums::Never },
            multiplexed: self.multiplexed,
            greeting: None,
        };
        #[cfg(feature = "config")]
        let times = settings.times.clone();
        let has_header = self.dialect.framing.has_header();
        let transport = match (self.fault, self.mode) {
            (Some(fault), _) => Err(Error::new(ErrorKind::Config, fault)),
            _ if self.checksums && !has_header => {
                Err(Error::new(ErrorKind::Config, "checksums need TTHeader"))
            }
            (None, Mode::Auto) if has_header => Auto::new(settings, self.connect, self.pool, self.same_host)
                .map(|auto| Transport::Auto(Arc::new(auto))),
            _ if self.same_host.is_some() => {
                let text = "same_host needs TTHeader, and neither mux nor pingpong";
                Err(Error::new(ErrorKind::Config, text))
            }
            (None, Mode::Auto | Mode::PingPong) => {
                let announcement = (keys::ANNOUNCE, Advert::PLAIN_ANNOUNCEMENT);
                let settings = Settings { greeting: has_header.then_some(announcement), ..settings };
                PingPong::new(settings, self.connect, self.pool)
                    .map(|pingpong| Transport::PingPong(Arc::new(pingpong)))
            }
            (None, Mode::Mux(connections)) => {
                Mux::new(settings, self.connect, connections).map(|mux| Transport::Mux(Arc::new(mux)))
            }
        };
        let transport = transport.unwrap_or_else(|fault| Transport::Refusing(fault.to_string().into()));
        let mut layers = self.layers;
        #[cfg(feature = "config")]
        let extra = self.config.as_ref().map(|_| super::config::Extra::placed(&mut layers));
        let traces =
            |tracers: Vec<TraceWrap>| tracers.into_iter().map(|tracer| tracer(&self.governance.trace));
        layers.outer.splice(0..0, traces(self.tracers));
        layers.inner.splice(0..0, traces(self.attempt_tracers));
        if let Some(feed) = self.feed {
            let feed = if self.warm_up { warming(feed, transport.clone()) } else { feed };
            layers.balancer.get_or_insert_with(|| Balancer::discovering(self.balance, feed));
        }
        #[cfg(feature = "config")]
        let attached = self.config.zip(extra).map(|(config, extra)| {
            let parts = super::config::Parts {
                names: super::config::Names { service: C::SERVICE, methods: C::METHODS },
                governance: self.governance.clone(),
                balancer: layers.balancer.clone(),
                times,
                transport: transport.clone(),
            };
            super::config::attach(&config, parts, extra)
        });
        let service = layers.around(transport, &self.governance);
        let timeouts = self.governance.timeouts.reader();
        let stack = Stack { service, timeouts, targets: Targets::default() };
        #[cfg(not(feature = "config"))]
        let attached = super::Attached;
        Client::new(C::SERVICE, stack, self.options, attached).into()
    }
}

impl<C> fmt::Debug for ClientBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("identity", &self.identity)
            .field("options", &self.options)
            .field("dialect", &self.dialect)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
