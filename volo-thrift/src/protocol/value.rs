//! What can be encoded: the trait of every generated type, and the base types.

use std::sync::Arc;

use bytes::Bytes;
use faststr::FastStr;

use super::{DecodeError, Reader, Sizer, Type, Writer, input::INLINE_MAX};

/// Elements that a list reserves at first; from then on it at most doubles.
const RESERVE_MAX: usize = 4096;

/// Anything with a Thrift encoding: base types, containers, and every generated type.
///
/// A generated struct implements the required items; the provided ones are overridden by types that can fuse a
/// field's head with its value or handle many elements at once.
pub trait Value: Default + Clone + Send + Sync + 'static {
    /// The type's number on the wire. The default is that of structs, unions and exceptions; every other type has to
    /// name its own, or peers will misread it.
    const TYPE: Type = Type::Struct;

    /// Bytes of the smallest encoding as a container's element, in Binary and Compact; never 0.
    ///
    /// A container's claimed count is compared with the bytes left divided by this, before anything is allocated.
    const MIN: [usize; 2];

    /// Whether a value can hold others of its type, or of one that can hold itself: so deep as nobody foresaw.
    const RECURSIVE: bool = false;

    /// Bytes of this value, in line and linked, as a container's element.
    fn size<S: Sizer>(&self, sizer: &mut S) -> usize;

    /// [`Value::size`], counted as a level of its own if the type can hold itself.
    #[inline(always)]
    fn nested_size<S: Sizer>(&self, sizer: &mut S) -> usize {
        if Self::RECURSIVE { sizer.nested::<Self>(|sizer| self.size(sizer)) } else { self.size(sizer) }
    }

    /// Writes this value as a container's element.
    fn encode<W: Writer>(&self, writer: W) -> W;

    /// Reads a value into this one, which holds its default.
    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError>;

    /// Bytes of this value as a struct's field, head included.
    #[inline(always)]
    fn field_size<S: Sizer>(&self, sizer: &mut S, state: &mut S::State, id: i16) -> usize {
        sizer.head(state, id) + self.nested_size(sizer)
    }

    /// Writes this value as a struct's field, head included.
    #[inline(always)]
    fn encode_field<W: Writer>(&self, writer: W, state: &mut W::State, id: i16) -> W {
        self.encode(writer.head(state, id, Self::TYPE))
    }

    /// Copies what this value shares with the frame it was decoded from, so that the frame can be freed.
    ///
    /// Long strings and binaries are slices of their frame, unless it is very short, and keep all of it in memory;
    /// whoever stores a decoded value for longer than a call detaches it first. Does nothing for values that share
    /// nothing.
    #[inline(always)]
    fn detach(&mut self) {}

    /// Reads a field's value, its head being consumed. Differs from [`Value::decode`] where a protocol keeps the
    /// value in the head.
    #[inline(always)]
    fn decode_field<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        self.decode(reader)
    }

    /// Reads a field's value into an optional slot.
    #[inline(always)]
    fn decode_option<R: Reader>(slot: &mut Option<Self>, reader: &mut R) -> Result<(), DecodeError> {
        slot.insert(Self::default()).decode_field(reader)
    }

    /// Bytes of all elements.
    #[inline(always)]
    fn size_all<S: Sizer>(values: &[Self], sizer: &mut S) -> usize {
        let mut size = 0;
        for value in values {
            size += value.nested_size(sizer);
        }
        size
    }

    /// Writes all elements.
    #[inline(always)]
    fn encode_all<W: Writer>(values: &[Self], mut writer: W) -> W {
        for value in values {
            writer = value.encode(writer);
        }
        writer
    }

    /// Appends `count` elements; the head was read, so `count` is bounded by the bytes left and the budget.
    #[inline(always)]
    fn decode_all<R: Reader>(
        values: &mut Vec<Self>,
        count: usize,
        reader: &mut R,
    ) -> Result<(), DecodeError> {
        append(values, count, |values| {
            values.push(Self::default());
            values.last_mut().map_or(Ok(()), |last| last.decode(reader))
        })
    }
}

