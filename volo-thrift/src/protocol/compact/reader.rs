//! Reads Compact.

use bytes::Bytes;
use volo_core::DecodeLimits;

use super::{CODES, FALSE, TRUE, unzigzag};
use crate::protocol::{
    DecodeError, FieldHead, Protocol, Reader, Slot, Type, UnknownFields, bulk, input::Input, value::append,
};

/// Reads values in Compact.
pub struct CompactReader<'a> {
    input: Input<'a>,
    /// The value in the head of the last bool field.
    flag: bool,
}

impl<'a> CompactReader<'a> {
    /// Reads a frame; long strings and binaries are slices of it.
    pub fn new(frame: &'a Bytes, limits: DecodeLimits) -> Self {
        CompactReader { input: Input::shared(frame, limits), flag: false }
    }

    /// Reads borrowed bytes; strings and binaries are copied.
    pub fn borrowed(frame: &'a [u8], limits: DecodeLimits) -> Self {
        CompactReader { input: Input::borrowed(frame, limits), flag: false }
    }

    /// Where reading stopped, for an error's text.
    pub fn place(&self) -> String {
        self.input.place()
    }

    /// A number of at most 32 bits.
    #[inline(always)]
    fn varint32(&mut self) -> Result<u32, DecodeError> {
        let value = self.varint(5)?;
        u32::try_from(value).map_err(|_| DecodeError::BadVarint)
    }

    /// A number in at most `len_max` bytes.
    #[inline(always)]
    fn varint(&mut self, len_max: u32) -> Result<u64, DecodeError> {
        match self.input.peek() {
            Some([byte]) if byte < 0x80 => {
                self.input.array::<1>()?;
                Ok(byte.into())
            }
            _ => self.long_varint(len_max),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self, len_max: u32) -> Result<u64, DecodeError> {
        if let Some(word) = self.input.peek::<8>() {
            let word = u64::from_le_bytes(word);
            let len = (!word & 0x8080_8080_8080_8080).trailing_zeros() / 8 + 1;
            if len <= len_max.min(8) {
                self.input.take(len as usize)?;
                return Ok(join_groups(word & u64::MAX >> (64 - 8 * len)));
            }
        }
        let mut value = 0;
        for index in 0..len_max {
            let [byte] = self.input.array()?;
            // The tenth byte has room for one more bit.
            if index == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::BadVarint)
    }
}

/// The seven low bits of every byte, put together.
#[inline(always)]
fn join_groups(word: u64) -> u64 {
    let word = word & 0x7f7f_7f7f_7f7f_7f7f;
    let word = word & 0x007f_007f_007f_007f | (word & 0x7f00_7f00_7f00_7f00) >> 1;
    let word = word & 0x0000_3fff_0000_3fff | (word & 0x3fff_0000_3fff_0000) >> 2;
    word & 0x0fff_ffff | (word & 0x0fff_ffff_0000_0000) >> 4
}

impl Reader for CompactReader<'_> {
    /// The last field's id.
    type State = i16;
    const START: i16 = 0;
    const PROTOCOL: Protocol = Protocol::Compact;

    #[inline(always)]
    fn enter(&mut self) -> Result<(), DecodeError> {
        self.input.enter()
    }

    #[inline(always)]
    fn leave(&mut self) {
        self.input.leave();
    }

    #[inline(always)]
    fn position(&self) -> usize {
        self.input.position()
    }

    #[inline(always)]
    fn take(&mut self, len: usize) -> Result<&[u8], DecodeError> {
        self.input.take(len)
    }

    #[inline(always)]
    fn next_field(&mut self, last: &mut i16) -> Result<Option<FieldHead>, DecodeError> {
        let [byte] = self.input.array()?;
        if byte == 0 {
            return Ok(None);
        }
        *last = match byte >> 4 {
            0 => self.i16()?,
            distance => last.wrapping_add(distance.into()),
        };
        let nibble = byte & 15;
        self.flag = nibble == TRUE;
        Ok(Some(FieldHead::new(*last, CODES[usize::from(nibble)])))
    }

    #[cold]
    fn skip(&mut self, field: FieldHead) -> Result<(), DecodeError> {
        if !field.is(Type::Bool) {
            self.input.skip(Protocol::Compact, field.field_type()?)?;
        }
        Ok(())
    }

    #[cold]
    fn keep(&mut self, field: FieldHead, to: &mut UnknownFields) -> Result<(), DecodeError> {
        let value = match field.field_type()? {
            Type::Bool if self.flag => &[TRUE],
            Type::Bool => &[FALSE],
            other => self.input.skip(Protocol::Compact, other)?,
        };
        self.input.keep(Protocol::Compact, field, value, to)
    }

    #[inline(always)]
    fn bool(&mut self) -> Result<bool, DecodeError> {
        let [value] = self.input.array()?;
        Ok(value == TRUE)
    }

    #[inline(always)]
    fn bool_field(&mut self) -> Result<bool, DecodeError> {
        Ok(self.flag)
    }

    #[inline(always)]
    fn i8(&mut self) -> Result<i8, DecodeError> {
        Ok(i8::from_be_bytes(self.input.array()?))
    }

