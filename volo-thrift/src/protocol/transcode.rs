//! Turns encoded values of one protocol into the other, without knowing their types.

use bytes::Bytes;
use volo_core::{Body, DecodeLimits, Error, Raw};

use super::{
    BinaryReader, BinaryWriter, CompactReader, CompactWriter, DecodeError, Protocol, Reader, Type, Writer,
    message::{decode_failed, unknown_format},
};

/// Memory charged for an element or a map's entry: about what it can take in either protocol.
const ITEM_MEMORY: usize = 16;

/// The same message in another protocol; its own bytes if it is in that protocol already.
///
/// # Errors
/// When the bytes aren't a valid struct or pass a limit.
pub fn transcode(raw: &Raw, to: Protocol) -> Result<Raw, Error> {
    let from = Protocol::from_format(raw.format).ok_or_else(|| unknown_format(raw.format))?;
    if from == to {
        return Ok(raw.clone());
    }
    let (bytes, out) = (&raw.bytes[..], Vec::with_capacity(raw.bytes.len() * 2));
    let (done, place) = match from {
        Protocol::Binary => {
            let mut reader = BinaryReader::borrowed(bytes, raw.limits);
            let done = copy(&mut reader, CompactWriter(out), Type::Struct).map(|writer| writer.0);
            (done, reader.place())
        }
        Protocol::Compact => {
            let mut reader = CompactReader::borrowed(bytes, raw.limits);
            let done = copy(&mut reader, BinaryWriter(out), Type::Struct).map(|writer| writer.0);
            (done, reader.place())
        }
    };
    let bytes = done.map_err(|error| decode_failed(error, "struct", &place, raw.limits))?;
    Ok(Raw { format: to.format(), bytes: Bytes::from(bytes), limits: raw.limits })
}

/// The same body for a peer that speaks `to`.
///
/// # Errors
/// As [`transcode`].
pub(crate) fn body_in(body: Body, to: Protocol) -> Result<Body, Error> {
    match body {
        Body::Raw(raw) if raw.format != to.format() => transcode(&raw, to).map(Body::Raw),
        body => Ok(body),
    }
}

/// A value of the other protocol, encoded as in a container, that was walked over before and so is within limits.
pub(super) fn transcode_value(
    value: &[u8],
    value_type: Type,
    from: Protocol,
    to: Protocol,
) -> Result<Vec<u8>, DecodeError> {
    let limits = DecodeLimits { depth_max: u32::MAX, memory_max: usize::MAX };
    match (from, to) {
        (Protocol::Binary, Protocol::Compact) => {
            let mut reader = BinaryReader::borrowed(value, limits);
            Ok(copy(&mut reader, CompactWriter(Vec::new()), value_type)?.0)
        }
        (Protocol::Compact, Protocol::Binary) => {
            let mut reader = CompactReader::borrowed(value, limits);
            Ok(copy(&mut reader, BinaryWriter(Vec::new()), value_type)?.0)
        }
        _ => Ok(value.to_vec()),
    }
}

/// Reads one value and writes it.
fn copy<R: Reader, W: Writer>(reader: &mut R, writer: W, value_type: Type) -> Result<W, DecodeError> {
    Ok(match value_type {
        Type::Bool => writer.bool(reader.bool()?),
        Type::I8 => writer.i8(reader.i8()?),
        Type::I16 => writer.i16(reader.i16()?),
        Type::I32 => writer.i32(reader.i32()?),
        Type::I64 => writer.i64(reader.i64()?),
        Type::Double => writer.double(reader.double()?),
        Type::Uuid => writer.uuid(&reader.uuid()?),
        Type::String => {
            let len = reader.text_head()?;
            writer.slice(reader.take(len)?)
        }
        Type::Struct => copy_fields(reader, writer)?,
        Type::List | Type::Set => copy_list(reader, writer)?,
        Type::Map => copy_map(reader, writer)?,
    })
}

fn copy_fields<R: Reader, W: Writer>(reader: &mut R, mut writer: W) -> Result<W, DecodeError> {
    reader.enter()?;
    let (mut from, mut to) = (R::START, W::START);
    while let Some(head) = reader.next_field(&mut from)? {
        writer = match head.field_type()? {
            Type::Bool => writer.bool_field(&mut to, head.id(), reader.bool_field()?),
            other => copy(reader, writer.head(&mut to, head.id(), other), other)?,
        };
    }
    reader.leave();
    Ok(writer.stop())
}

fn copy_list<R: Reader, W: Writer>(reader: &mut R, writer: W) -> Result<W, DecodeError> {
    reader.enter()?;
    let (code, count) = reader.list_head()?;
    let count = reader.admit(count, 1, ITEM_MEMORY)?;
    let element = item_type(code, count)?;
    let mut writer = writer.list(element, count);
    for _ in 0..count {
        writer = copy(reader, writer, element)?;
    }
    reader.leave();
    Ok(writer)
}

fn copy_map<R: Reader, W: Writer>(reader: &mut R, writer: W) -> Result<W, DecodeError> {
    reader.enter()?;
    let (key_code, value_code, count) = reader.map_head()?;
    let count = reader.admit(count, 2, 2 * ITEM_MEMORY)?;
    let (key, value) = (item_type(key_code, count)?, item_type(value_code, count)?);
    let mut writer = writer.map(key, value, count);
    for _ in 0..count {
        writer = copy(reader, writer, key)?;
        writer = copy(reader, writer, value)?;
    }
    reader.leave();
    Ok(writer)
}

/// The type behind a code; an empty container may have none.
pub(crate) fn item_type(code: u8, count: usize) -> Result<Type, DecodeError> {
    match Type::from_code(code) {
        Some(item) => Ok(item),
        None if count == 0 => Ok(Type::I8),
        None => Err(DecodeError::WrongType),
    }
}
