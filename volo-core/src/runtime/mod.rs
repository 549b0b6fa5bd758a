//! A runtime whose number of threads follows the container, not the machine.
//!
//! In a container with a quota of two processors on a machine of 64, a thread per processor is 62 too many: the
//! kernel lets them all run for a few milliseconds and then stops the whole process until the next period, which
//! shows as a p99 of a period's length.

mod cgroup;
mod workers;

use std::{future::Future, io};

pub use self::workers::{Reason, Workers};

/// Runs `main` to its end on a runtime with as many threads as [`Workers::detect`] finds, and prints how many those
/// are, and why, on standard error.
///
/// # Errors
/// When the system gives no thread or no event queue.
pub fn block_on<F: Future>(main: F) -> io::Result<F::Output> {
    let workers = Workers::detect();
    eprintln!("{workers}");
    Ok(workers.runtime()?.block_on(main))
}
