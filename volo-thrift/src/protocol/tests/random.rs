//! Random values from a seed, and what must hold for all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::Arc,
};

use faststr::FastStr;

use super::*;
use crate::protocol::{Map, OrderedDouble, Set, Uuid};

/// A generator of numbers: splitmix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `end`, which may be 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// A number of random width, as often small as large.
    fn number(&mut self) -> i64 {
        let shift = self.below(64);
        (self.next() as i64) >> shift
    }

    fn text(&mut self) -> FastStr {
        let len = [0, 1, 7, 8, 15, 16, 30, 31, 63, 64, 65, 100, 300][self.below(13)];
        let unit = ["a", "é", "€", "ab", "𝄞"][self.below(5)];
        FastStr::from_string(unit.repeat(len / unit.len()))
    }

    fn option<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(3) > 0).then(|| make(self))
    }

    fn many<C: FromIterator<T>, T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> C {
        let count = [0, 1, 2, 14, 15, 16, 33][self.below(7)];
        (0..count).map(|_| make(self)).collect()
    }
}

pub(super) fn sample(seed: u64) -> Sample {
    let random = &mut Random(seed);
    Sample {
        flag: random.option(|r| r.below(2) == 1),
        count: random.option(|r| r.number() as i32),
        text: random.option(Random::text),
        flags: random.option(|r| r.many(|r| r.below(2) == 1)),
        counts: random.option(|r| r.many(|r| (r.text(), r.number()))),
        empty: random.option(|r| r.many(|r| (r.number() as i8, r.number() as i16))),
        ratio: random.option(|r| r.number() as f64 / 7.0),
        numbers: random.option(|r| r.many(|r| r.number() as i32)),
        uuid: random.option(|r| Uuid(std::array::from_fn(|_| r.number() as u8))),
    }
}

pub(super) fn node(seed: u64, depth: usize) -> Node {
    fn build(random: &mut Random, depth: usize) -> Node {
        let parts = if depth > 0 { random.below(4) } else { 0 };
        Node {
            name: random.text(),
            next: (depth > 0 && random.below(2) == 0).then(|| Box::new(build(random, depth - 1))),
            parts: (0..parts).map(|_| build(random, depth - 1)).collect(),
        }
    }
    build(&mut Random(seed), depth)
}

/// Size equals the bytes written whatever is linked, and reading gives the value back.
#[track_caller]
fn check<T: Value + PartialEq + Debug>(value: &T) {
    for protocol in BOTH {
        let bytes = encode(value, protocol);
        for link_min in [0, 65, 4096] {
            let out = encode_with(value, protocol, link_min);
            assert_eq!(out.to_vec(), bytes);
        }
        assert_eq!(&decode_bytes::<T>(protocol, &bytes).unwrap(), value, "{protocol:?}");
    }
}

#[test]
fn structs() {
    for seed in 0..500 {
        check(&sample(seed));
        check(&node(seed, 3));
    }
}

#[test]
fn every_container_of_every_type() {
    for seed in 0..100 {
        let r = &mut Random(seed);
        check(&Holder(r.many::<Vec<_>, _>(|r| r.number() as i8)));
        check(&Holder(r.many::<Vec<_>, _>(|r| r.number() as i16)));
        check(&Holder(r.many::<Vec<_>, _>(Random::number)));
        check(&Holder(r.many::<Vec<_>, _>(|r| r.number() as f64)));
        check(&Holder(r.many::<Vec<_>, _>(|r| Uuid([r.number() as u8; 16]))));
        check(&Holder(r.many::<Vec<_>, _>(|r| Bytes::from(r.text()))));
        check(&Holder(r.many::<Vec<_>, _>(|r| r.text().into_bytes().to_vec())));
        check(&Holder(r.many::<Vec<_>, _>(|r| r.text().to_string())));
        check(&Holder(r.many::<Set<_>, _>(|r| r.number() as i16)));
        check(&Holder(r.many::<BTreeSet<_>, _>(|r| OrderedDouble(r.number() as f64))));
        check(&Holder(r.many::<BTreeSet<_>, _>(|r| r.many::<BTreeSet<_>, _>(Random::text))));
        check(&Holder(r.many::<Map<_, _>, _>(|r| (r.text(), r.many::<Vec<_>, _>(Random::number)))));
        check(&Holder(r.many::<BTreeMap<_, _>, _>(|r| (r.many::<Vec<_>, _>(|r| r.below(2) == 1), r.text()))));
        check(&Holder(r.many::<Vec<_>, _>(|r| Box::new(r.number() as i32))));
        check(&Holder(Arc::new(r.below(2) == 1)));
        check(&Holder(r.number() as i8));
    }
}

#[test]
fn ordered_containers_have_one_encoding() {
    let numbers = [5, 3, 9, -2];
    let forth: BTreeSet<i32> = numbers.into_iter().collect();
    let back: BTreeSet<i32> = numbers.into_iter().rev().collect();
    for protocol in BOTH {
        assert_eq!(encode(&Holder(forth.clone()), protocol), encode(&Holder(back.clone()), protocol));
    }
}

#[test]
fn a_size_that_lies_is_rolled_back() {
    let message = Typed(node(3, 3));
    let mut out = OutBuf::default();
    for protocol in BOTH {
        let right = message.encoded_size(protocol.format(), 100).unwrap();
        let mut fill = |span: &mut volo_core::Span<'_>| {
            message.encode_into(protocol.format(), span);
            Ok(())
        };
        for inline in (0..right.inline + 40).filter(|inline| *inline != right.inline) {
            assert!(out.write(volo_core::Size { inline, ..right }, 100, &mut fill).is_err());
        }
        for linked in [0, right.linked + 1] {
            assert!(out.write(volo_core::Size { linked, ..right }, 100, &mut fill).is_err());
        }
        assert!(out.is_empty());
    }
}
