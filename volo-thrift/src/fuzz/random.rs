//! Numbers, and values made of them: from a seed for tests, from a script for a fuzzer that learns which bytes do what.

use bytes::Bytes;
use faststr::FastStr;

use super::types::{Node, Sample, Wide};
use crate::protocol::{OrderedDouble, Uuid};

/// A source of numbers that are the same in every run.
pub(crate) struct Random<'a> {
    state: u64,
    script: Option<&'a [u8]>,
}

impl<'a> Random<'a> {
    /// Numbers without end: splitmix64.
    pub(crate) fn new(seed: u64) -> Self {
        Random { state: seed, script: None }
    }

    /// Numbers read from these bytes, zeros behind their end.
    pub(crate) fn scripted(script: &'a [u8]) -> Self {
        Random { state: 0, script: Some(script) }
    }

    /// Whether the script is over; never without one.
    pub(crate) fn is_over(&self) -> bool {
        self.script.is_some_and(<[u8]>::is_empty)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.number_of(8)
    }

    /// A number below `end`, which may be 0; takes no more of a script than it needs.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let width = if end <= 1 << 8 {
            1
        } else if end <= 1 << 16 {
            2
        } else {
            8
        };
        (self.number_of(width) % end.max(1) as u64) as usize
    }

    fn number_of(&mut self, width: usize) -> u64 {
        if let Some(script) = &mut self.script {
            let (taken, rest) = script.split_at(width.min(script.len()));
            *script = rest;
            return taken.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number of random width, as often small as large.
    pub(crate) fn number(&mut self) -> i64 {
        let shift = self.below(64);
        (self.next() as i64) >> shift
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }

    pub(crate) fn text(&mut self) -> FastStr {
        let len = [0, 1, 7, 8, 15, 16, 30, 31, 63, 64, 65, 100, 300][self.below(13)];
        let unit = ["a", "é", "€", "ab", "𝄞"][self.below(5)];
        FastStr::from_string(unit.repeat(len / unit.len()))
    }

    pub(crate) fn option<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(3) > 0).then(|| make(self))
    }

    pub(crate) fn many<C: FromIterator<T>, T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> C {
        let count = [0, 1, 2, 14, 15, 16, 33][self.below(7)];
        (0..count).map(|_| make(self)).collect()
    }

    pub(crate) fn sample(&mut self) -> Sample {
        Sample {
            flag: self.option(|r| r.below(2) == 1),
            count: self.option(|r| r.number() as i32),
            text: self.option(Random::text),
            flags: self.option(|r| r.many(|r| r.below(2) == 1)),
            counts: self.option(|r| r.many(|r| (r.text(), r.number()))),
            empty: self.option(|r| r.many(|r| (r.number() as i8, r.number() as i16))),
            ratio: self.option(|r| r.number() as f64 / 7.0),
            numbers: self.option(|r| r.many(|r| r.number() as i32)),
            uuid: self.option(|r| Uuid(std::array::from_fn(|_| r.number() as u8))),
        }
    }

    /// A tree of at most `depth` levels below this one.
    pub(crate) fn node(&mut self, depth: usize) -> Node {
        let parts = if depth > 0 { self.below(4) } else { 0 };
        Node {
            name: self.text(),
            next: (depth > 0 && self.below(2) == 0).then(|| Box::new(self.node(depth - 1))),
            parts: (0..parts).map(|_| self.node(depth - 1)).collect(),
        }
    }

    /// As [`Random::node`].
    pub(crate) fn wide(&mut self, depth: usize) -> Wide {
        let nodes = if depth > 0 { self.below(3) } else { 0 };
        Wide {
            byte: self.number() as i8,
            short: self.number() as i16,
            long: self.option(Random::number),
            blob: Bytes::from(self.text()),
            text: self.option(|r| r.text().to_string()),
            octets: self.text().as_bytes().to_vec(),
            shorts: self.many(|r| r.number() as i16),
            doubles: self.many(|r| r.number() as f64),
            names: self.many(Random::text),
            ratios: self.many(|r| OrderedDouble(r.number() as f64 / 3.0)),
            rows: (0..self.below(3)).map(|_| self.many(Random::number)).collect(),
            tree: (0..self.below(3)).map(|_| (self.text(), vec![Bytes::from(self.text())])).collect(),
            inner: (depth > 0 && self.below(2) == 0).then(|| Box::new(self.wide(depth - 1))),
            nodes: (0..nodes).map(|_| self.sample()).collect(),
        }
    }
}
