//! The framers of a server's connection.

use volo_core::{
    Result,
    net::{Frame, Framer},
};

use crate::{
    Limits,
    wire::{DetectFramer, Dialect},
};

/// Detects the dialect of each frame and keeps in mind how much it asked for, which tells a peer that has not even
/// sent a frame's length from one that is slow in sending the frame.
pub(super) struct WatchedFramer {
    inner: DetectFramer,
    wanted: usize,
}

impl WatchedFramer {
    pub(super) fn new(limits: &Limits) -> Self {
        WatchedFramer { inner: DetectFramer::new(limits), wanted: 0 }
    }

    /// The dialect of the frame found last.
    pub(super) fn dialect(&self) -> Option<Dialect> {
        self.inner.dialect()
    }

    /// How many bytes the frame under way needs at least.
    pub(super) fn wanted(&self) -> usize {
        self.wanted
    }
}

impl Framer for WatchedFramer {
    fn frame(&mut self, bytes: &[u8]) -> Result<Frame> {
        let frame = self.inner.frame(bytes)?;
        self.wanted = match frame {
            Frame::Complete(_) => 0,
            Frame::Partial(wanted) => wanted,
        };
        Ok(frame)
    }
}

/// Takes whatever is there for a frame; for bytes that nobody wants any more.
pub(super) struct DiscardFramer;

impl Framer for DiscardFramer {
    fn frame(&mut self, bytes: &[u8]) -> Result<Frame> {
        Ok(if bytes.is_empty() { Frame::Partial(1) } else { Frame::Complete(bytes.len()) })
    }
}
