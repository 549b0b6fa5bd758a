//! Values on the wire: what can be encoded, and the small traits each protocol implements.
//!
//! One generated set of functions serves every protocol: [`Value`] is generic over [`Sizer`], [`Writer`] and
//! [`Reader`], and all calls are statically dispatched. Everything works on slices; nothing here waits, opens a
//! socket or reads a clock.

mod field;

use bytes::Bytes;
use faststr::FastStr;

pub use field::{Field, FieldHead, Seen, Type};

/// Anything with a Thrift encoding: base types, containers, and every generated type.
///
/// A generated struct implements the required items; the provided ones are overridden by types that can fuse a
/// field's head with its value or handle many elements at once.
pub trait Value: Default + Clone + Send + Sync + 'static {
    /// The type's number on the wire.
    const TYPE: Type;

    /// Bytes of the smallest encoding as a container's element, in Binary and Compact; never 0.
    ///
    /// A container's claimed count is compared with the bytes left divided by this, before anything is allocated.
    const MIN: [usize; 2];

    /// Bytes of this value, in line and linked, as a container's element.
    fn size<S: Sizer>(&self, sizer: &mut S) -> usize;

    /// Writes this value as a container's element.
    fn encode<W: Writer>(&self, writer: W) -> W;

    /// Reads a value into this one, which holds its default.
    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError>;

    /// Bytes of this value as a struct's field, head included.
    #[inline(always)]
    fn field_size<S: Sizer>(&self, sizer: &mut S, state: &mut S::State, id: i16) -> usize {
        sizer.head(state, id) + self.size(sizer)
    }

    /// Writes this value as a struct's field, head included.
    #[inline(always)]
    fn encode_field<W: Writer>(&self, writer: W, state: &mut W::State, id: i16) -> W {
        self.encode(writer.head(state, id, Self::TYPE))
    }

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
            size += value.size(sizer);
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

    /// Appends `count` elements; the head was read, so `count` is bounded by the bytes left.
    #[inline(always)]
    fn decode_all<R: Reader>(
        values: &mut Vec<Self>,
        count: usize,
        reader: &mut R,
    ) -> Result<(), DecodeError> {
        for _ in 0..count {
            values.push(Self::default());
            if let Some(last) = values.last_mut() {
                last.decode(reader)?;
            }
        }
        Ok(())
    }
}

/// Counts exact bytes. `State` is what a protocol carries from field to field: nothing, or the last id.
pub trait Sizer: Sized {
    /// Carried from field to field of one struct.
    type State;
    /// The state before a struct's first field.
    const START: Self::State;

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
    /// A string or binary with `len` bytes, of which those beyond `link_min` are linked.
    fn text(&mut self, len: usize) -> usize;
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

    /// The sum of the fields and the stop byte of a struct. `fields` starts from a fresh state.
    #[inline(always)]
    fn field<F: Field>(&mut self, state: &mut Self::State, id: i16, field: &F) -> usize {
        field.size_as(self, state, id)
    }
}

/// Writes values into a span; passed and returned by value, so that its cursor stays in registers.
///
/// Running out of room is sticky and writes nothing; the span's owner finds out at the end.
pub trait Writer: Sized {
    /// Carried from field to field of one struct.
    type State;
    /// The state before a struct's first field.
    const START: Self::State;

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
    /// The head of a list or set.
    fn list(self, element: Type, count: usize) -> Self;
    /// The head of a map.
    fn map(self, key: Type, value: Type, count: usize) -> Self;

    /// A field, head and value at once.
    fn bool_field(self, state: &mut Self::State, id: i16, value: bool) -> Self;
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
}

/// A place that takes a decoded string; emptied first, so that the string is built in place and never moved.
pub trait Slot {
    /// Drops what is there and puts what `make` builds.
    fn fill(&mut self, make: impl FnOnce() -> FastStr);
}

/// Reads values from a frame.
///
/// Every length is compared with the bytes left, every depth and allocation with the [limits], before it is used.
///
/// [limits]: volo_core::DecodeLimits
pub trait Reader: Sized {
    /// Carried from field to field of one struct.
    type State;
    /// The state before a struct's first field.
    const START: Self::State;

    /// Goes one level deeper.
    fn enter(&mut self) -> Result<(), DecodeError>;
    /// Comes back up.
    fn leave(&mut self);
    /// The next field's head, `None` at the end of the struct.
    fn next_field(&mut self, state: &mut Self::State) -> Result<Option<FieldHead>, DecodeError>;
    /// Skips the value of the field whose head was read last.
    fn skip(&mut self, field: FieldHead) -> Result<(), DecodeError>;

