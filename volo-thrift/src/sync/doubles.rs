//! Channels and a semaphore with tokio's interface, over loom's lock: each operation is one step that loom sees.

use std::{collections::VecDeque, future::poll_fn, task::Poll, task::Waker};

use loom::sync::Mutex;

/// Changes the state in one step and wakes, after it, whom `change` says.
fn step<S, T>(state: &Mutex<S>, change: impl FnOnce(&mut S) -> (T, Vec<Waker>)) -> T {
    let (result, wakers) = change(&mut state.lock().unwrap());
    wakers.into_iter().for_each(Waker::wake);
    result
}

/// A counter of permits.
#[derive(Debug)]
pub(crate) struct Semaphore(Mutex<Room>);

#[derive(Debug)]
struct Room {
    permits: usize,
    closed: bool,
    waiting: Vec<Waker>,
}

/// A permit, given back when dropped.
#[derive(Debug)]
pub(crate) struct SemaphorePermit<'a>(&'a Semaphore);

impl Semaphore {
    pub(crate) fn new(permits: usize) -> Self {
        Semaphore(Mutex::new(Room { permits, closed: false, waiting: Vec::new() }))
    }

    pub(crate) async fn acquire(&self) -> Result<SemaphorePermit<'_>, ()> {
        poll_fn(|cx| {
            step(&self.0, |room| {
                let polled = match room.permits {
                    _ if room.closed => Poll::Ready(Err(())),
                    0 => {
                        room.waiting.push(cx.waker().clone());
                        Poll::Pending
                    }
                    _ => {
                        room.permits -= 1;
                        Poll::Ready(Ok(SemaphorePermit(self)))
                    }
                };
                (polled, Vec::new())
            })
        })
        .await
    }

    pub(crate) fn add_permits(&self, count: usize) {
        step(&self.0, |room| {
            room.permits += count;
            ((), std::mem::take(&mut room.waiting))
        });
    }

    pub(crate) fn close(&self) {
        step(&self.0, |room| {
            room.closed = true;
            ((), std::mem::take(&mut room.waiting))
        });
    }
}

impl SemaphorePermit<'_> {
    pub(crate) fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

pub(crate) mod oneshot {
    use std::{
        future::Future,
        pin::Pin,
        sync::Arc,
        task::{Context, Poll, Waker},
    };

    use loom::sync::Mutex;

    use super::step;

    #[derive(Debug)]
    struct State<T> {
        value: Option<T>,
        sender_gone: bool,
        receiver_gone: bool,
        waker: Option<Waker>,
    }

    #[derive(Debug)]
    pub(crate) struct Sender<T>(Arc<Mutex<State<T>>>);

    #[derive(Debug)]
    pub(crate) struct Receiver<T>(Arc<Mutex<State<T>>>);

    pub(crate) mod error {
        #[derive(Debug)]
        pub(crate) struct RecvError;

        #[derive(Debug)]
        pub(crate) enum TryRecvError {
            Empty,
            Closed,
        }
    }

    pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
        let state = State { value: None, sender_gone: false, receiver_gone: false, waker: None };
        let state = Arc::new(Mutex::new(state));
        (Sender(state.clone()), Receiver(state))
    }

    impl<T> Sender<T> {
        pub(crate) fn send(self, value: T) -> Result<(), T> {
            step(&self.0, |state| match state.receiver_gone {
                true => (Err(value), Vec::new()),
                false => {
                    state.value = Some(value);
                    (Ok(()), state.waker.take().into_iter().collect())
                }
            })
        }

        pub(crate) fn is_closed(&self) -> bool {
            step(&self.0, |state| (state.receiver_gone, Vec::new()))
        }
    }

    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            step(&self.0, |state| {
                state.sender_gone = true;
                ((), state.waker.take().into_iter().collect())
            });
        }
    }

    impl<T> Receiver<T> {
        pub(crate) fn try_recv(&mut self) -> Result<T, error::TryRecvError> {
            step(&self.0, |state| {
                let none = match state.sender_gone {
                    true => error::TryRecvError::Closed,
                    false => error::TryRecvError::Empty,
                };
                (state.value.take().ok_or(none), Vec::new())
            })
        }
    }

    impl<T> Future for Receiver<T> {
        type Output = Result<T, error::RecvError>;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            step(&self.0, |state| {
                let polled = match state.value.take() {
                    Some(value) => Poll::Ready(Ok(value)),
                    None if state.sender_gone => Poll::Ready(Err(error::RecvError)),
                    None => {
                        state.waker = Some(cx.waker().clone());
                        Poll::Pending
                    }
                };
                (polled, Vec::new())
            })
        }
    }

    impl<T> Drop for Receiver<T> {
        fn drop(&mut self) {
            let value = step(&self.0, |state| {
                state.receiver_gone = true;
                (state.value.take(), Vec::new())
            });
            drop(value);
        }
    }
}

