//! The length prefix: four bytes, big endian, then so many bytes.
//!
//! Framed has it before each message, TTHeader before each header.

use volo_core::{Error, net::Frame};

use super::{WireError, cursor::Cursor, error::unwritable, message};

/// Bytes of the length itself.
pub(super) const PREFIX: usize = 4;

/// Where the frame that starts with these bytes ends. An announced length is compared with `message_max`, never
/// allocated.
pub(super) fn frame(bytes: &[u8], message_max: usize) -> Result<Frame, WireError> {
    let Some(prefix) = bytes.first_chunk() else {
        return Ok(Frame::Partial(PREFIX));
    };
    let total = total(u32::from_be_bytes(*prefix), message_max)?;
    Ok(if bytes.len() < total { Frame::Partial(total) } else { Frame::Complete(total) })
}

fn total(length: u32, message_max: usize) -> Result<usize, WireError> {
    if length == 0 {
        return Err(WireError::protocol("frame is empty"));
    }
    if length > i32::MAX as u32 {
        return Err(WireError::protocol(format!("frame length {} is negative", length as i32)));
    }
    let total = length as usize + PREFIX;
    if total > message_max {
        return Err(WireError::too_large("message", total, "message_max", message_max));
    }
    Ok(total)
}

/// The length prefix of a frame of `total` bytes, the prefix included.
pub(super) fn length(total: usize) -> Result<[u8; PREFIX], Error> {
    let length = i32::try_from(total.saturating_sub(PREFIX));
    let length =
        length.map_err(|_| unwritable(format!("message of {total} bytes passes what a frame can hold")))?;
    Ok(length.to_be_bytes())
}

/// Whether the bytes left start with their own length, and not with a message.
pub(super) fn is_at(cursor: &Cursor<'_>) -> bool {
    let Some(prefix) = cursor.as_slice().first_chunk() else {
        return false;
    };
    u32::from_be_bytes(*prefix) as usize == cursor.remaining() - PREFIX && prefix[0] != message::COMPACT_ID
}

/// Reads a length, which must be that of the bytes left.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<(), WireError> {
    let length = cursor.u32("frame length")?;
    if length as usize != cursor.remaining() {
        let text = format!("frame length {length} is not that of the {} bytes behind it", cursor.remaining());
        return Err(WireError::protocol(text));
    }
    Ok(())
}
