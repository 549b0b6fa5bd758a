//! The connections to one address: which are idle, how many are lent, who waits. Pure; time comes in.

use std::{
    collections::VecDeque,
    task::Waker,
    time::{Duration, Instant},
};

use super::{PoolConfig, Reusable, Status};

/// Idle connections and the count of lent ones.
///
/// Invariant: while somebody waits, every connection is lent and their number is at the limit. A granted but
/// unclaimed connection or place counts as lent.
pub(super) struct Table<T> {
    config: PoolConfig,
    /// The one idle longest first.
    idle: VecDeque<Idle<T>>,
    lent: usize,
    /// First come, first served.
    waiting: VecDeque<Waiter>,
    granted: Vec<(Ticket, Grant<T>)>,
    tickets: Ticket,
    random: u64,
}

/// Names a waiter.
pub(super) type Ticket = u64;

/// A connection and when it must not be used any more.
pub(super) struct Entry<T> {
    pub(super) connection: T,
    expiry: Option<Instant>,
}

/// What a caller gets.
pub(super) enum Grant<T> {
    /// A connection.
    Idle(Entry<T>),
    /// The right to make one.
    Vacant,
}

/// The answer to a caller.
pub(super) enum Take<T> {
    /// There you are.
    Granted(Grant<T>),
    /// Wait; ask with [`Table::claim`].
    Wait(Ticket),
    /// Too many wait already.
    Full,
}

struct Idle<T> {
    entry: Entry<T>,
    since: Instant,
}

struct Waiter {
    ticket: Ticket,
    waker: Option<Waker>,
}

impl<T: Reusable> Table<T> {
    /// An empty table; `seed` spreads the lifetimes.
    pub(super) fn new(config: PoolConfig, seed: u64) -> Self {
        Table {
            config,
            idle: VecDeque::new(),
            lent: 0,
            waiting: VecDeque::new(),
            granted: Vec::new(),
            tickets: 0,
            random: seed,
        }
    }

    /// Replaces the limits: what is idle beyond them goes to `dead`, who may connect now is granted that. Wake whom this
    /// gives.
    pub(super) fn configure(&mut self, config: PoolConfig, dead: &mut Vec<T>) -> Vec<Waker> {
        self.config = config;
        while self.idle.len() > self.config.max_idle
            || (self.total() > self.config.max_total && !self.idle.is_empty())
        {
            dead.extend(self.idle.pop_front().map(|idle| idle.entry.connection));
        }
        let mut woken = Vec::new();
        while self.lent < self.config.max_total
            && let Some(waiter) = self.waiting.pop_front()
        {
            self.lent += 1;
            self.granted.push((waiter.ticket, Grant::Vacant));
            woken.extend(waiter.waker);
        }
        woken
    }

    /// The connection used last, or the right to make one, or a place in the queue. Unusable connections that
    /// were met on the way go to `dead`.
    pub(super) fn take(&mut self, now: Instant, dead: &mut Vec<T>) -> Take<T> {
        while let Some(mut idle) = self.idle.pop_back() {
            let spare = self.idle.len() >= self.config.min_idle;
            if self.is_usable(&mut idle, spare, now) {
                self.lent += 1;
                return Take::Granted(Grant::Idle(idle.entry));
            }
            dead.push(idle.entry.connection);
        }
        if self.lent < self.config.max_total {
            self.lent += 1;
            return Take::Granted(Grant::Vacant);
        }
        if self.waiting.len() >= self.config.max_waiting {
            return Take::Full;
        }
        self.tickets += 1;
        self.waiting.push_back(Waiter { ticket: self.tickets, waker: None });
        Take::Wait(self.tickets)
    }

    /// What the waiter was granted meanwhile; keeps its waker otherwise.
    pub(super) fn claim(
        &mut self,
        ticket: Ticket,
        waker: &Waker,
        now: Instant,
        dead: &mut Vec<T>,
    ) -> Option<Grant<T>> {
        let Some(at) = self.granted.iter().position(|(granted, _)| *granted == ticket) else {
            let waiter = self.waiting.iter_mut().find(|waiter| waiter.ticket == ticket);
            waiter?.waker = Some(waker.clone());
            return None;
        };
        let mut grant = self.granted.swap_remove(at).1;
        if let Grant::Idle(entry) = &mut grant
            && !entry.is_alive(now)
            && let Grant::Idle(entry) = std::mem::replace(&mut grant, Grant::Vacant)
        {
            dead.push(entry.connection);
        }
        Some(grant)
    }

