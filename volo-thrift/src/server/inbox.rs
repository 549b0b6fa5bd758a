//! Where tasks leave what they are done with, for the task that they work for.

use std::{
    collections::VecDeque,
    sync::PoisonError,
    task::{Context, Waker},
};

use volo_core::shutdown::Watcher;

use crate::sync::{Mutex, MutexGuard};

#[cfg(all(test, loom))]
mod models;

/// Filled by any number of tasks, emptied by one, which is woken when something arrives that it waits for.
pub(super) struct Inbox<T>(Mutex<State<T>>);

struct State<T> {
    finished: VecDeque<T>,
    waker: Option<Waker>,
    /// Kept by what still runs after its connection has ended.
    watcher: Option<Watcher>,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Inbox(Mutex::new(State { finished: VecDeque::new(), waker: None, watcher: None }))
    }
}

impl<T> State<T> {
    /// Wakes the task of `cx` at the next arrival.
    fn wake(&mut self, cx: &Context<'_>) {
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
    }
}

impl<T> Inbox<T> {
    /// Leaves something, and wakes who waits for it.
    pub(super) fn push(&self, finished: T) {
        let waker = {
            let mut state = self.state();
            state.finished.push_back(finished);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// What came first; wakes the task of `cx` at the next arrival if there is nothing.
    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Option<T> {
        let mut state = self.state();
        let next = state.finished.pop_front();
        if next.is_none() {
            state.wake(cx);
        }
        next
    }

    /// Wakes the task of `cx` at the next arrival, whatever is there by now.
    pub(super) fn watch(&self, cx: &Context<'_>) {
        self.state().wake(cx);
    }

    /// Keeps `watcher` for as long as a task that may leave something.
    pub(super) fn keep(&self, watcher: Watcher) {
        self.state().watcher = Some(watcher);
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
