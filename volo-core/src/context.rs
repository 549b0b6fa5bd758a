//! What a call carries beside its payload: target, deadline, metainfo, peer, extensions.
//!
//! It travels inside the request and, while a handler runs, in a thread-local scope that each poll swaps in and
//! out; a nested client call finds its parent there.

use std::{
    any::{Any, TypeId},
    cell::RefCell,
    collections::HashMap,
    fmt,
    future::Future,
    ops::{Deref, DerefMut},
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
    time::Instant,
};

use bytes::Bytes;
use faststr::FastStr;
use pin_project_lite::pin_project;

use crate::{Address, Attempt, Body, Stages};

/// Whom a call is for, by names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The service's name as the IDL has it; empty to let the method's name decide, or when the peer named none.
    pub service: FastStr,
    /// The method's name as the IDL has it.
    pub method: FastStr,
    /// Whether no reply is expected.
    pub oneway: bool,
    /// Whether executing the call twice does no more than executing it once.
    pub idempotent: bool,
}

impl Target {
    const NONE: Target =
        Target { service: FastStr::empty(), method: FastStr::empty(), oneway: false, idempotent: false };
}

impl Default for Target {
    fn default() -> Self {
        Target::NONE
    }
}

/// The circumstances of one call: a handle to its [`CallInfo`], because it passes through many hands by value.
///
/// The default one, of which nothing is known, costs no memory.
#[derive(Default)]
pub struct Context(Option<Box<Call>>);

/// What a request or a response consists of. A response usually takes over the memory of its request; one that came
/// over a shared connection has its own.
#[derive(Clone)]
pub struct Call {
    /// Who is called, until when, and what travels along; of a response, what travels back.
    pub context: CallInfo,
    /// There is one unless this is a mere context.
    pub(crate) body: Option<Body>,
    /// The body as a layer or handler decoded it.
    pub(crate) decoded: Option<Arc<dyn Any + Send + Sync>>,
}

/// What there is to know of one call. Its [`Target`] is read as if it were part of it.
#[derive(Clone, Debug, Default)]
pub struct CallInfo {
    /// Shared by all calls of a client to the same method.
    target: Option<Arc<Target>>,
    /// Which attempt at the call this is.
    pub attempt: Attempt,
    /// When the call must be over.
    pub deadline: Option<Instant>,
    /// The other end of the connection; on a client, once one is chosen.
    pub peer: Option<Arc<Peer>>,
    rare: Option<Arc<Rare>>,
}

#[derive(Clone, Debug, Default)]
struct Rare {
    metainfo: Metainfo,
    extensions: Extensions,
    stages: Option<Arc<Stages>>,
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address; unnamed Unix sockets have an empty path.
    pub address: Address,
    /// What moves the bytes, as [`Profile::transport`](crate::net::Profile::transport); `None` before there is a
    /// connection.
    pub transport: Option<&'static str>,
    /// The kernel's word on who it is, where the transport has one.
    pub credentials: Option<Credentials>,
    /// The certificate it proved to own, where the transport checks one.
    pub certificate: Option<Arc<Certificate>>,
}

impl Peer {
    /// Whoever is at `address`: nothing else is known of it yet.
    pub fn new(address: Address) -> Self {
        Peer { address, transport: None, credentials: None, certificate: None }
    }
}

/// The process behind a local connection, as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Process id, where the system tells it.
    pub pid: Option<i32>,
}

/// The certificate of a peer, which was checked against the roots that are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// All of it, in DER.
    pub der: Bytes,
    /// The host names it is for.
    pub dns_names: Vec<FastStr>,
    /// The URIs it is for, such as a SPIFFE id.
    pub uris: Vec<FastStr>,
}

