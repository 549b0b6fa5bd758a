//! The slices that carry large messages, managed by the end that writes them alone.
//!
//! What is free is known here and nowhere in shared memory: the peer can neither take a slice nor give one back
//! wrongly, and its death leaves nothing half done. A slice is free again once the peer has read past its record.
//! Memory is taken slice by slice, on first use.
//!
//! A slice that the peer has just read is in its processor's cache, too, and writing there takes twice as long as
//! where nobody has read lately. So the slices of a class take turns, about as many as fill a cache; the more of them,
//! the more messages there were. In trusted mode the peer writes a slice before it comes back, so the last one back is
//! the next.
#![forbid(unsafe_code)]

use std::{
    collections::VecDeque,
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    layout::{CLASSES, Layout, class_for, stride},
    sys,
};

/// Bytes that all connections of the process have taken for slices.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// Those that one of them has taken; the process has them again once nobody uses them any more.
#[derive(Default)]
pub(super) struct Taken(AtomicUsize);

impl Drop for Taken {
    fn drop(&mut self) {
        TAKEN.fetch_sub(*self.0.get_mut(), Ordering::Relaxed);
    }
}

/// Bytes of slices of a class that take turns.
const TURNS: usize = 2 << 20;

/// After so many messages of a class, one slice more takes turns.
const MESSAGES_PER_SLICE: usize = 16;

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
    /// Slices with memory that nobody uses.
    free: VecDeque<usize>,
    /// Slices that have memory.
    taken: usize,
    /// Messages since a slice was added to those that take turns.
    messages: usize,
}

/// All slices of this end.
pub(super) struct Arena {
    layout: Layout,
    classes: [Class; CLASSES],
    /// Slices in use, and the cell of the record that describes each, in order.
    lent: VecDeque<(u64, Slice)>,
    taken: Arc<Taken>,
    process_max: usize,
    /// Whether slices take turns.
    turns: bool,
}

impl Arena {
    /// All slices of `layout`, which together with those of other connections take at most `process_max` bytes.
    pub(super) fn new(layout: Layout, process_max: usize) -> Self {
        let (classes, lent, taken) = (Default::default(), VecDeque::new(), Arc::default());
        Arena { layout, classes, lent, taken, process_max, turns: true }
    }

    /// The same, whose last slice given back is the next.
    pub(super) fn without_turns(layout: Layout, process_max: usize) -> Self {
        Arena { turns: false, ..Arena::new(layout, process_max) }
    }

    /// What counts the memory, for whoever uses it longer.
    pub(super) fn taken(&self) -> &Arc<Taken> {
        &self.taken
    }

    /// A free slice for so many bytes, of the smallest class that has one or of the next.
    pub(super) fn find(&mut self, file: &OwnedFd, len: usize) -> Option<Slice> {
        let first = class_for(len)?;
        (first..CLASSES).take(2).find_map(|class| self.find_in(file, class))
    }

    /// Marks a slice that [`Arena::find`] gave last as used by the record at `cell`.
    pub(super) fn lend(&mut self, slice: Slice, cell: u64) {
        self.part_with(slice);
        self.lent.push_back((cell, slice));
    }

    /// Lets a slice that [`Arena::find`] gave last go, until it is given back.
    pub(super) fn part_with(&mut self, slice: Slice) {
        let class = &mut self.classes[slice.class];
        let next = if self.turns { class.free.pop_front() } else { class.free.pop_back() };
        debug_assert_eq!(next, Some(slice.index));
        class.messages += 1;
    }

    /// Makes a slice free again.
    pub(super) fn give_back(&mut self, slice: Slice) {
        self.classes[slice.class].free.push_back(slice.index);
    }

    /// Takes back the slices of all records before `head`.
    pub(super) fn take_back(&mut self, head: u64) {
        while let Some((_, slice)) = self.lent.pop_front_if(|(cell, _)| *cell < head) {
            self.give_back(slice);
        }
    }

    fn find_in(&mut self, file: &OwnedFd, class: usize) -> Option<Slice> {
        if self.classes[class].free.is_empty() {
            self.take(file, class, self.process_max)?;
        } else if self.turns && self.classes[class].messages >= MESSAGES_PER_SLICE {
            self.classes[class].messages = 0;
            if (self.classes[class].taken + 1) * stride(class) <= TURNS {
                let _ = self.take(file, class, self.process_max / 2); // without it there are enough others
            }
        }
        let free = &self.classes[class].free;
        let index = *(if self.turns { free.front() } else { free.back() })?;
        Some(Slice { class, index, at: self.layout.slice(class, index)? })
    }

