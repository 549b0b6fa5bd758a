use bytes::Bytes;

use super::*;
use crate::protocol::{Type, Typed};
use volo_core::Decode;

const SCHEMA: &str = r#"{"version":1,"files":[{"path":"a.thrift","text":"struct Item {}"}],
"enums":[{"name":"Status","values":[["OK",0],["GONE",5]]}],
"structs":[
 {"name":"Item","kind":"struct","fields":[
  {"id":1,"name":"id","type":"i64","req":"required","docs":"Its number."},
  {"id":2,"name":"title","type":"string","req":"default"},
  {"id":3,"name":"status","type":"enum:0","req":"default","default":5},
  {"id":4,"name":"next","type":"struct:0","req":"optional"},
  {"id":5,"name":"tags","type":"list<string>","req":"optional"},
  {"id":6,"name":"sizes","type":"map<i32,double>","req":"optional"},
  {"id":7,"name":"pairs","type":"map<struct:1,bool>","req":"optional"},
  {"id":8,"name":"raw","type":"binary","req":"optional"},
  {"id":9,"name":"key","type":"uuid","req":"optional"},
  {"id":10,"name":"flag","type":"bool","req":"optional"},
  {"id":11,"name":"tiny","type":"i8","req":"optional"},
  {"id":12,"name":"marks","type":"set<enum:0>","req":"optional","default":["OK"]}]},
 {"name":"Either","kind":"union","fields":[
  {"id":1,"name":"left","type":"i16","req":"optional"},
  {"id":2,"name":"right","type":"struct:0","req":"optional"}]},
 {"name":"Lost","kind":"exception","fields":[{"id":1,"name":"why","type":"string","req":"default","default":"unknown"}]}],
"services":[{"name":"Items","methods":[
 {"name":"get","args":[{"id":1,"name":"item","type":"struct:0","req":"default"},
  {"id":2,"name":"limit","type":"i32","req":"default","default":10}],
  "returns":"struct:0","throws":[{"id":1,"name":"lost","type":"struct:2","req":"default"}],"oneway":false,"idempotent":true},
 {"name":"bump","args":[],"throws":[],"oneway":true,"idempotent":false}]}]}"#;

fn schema() -> Schema {
    Schema::parse(SCHEMA).unwrap()
}

/// What becomes of arguments on their way through both protocols.
fn round_trip(json: &str) -> String {
    let schema = schema();
    let method = schema.service("Items").unwrap().method("get").unwrap();
    let [binary, compact] = [Protocol::Binary, Protocol::Compact].map(|protocol| {
        let raw = schema.args_from_json(method, json, protocol).unwrap();
        schema.args_to_json(method, &Raw { limits: LIMITS, ..raw }).unwrap()
    });
    assert_eq!(binary, compact);
    binary
}

const LIMITS: DecodeLimits = DecodeLimits { depth_max: 64, memory_max: 1 << 20 };

fn refused(json: &str) -> String {
    let schema = schema();
    let method = schema.service("Items").unwrap().method("get").unwrap();
    schema.args_from_json(method, json, Protocol::Binary).unwrap_err().to_string()
}

#[test]
fn every_type_survives() {
    let json = concat!(
        r#"{"item":{"id":-9007199254740993,"title":"a \"q\" é\n","status":"GONE","next":{"id":1,"status":7},"#,
        r#""tags":["x","","y"],"sizes":{"-1":0.5,"7":"NaN"},"pairs":[[{"left":3},true],[{"right":{"id":2,"status":"OK"}},false]],"#,
        r#""raw":"AAEC/w==","key":"00112233-4455-6677-8899-aabbccddeeff","flag":false,"tiny":-128,"marks":["OK","GONE",9]},"limit":3}"#,
    );
    assert_eq!(round_trip(json), json);
}

