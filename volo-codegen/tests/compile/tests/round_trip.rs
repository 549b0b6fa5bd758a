//! Values of generated types through both protocols.

mod common;

use common::{BOTH, encode, read, round_trip};
use golden::consts;
use golden::names::golden::r#type::names;
use golden::types::golden::types::*;
use volo_thrift::protocol::Protocol;
use volo_thrift::rt::{Bytes, FastStr, OrderedDouble, OrderedMap, OrderedSet, Uuid};

fn price() -> Price {
    Price { amount: 9.5, currency: "EUR".into() }
}

#[test]
fn defaults() {
    round_trip(&Scalars::default());
    round_trip(&Optionals::default());
    round_trip(&Required::default());
    round_trip(&Containers::default());
    round_trip(&Keys::default());
    round_trip(&Node::default());
    round_trip(&Choice::default());
    round_trip(&Preset::default());
    round_trip(&Defaults::default());
    round_trip(&Empty {});
    round_trip(&names::Default::default());
    round_trip(&names::Keyword::default());
}

#[test]
fn every_base_type() {
    round_trip(&Scalars {
        flag: true,
        tiny: -1,
        small: 2,
        medium: -300,
        number: i32::MIN,
        large: i64::MAX,
        real: -0.25,
        text: "grüße".into(),
        data: Bytes::from_static(&[0, 255, 1]),
        id: Uuid(*b"0123456789abcdef"),
        state: OrderState::CANCELLED,
        at: 1,
    });
    round_trip(&Optionals {
        flag: Some(false),
        number: Some(0),
        real: Some(0.0),
        text: Some(FastStr::empty()),
        data: Some(Bytes::new()),
        id: Some(Uuid::default()),
        state: Some(OrderState::from(77)),
        price: Some(price()),
        list: Some(Vec::new()),
        map: Some([(1, "x".into())].into_iter().collect()),
    });
}

#[test]
fn containers() {
    let set = [OrderState::COMPLETED, OrderState::ACKNOWLEDGED].into_iter().collect();
    round_trip(&Containers {
        numbers: (0..300).collect(),
        names: ["a", "b"].map(FastStr::from).into_iter().collect(),
        counts: [("a".into(), 1), ("b".into(), -1)].into_iter().collect(),
        prices: vec![price(), Price::default()],
        nested: [("x".into(), vec![[(1, set)].into_iter().collect()])].into_iter().collect(),
        cube: vec![vec![vec![1.0, 2.0], vec![]], vec![]],
        weights: [("w".into(), 0.5)].into_iter().collect(),
        flags: vec![true, false, true],
        empties: vec![Empty {}, Empty {}],
    });
}

#[test]
fn keys_of_every_kind() {
    let inner = OrderedMap::from([("i".into(), Inner { value: OrderedDouble(f64::NAN) })]);
    let key = Key { ratio: OrderedDouble(-0.0), inner, numbers: Some(OrderedSet::from([3, 1])) };
    let weights = OrderedMap::from([("w".into(), OrderedDouble(0.5))]);
    round_trip(&Keys {
        by_key: [(key, "value".into())].into_iter().collect(),
        sequences: [vec![OrderedDouble(1.0), OrderedDouble(2.0)]].into_iter().collect(),
        sets: [OrderedSet::from([1, 2])].into_iter().collect(),
        maps: [(weights.clone(), 1.5)].into_iter().collect(),
        weights: [weights].into_iter().collect(),
        choices: [Choice::Number(1), Choice::Text("t".into())].into_iter().collect(),
    });
}

#[test]
fn recursive_types() {
    let leaf = Node { name: "leaf".into(), ..Default::default() };
    let tree = Node {
        name: "root".into(),
        parent: Some(Box::new(leaf.clone())),
        children: vec![leaf.clone(), Node { children: vec![leaf], ..Default::default() }],
        price: Some(Box::new(price())),
    };
    round_trip(&tree);
    round_trip(&Choice::Nested(Nested {
        choices: vec![Choice::Url(Bytes::from_static(b"u")), Choice::Number(-1)],
    }));
    round_trip(&Value::Inner(Box::new(Value::Inner(Box::new(Value::Unknown(5))))));
}

