//! Writing: exact sizes first, then bytes.

use bytes::Bytes;
use faststr::FastStr;

use super::{Field, Levels, Protocol, Type, UnknownFields};

/// Counts exact bytes. `State` is what a protocol carries from field to field: nothing, or the last id.
pub trait Sizer: Sized {
    /// Carried from field to field of one struct.
    type State;
    /// The state before a struct's first field.
    const START: Self::State;
    /// The protocol counted for.
    const PROTOCOL: Protocol;

    /// How deep the value being counted is nested.
    fn levels(&mut self) -> &mut Levels;
    /// A field's head.
    fn head(&mut self, state: &mut Self::State, id: i16) -> usize;
    /// A field that is a bool, head and value.
    fn bool_field(&mut self, state: &mut Self::State, id: i16) -> usize;
    /// A 16-bit integer.
    fn i16(&mut self, value: i16) -> usize;
    /// A 32-bit integer.
    fn i32(&mut self, value: i32) -> usize;
    /// A 64-bit integer.
    fn i64(&mut self, value: i64) -> usize;
    /// A string or binary of `len` bytes with a shared owner: linked from `link_min` bytes on.
    fn text(&mut self, len: usize) -> usize;
    /// A string or binary of `len` bytes that is always copied.
    fn slice(&mut self, len: usize) -> usize;
    /// The head of a list or set.
    fn list(&mut self, count: usize) -> usize;
    /// The head of a map.
    fn map(&mut self, count: usize) -> usize;
    /// All 16-bit elements of a list.
    fn i16s(&mut self, values: &[i16]) -> usize;
    /// All 32-bit elements of a list.
    fn i32s(&mut self, values: &[i32]) -> usize;
    /// All 64-bit elements of a list.
    fn i64s(&mut self, values: &[i64]) -> usize;

    /// A field that is always, or only when set, written.
    #[inline(always)]
    fn field<F: Field>(&mut self, state: &mut Self::State, id: i16, field: &F) -> usize {
        field.size_as(0, self, state, id)
    }

    /// A value of type `T`, which is one level deeper; nothing if that is too deep.
    #[inline(always)]
    fn nested<T>(&mut self, size: impl FnOnce(&mut Self) -> usize) -> usize {
        if !self.levels().enter::<T>() {
            return 0;
        }
        let bytes = size(self);
        self.levels().leave();
        bytes
    }

    /// Begins the sum of a struct's fields.
    #[inline(always)]
    fn fields(&mut self) -> FieldSizes<'_, Self> {
        FieldSizes { state: Self::START, total: 0, sizer: self }
    }

    /// Fields that were kept as they came.
    fn unknown_fields(&mut self, state: &mut Self::State, fields: &UnknownFields) -> usize {
        fields.size(self, state)
    }
}

/// The sum of a struct's fields.
///
/// The total travels by value, as a writer does, and absent fields don't touch it: added up in one expression, all
/// terms were kept on the stack until the end, a third of the size pass.
pub struct FieldSizes<'s, S: Sizer> {
    sizer: &'s mut S,
    state: S::State,
    total: usize,
}

impl<S: Sizer> FieldSizes<'_, S> {
    /// A field that is always, or only when set, written.
    #[inline(always)]
    pub fn field<F: Field>(mut self, id: i16, field: &F) -> Self {
        self.total = field.size_as(self.total, self.sizer, &mut self.state, id);
        self
    }

    /// Fields that were kept as they came.
    #[inline(always)]
    pub fn unknown_fields(mut self, fields: &UnknownFields) -> Self {
        self.total += self.sizer.unknown_fields(&mut self.state, fields);
        self
    }

    /// Bytes of all fields and the end of the struct.
    #[inline(always)]
    pub fn stop(self) -> usize {
        self.total + 1
    }
}

/// Writes values; passed and returned by value, so that its cursor stays in registers.
///
/// Running out of room is sticky and writes nothing; the span's owner finds out at the end.
pub trait Writer: Sized {
    /// Carried from field to field of one struct.
    type State;
    /// The state before a struct's first field.
    const START: Self::State;
    /// The protocol written.
    const PROTOCOL: Protocol;

