//! A struct with a field of every type, as our generator makes it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use faststr::FastStr;
use volo_thrift::protocol::{Map, Set, Uuid};

use crate::{DescribedField, Dynamic, described, foreign, random::Random};

include!(concat!(env!("OUT_DIR"), "/volo_gen.rs"));

pub use generated::{AllTypes, Choice, Composite, Inner, Kind, Spaced};

foreign! {
    AllTypes {
        1 flag: bool,
        2 tiny: i8,
        3 small: i16,
        4 medium: i32,
        5 large: i64,
        6 ratio: f64,
        7 text: FastStr,
        8 blob: Bytes,
        9 uuid: Uuid,
        11 maybe_flag: Option<bool>,
        12 maybe_tiny: Option<i8>,
        13 maybe_small: Option<i16>,
        14 maybe_medium: Option<i32>,
        15 maybe_large: Option<i64>,
        16 maybe_ratio: Option<f64>,
        17 maybe_text: Option<FastStr>,
        18 maybe_blob: Option<Bytes>,
        19 maybe_uuid: Option<Uuid>,
        21 flags: Vec<bool>,
        22 tinies: Vec<i8>,
        23 smalls: Vec<i16>,
        24 mediums: Vec<i32>,
        25 larges: Vec<i64>,
        26 ratios: Vec<f64>,
        27 texts: Vec<FastStr>,
        28 blobs: Vec<Bytes>,
        29 uuids: Vec<Uuid>,
        100 inner: Inner,
        120 inners: Option<Vec<Inner>>,
        119 parent: Option<Box<AllTypes>>,
        1000 set: Set<FastStr>,
        1001 map: Map<FastStr, i64>,
        1002 ordered_set: BTreeSet<i32>,
        1003 ordered_map: BTreeMap<i64, Vec<FastStr>>,
        30000 lists: Vec<Vec<i32>>,
        30001 maps: Vec<Map<i8, bool>>,
    }
}

foreign! {
    Inner {
        1 name: FastStr,
        15 value: i64,
        16 on: bool,
    }
}

foreign! {
    Spaced {
        15 first: i64,
        30 second: bool,
    }
}

described! {
    () Kind, |kind| Dynamic::I32(kind.number());
    () Choice, |choice| Dynamic::Struct(match choice {
        Choice::Flag(value) => vec![(1, value.describe())],
        Choice::Kind(value) => vec![(3, value.describe())],
        Choice::Choices(value) => vec![(20, value.describe())],
        Choice::Inner(value) => vec![(21, value.describe())],
        Choice::Unknown(_) => Vec::new(),
    });
    () Composite, |value| {
        let fields = [
            (1, value.flag.describe_field()),
            (2, value.kind.describe_field()),
            (3, value.choice.describe_field()),
            (4, value.by_spaced.describe_field()),
            (5, value.ratios.describe_field()),
            (6, value.sets.describe_field()),
            (7, value.text.describe_field()),
        ];
        Dynamic::Struct(fields.into_iter().filter_map(|(id, value)| Some((id, value?))).collect())
    };
}

impl Choice {
    fn random(r: &mut Random, depth: usize) -> Self {
        match r.below(5) {
            0 => Choice::Flag(r.below(2) == 1),
            1 => Choice::Kind(Kind::random(r)),
            2 if depth > 0 => Choice::Choices(r.many(|r| Choice::random(r, depth - 1))),
            3 => Choice::Inner(Inner::random(r)),
            _ => Choice::default(),
        }
    }
}

impl Kind {
    fn random(r: &mut Random) -> Self {
        [Kind::FIRST, Kind::LAST, Kind::LEAST, Kind::from(r.number() as i32)][r.below(4)]
    }
}

impl Composite {
    /// A random value.
    pub fn random(r: &mut Random) -> Self {
        let spaced = |r: &mut Random| Spaced { first: r.number(), second: r.below(2) == 1 };
        Composite {
            flag: r.below(2) == 1,
            kind: Kind::random(r),
            choice: r.option(|r| Choice::random(r, 2)),
            by_spaced: r.many(|r| (spaced(r), r.many(Kind::random))),
            ratios: r.many(|r| (r.number() as f64 / 3.0).into()),
            sets: r.many(|r| (r.many(Random::text), r.many(Random::number))),
            text: r.text(),
        }
    }
}

impl AllTypes {
    /// A random value, at most `depth` levels of its own type deep; its hashed containers have at most one entry.
    pub fn random(r: &mut Random, depth: usize) -> Self {
        AllTypes {
            flag: r.below(2) == 1,
            tiny: r.number() as i8,
            small: r.number() as i16,
            medium: r.number() as i32,
            large: r.number(),
            ratio: r.number() as f64 / 3.0,
            text: r.text(),
            blob: r.text().into_bytes(),
            uuid: uuid(r),
            maybe_flag: r.option(|r| r.below(2) == 1),
            maybe_tiny: r.option(|r| r.number() as i8),
            maybe_small: r.option(|r| r.number() as i16),
            maybe_medium: r.option(|r| r.number() as i32),
            maybe_large: r.option(Random::number),
            maybe_ratio: r.option(|r| r.number() as f64),
            maybe_text: r.option(Random::text),
            maybe_blob: r.option(|r| r.text().into_bytes()),
            maybe_uuid: r.option(uuid),
            flags: r.many(|r| r.below(2) == 1),
            tinies: r.many(|r| r.number() as i8),
            smalls: r.many(|r| r.number() as i16),
            mediums: r.many(|r| r.number() as i32),
            larges: r.many(Random::number),
            ratios: r.many(|r| r.number() as f64),
            texts: r.many(Random::text),
            blobs: r.many(|r| r.text().into_bytes()),
            uuids: r.many(uuid),
            inner: Inner::random(r),
            inners: r.option(|r| r.many(Inner::random)),
            parent: (depth > 0).then(|| Box::new(AllTypes::random(r, depth - 1))),
            set: r.at_most_one(Random::text),
            map: r.at_most_one(|r| (r.text(), r.number())),
            ordered_set: r.many(|r| r.number() as i32),
            ordered_map: r.many(|r| (r.number(), r.many(Random::text))),
            lists: r.many(|r| r.many(|r| r.number() as i32)),
            maps: r.many(|r| r.at_most_one(|r| (r.number() as i8, r.below(2) == 1))),
        }
    }

    /// As [`AllTypes::random`], with hashed containers of any size.
    pub fn random_hashed(r: &mut Random) -> Self {
        let set = r.many(Random::text);
        let map = r.many(|r| (r.text(), r.number()));
        AllTypes { set, map, ..AllTypes::random(r, 0) }
    }
}

impl Inner {
    fn random(r: &mut Random) -> Self {
        Inner { name: r.text(), value: r.number(), on: r.below(2) == 1 }
    }
}

fn uuid(r: &mut Random) -> Uuid {
    Uuid(std::array::from_fn(|_| r.bits() as u8))
}
