//! Clones of a client's stack between calls, because cloning all layers takes longer than most of them do.

use std::{
    array,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

/// As many as threads often start calls at once.
const SLOTS: usize = 8;

/// Boxes that calls take along and give back: one per thread, and none that anybody has to wait for.
pub(super) struct Spares<T>([Slot<T>; SLOTS]);

/// On a cache line of its own, as only one thread usually comes here.
#[repr(align(64))]
struct Slot<T>(Mutex<Option<Box<T>>>);

impl<T> Spares<T> {
    pub(super) fn new() -> Self {
        Spares(array::from_fn(|_| Slot(Mutex::default())))
    }

    /// What a call on this thread left behind.
    pub(super) fn take(&self) -> Option<Box<T>> {
        self.slot().0.try_lock().ok()?.take()
    }

    /// Leaves this for the next call on this thread.
    pub(super) fn keep(&self, spare: Box<T>) {
        let before = self.slot().0.try_lock().ok().and_then(|mut slot| slot.replace(spare));
        drop(before); // whatever its end takes, nobody is kept from the slot meanwhile
    }

    fn slot(&self) -> &Slot<T> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
        }
        &self.0[NUMBER.with(|number| number % SLOTS)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_kept_is_taken_once() {
        let spares = Spares::new();
        assert_eq!(spares.take(), None);
        spares.keep(Box::new("first"));
        spares.keep(Box::new("second"));
        assert_eq!(spares.take(), Some(Box::new("second")));
        assert_eq!(spares.take(), None);
    }

    #[test]
    fn nobody_waits_for_a_slot() {
        let spares = Spares::new();
        let guard = spares.slot().0.lock();
        assert_eq!(spares.take(), None);
        spares.keep(Box::new("lost"));
        drop(guard);
        assert_eq!(spares.take(), None);
    }
}
