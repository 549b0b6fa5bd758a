//! Values that are nested as deep as one may, and deeper: refused by whoever would send them.

use super::*;
use crate::{
    error::Never,
    protocol::{BINARY, BinarySizer, CompactSizer, MethodResult},
};

const MAX: u32 = 64;

/// So many nodes, each in the one before. The last one has an empty list, as they all have: one level more.
fn chain(len: u32) -> Node {
    let mut node = Node::default();
    for _ in 1..len {
        node = Node { next: Some(Box::new(node)), ..Node::default() };
    }
    node
}

/// As [`chain`], each in a list in the one before.
fn tree(len: u32) -> Node {
    let mut node = Node::default();
    for _ in 1..len {
        node = Node { parts: vec![node], ..Node::default() };
    }
    node
}

fn size<T: Value>(value: &T, protocol: Protocol, depth_max: u32) -> Result<usize, String> {
    let size = Typed(value.clone()).encoded_size(protocol.format(), usize::MAX, depth_max);
    size.map(|size| size.total()).map_err(|error| error.to_string())
}

/// `fits` has as many levels as are allowed, `deeper` one more; so says the receiver, too.
#[track_caller]
fn check<T: Value, U: Value>(fits: &T, deeper: &U, error: &str) {
    for protocol in BOTH {
        assert!(size(fits, protocol, MAX - 1).is_err());
        assert_eq!(size(fits, protocol, MAX), size(fits, protocol, MAX + 1));
        assert_eq!(size(fits, protocol, MAX), Ok(encode(fits, protocol).len()));
        assert_eq!(size(deeper, protocol, MAX), Err(error.to_owned()));
        assert!(size(deeper, protocol, MAX + 1).is_ok());
        assert!(decode::<T>(&raw(protocol, encode(fits, protocol))).is_ok());
        let refused = decode::<U>(&raw(protocol, encode(deeper, protocol))).err().unwrap().to_string();
        assert!(refused.contains("beyond the limit, depth_max of 64"), "{refused}");
    }
}

#[test]
fn senders_and_receivers_count_the_same_levels() {
    check(&chain(63), &chain(64), "Node: Vec in it is nested deeper than depth_max of 64");
    assert_eq!(
        size(&chain(65), Protocol::Binary, MAX),
        Err("Node: Node in it is nested deeper than depth_max of 64".to_owned())
    );
    let error = "Holder: Vec in it is nested deeper than depth_max of 64";
    check(&tree(32), &Holder(tree(32)), error);
    check(&Holder(vec![chain(61)]), &Holder(vec![chain(62)]), error);
    let result = |len| MethodResult::<Node, Never>::Ok(chain(len));
    check(&result(62), &result(63), "MethodResult: Vec in it is nested deeper than depth_max of 64");
}

#[test]
fn a_million_levels_cost_an_error_and_no_stack() {
    let mut node = chain(1_000_000);
    let message = Typed(MethodResult::<(), Never>::Ok(()));
    assert!(message.encoded_size(BINARY, 0, 0).is_ok(), "what can't be deep isn't counted");
    for depth_max in [0, 1, 64, 1000] {
        let mut sizer = BinarySizer::new(usize::MAX, depth_max);
        node.nested_size(&mut sizer);
        assert_eq!(sizer.levels().refused(), Some("Node"));
        let mut sizer = CompactSizer::new(usize::MAX, depth_max);
        node.nested_size(&mut sizer);
        assert_eq!(sizer.levels().refused(), Some("Node"));
    }
    while let Some(next) = node.next.take() {
        node = *next; // dropped whole, it would recurse, too
    }
}