    /// Gives one more slice of this class memory, which is the next then.
    fn take(&mut self, file: &OwnedFd, class: usize, max: usize) -> Option<()> {
        let index = self.classes[class].taken;
        let at = self.layout.slice(class, index)?;
        let len = stride(class);
        let more = |taken: usize| taken.checked_add(len).filter(|taken| *taken <= max);
        TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        if let Err(error) = sys::allocate(file, at, len) {
            TAKEN.fetch_sub(len, Ordering::Relaxed);
            tracing::debug!(%error, "no memory for a slice of {len} bytes");
            return None;
        }
        self.taken.0.fetch_add(len, Ordering::Relaxed);
        self.classes[class].taken += 1;
        self.classes[class].free.push_front(index);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{layout::capacity, memory::Own},
        *,
    };

    fn arena(counts: [u16; CLASSES], process_max: usize) -> (Arena, Own) {
        let layout = Layout { cells: 128, counts };
        (Arena::new(layout, process_max), Own::create(layout.len()).unwrap())
    }

    #[test]
    fn slices_come_back_once_they_were_read() {
        let (mut arena, own) = arena([2, 0, 0, 0, 0], usize::MAX);
        let one = arena.find(own.file(), 10).unwrap();
        assert_eq!(arena.find(own.file(), 10), Some(one), "finding takes nothing");
        arena.lend(one, 5);
        let other = arena.find(own.file(), 10).unwrap();
        assert_ne!(one, other);
        arena.lend(other, 6);
        assert_eq!(arena.find(own.file(), 10), None);
        arena.take_back(5);
        assert_eq!(arena.find(own.file(), 10), None);
        arena.take_back(6);
        assert_eq!(arena.find(own.file(), 10), Some(one));
        arena.take_back(7);
        assert_eq!(arena.find(own.file(), 10), Some(one), "they take turns");
        arena.lend(one, 8);
        assert_eq!(arena.find(own.file(), 10), Some(other));
        assert_eq!(arena.taken.0.load(Ordering::Relaxed), 2 * stride(0));
    }

    #[test]
    fn the_more_messages_the_more_slices_take_turns() {
        let (mut arena, own) = arena([0, 0, 64, 0, 2], usize::MAX);
        let mut used = [0, 0];
        for cell in 1..=64 * MESSAGES_PER_SLICE as u64 {
            for (len, used) in [60_000, 1_000_000].iter().zip(&mut used) {
                let slice = arena.find(own.file(), *len).unwrap();
                arena.lend(slice, cell);
                *used = slice.index.max(*used);
            }
            arena.take_back(cell + 1);
            let most = cell as usize / MESSAGES_PER_SLICE;
            assert!(used[0] <= most, "slice {} with message {cell}", used[0]);
        }
        assert_eq!(used, [TURNS / stride(2) - 1, 0]);
    }

    #[test]
    fn without_turns_the_last_one_back_is_the_next() {
        let layout = Layout { cells: 128, counts: [3, 0, 0, 0, 0] };
        let mut arena = Arena::without_turns(layout, usize::MAX);
        let own = Own::create(layout.len()).unwrap();
        let slices = [(); 3].map(|()| {
            let slice = arena.find(own.file(), 10).unwrap();
            arena.part_with(slice);
            slice
        });
        for slice in [slices[1], slices[0]] {
            arena.give_back(slice);
            assert_eq!(arena.find(own.file(), 10), Some(slice));
        }
    }

    #[test]
    fn the_next_class_helps_out() {
        let (mut arena, own) = arena([1, 1, 1, 0, 0], usize::MAX);
        for class in [0, 1] {
            let slice = arena.find(own.file(), 100).unwrap();
            assert_eq!(slice.class, class);
            arena.lend(slice, 1);
        }
        assert_eq!(arena.find(own.file(), 100), None, "but not the one after");
        assert_eq!(arena.find(own.file(), capacity(2)).unwrap().class, 2);
        assert_eq!(arena.find(own.file(), capacity(2) + 1), None);
    }

    #[test]
    fn the_process_has_a_limit() {
        let (mut arena, own) = arena([4, 0, 0, 0, 0], 0);
        assert_eq!(arena.find(own.file(), 100), None);
        assert_eq!(arena.taken.0.load(Ordering::Relaxed), 0);
    }
}
