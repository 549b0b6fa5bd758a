//! The one timer of a connection, and the clock it goes by.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::time::{Sleep, sleep_until};
pub(super) use volo_core::clock::now;

/// When `duration` from now will be over; `None` if that is beyond what a clock can show.
pub(super) fn after(duration: Duration) -> Option<Instant> {
    now().checked_add(duration)
}

/// A timer that follows the earliest of many deadlines.
///
/// It stays armed when its deadline is met early and is moved on only once it fires, so calls that all have the same
/// timeout cost no timer operation each, but one per timeout.
#[derive(Debug, Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Waits until `deadline`.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let deadline = deadline.into();
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        ready!(sleep.as_mut().poll(cx));
        if sleep.deadline() == deadline {
            return Poll::Ready(());
        }
        sleep.as_mut().reset(deadline);
        sleep.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_follows_deadlines_both_ways() {
        let (mut timer, start) = (Timer::default(), now());
        for millis in [50, 20, 90, 90, 10] {
            let at = start + Duration::from_millis(millis);
            poll_fn(|cx| timer.poll(cx, at)).await;
            assert!(now() >= at && now() < start + Duration::from_millis(100), "{millis} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_deadline_does_not_touch_the_armed_timer() {
        let (mut timer, start) = (Timer::default(), now());
        let (first, second) = (start + Duration::from_millis(10), start + Duration::from_millis(30));
        let mut poll_once = async |at| poll_fn(|cx| Poll::Ready(timer.poll(cx, at).is_pending())).await;
        assert!(poll_once(first).await);
        assert!(poll_once(second).await);
        assert_eq!(timer.0.as_ref().unwrap().deadline(), first.into());
        poll_fn(|cx| timer.poll(cx, second)).await;
        assert!(now() >= second);
    }
}
