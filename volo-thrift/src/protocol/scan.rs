//! Finds where an encoded value or message ends, without building anything.
//!
//! A message without a length in front is delimited this way: push style, given all bytes so far, it walks on from
//! where it was and says whether they are enough. Long strings and lists of fixed-width elements are jumped over,
//! so no byte is looked at twice, but for the few of a head that was cut. Skipping an unknown field is the same walk over bytes that
//! are all there.

use volo_core::DecodeLimits;

use super::{BinaryReader, CompactReader, DecodeError, Protocol, Reader, Type};

/// What a [`Scanner`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// The message takes this many bytes.
    Complete(usize),
    /// The message takes at least this many bytes, more than there are.
    Partial(usize),
}

/// Walks one message that arrives piece by piece.
#[derive(Debug)]
pub struct Scanner {
    protocol: Protocol,
    depth_max: usize,
    len_max: usize,
    /// Bytes walked over; beyond the bytes so far while a jump waits for them.
    at: usize,
    header: bool,
    open: Vec<Open>,
}

/// A struct or container that was entered.
#[derive(Debug)]
enum Open {
    Fields,
    /// `left` elements, of types that alternate: the last one is of `types[1]`.
    Items {
        types: [Type; 2],
        left: usize,
    },
}

impl Scanner {
    /// A scanner for a message: its header and one struct of at most `depth_max` levels, `len_max` bytes in all.
    pub fn message(protocol: Protocol, depth_max: u32, len_max: usize) -> Self {
        Scanner { header: true, ..Scanner::value(protocol, Type::Struct, depth_max, len_max) }
    }

    /// A scanner for one struct of at most `depth_max` levels and `len_max` bytes, without any header.
    pub fn structure(protocol: Protocol, depth_max: u32, len_max: usize) -> Self {
        Scanner::value(protocol, Type::Struct, depth_max, len_max)
    }

    fn value(protocol: Protocol, value: Type, depth_max: u32, len_max: usize) -> Self {
        let open = vec![Open::Items { types: [value; 2], left: 1 }];
        Scanner { protocol, depth_max: depth_max as usize, len_max, at: 0, header: false, open }
    }

    /// Walks on; `bytes` are all bytes since the start of the message, whatever follows it included.
    ///
    /// # Errors
    /// When they can't become a message within the limits. Scanning further is pointless then.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Scan, DecodeError> {
        if self.header {
            let header = match self.protocol {
                Protocol::Binary => binary_header(bytes, self.len_max),
                Protocol::Compact => compact_header(bytes, self.len_max),
            };
            match header {
                Ok(len) => (self.at, self.header) = (len, false),
                Err(DecodeError::UnexpectedEnd) => return self.partial(bytes.len() + 1),
                Err(error) => return Err(error),
            }
        }
        let Some(rest) = bytes.get(self.at..) else {
            return self.partial(self.at);
        };
        let limits = DecodeLimits { depth_max: 0, memory_max: 0 };
        let walked = match self.protocol {
            Protocol::Binary => self.walk(BinaryReader::borrowed(rest, limits)),
            Protocol::Compact => self.walk(CompactReader::borrowed(rest, limits)),
        };
        match walked {
            Ok(()) => Ok(Scan::Complete(self.at)),
            Err(DecodeError::UnexpectedEnd) => self.partial(self.at.max(bytes.len() + 1)),
            Err(error) => Err(error),
        }
    }

    /// At least `len` bytes are needed.
    fn partial(&self, len: usize) -> Result<Scan, DecodeError> {
        if len > self.len_max {
            return Err(DecodeError::TooLong);
        }
        Ok(Scan::Partial(len))
    }

    fn walk<R: Reader>(&mut self, mut reader: R) -> Result<(), DecodeError> {
        let start = self.at;
        while let (levels, Some(open)) = (self.open.len(), self.open.last_mut()) {
            let next = match open {
                Open::Items { left: 0, .. } => None,
                Open::Items { types, left } => Some(types[usize::from(*left % 2 == 1)]),
                Open::Fields => match reader.next_field(&mut { R::START })? {
                    None => None,
                    Some(head) => Some(head.field_type()?),
                },
            };
            let Some(value) = next else {
                self.open.pop();
                self.at = start + reader.position();
                continue;
            };
            // The outermost entry is not a level but the value itself.
            if is_nested(value) && levels > self.depth_max {
                return Err(DecodeError::TooDeep);
            }
            let in_head =
                value == Type::Bool && R::PROTOCOL == Protocol::Compact && matches!(open, Open::Fields);
            let (inner, jump) = if in_head { (None, 0) } else { enter(&mut reader, value)? };
            // From here on the value counts as walked.
            if let Open::Items { left, .. } = open {
                *left -= 1;
            }
            let from = start + reader.position();
            if let Some(inner) = inner {
                self.push(inner, from)?;
            }
            self.at = from.saturating_add(jump);
            if self.at > self.len_max {
                return Err(DecodeError::TooLong);
            }
            reader.take(jump)?;
        }
        Ok(())
    }

    fn push(&mut self, inner: Open, from: usize) -> Result<(), DecodeError> {
        // Every element takes a byte at least.
        if let Open::Items { left, .. } = inner
            && left > self.len_max.saturating_sub(from)
        {
            return Err(DecodeError::TooLong);
        }
        self.open.push(inner);
        Ok(())
    }
}

