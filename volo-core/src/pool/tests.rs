//! The table against a simple model, and the async face under virtual time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use super::{
    table::{Entry, Grant, Table, Take, Ticket},
    *,
};

const SECOND: Duration = Duration::from_secs(1);

/// A connection that a test can close.
struct Connection {
    id: usize,
    open: Arc<AtomicBool>,
}

impl Reusable for Connection {
    fn idle_ok(&mut self) -> bool {
        self.open.load(Ordering::Relaxed)
    }
}

fn connection(id: usize) -> Connection {
    Connection { id, open: Arc::new(AtomicBool::new(true)) }
}

fn config() -> PoolConfig {
    PoolConfig { max_total: 2, max_waiting: 2, max_idle: 2, ..PoolConfig::default() }
}

fn address() -> Address {
    "127.0.0.1:1".parse().unwrap()
}

async fn checkout(pool: &Pool<Connection>) -> Lease<Connection> {
    static COUNT: AtomicUsize = AtomicUsize::new(1);
    match pool.checkout(&address()).await.unwrap() {
        Checkout::Idle(lease) => lease,
        Checkout::Vacant(permit) => permit.fill(connection(COUNT.fetch_add(1, Ordering::Relaxed))),
    }
}

fn status(pool: &Pool<Connection>) -> (usize, usize, usize) {
    let Status { idle, lent, waiting } = pool.status(&address());
    (idle, lent, waiting)
}

#[tokio::test(start_paused = true)]
async fn the_connection_used_last_comes_first() {
    let pool = Pool::new(config()).unwrap();
    let (one, two) = (checkout(&pool).await, checkout(&pool).await);
    let (first, second) = (one.id, two.id);
    assert!(!one.is_reused());
    one.reuse();
    two.reuse();
    assert_eq!(status(&pool), (2, 0, 0));
    let again = checkout(&pool).await;
    assert!(again.id == second && again.is_reused());
    assert_eq!(checkout(&pool).await.id, first);
}

