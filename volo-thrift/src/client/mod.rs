//! The client: calls through tower layers over pooled or multiplexed connections.
//!
//! ```text
//! call → Client → deadline (total)                                            call.rs, mod.rs
//!   → outer layers → fallback → retry → breaker → balance                     stack.rs, volo_core::layers
//!   → deadline (attempt) → inner layers                                       and volo_core::balance
//!   → one call per connection:   pool → Connection, polled by the caller      pingpong.rs
//!   → many calls per connection: queue → task → Connection                    mux.rs, mux_task.rs
//!   → from the first to the second when the server offers it                  auto.rs, ladder.rs, hello.rs
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
mod ladder;
mod mux;
mod mux_task;
mod options;
mod pingpong;
mod readiness;
mod reply;
mod spares;
mod stack;
mod targets;
mod timer;
mod warm_up;

use std::{fmt, future::poll_fn, pin::Pin, sync::Arc, task::Poll, time::Instant};

use faststr::FastStr;
use tower::{Service, util::BoxCloneSyncService};
use volo_core::{
    Body, CallInfo, Context, Error, ErrorKind, Metainfo, Peer, Request, Response, Result, Retry, Target,
    clock,
    layers::{PerMethod, Reader, Route, retry::RetryConfig, timeout::Deadline},
};

pub use builder::ClientBuilder;
#[cfg(feature = "pilota")]
pub(crate) use call::succeeded;
pub use call::{call, send};
pub use options::{CallOpt, Tags, Timeouts};
pub use stack::Governance;

use crate::Method;
use readiness::Mark;
use spares::Spares;
use targets::Targets;

/// What the layers of a client are around, and what they make together.
pub type ClientService = BoxCloneSyncService<Request, Response, Error>;

/// A generated client of one service.
pub trait ServiceClient: From<Client> {
    /// The service's name as the IDL has it.
    const SERVICE: &'static str;

    /// Its methods; empty if they are not known.
    const METHODS: &'static [Method] = &[];
}

/// A client of one service that knows nothing of its types; generated clients wrap it.
///
/// `ClientBuilder::<Client>` makes one that is used with [`Client::execute_named`].
///
/// Clones cost next to nothing and share all there is.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

/// What the clones of a client have in common.
struct Shared {
    /// As in [`ServiceClient::SERVICE`]: an inherited method belongs to the service it is called on.
    name: &'static str,
    stack: Stack,
    spares: Spares<Stack>,
    options: CallOpt,
    peer: Option<Arc<Peer>>,
    retry: Option<Arc<RetryConfig>>,
    /// What keeps the client's part of a configuration in use.
    attached: Attached,
}

#[cfg(feature = "config")]
type Attached = Option<volo_core::config::Attached>;
#[cfg(not(feature = "config"))]
#[derive(Clone)]
struct Attached;

/// What a call goes through; boxed where it is handed to each call and back.
#[derive(Clone)]
struct Stack {
    service: ClientService,
    timeouts: Reader<PerMethod<Timeouts>>,
    targets: Targets,
}

/// What comes out of a stack.
type Answer = Pin<Box<dyn Future<Output = Result<Response>> + Send>>;

/// What is to be called.
enum Callee {
    Method(&'static Method),
    Named(Arc<Target>),
}

impl ServiceClient for Client {
    const SERVICE: &'static str = "";
}

impl Client {
    fn new(name: &'static str, stack: Stack, options: CallOpt, attached: Attached) -> Self {
        let peer = options.address.clone().map(|address| Arc::new(Peer::new(address)));
        let retry = options.retry.clone().map(Arc::new);
        Client(Arc::new(Shared { name, stack, spares: Spares::new(), options, peer, retry, attached }))
    }

    /// The same client with other settings; what `options` leaves open stays as it is.
    pub fn with_callopt(&self, options: CallOpt) -> Self {
        let Shared { name, stack, options: own, attached, .. } = &*self.0;
        Client::new(name, stack.clone(), options.or(own), attached.clone())
    }

    /// Calls `method` with an encoded or encodable args struct; gives the reply as it came.
    ///
    /// Deadline and metainfo of the handler that is running, if one is, apply to the call as well, and what the
    /// callee sends back is added to that handler's context.
    ///
    /// # Errors
    /// When the call failed on the way. What the peer itself reports is a [`Response`].
    pub fn execute(
        &self,
        method: &'static Method,
        body: Body,
    ) -> impl Future<Output = Result<Response>> + Send + '_ {
        self.run(Callee::Method(method), body)
    }

    /// As [`Client::execute`] for a method that is known only at run time.
    ///
    /// # Errors
    /// As there; and when the names of service and method have more than 1,024 bytes together: what a client learns of
    /// a method it keeps under its name.
    pub async fn execute_named(&self, target: Target, body: Body) -> Result<Response> {
        self.run(Callee::Named(Arc::new(own_names(target)?)), body).await
    }

