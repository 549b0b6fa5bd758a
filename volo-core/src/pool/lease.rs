//! What callers hold of a pool: a connection, the right to make one, or a place in line.
//!
//! Each counts in the table of its address until it is dropped, so none can be lost.

use std::{
    future::Future,
    ops::{Deref, DerefMut},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::{
    Checkout, Reusable, Shelf,
    table::{Entry, Ticket},
};
use crate::clock::now;

/// A connection in use. Dropping it closes it; [`Lease::reuse`] gives it back.
pub struct Lease<T: Reusable> {
    entry: Option<Entry<T>>,
    shelf: Arc<Shelf<T>>,
    reused: bool,
}

impl<T: Reusable> Lease<T> {
    pub(super) fn new(entry: Entry<T>, shelf: Arc<Shelf<T>>, reused: bool) -> Self {
        Lease { entry: Some(entry), shelf, reused }
    }

    /// Whether the connection was idle before, so that the peer may have closed it just now.
    pub fn is_reused(&self) -> bool {
        self.reused
    }

    /// Gives the connection back for others; nothing may be under way on it.
    pub fn reuse(mut self) {
        let Some(entry) = self.entry.take() else { return };
        wake(self.shelf.with(|table, dead| table.put(entry, now(), dead)));
    }
}

impl<T: Reusable> Deref for Lease<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.entry.as_ref().expect("only `reuse`, which consumes the lease, takes it").connection
    }
}

impl<T: Reusable> DerefMut for Lease<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.entry.as_mut().expect("only `reuse`, which consumes the lease, takes it").connection
    }
}

impl<T: Reusable> Drop for Lease<T> {
    fn drop(&mut self) {
        if self.entry.take().is_some() {
            wake(self.shelf.with(|table, _| table.release()));
        }
    }
}

/// The right to make one connection. Dropping it passes the right on.
pub struct Permit<T: Reusable> {
    shelf: Option<Arc<Shelf<T>>>,
}

impl<T: Reusable> Permit<T> {
    pub(super) fn new(shelf: Arc<Shelf<T>>) -> Self {
        Permit { shelf: Some(shelf) }
    }

    /// Puts a new connection into the pool's care.
    pub fn fill(mut self, connection: T) -> Lease<T> {
        let shelf = self.shelf.take().expect("only `fill`, which consumes the permit, takes it");
        let entry = shelf.with(|table, _| table.admit(connection, now()));
        Lease::new(entry, shelf, false)
    }
}

impl<T: Reusable> Drop for Permit<T> {
    fn drop(&mut self) {
        if let Some(shelf) = self.shelf.take() {
            wake(shelf.with(|table, _| table.release()));
        }
    }
}

/// A caller in line; leaves it when dropped.
pub(super) struct Waiting<T: Reusable> {
    shelf: Arc<Shelf<T>>,
    ticket: Option<Ticket>,
}

impl<T: Reusable> Waiting<T> {
    pub(super) fn new(shelf: Arc<Shelf<T>>, ticket: Ticket) -> Self {
        Waiting { shelf, ticket: Some(ticket) }
    }
}

impl<T: Reusable> Future for Waiting<T> {
    type Output = Checkout<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Checkout<T>> {
        let Some(ticket) = self.ticket else { return Poll::Pending };
        let claimed = self.shelf.with(|table, dead| table.claim(ticket, cx.waker(), now(), dead));
        let Some(grant) = claimed else { return Poll::Pending };
        self.ticket = None;
        Poll::Ready(self.shelf.hand_out(grant))
    }
}

impl<T: Reusable> Drop for Waiting<T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            wake(self.shelf.with(|table, dead| table.cancel(ticket, now(), dead)));
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
