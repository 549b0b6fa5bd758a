//! Reads Binary.

use bytes::Bytes;
use volo_core::DecodeLimits;

use crate::protocol::{DecodeError, FieldHead, Protocol, Reader, Slot, UnknownFields, bulk, input::Input};

/// Reads values in Binary.
pub struct BinaryReader<'a>(Input<'a>);

impl<'a> BinaryReader<'a> {
    /// Reads a frame; long strings and binaries are slices of it.
    pub fn new(frame: &'a Bytes, limits: DecodeLimits) -> Self {
        BinaryReader(Input::shared(frame, limits))
    }

    /// Reads borrowed bytes; strings and binaries are copied.
    pub fn borrowed(frame: &'a [u8], limits: DecodeLimits) -> Self {
        BinaryReader(Input::borrowed(frame, limits))
    }

    /// Where reading stopped, for an error's text.
    pub fn place(&self) -> String {
        self.0.place()
    }

    /// A field's head with fewer than four bytes left.
    #[cold]
    #[inline(never)]
    fn last_field(&mut self) -> Result<Option<FieldHead>, DecodeError> {
        let [code] = self.0.array()?;
        if code == 0 {
            return Ok(None);
        }
        Ok(Some(FieldHead::new(i16::from_be_bytes(self.0.array()?), code)))
    }

    #[inline(always)]
    fn length(&mut self) -> Result<usize, DecodeError> {
        Ok(u32::from_be_bytes(self.0.array()?) as usize)
    }
}

impl Reader for BinaryReader<'_> {
    type State = ();
    const START: () = ();
    const PROTOCOL: Protocol = Protocol::Binary;

    #[inline(always)]
    fn enter(&mut self) -> Result<(), DecodeError> {
        self.0.enter()
    }

    #[inline(always)]
    fn leave(&mut self) {
        self.0.leave();
    }

    #[inline(always)]
    fn position(&self) -> usize {
        self.0.position()
    }

    #[inline(always)]
    fn take(&mut self, len: usize) -> Result<&[u8], DecodeError> {
        self.0.take(len)
    }

    #[inline(always)]
    fn next_field(&mut self, (): &mut ()) -> Result<Option<FieldHead>, DecodeError> {
        // Four bytes are there nearly always: a field has a value, and behind a struct comes something.
        let Some(word) = self.0.peek() else {
            return self.last_field();
        };
        let head = FieldHead::from_bits(u32::from_be_bytes(word) >> 8);
        if head.is_stop() {
            self.0.array::<1>()?;
            return Ok(None);
        }
        self.0.array::<3>()?;
        Ok(Some(head))
    }

    #[cold]
    fn skip(&mut self, field: FieldHead) -> Result<(), DecodeError> {
        self.0.skip(Protocol::Binary, field.field_type()?)?;
        Ok(())
    }

    #[cold]
    fn keep(&mut self, field: FieldHead, to: &mut UnknownFields) -> Result<(), DecodeError> {
        let value = self.0.skip(Protocol::Binary, field.field_type()?)?;
        self.0.keep(Protocol::Binary, field, value, to)
    }

    #[inline(always)]
    fn bool(&mut self) -> Result<bool, DecodeError> {
        let [value] = self.0.array()?;
        Ok(value != 0)
    }

    #[inline(always)]
    fn bool_field(&mut self) -> Result<bool, DecodeError> {
        self.bool()
    }

    #[inline(always)]
    fn i8(&mut self) -> Result<i8, DecodeError> {
        Ok(i8::from_be_bytes(self.0.array()?))
    }

    #[inline(always)]
    fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(i16::from_be_bytes(self.0.array()?))
    }

    #[inline(always)]
    fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.0.array()?))
    }

    #[inline(always)]
    fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.0.array()?))
    }

    #[inline(always)]
    fn double(&mut self) -> Result<f64, DecodeError> {
        Ok(f64::from_be_bytes(self.0.array()?))
    }

    #[inline(always)]
    fn uuid(&mut self) -> Result<[u8; 16], DecodeError> {
        self.0.array()
    }

    /// Inlined on purpose: out of line it costs a fifth of decoding.
    #[inline(always)]
    fn string(&mut self, to: &mut impl Slot) -> Result<(), DecodeError> {
        let len = self.length()?;
        self.0.string(len, to)
    }

    fn binary(&mut self) -> Result<Bytes, DecodeError> {
        let len = self.length()?;
        self.0.binary(len)
    }

    #[inline(always)]
    fn text_head(&mut self) -> Result<usize, DecodeError> {
        self.length()
    }

    #[inline(always)]
    fn list_head(&mut self) -> Result<(u8, usize), DecodeError> {
        let [element, a, b, c, d] = self.0.array()?;
        Ok((element, u32::from_be_bytes([a, b, c, d]) as usize))
    }

    #[inline(always)]
    fn map_head(&mut self) -> Result<(u8, u8, usize), DecodeError> {
        let [key, value, a, b, c, d] = self.0.array()?;
        Ok((key, value, u32::from_be_bytes([a, b, c, d]) as usize))
    }

    #[inline(always)]
    fn admit(&mut self, count: usize, min: usize, memory: usize) -> Result<usize, DecodeError> {
        self.0.admit(count, min, memory)
    }

    #[inline(always)]
    fn charge(&mut self, memory: usize) -> Result<(), DecodeError> {
        self.0.charge(memory)
    }

    fn i16s(&mut self, to: &mut Vec<i16>, count: usize) -> Result<(), DecodeError> {
        bulk::extend(to, self.0.take(count.saturating_mul(2))?, i16::from_be_bytes);
        Ok(())
    }

    fn i32s(&mut self, to: &mut Vec<i32>, count: usize) -> Result<(), DecodeError> {
        bulk::extend(to, self.0.take(count.saturating_mul(4))?, i32::from_be_bytes);
        Ok(())
    }

    fn i64s(&mut self, to: &mut Vec<i64>, count: usize) -> Result<(), DecodeError> {
        bulk::extend(to, self.0.take(count.saturating_mul(8))?, i64::from_be_bytes);
        Ok(())
    }

    fn doubles(&mut self, to: &mut Vec<f64>, count: usize) -> Result<(), DecodeError> {
        bulk::extend(to, self.0.take(count.saturating_mul(8))?, f64::from_be_bytes);
        Ok(())
    }

    #[inline(always)]
    fn trace(&mut self, name: &'static str) {
        self.0.trace(name);
    }
}
