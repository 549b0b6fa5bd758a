//! Trusted mode: slices that either end writes while it holds them, and received messages that stay where they are.
//!
//! A slice has one holder at a time. At first that is the end in whose file it is; a record hands it to the other end,
//! and a record of the other end hands it back, with a message or without. So a reply goes into the slice in which its
//! request came, whose lines are in the cache of the processor that writes it. What is handed over, what is free and
//! what is leased stands in the [book](Trade) of each end, in memory of its own; a record that contradicts it ends the
//! connection.
//!
//! Safety: a reference into a slice needs that nobody writes there meanwhile. In this process nobody does: the book
//! lends a slice for writing only while it is [free](State::Free), which borrows the book; a message that came makes
//! its slice [leased](State::Leased), which only the end of the one [`Lease`] changes, told by way of a lock. The
//! process at the other end does not as long as it keeps the same rules. That can't be checked from here, and a byte
//! that changes under a reference is undefined behaviour, be it only a `str` that is no longer UTF-8; so whoever asks for
//! trusted mode has to vouch for it, by the unsafe [`ShmTrust::full`](crate::net::ShmTrust::full).

use std::{
    mem::MaybeUninit,
    os::fd::OwnedFd,
    slice,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    arena::{Arena, Slice, Taken},
    layout::{CLASSES, Layout, class_for, stride},
    ring::{Content, Violation},
    sys::Mapping,
};

/// Free slices of the peer's that are kept for replies; more go back with what is sent next.
const KEPT: usize = 4;

/// The files of slices that both ends map.
pub(super) struct Files {
    /// This end's, and its mapping.
    pub(super) file: OwnedFd,
    pub(super) own: Mapping,
    pub(super) peers: Mapping,
}

/// In whose file a slice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Own,
    Peers,
}

/// A slice of either end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    side: Side,
    slice: Slice,
}

impl Slot {
    /// How a record names it that carries so many bytes of it.
    pub(super) fn content(self, len: usize) -> Content {
        let Slice { class, index, .. } = self.slice;
        match self.side {
            Side::Own => Content::Slice { class, index, len },
            Side::Peers => Content::Back { class, index, len },
        }
    }
}

/// Who has a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The peer.
    Away,
    /// This end, for the next message.
    Free,
    /// This end, where a message in it is in use.
    Leased,
}

/// What lives as long as the last lease.
struct Commons {
    own: Mapping,
    peers: Mapping,
    /// Slices whose leases ended, until the book takes note of them.
    released: Mutex<Vec<Slot>>,
    leased: Leased,
    _taken: Arc<Taken>,
}

/// How many slices of each side and class are leased at the moment.
#[derive(Default)]
struct Leased([[AtomicUsize; CLASSES]; 2]);

impl Leased {
    fn count(&self, side: Side, class: usize) -> &AtomicUsize {
        &self.0[side as usize][class]
    }

    /// Bytes of all of them.
    fn bytes(&self) -> usize {
        let of_class = |(class, count): (usize, &AtomicUsize)| count.load(Ordering::Relaxed) * stride(class);
        self.0.iter().flat_map(|side| side.iter().enumerate().map(of_class)).sum()
    }
}

impl Commons {
    fn mapping(&self, side: Side) -> &Mapping {
        match side {
            Side::Own => &self.own,
            Side::Peers => &self.peers,
        }
    }

    /// Where a slice starts, and how many of `len` bytes from there on are inside the mapping.
    fn place(&self, slot: Slot, len: usize) -> (*mut u8, usize) {
        let mapping = self.mapping(slot.side);
        let at = slot.slice.at.min(mapping.len());
        (mapping.base().wrapping_add(at), len.min(mapping.len() - at))
    }
}

/// A message that was received, in its slice.
pub(super) struct Lease {
    commons: Arc<Commons>,
    slot: Slot,
    len: usize,
}

impl AsRef<[u8]> for Lease {
    fn as_ref(&self) -> &[u8] {
        let (start, len) = self.commons.place(self.slot, self.len);
        // SAFETY: the range is inside the mapping, which lives as long as the lease. Its bytes are there: a memory file
        // reads as zeros where nothing was written. Nobody writes them before the lease ends: the book of this end
        // lends no leased slice, and the peer keeps the rules, as the user vouches for (see the module).
        unsafe { slice::from_raw_parts(start, len) }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Slot { side, slice: Slice { class, .. } } = self.slot;
        self.commons.leased.count(side, class).fetch_sub(1, Ordering::Relaxed);
        self.commons.released.lock().unwrap_or_else(PoisonError::into_inner).push(self.slot);
    }
}

/// The book: who has which slice.
pub(super) struct Trade {
    commons: Arc<Commons>,
    file: OwnedFd,
    own_layout: Layout,
    peers_layout: Layout,
    /// This end's slices.
    arena: Arena,
    own_states: Vec<State>,
    peers_states: Vec<State>,
    /// The peer's slices that are free; the last is the next.
    spare: [Vec<Slice>; CLASSES],
    leased_max: usize,
    /// Emptied at once; kept for its memory.
    released: Vec<Slot>,
}

impl Trade {
    pub(super) fn new(
        files: Files,
        own_layout: Layout,
        peers_layout: Layout,
        process_max: usize,
        leased_max: usize,
    ) -> Self {
        let arena = Arena::without_turns(own_layout, process_max);
        let Files { file, own, peers } = files;
        let (released, leased) = (Mutex::default(), Leased::default());
        let commons = Commons { own, peers, released, leased, _taken: arena.taken().clone() };
        Trade {
            commons: Arc::new(commons),
            file,
            own_layout,
            peers_layout,
            arena,
            own_states: vec![State::Free; own_layout.slices()],
            peers_states: vec![State::Away; peers_layout.slices()],
            spare: Default::default(),
            leased_max,
            released: Vec::new(),
        }
    }

