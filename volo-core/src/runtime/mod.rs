//! A runtime whose number of threads follows the container, not the machine.
//!
//! In a container with a quota of two processors on a machine of 64, a thread per processor is 62 too many: the
//! kernel lets them all run for a few milliseconds and then stops the whole process until the next period, which
//! shows as a p99 of a period's length.

mod cgroup;
mod workers;

use std::{fs, future::Future, io, sync::OnceLock};

pub use self::workers::{Reason, Workers};

/// Assumed where the system doesn't tell.
const MEMORY_ASSUMED: u64 = 1 << 30;

/// Bytes of memory that the process may use: the limit of its control group, or the machine's; looked up once.
pub fn memory_max() -> usize {
    static MEMORY_MAX: OnceLock<usize> = OnceLock::new();
    *MEMORY_MAX.get_or_init(|| {
        let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_memory(&text));
        let least = [cgroup::memory_max(), machine].into_iter().flatten().min();
        usize::try_from(least.unwrap_or(MEMORY_ASSUMED)).unwrap_or(usize::MAX)
    })
}

/// The machine's memory in the text of `/proc/meminfo`.
fn total_memory(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_s_memory_is_found() {
        assert_eq!(total_memory("MemFree: 1 kB\nMemTotal:       64 kB\n"), Some(65_536));
        assert_eq!(total_memory("nothing"), None);
        assert!(memory_max() > 0);
    }
}
