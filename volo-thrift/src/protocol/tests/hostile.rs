//! Bytes that want to do harm: each gets an error that names the cause, in time and memory bounded by the limits.

use std::{collections::BTreeMap, fmt::Debug};

use faststr::FastStr;

use super::*;
use crate::fuzz::types::Empty;
use crate::protocol::{DecodeError, DecodeError as E, Map, Set};

#[track_caller]
fn error_of<T: Value + Debug>(protocol: Protocol, bytes: &[u8]) -> DecodeError {
    let error = decode_bytes::<T>(protocol, bytes).unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    *source.downcast_ref().unwrap()
}

#[track_caller]
fn check<T: Value + Debug>(binary: &str, compact: &str, expected: DecodeError) {
    for (protocol, text) in BOTH.into_iter().zip([binary, compact]) {
        assert_eq!(error_of::<T>(protocol, &hex(text)), expected, "{protocol:?}");
    }
}

#[test]
fn counts_that_the_bytes_cannot_hold() {
    check::<Holder<Vec<Empty>>>("0f0001 0c 7fffffff 00", "19 fc ffffffff07 00", E::BadLength);
    check::<Holder<Vec<i64>>>("0f0001 0a 00000002 0000000000000001 00", "19 26 02", E::BadLength);
    check::<Holder<Vec<FastStr>>>("0f0001 0b 00100000 00000000 00", "19 f8 808040 00", E::BadLength);
    check::<Holder<Map<i64, Empty>>>("0d0001 0a0c 00000001 0000000000000000 ", "1b 01 6c 00", E::BadLength);
    check::<Holder<Set<bool>>>("0e0001 02 7fffffff 01", "1a f1 ffffffff07 01", E::BadLength);
}

#[test]
fn negative_sizes() {
    check::<Holder<Vec<i8>>>("0f0001 03 ffffffff 00", "19 f3 ffffffff0f 00", E::BadLength);
    check::<Holder<BTreeMap<i8, i8>>>("0d0001 0303 80000000 00", "1b ffffffff0f 33 00", E::BadLength);
    check::<Holder<FastStr>>("0b0001 ffffffff 00", "18 ffffffff0f 00", E::BadLength);
    check::<Holder<Bytes>>("0b0001 80000000 00", "18 8080808008 00", E::BadLength);
    check::<Holder<Vec<u8>>>("0b0001 7fffffff 00", "18 ffffffff07 00", E::UnexpectedEnd);
    // The same in fields that nobody knows.
    check::<Empty>("0f0001 08 ffffffff 00", "19 f5 ffffffff0f 00", E::BadLength);
    check::<Empty>("0d0001 0c0c 7fffffff 00", "1b ffffffff07 cc 00", E::BadLength);
    check::<Empty>("0b0001 ffffffff 00", "18 ffffffff0f 00", E::BadLength);
}

#[test]
fn unknown_types() {
    check::<Empty>("110001 00", "1e 00", E::WrongType);
    check::<Empty>("010001 00", "10 00", E::WrongType);
    check::<Empty>("0f0001 07 00000001 00 00", "19 1f 00 00", E::WrongType);
    check::<Holder<Vec<i32>>>("0f0001 0b 00000001 00000000 00", "19 18 00 00", E::WrongType);
    check::<Holder<Map<i32, i32>>>(
        "0d0001 080b 00000001 00000000 00000000 00",
        "1b 01 58 00 00 00",
        E::WrongType,
    );
}

#[test]
fn texts_that_are_not_utf8() {
    check::<Holder<FastStr>>("0b0001 00000002 fffe 00", "18 02 fffe 00", E::InvalidUtf8);
    check::<Holder<String>>("0b0001 00000001 80 00", "18 01 80 00", E::InvalidUtf8);
    let long = [hex("0b0001 00000064"), vec![b'a'; 99], hex("c3 00")].concat();
    assert_eq!(error_of::<Holder<FastStr>>(Protocol::Binary, &long), E::InvalidUtf8);
    let value = decode_bytes::<Holder<Bytes>>(Protocol::Binary, &hex("0b0001 00000002 fffe 00"));
    assert_eq!(value.unwrap().0, hex("fffe"));
}