    /// The waiter gave up; what it was granted already goes to the next one.
    pub(super) fn cancel(&mut self, ticket: Ticket, now: Instant, dead: &mut Vec<T>) -> Option<Waker> {
        self.waiting.retain(|waiter| waiter.ticket != ticket);
        let at = self.granted.iter().position(|(granted, _)| *granted == ticket)?;
        match self.granted.swap_remove(at).1 {
            Grant::Idle(entry) => self.put(entry, now, dead),
            Grant::Vacant => self.release(),
        }
    }

    /// A place in the table for a connection just made.
    pub(super) fn admit(&mut self, connection: T, now: Instant) -> Entry<T> {
        let jitter = self.next_random() as f64 / u64::MAX as f64;
        let shortened = |lifetime: Duration| lifetime - (lifetime / 10).mul_f64(jitter);
        // A lifetime beyond the clock's end has no end.
        let expiry = self.config.max_lifetime.and_then(|lifetime| now.checked_add(shortened(lifetime)));
        Entry { connection, expiry }
    }

    /// Takes a lent connection back, for the first waiter if there is one. Wake whom this gives.
    pub(super) fn put(&mut self, entry: Entry<T>, now: Instant, dead: &mut Vec<T>) -> Option<Waker> {
        if entry.expiry.is_some_and(|expiry| expiry <= now) || self.total() > self.config.max_total {
            dead.push(entry.connection);
            return self.release();
        }
        if let Some(waiter) = self.waiting.pop_front() {
            self.granted.push((waiter.ticket, Grant::Idle(entry)));
            return waiter.waker;
        }
        self.lent -= 1;
        self.idle.push_back(Idle { entry, since: now });
        if self.idle.len() > self.config.max_idle {
            dead.extend(self.idle.pop_front().map(|idle| idle.entry.connection));
        }
        None
    }

    /// A lent connection is no more, or was never made; the first waiter may make one. Wake whom this gives.
    pub(super) fn release(&mut self) -> Option<Waker> {
        // Above a limit that was lowered, the place is given up.
        let waiter = if self.total() > self.config.max_total { None } else { self.waiting.pop_front() };
        let Some(waiter) = waiter else {
            self.lent -= 1;
            return None;
        };
        self.granted.push((waiter.ticket, Grant::Vacant));
        waiter.waker
    }

    /// The right to make a connection while fewer than the minimum are idle.
    pub(super) fn warm(&mut self) -> bool {
        let wanted = self.idle.len() < self.config.min_idle && self.total() < self.config.max_total;
        self.lent += usize::from(wanted);
        wanted
    }

    /// Moves idle connections that can't or needn't be kept to `dead`.
    pub(super) fn sweep(&mut self, now: Instant, dead: &mut Vec<T>) {
        for _ in 0..self.idle.len() {
            let Some(mut idle) = self.idle.pop_front() else { return };
            let spare = self.idle.len() >= self.config.min_idle;
            if self.is_usable(&mut idle, spare, now) {
                self.idle.push_back(idle); // a full turn keeps the order
            } else {
                dead.push(idle.entry.connection);
            }
        }
    }

    /// Whether there is nothing to remember.
    pub(super) fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// What there is.
    pub(super) fn status(&self) -> Status {
        Status { idle: self.idle.len(), lent: self.lent, waiting: self.waiting.len() }
    }

    fn total(&self) -> usize {
        self.idle.len() + self.lent
    }

    fn is_usable(&self, idle: &mut Idle<T>, spare: bool, now: Instant) -> bool {
        let stale = spare && now.saturating_duration_since(idle.since) >= self.config.idle_timeout;
        !stale && idle.entry.is_alive(now)
    }

    /// SplitMix64.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl<T: Reusable> Entry<T> {
    fn is_alive(&mut self, now: Instant) -> bool {
        self.expiry.is_none_or(|expiry| now < expiry) && self.connection.idle_ok()
    }
}
