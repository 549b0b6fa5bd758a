//! The server: services, the layers around them, and where they are reached.
//!
//! ```text
//! Link → frame → admit → layers → dispatch → handler        connection.rs, core.rs, stack.rs, router.rs
//! Link ← encode ← reply ← layers ← result of the handler    job.rs, reply.rs
//! ```
//! [`Server`] collects settings, [`Server::build`] checks them, [`BuiltServer::bind`] opens the address, and
//! [`BoundServer::serve`] takes connections until told to stop. [`Server::run`] is all of these in one.
//!
//! A connection may speak any framing and protocol, even a different one with each message; an answer is always in
//! the dialect of its question. What the peer gets:
//!
//! | case | answer |
//! |---|---|
//! | result, declared exception | the result struct |
//! | business status | TTHeader: an empty result and the status in the header; else an application exception |
//! | application exception, error of a layer | an application exception, marked if the call was not executed |
//! | too late, no room, a rule against it, shutdown | the same, of a type that says so |
//! | oneway method, however called; any method called oneway | none, it is just executed |
//! | unknown method or service, arguments that can't be decoded, panic of a handler | an application exception |
//! | a message that can't be parsed | an application exception as far as name and id are known |
//! | bytes whose message has no known end | the same, then the connection ends |
#![forbid(unsafe_code)]

mod accept;
mod admission;
#[cfg(feature = "config")]
mod config;
mod connection;
mod core;
mod framer;
mod inbox;
mod job;
mod places;
mod reply;
mod router;
mod rules;
mod stack;
mod stall;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tower::{
    Layer, ServiceBuilder,
    layer::util::{Identity, Stack as Layers},
};
use volo_core::{
    Address, BoxError, Error, ErrorKind, Request, Response, Result,
    layers::trace::{Level, LevelHandle, TraceLayer, Tracer},
    net::{LinkOptions, ListenOptions, Listener, TlsServer},
    shutdown,
};

use self::{admission::Gate, core::Core, places::Places, router::Router, stack::Stack};
pub use self::{
    admission::{Admission, Arrival},
    rules::{QueueRule, RateRule},
    stack::Dispatch,
};
use crate::{
    Limits, SameHost, Service,
    budget::ReceiveBudget,
    erased::{TraceWrap, trace},
    meta::InstanceId,
    resources,
};

/// The settings of a server.
///
/// ```no_run
/// # async fn run(service: impl volo_thrift::Service) -> volo_core::Result<()> {
/// use std::time::Duration;
/// use tower::timeout::TimeoutLayer;
///
/// volo_thrift::Server::new()
///     .add_service(service)
///     .layer(TimeoutLayer::new(Duration::from_secs(1)))
///     .run("127.0.0.1:9000")
///     .await
/// # }
/// ```
pub struct Server<L = Identity> {
    services: Vec<Arc<dyn Service>>,
    blocking: Vec<String>,
    service_name_required: bool,
    checksums: bool,
    limits: Limits,
    admission: Vec<Box<dyn Admission>>,
    listen: ListenOptions,
    tracers: Vec<TraceWrap>,
    trace: LevelHandle,
    #[cfg(feature = "config")]
    config: Option<volo_core::config::Config>,
    same_host: Option<SameHost>,
    layers: ServiceBuilder<L>,
}

impl Server {
    /// A server without services, with all limits at their defaults.
    pub fn new() -> Self {
        Server {
            services: Vec::new(),
            blocking: Vec::new(),
            service_name_required: false,
            checksums: false,
            limits: Limits::default(),
            admission: Vec::new(),
            listen: ListenOptions::default(),
            tracers: Vec::new(),
            trace: LevelHandle::default(),
            #[cfg(feature = "config")]
            config: None,
            same_host: None,
            layers: ServiceBuilder::new(),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Server::new()
    }
}

impl<L> Server<L> {
    /// Adds a service.
    ///
    /// A call finds it by the service name it carries (TTHeader's `isn`, or Apache's multiplexed method names),
    /// otherwise by its method's name.
    pub fn add_service(mut self, service: impl Service) -> Self {
        self.services.push(Arc::new(service));
        self
    }

