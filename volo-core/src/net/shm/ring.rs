//! The ring: records in cells of a cache line, each published by its own number.
//!
//! A record starts with the number of its cell, counted from 1 without end, and a description of what it carries.
//! The reader looks at one word, and finds there either this number or zero: the writer clears the word behind the
//! last record before it publishes, because old payload might look like anything. Records of a batch are written
//! first, and then published all at once by the number of the first. Positions are private to each end; the one
//! word that the reader gives away, how far it is, is checked like everything else that comes from the peer.
#![forbid(unsafe_code)]

use super::{
    layout::{CELL, CLASSES, HEAD, INLINE_MAX, Layout, RECORD, capacity},
    memory::{Load, Store},
};

const INLINE: u8 = 1;
const SLICE: u8 = 2;
const SKIP: u8 = 3;
const END: u8 = 4;
const BACK: u8 = 5;

/// What the peer did against the rules; names the place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation(pub(super) String);

/// What a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// So many bytes behind its header.
    Inline(usize),
    /// So many bytes of a slice.
    Slice { class: usize, index: usize, len: usize },
    /// So many bytes of a slice of the reader's, which goes back to it; perhaps none. Trusted mode only.
    Back { class: usize, index: usize, len: usize },
    /// Nothing, and nothing will follow.
    End,
}

impl Content {
    /// Cells that the record takes.
    pub(super) fn cells(self) -> u32 {
        match self {
            Content::Inline(len) => (RECORD + len).div_ceil(CELL) as u32,
            Content::Slice { .. } | Content::Back { .. } | Content::End => 1,
        }
    }

    fn description(self) -> u64 {
        match self {
            Content::Inline(len) => describe(INLINE, len, 0, 0),
            Content::Slice { class, index, len } => describe(SLICE, len, class, index),
            Content::Back { class, index, len } => describe(BACK, len, class, index),
            Content::End => describe(END, 0, 0, 0),
        }
    }
}

fn describe(kind: u8, len: usize, class: usize, index: usize) -> u64 {
    len as u64 & 0xffff_ffff
        | u64::from(kind) << 32
        | (class as u64 & 0xff) << 40
        | (index as u64 & 0xffff) << 48
}

/// The writing end.
pub(super) struct Producer {
    layout: Layout,
    /// The cell behind the last record.
    tail: u64,
    /// The first cell that the reader doesn't see yet.
    published: u64,
    /// The first cell that the reader may still be reading.
    head: u64,
}

impl Producer {
    pub(super) fn new(layout: Layout) -> Self {
        Producer { layout, tail: 0, published: 0, head: 0 }
    }

    /// The cell where a record of so many cells would start, if there is room for it.
    pub(super) fn place(&mut self, cells: u32, peers: &impl Load) -> Result<Option<u64>, Violation> {
        let (size, cells) = (u64::from(self.layout.cells), u64::from(cells));
        let left = size - self.tail % size;
        let start = if left < cells { self.tail + left } else { self.tail };
        let end = start + cells + 1; // one cell more, whose number is cleared
        if end - self.head > size {
            self.refresh(peers)?;
        }
        Ok((end - self.head <= size).then_some(start))
    }

    /// Looks how far the reader is; true if it got further.
    pub(super) fn refresh(&mut self, peers: &impl Load) -> Result<bool, Violation> {
        let head = peers.load(HEAD);
        if head == self.head {
            return Ok(false);
        }
        if !(self.head..=self.published).contains(&head) {
            let text = format!(
                "the peer says that it read up to cell {head}, of {} to {}",
                self.head, self.published
            );
            return Err(Violation(text));
        }
        self.head = head;
        Ok(true)
    }

    /// The first cell that the reader may still be reading, as far as is known.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// Offset of the payload of a record that starts at this cell.
    pub(super) fn payload(&self, start: u64) -> usize {
        self.layout.cell(start as u32) + RECORD
    }

    /// Adds a record, which starts at a cell that [`Producer::place`] gave last, to those to be published.
    pub(super) fn stage(&mut self, own: &mut impl Store, start: u64, content: Content) {
        if start != self.tail {
            self.put(own, self.tail, describe(SKIP, 0, 0, 0));
        }
        self.put(own, start, content.description());
        self.tail = start + u64::from(content.cells());
    }

    /// Publishes what was staged; false if there is nothing.
    pub(super) fn publish(&mut self, own: &mut impl Store) -> bool {
        if self.published == self.tail {
            return false;
        }
        own.store(self.layout.cell(self.tail as u32), 0);
        own.store(self.layout.cell(self.published as u32), self.published + 1);
        self.published = self.tail;
        true
    }

