//! The time, by the clock that timers use, so that tests can turn it.
//!
//! Reading a clock costs more than most layers do. Between the moment a call is made and its first wait no time worth
//! telling passes, so whoever makes a call can [`hold`] the clock while all layers are told of it.

use std::{cell::Cell, time::Instant};

thread_local! {
    static HELD: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The time.
#[inline]
pub fn now() -> Instant {
    HELD.get().unwrap_or_else(read)
}

/// Runs `f`, during which it is `at` on this thread. `f` should not wait for anything.
#[inline]
pub fn hold<T>(at: Instant, f: impl FnOnce() -> T) -> T {
    let _held = Held(HELD.replace(Some(at)));
    f()
}

/// Lets the clock go on when dropped, also when the function panics.
struct Held(Option<Instant>);

impl Drop for Held {
    fn drop(&mut self) {
        HELD.set(self.0);
    }
}

fn read() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_stands_still_while_it_is_held() {
        let start = now();
        let later = start + Duration::from_secs(1);
        let seen = hold(later, || (now(), hold(start, now), now()));
        assert_eq!(seen, (later, start, later));
        assert!(std::panic::catch_unwind(|| hold(later, || panic!("on purpose"))).is_err());
        assert_eq!(now(), start);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(now() > later);
    }
}
