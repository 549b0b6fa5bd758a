//! What one connection knows of its calls: pure state, no bytes, no sockets, no clock.
//!
//! Ping-pong is a window of one call, multiplexing a window of many; both use the same table, and so will streams,
//! whose calls see more than one [`Event`].
#![forbid(unsafe_code)]

mod calls;
mod event;

pub(crate) use calls::{Arrival, Calls, Ended, SLOTS_MAX, SequenceId};
pub(crate) use event::{Event, Loss, Reset};
