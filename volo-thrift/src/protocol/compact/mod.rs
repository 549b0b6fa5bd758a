//! Compact: variable widths, little endian. A field is one byte with its type and the distance to the last id, and
//! its value; a bool is its head alone.

mod reader;
mod writer;

use volo_core::span::COPY_MAX;

pub use reader::CompactReader;
pub use writer::CompactWriter;

use super::{Levels, Protocol, Sizer, Type};

/// The nibble of `true` as a field, and of bools as elements.
const TRUE: u8 = 1;

/// The nibble of `false` as a field; accepted for bools as elements.
const FALSE: u8 = 2;

/// Binary's type code for every nibble, 0 where there is none.
const CODES: [u8; 16] = {
    let mut codes = [0; 16];
    codes[TRUE as usize] = Type::Bool as u8;
    codes[FALSE as usize] = Type::Bool as u8;
    codes[3] = Type::I8 as u8;
    codes[4] = Type::I16 as u8;
    codes[5] = Type::I32 as u8;
    codes[6] = Type::I64 as u8;
    codes[7] = Type::Double as u8;
    codes[8] = Type::String as u8;
    codes[9] = Type::List as u8;
    codes[10] = Type::Set as u8;
    codes[11] = Type::Map as u8;
    codes[12] = Type::Struct as u8;
    codes[13] = Type::Uuid as u8;
    codes
};

/// A type's nibble; for a bool that of an element.
#[inline(always)]
fn nibble(value: Type) -> u8 {
    match value {
        Type::Bool => TRUE,
        Type::I8 => 3,
        Type::I16 => 4,
        Type::I32 => 5,
        Type::I64 => 6,
        Type::Double => 7,
        Type::String => 8,
        Type::List => 9,
        Type::Set => 10,
        Type::Map => 11,
        Type::Struct => 12,
        Type::Uuid => 13,
    }
}

/// Small numbers of either sign as small numbers: 0, -1, 1, -2 become 0, 1, 2, 3.
#[inline(always)]
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

/// Undoes [`zigzag`].
#[inline(always)]
fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Bytes of a value in seven-bit groups.
#[inline(always)]
fn varint_len(value: u64) -> usize {
    ((70 - (value | 1).leading_zeros()) / 7) as usize
}

/// The distance to the last id, if it fits a head of one byte.
#[inline(always)]
fn short_distance(last: i16, id: i16) -> Option<u8> {
    match i32::from(id) - i32::from(last) {
        distance @ 1..=15 => Some(distance as u8),
        _ => None,
    }
}

/// Counts the bytes of values in Compact.
#[derive(Debug)]
pub struct CompactSizer {
    linked: usize,
    link_min: usize,
    levels: Levels,
}

impl CompactSizer {
    /// Counts for a span that links bodies of at least `link_min` bytes, and for values nested `depth_max` deep.
    pub fn new(link_min: usize, depth_max: u32) -> Self {
        CompactSizer { linked: 0, link_min: link_min.max(COPY_MAX + 1), levels: Levels::new(depth_max) }
    }

    /// Bytes that will be linked, of all counted so far.
    pub fn linked(&self) -> usize {
        self.linked
    }

    #[cold]
    #[inline(never)]
    fn link(&mut self, len: usize) {
        self.linked += len;
    }
}

impl Sizer for CompactSizer {
    /// The last field's id.
    type State = i16;
    const START: i16 = 0;
    const PROTOCOL: Protocol = Protocol::Compact;

    #[inline(always)]
    fn levels(&mut self) -> &mut Levels {
        &mut self.levels
    }

    #[inline(always)]
    fn head(&mut self, last: &mut i16, id: i16) -> usize {
        let short = short_distance(*last, id);
        *last = id;
        if short.is_some() { 1 } else { 1 + varint_len(zigzag(id.into())) }
    }

    #[inline(always)]
    fn bool_field(&mut self, last: &mut i16, id: i16) -> usize {
        self.head(last, id)
    }

    #[inline(always)]
    fn i16(&mut self, value: i16) -> usize {
        varint_len(zigzag(value.into()))
    }

    #[inline(always)]
    fn i32(&mut self, value: i32) -> usize {
        varint_len(zigzag(value.into()))
    }

    #[inline(always)]
    fn i64(&mut self, value: i64) -> usize {
        varint_len(zigzag(value))
    }

    #[inline(always)]
    fn text(&mut self, len: usize) -> usize {
        if len >= self.link_min {
            self.link(len);
        }
        self.slice(len)
    }

    #[inline(always)]
    fn slice(&mut self, len: usize) -> usize {
        varint_len(len as u64) + len
    }

    #[inline(always)]
    fn list(&mut self, count: usize) -> usize {
        if count < 15 { 1 } else { 1 + varint_len(count as u64) }
    }

    #[inline(always)]
    fn map(&mut self, count: usize) -> usize {
        if count == 0 { 1 } else { 1 + varint_len(count as u64) }
    }

    fn i16s(&mut self, values: &[i16]) -> usize {
        values.iter().map(|value| self.i16(*value)).sum()
    }

    fn i32s(&mut self, values: &[i32]) -> usize {
        values.iter().map(|value| self.i32(*value)).sum()
    }

    fn i64s(&mut self, values: &[i64]) -> usize {
        values.iter().map(|value| self.i64(*value)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zigzag_and_lengths() {
        for (value, unsigned) in [(0, 0), (-1, 1), (1, 2), (i64::MAX, u64::MAX - 1), (i64::MIN, u64::MAX)] {
            assert_eq!((zigzag(value), unzigzag(unsigned)), (unsigned, value));
        }
        for (value, len) in [(0, 1), (127, 1), (128, 2), (1 << 14, 3), (u64::MAX >> 1, 9), (u64::MAX, 10)] {
            assert_eq!(varint_len(value), len, "{value}");
        }
    }

    #[test]
    fn every_type_has_its_nibble() {
        for code in 0..=255 {
            if let Some(value) = Type::from_code(code) {
                assert_eq!(CODES[usize::from(nibble(value))], code);
            }
        }
        assert_eq!(CODES.iter().filter(|code| Type::from_code(**code).is_some()).count(), 13);
    }
}
