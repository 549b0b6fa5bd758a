//! What the generator's options bring: kept fields, JSON, detached values.

mod common;

use common::{BOTH, encode, read, round_trip};
use golden::json::golden::json::{
    Choice, Colour, Failed, Nothing, Odd, Offering, Price, Renamed, ShopFindArgs,
};
use golden::kept::golden::kept;
use golden::types::golden::types::{self, Containers, Keys, Nested, Node, Scalars};
use volo_thrift::protocol::{Protocol, Value};
use volo_thrift::rt::{Arc, Bytes, FastStr, OrderedDouble, Uuid};

/// A newer build's item: `id` and a list of parts as here, and fields of most types that are unknown here.
fn newer_item() -> Vec<u8> {
    let mut bytes = vec![11, 0, 1, 0, 0, 0, 1, b'7'];
    bytes.extend([15, 0, 2, 12, 0, 0, 0, 1]);
    bytes.extend([8, 0, 1, 0, 0, 0, 5, 11, 0, 2, 0, 0, 0, 0, 2, 0, 9, 1, 0]);
    bytes.extend([2, 0, 10, 1]);
    bytes.extend([10, 0, 11, 0, 0, 0, 0, 0, 0, 0, 9]);
    bytes.extend([13, 0, 12, 11, 15, 0, 0, 0, 1, 0, 0, 0, 1, b'k', 3, 0, 0, 0, 2, 1, 2]);
    bytes.extend([12, 0, 13, 2, 0, 1, 0, 0]);
    bytes.push(0);
    bytes
}

#[test]
fn unknown_fields_are_sent_on() {
    let bytes = newer_item();
    let item: kept::Item = read(bytes.clone(), Protocol::Binary).unwrap();
    assert_eq!(item.unknown_fields.len(), 4);
    assert_eq!(item.parts.as_ref().unwrap()[0].unknown_fields_.len(), 1);
    assert_eq!(encode(&item, Protocol::Binary), bytes, "the same bytes");
    // Through a Compact peer and back.
    let compact = encode(&item, Protocol::Compact);
    let other: kept::Item = read(compact.clone(), Protocol::Compact).unwrap();
    assert_eq!(encode(&other, Protocol::Compact), compact, "the same bytes");
    assert_eq!(encode(&other, Protocol::Binary), bytes, "transcoded");
    for protocol in BOTH {
        round_trip(&kept::Item::default());
        let nothing: kept::Nothing = read(encode(&item, protocol), protocol).unwrap();
        assert_eq!(nothing.unknown_fields.len(), 6, "a struct without fields keeps them all");
        let back: kept::Item = read(encode(&nothing, protocol), protocol).unwrap();
        assert_eq!(back.id, "7");
    }
    assert_eq!(kept::ITEM.id, "1");
    assert!(kept::Gone { message: "x".into(), ..Default::default() }.unknown_fields.is_empty());
}

#[test]
fn json_has_the_names_of_the_idl() {
    let mut offering = Offering {
        id: "1".into(),
        lifecycle_status: Some("Launched".into()),
        product_offering_price: vec![Price {
            amount: 9.5,
            currency_unit: "EUR".into(),
            self_: 1,
            ..Default::default()
        }],
        stock: None,
        r#type: Uuid([0x11; 16]),
        ..Default::default()
    };
    offering.colours.insert("a".into(), Colour::DARK_BLUE);
    offering.colours.insert("b".into(), Colour::from(7));
    let text = serde_json::to_value(&offering).unwrap();
    let expected = r#"{
        "id": "1", "lifecycleStatus": "Launched", "colours": {"a": "darkBlue", "b": 7}, "version": 3,
        "productOfferingPrice": [
            {"amount": 9.5, "currency_unit": "EUR", "label": "", "Quantity": 1, "percentage": 100, "this": 1}
        ],
        "stock": null, "type": "11111111-1111-1111-1111-111111111111"
    }"#;
    assert_eq!(text, serde_json::from_str::<serde_json::Value>(expected).unwrap());
    assert_eq!(serde_json::from_value::<Offering>(text).unwrap(), offering);
}

