//! Any value, as the wire has it: without names, but for programs that must look inside.

use bytes::Bytes;
use volo_core::Raw;

use crate::protocol::{self, DecodeError, Reader, Sizer, Type, Writer};

/// A value of any type.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `bool`
    Bool(bool),
    /// `i8`, `byte`
    I8(i8),
    /// `i16`
    I16(i16),
    /// `i32`, enums
    I32(i32),
    /// `i64`
    I64(i64),
    /// `double`
    Double(f64),
    /// `string`, `binary`: the wire doesn't tell them apart.
    Bytes(Bytes),
    /// `uuid`
    Uuid([u8; 16]),
    /// Structs, unions, exceptions.
    Struct(Fields),
    /// `list`: the elements' type, which an empty one has too, and the elements.
    List(Type, Vec<Value>),
    /// `set`
    Set(Type, Vec<Value>),
    /// `map`: the types of keys and values, and the entries.
    Map(Type, Type, Vec<(Value, Value)>),
}

impl Default for Value {
    fn default() -> Self {
        Value::Struct(Fields::default())
    }
}

/// The fields of a struct in the order they came; a message is one.
///
/// It can be the body of a request (`Body::Typed(Arc::new(Typed(fields)))`), and be decoded from one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(pub Vec<(i16, Value)>);

impl Fields {
    /// The fields of an encoded struct.
    ///
    /// # Errors
    /// When the bytes aren't a valid struct, or pass their limits.
    pub fn decode(raw: &Raw) -> volo_core::Result<Fields> {
        protocol::decode(raw)
    }

    /// The value of the field with this id; the last one if there are several.
    pub fn get(&self, id: i16) -> Option<&Value> {
        self.0.iter().rev().find(|(known, _)| *known == id).map(|(_, value)| value)
    }
}

impl Value {
    /// What it is on the wire.
    pub fn wire_type(&self) -> Type {
        match self {
            Value::Bool(_) => Type::Bool,
            Value::I8(_) => Type::I8,
            Value::I16(_) => Type::I16,
            Value::I32(_) => Type::I32,
            Value::I64(_) => Type::I64,
            Value::Double(_) => Type::Double,
            Value::Bytes(_) => Type::String,
            Value::Uuid(_) => Type::Uuid,
            Value::Struct(_) => Type::Struct,
            Value::List(..) => Type::List,
            Value::Set(..) => Type::Set,
            Value::Map(..) => Type::Map,
        }
    }