    /// An element.
    fn bool(&mut self) -> Result<bool, DecodeError>;
    /// The value of a bool field whose head was read last.
    fn bool_field(&mut self) -> Result<bool, DecodeError>;
    /// An element.
    fn i8(&mut self) -> Result<i8, DecodeError>;
    /// An element.
    fn i16(&mut self) -> Result<i16, DecodeError>;
    /// An element.
    fn i32(&mut self) -> Result<i32, DecodeError>;
    /// An element.
    fn i64(&mut self) -> Result<i64, DecodeError>;
    /// An element.
    fn double(&mut self) -> Result<f64, DecodeError>;
    /// An element.
    fn uuid(&mut self) -> Result<[u8; 16], DecodeError>;
    /// A string, valid UTF-8; a short one inline, a long one as a slice of the frame.
    fn string(&mut self, to: &mut impl Slot) -> Result<(), DecodeError>;
    /// A binary, as a slice of the frame.
    fn binary(&mut self) -> Result<Bytes, DecodeError>;
    /// The head of a list or set: its count, checked against the bytes left and charged to the budget at
    /// `memory` bytes an element.
    fn list(&mut self, element: Type, min: [usize; 2], memory: usize) -> Result<usize, DecodeError>;
    /// The head of a map; as [`Reader::list`] with `min` and `memory` for one entry.
    fn map(&mut self, key: Type, value: Type, min: [usize; 2], memory: usize) -> Result<usize, DecodeError>;
    /// Charges an allocation to the budget.
    fn charge(&mut self, memory: usize) -> Result<(), DecodeError>;

    /// Appends all elements of a list whose head was read.
    fn i16s(&mut self, to: &mut Vec<i16>, count: usize) -> Result<(), DecodeError>;
    /// Appends all elements of a list whose head was read.
    fn i32s(&mut self, to: &mut Vec<i32>, count: usize) -> Result<(), DecodeError>;
    /// Appends all elements of a list whose head was read.
    fn i64s(&mut self, to: &mut Vec<i64>, count: usize) -> Result<(), DecodeError>;
    /// Appends all elements of a list whose head was read.
    fn doubles(&mut self, to: &mut Vec<f64>, count: usize) -> Result<(), DecodeError>;

    /// Remembers where an error happened; called on the way out, innermost name first.
    fn trace(&mut self, name: &'static str);

    /// Reads one struct: `each` gets every field's head and reads or skips its value.
    #[inline(always)]
    fn fields(
        &mut self,
        name: &'static str,
        mut each: impl FnMut(&mut Self, FieldHead) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.enter()?;
        let mut state = Self::START;
        loop {
            let next = self.next_field(&mut state);
            let done = match next {
                Ok(Some(field)) => each(self, field),
                Ok(None) => break,
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                self.trace(name);
                return Err(error);
            }
        }
        self.leave();
        Ok(())
    }

    /// Reads one field's value, or skips it if the wire has another type than the IDL.
    #[inline(always)]
    fn field<F: Field>(
        &mut self,
        head: FieldHead,
        name: &'static str,
        to: &mut F,
    ) -> Result<(), DecodeError> {
        if head.field_type() != F::TYPE {
            return self.skip(head);
        }
        let done = to.decode_as(self);
        if done.is_err() {
            self.trace(name);
        }
        done
    }

    /// As [`Reader::field`], and marks the required field `index` as seen if its value was read.
    #[inline(always)]
    fn required<F: Field, const N: usize>(
        &mut self,
        head: FieldHead,
        name: &'static str,
        to: &mut F,
        seen: &mut Seen<N>,
        index: usize,
    ) -> Result<(), DecodeError> {
        if head.field_type() == F::TYPE {
            seen.mark(index);
        }
        self.field(head, name, to)
    }

    /// Fails unless every required field, in the order of `names`, was seen.
    #[inline(always)]
    fn require<const N: usize>(
        &mut self,
        struct_name: &'static str,
        names: &[&'static str],
        seen: &Seen<N>,
    ) -> Result<(), DecodeError> {
        match seen.first_missing(names.len()) {
            None => Ok(()),
            Some(index) => {
                self.trace(names[index]);
                self.trace(struct_name);
                Err(DecodeError::MissingField)
            }
        }
    }
}

/// Why bytes are not a valid message. One byte, so that it travels in a register; the place is in the reader's trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The message ends too early.
    UnexpectedEnd,
    /// A required field is absent.
    MissingField,
    /// Structs and containers are nested beyond the limit.
    TooDeep,
    /// A type byte that is no type, or an element type that differs from the IDL's.
    WrongType,
    /// A length or count is negative, or larger than the bytes left can hold.
    BadLength,
    /// A string is not UTF-8.
    InvalidUtf8,
    /// The message would take more memory than the decode budget.
    OverBudget,
    /// A variable-length integer is too long.
    BadVarint,
}
