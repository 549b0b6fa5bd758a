//! The slices that carry large messages, managed by the end that writes them alone.
//!
//! What is free is known here and nowhere in shared memory: the peer can neither take a slice nor give one back
//! wrongly, and its death leaves nothing half done. A slice is free again once the peer has read past its record.
//! Memory is taken slice by slice, on first use, and the last one freed is the first used again: it is still in the
//! cache.
#![forbid(unsafe_code)]

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{
    layout::{CLASSES, Layout, class_for, stride},
    memory::Own,
};

/// Bytes that all connections of the process have taken for slices.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// A slice to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) class: usize,
    pub(super) index: usize,
    /// Offset in this end's memory.
    pub(super) at: usize,
}

/// Slices of one size.
#[derive(Default)]
struct Class {
    /// Slices with memory that nobody uses; the last is the next.
    free: Vec<usize>,
    /// Slices that have memory.
    taken: usize,
}

/// All slices of this end.
pub(super) struct Arena {
    layout: Layout,
    classes: [Class; CLASSES],
    /// Slices in use, and the cell of the record that describes each, in order.
    lent: VecDeque<(u64, Slice)>,
    /// Bytes taken.
    taken: usize,
    process_max: usize,
}

impl Arena {
    /// All slices of `layout`, which together with those of other connections take at most `process_max` bytes.
    pub(super) fn new(layout: Layout, process_max: usize) -> Self {
        Arena { layout, classes: Default::default(), lent: VecDeque::new(), taken: 0, process_max }
    }

    /// A free slice for so many bytes, of the smallest class that has one or of the next.
    pub(super) fn find(&mut self, own: &Own, len: usize) -> Option<Slice> {
        let first = class_for(len)?;
        (first..CLASSES).take(2).find_map(|class| self.find_in(own, class))
    }

    /// Marks a slice that [`Arena::find`] gave last as used by the record at `cell`.
    pub(super) fn lend(&mut self, slice: Slice, cell: u64) {
        self.classes[slice.class].free.pop();
        self.lent.push_back((cell, slice));
    }

    /// Takes back the slices of all records before `head`.
    pub(super) fn take_back(&mut self, head: u64) {
        while let Some((_, slice)) = self.lent.pop_front_if(|(cell, _)| *cell < head) {
            self.classes[slice.class].free.push(slice.index);
        }
    }

    fn find_in(&mut self, own: &Own, class: usize) -> Option<Slice> {
        if self.classes[class].free.is_empty() {
            self.take(own, class)?;
        }
        let index = *self.classes[class].free.last()?;
        Some(Slice { class, index, at: self.layout.slice(class, index)? })
    }

    /// Gives one more slice of this class memory.
    fn take(&mut self, own: &Own, class: usize) -> Option<()> {
        let index = self.classes[class].taken;
        let at = self.layout.slice(class, index)?;
        let (len, max) = (stride(class), self.process_max);
        let more = |taken: usize| taken.checked_add(len).filter(|taken| *taken <= max);
        TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        if let Err(error) = own.allocate(at, len) {
            TAKEN.fetch_sub(len, Ordering::Relaxed);
            tracing::debug!(%error, "no memory for a slice of {len} bytes");
            return None;
        }
        self.taken += len;
        self.classes[class].taken += 1;
        self.classes[class].free.push(index);
        Some(())
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        TAKEN.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::layout::capacity, *};

    fn arena(counts: [u16; CLASSES], process_max: usize) -> (Arena, Own) {
        let layout = Layout { cells: 128, counts };
        (Arena::new(layout, process_max), Own::create(layout.len()).unwrap())
    }

    #[test]
    fn slices_come_back_once_they_were_read() {
        let (mut arena, own) = arena([2, 0, 0, 0, 0], usize::MAX);
        let one = arena.find(&own, 10).unwrap();
        assert_eq!(arena.find(&own, 10), Some(one), "finding takes nothing");
        arena.lend(one, 5);
        let other = arena.find(&own, 10).unwrap();
        assert_ne!(one, other);
        arena.lend(other, 6);
        assert_eq!(arena.find(&own, 10), None);
        arena.take_back(5);
        assert_eq!(arena.find(&own, 10), None);
        arena.take_back(6);
        assert_eq!(arena.find(&own, 10), Some(one));
        arena.take_back(7);
        assert_eq!(arena.find(&own, 10), Some(other), "the last one back is the first to go");
        assert_eq!(arena.taken, 2 * stride(0));
    }

    #[test]
    fn the_next_class_helps_out() {
        let (mut arena, own) = arena([1, 1, 1, 0, 0], usize::MAX);
        for class in [0, 1] {
            let slice = arena.find(&own, 100).unwrap();
            assert_eq!(slice.class, class);
            arena.lend(slice, 1);
        }
        assert_eq!(arena.find(&own, 100), None, "but not the one after");
        assert_eq!(arena.find(&own, capacity(2)).unwrap().class, 2);
        assert_eq!(arena.find(&own, capacity(2) + 1), None);
    }

    #[test]
    fn the_process_has_a_limit() {
        let (mut arena, own) = arena([4, 0, 0, 0, 0], 0);
        assert_eq!(arena.find(&own, 100), None);
        assert_eq!(arena.taken, 0);
    }
}
