//! Settings of a client, and how its parts are put together.

use std::{fmt, future::ready, marker::PhantomData, sync::Arc, time::Duration};

use faststr::FastStr;
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};
use volo_core::{
    Address, BoxError, Error, ErrorKind, Request, Response, Result, net::ConnectOptions, pool::PoolConfig,
};

use super::{
    CallOpt, Client, ClientService, ServiceClient, auto::Auto, connection::Settings, mux::Mux,
    pingpong::PingPong,
};
use crate::{
    Limits,
    meta::{Advert, Identity, keys},
    wire::{Dialect, Framing, Protocol},
};

/// How long a call may take unless the client is told otherwise.
const RPC_TIMEOUT: Duration = Duration::from_secs(1);

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

type Wrap = Box<dyn FnOnce(ClientService) -> ClientService + Send>;

/// Makes a client of type `C`.
///
/// By default it speaks TTHeader with Binary over pooled connections, one call at a time on each until a server of our
/// kind offers more, and gives a call one second. Nothing happens before the first call, so a client can be built outside of a runtime.
///
/// A request passes the deadline, the outer layers, the inner layers and then goes to a connection; in each group the
/// layer added first sees it first. Any [`tower::Layer`] will do: errors of other kinds than ours are turned into
/// ours, with tower's known ones classified.
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
    outer: Vec<Wrap>,
    inner: Vec<Wrap>,
    fault: Option<String>,
    client: PhantomData<fn() -> C>,
}

impl<C: ServiceClient> ClientBuilder<C> {
    /// A client of the service that is deployed under the name `callee`.
    pub fn new(callee: impl Into<FastStr>) -> Self {
        ClientBuilder {
            identity: Identity { callee: callee.into(), ..Identity::default() },
            options: CallOpt { timeout: Some(RPC_TIMEOUT), ..CallOpt::default() },
            connect: ConnectOptions::default(),
            dialect: Dialect::new(Framing::TtHeader, Protocol::Binary),
            mode: Mode::Auto,
            checksums: false,
            multiplexed: false,
            pool: PoolConfig::default(),
            limits: Limits::default(),
            outer: Vec::new(),
            inner: Vec::new(),
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

    /// How long a call may take, 1 s by default; `None` leaves it to the caller's own deadline, if there is one.
    pub fn rpc_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.timeout = timeout.into();
        self
    }

    /// How long making a connection may take, 50 ms by default; the callee is told if it is set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect.connect_timeout = timeout;
        self.identity.connect_timeout = Some(timeout);
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
    /// anyway.
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

    /// Adds a layer that sees each call once.
    pub fn layer_outer<L>(mut self, layer: L) -> Self
    where
        L: Layer<ClientService> + Send + 'static,
        L::Service: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Error: Into<BoxError>,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.outer.push(wrap(layer));
        self
    }

    /// Adds a layer that sees each attempt at a call, with the peer's address known.
    pub fn layer_inner<L>(mut self, layer: L) -> Self
    where
        L: Layer<ClientService> + Send + 'static,
        L::Service: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Error: Into<BoxError>,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.inner.push(wrap(layer));
        self
    }

    /// The client. Settings that make no sense together fail its calls, with an error that says why.
    pub fn build(mut self) -> C {
        self.connect.link.buffered_max = self.limits.write_buffer_max;
        let settings = Settings {
            dialect: self.dialect,
            limits: self.limits,
            identity: self.identity,
            flags: 0,
            checksums: self.checksums,
            multiplexed: self.multiplexed,
            greeting: None,
        };
        let has_header = self.dialect.framing.has_header();
        let innermost = match (self.fault, self.mode) {
            (Some(fault), _) => Err(Error::new(ErrorKind::Config, fault)),
            _ if self.checksums && !has_header => {
                Err(Error::new(ErrorKind::Config, "checksums need TTHeader"))
            }
            (None, Mode::Auto) if has_header => auto(settings, self.connect, self.pool),
            (None, Mode::PingPong) if has_header => {
                let greeting = Some((keys::ANNOUNCE, Advert::PLAIN_ANNOUNCEMENT));
                pingpong(Settings { greeting, ..settings }, self.connect, self.pool)
            }
            (None, Mode::Auto | Mode::PingPong) => pingpong(settings, self.connect, self.pool),
            (None, Mode::Mux(connections)) => mux(settings, self.connect, connections),
        };
        let innermost = innermost.unwrap_or_else(|fault| refusing(fault.to_string()));
        let layers = self.inner.into_iter().rev().chain(self.outer.into_iter().rev());
        let service = layers.fold(innermost, |service, wrap| wrap(service));
        Client::new(C::SERVICE, service, self.options).into()
    }
}

fn auto(settings: Settings, connect: ConnectOptions, pool: PoolConfig) -> Result<ClientService> {
    let auto = Arc::new(Auto::new(settings, connect, pool)?);
    Ok(BoxCloneSyncService::new(service_fn(move |request| auto.clone().call(request))))
}

fn pingpong(settings: Settings, connect: ConnectOptions, pool: PoolConfig) -> Result<ClientService> {
    let pingpong = Arc::new(PingPong::new(settings, connect, pool)?);
    Ok(BoxCloneSyncService::new(service_fn(move |request| pingpong.clone().call(request))))
}

fn mux(settings: Settings, connect: ConnectOptions, connections: usize) -> Result<ClientService> {
    let mux = Arc::new(Mux::new(settings, connect, connections)?);
    Ok(BoxCloneSyncService::new(service_fn(move |request| mux.clone().call(request))))
}

/// Fails every call, because the settings make no sense.
fn refusing(fault: String) -> ClientService {
    let refuse = move |_: Request| ready(Err(Error::new(ErrorKind::Config, fault.as_str())));
    BoxCloneSyncService::new(service_fn(refuse))
}

/// Erases the type of a layer and makes its errors ours.
fn wrap<L>(layer: L) -> Wrap
where
    L: Layer<ClientService> + Send + 'static,
    L::Service: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
    <L::Service as Service<Request>>::Error: Into<BoxError>,
    <L::Service as Service<Request>>::Future: Send + 'static,
{
    Box::new(move |inner| {
        let service = layer.layer(inner).map_err(|error| Error::from_boxed(error.into()));
        BoxCloneSyncService::new(service)
    })
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