/// Key-value pairs that travel with a call.
///
/// Persistent ones are forwarded hop by hop, transient ones reach the next hop, where they are called upstream;
/// backward ones return with the reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metainfo {
    /// Forwarded on every nested call.
    pub persistent: Pairs,
    /// For the next hop only.
    pub transient: Pairs,
    /// What the caller sent as transient.
    pub upstream: Pairs,
    /// Returned to the caller with the reply.
    pub backward: Pairs,
    /// What the callee returned as backward.
    pub downstream: Pairs,
}

/// A short list of pairs; the last one set for a key wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs(Vec<(FastStr, FastStr)>);

impl Pairs {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&FastStr> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Sets `key`, replacing an earlier value. Empty keys and values are dropped, as every Kitex peer drops them.
    pub fn set(&mut self, key: impl Into<FastStr>, value: impl Into<FastStr>) {
        let (key, value) = (key.into(), value.into());
        if key.is_empty() || value.is_empty() {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key, value)),
        }
    }

    /// All pairs in the order they were first set.
    pub fn iter(&self) -> impl Iterator<Item = (&FastStr, &FastStr)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Values of any type, one per type, for layers to talk to each other.
#[derive(Clone, Default)]
pub struct Extensions(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl Extensions {
    /// The value of type `T`.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.get(&TypeId::of::<T>()).and_then(|value| value.downcast_ref())
    }

    /// Sets the value of type `T`.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        self.0.insert(TypeId::of::<T>(), Arc::new(value));
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extensions({})", self.0.len())
    }
}

impl CallInfo {
    const NOTHING: CallInfo =
        CallInfo { target: None, attempt: Attempt::NONE, deadline: None, peer: None, rare: None };

    /// The metainfo, if any was ever set or received.
    pub fn metainfo(&self) -> Option<&Metainfo> {
        self.rare.as_ref().map(|rare| &rare.metainfo)
    }

    /// The value of this metainfo key: what the call carries, or else what the call being served came with.
    pub fn metainfo_value(&self, key: &str) -> Option<&FastStr> {
        let Metainfo { persistent, transient, upstream, .. } = self.metainfo()?;
        transient.get(key).or_else(|| persistent.get(key)).or_else(|| upstream.get(key))
    }

    /// The metainfo, to change it.
    pub fn metainfo_mut(&mut self) -> &mut Metainfo {
        &mut self.rare_mut().metainfo
    }

    /// The value of type `T` that a layer left here.
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.rare.as_ref().and_then(|rare| rare.extensions.get())
    }

    /// Values for other layers.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.rare_mut().extensions
    }

    /// Its target, which calls to the same method may share; `None` if nothing is known of it.
    pub fn target(&self) -> Option<&Arc<Target>> {
        self.target.as_ref()
    }

    /// Where to note the stages that the call reaches; `None` unless somebody wants to know.
    pub fn stages(&self) -> Option<&Arc<Stages>> {
        self.rare.as_ref().and_then(|rare| rare.stages.as_ref())
    }

    /// Has the stages noted there from now on.
    pub fn set_stages(&mut self, stages: Arc<Stages>) {
        self.rare_mut().stages = Some(stages);
    }

    fn rare_mut(&mut self) -> &mut Rare {
        Arc::make_mut(self.rare.get_or_insert_default())
    }
}

impl Context {
    /// The context of a call to this method.
    pub fn new(service: impl Into<FastStr>, method: impl Into<FastStr>) -> Self {
        Context::of(Target { service: service.into(), method: method.into(), ..Target::NONE })
    }

    /// The context of a call to this target.
    pub fn of(target: impl Into<Arc<Target>>) -> Self {
        let mut call = Box::<Call>::default(); // which is made in place
        call.context.target = Some(target.into());
        Context(Some(call))
    }

    /// The memory of a call with this context.
    #[inline]
    pub(crate) fn into_call(self) -> Box<Call> {
        self.0.unwrap_or_default()
    }

    /// The context of the reply to this call: whom it was for and sent to, but nothing of what travelled along.
    pub fn into_reply(mut self) -> Self {
        if let Some(call) = &mut self.0 {
            (call.context.rare, call.context.deadline) = (None, None);
        }
        self
    }

