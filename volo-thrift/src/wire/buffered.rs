//! Buffered messages: no length anywhere, the end is found by walking head and values.

use faststr::FastStr;
use volo_core::net::Frame;

use super::{WireError, message};
use crate::protocol::{DecodeError, Protocol, Scan, Scanner};

/// How far one message was walked; what was walked is not looked at again when more bytes arrive.
pub(super) struct Walk {
    protocol: Protocol,
    depth_max: u32,
    body: Option<Body>,
}

/// A message whose head is complete.
struct Body {
    start: usize,
    name: FastStr,
    sequence_id: i32,
    scanner: Scanner,
}

impl Walk {
    /// A walk over the message that starts with these bytes.
    pub(super) fn new(bytes: &[u8], depth_max: u32) -> Self {
        Walk { protocol: message::protocol(bytes.first().copied()), depth_max, body: None }
    }

    /// Bytes before the body, if all of them were there.
    pub(super) fn head(&self) -> Option<usize> {
        self.body.as_ref().map(|body| body.start)
    }

    /// Where the message ends, as far as the bytes at hand tell.
    pub(super) fn frame(&mut self, bytes: &[u8], message_max: usize) -> Result<Frame, WireError> {
        let body = match &mut self.body {
            Some(body) => body,
            none => match message::scan(bytes, self.protocol) {
                Ok((start, name, sequence_id)) => {
                    let len_max = message_max.saturating_sub(start);
                    let scanner = Scanner::structure(self.protocol, self.depth_max, len_max);
                    none.insert(Body { start, name, sequence_id, scanner })
                }
                Err(error) => return wait(error, message_max),
            },
        };
        let named = |text: String| WireError::protocol(text).named(body.name.clone(), body.sequence_id);
        let too_long = || named(format!("message passes message_max of {message_max}"));
        match body.scanner.advance(bytes.get(body.start..).unwrap_or_default()) {
            Ok(Scan::Complete(len)) if body.start + len > message_max => Err(too_long()),
            Ok(Scan::Complete(len)) => Ok(Frame::Complete(body.start + len)),
            Ok(Scan::Partial(len)) => Ok(Frame::Partial(body.start + len)),
            Err(DecodeError::TooLong) => Err(too_long()),
            Err(error @ DecodeError::TooDeep) => {
                Err(named(format!("message body: {error}, depth_max of {}", self.depth_max)))
            }
            Err(error) => Err(named(format!("message body: {error}"))),
        }
    }
}

/// A head that is merely cut short needs more bytes, within the limit.
fn wait(error: WireError, message_max: usize) -> Result<Frame, WireError> {
    match error.needed() {
        None => Err(error),
        Some(needed) if needed > message_max => {
            Err(WireError::too_large("message", needed, "message_max", message_max))
        }
        Some(needed) => Ok(Frame::Partial(needed)),
    }
}