#[test]
fn defaults_of_the_idl() {
    let value = Defaults::default();
    assert_eq!(value.large, i64::MIN);
    assert_eq!(value.maybe, Some(5), "an optional field with a default starts with it, as with Apache");
    assert_eq!(value.state, OrderState::COMPLETED);
    assert_eq!(value.price, Price { amount: 9.99, currency: "EUR".into() });
    assert_eq!(value.nested.choices, [Choice::Number(1), Choice::Text("two".into())]);
    assert_eq!(Preset::default(), Preset::Number(7));
    // Decoding starts from the defaults: what a peer leaves out keeps them.
    assert_eq!(read::<Defaults>(vec![0], Protocol::Binary).unwrap(), value);
    assert_eq!(consts::golden::consts::PATH[2].label, None);
    assert_eq!(consts::golden::consts::PLACES[&consts::golden::consts::Colour::RED].x, 1.5);
}

#[test]
fn annotated_types() {
    use golden::annotations::golden::annotations::*;
    let value = Annotated::default();
    assert_eq!(value.owned, "owned".to_owned());
    assert_eq!(value.bytes, b"bytes");
    assert_eq!(*value.shared, Inner { items: vec!["a".into()] });
    assert_eq!(value.ordered.keys().collect::<Vec<_>>(), ["a", "b"]);
    round_trip(&value);
    round_trip(&Annotated {
        maybe: Some(std::sync::Arc::new(Inner::default())),
        numbers: [3, 1].into(),
        ..Default::default()
    });
}

#[test]
fn required_fields() {
    for protocol in BOTH {
        let error = read::<Price>(vec![0], protocol).unwrap_err().to_string();
        assert!(error.contains("Price") && error.contains("amount"), "{error}");
    }
}

#[test]
fn unknown_arms_survive_and_are_transcoded() {
    // A union of another build: arm 9, a list of two i32.
    let list = [15, 0, 9, 8, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0];
    let value: Choice = read(list.to_vec(), Protocol::Binary).unwrap();
    assert!(matches!(&value, Choice::Unknown(fields) if fields.len() == 1));
    assert_eq!(encode(&value, Protocol::Binary), list);
    let compact = encode(&value, Protocol::Compact);
    let back: Choice = read(compact, Protocol::Compact).unwrap();
    assert_eq!(encode(&back, Protocol::Binary), list);
}

#[test]
fn unions_take_the_last_arm_and_skip_what_has_another_type() {
    let two = [11, 0, 1, 0, 0, 0, 1, b'x', 10, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7, 0];
    assert_eq!(read::<Choice>(two.to_vec(), Protocol::Binary).unwrap(), Choice::Number(7));
    let other_type = [8, 0, 1, 0, 0, 0, 1, 0];
    assert_eq!(read::<Choice>(other_type.to_vec(), Protocol::Binary).unwrap(), Choice::default());
}

#[test]
fn enums_are_open_and_know_their_names() {
    assert_eq!(OrderState::default().number(), 0);
    assert_eq!(OrderState::IN_PROGRESS.to_string(), "IN_PROGRESS");
    assert_eq!(OrderState::try_from("cancelled"), Ok(OrderState::CANCELLED));
    assert_eq!(format!("{} {:?}", OrderState::from(7), OrderState::from(7)), "7 OrderState(7)");
    assert_eq!(OrderState::from(10).name(), Some("COMPLETED"), "the first of two names");
    assert_eq!(OrderState::ALIAS, OrderState::COMPLETED);
    let error = OrderState::try_from("nonsense").unwrap_err();
    assert_eq!(error.to_string(), "OrderState has no value \"nonsense\"");
}

#[test]
fn exceptions_are_errors() {
    let error = NotFound { id: "1".into(), message: Some("gone".into()) };
    assert_eq!((&error as &dyn std::error::Error).to_string(), "NotFound: gone");
    assert_eq!(Plain { code: 3 }.to_string(), "Plain { code: 3 }");
}

#[test]
fn many_fields_many_of_them_required() {
    use golden::wide::generated::Wide;
    let wide = Wide { field198: Some(Box::default()), field2: 7, field200: true, ..Default::default() };
    for protocol in BOTH {
        let bytes = encode(&wide, protocol);
        assert_eq!(read::<Wide>(bytes, protocol).unwrap(), wide);
    }
    // Only the last required field is missing: beyond the first word of the mask.
    let bytes = encode(&wide, Protocol::Binary);
    let stop = bytes.len() - 1;
    let error = read::<Wide>([&bytes[..stop - 4], &[0]].concat(), Protocol::Binary).unwrap_err().to_string();
    assert!(error.contains("field200"), "{error}");
}
