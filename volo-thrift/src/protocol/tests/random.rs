//! What must hold for all values, tried with random ones.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::Arc,
};

use super::*;
use crate::protocol::{Map, OrderedDouble, Set, Uuid};

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
        check(&Random::new(seed).wide(2));
    }
}

#[test]
fn every_container_of_every_type() {
    for seed in 0..100 {
        let r = &mut Random::new(seed);
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
        let right = message.encoded_size(protocol.format(), 100, 64).unwrap();
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
