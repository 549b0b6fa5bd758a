//! One call's handler on its way: polled once in place, spawned only if that wasn't enough.
//!
//! The future is boxed before its first poll, so it moves to a task of its own for free; what guards it (panic catch,
//! clock of the first poll) moves along.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use volo_core::{Error, Response, Result, shutdown::Watcher};

use super::{
    admission::{Permit, Queued},
    inbox::Inbox,
    reply::Ticket,
    router::Route,
};
use crate::HandlerFuture;

/// A handler's future that can't take its task down.
pub(super) struct Job {
    future: Option<HandlerFuture>,
    /// Whose first poll is to be timed.
    timed: Option<Arc<Route>>,
    /// Set until the first poll if there may be a wait before.
    queued: Option<Box<Queued>>,
    _permit: Permit,
}

impl Job {
    /// Starts a call by `start`, which may panic like the handler itself.
    pub(super) fn new(
        start: impl FnOnce() -> HandlerFuture,
        timed: Option<Arc<Route>>,
        permit: Permit,
    ) -> Self {
        let future = catch_unwind(AssertUnwindSafe(start)).unwrap_or_else(|panic| {
            let error = panicked(&*panic);
            Box::pin(async { Err(error) })
        });
        Job { future: Some(future), timed, queued: None, _permit: permit }
    }

    /// Lets the call be looked at once more when a thread has time for it.
    pub(super) fn queue(&mut self, queued: Queued) {
        self.queued = Some(Box::new(queued));
    }
}

impl Future for Job {
    type Output = Result<Response>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(mut future) = self.future.take() else {
            return Poll::Ready(Err(Error::internal("a finished call was asked again")));
        };
        if let Some(queued) = self.queued.take() {
            queued.check(tokio::time::Instant::now().into_std())?;
        }
        let timer = self.timed.take().map(|route| (route, Instant::now()));
        // The future is dropped inside, too, once it is done: its drop may panic as well.
        let polled = catch_unwind(AssertUnwindSafe(move || match future.as_mut().poll(cx) {
            Poll::Ready(result) => Ok(result),
            Poll::Pending => Err(future),
        }));
        if let Some((route, start)) = timer {
            route.pace.record(start.elapsed());
        }
        match polled {
            Ok(Ok(result)) => Poll::Ready(result),
            Ok(Err(future)) => {
                self.future = Some(future);
                Poll::Pending
            }
            Err(panic) => Poll::Ready(Err(panicked(&*panic))),
        }
    }
}

/// The peer learns that there was a panic, the log what it said.
fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
    tracing::error!(panic = text, "a handler panicked");
    Error::internal("handler panicked")
}

/// The calls of one connection that run in tasks of their own.
#[derive(Default)]
pub(super) struct Calls {
    done: Option<Arc<Done>>,
    count: usize,
    bytes: usize,
    /// Whether the call under way allows no other beside it.
    alone: bool,
}

/// Where tasks leave what they are done with.
#[derive(Default)]
struct Done {
    inbox: Inbox<Finished>,
    /// Bytes of all replies in the inbox.
    bytes: AtomicUsize,
}

/// A call that waits for its reply to be written, which takes so many bytes.
struct Finished {
    ticket: Ticket,
    result: Result<Response>,
    bytes: usize,
}

impl Calls {
    /// How many are under way.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Bytes of their requests, and of the replies that were not taken yet.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.reply_bytes()
    }

    /// Bytes of the replies that were not taken yet.
    pub(super) fn reply_bytes(&self) -> usize {
        self.done.as_ref().map_or(0, |done| done.bytes.load(Ordering::Relaxed))
    }

    /// Whether the one under way allows no other beside it.
    pub(super) fn is_alone(&self) -> bool {
        self.alone
    }

    /// Lets `job` run in a task of its own, on a thread that may block if `blocking`; wakes the task of `cx` when it
    /// is done.
    pub(super) fn spawn(&mut self, cx: &mut Context<'_>, ticket: Ticket, job: Job, blocking: bool) {
        self.count += 1;
        self.bytes += ticket.frame_len;
        self.alone = !ticket.may_overtake;
        let done = self.done.get_or_insert_default().clone();
        done.inbox.watch(cx);
        let task = async move {
            let (result, bytes) = match ticket.encode_large(job.await) {
                Ok((response, bytes)) => (Ok(response), bytes),
                Err(error) => (Err(error), 0),
            };
            done.bytes.fetch_add(bytes, Ordering::Relaxed);
            done.inbox.push(Finished { ticket, result, bytes });
        };
        if blocking {
            let runtime = tokio::runtime::Handle::current();
            tokio::task::spawn_blocking(move || runtime.block_on(task));
        } else {
            tokio::spawn(task);
        }
    }

    /// The next that is finished; wakes the task of `cx` if there is none yet.
    pub(super) fn poll_finished(&mut self, cx: &mut Context<'_>) -> Option<(Ticket, Result<Response>)> {
        if self.count == 0 {
            return None;
        }
        let done = self.done.as_ref()?;
        let Finished { ticket, result, bytes } = done.inbox.poll_next(cx)?;
        done.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.count -= 1;
        self.bytes -= ticket.frame_len;
        self.alone = false;
        Some((ticket, result))
    }

    /// Wakes the task of `cx` when another one is finished, although none is taken now.
    pub(super) fn watch(&self, cx: &mut Context<'_>) {
        if let Some(done) = self.done.as_ref().filter(|_| self.count > 0) {
            done.inbox.watch(cx);
        }
    }

    /// Lets what is under way hold the end of the server back after its connection has ended.
    pub(super) fn outlive(&self, watcher: Watcher) {
        if let Some(done) = self.done.as_ref().filter(|_| self.count > 0) {
            done.inbox.keep(watcher);
        }
    }
}
