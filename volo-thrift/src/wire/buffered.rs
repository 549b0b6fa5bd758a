//! Buffered messages: no length anywhere, the end is found by walking head and values.

use volo_core::net::Frame;

use super::{Protocol, WireError, message};

/// How far one message was walked.
pub(super) struct Scan {
    protocol: Protocol,
}

impl Scan {
    /// A walk over the message that starts with these bytes.
    pub(super) fn new(bytes: &[u8], _depth_max: u32) -> Self {
        Scan { protocol: Protocol::of_first_byte(bytes.first().copied()) }
    }

    /// Where the message ends, as far as the bytes at hand tell.
    pub(super) fn frame(&mut self, bytes: &[u8], message_max: usize) -> Result<Frame, WireError> {
        match message::scan(bytes, self.protocol) {
            Ok(_) => Err(WireError::protocol("Buffered messages are not read yet")),
            Err(error) => match error.needed() {
                Some(needed) if needed > message_max => {
                    Err(WireError::too_large("message", needed, "message_max", message_max))
                }
                Some(needed) => Ok(Frame::Partial(needed)),
                None => Err(error),
            },
        }
    }
}
