//! A struct's fields: a plain value is always written, an optional one only when set.

use super::{DecodeError, Reader, Sizer, Value, Writer};

/// A value's type, by its number in Binary; Compact maps its own numbers to these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Type {
    /// `bool`
    Bool = 2,
    /// `i8`, `byte`
    I8 = 3,
    /// `double`
    Double = 4,
    /// `i16`
    I16 = 6,
    /// `i32`, enums
    I32 = 8,
    /// `i64`
    I64 = 10,
    /// `string`, `binary`
    String = 11,
    /// structs, unions, exceptions
    Struct = 12,
    /// `map`
    Map = 13,
    /// `set`
    Set = 14,
    /// `list`
    List = 15,
    /// `uuid`
    Uuid = 16,
}

impl Type {
    /// The type with this number in Binary.
    pub fn from_code(code: u8) -> Option<Type> {
        Some(match code {
            2 => Type::Bool,
            3 => Type::I8,
            4 => Type::Double,
            6 => Type::I16,
            8 => Type::I32,
            10 => Type::I64,
            11 => Type::String,
            12 => Type::Struct,
            13 => Type::Map,
            14 => Type::Set,
            15 => Type::List,
            16 => Type::Uuid,
            _ => return None,
        })
    }
}

/// The head of a field: its id and the type its value has on the wire.
///
/// One number, the type's code above the id, so that it travels in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldHead(u32);

impl FieldHead {
    /// A head as it was read: the type by its number in Binary, which needn't be one we know.
    #[inline(always)]
    pub(super) fn new(id: i16, code: u8) -> Self {
        FieldHead(u32::from(code) << 16 | u32::from(id.cast_unsigned()))
    }

    /// The same from the code and the id in one number.
    #[inline(always)]
    pub(super) fn from_bits(bits: u32) -> Self {
        FieldHead(bits)
    }

    /// Whether this is no head but the end of the struct.
    #[inline(always)]
    pub(super) fn is_stop(self) -> bool {
        self.0 < 1 << 16
    }

    /// The field's id.
    #[inline(always)]
    pub fn id(self) -> i16 {
        (self.0 as u16).cast_signed()
    }

    /// Whether the value has this type on the wire.
    #[inline(always)]
    pub fn is(self, field_type: Type) -> bool {
        self.0 >> 16 == field_type as u32
    }

    /// The value's type on the wire.
    ///
    /// # Errors
    /// When it is none that we know.
    pub fn field_type(self) -> Result<Type, DecodeError> {
        Type::from_code((self.0 >> 16) as u8).ok_or(DecodeError::WrongType)
    }
}

/// Which required fields of a struct were read, 64 a word.
#[derive(Clone, Copy, Debug)]
pub struct Seen<const N: usize>([u64; N]);

impl<const N: usize> Default for Seen<N> {
    #[inline(always)]
    fn default() -> Self {
        Seen([0; N])
    }
}

impl<const N: usize> Seen<N> {
    /// Marks the required field with this index.
    #[inline(always)]
    pub fn mark(&mut self, index: usize) {
        self.0[index / 64] |= 1 << (index % 64);
    }

    /// The first of `count` required fields that was not read.
    #[inline(always)]
    pub fn first_missing(&self, count: usize) -> Option<usize> {
        (0..count).find(|index| self.0[index / 64] >> (index % 64) & 1 == 0)
    }
}

/// What a struct's field can be: a [`Value`], or an option of one.
pub trait Field {
    /// The value's type.
    const TYPE: Type;

    /// `before` and the bytes of the field with its head, if it is there.
    fn size_as<S: Sizer>(&self, before: usize, sizer: &mut S, state: &mut S::State, id: i16) -> usize;

    /// Writes the field with its head, or nothing if it is absent.
    fn encode_as<W: Writer>(&self, writer: W, state: &mut W::State, id: i16) -> W;

    /// Reads the field's value, its head being consumed.
    fn decode_as<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError>;

    /// Copies what the field's value shares with its frame.
    fn detach_as(&mut self);
}

impl<T: Value> Field for T {
    const TYPE: Type = T::TYPE;

    #[inline(always)]
    fn size_as<S: Sizer>(&self, before: usize, sizer: &mut S, state: &mut S::State, id: i16) -> usize {
        before + self.field_size(sizer, state, id)
    }

    #[inline(always)]
    fn encode_as<W: Writer>(&self, writer: W, state: &mut W::State, id: i16) -> W {
        self.encode_field(writer, state, id)
    }

    #[inline(always)]
    fn decode_as<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        self.decode_field(reader)
    }

    #[inline(always)]
    fn detach_as(&mut self) {
        self.detach();
    }
}

impl<T: Value> Field for Option<T> {
    const TYPE: Type = T::TYPE;

    #[inline(always)]
    fn size_as<S: Sizer>(&self, before: usize, sizer: &mut S, state: &mut S::State, id: i16) -> usize {
        match self {
            Some(value) => before + value.field_size(sizer, state, id),
            None => before,
        }
    }

    #[inline(always)]
    fn encode_as<W: Writer>(&self, writer: W, state: &mut W::State, id: i16) -> W {
        match self {
            Some(value) => value.encode_field(writer, state, id),
            None => writer,
        }
    }

    #[inline(always)]
    fn decode_as<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        T::decode_option(self, reader)
    }

    #[inline(always)]
    fn detach_as(&mut self) {
        if let Some(value) = self {
            value.detach();
        }
    }
}
