//! Values on the wire: what can be encoded, and the small traits each protocol implements.
//!
//! One generated set of functions serves every protocol: [`Value`] is generic over [`Sizer`], [`Writer`] and
//! [`Reader`], and all calls are statically dispatched. Everything works on slices; nothing here waits, opens a
//! socket or reads a clock.

mod binary;
mod bulk;
mod compact;
mod containers;
mod field;
mod input;
mod levels;
mod message;
mod read;
mod scalar;
mod scan;
mod sink;
mod transcode;
mod unknown;
mod utf8;
mod value;
mod write;

#[cfg(test)]
mod tests;

use volo_core::Format;

pub use binary::{BinaryReader, BinarySizer, BinaryWriter};
pub use compact::{CompactReader, CompactSizer, CompactWriter};
pub use containers::{Map, Set};
pub use field::{Field, FieldHead, Seen, Type};
pub use levels::Levels;
pub use message::{Exceptions, MethodResult, Success, Typed, decode};
#[cfg(feature = "generic")]
pub(crate) use message::{decode_failed, unknown_format};
pub use read::{DecodeError, Reader, Slot};
pub use scalar::{OrderedDouble, ParseUuidError, Uuid};
#[cfg(feature = "pilota")]
pub(crate) use scan::value_len;
pub use scan::{Scan, Scanner};
pub use sink::Sink;
pub(crate) use transcode::body_in;
#[cfg(feature = "generic")]
pub(crate) use transcode::item_type;
pub use transcode::transcode;
pub use unknown::UnknownFields;
pub use value::Value;
pub use write::{FieldSizes, FieldWriter, Sizer, Writer};

/// An encoding of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Protocol {
    /// Fixed widths, big endian.
    Binary = 0,
    /// Variable widths.
    Compact = 1,
}

/// [`Protocol::Binary`] as volo-core passes it on.
pub const BINARY: Format = Format(Protocol::Binary as u8);

/// [`Protocol::Compact`] as volo-core passes it on.
pub const COMPACT: Format = Format(Protocol::Compact as u8);

impl Protocol {
    /// The protocol behind a format, `None` if it is not one of ours.
    pub fn from_format(format: Format) -> Option<Protocol> {
        match format {
            BINARY => Some(Protocol::Binary),
            COMPACT => Some(Protocol::Compact),
            _ => None,
        }
    }

    /// This protocol as volo-core passes it on.
    pub fn format(self) -> Format {
        Format(self as u8)
    }
}