/// Calls `push` `count` times, making room in steps: what a peer claims is only reserved as its bytes arrive, and
/// never more than it claimed.
#[inline(always)]
pub(super) fn append<T>(
    values: &mut Vec<T>,
    count: usize,
    mut push: impl FnMut(&mut Vec<T>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut left = count;
    while left > 0 {
        let step = left.min(values.len().max(RESERVE_MAX));
        values.reserve_exact(step);
        for _ in 0..step {
            push(values)?;
        }
        left -= step;
    }
    Ok(())
}

impl Value for bool {
    const TYPE: Type = Type::Bool;
    const MIN: [usize; 2] = [1, 1];

    #[inline(always)]
    fn size<S: Sizer>(&self, _: &mut S) -> usize {
        1
    }

    #[inline(always)]
    fn encode<W: Writer>(&self, writer: W) -> W {
        writer.bool(*self)
    }

    #[inline(always)]
    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        *self = reader.bool()?;
        Ok(())
    }

    #[inline(always)]
    fn field_size<S: Sizer>(&self, sizer: &mut S, state: &mut S::State, id: i16) -> usize {
        sizer.bool_field(state, id)
    }

    #[inline(always)]
    fn encode_field<W: Writer>(&self, writer: W, state: &mut W::State, id: i16) -> W {
        writer.bool_field(state, id, *self)
    }

    #[inline(always)]
    fn decode_field<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        *self = reader.bool_field()?;
        Ok(())
    }

    #[inline(always)]
    fn size_all<S: Sizer>(values: &[Self], _: &mut S) -> usize {
        values.len()
    }
}

impl Value for i8 {
    const TYPE: Type = Type::I8;
    const MIN: [usize; 2] = [1, 1];

    #[inline(always)]
    fn size<S: Sizer>(&self, _: &mut S) -> usize {
        1
    }

    #[inline(always)]
    fn encode<W: Writer>(&self, writer: W) -> W {
        writer.i8(*self)
    }

    #[inline(always)]
    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        *self = reader.i8()?;
        Ok(())
    }

    #[inline(always)]
    fn size_all<S: Sizer>(values: &[Self], _: &mut S) -> usize {
        values.len()
    }
}

/// A number that each protocol has one method for, one for a field of it and one for a list.
macro_rules! number {
    ($number:ty, $type:ident, $min:expr, $method:ident, $field:ident, $all:ident, |$sizer:ident, $value:ident| $size:expr, |$values:ident| $size_all:expr) => {
        impl Value for $number {
            const TYPE: Type = Type::$type;
            const MIN: [usize; 2] = $min;

            #[inline(always)]
            fn size<S: Sizer>(&self, $sizer: &mut S) -> usize {
                let $value = *self;
                $size
            }

            #[inline(always)]
            fn encode<W: Writer>(&self, writer: W) -> W {
                writer.$method(*self)
            }

            #[inline(always)]
            fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
                *self = reader.$method()?;
                Ok(())
            }

            #[inline(always)]
            fn encode_field<W: Writer>(&self, writer: W, state: &mut W::State, id: i16) -> W {
                writer.$field(state, id, *self)
            }

            #[inline(always)]
            fn decode_option<R: Reader>(slot: &mut Option<Self>, reader: &mut R) -> Result<(), DecodeError> {
                *slot = Some(reader.$method()?);
                Ok(())
            }

            #[inline(always)]
            fn size_all<S: Sizer>($values: &[Self], $sizer: &mut S) -> usize {
                $size_all
            }

            #[inline(always)]
            fn encode_all<W: Writer>(values: &[Self], writer: W) -> W {
                writer.$all(values)
            }

            #[inline(always)]
            fn decode_all<R: Reader>(
                values: &mut Vec<Self>,
                count: usize,
                reader: &mut R,
            ) -> Result<(), DecodeError> {
                reader.$all(values, count)
            }
        }
    };
}

number!(i16, I16, [2, 1], i16, i16_field, i16s, |sizer, value| sizer.i16(value), |values| sizer.i16s(values));
number!(i32, I32, [4, 1], i32, i32_field, i32s, |sizer, value| sizer.i32(value), |values| sizer.i32s(values));
number!(i64, I64, [8, 1], i64, i64_field, i64s, |sizer, value| sizer.i64(value), |values| sizer.i64s(values));
number!(f64, Double, [8, 8], double, double_field, doubles, |_sizer, _value| 8, |values| values.len() * 8);