#[test]
fn what_is_absent_gets_its_default_unless_it_is_optional() {
    assert_eq!(round_trip(r#"{"item":{"id":1}}"#), r#"{"item":{"id":1,"status":"GONE"},"limit":10}"#);
    assert_eq!(round_trip(" { } "), r#"{"limit":10}"#);
    assert_eq!(round_trip(r#"{"item":null,"limit":"-7"}"#), r#"{"limit":-7}"#);
}

#[test]
fn numbers_may_be_spelled_and_names_may_be_numbers() {
    let json =
        r#"{"item":{"id":"12","title":"","status":0,"tiny":"5","sizes":{"1":"Infinity","2":3,"3":1e300}}}"#;
    let told = r#"{"item":{"id":12,"title":"","status":"OK","tiny":5,"sizes":{"1":"Infinity","2":3.0,"3":1e300}},"limit":10}"#;
    assert_eq!(round_trip(json), told);
}

#[test]
fn faults_name_their_place() {
    let cases = [
        ("", "expected an object (line 1, column 1)"),
        ("{\"item\":{}}", "item: field id of Item is required (line 1, column 11)"),
        (
            "{\"item\":{\"id\":1,\n  \"nam\":2}}",
            "item: Item has no field \"nam\"; it has: id, title, status, next, tags, sizes, pairs, raw, key, flag, tiny, marks (line 2, column 9)",
        ),
        (r#"{"item":{"id":1.5}}"#, "item.id: \"1.5\" is not an integer of 64 bits (line 1, column 18)"),
        (
            r#"{"item":{"id":1,"tiny":128}}"#,
            "item.tiny: \"128\" is not an integer of 8 bits (line 1, column 27)",
        ),
        (r#"{"item":{"id":1,"tags":["a",5]}}"#, "item.tags[1]: expected a string (line 1, column 29)"),
        (
            r#"{"item":{"id":1,"sizes":{"x":1}}}"#,
            "item.sizes(key): \"x\" is not an integer of 32 bits (line 1, column 30)",
        ),
        (
            r#"{"item":{"id":1,"status":"BAD"}}"#,
            "item.status: \"BAD\" is not a value of Status (line 1, column 31)",
        ),
        (
            r#"{"item":{"id":1,"pairs":[[{},true]]}}"#,
            "item.pairs(key 0): union Either needs exactly one field, not 0 (line 1, column 29)",
        ),
        (r#"{"item":{"id":1,"raw":"?"}}"#, "item.raw: \"?\" is not base64 (line 1, column 26)"),
        (r#"{"item":{"id":1,"raw":5}}"#, "item.raw: expected a string of base64 (line 1, column 23)"),
        (r#"{"item":{"id":1,"id":2}}"#, "item: id: given twice"),
        (r#"{"limit":1} x"#, "expected the end of the text (line 1, column 13)"),
        (r#"{"limit":1"#, "expected `,` or `}` (line 1, column 11)"),
    ];
    for (json, text) in cases {
        let refused = refused(json);
        assert!(
            refused.starts_with(text) || text.contains("given twice") && refused.contains("given twice"),
            "{json}\n{refused}\n{text}"
        );
    }
    let deep = r#"{"item":{"id":1,"next":"#.to_owned() + &r#"{"id":1,"next":"#.repeat(100);
    assert!(refused(&deep).contains("nested beyond 64 levels"));
}

#[test]
fn results_and_exceptions_are_told_by_name() {
    let schema = schema();
    let method = schema.service("Items").unwrap().method("get").unwrap();
    let raw = schema.result_from_json(method, r#"{"lost":{}}"#, Protocol::Compact).unwrap();
    assert_eq!(
        schema.result_to_json(method, &Raw { limits: LIMITS, ..raw }).unwrap(),
        r#"{"lost":{"why":"unknown"}}"#
    );
    assert!(schema.result_from_json(method, r#"{"lost":{},"success":{"id":1}}"#, Protocol::Binary).is_err());
}

#[test]
fn unknown_and_mistyped_fields_are_left_out() {
    let schema = schema();
    let method = schema.service("Items").unwrap().method("get").unwrap();
    let fields = Fields(vec![
        (2, Value::Bytes(Bytes::from_static(b"not a number"))),
        (9, Value::List(Type::Bool, vec![Value::Bool(true)])),
        (1, Value::Struct(Fields(vec![(1, Value::I64(4)), (10, Value::Bool(true))]))),
    ]);
    let typed = Typed(fields.clone());
    let mut out = Vec::new();
    let size = volo_core::Encode::encoded_size(&typed, protocol::BINARY, usize::MAX, 64).unwrap();
    out.resize(size.inline + 16, 0);
    let raw = encode(&fields, Protocol::Compact);
    assert_eq!(schema.args_to_json(method, &raw).unwrap(), r#"{"item":{"id":4,"flag":true}}"#);
}

#[test]
fn values_may_be_nested_as_deep_as_the_limit() {
    // Each list and each struct is a level, the message itself is the first one.
    let nested = |levels: u32| {
        let wrap = |value, level| match level % 2 {
            0 => Value::List(Type::Struct, vec![value]),
            _ => Value::Struct(Fields(vec![(1, value)])),
        };
        Typed(Fields(vec![(1, (1..levels).fold(Value::I8(1), wrap))]))
    };
    for protocol in [protocol::BINARY, protocol::COMPACT] {
        let size = |levels| volo_core::Encode::encoded_size(&nested(levels), protocol, 0, 64);
        assert!(size(63).is_ok() && size(64).is_ok());
        let error = size(65).unwrap_err().to_string();
        assert_eq!(error, "Fields: Fields in it is nested deeper than depth_max of 64");
    }
}

fn encode(fields: &Fields, to: Protocol) -> Raw {
    use crate::protocol::{BinaryWriter, Value as _};
    let bytes = fields.encode(BinaryWriter(Vec::new())).0.into();
    protocol::transcode(&Raw { format: protocol::BINARY, bytes, limits: LIMITS }, to).unwrap()
}

#[test]
fn values_without_a_schema_are_the_same_in_both_protocols() {
    let schema = schema();
    let method = schema.service("Items").unwrap().method("get").unwrap();
    let json = r#"{"item":{"id":1,"title":"t","status":"OK","tags":[],"sizes":{"1":2.5},"flag":true,"key":"00112233-4455-6677-8899-aabbccddeeff"},"limit":1}"#;
    for protocol in [Protocol::Binary, Protocol::Compact] {
        let raw = Raw { limits: LIMITS, ..schema.args_from_json(method, json, protocol).unwrap() };
        let Typed(fields) = Typed::<Fields>::decode_from(&raw).unwrap();
        let Some(Value::Struct(item)) = fields.get(1) else { panic!("{fields:?}") };
        assert_eq!(item.get(2).and_then(Value::as_str), Some("t"));
        assert_eq!(item.get(1), Some(&Value::I64(1)));
        assert_eq!(fields.get(7), None);
        assert_eq!(encode(&fields, protocol).bytes, raw.bytes);
        let mut detached = fields.clone();
        protocol::Value::detach(&mut detached);
        assert_eq!(detached, fields);
    }
}

#[test]
fn limits_hold_for_messages_that_are_told() {
    let schema = schema();
    let method = schema.service("Items").unwrap().method("get").unwrap();
    let raw = schema.args_from_json(method, r#"{"item":{"id":1,"tags":["a"]}}"#, Protocol::Binary).unwrap();
    let told = |limits| schema.args_to_json(method, &Raw { limits, ..raw.clone() });
    assert!(told(DecodeLimits { depth_max: 3, ..LIMITS }).is_ok());
    let error = told(DecodeLimits { depth_max: 2, ..LIMITS }).unwrap_err().to_string();
    assert!(error.contains("item.tags") && error.contains("depth_max of 2"), "{error}");
    for len in 0..raw.bytes.len() {
        assert!(
            schema
                .args_to_json(method, &Raw { bytes: raw.bytes.slice(..len), limits: LIMITS, ..raw })
                .is_err()
        );
    }
}

#[test]
fn schemas_that_are_none_are_refused() {
    let cases = [
        ("", "line 1, column 1"),
        ("{}", "version"),
        (r#"{"version":2}"#, "version"),
        (r#"{"version":1}"#, "enums"),
        (&SCHEMA.replace("struct:1", "struct:3"), "bad type"),
        (&SCHEMA.replace("enum:0", "enum:1"), "bad type"),
        (&SCHEMA.replace("list<string>", "list<string"), "bad type"),
        (&SCHEMA.replace("list<string>", &format!("{}i8{}", "list<".repeat(99), ">".repeat(99))), "bad type"),
        (&SCHEMA.replace("\"default\":10", "\"default\":\"x\""), "bad default limit"),
        (&SCHEMA.replace("\"id\":12", "\"id\":40000"), "bad id of field marks"),
        (&SCHEMA.replace("\"union\"", "\"onion\""), "bad kind of struct Either"),
    ];
    for (text, part) in cases {
        let error = Schema::parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}\n{part}");
    }
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Schema::parse(&nested).unwrap_err().to_string().contains("fewer levels"));
}

/// A default that grows without end, as only a hostile peer would describe it.
#[test]
fn defaults_are_bounded() {
    let mut structs = Vec::new();
    for index in 0..40 {
        structs.push(format!(
            r#"{{"name":"S{index}","kind":"struct","fields":[{{"id":1,"name":"a","type":"struct:{0}","req":"default","default":{{"b":{{}}}}}},{{"id":2,"name":"b","type":"struct:{0}","req":"default","default":{{"a":{{}}}}}}]}}"#,
            index + 1
        ));
    }
    structs.push(r#"{"name":"End","kind":"struct","fields":[{"id":1,"name":"a","type":"string","req":"default","default":"x"},{"id":2,"name":"b","type":"string","req":"optional"}]}"#.to_owned());
    let text =
        format!(r#"{{"version":1,"files":[],"enums":[],"structs":[{}],"services":[]}}"#, structs.join(","));
    let started = std::time::Instant::now();
    let _ = Schema::parse(&text);
    assert!(started.elapsed().as_secs() < 20);
}

#[test]
fn mutated_json_and_bytes_never_panic() {
    let schema = schema();
    let method = schema.service("Items").unwrap().method("get").unwrap();
    let json = r#"{"item":{"id":-9,"title":"a \"q\" \u00e9\n","status":"GONE","next":{"id":1},"tags":["x",""],"sizes":{"-1":0.5},"pairs":[[{"left":3},true]],"raw":"AAEC/w==","flag":false,"marks":["OK",9]},"limit":3}"#;
    let raw = schema.args_from_json(method, json, Protocol::Compact).unwrap();
    let mut state = 7u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..40_000 {
        let mut text = json.as_bytes().to_vec();
        let mut bytes = raw.bytes.to_vec();
        for _ in 0..=random(3) {
            let at = random(text.len());
            text[at] = br#"{}[]",:\u09-ae"#[random(14)];
            let at = random(bytes.len());
            bytes[at] = random(256) as u8;
        }
        if let Ok(text) = std::str::from_utf8(&text)
            && let Ok(raw) = schema.args_from_json(method, text, Protocol::Compact)
        {
            let raw = Raw { limits: LIMITS, ..raw };
            let told = schema.args_to_json(method, &raw).unwrap();
            let again = schema.args_from_json(method, &told, Protocol::Compact).unwrap();
            let again = Raw { limits: LIMITS, ..again };
            assert_eq!(schema.args_to_json(method, &again).unwrap(), told, "{text}");
        }
        let raw = Raw { bytes: bytes.into(), limits: LIMITS, ..raw };
        let _ = schema.args_to_json(method, &raw);
        let _ = Fields::decode(&raw);
    }
}
