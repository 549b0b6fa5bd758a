//! Errors that name the place, results of methods, kept fields and transcoding.

use std::fmt;

use super::*;
use crate::fuzz::types::Empty;
use crate::{
    error::Never,
    protocol::{
        DecodeError, Exceptions, FieldHead, Map, MethodResult, Reader, Sizer, UnknownFields, Writer,
        transcode,
    },
};

#[track_caller]
fn text_of<T: Value + fmt::Debug>(bytes: &str) -> String {
    decode_bytes::<T>(Protocol::Binary, &hex(bytes)).unwrap_err().to_string()
}

#[test]
fn errors_name_the_place_and_the_limit() {
    let missing = text_of::<Node>("0c0002 00 00");
    assert!(
        missing.contains("can't decode Node: a required field is absent; Node.next.name at byte 4"),
        "{missing}"
    );
    let utf8 = text_of::<Holder<Vec<Node>>>("0f0001 0c 00000001 0b0001 00000003 ffffff 00 00");
    assert!(
        utf8.contains("can't decode Holder: a string is not UTF-8; Holder.held.name at byte 18"),
        "{utf8}"
    );
    let cut = text_of::<Sample>("0800");
    assert!(cut.contains("the bytes end too early; Sample at byte"), "{cut}");
    let deep = text_of::<Node>(&"0c0002".repeat(70));
    assert!(deep.contains("beyond the limit, depth_max of 64; Node.next.next.next"), "{deep}");
    assert!(deep.contains("more"), "{deep}");
    let memory = text_of::<Holder<Vec<i64>>>(&format!("0f0001 0a 00030000 {}", "00".repeat(8 * 0x30000)));
    assert!(
        memory.contains("decode budget, decode_memory_max of 1048576; Holder.held at byte 8"),
        "{memory}"
    );
}

#[test]
fn other_formats_are_refused() {
    let raw = Raw { format: volo_core::Format(7), ..raw(Protocol::Binary, vec![0]) };
    assert!(decode::<Empty>(&raw).is_err());
    assert!(transcode(&raw, Protocol::Binary).is_err());
    assert!(Typed(Empty {}).encoded_size(volo_core::Format(7), 0, 64).is_err());
}

/// Two exceptions: fields 1 and 3.
#[derive(Clone, Debug, PartialEq)]
enum Failure {
    Node(Node),
    Sample(Sample),
}

impl Exceptions for Failure {
    fn id(&self) -> i16 {
        match self {
            Failure::Node(_) => 1,
            Failure::Sample(_) => 3,
        }
    }

    fn size_field<S: Sizer>(&self, sizer: &mut S, state: &mut S::State) -> usize {
        match self {
            Failure::Node(value) => sizer.field(state, 1, value),
            Failure::Sample(value) => sizer.field(state, 3, value),
        }
    }

    fn encode_field<W: Writer>(&self, writer: W, state: &mut W::State) -> W {
        match self {
            Failure::Node(value) => writer.field(state, 1, value),
            Failure::Sample(value) => writer.field(state, 3, value),
        }
    }

    fn decode_field<R: Reader>(head: FieldHead, reader: &mut R) -> Result<Option<Self>, DecodeError> {
        match head.id() {
            1 => Ok(reader.arm(head, "node")?.map(Failure::Node)),
            3 => Ok(reader.arm(head, "sample")?.map(Failure::Sample)),
            _ => reader.skip(head).map(|()| None),
        }
    }

    fn detach(&mut self) {
        match self {
            Failure::Node(value) => value.detach(),
            Failure::Sample(value) => value.detach(),
        }
    }
}

#[track_caller]
fn check_result<T>(result: &MethodResult<T, Failure>, binary: &str, compact: &str)
where
    MethodResult<T, Failure>: Value + PartialEq + fmt::Debug,
{
    for (protocol, text) in BOTH.into_iter().zip([binary, compact]) {
        assert_eq!(encode(result, protocol), hex(text));
        assert_eq!(&decode_bytes::<MethodResult<T, Failure>>(protocol, &hex(text)).unwrap(), result);
    }
}

#[test]
fn results_of_methods() {
    check_result(&MethodResult::Ok(-1), "080000 ffffffff 00", "0500 01 00");
    check_result(&MethodResult::Ok(true), "020000 01 00", "0100 00");
    check_result(&MethodResult::Ok(()), "00", "00");
    check_result(&MethodResult::<i32, _>::Missing, "00", "00");
    let failure =
        MethodResult::<i32, _>::Err(Failure::Sample(Sample { flag: Some(true), ..Sample::default() }));
    check_result(&failure, "0c0003 020001 01 00 00", "3c 11 00 00");
    // An exception that we don't know is no success; nor is a success of another type.
    let unknown = hex("0c0009 00 00");
    type Void = MethodResult<(), Failure>;
    assert_eq!(decode_bytes::<Void>(Protocol::Binary, &unknown).unwrap(), MethodResult::Missing);
    type Plain = MethodResult<i32, Never>;
    assert_eq!(decode_bytes::<Plain>(Protocol::Binary, &unknown).unwrap(), MethodResult::Missing);
    assert_eq!(decode_bytes::<Plain>(Protocol::Binary, &hex("020000 01 00")).unwrap(), MethodResult::Missing);
}

#[test]
fn kept_fields_go_out_as_they_came_or_transcoded() {
    for seed in 0..300 {
        let mut sample = sample(seed);
        // Hashed maps come back in another order, so at most one entry makes bytes comparable.
        sample.counts = sample.counts.map(|map| map.into_iter().take(1).collect::<Map<_, _>>());
        sample.empty = sample.empty.map(|map| map.into_iter().take(1).collect());
        let [binary, compact] = BOTH.map(|protocol| encode(&sample, protocol));
        let kept: Keeper = decode_bytes(Protocol::Binary, &binary).unwrap();
        assert_eq!(encode(&kept, Protocol::Binary), binary);
        assert_eq!(encode(&kept, Protocol::Compact), compact);
        let kept: Keeper = decode_bytes(Protocol::Compact, &compact).unwrap();
        assert_eq!(encode(&kept, Protocol::Compact), compact);
        // An empty map has no types in Compact, so Binary can't get them back.
        let again: Sample = decode_bytes(Protocol::Binary, &encode(&kept, Protocol::Binary)).unwrap();
        assert_eq!(again, sample);
    }
    let kept: Keeper = decode_bytes(Protocol::Binary, &hex("020005 01 080003 00000001 00")).unwrap();
    assert_eq!(kept.0.heads().map(|(id, _)| id).collect::<Vec<_>>(), [5, 3]);
    assert!(UnknownFields::default().is_empty());
}

#[test]
fn messages_are_transcoded_within_limits() {
    for seed in 0..300 {
        let node = node(seed, 3);
        for (from, to) in [(BOTH[0], BOTH[1]), (BOTH[1], BOTH[0])] {
            let there = transcode(&raw(from, encode(&node, from)), to).unwrap();
            assert_eq!(there.bytes, encode(&node, to));
            assert_eq!(transcode(&there, to).unwrap().bytes.as_ptr(), there.bytes.as_ptr());
        }
    }
    let deep = raw(Protocol::Compact, hex(&"2c".repeat(1000)));
    assert!(transcode(&deep, Protocol::Binary).unwrap_err().to_string().contains("depth_max of 64"));
    let large = raw(Protocol::Compact, [hex("19f6 808040"), vec![0; 1 << 20]].concat());
    assert!(
        transcode(&large, Protocol::Binary).unwrap_err().to_string().contains("decode_memory_max of 1048576")
    );
}