#[tokio::test(start_paused = true)]
async fn callers_beyond_the_limit_wait_in_line() {
    let pool = Pool::new(config()).unwrap();
    let (one, two) = (checkout(&pool).await, checkout(&pool).await);
    let id = one.id;
    let wait = |pool: &Pool<Connection>| {
        let pool = pool.clone();
        tokio::spawn(async move { checkout(&pool).await })
    };
    let (third, fourth) = (wait(&pool), wait(&pool));
    tokio::task::yield_now().await;
    assert_eq!(status(&pool), (0, 2, 2));
    let refused = pool.checkout(&address()).await.err().unwrap();
    assert!(refused.is_overloaded());
    assert_eq!(refused.to_string(), "all 2 connections to 127.0.0.1:1 are in use and 2 callers wait");
    one.reuse();
    let third = third.await.unwrap();
    assert_eq!(third.id, id, "the first in line gets the connection");
    drop(two);
    let fourth = fourth.await.unwrap();
    assert!(!fourth.is_reused(), "the next one may replace the broken connection");
    drop((third, fourth));
    assert_eq!(status(&pool), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn limits_change_under_those_who_wait_and_those_who_hold() {
    let pool = Pool::new(config()).unwrap();
    let (one, two) = (checkout(&pool).await, checkout(&pool).await);
    let wait = |pool: &Pool<Connection>| {
        let pool = pool.clone();
        tokio::spawn(async move { checkout(&pool).await })
    };
    let (third, fourth) = (wait(&pool), wait(&pool));
    tokio::task::yield_now().await;
    pool.configure(PoolConfig { max_total: 3, ..config() }).unwrap();
    let third = third.await.unwrap();
    assert_eq!(status(&pool), (0, 3, 1));
    pool.configure(PoolConfig { max_total: 1, max_idle: 1, ..config() }).unwrap();
    one.reuse();
    drop(two);
    tokio::task::yield_now().await;
    assert_eq!(status(&pool), (0, 1, 1), "what is above the limit goes, and nobody gets its place");
    third.reuse();
    fourth.await.unwrap().reuse();
    assert_eq!(status(&pool), (1, 0, 0));
    pool.configure(PoolConfig { max_total: 2, max_idle: 0, ..config() }).unwrap();
    assert_eq!(status(&pool), (0, 0, 0));
    assert!(pool.configure(PoolConfig { max_total: 0, ..config() }).is_err());
    assert_eq!(pool.config().max_total, 2);
}

#[tokio::test(start_paused = true)]
async fn giving_up_frees_the_place() {
    let pool = Pool::new(config()).unwrap();
    let (one, two) = (checkout(&pool).await, checkout(&pool).await);
    for _ in 0..10 {
        let waited = tokio::time::timeout(SECOND, pool.checkout(&address())).await;
        assert!(waited.is_err());
        assert_eq!(status(&pool), (0, 2, 0));
    }
    // Given up after the grant, before it was seen: the next in line gets it, then the pool.
    let to = address();
    let mut waiting = [Box::pin(pool.checkout(&to)), Box::pin(pool.checkout(&to))];
    let mut cx = Context::from_waker(Waker::noop());
    assert!(waiting.iter_mut().all(|waiting| waiting.as_mut().poll(&mut cx).is_pending()));
    one.reuse();
    assert_eq!(status(&pool), (0, 2, 1));
    let [first, mut second] = waiting;
    drop(first);
    assert_eq!(status(&pool), (0, 2, 0));
    assert!(matches!(second.as_mut().poll(&mut cx), Poll::Ready(Ok(Checkout::Idle(_)))));
    assert_eq!(status(&pool), (0, 1, 0), "dropped with its connection");
    drop(two);
    let Checkout::Vacant(permit) = pool.checkout(&address()).await.unwrap() else { panic!() };
    drop(permit);
    assert_eq!(status(&pool), (0, 0, 0), "connecting was given up");
}

#[tokio::test(start_paused = true)]
async fn a_connection_the_peer_closed_is_not_lent() {
    let pool = Pool::new(config()).unwrap();
    let (one, two) = (checkout(&pool).await, checkout(&pool).await);
    let (first, open) = (one.id, two.open.clone());
    one.reuse();
    two.reuse();
    open.store(false, Ordering::Relaxed);
    assert_eq!(checkout(&pool).await.id, first);
    assert_eq!(status(&pool), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn old_connections_go_without_anyone_asking() {
    let config =
        PoolConfig { max_total: 5, max_idle: 5, min_idle: 1, max_lifetime: Some(100 * SECOND), ..config() };
    let pool = Pool::new(config).unwrap();
    let mut leases = Vec::new();
    for _ in 0..4 {
        leases.push(checkout(&pool).await);
    }
    leases.into_iter().for_each(Lease::reuse);
    tokio::time::sleep(29 * SECOND).await;
    assert_eq!(status(&pool), (4, 0, 0));
    tokio::time::sleep(17 * SECOND).await;
    assert_eq!(status(&pool), (1, 0, 0), "the minimum stays");
    tokio::time::sleep(70 * SECOND).await;
    assert_eq!(status(&pool), (0, 0, 0), "but not for ever");
    assert!(pool.0.shelves().by_address.is_empty() && !pool.0.shelves().swept);
    checkout(&pool).await.reuse();
    assert!(pool.0.shelves().swept);
    tokio::time::sleep(200 * SECOND).await;
    assert!(!pool.0.shelves().swept);
}

#[tokio::test(start_paused = true)]
async fn warming_up_makes_the_minimum() {
    let pool = Pool::new(PoolConfig { min_idle: 2, ..config() }).unwrap();
    let mut made = 0;
    pool.warm_up(&address(), || {
        made += 1;
        std::future::ready(Ok(connection(made)))
    })
    .await
    .unwrap();
    assert_eq!((made, status(&pool)), (2, (2, 0, 0)));
    let failing = || std::future::ready(Err(Error::new(ErrorKind::Connect, "refused")));
    let other = "127.0.0.1:2".parse().unwrap();
    assert!(pool.warm_up(&other, failing).await.unwrap_err().is_connect());
    assert_eq!(pool.status(&other), Status::default());
}

#[tokio::test]
async fn links_are_pooled_until_their_peer_leaves() {
    use crate::net::{ConnectOptions, ListenOptions, Listener, connect};

    let listener = Listener::bind(&"127.0.0.1:0".parse().unwrap(), &ListenOptions::default()).await.unwrap();
    let (address, options) = (listener.local_address(), ConnectOptions::default());
    let pool = Pool::new(config()).unwrap();
    let Checkout::Vacant(permit) = pool.checkout(address).await.unwrap() else { panic!() };
    let (client, server) = tokio::join!(connect(address, &options), listener.accept());
    permit.fill(client.unwrap()).reuse();
    for _ in 0..3 {
        let Checkout::Idle(lease) = pool.checkout(address).await.unwrap() else { panic!() };
        assert_eq!(lease.profile().transport, "tcp");
        lease.reuse();
    }
    drop(server);
    while let Checkout::Idle(lease) = pool.checkout(address).await.unwrap() {
        lease.reuse();
        tokio::task::yield_now().await;
    }
    assert_eq!(pool.status(address), Status::default());
}

#[test]
fn contradicting_limits_are_refused() {
    assert!(Pool::<Connection>::new(PoolConfig { max_total: 0, ..config() }).is_err());
    assert!(Pool::<Connection>::new(PoolConfig { min_idle: 3, ..config() }).is_err());
}

#[tokio::test(start_paused = true)]
async fn times_without_end_are_fine() {
    let endless = PoolConfig { idle_timeout: Duration::MAX, max_lifetime: Some(Duration::MAX), ..config() };
    let pool = Pool::new(endless).unwrap();
    checkout(&pool).await.reuse();
    tokio::time::sleep(1000 * SECOND).await;
    assert!(checkout(&pool).await.is_reused());
}

#[test]
fn lifetimes_are_spread() {
    let (start, mut dead) = (Instant::now(), Vec::new());
    let lasting = PoolConfig { max_total: 100, max_idle: 100, idle_timeout: 1_000 * SECOND, ..config() };
    let mut table = Table::new(PoolConfig { max_lifetime: Some(100 * SECOND), ..lasting }, 7);
    let entries: Vec<_> = (0..100)
        .map(|id| {
            assert!(matches!(table.take(start, &mut dead), Take::Granted(Grant::Vacant)));
            table.admit(connection(id), start)
        })
        .collect();
    entries.into_iter().for_each(|entry| assert!(table.put(entry, start, &mut dead).is_none()));
    let mut left_after = |seconds| {
        table.sweep(start + seconds * SECOND, &mut dead);
        table.status().idle
    };
    assert_eq!(left_after(90), 100);
    assert!((30..70).contains(&left_after(95)));
    assert_eq!(left_after(100), 0);
}

/// What the table should know, kept as plain lists.
#[derive(Default)]
struct Model {
    idle: Vec<(usize, Instant)>,
    lent: usize,
    waiting: Vec<Ticket>,
    granted: Vec<(Ticket, Option<usize>)>,
}

impl Model {
    /// A connection, or `None` for a free place, goes to the first in line; gives whether there was one.
    fn serve(&mut self, what: Option<usize>) -> bool {
        let waits = !self.waiting.is_empty();
        if waits {
            self.granted.push((self.waiting.remove(0), what));
        }
        waits
    }

    fn put(&mut self, id: usize, now: Instant, max_idle: usize) {
        if !self.serve(Some(id)) {
            self.lent -= 1;
            self.idle.push((id, now));
            self.idle.drain(..self.idle.len().saturating_sub(max_idle));
        }
    }

    fn release(&mut self) {
        if !self.serve(None) {
            self.lent -= 1;
        }
    }
}

/// The table, the model, and what the callers of both hold.
struct World {
    config: PoolConfig,
    table: Table<Connection>,
    model: Model,
    now: Instant,
    lent: Vec<Entry<Connection>>,
    places: usize,
    tickets: Vec<Ticket>,
    open: Vec<Arc<AtomicBool>>,
    dead: Vec<Connection>,
}

impl World {
    fn new(config: PoolConfig) -> Self {
        World {
            table: Table::new(config.clone(), 1),
            config,
            model: Model::default(),
            now: Instant::now(),
            lent: Vec::new(),
            places: 0,
            tickets: Vec::new(),
            open: Vec::new(),
            dead: Vec::new(),
        }
    }

    fn is_usable(&self, (id, since): (usize, Instant), others: usize) -> bool {
        let fresh = self.now - since < self.config.idle_timeout || others < self.config.min_idle;
        fresh && self.open[id].load(Ordering::Relaxed)
    }

    fn hold(&mut self, grant: Grant<Connection>, expected: Option<usize>) {
        match grant {
            Grant::Idle(entry) => {
                assert_eq!(Some(entry.connection.id), expected);
                self.lent.push(entry);
            }
            Grant::Vacant => {
                assert_eq!(expected, None);
                self.places += 1;
            }
        }
    }

    fn take(&mut self) {
        let mut expected = None;
        while let Some(idle) = self.model.idle.pop() {
            if self.is_usable(idle, self.model.idle.len()) {
                expected = Some(idle.0);
                break;
            }
        }
        let free = expected.is_some() || self.model.lent < self.config.max_total;
        match self.table.take(self.now, &mut self.dead) {
            Take::Granted(grant) => {
                assert!(free);
                self.model.lent += 1;
                self.hold(grant, expected);
            }
            Take::Wait(ticket) => {
                assert!(!free && self.model.waiting.len() < self.config.max_waiting);
                self.model.waiting.push(ticket);
                self.tickets.push(ticket);
            }
            Take::Full => assert!(!free && self.model.waiting.len() == self.config.max_waiting),
        }
    }

    fn connect(&mut self) {
        if self.places > 0 {
            self.places -= 1;
            let made = connection(self.open.len());
            self.open.push(made.open.clone());
            self.lent.push(self.table.admit(made, self.now));
        }
    }

    fn give_up_connecting(&mut self) {
        if self.places > 0 {
            self.places -= 1;
            self.table.release();
            self.model.release();
        }
    }

    fn put(&mut self, pick: usize) {
        if !self.lent.is_empty() {
            let entry = self.lent.swap_remove(pick % self.lent.len());
            self.model.put(entry.connection.id, self.now, self.config.max_idle);
            self.table.put(entry, self.now, &mut self.dead);
        }
    }

    fn lose(&mut self, pick: usize) {
        if !self.lent.is_empty() {
            self.lent.swap_remove(pick % self.lent.len());
            self.table.release();
            self.model.release();
        }
    }

    fn claim(&mut self, pick: usize) {
        if self.tickets.is_empty() {
            return;
        }
        let at = pick % self.tickets.len();
        let ticket = self.tickets[at];
        let granted = self.model.granted.iter().position(|(granted, _)| *granted == ticket);
        let claimed = self.table.claim(ticket, Waker::noop(), self.now, &mut self.dead);
        assert_eq!(claimed.is_some(), granted.is_some());
        if let (Some(grant), Some(granted)) = (claimed, granted) {
            self.tickets.swap_remove(at);
            let (_, id) = self.model.granted.swap_remove(granted);
            self.hold(grant, id.filter(|id| self.open[*id].load(Ordering::Relaxed)));
        }
    }

    fn cancel(&mut self, pick: usize) {
        if self.tickets.is_empty() {
            return;
        }
        let ticket = self.tickets.swap_remove(pick % self.tickets.len());
        self.table.cancel(ticket, self.now, &mut self.dead);
        self.model.waiting.retain(|waiting| *waiting != ticket);
        if let Some(at) = self.model.granted.iter().position(|(granted, _)| *granted == ticket) {
            match self.model.granted.swap_remove(at).1 {
                Some(id) => self.model.put(id, self.now, self.config.max_idle),
                None => self.model.release(),
            }
        }
    }

    fn sweep(&mut self) {
        self.table.sweep(self.now, &mut self.dead);
        let mut kept = Vec::new();
        let idle = std::mem::take(&mut self.model.idle);
        for (at, idle_since) in idle.iter().enumerate() {
            if self.is_usable(*idle_since, kept.len() + idle.len() - at - 1) {
                kept.push(*idle_since);
            }
        }
        self.model.idle = kept;
    }

    fn check(&self) {
        let Status { idle, lent, waiting } = self.table.status();
        let model = &self.model;
        assert_eq!((idle, lent, waiting), (model.idle.len(), model.lent, model.waiting.len()));
        assert_eq!(lent, self.lent.len() + self.places + model.granted.len(), "nothing leaks");
        assert!(idle + lent <= self.config.max_total && idle <= self.config.max_idle);
        assert!(waiting == 0 || (idle == 0 && lent == self.config.max_total), "nobody waits in vain");
    }
}

#[test]
fn the_table_does_what_the_model_does() {
    let mut random = 0x2545_F491_4F6C_DD1Du64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize % below
    };
    for _ in 0..50 {
        let max_total = 1 + next(6);
        let max_idle = next(max_total + 1);
        let min_idle = next(max_idle + 1);
        let limits = PoolConfig { max_total, max_idle, min_idle, max_waiting: next(5), ..config() };
        let mut world = World::new(limits);
        for _ in 0..2_000 {
            match next(20) {
                0..6 => world.take(),
                6..9 => world.connect(),
                9 => world.give_up_connecting(),
                10..13 => world.put(next(1_000)),
                13 => world.lose(next(1_000)),
                14..16 => world.claim(next(1_000)),
                16 => world.cancel(next(1_000)),
                17 => world.now += Duration::from_secs(next(20) as u64),
                18 if !world.open.is_empty() => {
                    world.open[next(world.open.len())].store(false, Ordering::Relaxed);
                }
                _ => world.sweep(),
            }
            world.check();
        }
        // When all give back what they hold, nothing is left.
        while !world.tickets.is_empty() {
            world.cancel(0);
        }
        while world.places > 0 {
            world.give_up_connecting();
        }
        while !world.lent.is_empty() {
            world.lose(0);
        }
        world.check();
        assert_eq!(world.table.status().lent, 0);
    }
}

#[test]
fn without_a_runtime_nothing_is_swept_but_all_else_works() {
    let pool = Pool::new(config()).unwrap();
    for reused in [false, true] {
        let mut checkout = Box::pin(checkout(&pool));
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(lease) = checkout.as_mut().poll(&mut cx) else { panic!("nothing to wait for") };
        assert_eq!(lease.is_reused(), reused);
        lease.reuse();
    }
}
