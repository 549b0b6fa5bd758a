//! Whole messages: a value as volo-core's payload, and the result struct of a method.

use std::{any::Any, sync::Arc};

use volo_core::{Decode, DecodeLimits, Encode, Error, ErrorKind, Format, Raw, Result, Size, Span};

use super::{
    BinaryReader, BinarySizer, BinaryWriter, CompactReader, CompactSizer, CompactWriter, DecodeError,
    FieldHead, Protocol, Reader, Sizer, Type, Value, Writer, levels::short_name,
};
use crate::error::Never;

/// Bytes of a message that lengths on the wire can still express.
const ENCODED_MAX: usize = i32::MAX as usize;

/// A value as a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Typed<T>(pub T);

impl<T: Value> Encode for Typed<T> {
    fn encoded_size(&self, format: Format, link_min: usize, depth_max: u32) -> Result<Size> {
        let (total, linked, refused) = match Protocol::from_format(format) {
            Some(Protocol::Binary) => {
                let mut sizer = BinarySizer::new(link_min, depth_max);
                (self.0.nested_size(&mut sizer), sizer.linked(), sizer.levels().refused())
            }
            Some(Protocol::Compact) => {
                let mut sizer = CompactSizer::new(link_min, depth_max);
                (self.0.nested_size(&mut sizer), sizer.linked(), sizer.levels().refused())
            }
            None => return Err(unknown_format(format)),
        };
        if let Some(inner) = refused {
            let text = format!(
                "{}: {inner} in it is nested deeper than depth_max of {depth_max}",
                short_name::<T>()
            );
            return Err(Error::new(ErrorKind::Encode, text));
        }
        if total > ENCODED_MAX {
            let text = format!("{}: {total} bytes encoded, at most {ENCODED_MAX} can be", short_name::<T>());
            return Err(Error::new(ErrorKind::Encode, text));
        }
        Ok(Size { inline: total - linked, linked })
    }

    fn encode_into(&self, format: Format, span: &mut Span<'_>) {
        match Protocol::from_format(format) {
            Some(Protocol::Binary) => self.0.encode(BinaryWriter(span.cursor())).0.commit(),
            Some(Protocol::Compact) => self.0.encode(CompactWriter(span.cursor())).0.commit(),
            None => span.fail(),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl<T: Value> Decode for Typed<T> {
    fn decode_from(raw: &Raw) -> Result<Self> {
        decode(raw).map(Typed)
    }
}

/// Decodes a struct.
///
/// # Errors
/// When the bytes aren't a valid `T` or pass a limit. The text names the field, the byte and the limit.
pub fn decode<T: Value>(raw: &Raw) -> Result<T> {
    let mut value = T::default();
    decode_into(&mut value, raw)?;
    Ok(value)
}

#[inline(always)]
fn decode_into<T: Value>(value: &mut T, raw: &Raw) -> Result<()> {
    let (error, place) = match Protocol::from_format(raw.format) {
        Some(Protocol::Binary) => {
            let mut reader = BinaryReader::new(&raw.bytes, raw.limits);
            match value.decode(&mut reader) {
                Ok(()) => return Ok(()),
                Err(error) => (error, reader.place()),
            }
        }
        Some(Protocol::Compact) => {
            let mut reader = CompactReader::new(&raw.bytes, raw.limits);
            match value.decode(&mut reader) {
                Ok(()) => return Ok(()),
                Err(error) => (error, reader.place()),
            }
        }
        None => return Err(unknown_format(raw.format)),
    };
    Err(decode_failed(error, short_name::<T>(), &place, raw.limits))
}

/// The error for a format that is not one of ours.
pub(crate) fn unknown_format(format: Format) -> Error {
    Error::internal(format!("format {} is neither Binary (0) nor Compact (1)", format.0))
}

/// The error of a failed decode, with what was decoded, the place and the limit.
pub(crate) fn decode_failed(error: DecodeError, what: &str, place: &str, limits: DecodeLimits) -> Error {
    let limit = match error {
        DecodeError::TooDeep => format!(", depth_max of {}", limits.depth_max),
        DecodeError::OverBudget => format!(", decode_memory_max of {}", limits.memory_max),
        _ => String::new(),
    };
    Error::protocol(format!("can't decode {what}: {error}{limit}; {place}")).with_source(error)
}

/// The declared exceptions of a method: one of them, as a field of the result struct.
pub trait Exceptions: Clone + Send + Sync + Sized + 'static {
    /// The field's id.
    fn id(&self) -> i16;
    /// Bytes of the field, head included.
    fn size_field<S: Sizer>(&self, sizer: &mut S, state: &mut S::State) -> usize;
    /// Writes the field, head included.
    fn encode_field<W: Writer>(&self, writer: W, state: &mut W::State) -> W;
    /// Reads the field, its head being consumed; `None` if it was skipped, as none of ours.
    fn decode_field<R: Reader>(head: FieldHead, reader: &mut R) -> Result<Option<Self>, DecodeError>;
    /// See [`Value::detach`].
    fn detach(&mut self);
}

impl Exceptions for Never {
    fn id(&self) -> i16 {
        match *self {}
    }

    fn size_field<S: Sizer>(&self, _: &mut S, _: &mut S::State) -> usize {
        match *self {}
    }

    fn encode_field<W: Writer>(&self, _: W, _: &mut W::State) -> W {
        match *self {}
    }

    fn decode_field<R: Reader>(head: FieldHead, reader: &mut R) -> Result<Option<Self>, DecodeError> {
        reader.skip(head)?;
        Ok(None)
    }

    fn detach(&mut self) {
        match *self {}
    }
}

/// What a method returns: a value in field 0, or `()`, which is no field at all.
pub trait Success: Clone + Send + Sync + Sized + 'static {
    /// The result of a struct without any field.
    const ABSENT: Option<Self>;
    /// See [`Value::RECURSIVE`].
    const RECURSIVE: bool;

    /// Bytes of field 0, head included.
    fn size_field<S: Sizer>(&self, sizer: &mut S, state: &mut S::State) -> usize;
    /// Writes field 0, head included.
    fn encode_field<W: Writer>(&self, writer: W, state: &mut W::State) -> W;
    /// Reads field 0, its head being consumed; `None` if it was skipped, as none of ours.
    fn decode_field<R: Reader>(head: FieldHead, reader: &mut R) -> Result<Option<Self>, DecodeError>;
    /// See [`Value::detach`].
    fn detach_value(&mut self);
}

impl Success for () {
    const ABSENT: Option<()> = Some(());
    const RECURSIVE: bool = false;

