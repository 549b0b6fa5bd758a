//! Heap allocations of a TMF offering: none to encode it, few to decode it.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use examples::{sample::Samples, tmf::catalog::ProductOffering};
use volo_core::{Encode, Raw, Span, span::OutBuf};
use volo_thrift::{
    Limits,
    protocol::{Protocol, Typed, decode},
};

const DECODE_MAX: usize = 20;
const LINK_MIN: usize = 4096;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator; counts for each thread, so that the test harness doesn't disturb.
struct Counting;

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations<R>(work: impl FnOnce() -> R) -> (usize, R) {
    let before = COUNT.get();
    let result = work();
    (COUNT.get() - before, result)
}

fn encode(value: &impl Encode, protocol: Protocol, buffer: &mut OutBuf) {
    let size = value.encoded_size(protocol.format(), LINK_MIN).unwrap();
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

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| Box::new(7)).0, 1);
    assert!(
        allocations(|| vec![0_u8; 10].into_iter().map(|byte| byte.to_string()).collect::<Vec<_>>()).0 > 10
    );
}
