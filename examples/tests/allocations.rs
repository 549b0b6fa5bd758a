//! Heap allocations of a TMF offering: none to encode it, few to decode it.

use examples::{sample::Samples, tmf::catalog::ProductOffering};
use heap_meter::{CallsMeter, allocations};
use volo_core::{Encode, Raw, Span, span::OutBuf};
use volo_thrift::{
    Limits,
    protocol::{Protocol, Typed, decode},
};

const DECODE_MAX: usize = 20;
const LINK_MIN: usize = 4096;

#[global_allocator]
static ALLOCATOR: CallsMeter = CallsMeter::new();

fn encode(value: &impl Encode, protocol: Protocol, buffer: &mut OutBuf) {
    let size = value.encoded_size(protocol.format(), LINK_MIN, 64).unwrap();
    let fill = &mut |span: &mut Span<'_>| {
        value.encode_into(protocol.format(), span);
        Ok(())
    };
    buffer.write(size, LINK_MIN, fill).unwrap();
}

#[test]
fn an_offering_is_encoded_without_and_decoded_with_few_allocations() {
    let offering = Typed(Samples::new(1).offering(1));
    for protocol in [Protocol::Binary, Protocol::Compact] {
        let mut buffer = OutBuf::with_capacity(16 << 10);
        let (encoding, ()) = allocations(|| encode(&offering, protocol, &mut buffer));
        let bytes = bytes::Bytes::copy_from_slice(buffer.as_contiguous().unwrap());
        let raw = Raw { format: protocol.format(), bytes, limits: Limits::default().decode() };
        let (decoding, decoded) = allocations(|| decode::<ProductOffering>(&raw).unwrap());
        println!(
            "{protocol:?}: {} bytes, {encoding} allocations to encode, {decoding} to decode",
            raw.bytes.len()
        );
        assert_eq!(decoded, offering.0);
        assert_eq!(encoding, 0, "{protocol:?}");
        assert!(decoding <= DECODE_MAX, "{protocol:?}: {decoding}");
    }
}
