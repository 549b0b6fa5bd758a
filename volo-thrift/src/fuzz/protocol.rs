//! Values in both protocols: decoding, skipping, transcoding, encoding.

use bytes::Bytes;
use volo_core::{DecodeLimits, Encode, Raw, Span, span::OutBuf};

use super::{
    memory::peak,
    random::Random,
    types::{Empty, Keeper, Node, Sample, Wide},
};
use crate::protocol::{
    BinaryReader, CompactReader, DecodeError, MethodResult, Protocol, Reader, Scan, Scanner, Typed, Value,
    transcode,
};

pub(crate) const BOTH: [Protocol; 2] = [Protocol::Binary, Protocol::Compact];

pub(crate) const LIMITS: DecodeLimits = DecodeLimits { depth_max: 64, memory_max: 1 << 20 };

/// Little, so that a claim that gets through is seen.
const TIGHT: DecodeLimits = DecodeLimits { depth_max: 16, memory_max: 1 << 16 };

/// For what went through [`TIGHT`] and may take more in the other protocol, and a level more where an empty list was
/// absent.
const ROOMY: DecodeLimits = DecodeLimits { depth_max: TIGHT.depth_max + 1, memory_max: 1 << 26 };

/// The most bytes a scanner is to walk.
const LEN_MAX: usize = 4096;

pub(crate) fn raw(protocol: Protocol, bytes: impl Into<Bytes>) -> Raw {
    Raw { format: protocol.format(), bytes: bytes.into(), limits: LIMITS }
}

/// Encodes through the trait object, as a connection does; fails if size and bytes differ.
pub(crate) fn encode_with<T: Value>(value: &T, protocol: Protocol, link_min: usize) -> OutBuf {
    let (message, mut out) = (Typed(value.clone()), OutBuf::default());
    let message: &dyn Encode = &message;
    let size = message.encoded_size(protocol.format(), link_min, u32::MAX).unwrap();
    let mut fill = |span: &mut Span<'_>| {
        message.encode_into(protocol.format(), span);
        Ok(())
    };
    out.write(size, link_min, &mut fill).unwrap();
    out
}

pub(crate) fn encode<T: Value>(value: &T, protocol: Protocol) -> Vec<u8> {
    encode_with(value, protocol, usize::MAX).to_vec()
}

/// Bytes as a struct in Binary.
pub(super) fn binary(bytes: &[u8]) {
    decode_all(Protocol::Binary, bytes);
}

/// Bytes as a struct in Compact.
pub(super) fn compact(bytes: &[u8]) {
    decode_all(Protocol::Compact, bytes);
}

fn decode_all(protocol: Protocol, bytes: &[u8]) {
    let frame = Bytes::copy_from_slice(bytes);
    let skipped = read::<Empty>(protocol, &frame, TIGHT).map(|(_, len)| len);
    assert_eq!(skipped.ok(), scan(protocol, &frame), "skipping and scanning are the same walk");
    check_transcode(protocol, &frame, skipped);
    check_decode::<Sample>(protocol, &frame, skipped, same);
    check_decode::<Node>(protocol, &frame, skipped, same);
    check_decode::<Wide>(protocol, &frame, skipped, same);
    check_decode::<MethodResult<Wide, crate::Never>>(protocol, &frame, skipped, same);
    // Kept bytes stay as they are in their own protocol only.
    check_decode::<Keeper>(protocol, &frame, skipped, |a, b| a.0.heads().eq(b.0.heads()));
}

/// The value that `frame` starts with, and its length.
fn read<T: Value>(
    protocol: Protocol,
    frame: &Bytes,
    limits: DecodeLimits,
) -> Result<(T, usize), DecodeError> {
    fn run<T: Value, R: Reader>(mut reader: R) -> Result<(T, usize), DecodeError> {
        let mut value = T::default();
        value.decode(&mut reader)?;
        Ok((value, reader.position()))
    }
    match protocol {
        Protocol::Binary => run(BinaryReader::new(frame, limits)),
        Protocol::Compact => run(CompactReader::new(frame, limits)),
    }
}

/// Where the struct ends, if it is whole and within [`TIGHT`].
fn scan(protocol: Protocol, bytes: &[u8]) -> Option<usize> {
    match Scanner::structure(protocol, TIGHT.depth_max, bytes.len()).advance(bytes) {
        Ok(Scan::Complete(len)) => Some(len),
        Ok(Scan::Partial(_)) | Err(_) => None,
    }
}

fn check_decode<T: Value>(
    protocol: Protocol,
    frame: &Bytes,
    skipped: Result<usize, DecodeError>,
    same: fn(&T, &T) -> bool,
) {
    let (decoded, memory) = peak(|| read::<T>(protocol, frame, TIGHT));
    let memory_max = 2 * TIGHT.memory_max + 4 * frame.len() + (4 << 10);
    assert!(memory <= memory_max, "{memory} bytes of memory for {} on the wire", frame.len());
    let Ok((mut value, len)) = decoded else { return };
    assert_eq!(Ok(len), skipped, "what can be read can be skipped");
    let shared = value.clone();
    value.detach();
    assert!(same(&shared, &value));
    drop(shared);
    assert!(frame.is_unique(), "a detached value shares nothing");
    check_encode(&value, ROOMY, same);
}

