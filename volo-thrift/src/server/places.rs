//! Places for connections, as many as there may be at a time.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// How many connections there are, and may be.
pub(super) struct Places {
    max: AtomicUsize,
    taken: AtomicUsize,
    freed: Notify,
    lowered: Notify,
}

impl Places {
    /// So many places, all free.
    pub(super) fn new(max: usize) -> Arc<Self> {
        let (max, taken) = (AtomicUsize::new(max), AtomicUsize::new(0));
        Arc::new(Places { max, taken, freed: Notify::new(), lowered: Notify::new() })
    }

    /// Changes how many there are. Connections beyond a lower number stay.
    #[cfg(any(test, feature = "config"))]
    pub(super) fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
        self.freed.notify_one();
        self.lowered.notify_waiters();
    }

    /// How many there are.
    pub(super) fn max(&self) -> usize {
        self.max.load(Ordering::Relaxed)
    }

    /// Waits for a free one.
    pub(super) async fn take(self: &Arc<Self>) -> Place {
        loop {
            let freed = self.freed.notified();
            let taken = self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, |taken| {
                (taken < self.max()).then_some(taken + 1)
            });
            if taken.is_ok_and(|taken| taken + 1 < self.max()) {
                self.freed.notify_one(); // who else waits may look, too
            }
            if taken.is_ok() {
                return Place(self.clone());
            }
            freed.await;
        }
    }
}

/// The place of one connection.
pub(super) struct Place(Arc<Places>);

impl Place {
    /// Waits until there are fewer places than are taken, so that this one should not be used any more.
    pub(super) async fn is_gone(&self) {
        let Place(places) = self;
        loop {
            let mut lowered = std::pin::pin!(places.lowered.notified());
            lowered.as_mut().enable();
            if places.taken.load(Ordering::Acquire) > places.max() {
                return;
            }
            lowered.await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn places_are_limited_and_the_limit_can_change() {
        let places = Places::new(1);
        let waits = async || timeout(Duration::from_secs(1), places.take()).await.is_err();
        let first = places.take().await;
        assert!(waits().await);
        places.set_max(3);
        let others = [places.take().await, places.take().await];
        assert!(waits().await);
        places.set_max(2);
        timeout(Duration::from_secs(1), first.is_gone()).await.unwrap();
        drop(first);
        assert!(timeout(Duration::from_secs(1), others[0].is_gone()).await.is_err());
        assert!(waits().await, "two are left");
        drop(others);
        let _again = places.take().await;
        let _more = places.take().await;
        assert!(waits().await);
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_get_their_place() {
        let places = Places::new(1);
        let first = places.take().await;
        let waiting: Vec<_> = (0..4)
            .map(|_| {
                let places = places.clone();
                tokio::spawn(async move { places.take().await })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        places.set_max(5);
        drop(first);
        for task in waiting {
            drop(timeout(Duration::from_secs(1), task).await.unwrap().unwrap());
        }
    }
}
