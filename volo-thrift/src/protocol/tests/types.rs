//! Types in the shape of generated code.

use faststr::FastStr;

use crate::protocol::{DecodeError, Map, Reader, Seen, Sizer, Type, UnknownFields, Uuid, Value, Writer};

/// The struct of the vectors in the protocol annex, with the types that the annex leaves out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sample {
    pub(super) flag: Option<bool>,
    pub(super) count: Option<i32>,
    pub(super) text: Option<FastStr>,
    pub(super) flags: Option<Vec<bool>>,
    pub(super) counts: Option<Map<FastStr, i64>>,
    pub(super) empty: Option<Map<i8, i16>>,
    pub(super) ratio: Option<f64>,
    pub(super) numbers: Option<Vec<i32>>,
    pub(super) uuid: Option<Uuid>,
}

impl Value for Sample {
    const TYPE: Type = Type::Struct;
    const MIN: [usize; 2] = [1, 1];

    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        let state = &mut { S::START };
        1 + sizer.field(state, 1, &self.flag)
            + sizer.field(state, 2, &self.count)
            + sizer.field(state, 20, &self.text)
            + sizer.field(state, 21, &self.flags)
            + sizer.field(state, 22, &self.counts)
            + sizer.field(state, 23, &self.empty)
            + sizer.field(state, 24, &self.ratio)
            + sizer.field(state, -7, &self.numbers)
            + sizer.field(state, 2000, &self.uuid)
    }

    fn encode<W: Writer>(&self, writer: W) -> W {
        let state = &mut { W::START };
        writer
            .field(state, 1, &self.flag)
            .field(state, 2, &self.count)
            .field(state, 20, &self.text)
            .field(state, 21, &self.flags)
            .field(state, 22, &self.counts)
            .field(state, 23, &self.empty)
            .field(state, 24, &self.ratio)
            .field(state, -7, &self.numbers)
            .field(state, 2000, &self.uuid)
            .stop()
    }

    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        reader.fields("Sample", |reader, field| match field.id() {
            1 => reader.field(field, "flag", &mut self.flag),
            2 => reader.field(field, "count", &mut self.count),
            20 => reader.field(field, "text", &mut self.text),
            21 => reader.field(field, "flags", &mut self.flags),
            22 => reader.field(field, "counts", &mut self.counts),
            23 => reader.field(field, "empty", &mut self.empty),
            24 => reader.field(field, "ratio", &mut self.ratio),
            -7 => reader.field(field, "numbers", &mut self.numbers),
            2000 => reader.field(field, "uuid", &mut self.uuid),
            _ => reader.skip(field),
        })
    }
}

/// A recursive struct with a required field.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Node {
    pub(super) name: FastStr,
    pub(super) next: Option<Box<Node>>,
    pub(super) parts: Vec<Node>,
}

impl Value for Node {
    const TYPE: Type = Type::Struct;
    const MIN: [usize; 2] = [12, 4];

    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        let state = &mut { S::START };
        1 + sizer.field(state, 1, &self.name)
            + sizer.field(state, 2, &self.next)
            + sizer.field(state, 3, &self.parts)
    }

    fn encode<W: Writer>(&self, writer: W) -> W {
        let state = &mut { W::START };
        writer.field(state, 1, &self.name).field(state, 2, &self.next).field(state, 3, &self.parts).stop()
    }

    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        let mut seen = Seen::<1>::default();
        reader.fields("Node", |reader, field| match field.id() {
            1 => reader.required(field, "name", &mut self.name, &mut seen, 0),
            2 => reader.field(field, "next", &mut self.next),
            3 => reader.field(field, "parts", &mut self.parts),
            _ => reader.skip(field),
        })?;
        reader.require("Node", &["name"], &seen)
    }
}

/// A struct without fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Empty {}

impl Value for Empty {
    const TYPE: Type = Type::Struct;
    const MIN: [usize; 2] = [1, 1];

    fn size<S: Sizer>(&self, _: &mut S) -> usize {
        1
    }

    fn encode<W: Writer>(&self, writer: W) -> W {
        writer.stop()
    }

    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        reader.fields("Empty", |reader, field| reader.skip(field))
    }
}

/// A struct that knows no field and keeps all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Keeper(pub(super) UnknownFields);

impl Value for Keeper {
    const TYPE: Type = Type::Struct;
    const MIN: [usize; 2] = [1, 1];

    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        1 + self.0.size(sizer, &mut { S::START })
    }

    fn encode<W: Writer>(&self, writer: W) -> W {
        self.0.encode(writer, &mut { W::START }).stop()
    }

    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        reader.fields("Keeper", |reader, field| reader.keep(field, &mut self.0))
    }
}

/// A list, set or map of one element type, as field 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Holder<T>(pub(super) T);

impl<T: Value> Value for Holder<T> {
    const TYPE: Type = Type::Struct;
    const MIN: [usize; 2] = [1, 1];

    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        1 + sizer.field(&mut { S::START }, 1, &self.0)
    }

    fn encode<W: Writer>(&self, writer: W) -> W {
        writer.field(&mut { W::START }, 1, &self.0).stop()
    }

    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        reader.fields("Holder", |reader, field| match field.id() {
            1 => reader.field(field, "held", &mut self.0),
            _ => reader.skip(field),
        })
    }
}
