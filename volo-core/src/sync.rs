//! Locks and atomics of what several threads share: the standard library's, and loom's in models.
//!
//! A model (`.ci/loom`) runs the real code under every order in which threads can take turns.

#[cfg(all(test, loom))]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU8, fence},
};
#[cfg(not(all(test, loom)))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU8, fence},
};