/// Bytes of the value of this type, encoded as in a container, that `bytes` start with.
pub(crate) fn value_len(
    protocol: Protocol,
    value: Type,
    depth_max: u32,
    bytes: &[u8],
) -> Result<usize, DecodeError> {
    match Scanner::value(protocol, value, depth_max, bytes.len()).advance(bytes) {
        Ok(Scan::Complete(len)) => Ok(len),
        Ok(Scan::Partial(_)) => Err(DecodeError::UnexpectedEnd),
        Err(DecodeError::TooLong) => Err(DecodeError::BadLength),
        Err(error) => Err(error),
    }
}

/// Reads a number or a head: what is to be walked next, and the bytes to jump over before it.
fn enter<R: Reader>(reader: &mut R, value: Type) -> Result<(Option<Open>, usize), DecodeError> {
    if let Some(width) = width(R::PROTOCOL, value) {
        return Ok((None, width));
    }
    match value {
        Type::I16 => drop(reader.i16()?),
        Type::I32 => drop(reader.i32()?),
        Type::I64 => drop(reader.i64()?),
        Type::String => return Ok((None, reader.text_head()?)),
        Type::Struct => return Ok((Some(Open::Fields), 0)),
        Type::List | Type::Set => {
            let (element, count) = reader.list_head()?;
            return items(R::PROTOCOL, [element; 2], count, count);
        }
        Type::Map => {
            let (key, value, count) = reader.map_head()?;
            return items(R::PROTOCOL, [key, value], count, count.saturating_mul(2));
        }
        Type::Bool | Type::I8 | Type::Double | Type::Uuid => {}
    }
    Ok((None, 0))
}

/// A container's elements: jumped over at once if their width is fixed.
fn items(
    protocol: Protocol,
    codes: [u8; 2],
    count: usize,
    left: usize,
) -> Result<(Option<Open>, usize), DecodeError> {
    if count == 0 {
        return Ok((None, 0));
    }
    let [Some(first), Some(second)] = codes.map(Type::from_code) else {
        return Err(DecodeError::WrongType);
    };
    if let (Some(first), Some(second)) = (width(protocol, first), width(protocol, second)) {
        return Ok((None, (first + second).saturating_mul(left) / 2));
    }
    Ok((Some(Open::Items { types: [first, second], left }), 0))
}

/// Whether a value is a level of nesting, empty or not.
fn is_nested(value: Type) -> bool {
    matches!(value, Type::Struct | Type::List | Type::Set | Type::Map)
}

/// Bytes of a value, if they are the same for all values of its type.
fn width(protocol: Protocol, value: Type) -> Option<usize> {
    let binary = protocol == Protocol::Binary;
    match value {
        Type::Bool | Type::I8 => Some(1),
        Type::I16 if binary => Some(2),
        Type::I32 if binary => Some(4),
        Type::I64 if binary => Some(8),
        Type::Double => Some(8),
        Type::Uuid => Some(16),
        _ => None,
    }
}

/// Bytes of a Binary message header: strict (version and type, name, sequence id) or old (name, type, sequence id).
fn binary_header(bytes: &[u8], len_max: usize) -> Result<usize, DecodeError> {
    let word = |at: usize| {
        let word = bytes.get(at..at + 4).and_then(|word| word.first_chunk());
        word.map(|word| u32::from_be_bytes(*word)).ok_or(DecodeError::UnexpectedEnd)
    };
    let first = word(0)?;
    let (name, around) = match first >> 16 {
        0x8001 => (word(4)?, 12),
        0x8000.. => return Err(DecodeError::BadHeader),
        _ => (first, 9),
    };
    let len = (name as usize).saturating_add(around);
    if len > len_max {
        return Err(DecodeError::TooLong);
    }
    if len > bytes.len() { Err(DecodeError::UnexpectedEnd) } else { Ok(len) }
}

/// Bytes of a Compact message header: magic number, version and type, sequence id, name.
fn compact_header(bytes: &[u8], len_max: usize) -> Result<usize, DecodeError> {
    let limits = DecodeLimits { depth_max: 0, memory_max: 0 };
    let version_ok = bytes.first().is_none_or(|magic| *magic == 0x82)
        && bytes.get(1).is_none_or(|version| version & 0x1f == 1);
    if !version_ok {
        return Err(DecodeError::BadHeader);
    }
    let rest = bytes.get(2..).ok_or(DecodeError::UnexpectedEnd)?;
    let mut reader = CompactReader::borrowed(rest, limits);
    reader.text_head()?; // the sequence id, encoded like a length
    let name = reader.text_head()?;
    let len = name.saturating_add(2 + reader.position());
    if len > len_max {
        return Err(DecodeError::TooLong);
    }
    if len > bytes.len() { Err(DecodeError::UnexpectedEnd) } else { Ok(len) }
}
