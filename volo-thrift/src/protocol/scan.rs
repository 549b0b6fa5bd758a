//! Finds where an encoded value ends, without building anything.
//!
//! A struct without a length in front is delimited this way: push style, given all bytes so far, the walk goes on from
//! where it was and says whether they are enough. Long strings and lists of fixed-width elements are jumped over,
//! so no byte is looked at twice, but for the few of a head that was cut. Skipping an unknown field is the same walk
//! over bytes that are all there.

use volo_core::DecodeLimits;

use super::{BinaryReader, CompactReader, DecodeError, Protocol, Reader, Type};

/// A walk builds nothing and counts its levels itself.
const NO_LIMITS: DecodeLimits = DecodeLimits { depth_max: 0, memory_max: 0 };

/// What a [`Scanner`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// The struct takes this many bytes.
    Complete(usize),
    /// The struct takes at least this many bytes, more than there are.
    Partial(usize),
}

/// Walks one struct that arrives piece by piece.
#[derive(Debug)]
pub struct Scanner {
    protocol: Protocol,
    depth_max: usize,
    len_max: usize,
    /// Bytes walked over; beyond the bytes so far while a jump waits for them.
    at: usize,
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
    /// A scanner for one struct of at most `depth_max` levels and `len_max` bytes.
    pub fn structure(protocol: Protocol, depth_max: u32, len_max: usize) -> Self {
        let open = vec![Open::Items { types: [Type::Struct; 2], left: 1 }];
        Scanner { protocol, depth_max: depth_max as usize, len_max, at: 0, open }
    }