    /// Adds a layer inside of those added before: the first one added sees a request first.
    ///
    /// Any [`tower::Layer`] fits whose service takes a [`Request`] and gives a [`Response`]; its error may be of any
    /// type that fits into a [`BoxError`]. A request's arguments are still encoded in a layer; [`Request::args`]
    /// decodes them, once.
    pub fn layer<M>(self, layer: M) -> Server<Layers<M, L>> {
        Server {
            services: self.services,
            blocking: self.blocking,
            service_name_required: self.service_name_required,
            checksums: self.checksums,
            limits: self.limits,
            admission: self.admission,
            listen: self.listen,
            tracers: self.tracers,
            trace: self.trace,
            #[cfg(feature = "config")]
            config: self.config,
            same_host: self.same_host,
            layers: self.layers.layer(layer),
        }
    }

    /// Has a tracer follow each call that was admitted, with all layers; a second one sees calls after the first.
    pub fn tracer(mut self, tracer: impl Tracer) -> Self {
        self.tracers.push(trace(TraceLayer::server(tracer)));
        self
    }

    /// How much the tracers are told, [`Level::Base`] unless it is set.
    pub fn trace_level(self, level: Level) -> Self {
        self.trace.set(level);
        self
    }

    /// To change the level while the server runs.
    pub fn trace_handle(&self) -> LevelHandle {
        self.trace.clone()
    }

    /// Replaces the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Adds a rule about which calls are taken, asked before anything of a call is decoded. How many calls may be under
    /// way, and how long they may wait, are [limits](Limits::concurrency_max); how many per second is a [`RateRule`].
    pub fn admission(mut self, rule: impl Admission) -> Self {
        self.admission.push(Box::new(rule));
        self
    }

    /// Shows clients this certificate, at addresses like `tls://0.0.0.0:443`; others are refused then. Needs the feature
    /// `tls`.
    pub fn tls(mut self, tls: TlsServer) -> Self {
        self.listen.tls = Some(tls);
        self
    }

    /// Lets only processes of these users connect, where that can be told: to Unix sockets. What they get is an end of
    /// the connection.
    pub fn allow_users(mut self, ids: impl IntoIterator<Item = u32>) -> Self {
        self.listen.unix_users = Some(ids.into_iter().collect());
        self
    }

    /// Offers clients on this host that name the same directory a better transport than the one by which they came:
    /// [`SameHost`], or its path.
    pub fn same_host(mut self, same_host: impl Into<SameHost>) -> Self {
        self.same_host = Some(same_host.into());
        self
    }

    /// Replaces the settings of the listeners and their connections, those for clients on this host included; what
    /// [`Server::tls`] and [`Server::allow_users`] set before is lost. Write buffers and handshakes follow
    /// [`Limits::write_buffer_max`] and [`Limits::handshake_timeout`].
    pub fn listen_options(mut self, options: ListenOptions) -> Self {
        self.listen = options;
        self
    }

    /// Says that the handler of `method` (or `Service.method`) may block its thread: it runs on one of the runtime's
    /// threads for blocking work.
    pub fn blocking(mut self, method: impl Into<String>) -> Self {
        self.blocking.push(method.into());
        self
    }

    /// Refuses calls that name no service. Services may have methods of the same name then.
    pub fn service_name_required(mut self) -> Self {
        self.service_name_required = true;
        self
    }

