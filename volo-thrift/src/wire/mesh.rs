//! The mesh header, which a proxy may put before a Buffered or Framed message; read, never written.
//!
//! Layout, big endian: magic (2), size of what follows (2), number of pairs (2), the pairs, the message.

use volo_core::net::Frame;

use super::{Header, WireError, cursor::Cursor, ttheader};

const MAGIC: [u8; 2] = [0xff, 0xaf];
const FRONT: usize = 4;

/// How many bytes the mesh header at the start of `bytes` takes; 0 if there is none.
pub(super) fn frame(bytes: &[u8], header_max: usize) -> Result<Frame, WireError> {
    if !bytes.iter().zip(MAGIC).all(|(byte, magic)| *byte == magic) || bytes.is_empty() {
        return Ok(Frame::Complete(0));
    }
    let Some(&[_, _, high, low]) = bytes.first_chunk::<FRONT>() else {
        return Ok(Frame::Partial(FRONT));
    };
    let total = FRONT + usize::from(u16::from_be_bytes([high, low]));
    if total > header_max {
        return Err(WireError::too_large("mesh header", total, "header_max", header_max));
    }
    Ok(if bytes.len() < total { Frame::Partial(total) } else { Frame::Complete(total) })
}

/// Reads the mesh header if there is one.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Option<Header>, WireError> {
    if !cursor.as_slice().starts_with(&MAGIC) {
        return Ok(None);
    }
    cursor.take(MAGIC.len(), "mesh header")?;
    let size = cursor.u16("mesh header's size")?;
    let mut pairs = cursor.split(usize::from(size), "mesh header")?;
    let mut header = Header::default();
    ttheader::read_strings(&mut pairs, &mut header.strings)?;
    Ok(Some(header))
}
