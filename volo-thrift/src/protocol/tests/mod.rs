//! Tests of the protocols as a whole, over types written like generated ones.

mod depth;
mod hostile;
mod message;
mod random;
mod scan;
mod vectors;

use bytes::Bytes;
use volo_core::{Encode, Error, Raw, span::OutBuf};

use super::{DecodeError, Protocol, Reader, Sizer, Type, Typed, Value, Writer, decode};
use crate::fuzz::{
    protocol::{BOTH, encode, encode_with, raw},
    random::Random,
    types::{Keeper, Node, Sample},
};

fn sample(seed: u64) -> Sample {
    Random::new(seed).sample()
}

fn node(seed: u64, depth: usize) -> Node {
    Random::new(seed).node(depth)
}

fn decode_bytes<T: Value>(protocol: Protocol, bytes: &[u8]) -> Result<T, Error> {
    decode(&raw(protocol, bytes.to_vec()))
}

/// Bytes from hexadecimal digits; spaces are ignored.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A list, set or map of one element type, as field 1.
#[derive(Clone, Debug, Default, PartialEq)]
struct Holder<T>(T);

impl<T: Value> Value for Holder<T> {
    const TYPE: Type = Type::Struct;
    const MIN: [usize; 2] = [1, 1];
    const RECURSIVE: bool = T::RECURSIVE;

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