#[test]
fn nesting_known_and_unknown() {
    const DEEP: usize = 100_000;
    let known = ["0c0002".repeat(DEEP), "0f0003 0c 00000001".repeat(DEEP)];
    let unknown = ["0c0009".repeat(DEEP), format!("0f0009{}", "0f 00000001".repeat(DEEP))];
    for text in known.iter().chain(&unknown) {
        assert_eq!(error_of::<Node>(Protocol::Binary, &hex(text)), E::TooDeep);
    }
    let known = ["2c".repeat(DEEP), "391c".repeat(DEEP)];
    let unknown =
        ["9c".repeat(DEEP), format!("99{}", "19".repeat(DEEP)), format!("9b{}", "01bb".repeat(DEEP))];
    for text in known.iter().chain(&unknown) {
        assert_eq!(error_of::<Node>(Protocol::Compact, &hex(text)), E::TooDeep);
    }
}

#[test]
fn the_depth_limit_is_the_same_for_all_ways_to_read() {
    let nested = |depth: usize| {
        (1..depth).fold(Node::default(), |inner, _| Node { next: Some(Box::new(inner)), ..Node::default() })
    };
    for protocol in BOTH {
        // The empty list of parts is one level more.
        let (fits, deep) = (encode(&nested(63), protocol), encode(&nested(64), protocol));
        assert!(decode_bytes::<Node>(protocol, &fits).is_ok());
        assert!(decode_bytes::<Keeper>(protocol, &fits).is_ok());
        assert_eq!(error_of::<Node>(protocol, &deep), E::TooDeep);
        assert_eq!(error_of::<Keeper>(protocol, &deep), E::TooDeep);
        assert_eq!(error_of::<Empty>(protocol, &deep), E::TooDeep);
    }
}

#[test]
fn the_budget_bounds_what_small_bytes_may_claim() {
    let mib = 1 << 20;
    let bytes = |head: &str, byte: u8| [hex(head), vec![byte; 2 * mib]].concat();
    // A node takes more than 50 bytes of memory, and one byte here.
    assert_eq!(error_of::<Node>(Protocol::Compact, &bytes("39fc 808020", 0)), E::OverBudget);
    assert_eq!(
        error_of::<Holder<Vec<Empty>>>(Protocol::Binary, &bytes("0f0001 0c 001fffff", 0)),
        E::OverBudget
    );
    assert_eq!(error_of::<Holder<Vec<Vec<i8>>>>(Protocol::Compact, &bytes("19f9 808040", 3)), E::OverBudget);
    assert_eq!(
        error_of::<Holder<Vec<Map<i8, i8>>>>(Protocol::Compact, &bytes("19fb 808040", 0)),
        E::OverBudget
    );
    assert_eq!(error_of::<Holder<Vec<i64>>>(Protocol::Compact, &bytes("19f6 808040", 0)), E::OverBudget);
    // Unknown fields that are kept cost their place and their bytes.
    assert_eq!(error_of::<Keeper>(Protocol::Compact, &bytes("", 0x11)), E::OverBudget);
    // A full list of empty structs is fine where it costs no more than its bytes.
    let value = decode_bytes::<Holder<Vec<Empty>>>(Protocol::Binary, &bytes("0f0001 0c 00010000", 0));
    assert_eq!(value.unwrap().0.len(), 1 << 16);
}

#[test]
fn long_lists_take_no_more_than_they_were_charged() {
    for count in [1, 4096, 4097, 10_000, 100_000] {
        let bytes = encode(&Holder(vec![7i64; count]), Protocol::Compact);
        let numbers = decode_bytes::<Holder<Vec<i64>>>(Protocol::Compact, &bytes).unwrap();
        assert_eq!((numbers.0.len(), numbers.0.capacity()), (count, count));
        let bytes = encode(&Holder(vec![true; count]), Protocol::Binary);
        let flags = decode_bytes::<Holder<Vec<bool>>>(Protocol::Binary, &bytes).unwrap();
        assert_eq!((flags.0.len(), flags.0.capacity()), (count, count));
    }
}

#[test]
fn every_cut_is_an_error() {
    let (sample, node) = (sample(0), node(3, 2));
    for protocol in BOTH {
        let bytes = encode(&sample, protocol);
        for len in 0..bytes.len() {
            assert!(decode_bytes::<Sample>(protocol, &bytes[..len]).is_err(), "{protocol:?} {len}");
            assert!(decode_bytes::<Keeper>(protocol, &bytes[..len]).is_err(), "{protocol:?} {len}");
        }
        let bytes = encode(&node, protocol);
        for len in 0..bytes.len() {
            assert!(decode_bytes::<Node>(protocol, &bytes[..len]).is_err(), "{protocol:?} {len}");
        }
    }
}