    /// Lets every reply in TTHeader carry a checksum (CRC32C) of its payload. Calls that carry one are checked, and
    /// answered with one, anyway.
    pub fn checksums(mut self) -> Self {
        self.checksums = true;
        self
    }
}

impl<L> Server<L>
where
    L: Layer<Dispatch>,
    L::Service: tower::Service<Request, Response = Response> + Clone + Send + Sync + 'static,
    <L::Service as tower::Service<Request>>::Error: Into<BoxError>,
    <L::Service as tower::Service<Request>>::Future: Send + 'static,
{
    /// Checks the settings.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no service, two services have the same name or a method of the same name,
    /// or a blocking method doesn't exist. The text names them.
    #[cfg_attr(not(feature = "config"), allow(unused_mut, reason = "a document adds to it"))]
    pub fn build(mut self) -> Result<BuiltServer> {
        let router = Arc::new(Router::new(&self.services, &self.blocking, self.service_name_required)?);
        let stack = Stack::new(self.layers.service(Dispatch::new(router.clone())));
        let mut wraps: Vec<_> = self.tracers.into_iter().map(|tracer| tracer(&self.trace)).collect();
        #[cfg(feature = "config")]
        let extra = self.config.as_ref().map(|_| config::Extra::placed(&mut wraps, &mut self.admission));
        let stack = stack.within(wraps, &router);
        let link = LinkOptions { buffered_max: self.limits.write_buffer_max, ..self.listen.link };
        let handshake_timeout = self.limits.handshake_timeout;
        let listen = ListenOptions { link, handshake_timeout, ..self.listen };
        let budget = ReceiveBudget::of_process(&self.limits);
        let core = Core {
            router,
            stack,
            gate: Gate::new(&self.limits, self.admission),
            places: Places::new(self.limits.connections_max.unwrap_or_else(resources::connections_max)),
            #[cfg(feature = "config")]
            timeouts: extra.as_ref().map(|_| self.limits.clone().into()),
            #[cfg(not(feature = "config"))]
            timeouts: None,
            limits: self.limits,
            budget,
            checksums: self.checksums,
            instance: InstanceId::random(),
            same_host: self.same_host,
            is_near: AtomicBool::new(false),
            #[cfg(feature = "config")]
            _attached: None,
        };
        #[cfg(feature = "config")]
        let core = Core {
            _attached: self
                .config
                .zip(extra)
                .map(|(config, extra)| config::attach(&config, &core, self.trace, extra)),
            ..core
        };
        Ok(BuiltServer { core: Arc::new(core), listen })
    }

    /// [`Server::build`], then [`BuiltServer::bind`].
    ///
    /// # Errors
    /// As there.
    pub async fn bind<A>(self, address: A) -> Result<BoundServer>
    where
        A: TryInto<Address>,
        A::Error: Into<BoxError>,
    {
        self.build()?.bind(address).await
    }

    /// Serves at `address` until the process gets SIGINT or SIGTERM, then finishes what was accepted.
    ///
    /// # Errors
    /// When the server can't be built, or can't listen there.
    pub async fn run<A>(self, address: A) -> Result<()>
    where
        A: TryInto<Address>,
        A::Error: Into<BoxError>,
    {
        self.run_with_shutdown(address, shutdown::signal()).await
    }

    /// Serves at `address` until `shutdown` completes, then finishes what was accepted.
    ///
    /// # Errors
    /// When the server can't be built, or can't listen there.
    pub async fn run_with_shutdown<A>(
        self,
        address: A,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<()>
    where
        A: TryInto<Address>,
        A::Error: Into<BoxError>,
    {
        self.bind(address).await?.serve(shutdown).await;
        Ok(())
    }
}

/// A server whose settings are in order.
#[derive(Clone)]
pub struct BuiltServer {
    core: Arc<Core>,
    listen: ListenOptions,
}

impl BuiltServer {
    /// Listens at `address`: `127.0.0.1:9000`, `unix:///run/catalog.sock`, `mem://catalog`. Connections wait from
    /// now on, and are taken once the server serves.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the address is none, or nobody can listen there.
    pub async fn bind<A>(&self, address: A) -> Result<BoundServer>
    where
        A: TryInto<Address>,
        A::Error: Into<BoxError>,
    {
        let address = address
            .try_into()
            .map_err(|error| Error::new(ErrorKind::Config, "cannot serve there").with_source(error))?;
        let mut listeners = vec![Listener::bind(&address, &self.listen).await?];
        if let Some(same_host) = &self.core.same_host
            && !self.core.is_near.swap(true, Ordering::Relaxed)
        {
            listeners.extend(same_host.listen(self.core.instance, &self.listen).await?);
        }
        Ok(BoundServer { core: self.core.clone(), listeners })
    }
}

/// A server that listens.
pub struct BoundServer {
    core: Arc<Core>,
    /// The one at the address first, then those for clients on this host.
    listeners: Vec<Listener>,
}

impl BoundServer {
    /// Where it listens, with the port that the system chose if it was to.
    pub fn local_address(&self) -> &Address {
        self.listeners[0].local_address()
    }

    /// Serves until `shutdown` completes, then drains: nothing new is accepted, clients are told, what was received
    /// is answered. Returns when all is done, or [`Limits::drain_timeout`] after `shutdown`.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send) {
        accept::serve(self.core, self.listeners, shutdown).await;
    }
}