/// What is written has the size that was told, and is read as the same value.
fn check_encode<T: Value>(value: &T, limits: DecodeLimits, same: fn(&T, &T) -> bool) {
    for protocol in BOTH {
        let bytes = Bytes::from(encode(value, protocol));
        let (again, len) = read::<T>(protocol, &bytes, limits).expect("what was written can be read");
        assert_eq!(len, bytes.len());
        assert!(same(value, &again), "{protocol:?}");
    }
}

/// Equality, but for numbers that aren't equal to themselves.
#[expect(clippy::eq_op, reason = "that is how a NaN is found")]
fn same<T: PartialEq>(a: &T, b: &T) -> bool {
    a == b || a != a
}

/// Bytes of the other protocol are whole and well-formed, and stable from then on: only what a protocol can't say
/// (a bool's byte, the types of an empty map) is lost, and only once.
fn check_transcode(protocol: Protocol, frame: &Bytes, skipped: Result<usize, DecodeError>) {
    let other = BOTH[1 - protocol as usize];
    let limits = |raw: Raw, limits| Raw { limits, ..raw };
    let Ok(there) = transcode(&limits(raw(protocol, frame.clone()), TIGHT), other) else {
        return;
    };
    assert!(skipped.is_ok(), "what can be transcoded can be skipped");
    let len = |raw: &Raw, protocol| read::<Empty>(protocol, &raw.bytes, ROOMY).map(|(_, len)| len);
    assert_eq!(len(&there, other), Ok(there.bytes.len()));
    let back = transcode(&limits(there.clone(), ROOMY), protocol).unwrap();
    assert_eq!(len(&back, protocol), Ok(back.bytes.len()));
    let again = transcode(&limits(back, ROOMY), other).unwrap();
    assert_eq!(again.bytes, there.bytes);
}

/// The first byte says how the others, a struct, arrive.
pub(super) fn skip(bytes: &[u8]) {
    let [how, bytes @ ..] = bytes else { return };
    let (protocol, step) = (BOTH[usize::from(how & 1)], 1 + usize::from(how >> 1) % 32);
    let scanner = || Scanner::structure(protocol, TIGHT.depth_max, LEN_MAX);
    let (whole, memory) = peak(|| scanner().advance(bytes));
    assert!(memory <= 4 << 10, "{memory} bytes of memory to skip {}", bytes.len());
    let (mut scanner, mut end) = (scanner(), 0);
    let in_pieces = loop {
        let scanned = scanner.advance(&bytes[..end]);
        match scanned {
            Ok(Scan::Partial(at_least)) => {
                assert!(end < at_least && at_least <= LEN_MAX, "{at_least} at {end}");
                if let Ok(Scan::Complete(len)) = whole {
                    assert!(at_least <= len, "asks for {at_least} bytes of {len}");
                }
            }
            Ok(Scan::Complete(_)) | Err(_) => break scanned,
        }
        if end == bytes.len() {
            break scanned;
        }
        end = (end + step).min(bytes.len());
    };
    match (whole, in_pieces) {
        // Which of several faults is met first may depend on the pieces.
        (Err(_), Err(_)) => {}
        _ => assert_eq!(whole, in_pieces, "pieces of {step} bytes"),
    }
}

/// Reads the bytes as a script that makes values.
pub(super) fn round_trip(script: &[u8]) {
    let random = &mut Random::scripted(script);
    match random.below(3) {
        0 => check_value(&random.sample()),
        1 => check_value(&random.wide(2)),
        _ => check_value(&random.node(3)),
    }
}

fn check_value<T: Value + PartialEq>(value: &T) {
    check_encode(value, LIMITS, same);
    for protocol in BOTH {
        let bytes = encode(value, protocol);
        for link_min in [0, 100] {
            assert_eq!(encode_with(value, protocol, link_min).to_vec(), bytes);
        }
        assert_eq!(scan(protocol, &bytes), Some(bytes.len()));
    }
}

/// Values of all kinds; small ones, as changes of large ones are mostly lost in texts.
fn structs(protocol: Protocol) -> Vec<Vec<u8>> {
    let seeds = 0..60;
    let samples = seeds.clone().map(|seed| encode(&Random::new(seed).sample(), protocol));
    let nodes = seeds.clone().map(|seed| encode(&Random::new(seed).node(2), protocol));
    let wides = seeds.map(|seed| encode(&Random::new(seed).wide(1), protocol));
    samples.chain(nodes).chain(wides).filter(|bytes| bytes.len() < 300).collect()
}

pub(super) fn binary_seeds() -> Vec<Vec<u8>> {
    structs(Protocol::Binary)
}

pub(super) fn compact_seeds() -> Vec<Vec<u8>> {
    structs(Protocol::Compact)
}

pub(super) fn skip_seeds() -> Vec<Vec<u8>> {
    let both = BOTH.into_iter().flat_map(|protocol| {
        let with_first = move |(step, bytes): (usize, Vec<u8>)| {
            [&[(step * 2) as u8 | protocol as u8][..], &bytes].concat()
        };
        structs(protocol).into_iter().enumerate().map(with_first)
    });
    both.collect()
}