    /// A free slice for so many bytes, best one that the peer has to get back anyway.
    pub(super) fn find(&mut self, len: usize) -> Option<Slot> {
        self.take_note();
        let first = class_for(len)?;
        let spare = (first..CLASSES).take(2).find_map(|class| self.spare[class].last());
        if let Some(slice) = spare {
            return Some(Slot { side: Side::Peers, slice: *slice });
        }
        Some(Slot { side: Side::Own, slice: self.arena.find(&self.file, len)? })
    }

    /// The first bytes of a slice that [`Trade::find`] gave last, for writing; none unless it is free.
    pub(super) fn lend(&mut self, slot: Slot, len: usize) -> &mut [MaybeUninit<u8>] {
        let len =
            if self.state(slot) == Some(&mut State::Free) { len.min(stride(slot.slice.class)) } else { 0 };
        let (start, len) = self.commons.place(slot, len);
        // SAFETY: the range is inside the mapping and inside the slice, and the mapping lives as long as the book. The
        // slice is free: it has no lease, and the peer, which keeps the rules, neither reads nor writes it. The slice
        // stays free, and nobody else is lent it, as long as the book is borrowed.
        unsafe { slice::from_raw_parts_mut(start.cast(), len) }
    }

    /// Takes note that a slice that [`Trade::find`] gave last goes to the peer.
    pub(super) fn sent(&mut self, slot: Slot) {
        match slot.side {
            Side::Own => self.arena.part_with(slot.slice),
            Side::Peers => drop(self.spare[slot.slice.class].pop()),
        }
        if let Some(state) = self.state(slot) {
            *state = State::Away;
        }
    }

    /// The message that a record says is in a slice, if it carries one.
    pub(super) fn receive(&mut self, content: Content) -> Result<Option<Lease>, Violation> {
        let (side, layout, class, index, len) = match content {
            Content::Slice { class, index, len } => (Side::Peers, &self.peers_layout, class, index, len),
            Content::Back { class, index, len } => (Side::Own, &self.own_layout, class, index, len),
            Content::Inline(_) | Content::End => return Ok(None),
        };
        let unknown =
            || Violation(format!("the peer sends slice {index} of class {class}, which there isn't"));
        let at = layout.slice(class, index).ok_or_else(unknown)?;
        let slot = Slot { side, slice: Slice { class, index, at } };
        let state = self.state(slot).ok_or_else(unknown)?;
        if *state != State::Away {
            let text = format!("the peer sends slice {index} of class {class}, which it doesn't hold");
            return Err(Violation(text));
        }
        if len == 0 {
            self.set_free(slot);
            return Ok(None);
        }
        *state = State::Leased;
        self.commons.leased.count(side, class).fetch_add(1, Ordering::Relaxed);
        Ok(Some(Lease { commons: self.commons.clone(), slot, len }))
    }

    /// Whether so much is leased, or so many slices of this size, that a message is better copied: the peer needs some
    /// for what it sends next.
    pub(super) fn is_exhausted(&self, content: Content) -> bool {
        let (side, layout, class) = match content {
            Content::Slice { class, .. } => (Side::Peers, &self.peers_layout, class),
            Content::Back { class, .. } => (Side::Own, &self.own_layout, class),
            Content::Inline(_) | Content::End => return false,
        };
        let Some(count) = layout.counts.get(class) else { return false };
        self.commons.leased.bytes() > self.leased_max
            || 2 * (self.leased(side, class) + 1) > usize::from(*count)
    }

    /// A slice that the peer should have back: one beyond those kept; if nothing else is sent, one beyond half of all,
    /// less those that are leased.
    pub(super) fn excess(&mut self, alone: bool) -> Option<Slot> {
        self.take_note();
        for (class, spare) in self.spare.iter().enumerate() {
            let count = usize::from(self.peers_layout.counts[class]);
            let kept = match alone {
                true => (count / 2).saturating_sub(self.leased(Side::Peers, class)),
                false => KEPT.min(count / 4),
            };
            if spare.len() > kept {
                return Some(Slot { side: Side::Peers, slice: *spare.last()? });
            }
        }
        None
    }

    /// How many slices of this side and class are leased.
    fn leased(&self, side: Side, class: usize) -> usize {
        self.commons.leased.count(side, class).load(Ordering::Relaxed)
    }

    /// Makes the slices free whose leases ended.
    fn take_note(&mut self) {
        let mut released = std::mem::take(&mut self.released);
        std::mem::swap(
            &mut released,
            &mut self.commons.released.lock().unwrap_or_else(PoisonError::into_inner),
        );
        for slot in released.drain(..) {
            self.set_free(slot);
        }
        self.released = released;
    }

    fn set_free(&mut self, slot: Slot) {
        match slot.side {
            Side::Own => self.arena.give_back(slot.slice),
            Side::Peers => self.spare[slot.slice.class].push(slot.slice),
        }
        if let Some(state) = self.state(slot) {
            *state = State::Free;
        }
    }

    fn state(&mut self, slot: Slot) -> Option<&mut State> {
        let Slice { class, index, .. } = slot.slice;
        match slot.side {
            Side::Own => self.own_states.get_mut(self.own_layout.number(class, index)?),
            Side::Peers => self.peers_states.get_mut(self.peers_layout.number(class, index)?),
        }
    }
}

#[cfg(test)]
#[path = "lease_tests.rs"]
mod tests;
