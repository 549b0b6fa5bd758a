//! One switch that ends everything in an orderly way: what runs watches it, who ends it waits for what runs.
//!
//! A watcher costs one atomic load per poll, because every poll of every connection asks; the lock is taken only
//! when a task polls for the first time and when the switch is thrown.

use std::{
    future::{Future, poll_fn},
    sync::{Arc, PoisonError, atomic::Ordering},
    task::{Context, Poll, Waker},
};

use crate::sync::{AtomicU8, Mutex, MutexGuard};

/// How far a shutdown has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nobody asked for one.
    Running,
    /// Nothing new may start; what was accepted is finished.
    Draining,
    /// Time is up: drop everything.
    Over,
}

impl Phase {
    fn from_number(number: u8) -> Self {
        match number {
            0 => Phase::Running,
            1 => Phase::Draining,
            _ => Phase::Over,
        }
    }
}

/// The switch. Clones are the same switch.
#[derive(Clone, Default)]
pub struct Shutdown {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    phase: AtomicU8,
    table: Mutex<Table>,
}

/// Who is to be woken: watchers by their slot, and those that wait for the last of them.
#[derive(Default)]
struct Table {
    slots: Vec<Option<Waker>>,
    free: Vec<usize>,
    waiting: Vec<Waker>,
}

impl Table {
    fn live(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn phase(&self) -> Phase {
        Phase::from_number(self.phase.load(Ordering::Acquire))
    }
}

impl Shutdown {
    /// A switch in [`Phase::Running`].
    pub fn new() -> Self {
        Shutdown::default()
    }

    /// How far the shutdown has come.
    pub fn phase(&self) -> Phase {
        self.shared.phase()
    }

    /// Asks all watchers to finish.
    pub fn drain(&self) {
        self.advance(Phase::Draining);
    }

    /// Tells all watchers that their time is up.
    pub fn end(&self) {
        self.advance(Phase::Over);
    }

    fn advance(&self, phase: Phase) {
        let mut table = self.shared.table();
        // Under the lock, or a watcher that saw the phase could come back to wait for the next one, and lose the waker
        // it leaves to what follows here.
        self.shared.phase.fetch_max(phase as u8, Ordering::AcqRel);
        let wakers: Vec<Waker> = table.slots.iter_mut().filter_map(Option::take).collect();
        drop(table);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Something that must finish before the shutdown is complete.
    pub fn watch(&self) -> Watcher {
        let mut table = self.shared.table();
        let slot = match table.free.pop() {
            Some(slot) => slot,
            None => {
                table.slots.push(None);
                table.slots.len() - 1
            }
        };
        Watcher { shared: self.shared.clone(), slot, seen: Phase::Running, waker: None }
    }

    /// Watchers that were not dropped yet.
    pub fn live(&self) -> usize {
        self.shared.table().live()
    }

    /// Waits until every watcher was dropped.
    pub fn finished(&self) -> impl Future<Output = ()> + Send + '_ {
        poll_fn(|cx| {
            let mut table = self.shared.table();
            if table.live() == 0 {
                return Poll::Ready(());
            }
            if !table.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                table.waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
    }
}

/// A view of the switch that also holds its completion back until dropped.
pub struct Watcher {
    shared: Arc<Shared>,
    slot: usize,
    seen: Phase,
    waker: Option<Waker>,
}

impl Watcher {
    /// How far the shutdown has come, without waiting.
    pub fn phase(&self) -> Phase {
        self.shared.phase()
    }

    /// The next phase, once it begins; phases may be skipped but never repeat.
    pub fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<Phase> {
        if let Some(phase) = self.unseen() {
            return Poll::Ready(phase);
        }
        if self.waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        self.waker = Some(cx.waker().clone());
        self.shared.table().slots[self.slot] = self.waker.clone();
        // The switch may have been thrown before the waker was there to be seen.
        self.unseen().map_or(Poll::Pending, Poll::Ready)
    }

    fn unseen(&mut self) -> Option<Phase> {
        let phase = self.shared.phase();
        if phase == self.seen {
            return None;
        }
        self.seen = phase;
        self.waker = None; // it was taken out when it was woken
        Some(phase)
    }

    /// Waits for the next phase.
    pub async fn change(&mut self) -> Phase {
        poll_fn(|cx| self.poll_change(cx)).await
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut table = self.shared.table();
        table.slots[self.slot] = None;
        table.free.push(self.slot);
        if table.live() > 0 {
            return;
        }
        let waiting = std::mem::take(&mut table.waiting);
        drop(table);
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// Waits for the user or the system to ask the process to end: SIGINT or SIGTERM, Ctrl-C elsewhere.
///
/// Never completes when the handlers can't be installed; that is logged.
pub async fn signal() {
    if let Err(error) = any_signal().await {
        tracing::error!(%error, "no signal handlers: the process ends only by force");
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
async fn any_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    poll_fn(|cx| {
        if interrupt.poll_recv(cx).is_ready() {
            return Poll::Ready(());
        }
        terminate.poll_recv(cx).map(drop)
    })
    .await;
    Ok(())
}

#[cfg(not(unix))]
async fn any_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

#[cfg(all(test, loom))]
mod models;
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn watchers_see_each_phase_once_and_hold_completion_back() {
        let shutdown = Shutdown::new();
        let tasks: Vec<_> = (0..3)
            .map(|wait_s| {
                let mut watcher = shutdown.watch();
                tokio::spawn(async move {
                    assert_eq!(watcher.change().await, Phase::Draining);
                    tokio::time::sleep(Duration::from_secs(wait_s)).await;
                })
            })
            .collect();
        tokio::task::yield_now().await;
        let start = tokio::time::Instant::now();
        shutdown.drain();
        shutdown.finished().await;
        assert_eq!(start.elapsed().as_secs(), 2);
        assert_eq!((shutdown.live(), shutdown.phase()), (0, Phase::Draining));
        for task in tasks {
            task.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_late_watcher_sees_what_happened_before() {
        let shutdown = Shutdown::new();
        let mut early = shutdown.watch();
        shutdown.end();
        shutdown.drain(); // never goes back
        assert_eq!(early.change().await, Phase::Over);
        assert_eq!(shutdown.watch().change().await, Phase::Over);
    }

    #[tokio::test]
    async fn slots_are_reused() {
        let shutdown = Shutdown::new();
        let first = shutdown.watch();
        drop(first);
        let (a, b) = (shutdown.watch(), shutdown.watch());
        assert_eq!((a.slot, b.slot, shutdown.live()), (0, 1, 2));
    }
}
