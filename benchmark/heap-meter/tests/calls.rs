//! Allocations are counted for each thread.

#[global_allocator]
static ALLOCATOR: heap_meter::CallsMeter = heap_meter::CallsMeter::new();

#[test]
fn allocations_of_this_thread_are_counted() {
    assert_eq!(heap_meter::allocations(|| 7), (0, 7));
    assert_eq!(heap_meter::allocations(|| Box::new(7)).0, 1);
    let many = || vec![0_u8; 10].into_iter().map(|byte| byte.to_string()).collect::<Vec<_>>();
    assert!(heap_meter::allocations(many).0 > 10);
    let other = std::thread::spawn(|| std::hint::black_box(vec![0_u8; 100].len()));
    assert_eq!(heap_meter::allocations(|| while !other.is_finished() {}).0, 0);
}
