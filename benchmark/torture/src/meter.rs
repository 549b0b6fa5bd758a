//! What a process uses: heap by a counting allocator, tasks, panics, handlers that ran.
//!
//! The allocator counts what was asked for, so its figures are the same on every machine; the resident size, which
//! depends on the allocator and the kernel, is only printed.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fmt,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// Counts the bytes in use and remembers the most there ever were.
pub struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Panics of this process, also those that were caught.
pub static PANICS: AtomicU64 = AtomicU64::new(0);

/// Handlers that began although nobody waited for them any more.
pub static EXPIRED: AtomicU64 = AtomicU64::new(0);

/// Handlers that ran to their end.
pub static EXECUTED: AtomicU64 = AtomicU64::new(0);

fn grow(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(live, Relaxed);
}

// SAFETY: every function hands its arguments on to the system's allocator as they are.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promise is the one that is needed.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grow(size); // both exist while the bytes are moved
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// Makes the peak start again from what is in use now.
pub fn mark() {
    PEAK.store(LIVE.load(Relaxed), Relaxed);
}

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
    /// Handlers that ran to their end so far.
    pub executed: u64,
    /// Handlers that began after their deadline so far.
    pub expired: u64,
}

impl Meter {
    /// Looks at this process.
    pub fn read(runtime: &tokio::runtime::Handle) -> Self {
        Meter {
            live: LIVE.load(Relaxed) as u64,
            peak: PEAK.load(Relaxed) as u64,
            tasks: runtime.metrics().num_alive_tasks() as u64,
            panics: PANICS.load(Relaxed),
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
            executed: next()?,
            expired: next()?,
        })
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {} {}",
            self.live, self.peak, self.tasks, self.panics, self.executed, self.expired
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_survives_the_pipe() {
        let meter = Meter { live: 1, peak: 2, tasks: 3, panics: 4, executed: 5, expired: 6 };
        assert_eq!(Meter::parse(&meter.to_string()), Some(meter));
        assert_eq!(Meter::parse("1 2 x"), None);
    }
}
