//! The table of calls under way on one connection: who waits for which reply, and until when.
//!
//! A sequence id is the number of a slot and the slot's generation, so finding a call is an index and a compare.
//! A generation alone would not make a slot safe to reuse: a busy one wraps in under a second. So the slot of a
//! call that was given up stays occupied until its reply comes or the connection ends; late replies are told from
//! unknown ones, and the number of slots bounds what a silent peer can cost.

use std::{cmp::Reverse, collections::BinaryHeap, time::Instant};

/// The most calls one connection can have under way.
pub(crate) const SLOTS_MAX: usize = 1 << 16;

const GENERATION_MAX: u16 = 0x7fff;

/// Deadlines of calls that are over are swept out once there are this many beyond twice the slots.
const STALE_DEADLINES: usize = 64;

/// The number that ties a reply to its call: a 15-bit generation (from 1) over a 16-bit slot, so always positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SequenceId(u32);

impl SequenceId {
    fn new(slot: u16, generation: u16) -> Self {
        SequenceId(u32::from(generation) << 16 | u32::from(slot))
    }

    /// The number as it stands in a message.
    pub(crate) fn to_wire(self) -> i32 {
        self.0 as i32
    }

    pub(crate) fn from_wire(number: i32) -> Option<Self> {
        u32::try_from(number).ok().map(SequenceId)
    }

    fn slot(self) -> usize {
        (self.0 & 0xffff) as usize
    }
}

/// The calls under way on one connection. `S` is where a call's events go.
#[derive(Debug)]
pub(crate) struct Calls<S> {
    slots: Vec<Slot<S>>,
    free: Vec<u16>,
    window: usize,
    abandoned: usize,
    deadlines: BinaryHeap<Reverse<(Instant, SequenceId)>>,
}

#[derive(Debug)]
struct Slot<S> {
    generation: u16,
    state: State<S>,
}

#[derive(Debug)]
enum State<S> {
    Free,
    /// `sent_from` is where the request starts in the stream of bytes written, once it is in there.
    Waiting {
        sink: S,
        sent_from: Option<u64>,
    },
    /// Given up, but its reply may still come.
    Abandoned,
}

/// A call that is over without a reply.
#[derive(Debug)]
pub(crate) struct Ended<S> {
    /// Where its events go.
    pub(crate) sink: S,
    /// Where its request starts in the stream of bytes written, if it is in there.
    pub(crate) sent_from: Option<u64>,
}

impl<S> Ended<S> {
    /// Whether the peer may have seen some of the request, when it was given the first `flushed` bytes.
    pub(crate) fn was_sent(&self, flushed: u64) -> bool {
        self.sent_from.is_some_and(|start| start < flushed)
    }
}

/// Whose message came in.
#[derive(Debug, PartialEq)]
pub(crate) enum Arrival<S> {
    /// It ends the call with this sink.
    Call(S),
    /// Its call was given up before.
    Late,
    /// No call that is under way has this sequence id.
    Unknown,
}

impl<S> Calls<S> {
    /// A table for at most `window` calls at a time, between 1 and [`SLOTS_MAX`].
    pub(crate) fn new(window: usize) -> Self {
        Calls {
            slots: Vec::new(),
            free: Vec::new(),
            window: window.clamp(1, SLOTS_MAX),
            abandoned: 0,
            deadlines: BinaryHeap::new(),
        }
    }