    #[inline(always)]
    fn i16(&mut self) -> Result<i16, DecodeError> {
        i16::try_from(self.i32()?).map_err(|_| DecodeError::BadVarint)
    }

    #[inline(always)]
    fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(unzigzag(self.varint32()?.into()) as i32)
    }

    #[inline(always)]
    fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(unzigzag(self.varint(10)?))
    }

    #[inline(always)]
    fn double(&mut self) -> Result<f64, DecodeError> {
        Ok(f64::from_le_bytes(self.input.array()?))
    }

    #[inline(always)]
    fn uuid(&mut self) -> Result<[u8; 16], DecodeError> {
        self.input.array()
    }

    /// Inlined on purpose: out of line it costs a fifth of decoding.
    #[inline(always)]
    fn string(&mut self, to: &mut impl Slot) -> Result<(), DecodeError> {
        let len = self.text_head()?;
        self.input.string(len, to)
    }

    fn binary(&mut self) -> Result<Bytes, DecodeError> {
        let len = self.text_head()?;
        self.input.binary(len)
    }

    #[inline(always)]
    fn text_head(&mut self) -> Result<usize, DecodeError> {
        Ok(self.varint32()? as usize)
    }

    #[inline(always)]
    fn list_head(&mut self) -> Result<(u8, usize), DecodeError> {
        let [byte] = self.input.array()?;
        let count = match byte >> 4 {
            15 => self.varint32()? as usize,
            count => count.into(),
        };
        Ok((CODES[usize::from(byte & 15)], count))
    }

    #[inline(always)]
    fn map_head(&mut self) -> Result<(u8, u8, usize), DecodeError> {
        let count = self.varint32()? as usize;
        if count == 0 {
            return Ok((0, 0, 0));
        }
        let [types] = self.input.array()?;
        Ok((CODES[usize::from(types >> 4)], CODES[usize::from(types & 15)], count))
    }

    #[inline(always)]
    fn admit(&mut self, count: usize, min: usize, memory: usize) -> Result<usize, DecodeError> {
        self.input.admit(count, min, memory)
    }

    #[inline(always)]
    fn charge(&mut self, memory: usize) -> Result<(), DecodeError> {
        self.input.charge(memory)
    }

    fn i16s(&mut self, to: &mut Vec<i16>, count: usize) -> Result<(), DecodeError> {
        append(to, count, |to| {
            to.push(self.i16()?);
            Ok(())
        })
    }

    fn i32s(&mut self, to: &mut Vec<i32>, count: usize) -> Result<(), DecodeError> {
        append(to, count, |to| {
            to.push(self.i32()?);
            Ok(())
        })
    }

    fn i64s(&mut self, to: &mut Vec<i64>, count: usize) -> Result<(), DecodeError> {
        append(to, count, |to| {
            to.push(self.i64()?);
            Ok(())
        })
    }

    fn doubles(&mut self, to: &mut Vec<f64>, count: usize) -> Result<(), DecodeError> {
        bulk::extend(to, self.input.take(count.saturating_mul(8))?, f64::from_le_bytes);
        Ok(())
    }

    #[inline(always)]
    fn trace(&mut self, name: &'static str) {
        self.input.trace(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varint(bytes: &[u8], len_max: u32) -> Result<u64, DecodeError> {
        let limits = DecodeLimits { depth_max: 1, memory_max: 1 };
        CompactReader::borrowed(bytes, limits).varint(len_max)
    }

    #[test]
    fn varints_of_every_length() {
        for shift in 0..64 {
            for value in [1 << shift, (1 << shift) - 1, u64::MAX >> shift] {
                let (mut bytes, mut rest) = (Vec::new(), value);
                while rest >= 0x80 {
                    bytes.push(rest as u8 | 0x80);
                    rest >>= 7;
                }
                bytes.push(rest as u8);
                assert_eq!(varint(&bytes, 10), Ok(value));
                assert_eq!(varint(&bytes[..bytes.len() - 1], 10), Err(DecodeError::UnexpectedEnd));
                bytes.extend([0xff; 9]); // what follows doesn't matter
                assert_eq!(varint(&bytes, 10), Ok(value));
            }
        }
    }

    #[test]
    fn varints_that_are_too_long() {
        for tail in [&[][..], &[0; 9]] {
            let with_tail = |bytes: &[u8]| [bytes, tail].concat();
            assert_eq!(
                varint(&with_tail(&[[0x80; 5].as_slice(), &[0]].concat()), 5),
                Err(DecodeError::BadVarint)
            );
            assert_eq!(
                varint(&with_tail(&[[0x80; 10].as_slice(), &[0]].concat()), 10),
                Err(DecodeError::BadVarint)
            );
            assert_eq!(
                varint(&with_tail(&[[0xff; 9].as_slice(), &[2]].concat()), 10),
                Err(DecodeError::BadVarint)
            );
        }
        let limits = DecodeLimits { depth_max: 1, memory_max: 1 };
        let too_wide = [0xff, 0xff, 0xff, 0xff, 0x10];
        assert_eq!(CompactReader::borrowed(&too_wide, limits).i32(), Err(DecodeError::BadVarint));
        assert_eq!(CompactReader::borrowed(&[0x80, 0x80, 4], limits).i16(), Err(DecodeError::BadVarint));
    }
}
