//! The head of a message in Binary and Compact: kind, method name, sequence id.
//!
//! Binary is written strict (with a version) and read in both forms.

use faststr::FastStr;
use volo_core::Result;

use super::{WireError, cursor::Cursor, error::unwritable, sink::Sink};
use crate::{ApplicationKind, protocol::Protocol};

/// The first byte of every Compact message.
pub(super) const COMPACT_ID: u8 = 0x82;
const COMPACT_VERSION: u8 = 1;
const BINARY_VERSION: u32 = 0x8001_0000;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MessageKind {
    /// A request that wants a reply.
    Call = 1,
    /// The method's result.
    Reply = 2,
    /// A `TApplicationException` instead of a result.
    Exception = 3,
    /// A request that wants no reply.
    Oneway = 4,
}

impl MessageKind {
    /// The kind with this number on the wire.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(MessageKind::Call),
            2 => Some(MessageKind::Reply),
            3 => Some(MessageKind::Exception),
            4 => Some(MessageKind::Oneway),
            _ => None,
        }
    }

    /// Whether a server may be sent this.
    pub const fn is_request(self) -> bool {
        matches!(self, MessageKind::Call | MessageKind::Oneway)
    }
}

/// What a message says before its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageHead {
    /// What it is.
    pub kind: MessageKind,
    /// The method's name; with Apache's multiplexing, `service:method`.
    pub name: FastStr,
    /// Ties a reply to its call.
    pub sequence_id: i32,
}

impl MessageHead {
    /// A head of these parts.
    pub fn new(kind: MessageKind, name: impl Into<FastStr>, sequence_id: i32) -> Self {
        MessageHead { kind, name: name.into(), sequence_id }
    }

    /// Service and method of a multiplexed name; the service is `None` in an ordinary one.
    pub fn split_name(&self) -> (Option<&str>, &str) {
        // As short as names are, looking at each byte takes less time than a search that is made for long texts.
        match self.name.bytes().position(|byte| byte == b':') {
            Some(at) => (Some(&self.name[..at]), &self.name[at + 1..]),
            None => (None, &self.name),
        }
    }

    /// Writes the head in `protocol`.
    pub(super) fn write(&self, protocol: Protocol, sink: &mut impl Sink) -> Result<()> {
        let len = u32::try_from(self.name.len()).ok().filter(|len| *len <= i32::MAX as u32);
        let len = len.ok_or_else(|| unwritable("method name is too long"))?;
        match protocol {
            Protocol::Binary => {
                sink.put(&(BINARY_VERSION | self.kind as u32).to_be_bytes());
                sink.put(&len.to_be_bytes());
                sink.put(self.name.as_bytes());
                sink.put(&self.sequence_id.to_be_bytes());
            }
            Protocol::Compact => {
                sink.put(&[COMPACT_ID, (self.kind as u8) << 5 | COMPACT_VERSION]);
                sink.put_varint(self.sequence_id as u32);
                sink.put_varint(len);
                sink.put(self.name.as_bytes());
            }
        }
        Ok(())
    }
}

/// The protocol of a message that starts with this byte; only Compact has a byte of its own.
pub(super) fn protocol(first: Option<u8>) -> Protocol {
    if first == Some(COMPACT_ID) { Protocol::Compact } else { Protocol::Binary }
}

/// Reads a head of `protocol`; an error has the name and sequence id if they could be read.
pub(super) fn read(cursor: &mut Cursor<'_>, protocol: Protocol) -> Result<MessageHead, WireError> {
    let (kind, name, sequence_id) = read_parts(cursor, protocol)?;
    match MessageKind::from_number(kind) {
        Some(kind) => Ok(MessageHead { kind, name, sequence_id }),
        None => {
            let text = format!("message type {kind} is none of 1 to 4");
            Err(WireError::new(ApplicationKind::INVALID_MESSAGE_TYPE, text).named(name, sequence_id))
        }
    }
}

fn read_parts(cursor: &mut Cursor<'_>, protocol: Protocol) -> Result<(u8, FastStr, i32), WireError> {
    match protocol {
        Protocol::Binary => read_binary(cursor),
        Protocol::Compact => read_compact(cursor),
    }
}

fn read_binary(cursor: &mut Cursor<'_>) -> Result<(u8, FastStr, i32), WireError> {
    let first = cursor.u32("version")?;
    let (kind, name) = if let Some(len) = name_length(first) {
        let name = cursor.text(len, "method name")?;
        (cursor.u8("message type").map_err(|error| error.named(name.clone(), 0))?, name)
    } else {
        if first & 0xffff_0000 != BINARY_VERSION {
            return Err(bad_version(first));
        }
        let len = cursor.u32("method name's length")?;
        let len = name_length(len).ok_or_else(|| negative_length(len))?;
        (first as u8, cursor.text(len, "method name")?)
    };
    match cursor.i32("sequence id") {
        Ok(sequence_id) => Ok((kind, name, sequence_id)),
        Err(error) => Err(error.named(name, 0)),
    }
}

/// A length, or `None` if the sign bit is set.
fn name_length(word: u32) -> Option<usize> {
    i32::try_from(word).ok().and_then(|len| usize::try_from(len).ok())
}

fn read_compact(cursor: &mut Cursor<'_>) -> Result<(u8, FastStr, i32), WireError> {
    cursor.u8("protocol id")?;
    let byte = cursor.u8("version")?;
    if byte & 0x1f != COMPACT_VERSION {
        let text = format!("Compact version {} is not 1", byte & 0x1f);
        return Err(WireError::new(ApplicationKind::INVALID_PROTOCOL, text));
    }
    let sequence_id = cursor.varint("sequence id")? as i32;
    let named = |error: WireError| error.named(FastStr::empty(), sequence_id);
    let len = cursor.varint("method name's length").map_err(named)?;
    let name = cursor.text(len as usize, "method name").map_err(named)?;
    Ok((byte >> 5, name, sequence_id))
}

fn negative_length(len: u32) -> WireError {
    WireError::protocol(format!("method name's length {} is negative", len as i32))
}

/// The end of the head that starts with these bytes, and its name and sequence id; whether its kind is valid is left
/// to [`read`], which knows where the whole message ends.
pub(super) fn scan(bytes: &[u8], protocol: Protocol) -> Result<(usize, FastStr, i32), WireError> {
    let mut cursor = Cursor::over(bytes);
    let (_, name, sequence_id) = read_parts(&mut cursor, protocol)?;
    Ok((bytes.len() - cursor.remaining(), name, sequence_id))
}

/// Neither a length nor Binary's version.
pub(super) fn bad_version(word: u32) -> WireError {
    let text = match word >> 16 {
        0x9001 => "Kitex Protobuf messages are not supported".to_owned(),
        _ => format!("message starts with {word:08x}, which is no version of Thrift Binary or Compact"),
    };
    WireError::new(ApplicationKind::INVALID_PROTOCOL, text)
}
