//! What happens beside single calls, for whoever counts it: a circuit opens, an instance is ejected, a call is refused.
//!
//! Such events are rare, so they are told as they happen, to the one [`Observer`] of the process; without one, an event
//! costs a look at a static variable. What changes with every call (picks, connections in use) is counted where it
//! happens anyway, and read by [`sample`] when somebody wants to know.

use std::{
    error::Error as StdError,
    fmt,
    sync::{Mutex, OnceLock, PoisonError, Weak},
};

use crate::{Address, balance::Endpoint, layers::Route, layers::breaker::BreakerState, pool::Status};

/// Something that happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A client sends a call again.
    Retry {
        /// The method.
        route: Route<'a>,
        /// What became of it.
        retry: RetryEvent,
    },
    /// A circuit changed its state.
    Breaker {
        /// The method.
        route: Route<'a>,
        /// Its state now.
        state: BreakerState,
    },
    /// An instance gets no more calls for a while.
    Ejected {
        /// The instance.
        endpoint: &'a Endpoint,
    },
    /// A connection was made, or could not be.
    Connected {
        /// The peer.
        address: &'a Address,
        /// Whether it was.
        connected: bool,
    },
    /// All connections a pool may have are in use, and as many callers wait as may.
    PoolFull {
        /// The peer.
        address: &'a Address,
    },
    /// A call was refused before it was made or executed.
    Refused {
        /// The method, as far as it is known.
        route: Route<'a>,
        /// By what: `rate`, `concurrency`, `queue`, `queue_time`, `deadline`, `reject`, `rule`.
        rule: &'static str,
    },
    /// A document about governance was taken, or refused.
    Document {
        /// Whether it was taken.
        taken: bool,
    },
}

/// What became of a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetryEvent {
    /// It is sent, after the attempts before failed.
    Again,
    /// It is sent beside an attempt that is under way.
    Backup,
    /// It is not sent, because the budget is used up.
    Unpaid,
}

/// Who is told what happens.
pub trait Observer: Send + Sync + 'static {
    /// Takes note; called wherever it happens, so it must neither block nor call anything of this crate.
    fn observe(&self, event: &Event<'_>);
}

static OBSERVER: OnceLock<Box<dyn Observer>> = OnceLock::new();

/// Tells `observer` from now on, for the rest of the process.
///
/// # Errors
/// When there is an observer already.
pub fn install(observer: impl Observer) -> Result<(), AlreadyObserved> {
    OBSERVER.set(Box::new(observer)).map_err(|_| AlreadyObserved)
}

/// There is an observer already, and only one per process.
#[derive(Debug)]
pub struct AlreadyObserved;

impl fmt::Display for AlreadyObserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the process has an observer already")
    }
}

impl StdError for AlreadyObserved {}

/// Tells the observer, if there is one.
pub fn tell(event: &Event<'_>) {
    if let Some(observer) = OBSERVER.get() {
        observer.observe(event);
    }
}

/// How things stand.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Sample<'a> {
    /// An instance in the list of a balancer.
    Endpoint(&'a Endpoint),
    /// The connections of a pool to one address.
    Pool(&'a Address, Status),
}

/// What can be asked how it stands.
pub(crate) trait Sampled: Send + Sync {
    fn sample(&self, each: &mut dyn FnMut(Sample<'_>));
}

static SAMPLED: Mutex<Vec<Weak<dyn Sampled>>> = Mutex::new(Vec::new());

/// Lets something be asked as long as it lives.
pub(crate) fn register(sampled: Weak<dyn Sampled>) {
    let mut all = SAMPLED.lock().unwrap_or_else(PoisonError::into_inner);
    // Each growth is paid for by a look at those who are gone.
    if all.len() == all.capacity() {
        all.retain(|it| it.strong_count() > 0);
    }
    all.push(sampled);
}

/// Looks at all instances of all balancers, and all pools, of the process. The same address may come several times, if
/// several clients call it.
pub fn sample(mut each: impl FnMut(Sample<'_>)) {
    let all = SAMPLED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    all.iter().filter_map(Weak::upgrade).for_each(|it| it.sample(&mut each));
}