    fn size_field<S: Sizer>(&self, _: &mut S, _: &mut S::State) -> usize {
        0
    }

    fn encode_field<W: Writer>(&self, writer: W, _: &mut W::State) -> W {
        writer
    }

    fn decode_field<R: Reader>(head: FieldHead, reader: &mut R) -> Result<Option<Self>, DecodeError> {
        reader.skip(head)?;
        Ok(None)
    }

    fn detach_value(&mut self) {}
}

impl<T: Value> Success for T {
    const ABSENT: Option<T> = None;
    const RECURSIVE: bool = T::RECURSIVE;

    fn size_field<S: Sizer>(&self, sizer: &mut S, state: &mut S::State) -> usize {
        sizer.field(state, 0, self)
    }

    fn encode_field<W: Writer>(&self, writer: W, state: &mut W::State) -> W {
        writer.field(state, 0, self)
    }

    fn decode_field<R: Reader>(head: FieldHead, reader: &mut R) -> Result<Option<Self>, DecodeError> {
        reader.arm(head, "success")
    }

    fn detach_value(&mut self) {
        self.detach();
    }
}

/// The result struct of a method: exactly one of its fields is set, or none for a `void` that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MethodResult<T, E> {
    /// The method succeeded.
    Ok(T),
    /// The method failed with a declared exception.
    Err(E),
    /// The struct had neither: the peer knows an exception that we don't, or broke the protocol.
    Missing,
}

impl<T: Success, E> Default for MethodResult<T, E> {
    fn default() -> Self {
        T::ABSENT.map_or(MethodResult::Missing, MethodResult::Ok)
    }
}

impl<T, E> From<Result<T, E>> for MethodResult<T, E> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => MethodResult::Ok(value),
            Err(exception) => MethodResult::Err(exception),
        }
    }
}

impl<T: Success, E: Exceptions> Value for MethodResult<T, E> {
    const TYPE: Type = Type::Struct;
    const MIN: [usize; 2] = [1, 1];
    const RECURSIVE: bool = T::RECURSIVE;

    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        let state = &mut { S::START };
        1 + match self {
            MethodResult::Ok(value) => value.size_field(sizer, state),
            MethodResult::Err(exception) => exception.size_field(sizer, state),
            MethodResult::Missing => 0,
        }
    }

    fn encode<W: Writer>(&self, writer: W) -> W {
        let state = &mut { W::START };
        let writer = match self {
            MethodResult::Ok(value) => value.encode_field(writer, state),
            MethodResult::Err(exception) => exception.encode_field(writer, state),
            MethodResult::Missing => writer,
        };
        writer.stop()
    }

    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        let mut unknown = false;
        reader.fields("result", |reader, head| {
            let found = match head.id() {
                0 => T::decode_field(head, reader)?.map(MethodResult::Ok),
                _ => E::decode_field(head, reader)?.map(MethodResult::Err),
            };
            match found {
                Some(found) => *self = found,
                None => unknown = true,
            }
            Ok(())
        })?;
        // An unknown exception must not pass for the success of a `void` method.
        if unknown && matches!(self, MethodResult::Ok(_)) && T::ABSENT.is_some() {
            *self = MethodResult::Missing;
        }
        Ok(())
    }

    fn detach(&mut self) {
        match self {
            MethodResult::Ok(value) => value.detach_value(),
            MethodResult::Err(exception) => exception.detach(),
            MethodResult::Missing => {}
        }
    }
}
