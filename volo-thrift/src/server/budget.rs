//! How much memory all connections of a process may hold for requests and replies, together.
//!
//! Limits per connection don't bound a thousand connections. What is being received, what waits for its handler and
//! what waits for its peer to read is counted here; small requests that are answered in the same turn never are.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicUsize, Ordering},
};

/// What all servers of the process hold.
static PROCESS: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// The sum over all connections, and what one server lets it grow to.
#[derive(Debug)]
pub(super) struct Budget {
    used: Arc<AtomicUsize>,
    max: usize,
}

impl Budget {
    /// The process's budget of `max` bytes.
    pub(super) fn of_process(max: usize) -> Arc<Self> {
        Arc::new(Budget { used: PROCESS.clone(), max })
    }

    /// A budget of its own.
    #[cfg(test)]
    fn new(max: usize) -> Arc<Self> {
        Arc::new(Budget { used: Arc::default(), max })
    }

    /// Bytes in use.
    #[cfg(test)]
    fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The most that may be in use.
    pub(super) fn max(&self) -> usize {
        self.max
    }
}

/// One connection's part of the [`Budget`]; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    held: usize,
}

impl Share {
    /// A part of nothing yet.
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Share { budget, held: 0 }
    }

    /// Sets what this connection holds.
    pub(super) fn set(&mut self, bytes: usize) {
        match bytes.checked_sub(self.held) {
            Some(0) => return,
            Some(more) => self.budget.used.fetch_add(more, Ordering::Relaxed),
            None => self.budget.used.fetch_sub(self.held - bytes, Ordering::Relaxed),
        };
        self.held = bytes;
    }

    /// Whether all connections together hold more than they may.
    pub(super) fn is_exhausted(&self) -> bool {
        self.budget.used.load(Ordering::Relaxed) > self.budget.max
    }

    /// The budget itself.
    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_come_back() {
        let budget = Budget::new(100);
        let (mut a, mut b) = (Share::new(budget.clone()), Share::new(budget.clone()));
        a.set(60);
        b.set(40);
        assert!(!a.is_exhausted());
        b.set(41);
        assert!(a.is_exhausted());
        a.set(10);
        assert_eq!((budget.used(), b.is_exhausted()), (51, false));
        drop(a);
        drop(b);
        assert_eq!(budget.used(), 0);
    }
}
