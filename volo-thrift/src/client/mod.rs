//! The client: calls through tower layers over pooled or multiplexed connections.
//!
//! ```text
//! call → Client → deadline (total)                                            call.rs, mod.rs
//!   → outer layers → fallback → retry → breaker → balance                     stack.rs, volo_core::layers
//!   → deadline (attempt) → inner layers                                       and volo_core::balance
//!   → one call per connection:   pool → Connection, polled by the caller      pingpong.rs
//!   → many calls per connection: queue → task → Connection                    mux.rs, mux_task.rs
//!   → from the first to the second when the server offers it                  auto.rs, hello.rs
//! Connection: encode → Link; Link → frame → the call it answers               connection.rs, reply.rs, ../conn
//! ```
//! Dropping the future of a call is always safe: it costs at most the connection that this call alone was using.
#![forbid(unsafe_code)]

mod auto;
mod builder;
mod call;
#[cfg(feature = "config")]
mod config;
mod connection;
mod front;
mod hello;
mod mux;
mod mux_task;
mod options;
mod pingpong;
mod reply;
mod stack;
mod timer;
mod warm_up;

use std::{fmt, future::poll_fn, sync::Arc, time::Instant};

use faststr::FastStr;
use tower::{Service, util::BoxCloneSyncService};
use volo_core::{
    Body, Context, Error, Metainfo, Peer, Request, Response, Result, Retry,
    layers::{PerMethod, Route, Setting, retry::RetryConfig, timeout::Deadline},
};

pub use builder::ClientBuilder;
#[cfg(feature = "pilota")]
pub(crate) use call::succeeded;
pub use call::{call, send};
pub use options::{CallOpt, Tags, Timeouts};
pub use stack::Governance;

use crate::Method;
use timer::now;

/// What the layers of a client are around, and what they make together.
pub type ClientService = BoxCloneSyncService<Request, Response, Error>;

/// A generated client of one service.
pub trait ServiceClient: From<Client> {
    /// The service's name as the IDL has it.
    const SERVICE: &'static str;

    /// Its methods; empty if they are not known.
    const METHODS: &'static [Method] = &[];
}

/// Whom a call is for, by names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The service's name as the IDL has it; empty to let the method's name decide.
    pub service: FastStr,
    /// The method's name as the IDL has it.
    pub method: FastStr,
    /// Whether no reply is expected.
    pub oneway: bool,
    /// Whether executing the call twice does no more than executing it once.
    pub idempotent: bool,
}

/// A client of one service that knows nothing of its types; generated clients wrap it.
///
/// `ClientBuilder::<Client>` makes one that is used with [`Client::execute_named`].
///
/// Clones are cheap and share their connections.
#[derive(Clone)]
pub struct Client {
    /// As in [`ServiceClient::SERVICE`]: an inherited method belongs to the service it is called on.
    name: &'static str,
    service: ClientService,
    timeouts: Setting<PerMethod<Timeouts>>,
    options: Arc<CallOpt>,
    peer: Option<Arc<Peer>>,
    retry: Option<Arc<RetryConfig>>,
    #[cfg(feature = "config")]
    attached: Option<volo_core::config::Attached>,
}

impl ServiceClient for Client {
    const SERVICE: &'static str = "";
}

impl Client {
    fn new(
        name: &'static str,
        service: ClientService,
        timeouts: Setting<PerMethod<Timeouts>>,
        options: CallOpt,
    ) -> Self {
        let peer = options.address.clone().map(|address| Arc::new(Peer { address, credentials: None }));
        let retry = options.retry.clone().map(Arc::new);
        Client {
            name,
            service,
            timeouts,
            options: Arc::new(options),
            peer,
            retry,
            #[cfg(feature = "config")]
            attached: None,
        }
    }

    /// The same client with other settings; what `options` leaves open stays as it is.
    pub fn with_callopt(&self, options: CallOpt) -> Self {
        let client =
            Client::new(self.name, self.service.clone(), self.timeouts.clone(), options.or(&self.options));
        #[cfg(feature = "config")]
        let client = Client { attached: self.attached.clone(), ..client };
        client
    }

    /// Calls `method` with an encoded or encodable args struct; gives the reply as it came.
    ///
    /// Deadline and metainfo of the handler that is running, if one is, apply to the call as well, and what the
    /// callee sends back is added to that handler's context.
    ///
    /// # Errors
    /// When the call failed on the way. What the peer itself reports is a [`Response`].
    pub async fn execute(&self, method: &'static Method, body: Body) -> Result<Response> {
        let target = Target {
            service: FastStr::from_static_str(self.name),
            method: FastStr::from_static_str(method.name),
            oneway: method.oneway,
            idempotent: method.idempotent,
        };
        self.execute_named(target, body).await
    }

    /// As [`Client::execute`] for a method that is known only at run time.
    ///
    /// # Errors
    /// As there.
    pub async fn execute_named(&self, target: Target, body: Body) -> Result<Response> {
        let now = now();
        let route = Route { service: &target.service, method: &target.method };
        let timeouts = self.timeouts.with(|timeouts| *timeouts.get(route)).with(&self.options);
        let own = timeouts.whole().and_then(|timeout| now.checked_add(timeout));
        let inherited = Context::with_current(|parent| parent.deadline).flatten();
        let deadline = own.into_iter().chain(inherited).min();
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Err(Error::timeout("the deadline had passed before the call").with_retry(Retry::Always));
        }
        // The clone that is made ready is the one that is called; the deadline covers waits of both kinds.
        let mut service = self.service.clone();
        Deadline::new(poll_fn(|cx| service.poll_ready(cx)), deadline).await?;
        let mut context = self.context(target, deadline);
        context.attempt.timeout = timeouts.attempt;
        let request = Request::new(context, body);
        let response = Deadline::new(service.call(request), deadline).await?;
        pass_back(&response);
        Ok(response)
    }

    fn context(&self, target: Target, deadline: Option<Instant>) -> Context {
        let mut context = Context::new(target.service, target.method);
        context.oneway = target.oneway;
        context.idempotent = target.idempotent;
        context.peer = self.peer.clone();
        context.deadline = deadline;
        Context::with_current(|parent| inherit(&mut context, parent));
        if !self.options.tags.is_empty() {
            context.extensions_mut().insert(Tags(self.options.tags.clone()));
        }
        if let Some(retry) = &self.retry {
            context.extensions_mut().insert(retry.clone());
        }
        context
    }
}

/// A nested call takes its parent's metainfo for further hops along, and that it serves a retry.
fn inherit(context: &mut Context, parent: &Context) {
    context.attempt.chained = parent.attempt.chained || !parent.attempt.is_first();
    let Some(Metainfo { persistent, transient, .. }) = parent.metainfo() else { return };
    if !persistent.is_empty() || !transient.is_empty() {
        let metainfo = context.metainfo_mut();
        metainfo.persistent = persistent.clone();
        metainfo.transient = transient.clone();
    }
}

/// Leaves what the callee sent back in the context of the running handler.
fn pass_back(response: &Response) {
    let Some(metainfo) = response.context.metainfo().filter(|metainfo| !metainfo.downstream.is_empty())
    else {
        return;
    };
    Context::with_current(|parent| {
        let known = &mut parent.metainfo_mut().downstream;
        metainfo.downstream.iter().for_each(|(key, value)| known.set(key.clone(), value.clone()));
    });
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("name", &self.name)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
