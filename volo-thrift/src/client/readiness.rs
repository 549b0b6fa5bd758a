//! Whether a call used all that its layers held when they were ready.
//!
//! Some layers hand out a permit or a place in a queue when they become ready, which belongs to the call that comes
//! next. A layer outside of them may answer that call itself; then the permit has to go with the clone of the stack that
//! holds it, or an idle client would keep it from others. Which layers do so nobody can know, so each of the
//! application's counts when it becomes ready, and when it is called.

use std::{
    cell::Cell,
    task::{Context, Poll},
};

use tower::{Layer, Service};

thread_local! {
    /// How often layers became ready on this thread, less how often they were called.
    static UNUSED: Cell<i64> = const { Cell::new(0) };
}

/// A moment before layers became ready.
#[derive(Clone, Copy)]
pub(super) struct Mark(i64);

impl Mark {
    pub(super) fn now() -> Self {
        Mark(UNUSED.get())
    }

    /// Whether all layers that became ready since then, on this thread, were called.
    pub(super) fn is_balanced(self) -> bool {
        UNUSED.get() == self.0
    }
}

/// Puts a layer around services that counts.
pub(super) struct Counting<L>(pub(super) L);

impl<S, L: Layer<S>> Layer<S> for Counting<L> {
    type Service = Counted<L::Service>;

    fn layer(&self, inner: S) -> Self::Service {
        Counted { service: self.0.layer(inner), is_ready: false }
    }
}

/// A service that counts.
pub(super) struct Counted<S> {
    service: S,
    is_ready: bool,
}

/// A clone is not ready.
impl<S: Clone> Clone for Counted<S> {
    fn clone(&self) -> Self {
        Counted { service: self.service.clone(), is_ready: false }
    }
}

impl<S: Service<Req>, Req> Service<Req> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let poll = self.service.poll_ready(cx);
        if !self.is_ready && matches!(poll, Poll::Ready(Ok(()))) {
            self.is_ready = true;
            UNUSED.set(UNUSED.get().wrapping_add(1));
        }
        poll
    }

    fn call(&mut self, request: Req) -> S::Future {
        if self.is_ready {
            self.is_ready = false;
            UNUSED.set(UNUSED.get().wrapping_sub(1));
        }
        self.service.call(request)
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future::ready};

    use tower::{layer::layer_fn, service_fn};

    use super::*;

    #[test]
    fn what_is_ready_and_not_called_is_noticed() {
        let service = service_fn(|request: u32| ready(Ok::<_, Infallible>(request)));
        let mut outer = Counting(layer_fn(|inner| inner)).layer(service);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mark = Mark::now();
        for _ in 0..2 {
            assert!(outer.poll_ready(&mut cx).is_ready());
        }
        assert!(!mark.is_balanced(), "ready and not called");
        let mut clone = outer.clone();
        drop(clone.call(1));
        assert!(!mark.is_balanced(), "a clone was called, which is not the one that is ready");
        drop(outer.call(1));
        assert!(mark.is_balanced());
    }
}