pub(crate) mod mpsc {
    use std::{
        sync::Arc,
        task::{Context, Poll, Waker},
    };

    use loom::sync::Mutex;

    use super::{VecDeque, step};

    #[derive(Debug)]
    struct State<T> {
        queue: VecDeque<T>,
        senders: usize,
        closed: bool,
        waker: Option<Waker>,
    }

    #[derive(Debug)]
    pub(crate) struct UnboundedSender<T>(Arc<Mutex<State<T>>>);

    #[derive(Debug)]
    pub(crate) struct UnboundedReceiver<T>(Arc<Mutex<State<T>>>);

    pub(crate) mod error {
        #[derive(Debug)]
        pub(crate) struct SendError<T>(pub(crate) T);
    }

    pub(crate) fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
        let state = State { queue: VecDeque::new(), senders: 1, closed: false, waker: None };
        let state = Arc::new(Mutex::new(state));
        (UnboundedSender(state.clone()), UnboundedReceiver(state))
    }

    impl<T> UnboundedSender<T> {
        pub(crate) fn send(&self, value: T) -> Result<(), error::SendError<T>> {
            step(&self.0, |state| match state.closed {
                true => (Err(error::SendError(value)), Vec::new()),
                false => {
                    state.queue.push_back(value);
                    (Ok(()), state.waker.take().into_iter().collect())
                }
            })
        }

        pub(crate) fn is_closed(&self) -> bool {
            step(&self.0, |state| (state.closed, Vec::new()))
        }
    }

    impl<T> Clone for UnboundedSender<T> {
        fn clone(&self) -> Self {
            step(&self.0, |state| {
                state.senders += 1;
                ((), Vec::new())
            });
            UnboundedSender(self.0.clone())
        }
    }

    impl<T> Drop for UnboundedSender<T> {
        fn drop(&mut self) {
            step(&self.0, |state| {
                state.senders -= 1;
                let waker = if state.senders == 0 { state.waker.take() } else { None };
                ((), waker.into_iter().collect())
            });
        }
    }

    impl<T> UnboundedReceiver<T> {
        pub(crate) fn poll_recv_many(
            &mut self,
            cx: &mut Context<'_>,
            to: &mut Vec<T>,
            limit: usize,
        ) -> Poll<usize> {
            step(&self.0, |state| {
                let count = state.queue.len().min(limit);
                to.extend(state.queue.drain(..count));
                let polled = if count > 0 || state.closed || state.senders == 0 {
                    Poll::Ready(count)
                } else {
                    state.waker = Some(cx.waker().clone());
                    Poll::Pending
                };
                (polled, Vec::new())
            })
        }

        pub(crate) fn try_recv(&mut self) -> Result<T, ()> {
            step(&self.0, |state| (state.queue.pop_front().ok_or(()), Vec::new()))
        }

        pub(crate) fn close(&mut self) {
            step(&self.0, |state| {
                state.closed = true;
                ((), Vec::new())
            });
        }
    }

    impl<T> Drop for UnboundedReceiver<T> {
        fn drop(&mut self) {
            let queue = step(&self.0, |state| {
                state.closed = true;
                (std::mem::take(&mut state.queue), Vec::new())
            });
            drop(queue);
        }
    }
}