    fn put(&self, own: &mut impl Store, cell: u64, description: u64) {
        let at = self.layout.cell(cell as u32);
        own.store(at + 8, description);
        if cell != self.published {
            own.store(at, cell + 1); // hidden behind the first one
        }
    }

    /// Starts at a later cell, as if so many had been used before.
    #[cfg(test)]
    pub(super) fn at(layout: Layout, cell: u64) -> Self {
        Producer { layout, tail: cell, published: cell, head: cell }
    }
}

/// A record in the peer's ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) content: Content,
    /// Offset of the payload in the peer's memory; of one that came back, in this end's.
    pub(super) at: usize,
}

/// The reading end.
pub(super) struct Consumer {
    layout: Layout,
    /// The shape of this end's memory, where the peer may send slices back.
    own_layout: Option<Layout>,
    /// The next cell to be read.
    head: u64,
    /// What the peer was told of it.
    published: u64,
    ended: bool,
}

impl Consumer {
    pub(super) fn new(layout: Layout) -> Self {
        Consumer { layout, own_layout: None, head: 0, published: 0, ended: false }
    }

    /// The same, which takes slices of this end's back, too.
    pub(super) fn with_trust(self, own_layout: Layout) -> Self {
        Consumer { own_layout: Some(own_layout), ..self }
    }

    /// Whether there is something to be read, or a violation to be found.
    #[inline]
    pub(super) fn is_ready(&self, peers: &impl Load) -> bool {
        peers.load(self.layout.cell(self.head as u32)) != 0
    }

    /// The next record, if there is one; all of it lies inside the peer's memory.
    pub(super) fn next(&mut self, peers: &impl Load) -> Result<Option<Record>, Violation> {
        for _ in 0..2 {
            let at = self.layout.cell(self.head as u32);
            let number = peers.load(at);
            if number == 0 {
                return Ok(None);
            }
            let description = peers.load(at + 8);
            if number != self.head + 1 || self.ended {
                return Err(self.violation(number, description, "which is out of order"));
            }
            let index = self.head % u64::from(self.layout.cells);
            let left = (u64::from(self.layout.cells) - index) as usize;
            if description == describe(SKIP, 0, 0, 0) && index > 0 {
                self.head += left as u64;
                continue;
            }
            let Some(record) = self.decode(at, description, left) else {
                return Err(self.violation(number, description, "whose content is impossible"));
            };
            return Ok(Some(record));
        }
        Err(Violation("the peer skips the whole ring".to_owned()))
    }

    /// Passes a record over: its memory may be used again once the peer is told.
    pub(super) fn consume(&mut self, record: Record) {
        self.head += u64::from(record.content.cells());
        self.ended = record.content == Content::End;
    }

    /// Cells consumed that the peer doesn't know of.
    pub(super) fn untold(&self) -> u32 {
        (self.head - self.published) as u32
    }

    /// Tells the peer how far this end is.
    pub(super) fn tell(&mut self, own: &mut impl Store) {
        own.store(HEAD, self.head);
        self.published = self.head;
    }

    fn decode(&self, at: usize, description: u64, left: usize) -> Option<Record> {
        let len = description as u32 as usize;
        let (kind, class, index) =
            ((description >> 32) as u8, (description >> 40) as u8 as usize, (description >> 48) as usize);
        let content = match kind {
            INLINE if (1..=INLINE_MAX).contains(&len) => Content::Inline(len),
            SLICE if class < CLASSES && (1..=capacity(class)).contains(&len) => {
                Content::Slice { class, index, len }
            }
            BACK if class < CLASSES && len <= capacity(class) => Content::Back { class, index, len },
            END => Content::End,
            _ => return None,
        };
        if content.description() != description || content.cells() as usize > left {
            return None;
        }
        let at = match content {
            Content::Slice { class, index, .. } => self.layout.slice(class, index)?,
            Content::Back { class, index, .. } => self.own_layout?.slice(class, index)?,
            Content::Inline(_) | Content::End => at + RECORD,
        };
        Some(Record { content, at })
    }

    fn violation(&self, number: u64, description: u64, what: &str) -> Violation {
        let cell = self.head;
        Violation(format!("the peer's ring has record {number} ({description:#018x}) at cell {cell}, {what}"))
    }

    /// Starts at a later cell, as if so many had been used before.
    #[cfg(test)]
    pub(super) fn at(layout: Layout, cell: u64) -> Self {
        Consumer { head: cell, published: cell, ..Consumer::new(layout) }
    }
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
