//! What callers and the task of a connection share: the standard library's and tokio's, and loom's in models.
//!
//! A model (`.ci/loom`) runs the real code under every order in which threads can take turns. tokio's channels are
//! proved by tokio; for a model they are small ones over loom's lock.

#[cfg(all(test, loom))]
mod doubles;

#[cfg(all(test, loom))]
pub(crate) use {
    doubles::{Semaphore, SemaphorePermit, mpsc, oneshot},
    loom::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize},
    },
};
#[cfg(not(all(test, loom)))]
pub(crate) use {
    std::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize},
    },
    tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot},
};
