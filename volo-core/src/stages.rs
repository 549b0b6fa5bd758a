//! When a call got where.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// A point that a call passes on its way. From `Encoded` to its end a call waits for its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// A client has a connection for it, with room in its buffer.
    Connected,
    /// A client has encoded it.
    Encoded,
    /// A server has decoded the arguments; the handler begins.
    Decoded,
    /// A server's handler is done.
    Handled,
}

const COUNT: usize = 4;

/// The stages that a call has reached, relative to its start.
///
/// Whoever carries the call notes them, from whatever thread it is on at the time. Of several attempts the last
/// counts.
#[derive(Debug)]
pub struct Stages {
    start: Instant,
    /// Nanoseconds since `start`, plus one; 0 is never.
    reached_ns: [AtomicU64; COUNT],
    /// Plus one; 0 is unknown.
    request_bytes: AtomicU64,
}

impl From<Instant> for Stages {
    fn from(start: Instant) -> Self {
        Stages { start, reached_ns: Default::default(), request_bytes: AtomicU64::new(0) }
    }
}

impl Stages {
    /// Notes that the call reached `stage` now.
    pub fn mark(&self, stage: Stage) {
        let passed = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.reached_ns[stage as usize].store(passed.saturating_add(1), Ordering::Relaxed);
    }

    /// Notes how many bytes were sent.
    pub fn set_request_bytes(&self, bytes: usize) {
        self.request_bytes.store((bytes as u64).saturating_add(1), Ordering::Relaxed);
    }

    /// When it reached `stage`, from its start on.
    pub fn reached(&self, stage: Stage) -> Option<Duration> {
        let passed = self.reached_ns[stage as usize].load(Ordering::Relaxed);
        passed.checked_sub(1).map(Duration::from_nanos)
    }

    /// How many bytes were sent.
    pub fn request_bytes(&self) -> Option<usize> {
        self.request_bytes.load(Ordering::Relaxed).checked_sub(1).and_then(|bytes| bytes.try_into().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_told_apart_and_sizes_may_be_zero() {
        let stages = Stages::from(Instant::now());
        assert!(stages.reached(Stage::Connected).is_none() && stages.request_bytes().is_none());
        stages.mark(Stage::Connected);
        stages.mark(Stage::Handled);
        stages.set_request_bytes(0);
        assert!(stages.reached(Stage::Connected) <= stages.reached(Stage::Handled));
        assert_eq!((stages.reached(Stage::Decoded), stages.request_bytes()), (None, Some(0)));
    }
}
