//! Bytes are counted for the process, so this binary has one test.

#[global_allocator]
static ALLOCATOR: heap_meter::BytesMeter = heap_meter::BytesMeter::new();

#[test]
fn bytes_in_use_and_their_peak_are_counted() {
    const MUCH: usize = 10 << 20;
    let before = heap_meter::mark();
    let held = vec![1_u8; MUCH];
    assert!(heap_meter::live() - before >= MUCH);
    drop(held);
    assert!(heap_meter::live() < before + MUCH / 2, "given back");
    assert!(heap_meter::peak() - before >= MUCH, "remembered");
    heap_meter::mark();
    assert!(heap_meter::peak() < before + MUCH / 2, "forgotten");
    let mut growing = vec![0_u8; MUCH];
    growing.reserve_exact(MUCH * 2);
    assert!(heap_meter::peak() - before >= MUCH * 4, "old and new at the same time");
    assert!(heap_meter::live() - before < MUCH * 4);
}