#[test]
fn json_without_some_fields() {
    let offering: Offering = serde_json::from_str(r#"{"id": "1", "newField": [1, 2], "stock": 5}"#).unwrap();
    let expected = Offering { id: "1".into(), stock: Some(5), ..Default::default() };
    assert_eq!(offering, expected, "unknown fields are skipped, absent ones have their defaults");
    let price: Price = serde_json::from_str(r#"{"amount": 1, "currency_unit": "EUR"}"#).unwrap();
    assert_eq!(price, Price { amount: 1.0, currency_unit: "EUR".into(), self_: 0, ..Default::default() });
    let error = serde_json::from_str::<Price>(r#"{"amount": 1}"#).unwrap_err().to_string();
    assert!(error.contains("missing field `currency_unit`"), "{error}");
    let args: ShopFindArgs = serde_json::from_str(r#"{"someText": "x"}"#).unwrap();
    assert_eq!((&*args.some_text, args.limit), ("x", 10));
    assert_eq!(serde_json::to_string(&Nothing {}).unwrap(), "{}");
    assert_eq!(serde_json::to_string(&Failed { message: "m".into() }).unwrap(), r#"{"message":"m"}"#);
}

#[test]
fn json_of_enums_and_unions() {
    let colours: Vec<Colour> = serde_json::from_str(r#"["RED", 2, "2", -5]"#).unwrap();
    assert_eq!(colours, [Colour::RED, Colour::DARK_BLUE, Colour::DARK_BLUE, Colour::from(-5)]);
    for bad in [r#""pink""#, "3000000000", "1.5", "null"] {
        let error = serde_json::from_str::<Colour>(bad).unwrap_err().to_string();
        assert!(error.contains("a name or a number of Colour"), "{error}");
    }
    for (choice, text) in [
        (Choice::Text("x".into()), r#"{"text":"x"}"#),
        (
            Choice::ThePrice(Price::default()),
            r#"{"thePrice":{"amount":0.0,"currency_unit":"","label":"","Quantity":1,"percentage":100,"this":7}}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&choice).unwrap(), text);
        assert_eq!(serde_json::from_str::<Choice>(text).unwrap(), choice);
    }
    assert_eq!(serde_json::to_string(&Odd::Flag(true)).unwrap(), r#"{"FLAG":true}"#);
    let error = serde_json::to_string(&Choice::default()).unwrap_err().to_string();
    assert!(error.contains("cannot be serialized"), "{error}");
}

#[test]
fn json_as_the_idl_asks_for() {
    let renamed = Renamed {
        product_name: "p".into(),
        raw: Bytes::from_static(b"skipped"),
        weights: [(Colour::RED, 0.5), (Colour::from(9), 1.0)].into_iter().collect(),
        numbers: [OrderedDouble(1.5)].into_iter().collect(),
        some_name: Arc::new("n".into()),
    };
    let text = serde_json::to_value(&renamed).unwrap();
    assert_eq!((&text["PRODUCT_NAME"], &text["SOME_NAME"]), (&"p".into(), &"n".into()));
    assert_eq!((&text["WEIGHTS"]["RED"], &text["WEIGHTS"]["9"]), (&0.5.into(), &1.0.into()));
    assert_eq!(text.get("RAW"), None);
    let back: Renamed = serde_json::from_value(text).unwrap();
    assert_eq!(back, Renamed { raw: Bytes::new(), ..renamed });
    let kept = golden::kept_json::golden::kept_json::Kept { some_number: 1, ..Default::default() };
    assert_eq!(serde_json::to_string(&kept).unwrap(), r#"{"someNumber":1}"#);
}

/// Decodes from a frame that is still held, detaches, and looks whether anything else still holds it.
fn assert_detached<T: Value + PartialEq + std::fmt::Debug>(value: &T) {
    for protocol in BOTH {
        let frame = Bytes::from(encode(value, protocol));
        let mut decoded: T = common::read_frame(frame.clone(), protocol).unwrap();
        assert!(!frame.is_unique(), "{value:?} shares its frame");
        decoded.detach();
        assert!(frame.is_unique(), "{value:?} is detached");
        assert_eq!(&decoded, value);
    }
}

#[test]
fn detached_values_let_go_of_their_frame() {
    let long = || FastStr::from("a text that makes its frame too long to be copied ".repeat(6));
    assert_detached(&Scalars { text: long(), ..Default::default() });
    assert_detached(&Scalars { data: Bytes::from_static(&[7; 300]), ..Default::default() });
    assert_detached(&Node {
        name: long(),
        parent: Some(Box::new(Node { name: long(), ..Default::default() })),
        children: vec![Node { name: long(), ..Default::default() }],
        ..Default::default()
    });
    let list = |x| vec![[(x, [types::OrderState::COMPLETED].into_iter().collect())].into_iter().collect()];
    assert_detached(&Containers {
        names: [long(), "short".into()].into_iter().collect(),
        counts: [(long(), 1)].into_iter().collect(),
        nested: [(long(), list(1))].into_iter().collect(),
        ..Default::default()
    });
    assert_detached(&Keys {
        by_key: [(Default::default(), long())].into_iter().collect(),
        choices: [types::Choice::Text(long())].into_iter().collect(),
        ..Default::default()
    });
    assert_detached(&types::Choice::Nested(Nested {
        choices: vec![types::Choice::Url(long().into_bytes())],
    }));
    assert_detached(&types::NotFound { id: "1".into(), message: Some(long()) });
}
