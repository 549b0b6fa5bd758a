//! Idle connections by [`Address`], and a limit on all of them.
//!
//! The connection used last is reused first, so that what is not needed grows old and is closed. Whether the peer
//! closed one is asked at checkout, from cached readiness. Callers beyond the limit wait in line.
//!
//! The table of one address is pure; this module adds the lock, the wakers and one task, which sweeps old
//! connections out and lives only while there are any.
#![forbid(unsafe_code)]

mod lease;
#[cfg(all(test, loom))]
mod models;
mod table;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    hash::{BuildHasher, RandomState},
    sync::{Arc, PoisonError, Weak},
    task::Waker,
    time::Duration,
};

pub use self::lease::{Lease, Permit};
use self::{
    lease::Waiting,
    table::{Grant, Table, Take},
};
use crate::{
    Address, Error, ErrorKind, Result,
    clock::now,
    net::Link,
    observe::{self, Event, Sample, Sampled},
    sync::{Mutex, MutexGuard},
};

/// Limits of a [`Pool`], each per address.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Connections, idle and in use; callers beyond it wait.
    pub max_total: usize,
    /// Callers that may wait.
    pub max_waiting: usize,
    /// Idle connections; the one idle longest is closed first.
    pub max_idle: usize,
    /// Idle connections that `idle_timeout` spares.
    pub min_idle: usize,
    /// How long a connection may be idle.
    pub idle_timeout: Duration,
    /// How old a connection may become; up to a tenth less, so that not all are replaced at once.
    pub max_lifetime: Option<Duration>,
}

impl Default for PoolConfig {
    fn default() -> Self {
        PoolConfig {
            max_total: 1024,
            max_waiting: 1024,
            max_idle: 1024,
            min_idle: 0,
            idle_timeout: Duration::from_secs(30),
            max_lifetime: None,
        }
    }
}

impl PoolConfig {
    fn check(&self) -> Result<()> {
        let fault = |text: String| Err(Error::new(ErrorKind::Config, text));
        let PoolConfig { max_total, max_idle, min_idle, .. } = *self;
        if max_total == 0 {
            return fault("a pool with max_total = 0 lends nothing".to_owned());
        }
        if min_idle > max_idle.min(max_total) {
            return fault(format!(
                "min_idle = {min_idle} is above max_idle = {max_idle} or max_total = {max_total}"
            ));
        }
        Ok(())
    }
}

/// A connection that can be used again.
pub trait Reusable: Send {
    /// Whether the connection, idle until now, can be used; answers without a system call in the usual case.
    fn idle_ok(&mut self) -> bool;
}

impl Reusable for Box<dyn Link> {
    fn idle_ok(&mut self) -> bool {
        Link::idle_ok(&mut **self)
    }
}

/// Connections to one address, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Idle connections.
    pub idle: usize,
    /// Connections in use or being made.
    pub lent: usize,
    /// Callers in line.
    pub waiting: usize,
}

/// A pool of connections; clones share it.
pub struct Pool<T>(Arc<Shared<T>>);

struct Shared<T> {
    shelves: Mutex<Shelves<T>>,
}

struct Shelves<T> {
    config: PoolConfig,
    by_address: HashMap<Address, Arc<Shelf<T>>, foldhash::fast::RandomState>,
    swept: bool,
}

/// The table of one address behind its lock.
struct Shelf<T>(Mutex<Table<T>>);

/// What [`Pool::checkout`] found.
pub enum Checkout<T: Reusable> {
    /// A connection, ready to use.
    Idle(Lease<T>),
    /// None is idle: make one.
    Vacant(Permit<T>),
}

