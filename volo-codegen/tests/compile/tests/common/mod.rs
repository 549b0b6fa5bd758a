//! Values through both protocols, for the other tests.
#![allow(dead_code, reason = "each test needs some of it")]

use volo_core::span::OutBuf;
use volo_core::{DecodeLimits, Encode, Raw};
use volo_thrift::protocol::{Protocol, Typed, decode};
use volo_thrift::rt::{Bytes, Value as Encodable};

pub(crate) const BOTH: [Protocol; 2] = [Protocol::Binary, Protocol::Compact];

pub(crate) fn encode<T: Encodable>(value: &T, protocol: Protocol) -> Vec<u8> {
    let message = Typed(value.clone());
    let mut out = OutBuf::default();
    let size = message.encoded_size(protocol.format(), usize::MAX, 64).unwrap();
    out.write(size, usize::MAX, &mut |span| {
        message.encode_into(protocol.format(), span);
        Ok(())
    })
    .unwrap();
    let bytes = out.to_vec();
    assert_eq!(bytes.len(), size.inline);
    bytes
}

pub(crate) fn read<T: Encodable>(bytes: Vec<u8>, protocol: Protocol) -> Result<T, volo_core::Error> {
    read_frame(bytes.into(), protocol)
}

pub(crate) fn read_frame<T: Encodable>(frame: Bytes, protocol: Protocol) -> Result<T, volo_core::Error> {
    let limits = DecodeLimits { depth_max: 64, memory_max: 1 << 20 };
    decode(&Raw { format: protocol.format(), bytes: frame, limits })
}

pub(crate) fn round_trip<T: Encodable + PartialEq + std::fmt::Debug>(value: &T) {
    for protocol in BOTH {
        let bytes = encode(value, protocol);
        assert!(bytes.len() >= T::MIN[protocol as usize], "{value:?}");
        assert_eq!(&read::<T>(bytes.clone(), protocol).unwrap(), value);
        for cut in 0..bytes.len() {
            assert!(read::<T>(bytes[..cut].to_vec(), protocol).is_err(), "{protocol:?} cut at {cut}");
        }
    }
}
