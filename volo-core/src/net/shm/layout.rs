//! Where things are in an end's memory: a page of words, the ring, the arena.
//!
//! The memory of an end has one writer, that end. It holds the ring of what the end sends, the slices of large
//! messages, and the two words in which the end tells how far it has read and whether it sleeps.
#![forbid(unsafe_code)]

/// Size of a cell, the unit of the ring: a cache line.
pub(super) const CELL: usize = 64;

/// Offset of the word that tells how many cells of the peer's ring this end has consumed.
pub(super) const HEAD: usize = 0;

/// Offset of the word that tells whether this end sleeps; on a line of its own.
pub(super) const SLEEP: usize = 128;

/// Offset of the word that tells on which processor this end ran last, counted from 1.
pub(super) const PROCESSOR: usize = SLEEP + 8;

/// Where the ring starts.
pub(super) const RING: usize = 4096;

/// Bytes at the start of a record: its number and its description.
pub(super) const RECORD: usize = 16;

/// The largest payload of a record inside the ring; larger ones take a slice.
pub(super) const INLINE_MAX: usize = 2048;

/// Sizes of slices.
pub(super) const CLASSES: usize = 5;

/// A slice holds the power of two its class is named after and what a message has around such a body; with the rest
/// of the stride, neighbours don't fall on the same lines of a cache.
const MARGIN: usize = 960;
const STRIDE_MORE: usize = 1024;
const CLASS_SHIFT: [u32; CLASSES] = [12, 14, 16, 18, 20];

/// How the memory is shared out among the classes, in slices for each 24 MiB.
const COUNTS: [u16; CLASSES] = [256, 128, 64, 16, 12];
const COUNTS_FOR: usize = 24 << 20;

/// Bounds of what a peer may announce.
const CELLS_MAX: u32 = 1 << 16;
const CELLS_MIN: u32 = 1 << 7;
const COUNT_MAX: u16 = 1 << 12;
const LEN_MAX: usize = 256 << 20;

/// Cells of the ring that this end makes.
const CELLS: u32 = 1 << 12;

/// The bytes that a slice of this class can hold.
pub(super) const fn capacity(class: usize) -> usize {
    (1 << CLASS_SHIFT[class]) + MARGIN
}

/// The bytes that a slice of this class takes.
pub(super) const fn stride(class: usize) -> usize {
    (1 << CLASS_SHIFT[class]) + STRIDE_MORE
}

/// The smallest class that holds `len` bytes.
pub(super) fn class_for(len: usize) -> Option<usize> {
    (0..CLASSES).find(|class| len <= capacity(*class))
}

/// The shape of an end's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Cells of the ring; a power of two.
    pub(super) cells: u32,
    /// Slices of each class.
    pub(super) counts: [u16; CLASSES],
}

impl Layout {
    /// The shape of an end of ours whose slices take at most `arena_max` bytes.
    pub(super) fn for_arena(arena_max: usize) -> Self {
        let share = |count: u16| (usize::from(count) * arena_max.min(LEN_MAX / 2) / COUNTS_FOR) as u16;
        Layout { cells: CELLS, counts: COUNTS.map(|count| share(count).min(COUNT_MAX)) }
    }

    /// Says what is wrong with a shape that a peer announced.
    pub(super) fn check(&self) -> Result<(), String> {
        if !self.cells.is_power_of_two() || !(CELLS_MIN..=CELLS_MAX).contains(&self.cells) {
            return Err(format!(
                "a ring of {} cells is announced, not a power of two up to {CELLS_MAX}",
                self.cells
            ));
        }
        if let Some(count) = self.counts.iter().find(|count| **count > COUNT_MAX) {
            return Err(format!("{count} slices of a class are announced, beyond {COUNT_MAX}"));
        }
        match self.wide_len() {
            len if len > LEN_MAX as u64 => {
                Err(format!("{len} bytes of memory are announced, beyond {LEN_MAX}"))
            }
            _ => Ok(()),
        }
    }

    /// Bytes in all.
    pub(super) fn len(&self) -> usize {
        self.wide_len() as usize
    }

    /// Offset of a cell.
    pub(super) fn cell(&self, index: u32) -> usize {
        RING + (index & (self.cells - 1)) as usize * CELL
    }

    /// Where the ring and what may be scribbled on behind it end.
    pub(super) fn arena(&self) -> usize {
        RING + (self.cells as usize + 1) * CELL
    }

    /// Offset of a slice, if there is such a one.
    pub(super) fn slice(&self, class: usize, index: usize) -> Option<usize> {
        let count = *self.counts.get(class)?;
        if index >= usize::from(count) {
            return None;
        }
        let before: usize = (0..class).map(|class| usize::from(self.counts[class]) * stride(class)).sum();
        Some(self.arena() + before + index * stride(class))
    }

    /// Slices of all classes.
    pub(super) fn slices(&self) -> usize {
        self.counts.iter().map(|count| usize::from(*count)).sum()
    }

    /// The number of a slice among those of all classes, if there is such a one.
    pub(super) fn number(&self, class: usize, index: usize) -> Option<usize> {
        let count = usize::from(*self.counts.get(class)?);
        let before: usize = self.counts[..class].iter().map(|count| usize::from(*count)).sum();
        (index < count).then_some(before + index)
    }

    fn wide_len(&self) -> u64 {
        let slices = self.counts.iter().enumerate();
        let arena: u64 = slices.map(|(class, count)| u64::from(*count) * stride(class) as u64).sum();
        (RING as u64 + (u64::from(self.cells) + 1) * CELL as u64 + arena).next_multiple_of(4096)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_lie_beside_each_other() {
        let layout = Layout::for_arena(24 << 20);
        layout.check().unwrap();
        let (mut end, mut number) = (layout.arena(), 0);
        for class in 0..CLASSES {
            for index in 0..usize::from(layout.counts[class]) {
                assert_eq!(layout.slice(class, index), Some(end));
                assert_eq!(layout.number(class, index), Some(number));
                number += 1;
                assert!(end.is_multiple_of(8));
                end += stride(class);
            }
            assert_eq!(layout.slice(class, usize::from(layout.counts[class])), None);
            assert_eq!(layout.number(class, usize::from(layout.counts[class])), None);
        }
        assert_eq!(layout.slices(), number);
        assert_eq!(layout.slice(CLASSES, 0), None);
        assert!((end..end + 4096).contains(&layout.len()));
    }

    #[test]
    fn the_smallest_class_is_taken() {
        assert_eq!(class_for(1), Some(0));
        assert_eq!(class_for(capacity(0)), Some(0));
        assert_eq!(class_for(capacity(0) + 1), Some(1));
        assert_eq!(class_for(1 << 20), Some(4));
        assert_eq!(class_for(2 << 20), None);
    }

    #[test]
    fn odd_shapes_are_refused() {
        let good = Layout { cells: 4096, counts: [1; CLASSES] };
        good.check().unwrap();
        for cells in [0, 1, 64, 4095, 1 << 17, u32::MAX] {
            assert!(Layout { cells, ..good }.check().is_err(), "{cells}");
        }
        for counts in [[u16::MAX; CLASSES], [4096; CLASSES], [0, 0, 0, 0, 4097]] {
            assert!(Layout { counts, ..good }.check().is_err(), "{counts:?}");
        }
    }

    #[test]
    fn a_small_arena_has_fewer_slices() {
        assert_eq!(Layout::for_arena(0).counts, [0; CLASSES]);
        assert_eq!(Layout::for_arena(2 << 20).counts, [21, 10, 5, 1, 1]);
        Layout::for_arena(usize::MAX).check().unwrap();
    }
}