    /// Slots taken, also those of calls given up.
    pub(crate) fn occupied(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Calls that are waited for.
    pub(crate) fn waiting(&self) -> usize {
        self.occupied() - self.abandoned
    }

    /// Whether every slot belongs to a call that was given up: the peer answers nothing, the connection is of no use.
    pub(crate) fn is_choked(&self) -> bool {
        self.abandoned == self.window
    }

    /// Takes a slot for a call.
    ///
    /// # Errors
    /// The sink, when the table is full.
    pub(crate) fn open(&mut self, sink: S, deadline: Option<Instant>) -> Result<SequenceId, S> {
        let Some(index) = self.free_slot() else { return Err(sink) };
        let slot = &mut self.slots[usize::from(index)];
        slot.generation = if slot.generation == GENERATION_MAX { 1 } else { slot.generation + 1 };
        slot.state = State::Waiting { sink, sent_from: None };
        let id = SequenceId::new(index, slot.generation);
        if let Some(deadline) = deadline {
            self.sweep_deadlines();
            self.deadlines.push(Reverse((deadline, id)));
        }
        Ok(id)
    }

    /// Notes where the call's request starts in the stream of bytes written.
    pub(crate) fn mark_sent(&mut self, id: SequenceId, from: u64) {
        if let Some(State::Waiting { sent_from, .. }) = self.find(id) {
            *sent_from = Some(from);
        }
    }

    /// Ends the call to which the peer has sent the last message, and frees its slot.
    pub(crate) fn arrive(&mut self, number: i32) -> Arrival<S> {
        let Some(id) = SequenceId::from_wire(number) else { return Arrival::Unknown };
        let Some(state) = self.find(id) else { return Arrival::Unknown };
        match std::mem::replace(state, State::Free) {
            State::Free => Arrival::Unknown,
            State::Waiting { sink, .. } => {
                self.free.push(id.slot() as u16);
                Arrival::Call(sink)
            }
            State::Abandoned => {
                self.abandoned -= 1;
                self.free.push(id.slot() as u16);
                Arrival::Late
            }
        }
    }

    /// Ends a call that the peer will never answer (nothing was written, or it is oneway), and frees its slot.
    pub(crate) fn retract(&mut self, id: SequenceId) -> Option<S> {
        match self.arrive(id.to_wire()) {
            Arrival::Call(sink) => Some(sink),
            Arrival::Late | Arrival::Unknown => None,
        }
    }

    /// Where the events of a call go, while it is under way.
    pub(crate) fn sink(&mut self, id: SequenceId) -> Option<&mut S> {
        match self.find(id)? {
            State::Waiting { sink, .. } => Some(sink),
            State::Free | State::Abandoned => None,
        }
    }

    /// Gives a call up. Once its request was written its slot stays taken, because the reply may still come.
    pub(crate) fn abandon(&mut self, id: SequenceId) -> Option<Ended<S>> {
        let sent_from = match self.find(id)? {
            State::Waiting { sent_from, .. } => *sent_from,
            State::Free | State::Abandoned => return None,
        };
        if sent_from.is_none() {
            return self.retract(id).map(|sink| Ended { sink, sent_from });
        }
        self.abandoned += 1;
        std::mem::replace(self.find(id)?, State::Abandoned).into_ended()
    }

    /// Gives up the call whose deadline passed first, if it has passed by `now`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Ended<S>> {
        while self.next_deadline()? <= now {
            let Reverse((_, id)) = self.deadlines.pop()?;
            if let Some(ended) = self.abandon(id) {
                return Some(ended);
            }
        }
        None
    }

    /// The earliest deadline of a call that is under way.
    pub(crate) fn next_deadline(&mut self) -> Option<Instant> {
        while let Some(&Reverse((deadline, id))) = self.deadlines.peek() {
            if self.sink(id).is_some() {
                return Some(deadline);
            }
            self.deadlines.pop();
        }
        None
    }

    /// Ends all calls, because the connection did.
    pub(crate) fn close(&mut self) -> impl Iterator<Item = Ended<S>> + use<S> {
        let slots = std::mem::take(&mut self.slots);
        *self = Calls::new(self.window);
        slots.into_iter().filter_map(|slot| slot.state.into_ended())
    }

    fn free_slot(&mut self) -> Option<u16> {
        if let Some(index) = self.free.pop() {
            return Some(index);
        }
        if self.slots.len() == self.window {
            return None;
        }
        self.slots.push(Slot { generation: 0, state: State::Free });
        u16::try_from(self.slots.len() - 1).ok()
    }

    /// The state of the slot, if `id` is of its present generation.
    fn find(&mut self, id: SequenceId) -> Option<&mut State<S>> {
        let slot = self.slots.get_mut(id.slot())?;
        (id == SequenceId::new(id.slot() as u16, slot.generation)).then_some(&mut slot.state)
    }

    /// Keeps the memory of deadlines in proportion to the slots; each sweep is paid for by as many calls.
    fn sweep_deadlines(&mut self) {
        if self.deadlines.len() < 2 * self.slots.len() + STALE_DEADLINES {
            return;
        }
        let mut deadlines = std::mem::take(&mut self.deadlines);
        deadlines.retain(|Reverse((_, id))| self.sink(*id).is_some());
        self.deadlines = deadlines;
    }
}

impl<S> State<S> {
    fn into_ended(self) -> Option<Ended<S>> {
        match self {
            State::Waiting { sink, sent_from } => Some(Ended { sink, sent_from }),
            State::Free | State::Abandoned => None,
        }
    }
}

#[cfg(test)]
mod tests;
