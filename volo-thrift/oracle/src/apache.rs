//! Values through the protocols of Apache's crate.

use thrift::{
    Result,
    protocol::{
        TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol,
        TFieldIdentifier, TInputProtocol, TListIdentifier, TMapIdentifier, TOutputProtocol, TSetIdentifier,
        TStructIdentifier, TType,
    },
};
use volo_thrift::protocol::Protocol;

use crate::Dynamic;

/// Encodes a value.
///
/// # Errors
/// What Apache's crate finds wrong.
pub fn write(value: &Dynamic, protocol: Protocol) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match protocol {
        Protocol::Binary => put(&mut TBinaryOutputProtocol::new(&mut bytes, true), value)?,
        Protocol::Compact => put(&mut TCompactOutputProtocol::new(&mut bytes), value)?,
    }
    Ok(bytes)
}

/// Decodes a struct.
///
/// # Errors
/// What Apache's crate finds wrong.
pub fn read(bytes: &[u8], protocol: Protocol) -> Result<Dynamic> {
    match protocol {
        Protocol::Binary => get(&mut TBinaryInputProtocol::new(bytes, true), TType::Struct),
        Protocol::Compact => get(&mut TCompactInputProtocol::new(bytes), TType::Struct),
    }
}

const TYPES: [TType; 12] = [
    TType::Bool,
    TType::I08,
    TType::Double,
    TType::I16,
    TType::I32,
    TType::I64,
    TType::String,
    TType::Struct,
    TType::Map,
    TType::Set,
    TType::List,
    TType::Uuid,
];

const CODES: [u8; 12] = [2, 3, 4, 6, 8, 10, 11, 12, 13, 14, 15, 16];

fn type_of(code: u8) -> TType {
    CODES.iter().position(|other| *other == code).map_or(TType::Stop, |index| TYPES[index])
}

fn code_of(value_type: TType) -> u8 {
    TYPES.iter().position(|other| *other == value_type).map_or(0, |index| CODES[index])
}

fn put(to: &mut dyn TOutputProtocol, value: &Dynamic) -> Result<()> {
    match value {
        Dynamic::Bool(value) => to.write_bool(*value),
        Dynamic::I8(value) => to.write_i8(*value),
        Dynamic::I16(value) => to.write_i16(*value),
        Dynamic::I32(value) => to.write_i32(*value),
        Dynamic::I64(value) => to.write_i64(*value),
        Dynamic::Double(bits) => to.write_double(f64::from_bits(*bits)),
        Dynamic::Text(bytes) => to.write_bytes(bytes),
        Dynamic::Uuid(bytes) => to.write_uuid(&uuid::Uuid::from_bytes(*bytes)),
        Dynamic::List(element, values) => {
            to.write_list_begin(&TListIdentifier::new(type_of(*element), values.len() as i32))?;
            values.iter().try_for_each(|value| put(to, value))?;
            to.write_list_end()
        }
        Dynamic::Set(element, values) => {
            to.write_set_begin(&TSetIdentifier::new(type_of(*element), values.len() as i32))?;
            values.iter().try_for_each(|value| put(to, value))?;
            to.write_set_end()
        }
        Dynamic::Map(key, value, entries) => {
            to.write_map_begin(&TMapIdentifier::new(type_of(*key), type_of(*value), entries.len() as i32))?;
            for (key, value) in entries {
                put(to, key)?;
                put(to, value)?;
            }
            to.write_map_end()
        }
        Dynamic::Struct(fields) => {
            to.write_struct_begin(&TStructIdentifier::new(""))?;
            for (id, value) in fields {
                to.write_field_begin(&TFieldIdentifier::new("", type_of(value.code()), *id))?;
                put(to, value)?;
                to.write_field_end()?;
            }
            to.write_field_stop()?;
            to.write_struct_end()
        }
    }
}

fn get(from: &mut dyn TInputProtocol, value_type: TType) -> Result<Dynamic> {
    Ok(match value_type {
        TType::Bool => Dynamic::Bool(from.read_bool()?),
        TType::I08 => Dynamic::I8(from.read_i8()?),
        TType::I16 => Dynamic::I16(from.read_i16()?),
        TType::I32 => Dynamic::I32(from.read_i32()?),
        TType::I64 => Dynamic::I64(from.read_i64()?),
        TType::Double => Dynamic::Double(from.read_double()?.to_bits()),
        TType::String => Dynamic::Text(from.read_bytes()?),
        TType::Uuid => Dynamic::Uuid(*from.read_uuid()?.as_bytes()),
        TType::List => {
            let head = from.read_list_begin()?;
            let values = (0..head.size).map(|_| get(from, head.element_type)).collect::<Result<_>>()?;
            from.read_list_end()?;
            Dynamic::List(code_of(head.element_type), values)
        }
        TType::Set => {
            let head = from.read_set_begin()?;
            let values = (0..head.size).map(|_| get(from, head.element_type)).collect::<Result<_>>()?;
            from.read_set_end()?;
            Dynamic::Set(code_of(head.element_type), values)
        }
        TType::Map => {
            let head = from.read_map_begin()?;
            let types = (head.key_type.unwrap_or(TType::Stop), head.value_type.unwrap_or(TType::Stop));
            let entries = (0..head.size)
                .map(|_| Ok((get(from, types.0)?, get(from, types.1)?)))
                .collect::<Result<_>>()?;
            from.read_map_end()?;
            Dynamic::Map(code_of(types.0), code_of(types.1), entries)
        }
        _ => get_struct(from)?,
    })
}

fn get_struct(from: &mut dyn TInputProtocol) -> Result<Dynamic> {
    from.read_struct_begin()?;
    let mut fields = Vec::new();
    loop {
        let head = from.read_field_begin()?;
        if head.field_type == TType::Stop {
            break;
        }
        fields.push((head.id.unwrap_or_default(), get(from, head.field_type)?));
        from.read_field_end()?;
    }
    from.read_struct_end()?;
    Ok(Dynamic::Struct(fields))
}