    async fn run(&self, callee: Callee, body: Body) -> Result<Response> {
        let now = clock::now();
        let shared = &*self.0;
        let mut stack = shared.spares.take().unwrap_or_else(|| Box::new(shared.stack.clone()));
        let target = match callee {
            Callee::Method(method) => stack.targets.get(shared.name, method),
            Callee::Named(target) => target,
        };
        let route = || Route { service: &target.service, method: &target.method };
        let timeouts = stack.timeouts.get().get_with(route).with(&shared.options);
        let own = timeouts.whole().and_then(|timeout| now.checked_add(timeout));
        let mut context = Context::of(target);
        let inherited = shared.complete(&mut context);
        let deadline = match (own, inherited) {
            (Some(own), Some(inherited)) => Some(own.min(inherited)),
            (own, inherited) => own.or(inherited),
        };
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Err(Error::timeout("the deadline had passed before the call").with_retry(Retry::Always));
        }
        (context.deadline, context.attempt.timeout) = (deadline, timeouts.attempt);
        let request = Request::new(context, body);
        let mark = Mark::now();
        let response = match poll_fn(|cx| Poll::Ready(stack.service.poll_ready(cx))).await {
            Poll::Ready(ready) => {
                ready?;
                Deadline::new(shared.pass(stack, request, now, mark), deadline).await?
            }
            Poll::Pending => Deadline::new(shared.pass_when_ready(stack, request), deadline).await?,
        };
        pass_back(&response);
        Ok(response)
    }
}

impl Shared {
    /// Starts the call on the very clone of the stack that is ready, and wasn't yet at that mark; it is `now` while the
    /// layers are told.
    fn pass(&self, mut stack: Box<Stack>, request: Request, now: Instant, mark: Mark) -> Answer {
        let answer = clock::hold(now, || stack.service.call(request));
        if mark.is_balanced() {
            self.spares.keep(stack);
        }
        answer
    }

    async fn pass_when_ready(&self, mut stack: Box<Stack>, request: Request) -> Result<Response> {
        poll_fn(|cx| stack.service.poll_ready(cx)).await?;
        let answer = clock::hold(clock::now(), || stack.service.call(request));
        drop(stack); // with all it still holds
        answer.await
    }

    /// Adds to the context of a call what this client and the handler that is running say of it; gives the handler's
    /// deadline.
    fn complete(&self, context: &mut CallInfo) -> Option<Instant> {
        context.peer = self.peer.clone();
        if !self.options.tags.is_empty() {
            context.extensions_mut().insert(Tags(self.options.tags.clone()));
        }
        if let Some(retry) = &self.retry {
            context.extensions_mut().insert(retry.clone());
        }
        let inherited = Context::with_current(|parent| {
            inherit(context, parent);
            parent.deadline
        });
        inherited.flatten()
    }
}

/// The target with names of its own: one that came with a received frame would keep all of that alive.
fn own_names(target: Target) -> Result<Target> {
    let route = Route { service: &target.service, method: &target.method };
    if !route.may_be_kept() {
        let (len, len_max) = (route.len(), Route::LEN_MAX);
        let message = format!("the names of service and method have {len} bytes, more than {len_max}");
        return Err(Error::new(ErrorKind::Encode, message));
    }
    let (service, method) = (FastStr::new(&target.service), FastStr::new(&target.method));
    Ok(Target { service, method, ..target })
}

/// A nested call takes its parent's metainfo for further hops along, and that it serves a retry.
fn inherit(context: &mut CallInfo, parent: &CallInfo) {
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
            .field("name", &self.0.name)
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn named(method: &str) -> Target {
        let frame = Bytes::from(method.repeat(2).into_bytes());
        let method = FastStr::from_bytes(frame.slice(..method.len())).unwrap();
        Target { service: FastStr::from_static_str("Shop"), method, oneway: true, idempotent: false }
    }

    #[test]
    fn names_of_a_received_frame_are_copied() {
        let target = named("a_method_with_a_long_name_of_its_own");
        let owned = own_names(target.clone()).unwrap();
        assert_eq!(owned.method, target.method);
        assert_ne!(owned.method.as_ptr(), target.method.as_ptr());
        assert!(owned.oneway && &*owned.service == "Shop");
    }

    #[test]
    fn names_are_bounded() {
        assert!(own_names(named(&"m".repeat(Route::LEN_MAX - 4))).is_ok());
        let error = own_names(named(&"m".repeat(Route::LEN_MAX - 3))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert!(error.to_string().contains("1025 bytes, more than 1024"), "{error}");
    }
}
