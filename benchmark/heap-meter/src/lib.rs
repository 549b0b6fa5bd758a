//! Counting allocators for tests and benchmarks: what a process has in use, or how often a thread allocates.
//!
//! They count what was asked for, so their figures are the same on every machine, unlike the resident size, which
//! depends on the allocator and the kernel.
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: heap_meter::BytesMeter = heap_meter::BytesMeter::new();
//!
//! let before = heap_meter::mark();
//! drop(vec![0_u8; 1000]);
//! assert!(heap_meter::peak() - before >= 1000);
//! ```
#![warn(missing_docs)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    marker::PhantomData,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// The system's allocator; counts the bytes that the process has in use: [`live`], [`peak`], [`mark`].
pub type BytesMeter = Meter<Bytes>;

/// The system's allocator, or `A`; counts the allocations of each thread by itself: [`allocations`].
pub type CallsMeter<A = System> = Meter<Calls, A>;

/// Bytes in use.
pub fn live() -> usize {
    LIVE.load(Relaxed)
}

/// The most bytes that were in use at a time since the last [`mark`].
pub fn peak() -> usize {
    PEAK.load(Relaxed)
}

/// Makes the peak start again from what is in use now, and gives that.
pub fn mark() -> usize {
    let live = live();
    PEAK.store(live, Relaxed);
    live
}

/// How many allocations `work` makes in this thread, and what it gives. To grow an allocation is one, too.
pub fn allocations<R>(work: impl FnOnce() -> R) -> (usize, R) {
    let before = CALLS.get();
    let result = work();
    (CALLS.get().wrapping_sub(before), result)
}

/// An allocator that tells `W` what it does and leaves the work to `A`.
pub struct Meter<W, A = System> {
    allocator: A,
    watch: PhantomData<fn() -> W>,
}

impl<W> Meter<W> {
    /// A meter over the system's allocator.
    #[expect(clippy::new_without_default, reason = "a static can't be made by a trait")]
    pub const fn new() -> Self {
        Meter::over(System)
    }
}

impl<W, A> Meter<W, A> {
    /// A meter over another allocator.
    pub const fn over(allocator: A) -> Self {
        Meter { allocator, watch: PhantomData }
    }
}

/// What an allocator tells.
pub trait Watch {
    /// An allocation of so many bytes begins.
    fn begin(bytes: usize);

    /// One of so many bytes is over.
    fn end(bytes: usize);
}

/// Watches the bytes of the process.
pub struct Bytes;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

impl Watch for Bytes {
    #[inline]
    fn begin(bytes: usize) {
        let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
        PEAK.fetch_max(live, Relaxed);
    }

    #[inline]
    fn end(bytes: usize) {
        LIVE.fetch_sub(bytes, Relaxed);
    }
}

/// Watches how often a thread allocates: as cheap as can be, so that what is measured beside it is hardly disturbed.
pub struct Calls;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

impl Watch for Calls {
    #[inline]
    fn begin(_bytes: usize) {
        CALLS.set(CALLS.get().wrapping_add(1));
    }

    #[inline]
    fn end(_bytes: usize) {}
}

// SAFETY: every function hands its arguments on to `A` as they are and gives what that gave; watching allocates
// nothing and can't panic (neither counter overflows with a panic, and the thread's one needs no destructor).
unsafe impl<W: Watch, A: GlobalAlloc> GlobalAlloc for Meter<W, A> {
    /// # Safety
    /// As of [`GlobalAlloc::alloc`], which the caller keeps.
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        W::begin(layout.size());
        // SAFETY: the caller's promise is the one that is needed.
        unsafe { self.allocator.alloc(layout) }
    }

    /// # Safety
    /// As of [`GlobalAlloc::dealloc`], which the caller keeps.
    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        W::end(layout.size());
        // SAFETY: the memory came from `A`, with this layout.
        unsafe { self.allocator.dealloc(memory, layout) }
    }

    /// # Safety
    /// As of [`GlobalAlloc::alloc_zeroed`], which the caller keeps.
    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        W::begin(layout.size());
        // SAFETY: the caller's promise is the one that is needed.
        unsafe { self.allocator.alloc_zeroed(layout) }
    }

    /// # Safety
    /// As of [`GlobalAlloc::realloc`], which the caller keeps.
    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        W::begin(size); // both exist while the bytes are moved
        W::end(layout.size());
        // SAFETY: the memory came from `A`, with this layout; the caller promises the rest.
        unsafe { self.allocator.realloc(memory, layout, size) }
    }
}