    /// Walks on; `bytes` are all bytes since the start of the struct, whatever follows it included.
    ///
    /// # Errors
    /// When they can't become a struct within the limits. Scanning further is pointless then.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Scan, DecodeError> {
        let start = self.at;
        let Some(rest) = bytes.get(start..) else {
            return self.partial(start);
        };
        let walked = match self.protocol {
            Protocol::Binary => self.walk(start, BinaryReader::borrowed(rest, NO_LIMITS)),
            Protocol::Compact => self.walk(start, CompactReader::borrowed(rest, NO_LIMITS)),
        };
        match walked {
            _ if self.at > self.len_max => Err(DecodeError::TooLong),
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

    fn walk<R: Reader>(&mut self, start: usize, mut reader: R) -> Result<(), DecodeError> {
        while let (levels, Some(open)) = (self.open.len(), self.open.last_mut()) {
            let mut walked = 0;
            // The outermost entry is not a level but the value itself.
            let may_nest = levels <= self.depth_max;
            let inner = match open {
                Open::Fields => walk_fields(&mut reader, may_nest, &mut walked),
                Open::Items { types, left } => walk_items(&mut reader, may_nest, *types, left, &mut walked),
            };
            if walked > 0 {
                self.at = start.saturating_add(walked);
            }
            match inner? {
                None => drop(self.open.pop()),
                // Every element takes a byte at least.
                Some(Open::Items { left, .. }) if left > self.len_max.saturating_sub(self.at) => {
                    return Err(DecodeError::TooLong);
                }
                Some(inner) => self.open.push(inner),
            }
        }
        Ok(())
    }
}

/// Walks over the fields of a struct: to its end, or to one that is entered. `walked` is set behind each.
fn walk_fields<R: Reader>(
    reader: &mut R,
    may_nest: bool,
    walked: &mut usize,
) -> Result<Option<Open>, DecodeError> {
    while let Some(head) = reader.next_field(&mut { R::START })? {
        let value = head.field_type()?;
        if value == Type::Bool && R::PROTOCOL == Protocol::Compact {
            *walked = reader.position(); // the value was in the head
            continue;
        }
        if let Some(len) = flat(reader, value)? {
            jump(reader, len, walked)?;
            continue;
        }
        match nested(reader, value, may_nest)? {
            Step::Over(len) => jump(reader, len, walked)?,
            Step::Into(inner) => {
                *walked = reader.position();
                return Ok(Some(inner));
            }
        }
    }
    *walked = reader.position();
    Ok(None)
}

/// Walks over the elements that are left of a container, as [`walk_fields`].
fn walk_items<R: Reader>(
    reader: &mut R,
    may_nest: bool,
    types: [Type; 2],
    left: &mut usize,
    walked: &mut usize,
) -> Result<Option<Open>, DecodeError> {
    while *left > 0 {
        let value = types[*left % 2];
        if let Some(len) = flat(reader, value)? {
            *left -= 1;
            jump(reader, len, walked)?;
            continue;
        }
        let step = nested(reader, value, may_nest)?;
        *left -= 1;
        match step {
            Step::Over(len) => jump(reader, len, walked)?,
            Step::Into(inner) => {
                *walked = reader.position();
                return Ok(Some(inner));
            }
        }
    }
    Ok(None)
}

/// Passes over `len` bytes, which count as walked even if they are still to come.
#[inline(always)]
fn jump<R: Reader>(reader: &mut R, len: usize, walked: &mut usize) -> Result<(), DecodeError> {
    *walked = reader.position().saturating_add(len);
    match reader.take(len) {
        Ok(_) => Ok(()),
        Err(_) => Err(DecodeError::UnexpectedEnd),
    }
}

/// Bytes of the value of this type, encoded as in a container, that `bytes` start with.
pub(crate) fn value_len(
    protocol: Protocol,
    value: Type,
    depth_max: u32,
    bytes: &[u8],
) -> Result<usize, DecodeError> {
    let (step, at) = match protocol {
        Protocol::Binary => first_step(BinaryReader::borrowed(bytes, NO_LIMITS), value, depth_max > 0)?,
        Protocol::Compact => first_step(CompactReader::borrowed(bytes, NO_LIMITS), value, depth_max > 0)?,
    };
    let open = match step {
        Step::Over(len) if len > bytes.len() - at => {
            return Err(signed(len).err().unwrap_or(DecodeError::UnexpectedEnd));
        }
        Step::Over(len) => return Ok(at + len),
        Step::Into(inner) => inner,
    };
    if let Open::Items { left, .. } = open
        && left > bytes.len() - at
    {
        return Err(DecodeError::BadLength);
    }
    // This value is one level, so there is one less for those inside.
    let (depth_max, len_max) = (depth_max as usize - 1, bytes.len());
    let mut scanner = Scanner { protocol, depth_max, len_max, at, open: vec![open] };
    match scanner.advance(bytes) {
        Ok(Scan::Complete(len)) => Ok(len),
        Ok(Scan::Partial(_)) => Err(DecodeError::UnexpectedEnd),
        Err(DecodeError::TooLong) => Err(DecodeError::BadLength),
        Err(error) => Err(error),
    }
}

fn first_step<R: Reader>(mut reader: R, value: Type, may_nest: bool) -> Result<(Step, usize), DecodeError> {
    let step = match flat(&mut reader, value)? {
        Some(len) => Step::Over(len),
        None => nested(&mut reader, value, may_nest)?,
    };
    Ok((step, reader.position()))
}

/// How a walk goes on behind a number or a head.
enum Step {
    /// Over so many bytes.
    Over(usize),
    /// Into a struct or container.
    Into(Open),
}

/// Reads what comes before the bytes to jump over; gives their number, or `None` for a struct or container.
#[inline(always)]
fn flat<R: Reader>(reader: &mut R, value: Type) -> Result<Option<usize>, DecodeError> {
    if value == Type::String {
        return signed(reader.text_head()?).map(Some);
    }
    if let Some(width) = width(R::PROTOCOL, value) {
        return Ok(Some(width));
    }
    match value {
        Type::I16 => drop(reader.i16()?),
        Type::I32 => drop(reader.i32()?),
        Type::I64 => drop(reader.i64()?),
        _ => return Ok(None),
    }
    Ok(Some(0))
}

/// Reads the head of a struct or container.
#[inline(never)]
fn nested<R: Reader>(reader: &mut R, value: Type, may_nest: bool) -> Result<Step, DecodeError> {
    if !may_nest {
        return Err(DecodeError::TooDeep);
    }
    match value {
        Type::Struct => Ok(Step::Into(Open::Fields)),
        Type::Map => {
            let (key, value, count) = reader.map_head()?;
            items(R::PROTOCOL, [key, value], count, count.saturating_mul(2))
        }
        _ => {
            let (element, count) = reader.list_head()?;
            items(R::PROTOCOL, [element; 2], count, count)
        }
    }
}

/// A container's elements: jumped over at once if their width is fixed.
fn items(protocol: Protocol, codes: [u8; 2], count: usize, left: usize) -> Result<Step, DecodeError> {
    if signed(count)? == 0 {
        return Ok(Step::Over(0));
    }
    let [Some(first), Some(second)] = codes.map(Type::from_code) else {
        return Err(DecodeError::WrongType);
    };
    if let (Some(first), Some(second)) = (width(protocol, first), width(protocol, second)) {
        return Ok(Step::Over((first + second).saturating_mul(left) / 2));
    }
    Ok(Step::Into(Open::Items { types: [first, second], left }))
}

/// A length or count, which is no more than a signed number can hold unless it is negative.
#[inline(always)]
fn signed(len: usize) -> Result<usize, DecodeError> {
    if i32::try_from(len).is_ok() { Ok(len) } else { Err(DecodeError::BadLength) }
}

/// Bytes of a value, if they are the same for all values of its type.
#[inline(always)]
fn width(protocol: Protocol, value: Type) -> Option<usize> {
    const fn widths(i16: u8, i32: u8, i64: u8) -> [u8; 17] {
        let mut widths = [0; 17];
        widths[Type::Bool as usize] = 1;
        widths[Type::I8 as usize] = 1;
        widths[Type::Double as usize] = 8;
        widths[Type::I16 as usize] = i16;
        widths[Type::I32 as usize] = i32;
        widths[Type::I64 as usize] = i64;
        widths[Type::Uuid as usize] = 16;
        widths
    }
    const WIDTHS: [[u8; 17]; 2] = [widths(2, 4, 8), widths(0, 0, 0)];
    match WIDTHS[protocol as usize][value as usize] {
        0 => None,
        width => Some(width.into()),
    }
}