impl<T: Reusable + 'static> Pool<T> {
    /// An empty pool.
    ///
    /// # Errors
    /// When the limits contradict each other.
    pub fn new(config: PoolConfig) -> Result<Self> {
        config.check()?;
        let shelves = Shelves { config, by_address: HashMap::default(), swept: false };
        let shared = Arc::new(Shared { shelves: Mutex::new(shelves) });
        #[cfg(not(loom))]
        observe::register(Arc::<Shared<T>>::downgrade(&shared));
        Ok(Pool(shared))
    }

    /// Replaces the limits. Connections beyond a lower one are closed when they come back; callers who wait for a
    /// higher one get their turn.
    ///
    /// # Errors
    /// When the limits contradict each other; those before stay.
    pub fn configure(&self, config: PoolConfig) -> Result<()> {
        config.check()?;
        let mut shelves = self.0.shelves();
        shelves.config = config.clone();
        for shelf in shelves.by_address.values() {
            let woken = shelf.with(|table, dead| table.configure(config.clone(), dead));
            woken.into_iter().for_each(Waker::wake);
        }
        Ok(())
    }

    /// The limits.
    pub fn config(&self) -> PoolConfig {
        self.0.shelves().config.clone()
    }

    /// The idle connection used last, or a permit to make one; waits while the limit is reached.
    ///
    /// Dropping the future leaves the line.
    ///
    /// # Errors
    /// [`Error::is_overloaded`] when too many callers wait already.
    pub async fn checkout(&self, address: &Address) -> Result<Checkout<T>> {
        let shelf = self.shelf(address);
        let ticket = match shelf.with(|table, dead| table.take(now(), dead)) {
            Take::Granted(grant) => return Ok(shelf.hand_out(grant)),
            Take::Wait(ticket) => ticket,
            Take::Full => {
                observe::tell(&Event::PoolFull { address });
                let PoolConfig { max_total, max_waiting, .. } = self.config();
                let text = format!(
                    "all {max_total} connections to {address} are in use and {max_waiting} callers wait"
                );
                return Err(Error::new(ErrorKind::Overloaded, text));
            }
        };
        Ok(Waiting::new(shelf, ticket).await)
    }

    /// Makes connections with `connect` until [`PoolConfig::min_idle`] are idle.
    ///
    /// # Errors
    /// The first one of `connect`.
    pub async fn warm_up<F>(&self, address: &Address, mut connect: impl FnMut() -> F) -> Result<()>
    where
        F: Future<Output = Result<T>>,
    {
        let shelf = self.shelf(address);
        while shelf.with(|table, _| table.warm()) {
            let permit = Permit::new(shelf.clone());
            permit.fill(connect().await?).reuse();
        }
        Ok(())
    }

    /// How many connections to `address` there are.
    pub fn status(&self, address: &Address) -> Status {
        let shelf = self.0.shelves().by_address.get(address).cloned();
        shelf.map_or_else(Status::default, |shelf| shelf.with(|table, _| table.status()))
    }

    fn shelf(&self, address: &Address) -> Arc<Shelf<T>> {
        let mut shelves = self.0.shelves();
        if let Some(shelf) = shelves.by_address.get(address) {
            return shelf.clone();
        }
        let seed = RandomState::new().hash_one(address);
        let idle_timeout = shelves.config.idle_timeout;
        let shelf = Arc::new(Shelf(Mutex::new(Table::new(shelves.config.clone(), seed))));
        shelves.by_address.insert(address.clone(), shelf.clone());
        let swept = std::mem::replace(&mut shelves.swept, true);
        drop(shelves); // a sweeper that can't run takes the lock to say so
        if !swept {
            sweep(Sweeper { shared: Arc::downgrade(&self.0), done: false }, idle_timeout / 2);
        }
        shelf
    }
}

impl<T> Shared<T> {
    fn shelves(&self) -> MutexGuard<'_, Shelves<T>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Reusable> Sampled for Shared<T> {
    fn sample(&self, each: &mut dyn FnMut(Sample<'_>)) {
        for (address, shelf) in &self.shelves().by_address {
            each(Sample::Pool(address, shelf.with(|table, _| table.status())));
        }
    }
}

impl<T: Reusable> Shelf<T> {
    /// Runs `action` under the lock, then closes the connections it gave up.
    fn with<R>(&self, action: impl FnOnce(&mut Table<T>, &mut Vec<T>) -> R) -> R {
        let mut dead = Vec::new();
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = action(&mut table, &mut dead);
        drop(table);
        result
    }

    fn hand_out(self: &Arc<Self>, grant: Grant<T>) -> Checkout<T> {
        match grant {
            Grant::Idle(entry) => Checkout::Idle(Lease::new(entry, self.clone(), true)),
            Grant::Vacant => Checkout::Vacant(Permit::new(self.clone())),
        }
    }
}

/// Says that nobody sweeps any more when its task ends before its work does.
struct Sweeper<T> {
    shared: Weak<Shared<T>>,
    done: bool,
}

impl<T: Reusable> Sweeper<T> {
    /// Sweeps once; gives whether there is anything left.
    fn sweep(&mut self) -> bool {
        let Some(shared) = self.shared.upgrade() else { return false };
        let mut shelves = shared.shelves();
        shelves.by_address.retain(|_, shelf| {
            let empty = shelf.with(|table, dead| {
                table.sweep(now(), dead);
                table.is_empty()
            });
            !empty || Arc::strong_count(shelf) > 1 // someone is about to use it
        });
        shelves.swept = !shelves.by_address.is_empty();
        self.done = !shelves.swept;
        shelves.swept
    }
}

impl<T> Drop for Sweeper<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade()
            && !self.done
        {
            shared.shelves().swept = false;
        }
    }
}

/// Starts the sweeping task, if there is a runtime.
fn sweep<T: Reusable + 'static>(mut sweeper: Sweeper<T>, period: Duration) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(period.max(Duration::from_millis(1))).await;
            if !sweeper.sweep() {
                return;
            }
        }
    });
}

impl<T> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Pool(self.0.clone())
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}