    /// A field's head.
    fn head(self, state: &mut Self::State, id: i16, field: Type) -> Self;
    /// The end of a struct.
    fn stop(self) -> Self;

    /// An element.
    fn bool(self, value: bool) -> Self;
    /// An element.
    fn i8(self, value: i8) -> Self;
    /// An element.
    fn i16(self, value: i16) -> Self;
    /// An element.
    fn i32(self, value: i32) -> Self;
    /// An element.
    fn i64(self, value: i64) -> Self;
    /// An element.
    fn double(self, value: f64) -> Self;
    /// An element.
    fn uuid(self, value: &[u8; 16]) -> Self;
    /// An element.
    fn string(self, value: &FastStr) -> Self;
    /// An element.
    fn binary(self, value: &Bytes) -> Self;
    /// An element that is copied whatever its length: text or bytes that have no shared owner.
    fn slice(self, value: &[u8]) -> Self;
    /// Bytes that are already encoded.
    fn raw(self, encoded: &[u8]) -> Self;
    /// The head of a list or set.
    fn list(self, element: Type, count: usize) -> Self;
    /// The head of a map.
    fn map(self, key: Type, value: Type, count: usize) -> Self;

    /// A field, head and value at once.
    fn bool_field(self, state: &mut Self::State, id: i16, value: bool) -> Self;
    /// A field, head and value at once.
    fn i16_field(self, state: &mut Self::State, id: i16, value: i16) -> Self;
    /// A field, head and value at once.
    fn i32_field(self, state: &mut Self::State, id: i16, value: i32) -> Self;
    /// A field, head and value at once.
    fn i64_field(self, state: &mut Self::State, id: i16, value: i64) -> Self;
    /// A field, head and value at once.
    fn double_field(self, state: &mut Self::State, id: i16, value: f64) -> Self;
    /// A field, head and value at once.
    fn string_field(self, state: &mut Self::State, id: i16, value: &FastStr) -> Self;
    /// A field, head and value at once.
    fn binary_field(self, state: &mut Self::State, id: i16, value: &Bytes) -> Self;
    /// A field's head and the head of its list or set.
    fn list_field(self, state: &mut Self::State, id: i16, field: Type, element: Type, count: usize) -> Self;

    /// All elements of a list.
    fn i16s(self, values: &[i16]) -> Self;
    /// All elements of a list.
    fn i32s(self, values: &[i32]) -> Self;
    /// All elements of a list.
    fn i64s(self, values: &[i64]) -> Self;
    /// All elements of a list.
    fn doubles(self, values: &[f64]) -> Self;

    /// A field that is always, or only when set, written.
    #[inline(always)]
    fn field<F: Field>(self, state: &mut Self::State, id: i16, field: &F) -> Self {
        field.encode_as(self, state, id)
    }

    /// Begins a struct.
    #[inline(always)]
    fn fields(self) -> FieldWriter<Self> {
        FieldWriter { state: Self::START, writer: self }
    }

    /// Fields that were kept as they came.
    fn unknown_fields(self, state: &mut Self::State, fields: &UnknownFields) -> Self {
        fields.encode(self, state)
    }
}

/// Writes a struct's fields.
pub struct FieldWriter<W: Writer> {
    writer: W,
    state: W::State,
}

impl<W: Writer> FieldWriter<W> {
    /// A field that is always, or only when set, written.
    #[inline(always)]
    pub fn field<F: Field>(mut self, id: i16, field: &F) -> Self {
        self.writer = field.encode_as(self.writer, &mut self.state, id);
        self
    }

    /// Fields that were kept as they came.
    #[inline(always)]
    pub fn unknown_fields(mut self, fields: &UnknownFields) -> Self {
        self.writer = self.writer.unknown_fields(&mut self.state, fields);
        self
    }

    /// The end of the struct.
    #[inline(always)]
    pub fn stop(self) -> W {
        self.writer.stop()
    }
}
