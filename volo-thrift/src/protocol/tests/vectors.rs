//! Bytes that other implementations wrote.

use std::fmt::Debug;

use super::*;
use crate::protocol::{Map, Uuid};

#[track_caller]
fn check<T: Value + PartialEq + Debug>(value: T, binary: &str, compact: &str) {
    for (protocol, text) in BOTH.into_iter().zip([binary, compact]) {
        assert_eq!(encode(&value, protocol), hex(text), "{protocol:?}");
        assert_eq!(decode_bytes::<T>(protocol, &hex(text)).unwrap(), value, "{protocol:?}");
    }
}

#[test]
fn the_annex_struct() {
    let sample = Sample {
        flag: Some(true),
        count: Some(-1),
        text: Some("hi".into()),
        flags: Some(vec![true, false]),
        counts: Some([("k".into(), 50399)].into_iter().collect()),
        empty: Some(Map::default()),
        ratio: Some(1.5),
        ..Sample::default()
    };
    check(
        sample,
        "02000101 080002ffffffff 0b0014000000026869 0f001502000000020100 0d00160b0a00000001000000016b000000000000c4df
         0d00170306 00000000 0400183ff8000000000000 00",
        "11 1501 0828026869 19210102 1b0186016bbe9306 1b00 17000000000000f83f 00",
    );
}

#[test]
fn an_empty_map_may_have_no_types() {
    let bytes = hex("0d00170b0a00000000 00");
    let sample = decode_bytes::<Sample>(Protocol::Binary, &bytes).unwrap();
    assert_eq!(sample.empty, Some(Map::default()));
    let bytes = hex("0d0017000000000000 00");
    let sample = decode_bytes::<Sample>(Protocol::Binary, &bytes).unwrap();
    assert_eq!(sample.empty, Some(Map::default()));
}

#[test]
fn uuids() {
    let uuid: Uuid = "00112233-4455-6677-8899-aabbccddeeff".parse().unwrap();
    check(
        Holder(uuid),
        "100001 00112233445566778899aabbccddeeff 00",
        "1d 00112233445566778899aabbccddeeff 00",
    );
}

#[test]
fn long_lists() {
    check(
        Holder((0..15).collect::<Vec<i32>>()),
        "0f000108 0000000f 00000000 00000001 00000002 00000003 00000004 00000005 00000006 00000007
         00000008 00000009 0000000a 0000000b 0000000c 0000000d 0000000e 00",
        "19 f50f 00020406080a0c0e10121416181a1c 00",
    );
}

#[test]
fn ids_that_are_far_or_go_back() {
    let sample = Sample { numbers: Some(vec![1, -300]), uuid: Some(Uuid([0xab; 16])), ..Sample::default() };
    check(
        sample,
        "0ffff908 00000002 00000001 fffffed4 1007d0 abababababababababababababababab 00",
        "090d 25 02d704 0da01f abababababababababababababababab 00",
    );
}

#[test]
fn other_ways_to_say_the_same() {
    // Bool elements announced as type 2; true as any byte but zero in Binary; 0 for false in Compact.
    let flags = Sample { flags: Some(vec![true, false]), ..Sample::default() };
    for bytes in ["09 2a 22 01 02 00", "092a 21 01 00 00"] {
        assert_eq!(decode_bytes::<Sample>(Protocol::Compact, &hex(bytes)).unwrap(), flags);
    }
    assert_eq!(decode_bytes::<Sample>(Protocol::Binary, &hex("0f0015 02 00000002 ff 00 00")).unwrap(), flags);
    // A field that comes twice keeps its last value.
    let sample = decode_bytes::<Sample>(Protocol::Binary, &hex("0b0014 00000001 61 0b0014 00000001 62 00"));
    assert_eq!(sample.unwrap().text.as_deref(), Some("b"));
    // A field of another type than ours is skipped.
    let sample = decode_bytes::<Sample>(Protocol::Binary, &hex("080014 00000001 020001 01 00")).unwrap();
    assert_eq!(sample, Sample { flag: Some(true), ..Sample::default() });
}
