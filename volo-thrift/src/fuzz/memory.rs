//! How much memory a body takes: an allocator that counts, thread by thread.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// Notes a change; memory that another thread frees is not this one's business.
fn note(change: isize) {
    let live = LIVE.get() + change;
    LIVE.set(live);
    if live > PEAK.get() {
        PEAK.set(live);
    }
}

// SAFETY: every function hands its arguments on to the system's allocator as they are. A layout's size fits an isize.
unsafe impl GlobalAlloc for Counting {
    /// # Safety
    /// As of [`GlobalAlloc::alloc`], which the caller keeps.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as isize);
        // SAFETY: the caller's promise is the one that is needed.
        unsafe { System.alloc(layout) }
    }

    /// # Safety
    /// As of [`GlobalAlloc::dealloc`], which the caller keeps.
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        note(-(layout.size() as isize));
        // SAFETY: the memory came from the system's allocator, with this layout, as `alloc` gives no other.
        unsafe { System.dealloc(memory, layout) }
    }

    /// # Safety
    /// As of [`GlobalAlloc::alloc_zeroed`], which the caller keeps.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as isize);
        // SAFETY: the caller's promise is the one that is needed.
        unsafe { System.alloc_zeroed(layout) }
    }

    /// # Safety
    /// As of [`GlobalAlloc::realloc`], which the caller keeps.
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size as isize); // both blocks may exist while one is copied to the other
        note(-(layout.size() as isize));
        // SAFETY: the memory came from the system's allocator, with this layout; the caller promises the rest.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `work`; gives its result, and by how many bytes the memory of this thread grew at most meanwhile.
pub(super) fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = work();
    (result, PEAK.get().abs_diff(before))
}
