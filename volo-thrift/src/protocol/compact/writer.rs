//! Writes Compact: a field's head and its number are one store.

use bytes::Bytes;
use faststr::FastStr;
use volo_core::span::{Body, COPY_MAX};

use super::{FALSE, TRUE, nibble, short_distance, zigzag};
use crate::protocol::{Protocol, Sink, Type, Writer};

/// Writes values in Compact.
#[derive(Debug)]
pub struct CompactWriter<K>(pub K);

/// A field's head, the lowest byte first, and its length: 1 to 4 bytes.
#[inline(always)]
fn head(last: &mut i16, id: i16, nibble: u8) -> (u32, usize) {
    let short = short_distance(*last, id);
    *last = id;
    match short {
        Some(distance) => (u32::from(distance << 4 | nibble), 1),
        None => long_head(id, nibble),
    }
}

#[inline]
fn long_head(id: i16, nibble: u8) -> (u32, usize) {
    let id = zigzag(id.into()) as u32;
    let (varint, len) = match id {
        ..0x80 => (id, 1),
        0x80..0x4000 => (id & 0x7f | 0x80 | id >> 7 << 8, 2),
        _ => (id & 0x7f | 0x80 | (id >> 7 & 0x7f | 0x80) << 8 | id >> 14 << 16, 3),
    };
    (u32::from(nibble) | varint << 8, 1 + len)
}

impl<K: Sink> CompactWriter<K> {
    /// `head` and a string or binary.
    #[inline(always)]
    fn body<B: Body + ?Sized>(self, (head, head_len): (u32, usize), body: &B) -> Self {
        let len = body.as_slice().len();
        if len <= COPY_MAX {
            let head = u64::from(head) | (len as u64) << (8 * head_len);
            return CompactWriter(self.0.put_body(head, head_len + 1, body));
        }
        CompactWriter(self.0.put_leb128(head, head_len, len as u64).put_long(body))
    }

    /// `head` and the head of a list.
    #[inline(always)]
    fn list_behind(self, (head, head_len): (u32, usize), element: Type, count: usize) -> Self {
        let element = nibble(element);
        if count < 15 {
            let head =
                u64::from(head) | (count as u64) << (8 * head_len + 4) | u64::from(element) << (8 * head_len);
            return CompactWriter(self.0.put(head, head_len + 1));
        }
        let sink = self.0.put(head.into(), head_len);
        CompactWriter(sink.put_leb128(0xf0 | u32::from(element), 1, count as u64))
    }
}

impl<K: Sink> Writer for CompactWriter<K> {
    /// The last field's id.
    type State = i16;
    const START: i16 = 0;
    const PROTOCOL: Protocol = Protocol::Compact;

    #[inline(always)]
    fn head(self, last: &mut i16, id: i16, field: Type) -> Self {
        let (head, len) = head(last, id, nibble(field));
        CompactWriter(self.0.put(head.into(), len))
    }

    #[inline(always)]
    fn stop(self) -> Self {
        CompactWriter(self.0.put(0, 1))
    }

    #[inline(always)]
    fn bool(self, value: bool) -> Self {
        CompactWriter(self.0.put(if value { TRUE } else { FALSE }.into(), 1))
    }

    #[inline(always)]
    fn i8(self, value: i8) -> Self {
        CompactWriter(self.0.put(value.cast_unsigned().into(), 1))
    }

    #[inline(always)]
    fn i16(self, value: i16) -> Self {
        self.i64(value.into())
    }

    #[inline(always)]
    fn i32(self, value: i32) -> Self {
        self.i64(value.into())
    }

    #[inline(always)]
    fn i64(self, value: i64) -> Self {
        CompactWriter(self.0.put_leb128(0, 0, zigzag(value)))
    }

    #[inline(always)]
    fn double(self, value: f64) -> Self {
        CompactWriter(self.0.put(value.to_bits(), 8))
    }

    #[inline(always)]
    fn uuid(self, value: &[u8; 16]) -> Self {
        CompactWriter(self.0.put_slice(value))
    }

    #[inline(always)]
    fn string(self, value: &FastStr) -> Self {
        self.body((0, 0), value)
    }

    #[inline(always)]
    fn binary(self, value: &Bytes) -> Self {
        self.body((0, 0), value)
    }

    #[inline(always)]
    fn slice(self, value: &[u8]) -> Self {
        self.body((0, 0), value)
    }

    fn raw(self, encoded: &[u8]) -> Self {
        CompactWriter(self.0.put_slice(encoded))
    }

    #[inline(always)]
    fn list(self, element: Type, count: usize) -> Self {
        self.list_behind((0, 0), element, count)
    }

    #[inline(always)]
    fn map(self, key: Type, value: Type, count: usize) -> Self {
        if count == 0 {
            return CompactWriter(self.0.put(0, 1));
        }
        let types = nibble(key) << 4 | nibble(value);
        CompactWriter(self.0.put_leb128(0, 0, count as u64).put(types.into(), 1))
    }

    #[inline(always)]
    fn bool_field(self, last: &mut i16, id: i16, value: bool) -> Self {
        let (head, len) = head(last, id, if value { TRUE } else { FALSE });
        CompactWriter(self.0.put(head.into(), len))
    }

    #[inline(always)]
    fn i16_field(self, last: &mut i16, id: i16, value: i16) -> Self {
        let (head, len) = head(last, id, nibble(Type::I16));
        CompactWriter(self.0.put_leb128(head, len, zigzag(value.into())))
    }

    #[inline(always)]
    fn i32_field(self, last: &mut i16, id: i16, value: i32) -> Self {
        let (head, len) = head(last, id, nibble(Type::I32));
        CompactWriter(self.0.put_leb128(head, len, zigzag(value.into())))
    }

    #[inline(always)]
    fn i64_field(self, last: &mut i16, id: i16, value: i64) -> Self {
        let (head, len) = head(last, id, nibble(Type::I64));
        CompactWriter(self.0.put_leb128(head, len, zigzag(value)))
    }

    #[inline(always)]
    fn double_field(self, last: &mut i16, id: i16, value: f64) -> Self {
        let (head, len) = head(last, id, nibble(Type::Double));
        CompactWriter(self.0.put_pair(head, len, value.to_bits()))
    }

    #[inline(always)]
    fn string_field(self, last: &mut i16, id: i16, value: &FastStr) -> Self {
        self.body(head(last, id, nibble(Type::String)), value)
    }

    #[inline(always)]
    fn binary_field(self, last: &mut i16, id: i16, value: &Bytes) -> Self {
        self.body(head(last, id, nibble(Type::String)), value)
    }

    #[inline(always)]
    fn list_field(self, last: &mut i16, id: i16, field: Type, element: Type, count: usize) -> Self {
        self.list_behind(head(last, id, nibble(field)), element, count)
    }

    fn i16s(self, values: &[i16]) -> Self {
        values.iter().fold(self, |writer, value| writer.i16(*value))
    }

    fn i32s(self, values: &[i32]) -> Self {
        values.iter().fold(self, |writer, value| writer.i32(*value))
    }

    fn i64s(self, values: &[i64]) -> Self {
        values.iter().fold(self, |writer, value| writer.i64(*value))
    }

    #[inline(always)]
    fn doubles(self, values: &[f64]) -> Self {
        CompactWriter(self.0.put_numbers(values, f64::to_le_bytes))
    }
}
