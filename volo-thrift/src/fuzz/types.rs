//! Types in the shape of generated code.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use faststr::FastStr;

use crate::protocol::{
    DecodeError, Map, OrderedDouble, Reader, Seen, Set, Sizer, Type, UnknownFields, Uuid, Value, Writer,
};

/// The struct of the vectors in the protocol annex, with the types that the annex leaves out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    pub(crate) flag: Option<bool>,
    pub(crate) count: Option<i32>,
    pub(crate) text: Option<FastStr>,
    pub(crate) flags: Option<Vec<bool>>,
    pub(crate) counts: Option<Map<FastStr, i64>>,
    pub(crate) empty: Option<Map<i8, i16>>,
    pub(crate) ratio: Option<f64>,
    pub(crate) numbers: Option<Vec<i32>>,
    pub(crate) uuid: Option<Uuid>,
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

    crate::detach_fields!(text, counts);
}

/// A recursive struct with a required field.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Node {
    pub(crate) name: FastStr,
    pub(crate) next: Option<Box<Node>>,
    pub(crate) parts: Vec<Node>,
}

impl Value for Node {
    const TYPE: Type = Type::Struct;
    const MIN: [usize; 2] = [12, 4];
    const RECURSIVE: bool = true;

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

    crate::detach_fields!(name, next, parts);
}

/// A struct without fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Empty {}

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
pub(crate) struct Keeper(pub(crate) UnknownFields);

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

/// A struct of what [`Sample`] leaves out: every width of number, both kinds of text, containers in containers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wide {
    pub(crate) byte: i8,
    pub(crate) short: i16,
    pub(crate) long: Option<i64>,
    pub(crate) blob: Bytes,
    pub(crate) text: Option<String>,
    pub(crate) octets: Vec<u8>,
    pub(crate) shorts: Vec<i16>,
    pub(crate) doubles: Vec<f64>,
    pub(crate) names: Set<FastStr>,
    pub(crate) ratios: BTreeSet<OrderedDouble>,
    pub(crate) rows: Vec<Vec<i64>>,
    pub(crate) tree: BTreeMap<FastStr, Vec<Bytes>>,
    pub(crate) inner: Option<Box<Wide>>,
    pub(crate) nodes: Vec<Sample>,
}

impl Value for Wide {
    const TYPE: Type = Type::Struct;
    const MIN: [usize; 2] = [1, 1];

    fn size<S: Sizer>(&self, sizer: &mut S) -> usize {
        let state = &mut { S::START };
        1 + sizer.field(state, 1, &self.byte)
            + sizer.field(state, 2, &self.short)
            + sizer.field(state, 3, &self.long)
            + sizer.field(state, 4, &self.blob)
            + sizer.field(state, 5, &self.text)
            + sizer.field(state, 6, &self.octets)
            + sizer.field(state, 7, &self.shorts)
            + sizer.field(state, 8, &self.doubles)
            + sizer.field(state, 9, &self.names)
            + sizer.field(state, 10, &self.ratios)
            + sizer.field(state, 11, &self.rows)
            + sizer.field(state, 12, &self.tree)
            + sizer.field(state, 13, &self.inner)
            + sizer.field(state, 14, &self.nodes)
    }

    fn encode<W: Writer>(&self, writer: W) -> W {
        let state = &mut { W::START };
        writer
            .field(state, 1, &self.byte)
            .field(state, 2, &self.short)
            .field(state, 3, &self.long)
            .field(state, 4, &self.blob)
            .field(state, 5, &self.text)
            .field(state, 6, &self.octets)
            .field(state, 7, &self.shorts)
            .field(state, 8, &self.doubles)
            .field(state, 9, &self.names)
            .field(state, 10, &self.ratios)
            .field(state, 11, &self.rows)
            .field(state, 12, &self.tree)
            .field(state, 13, &self.inner)
            .field(state, 14, &self.nodes)
            .stop()
    }

    fn decode<R: Reader>(&mut self, reader: &mut R) -> Result<(), DecodeError> {
        reader.fields("Wide", |reader, field| match field.id() {
            1 => reader.field(field, "byte", &mut self.byte),
            2 => reader.field(field, "short", &mut self.short),
            3 => reader.field(field, "long", &mut self.long),
            4 => reader.field(field, "blob", &mut self.blob),
            5 => reader.field(field, "text", &mut self.text),
            6 => reader.field(field, "octets", &mut self.octets),
            7 => reader.field(field, "shorts", &mut self.shorts),
            8 => reader.field(field, "doubles", &mut self.doubles),
            9 => reader.field(field, "names", &mut self.names),
            10 => reader.field(field, "ratios", &mut self.ratios),
            11 => reader.field(field, "rows", &mut self.rows),
            12 => reader.field(field, "tree", &mut self.tree),
            13 => reader.field(field, "inner", &mut self.inner),
            14 => reader.field(field, "nodes", &mut self.nodes),
            _ => reader.skip(field),
        })
    }

    crate::detach_fields!(blob, text, names, tree, inner, nodes);
}
