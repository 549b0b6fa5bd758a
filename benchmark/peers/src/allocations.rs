//! The process's allocator: mimalloc, which counts its allocations when asked to.
//!
//! While it doesn't count, each allocation pays one load and one branch, the same for every system.

use std::{
    alloc::{GlobalAlloc, Layout},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use mimalloc::MiMalloc;

static ACTIVE: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicU64 = AtomicU64::new(0);

/// mimalloc with a counter.
pub(crate) struct Counting;

/// How many allocations `work` makes; growing an allocation is one.
pub(crate) fn count(work: impl FnOnce()) -> u64 {
    let before = COUNT.load(Relaxed);
    ACTIVE.store(true, Relaxed);
    work();
    ACTIVE.store(false, Relaxed);
    COUNT.load(Relaxed) - before
}

#[inline(always)]
fn tick() {
    if ACTIVE.load(Relaxed) {
        COUNT.fetch_add(1, Relaxed);
    }
}

// SAFETY: every method passes its arguments on to mimalloc and returns what it gave.
unsafe impl GlobalAlloc for Counting {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        tick();
        // SAFETY: the caller's promises are those that mimalloc asks for.
        unsafe { MiMalloc.alloc(layout) }
    }

    #[inline(always)]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from mimalloc, with this layout.
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }

    #[inline(always)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        tick();
        // SAFETY: the caller's promises are those that mimalloc asks for.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    #[inline(always)]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        tick();
        // SAFETY: the pointer came from mimalloc, with this layout.
        unsafe { MiMalloc.realloc(pointer, layout, size) }
    }
}
