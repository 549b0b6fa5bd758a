//! Writes Binary: a field's type, id and short value are one store.

use bytes::Bytes;
use faststr::FastStr;

use crate::protocol::{Protocol, Sink, Type, Writer};

/// Writes values in Binary.
#[derive(Debug)]
pub struct BinaryWriter<K>(pub K);

/// A field's three bytes, the type lowest.
#[inline(always)]
fn head(field: Type, id: i16) -> u32 {
    field as u32 | u32::from(id.cast_unsigned().swap_bytes()) << 8
}

/// A length or count in four bytes, the highest first.
#[inline(always)]
fn count_word(count: usize) -> u64 {
    (count as u32).swap_bytes().into()
}

impl<K: Sink> Writer for BinaryWriter<K> {
    type State = ();
    const START: () = ();
    const PROTOCOL: Protocol = Protocol::Binary;

    #[inline(always)]
    fn head(self, (): &mut (), id: i16, field: Type) -> Self {
        BinaryWriter(self.0.put(head(field, id).into(), 3))
    }

    #[inline(always)]
    fn stop(self) -> Self {
        BinaryWriter(self.0.put(0, 1))
    }

    #[inline(always)]
    fn bool(self, value: bool) -> Self {
        BinaryWriter(self.0.put(value.into(), 1))
    }

    #[inline(always)]
    fn i8(self, value: i8) -> Self {
        BinaryWriter(self.0.put(value.cast_unsigned().into(), 1))
    }

    #[inline(always)]
    fn i16(self, value: i16) -> Self {
        BinaryWriter(self.0.put(value.cast_unsigned().swap_bytes().into(), 2))
    }

    #[inline(always)]
    fn i32(self, value: i32) -> Self {
        BinaryWriter(self.0.put(value.cast_unsigned().swap_bytes().into(), 4))
    }

    #[inline(always)]
    fn i64(self, value: i64) -> Self {
        BinaryWriter(self.0.put(value.cast_unsigned().swap_bytes(), 8))
    }

    #[inline(always)]
    fn double(self, value: f64) -> Self {
        BinaryWriter(self.0.put(value.to_bits().swap_bytes(), 8))
    }

    #[inline(always)]
    fn uuid(self, value: &[u8; 16]) -> Self {
        BinaryWriter(self.0.put_slice(value))
    }

    #[inline(always)]
    fn string(self, value: &FastStr) -> Self {
        BinaryWriter(self.0.put_body(count_word(value.len()), 4, value))
    }

    #[inline(always)]
    fn binary(self, value: &Bytes) -> Self {
        BinaryWriter(self.0.put_body(count_word(value.len()), 4, value))
    }

    #[inline(always)]
    fn slice(self, value: &[u8]) -> Self {
        BinaryWriter(self.0.put_body(count_word(value.len()), 4, value))
    }

    fn raw(self, encoded: &[u8]) -> Self {
        BinaryWriter(self.0.put_slice(encoded))
    }

    #[inline(always)]
    fn list(self, element: Type, count: usize) -> Self {
        BinaryWriter(self.0.put(element as u64 | count_word(count) << 8, 5))
    }

    #[inline(always)]
    fn map(self, key: Type, value: Type, count: usize) -> Self {
        BinaryWriter(self.0.put(key as u64 | (value as u64) << 8 | count_word(count) << 16, 6))
    }

    #[inline(always)]
    fn bool_field(self, (): &mut (), id: i16, value: bool) -> Self {
        BinaryWriter(self.0.put((head(Type::Bool, id) | u32::from(value) << 24).into(), 4))
    }

    #[inline(always)]
    fn i16_field(self, (): &mut (), id: i16, value: i16) -> Self {
        let value: u64 = value.cast_unsigned().swap_bytes().into();
        BinaryWriter(self.0.put(u64::from(head(Type::I16, id)) | value << 24, 5))
    }

    #[inline(always)]
    fn i32_field(self, (): &mut (), id: i16, value: i32) -> Self {
        let value: u64 = value.cast_unsigned().swap_bytes().into();
        BinaryWriter(self.0.put(u64::from(head(Type::I32, id)) | value << 24, 7))
    }

    #[inline(always)]
    fn i64_field(self, (): &mut (), id: i16, value: i64) -> Self {
        BinaryWriter(self.0.put_pair(head(Type::I64, id), 3, value.cast_unsigned().swap_bytes()))
    }

    #[inline(always)]
    fn double_field(self, (): &mut (), id: i16, value: f64) -> Self {
        BinaryWriter(self.0.put_pair(head(Type::Double, id), 3, value.to_bits().swap_bytes()))
    }

    #[inline(always)]
    fn string_field(self, (): &mut (), id: i16, value: &FastStr) -> Self {
        let head = u64::from(head(Type::String, id)) | count_word(value.len()) << 24;
        BinaryWriter(self.0.put_body(head, 7, value))
    }

    #[inline(always)]
    fn binary_field(self, (): &mut (), id: i16, value: &Bytes) -> Self {
        let head = u64::from(head(Type::String, id)) | count_word(value.len()) << 24;
        BinaryWriter(self.0.put_body(head, 7, value))
    }

    #[inline(always)]
    fn list_field(self, (): &mut (), id: i16, field: Type, element: Type, count: usize) -> Self {
        let head = u64::from(head(field, id)) | (element as u64) << 24 | count_word(count) << 32;
        BinaryWriter(self.0.put(head, 8))
    }

    #[inline(always)]
    fn i16s(self, values: &[i16]) -> Self {
        BinaryWriter(self.0.put_numbers(values, i16::to_be_bytes))
    }

    #[inline(always)]
    fn i32s(self, values: &[i32]) -> Self {
        BinaryWriter(self.0.put_numbers(values, i32::to_be_bytes))
    }

    #[inline(always)]
    fn i64s(self, values: &[i64]) -> Self {
        BinaryWriter(self.0.put_numbers(values, i64::to_be_bytes))
    }

    #[inline(always)]
    fn doubles(self, values: &[f64]) -> Self {
        BinaryWriter(self.0.put_numbers(values, f64::to_be_bytes))
    }
}
