//! Tests of the protocols as a whole, over types written like generated ones.

mod hostile;
mod message;
mod random;
mod scan;
mod types;
mod vectors;

use bytes::Bytes;
use types::{Holder, Keeper, Node, Sample};
use volo_core::{DecodeLimits, Encode, Error, Raw, span::OutBuf};

use super::{Protocol, Typed, Value, decode};

const BOTH: [Protocol; 2] = [Protocol::Binary, Protocol::Compact];

const LIMITS: DecodeLimits = DecodeLimits { depth_max: 64, memory_max: 1 << 20 };

fn raw(protocol: Protocol, bytes: impl Into<Bytes>) -> Raw {
    Raw { format: protocol.format(), bytes: bytes.into(), limits: LIMITS }
}

/// Encodes through the trait object, as a connection does.
fn encode_with<T: Value>(value: &T, protocol: Protocol, link_min: usize) -> OutBuf {
    let (message, mut out) = (Typed(value.clone()), OutBuf::default());
    let message: &dyn Encode = &message;
    let size = message.encoded_size(protocol.format(), link_min).unwrap();
    out.write(size, link_min, &mut |span| {
        message.encode_into(protocol.format(), span);
        Ok(())
    })
    .unwrap();
    out
}

fn encode<T: Value>(value: &T, protocol: Protocol) -> Vec<u8> {
    encode_with(value, protocol, usize::MAX).to_vec()
}

fn decode_bytes<T: Value>(protocol: Protocol, bytes: &[u8]) -> Result<T, Error> {
    decode(&raw(protocol, bytes.to_vec()))
}

/// Bytes from hexadecimal digits; spaces are ignored.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
