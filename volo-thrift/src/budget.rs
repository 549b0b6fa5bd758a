//! How much memory all connections of a process may hold for requests and replies, together.
//!
//! Limits per connection don't bound a thousand connections. What is being received, by servers and clients alike, and
//! what waits in a server for its handler or for its peer to read is counted here; small requests that are answered in
//! the same turn never are.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicUsize, Ordering},
};

use volo_core::{Error, ErrorKind};

use crate::{Limits, resources};

/// Frames in the making up to this size never count as too much.
pub(crate) const PARTIAL_FREE: usize = 16 << 10;

/// What all connections of the process hold.
static PROCESS: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// The sum over all connections, and what one server or client lets it grow to.
#[derive(Debug)]
pub(crate) struct ReceiveBudget {
    used: Arc<AtomicUsize>,
    max: usize,
}

impl ReceiveBudget {
    /// The process's budget, of as many bytes as `limits` say.
    pub(crate) fn of_process(limits: &Limits) -> Arc<Self> {
        let max = limits.receive_memory_max.unwrap_or_else(resources::receive_memory_max);
        Arc::new(ReceiveBudget { used: PROCESS.clone(), max })
    }

    /// A budget of its own.
    #[cfg(test)]
    fn new(max: usize) -> Arc<Self> {
        Arc::new(ReceiveBudget { used: Arc::default(), max })
    }

    /// Bytes in use.
    #[cfg(test)]
    fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// One connection's part of the [`ReceiveBudget`]; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<ReceiveBudget>,
    held: usize,
}

impl Share {
    /// A part of nothing yet.
    pub(crate) fn new(budget: Arc<ReceiveBudget>) -> Self {
        Share { budget, held: 0 }
    }

    /// Sets what this connection holds.
    pub(crate) fn set(&mut self, bytes: usize) {
        match bytes.checked_sub(self.held) {
            Some(0) => return,
            Some(more) => self.budget.used.fetch_add(more, Ordering::Relaxed),
            None => self.budget.used.fetch_sub(self.held - bytes, Ordering::Relaxed),
        };
        self.held = bytes;
    }

    /// Whether all connections together hold more than they may.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.budget.used.load(Ordering::Relaxed) > self.budget.max
    }

    /// Why a connection ends that asks for much when there is none left.
    #[cold]
    pub(crate) fn refusal(&self) -> Error {
        let text = format!("all connections together passed receive_memory_max of {} bytes", self.budget.max);
        Error::new(ErrorKind::Overloaded, text)
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
        let budget = ReceiveBudget::new(100);
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
