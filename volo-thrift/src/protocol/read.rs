//! Reading: every length, depth and allocation is checked before it is used.

use std::fmt;

use bytes::Bytes;
use faststr::FastStr;

use super::{Field, FieldHead, Protocol, Seen, Type, UnknownFields};

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
    /// The protocol read.
    const PROTOCOL: Protocol;

    /// Goes one level deeper.
    fn enter(&mut self) -> Result<(), DecodeError>;
    /// Comes back up.
    fn leave(&mut self);
    /// Bytes read so far.
    fn position(&self) -> usize;
    /// Passes over `len` bytes and gives them.
    fn take(&mut self, len: usize) -> Result<&[u8], DecodeError>;
    /// The next field's head, `None` at the end of the struct.
    fn next_field(&mut self, state: &mut Self::State) -> Result<Option<FieldHead>, DecodeError>;
    /// Skips the value of the field whose head was read last.
    fn skip(&mut self, field: FieldHead) -> Result<(), DecodeError>;
    /// Keeps the field whose head was read last as it is.
    fn keep(&mut self, field: FieldHead, to: &mut UnknownFields) -> Result<(), DecodeError>;

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
    /// A string, valid UTF-8; a short one inline, a long one as a slice of the frame unless that is short.
    fn string(&mut self, to: &mut impl Slot) -> Result<(), DecodeError>;
    /// A binary, as a slice of the frame unless that is short.
    fn binary(&mut self) -> Result<Bytes, DecodeError>;

    /// The length of a string or binary that follows; not yet compared with the bytes left.
    fn text_head(&mut self) -> Result<usize, DecodeError>;
    /// The code of the element type (0 if it is none) and the claimed count of a list or set.
    fn list_head(&mut self) -> Result<(u8, usize), DecodeError>;
    /// The codes of key and value type (0 if it is none) and the claimed count of a map.
    fn map_head(&mut self) -> Result<(u8, u8, usize), DecodeError>;
    /// Checks a claimed count against the bytes left and charges `memory` bytes for each.
    fn admit(&mut self, count: usize, min: usize, memory: usize) -> Result<usize, DecodeError>;
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

    /// The head of a list or set: its count, checked against the bytes left and charged to the budget at
    /// `memory` bytes an element.
    #[inline(always)]
    fn list(&mut self, element: Type, min: [usize; 2], memory: usize) -> Result<usize, DecodeError> {
        let (code, count) = self.list_head()?;
        if count > 0 && code != element as u8 {
            return Err(DecodeError::WrongType);
        }
        self.admit(count, min[Self::PROTOCOL as usize], memory)
    }

    /// The head of a map; as [`Reader::list`] with `min` and `memory` for one entry.
    #[inline(always)]
    fn map(&mut self, key: Type, value: Type, min: [usize; 2], memory: usize) -> Result<usize, DecodeError> {
        let (key_code, value_code, count) = self.map_head()?;
        if count > 0 && (key_code != key as u8 || value_code != value as u8) {
            return Err(DecodeError::WrongType);
        }
        self.admit(count, min[Self::PROTOCOL as usize], memory)
    }

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
        if !head.is(F::TYPE) {
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
        if head.is(F::TYPE) {
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

    /// The value of a field that stands for a whole union or result, or `None` if it was skipped because the wire
    /// has another type than the IDL.
    #[inline(always)]
    fn arm<F: Field + Default>(
        &mut self,
        head: FieldHead,
        name: &'static str,
    ) -> Result<Option<F>, DecodeError> {
        let mut value = F::default();
        self.field(head, name, &mut value)?;
        Ok(head.is(F::TYPE).then_some(value))
    }
}

/// Why bytes are not a valid message. One byte, so that it travels in a register; the place is in the reader's trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    /// The message is longer than the message limit.
    TooLong,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DecodeError::UnexpectedEnd => "the bytes end too early",
            DecodeError::MissingField => "a required field is absent",
            DecodeError::TooDeep => "structs and containers are nested beyond the limit",
            DecodeError::WrongType => "an unknown type, or another element type than in the IDL",
            DecodeError::BadLength => "a length or count is negative or larger than the bytes left",
            DecodeError::InvalidUtf8 => "a string is not UTF-8",
            DecodeError::OverBudget => "the message takes more memory than the decode budget",
            DecodeError::BadVarint => "a variable-length integer is too long",
            DecodeError::TooLong => "the message is longer than the limit",
        })
    }
}

impl std::error::Error for DecodeError {}
