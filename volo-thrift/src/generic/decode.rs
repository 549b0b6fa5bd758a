//! Thrift to JSON in one walk, from either protocol.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use volo_core::{Error, Raw};

use super::{
    json::{Out, write},
    schema::{Schema, StructType, TypeRef},
};
use crate::protocol::{
    BinaryReader, CompactReader, DecodeError, Protocol, Reader, Type, Uuid, decode_failed, unknown_format,
};

/// Memory charged for an element or an entry: about what its text takes.
const ITEM_MEMORY: usize = 8;

/// The struct in `raw` as a JSON object. Fields that the schema doesn't know are left out.
pub(super) fn structure(schema: &Schema, ty: &StructType, raw: &Raw) -> Result<String, Error> {
    let out = Out::with_capacity(raw.bytes.len() * 2);
    let mut decoder = Decoder { schema, frame: &raw.bytes, out, path: Vec::new() };
    let (done, place) = match Protocol::from_format(raw.format) {
        Some(Protocol::Binary) => {
            let mut reader = BinaryReader::borrowed(&raw.bytes, raw.limits);
            (decoder.structure(&mut reader, ty), reader.position())
        }
        Some(Protocol::Compact) => {
            let mut reader = CompactReader::borrowed(&raw.bytes, raw.limits);
            (decoder.structure(&mut reader, ty), reader.position())
        }
        None => return Err(unknown_format(raw.format)),
    };
    done.map_err(|error| {
        decoder.path.reverse();
        let place = format!("{} at byte {place}", decoder.path.join("."));
        decode_failed(error, &ty.name, place.trim_start(), raw.limits)
    })?;
    // All of it is text: names of the schema, numbers, and strings that were checked.
    String::from_utf8(decoder.out.into_bytes())
        .map_err(|error| Error::internal("JSON isn't text").with_source(error))
}

struct Decoder<'s> {
    schema: &'s Schema,
    /// What is read.
    frame: &'s [u8],
    out: Out,
    /// Where an error happened, innermost first.
    path: Vec<&'s str>,
}

impl<'s> Decoder<'s> {
    fn structure<R: Reader>(&mut self, reader: &mut R, ty: &'s StructType) -> Result<(), DecodeError> {
        reader.enter()?;
        let mut state = R::START;
        let start = self.out.len();
        while let Some(head) = reader.next_field(&mut state)? {
            let known = ty.numbered(head.id()).filter(|(_, wire_type)| head.is(*wire_type));
            let Some((index, _)) = known else {
                reader.skip(head)?;
                continue;
            };
            let (key, field) = (&ty.keys[index], &ty.fields[index]);
            key.write(&mut self.out);
            let done = match field.ty {
                TypeRef::Bool => reader.bool_field().map(|value| self.bool(value)),
                _ => self.value(reader, &field.ty),
            };
            if let Err(error) = done {
                self.path.push(&field.name);
                return Err(error);
            }
        }
        match self.out.len() > start {
            // In place of the first comma.
            true => self.out.patch(start, *b"{"),
            false => self.out.push(b'{'),
        }
        self.out.push(b'}');
        reader.leave();
        Ok(())
    }

    fn value<R: Reader>(&mut self, reader: &mut R, ty: &'s TypeRef) -> Result<(), DecodeError> {
        match ty {
            TypeRef::Bool => {
                let value = reader.bool()?;
                self.bool(value);
            }
            TypeRef::I8 => write::integer(&mut self.out, reader.i8()?),
            TypeRef::I16 => write::integer(&mut self.out, reader.i16()?),
            TypeRef::I32 => write::integer(&mut self.out, reader.i32()?),
            TypeRef::I64 => write::integer(&mut self.out, reader.i64()?),
            TypeRef::Double => write::double(&mut self.out, reader.double()?),
            TypeRef::String => {
                let len = reader.text_head()?;
                let at = reader.position();
                let bytes = reader.take(len)?;
                // Read in words, into what follows.
                if !self.frame.get(at..).is_some_and(|from| self.out.plain_string(from, len)) {
                    let text = simdutf8::basic::from_utf8(bytes).map_err(|_| DecodeError::InvalidUtf8)?;
                    write::string(&mut self.out, text);
                }
            }
            TypeRef::Binary => {
                let len = reader.text_head()?;
                let text = BASE64.encode(reader.take(len)?);
                write::string(&mut self.out, &text);
            }
            TypeRef::Uuid => {
                let uuid = Uuid(reader.uuid()?);
                write::string(&mut self.out, &uuid.to_string());
            }
            TypeRef::Enum(index) => {
                let number = reader.i32()?;
                match self.schema.enums[*index].value_name(number) {
                    Some(name) => write::string(&mut self.out, name),
                    None => write::integer(&mut self.out, number),
                }
            }
            TypeRef::Struct(index) => self.structure(reader, &self.schema.structs[*index])?,
            TypeRef::List(element) | TypeRef::Set(element) => self.list(reader, element)?,
            TypeRef::Map(pair) => self.map(reader, &pair.0, &pair.1)?,
        }
        Ok(())
    }

    fn bool(&mut self, value: bool) {
        self.out.piece(if value { b"true " } else { b"false" }, if value { 4 } else { 5 });
    }

    fn list<R: Reader>(&mut self, reader: &mut R, element: &'s TypeRef) -> Result<(), DecodeError> {
        reader.enter()?;
        let count = reader.list(element.wire_type(), [1, 1], ITEM_MEMORY)?;
        self.out.push(b'[');
        for index in 0..count {
            if index > 0 {
                self.out.push(b',');
            }
            self.value(reader, element)?;
        }
        self.out.push(b']');
        reader.leave();
        Ok(())
    }

    fn map<R: Reader>(
        &mut self,
        reader: &mut R,
        key: &'s TypeRef,
        value: &'s TypeRef,
    ) -> Result<(), DecodeError> {
        reader.enter()?;
        let (key_type, value_type): (Type, Type) = (key.wire_type(), value.wire_type());
        let count = reader.map(key_type, value_type, [1, 1], 2 * ITEM_MEMORY)?;
        let (open, close) = if key.is_plain() { (b'{', b'}') } else { (b'[', b']') };
        self.out.push(open);
        for index in 0..count {
            if index > 0 {
                self.out.push(b',');
            }
            if key.is_plain() {
                self.key(reader, key)?;
                self.out.push(b':');
                self.value(reader, value)?;
            } else {
                self.out.push(b'[');
                self.value(reader, key)?;
                self.out.push(b',');
                self.value(reader, value)?;
                self.out.push(b']');
            }
        }
        self.out.push(close);
        reader.leave();
        Ok(())
    }

    /// A key, in quotes whatever its type.
    fn key<R: Reader>(&mut self, reader: &mut R, key: &'s TypeRef) -> Result<(), DecodeError> {
        let start = self.out.len();
        self.out.push(b'"');
        self.value(reader, key)?;
        if self.out.byte(start + 1) == Some(b'"') {
            // It came with quotes of its own.
            self.out.remove(start);
        } else {
            self.out.push(b'"');
        }
        Ok(())
    }
}