impl Value for FastStr {
    const TYPE: Type = Type::String;
    const MIN: [usize; 2] = [4, 1];

    #[inline(always)]
    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        sizer.text(self.len())
    }

    #[inline(always)]
    fn encode<W: Writer>(&self, writer: W) -> W {
        writer.string(self)
    }

    #[inline(always)]
    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        reader.string(self)
    }

    #[inline(always)]
    fn encode_field<W: Writer>(&self, writer: W, state: &mut W::State, id: i16) -> W {
        writer.string_field(state, id, self)
    }

    #[inline(always)]
    fn decode_option<R: Reader>(slot: &mut Option<Self>, reader: &mut R) -> Result<(), DecodeError> {
        reader.string(slot)
    }

    fn detach(&mut self) {
        if self.len() > INLINE_MAX {
            *self = FastStr::new(self.as_str());
        }
    }
}

impl Value for Bytes {
    const TYPE: Type = Type::String;
    const MIN: [usize; 2] = [4, 1];

    #[inline(always)]
    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        sizer.text(self.len())
    }

    #[inline(always)]
    fn encode<W: Writer>(&self, writer: W) -> W {
        writer.binary(self)
    }

    #[inline]
    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        *self = reader.binary()?;
        Ok(())
    }

    #[inline(always)]
    fn encode_field<W: Writer>(&self, writer: W, state: &mut W::State, id: i16) -> W {
        writer.binary_field(state, id, self)
    }

    fn detach(&mut self) {
        *self = Bytes::copy_from_slice(self);
    }
}

impl Value for String {
    const TYPE: Type = Type::String;
    const MIN: [usize; 2] = [4, 1];

    #[inline(always)]
    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        sizer.slice(self.len())
    }

    #[inline(always)]
    fn encode<W: Writer>(&self, writer: W) -> W {
        writer.slice(self.as_bytes())
    }

    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        let mut text = FastStr::empty();
        reader.string(&mut text)?;
        self.clear();
        self.push_str(&text);
        Ok(())
    }
}

impl Value for Vec<u8> {
    const TYPE: Type = Type::String;
    const MIN: [usize; 2] = [4, 1];

    #[inline(always)]
    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        sizer.slice(self.len())
    }

    #[inline(always)]
    fn encode<W: Writer>(&self, writer: W) -> W {
        writer.slice(self)
    }

    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        let len = reader.text_head()?;
        let bytes = reader.take(len)?;
        self.clear();
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// A pointer to a value is that value on the wire; what it points to is charged to the budget.
macro_rules! pointer {
    ($pointer:ident, $target:expr) => {
        impl<T: Value> Value for $pointer<T> {
            const TYPE: Type = T::TYPE;
            const MIN: [usize; 2] = T::MIN;
            const RECURSIVE: bool = T::RECURSIVE;

            #[inline(always)]
            fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
                (**self).size(sizer)
            }

            #[inline(always)]
            fn nested_size<S: Sizer>(&self, sizer: &mut S) -> usize {
                (**self).nested_size(sizer)
            }

            #[inline(always)]
            fn encode<W: Writer>(&self, writer: W) -> W {
                (**self).encode(writer)
            }

            #[inline(always)]
            fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
                reader.charge(size_of::<T>())?;
                $target(self).decode(reader)
            }

            #[inline(always)]
            fn field_size<S: Sizer>(&self, sizer: &mut S, state: &mut S::State, id: i16) -> usize {
                (**self).field_size(sizer, state, id)
            }

            #[inline(always)]
            fn encode_field<W: Writer>(&self, writer: W, state: &mut W::State, id: i16) -> W {
                (**self).encode_field(writer, state, id)
            }

            #[inline(always)]
            fn decode_field<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
                reader.charge(size_of::<T>())?;
                $target(self).decode_field(reader)
            }

            fn detach(&mut self) {
                $target(self).detach();
            }
        }
    };
}

pointer!(Box, Box::as_mut);
pointer!(Arc, Arc::make_mut);
