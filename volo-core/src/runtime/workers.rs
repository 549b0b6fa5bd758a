//! How many threads the runtime gets, and the reason.

use std::{env, fmt, io, num::NonZero, thread};

use super::cgroup::{self, Quota};

/// The environment variable that overrides what the system says.
const VARIABLE: &str = "VOLO_WORKER_THREADS";

/// More than this is a mistake in the variable.
const COUNT_MAX: usize = 1024;

/// A number of worker threads with its reason; displays as a line for the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Workers {
    count: usize,
    reason: Reason,
}

/// Why there are so many.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// `VOLO_WORKER_THREADS` or the program says so.
    Override,
    /// The control group may use so many processors' time; a fraction counts as a whole.
    Quota(f64),
    /// So many processors are there for the process.
    Processors(usize),
}

impl Workers {
    /// What `VOLO_WORKER_THREADS` says (1 to 1,024; anything else is ignored), or else the smaller of the control
    /// group's quota, rounded up, and the processors that the process may run on.
    pub fn detect() -> Self {
        let chosen = env::var(VARIABLE).ok().and_then(|text| parse_count(&text));
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        Workers::choose(chosen, cgroup::quota(), processors)
    }

    /// Exactly so many; at least one.
    pub fn new(count: usize) -> Self {
        Workers { count: count.max(1), reason: Reason::Override }
    }

    /// How many threads.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Why.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// A tokio runtime of so many threads, with its timers and sockets.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn runtime(&self) -> io::Result<tokio::runtime::Runtime> {
        tokio::runtime::Builder::new_multi_thread().worker_threads(self.count).enable_all().build()
    }

    fn choose(chosen: Option<usize>, quota: Option<Quota>, processors: usize) -> Self {
        if let Some(count) = chosen {
            return Workers::new(count);
        }
        match quota {
            // The count of processors may have the quota in it, rounded down.
            Some(quota) if quota.threads() <= processors || quota.is_part_of(processors) => {
                Workers { count: quota.threads(), reason: Reason::Quota(quota.processors()) }
            }
            _ => Workers { count: processors.max(1), reason: Reason::Processors(processors) },
        }
    }
}

impl fmt::Display for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Workers { count, reason } = self;
        let plural = if *count == 1 { "" } else { "s" };
        write!(f, "{count} worker thread{plural}: ")?;
        match reason {
            Reason::Override => write!(f, "set by the program or {VARIABLE}"),
            Reason::Quota(processors) => write!(f, "the control group's quota is {processors} processors"),
            Reason::Processors(1) => f.write_str("there is one processor"),
            Reason::Processors(processors) => write!(f, "there are {processors} processors"),
        }
    }
}

fn parse_count(text: &str) -> Option<usize> {
    text.trim().parse().ok().filter(|count| (1..=COUNT_MAX).contains(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_limit_counts_and_is_named() {
        let quota = |quota_us| Some(Quota { quota_us, period_us: 100_000 });
        let line = |chosen, quota, processors| Workers::choose(chosen, quota, processors).to_string();
        assert_eq!(line(None, None, 8), "8 worker threads: there are 8 processors");
        assert_eq!(line(None, None, 1), "1 worker thread: there is one processor");
        assert_eq!(
            line(None, quota(150_000), 64),
            "2 worker threads: the control group's quota is 1.5 processors"
        );
        assert_eq!(
            line(None, quota(50_000), 1),
            "1 worker thread: the control group's quota is 0.5 processors"
        );
        assert_eq!(line(None, quota(900_000), 4), "4 worker threads: there are 4 processors");
        assert_eq!(
            line(Some(3), quota(150_000), 64),
            "3 worker threads: set by the program or VOLO_WORKER_THREADS"
        );
    }

    #[test]
    fn a_senseless_variable_is_ignored() {
        assert_eq!(parse_count(" 4\n"), Some(4));
        for text in ["", "0", "-1", "four", "1025", "99999999999999999999"] {
            assert_eq!(parse_count(text), None, "{text}");
        }
    }

    #[test]
    fn a_runtime_has_so_many_threads() {
        let runtime = Workers::new(3).runtime().unwrap();
        assert_eq!(runtime.metrics().num_workers(), 3);
        assert_eq!(Workers::new(0).count(), 1);
        assert!(Workers::detect().count() >= 1);
    }
}
