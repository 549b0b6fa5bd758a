//! The framer for what a server reads and doesn't look at.

use volo_core::{
    Result,
    net::{Frame, Framer},
};

/// Takes whatever is there for a frame; for bytes that nobody wants any more.
pub(super) struct DiscardFramer;

impl Framer for DiscardFramer {
    fn frame(&mut self, bytes: &[u8]) -> Result<Frame> {
        Ok(if bytes.is_empty() { Frame::Partial(1) } else { Frame::Complete(bytes.len()) })
    }
}
