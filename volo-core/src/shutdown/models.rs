//! The drain under every order in which threads can take turns: nobody sleeps through it, nobody is left behind.

use std::sync::Arc;

use loom::{future::block_on, model::Builder, sync::atomic::AtomicBool, thread};

use super::*;

/// Tries the model with up to three turns that end early, where most faults of this kind show.
fn model(run: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(run);
}

#[test]
fn no_watcher_sleeps_through_the_switch() {
    model(|| {
        let shutdown = Shutdown::new();
        let mut watcher = shutdown.watch();
        let task = thread::spawn(move || assert_eq!(block_on(watcher.change()), Phase::Draining));
        shutdown.drain();
        block_on(shutdown.finished());
        assert_eq!(shutdown.live(), 0);
        task.join().unwrap();
    });
}

#[test]
fn phases_are_seen_in_order_and_the_last_one_always() {
    model(|| {
        let shutdown = Shutdown::new();
        let mut watcher = shutdown.watch();
        let task = thread::spawn(move || {
            let first = block_on(watcher.change());
            assert!(first > Phase::Running);
            first == Phase::Over || block_on(watcher.change()) == Phase::Over
        });
        shutdown.drain();
        shutdown.end();
        assert!(task.join().unwrap());
    });
}

#[test]
fn a_watcher_that_moved_to_another_task_is_woken_there() {
    model(|| {
        let shutdown = Shutdown::new();
        let mut watcher = shutdown.watch();
        let seen = watcher.poll_change(&mut Context::from_waker(Waker::noop()));
        assert!(seen.is_pending());
        let task = thread::spawn(move || assert_eq!(block_on(watcher.change()), Phase::Draining));
        shutdown.drain();
        task.join().unwrap();
    });
}

#[test]
fn the_last_of_several_watchers_completes_it() {
    model(|| {
        let shutdown = Shutdown::new();
        let tasks = [shutdown.watch(), shutdown.watch()].map(|watcher| thread::spawn(move || drop(watcher)));
        block_on(shutdown.finished());
        assert_eq!(shutdown.live(), 0);
        for task in tasks {
            task.join().unwrap();
        }
    });
}

/// As a server does it: who accepts watches, and starts a watcher for each call before it stops watching itself.
#[test]
fn what_was_accepted_is_finished_first() {
    model(|| {
        let shutdown = Shutdown::new();
        let answered = Arc::new(AtomicBool::new(false));
        let mut acceptor = shutdown.watch();
        let task = {
            let (shutdown, answered) = (shutdown.clone(), answered.clone());
            thread::spawn(move || {
                let call = shutdown.watch();
                let handler = thread::spawn(move || {
                    answered.store(true, Ordering::Relaxed);
                    drop(call);
                });
                assert_eq!(block_on(acceptor.change()), Phase::Draining);
                drop(acceptor);
                handler.join().unwrap();
            })
        };
        shutdown.drain();
        block_on(shutdown.finished());
        assert!(answered.load(Ordering::Relaxed));
        task.join().unwrap();
    });
}
