//! What a process uses: heap by a counting allocator, tasks, panics, handlers that ran.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// Panics of this process, also those that were caught.
pub static PANICS: AtomicU64 = AtomicU64::new(0);

/// Handlers that began although nobody waited for them any more.
pub static EXPIRED: AtomicU64 = AtomicU64::new(0);

/// Handlers of slow methods that began.
pub static STARTED: AtomicU64 = AtomicU64::new(0);

/// Handlers that ran to their end.
pub static EXECUTED: AtomicU64 = AtomicU64::new(0);

/// Counts panics instead of printing them: handlers panic by the thousand here.
pub fn count_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if PANICS.fetch_add(1, Relaxed) == 0 {
            eprintln!("first panic of the process: {panic}");
        }
    }));
}

/// One look at a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    /// Bytes of heap in use.
    pub live: u64,
    /// The most bytes in use since the last mark.
    pub peak: u64,
    /// Tasks of the runtime.
    pub tasks: u64,
    /// Panics so far.
    pub panics: u64,
    /// Handlers of slow methods that began so far.
    pub started: u64,
    /// Handlers that ran to their end so far.
    pub executed: u64,
    /// Handlers that began after their deadline so far.
    pub expired: u64,
}

impl Meter {
    /// Looks at this process.
    pub fn read(runtime: &tokio::runtime::Handle) -> Self {
        Meter {
            live: heap_meter::live() as u64,
            peak: heap_meter::peak() as u64,
            tasks: runtime.metrics().num_alive_tasks() as u64,
            panics: PANICS.load(Relaxed),
            started: STARTED.load(Relaxed),
            executed: EXECUTED.load(Relaxed),
            expired: EXPIRED.load(Relaxed),
        }
    }

    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(' ').map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Meter {
            live: next()?,
            peak: next()?,
            tasks: next()?,
            panics: next()?,
            started: next()?,
            executed: next()?,
            expired: next()?,
        })
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {} {} {}",
            self.live, self.peak, self.tasks, self.panics, self.started, self.executed, self.expired
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_survives_the_pipe() {
        let meter = Meter { live: 1, peak: 2, tasks: 3, panics: 4, started: 5, executed: 6, expired: 7 };
        assert_eq!(Meter::parse(&meter.to_string()), Some(meter));
        assert_eq!(Meter::parse("1 2 x"), None);
    }
}