    /// A copy of the context of the call whose handler is running on this thread, if one is.
    pub fn current() -> Option<Context> {
        CURRENT.with_borrow(|current| current.clone())
    }

    /// Reads or changes the context of the running handler's call, e.g. to set backward metainfo.
    ///
    /// Gives `None` outside of a handler.
    pub fn with_current<T>(f: impl FnOnce(&mut Context) -> T) -> Option<T> {
        CURRENT.with_borrow_mut(|current| current.as_mut().map(f))
    }

    /// Runs `future` with this context as the current one; yields both when it is done.
    pub fn scope<F: Future>(self, future: F) -> Scope<F> {
        Scope { context: Some(self), future }
    }
}

impl Call {
    /// The payload.
    pub fn body(&self) -> &Body {
        static NOTHING: Body = Body::NOTHING;
        self.body.as_ref().unwrap_or(&NOTHING)
    }

    /// What is left if the payload goes.
    #[inline]
    pub(crate) fn into_context(mut self: Box<Self>) -> Context {
        (self.body, self.decoded) = (None, None);
        Context(Some(self))
    }
}

impl Default for Call {
    fn default() -> Self {
        Call { context: CallInfo::NOTHING, body: None, decoded: None }
    }
}

impl Clone for Context {
    fn clone(&self) -> Self {
        Context(
            self.0.as_deref().map(|call| Box::new(Call { context: call.context.clone(), ..Call::default() })),
        )
    }
}

impl From<CallInfo> for Context {
    fn from(context: CallInfo) -> Self {
        Context(Some(Box::new(Call { context, ..Call::default() })))
    }
}

impl Deref for Context {
    type Target = CallInfo;

    #[inline]
    fn deref(&self) -> &CallInfo {
        static NOTHING: CallInfo = CallInfo::NOTHING;
        self.0.as_ref().map_or(&NOTHING, |call| &call.context)
    }
}

impl DerefMut for Context {
    #[inline]
    fn deref_mut(&mut self) -> &mut CallInfo {
        &mut self.0.get_or_insert_default().context
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("context", &self.context).field("body", &self.body).finish()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl Deref for CallInfo {
    type Target = Target;

    #[inline]
    fn deref(&self) -> &Target {
        static NONE: Target = Target::NONE;
        self.target.as_deref().unwrap_or(&NONE)
    }
}

impl DerefMut for CallInfo {
    #[inline]
    fn deref_mut(&mut self) -> &mut Target {
        Arc::make_mut(self.target.get_or_insert_default())
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

pin_project! {
    /// Future of [`Context::scope`].
    pub struct Scope<F> {
        context: Option<Context>,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = (Context, F::Output);

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let output = {
            let _entered = Entered::new(this.context);
            std::task::ready!(this.future.poll(cx))
        };
        Poll::Ready((this.context.take().unwrap_or_default(), output))
    }
}

/// Holds the scope's context in the thread-local; puts both back when dropped, also when the poll panics.
struct Entered<'a> {
    home: &'a mut Option<Context>,
    outer: Option<Context>,
}

impl<'a> Entered<'a> {
    fn new(home: &'a mut Option<Context>) -> Self {
        let outer = CURRENT.replace(home.take());
        Entered { home, outer }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        *self.home = CURRENT.replace(self.outer.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn scopes_nest_and_come_back() {
        let (inner, seen) = Context::new("outer", "a")
            .scope(async {
                let (_, nested) = Context::new("inner", "b")
                    .scope(async { Context::current().unwrap().method.clone() })
                    .await;
                assert_eq!(nested, "b");
                tokio::task::yield_now().await;
                Context::with_current(|context| context.metainfo_mut().backward.set("k", "v"));
                Context::current().unwrap().method.clone()
            })
            .await;
        assert_eq!(seen, "a");
        assert_eq!(inner.metainfo().unwrap().backward.get("k").unwrap(), "v");
        assert!(Context::current().is_none());
    }
}
