//! The future that ends at a deadline, and how it learns that somebody else will see to that.

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};

use crate::{Error, Origin};

thread_local! {
    static COVERED: Cell<u64> = const { Cell::new(0) };
}

/// Says that the poll under way on this thread went pending, but will be woken at its deadline and end by itself.
pub fn mark_covered() {
    COVERED.set(COVERED.get().wrapping_add(1));
}

pin_project! {
    /// A future that ends with a timeout error at its deadline.
    #[derive(Debug)]
    pub struct Deadline<F> {
        #[pin]
        work: Work<F>,
        deadline: Option<Instant>,
        sleep: Option<Pin<Box<Sleep>>>,
    }
}

pin_project! {
    #[project = WorkProjection]
    #[derive(Debug)]
    enum Work<F> {
        Running { #[pin] future: F },
        Refused { error: Option<Error> },
    }
}

impl<F> Deadline<F> {
    /// Ends `inner` at `deadline`; without one it may take as long as it likes.
    #[inline]
    pub fn new(inner: F, deadline: Option<Instant>) -> Self {
        Deadline { work: Work::Running { future: inner }, deadline, sleep: None }
    }

    /// Ends at once.
    pub(super) fn refused(error: Error) -> Self {
        Deadline { work: Work::Refused { error: Some(error) }, deadline: None, sleep: None }
    }
}

impl<T, E: From<Error>, F: Future<Output = Result<T, E>>> Future for Deadline<F> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let this = self.project();
        let before = COVERED.get();
        match this.work.project() {
            WorkProjection::Running { future } => {
                if let Poll::Ready(result) = future.poll(cx) {
                    return Poll::Ready(result);
                }
            }
            WorkProjection::Refused { error } => {
                return Poll::Ready(Err(error.take().unwrap_or_else(overdue).into()));
            }
        }
        let Some(deadline) = *this.deadline else { return Poll::Pending };
        if COVERED.get() != before {
            return Poll::Pending;
        }
        let sleep = this.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline.into())));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(overdue().into()))
    }
}

fn overdue() -> Error {
    Error::timeout("the deadline passed").with_origin(Origin::Local)
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use tokio::time;

    use super::*;
    use crate::Result;

    fn in_ms(millis: u64) -> Option<Instant> {
        Some((time::Instant::now() + Duration::from_millis(millis)).into_std())
    }

    #[tokio::test(start_paused = true)]
    async fn an_uncovered_wait_ends_at_the_deadline() {
        let start = time::Instant::now();
        let endless = std::future::pending::<Result<()>>();
        let error = Deadline::new(endless, in_ms(20)).await.unwrap_err();
        assert!(error.is_timeout());
        let waited = start.elapsed().as_millis();
        assert!((20..=22).contains(&waited), "{waited} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn a_covered_wait_costs_no_timer() {
        let covered = poll_fn(|_| {
            mark_covered();
            Poll::<Result<()>>::Pending
        });
        let mut call = Box::pin(Deadline::new(covered, in_ms(20)));
        assert!(time::timeout(Duration::from_secs(9), &mut call).await.is_err());
        assert!(call.sleep.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_loses_its_cover_is_still_bounded() {
        let mut polls = 0;
        let half_covered = poll_fn(|cx| {
            polls += 1;
            if polls == 1 {
                mark_covered();
                cx.waker().wake_by_ref();
            }
            Poll::<Result<()>>::Pending
        });
        assert!(Deadline::new(half_covered, in_ms(20)).await.unwrap_err().is_timeout());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_done_in_time_stays_untouched() {
        let done = async {
            time::sleep(Duration::from_millis(10)).await;
            Result::<_>::Ok(7)
        };
        assert_eq!(Deadline::new(done, in_ms(20)).await.unwrap(), 7);
        assert_eq!(Deadline::new(async { Result::<_>::Ok(7) }, in_ms(0)).await.unwrap(), 7);
    }
}
