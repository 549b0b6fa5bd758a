//! The pool under every order in which threads can take turns: what is given back reaches who waits, and no one else.

use loom::{
    future::block_on,
    model::Builder,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use super::*;

/// A connection that notices when two use it.
#[derive(Clone)]
struct Plain(Arc<AtomicBool>);

impl Reusable for Plain {
    fn idle_ok(&mut self) -> bool {
        true
    }
}

impl Plain {
    fn call(&self) {
        assert!(!self.0.swap(true, Ordering::AcqRel), "two callers on one connection");
        self.0.store(false, Ordering::Release);
    }
}

fn address() -> Address {
    Address::Mem("model".into())
}

/// Tries the model with up to three turns that end early, where most faults of this kind show.
fn model(run: impl Fn(Pool<Plain>) + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let config = PoolConfig { max_total: 1, ..PoolConfig::default() };
        let pool = Pool::new(config).unwrap();
        run(pool.clone());
        let Status { lent, waiting, .. } = pool.status(&address());
        assert_eq!((lent, waiting), (0, 0), "nothing is left behind");
    });
}

/// The only connection, at first or once it is free.
fn lease(pool: &Pool<Plain>) -> Lease<Plain> {
    match block_on(pool.checkout(&address())).unwrap() {
        Checkout::Idle(lease) => lease,
        Checkout::Vacant(permit) => permit.fill(Plain(Arc::new(AtomicBool::new(false)))),
    }
}

#[test]
fn two_callers_never_share_a_connection() {
    model(|pool| {
        let call = |pool: &Pool<Plain>| {
            let lease = lease(pool);
            lease.call();
            lease.reuse();
        };
        let other = pool.clone();
        let task = thread::spawn(move || call(&other));
        call(&pool);
        task.join().unwrap();
        assert_eq!(pool.status(&address()).idle, 1);
    });
}

#[test]
fn who_waits_gets_what_is_given_back() {
    model(|pool| {
        let held = lease(&pool);
        let other = pool.clone();
        let task = thread::spawn(move || lease(&other).is_reused());
        held.reuse();
        assert!(task.join().unwrap());
    });
}

#[test]
fn who_waits_may_connect_when_a_connection_is_closed() {
    model(|pool| {
        let held = lease(&pool);
        let other = pool.clone();
        let task = thread::spawn(move || lease(&other).is_reused());
        drop(held);
        assert!(!task.join().unwrap());
    });
}

#[test]
fn who_waits_may_connect_when_connecting_failed() {
    model(|pool| {
        let Checkout::Vacant(permit) = block_on(pool.checkout(&address())).unwrap() else { unreachable!() };
        let other = pool.clone();
        let task = thread::spawn(move || drop(lease(&other)));
        drop(permit);
        task.join().unwrap();
    });
}

#[test]
fn a_place_in_line_that_is_given_up_passes_its_turn_on() {
    model(|pool| {
        let held = lease(&pool);
        let (impatient, patient) = (pool.clone(), pool.clone());
        let gives_up = thread::spawn(move || {
            let address = address();
            let mut waiting = Box::pin(impatient.checkout(&address));
            let _ = waiting.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        });
        let waits = thread::spawn(move || lease(&patient).call());
        held.reuse();
        gives_up.join().unwrap();
        waits.join().unwrap();
    });
}
