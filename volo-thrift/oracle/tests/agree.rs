//! Our bytes are their bytes, and each side reads what the other wrote.

use std::fmt::Debug;

use bytes::Bytes;
use oracle::{
    Described, apache, peer,
    random::Random,
    tmf::{Offering, Telemetry},
    types::{AllTypes, Composite, Spaced},
};
use pilota::thrift::Message;
use volo_core::{DecodeLimits, Encode, Raw, span::OutBuf};
use volo_thrift::protocol::{Protocol, Typed, Value, decode};

fn encode<T: Value>(value: &T, protocol: Protocol, link_min: usize) -> Vec<u8> {
    let (message, mut out) = (Typed(value.clone()), OutBuf::default());
    let size = message.encoded_size(protocol.format(), link_min, 64).unwrap();
    out.write(size, link_min, &mut |span| {
        message.encode_into(protocol.format(), span);
        Ok(())
    })
    .unwrap();
    out.to_vec()
}

fn read<T: Value>(bytes: Vec<u8>, protocol: Protocol) -> T {
    let limits = DecodeLimits { depth_max: 64, memory_max: 64 << 20 };
    decode(&Raw { format: protocol.format(), bytes: bytes.into(), limits }).unwrap()
}

#[track_caller]
fn check<T: Described + Message + PartialEq + Debug>(value: &T, one_encoding: bool) {
    check_apache(value, one_encoding);
    let (ours, theirs) = (encode(value, Protocol::Binary, 4096), peer::to_vec(value).unwrap());
    assert!(!one_encoding || ours == theirs);
    assert_eq!(&peer::read::<T>(&Bytes::from(ours)).unwrap(), value);
    assert_eq!(&read::<T>(theirs, Protocol::Binary), value);
}

#[track_caller]
fn check_apache<T: Described + PartialEq + Debug>(value: &T, one_encoding: bool) {
    let dynamic = value.describe();
    for protocol in [Protocol::Binary, Protocol::Compact] {
        let theirs = apache::write(&dynamic, protocol).unwrap();
        for link_min in [65, 4096, usize::MAX] {
            let ours = encode(value, protocol, link_min);
            if one_encoding {
                assert_eq!(ours, theirs, "{protocol:?}");
            }
            assert_eq!(
                apache::read(&ours, protocol).unwrap().sorted(),
                dynamic.clone().sorted(),
                "{protocol:?}"
            );
        }
        assert_eq!(&read::<T>(theirs, protocol), value, "{protocol:?}");
    }
}

#[test]
fn every_type() {
    check(&AllTypes::default(), true);
    for seed in 0..60 {
        check(&AllTypes::random(&mut Random(seed), seed as usize % 3), true);
        check(&AllTypes::random_hashed(&mut Random(seed)), false);
    }
}

#[test]
fn both_ways_to_write_a_distance_of_fifteen() {
    check(&Spaced { first: 7, second: true }, false);
}

#[test]
fn enums_unions_and_keys_of_every_kind() {
    check_apache(&Composite::default(), true);
    for seed in 0..200 {
        check_apache(&Composite::random(&mut Random(seed)), false);
    }
}

/// As many values of every type, in both protocols, as one run compares at least.
const VALUES_MIN: usize = 100_000;

#[test]
fn a_hundred_thousand_random_values() {
    let (mut values, mut seed) = (0, 1_000);
    while values < VALUES_MIN {
        let (types, composite) =
            (AllTypes::random(&mut Random(seed), seed as usize % 3), Composite::random(&mut Random(seed)));
        check_apache(&types, true);
        check_apache(&composite, false);
        values += types.describe().count() + composite.describe().count();
        seed += 1;
    }
    println!("{values} values in {} messages", 2 * (seed - 1_000));
}

#[test]
fn tmf_messages() {
    for seed in 0..60 {
        check(&Offering::random(&mut Random(seed)), false);
        check(&Telemetry::random(&mut Random(seed)), true);
    }
}