    /// The text of a string, if that's what it is.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        match self {
            Value::Bool(_) | Value::I8(_) => 1,
            Value::I16(value) => sizer.i16(*value),
            Value::I32(value) => sizer.i32(*value),
            Value::I64(value) => sizer.i64(*value),
            Value::Double(_) => 8,
            Value::Uuid(_) => 16,
            Value::Bytes(bytes) => sizer.text(bytes.len()),
            Value::Struct(fields) => protocol::Value::nested_size(fields, sizer),
            Value::List(_, items) | Value::Set(_, items) => sizer.nested::<Self>(|sizer| {
                sizer.list(items.len()) + items.iter().map(|item| item.size(sizer)).sum::<usize>()
            }),
            Value::Map(_, _, entries) => sizer.nested::<Self>(|sizer| {
                let entry = |(key, value): &(Value, Value)| key.size(sizer) + value.size(sizer);
                let inner: usize = entries.iter().map(entry).sum();
                sizer.map(entries.len()) + inner
            }),
        }
    }

    fn encode<W: Writer>(&self, writer: W) -> W {
        match self {
            Value::Bool(value) => writer.bool(*value),
            Value::I8(value) => writer.i8(*value),
            Value::I16(value) => writer.i16(*value),
            Value::I32(value) => writer.i32(*value),
            Value::I64(value) => writer.i64(*value),
            Value::Double(value) => writer.double(*value),
            Value::Uuid(value) => writer.uuid(value),
            Value::Bytes(bytes) => writer.binary(bytes),
            Value::Struct(fields) => protocol::Value::encode(fields, writer),
            Value::List(element, items) | Value::Set(element, items) => {
                items.iter().fold(writer.list(*element, items.len()), |writer, item| item.encode(writer))
            }
            Value::Map(key, value, entries) => {
                let start = writer.map(*key, *value, entries.len());
                entries.iter().fold(start, |writer, (key, value)| value.encode(key.encode(writer)))
            }
        }
    }

    fn decode<R: Reader>(reader: &mut R, value_type: Type) -> Result<Value, DecodeError> {
        Ok(match value_type {
            Type::Bool => Value::Bool(reader.bool()?),
            Type::I8 => Value::I8(reader.i8()?),
            Type::I16 => Value::I16(reader.i16()?),
            Type::I32 => Value::I32(reader.i32()?),
            Type::I64 => Value::I64(reader.i64()?),
            Type::Double => Value::Double(reader.double()?),
            Type::Uuid => Value::Uuid(reader.uuid()?),
            Type::String => Value::Bytes(reader.binary()?),
            Type::Struct => {
                let mut fields = Fields::default();
                protocol::Value::decode(&mut fields, reader)?;
                Value::Struct(fields)
            }
            Type::List | Type::Set => {
                reader.enter()?;
                let (code, count) = reader.list_head()?;
                let count = reader.admit(count, 1, size_of::<Value>())?;
                let element = protocol::item_type(code, count)?;
                let items = (0..count).map(|_| Value::decode(reader, element)).collect::<Result<_, _>>()?;
                reader.leave();
                if value_type == Type::List {
                    Value::List(element, items)
                } else {
                    Value::Set(element, items)
                }
            }
            Type::Map => {
                reader.enter()?;
                let (key_code, value_code, count) = reader.map_head()?;
                let count = reader.admit(count, 2, size_of::<(Value, Value)>())?;
                let types = (protocol::item_type(key_code, count)?, protocol::item_type(value_code, count)?);
                let mut entry = || Ok((Value::decode(reader, types.0)?, Value::decode(reader, types.1)?));
                let entries = (0..count).map(|_| entry()).collect::<Result<_, DecodeError>>()?;
                reader.leave();
                Value::Map(types.0, types.1, entries)
            }
        })
    }

    fn detach(&mut self) {
        match self {
            Value::Bytes(bytes) => *bytes = Bytes::copy_from_slice(bytes),
            Value::Struct(fields) => protocol::Value::detach(fields),
            Value::List(_, items) | Value::Set(_, items) => items.iter_mut().for_each(Value::detach),
            Value::Map(_, _, entries) => entries.iter_mut().for_each(|(key, value)| {
                key.detach();
                value.detach();
            }),
            _ => {}
        }
    }
}

impl protocol::Value for Fields {
    const TYPE: Type = Type::Struct;
    const MIN: [usize; 2] = [1, 1];
    const RECURSIVE: bool = true;

    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        let state = &mut { S::START };
        let field = |(id, value): &(i16, Value)| match value {
            Value::Bool(_) => sizer.bool_field(state, *id),
            value => sizer.head(state, *id) + value.size(sizer),
        };
        1 + self.0.iter().map(field).sum::<usize>()
    }

    fn encode<W: Writer>(&self, writer: W) -> W {
        let state = &mut { W::START };
        let field = |writer: W, (id, value): &(i16, Value)| match value {
            Value::Bool(flag) => writer.bool_field(state, *id, *flag),
            value => value.encode(writer.head(state, *id, value.wire_type())),
        };
        self.0.iter().fold(writer, field).stop()
    }

    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        self.0.clear();
        reader.fields("struct", |reader, head| {
            reader.charge(size_of::<(i16, Value)>())?;
            let value = match head.field_type()? {
                Type::Bool => Value::Bool(reader.bool_field()?),
                other => Value::decode(reader, other)?,
            };
            self.0.push((head.id(), value));
            Ok(())
        })
    }

    fn detach(&mut self) {
        self.0.iter_mut().for_each(|(_, value)| value.detach());
    }
}
