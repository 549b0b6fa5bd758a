//! Counts over the last while, forgotten slice by slice.

use std::time::{Duration, Instant};

/// The window moves on in so many steps.
const SLICES: usize = 10;

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) calls: u32,
    pub(super) failures: u32,
    pub(super) slow: u32,
}

/// Counts of the last nine to ten tenths of a length of time.
#[derive(Debug)]
pub(super) struct Window {
    slices: [Counts; SLICES],
    total: Counts,
    current: usize,
    slice: Duration,
    start: Option<Instant>,
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        let slice = (length / SLICES as u32).max(Duration::from_micros(1));
        Window {
            slices: [Counts::default(); SLICES],
            total: Counts::default(),
            current: 0,
            slice,
            start: None,
        }
    }

    pub(super) fn add(&mut self, failed: bool, slow: bool, now: Instant) -> Counts {
        self.advance(now);
        for counts in [&mut self.slices[self.current], &mut self.total] {
            counts.calls = counts.calls.saturating_add(1);
            counts.failures = counts.failures.saturating_add(failed.into());
            counts.slow = counts.slow.saturating_add(slow.into());
        }
        self.total
    }

    /// Counts calls of the current slice.
    pub(super) fn add_successes(&mut self, count: u32) {
        for counts in [&mut self.slices[self.current], &mut self.total] {
            counts.calls = counts.calls.saturating_add(count);
        }
    }

    /// When the current slice ends; `None` before anything was counted.
    pub(super) fn slice_end(&self) -> Option<Instant> {
        Some(self.start? + self.slice)
    }

    pub(super) fn clear(&mut self) {
        self.slices = [Counts::default(); SLICES];
        self.total = Counts::default();
    }

    fn advance(&mut self, now: Instant) {
        let start = *self.start.get_or_insert(now);
        let age = now.saturating_duration_since(start);
        if age < self.slice {
            return;
        }
        let steps = u32::try_from(age.as_nanos() / self.slice.as_nanos()).unwrap_or(u32::MAX);
        if steps >= SLICES as u32 {
            self.clear();
            self.start = Some(now);
            return;
        }
        for _ in 0..steps {
            self.current = (self.current + 1) % SLICES;
            let old = std::mem::take(&mut self.slices[self.current]);
            self.total.calls = self.total.calls.saturating_sub(old.calls);
            self.total.failures = self.total.failures.saturating_sub(old.failures);
            self.total.slow = self.total.slow.saturating_sub(old.slow);
        }
        self.start = Some(start + self.slice * steps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::dice::Dice;

    #[test]
    fn counts_are_those_of_the_last_while() {
        let dice = Dice::seeded(11);
        let mut window = Window::new(Duration::from_millis(1000));
        let (mut now, mut all) = (Instant::now(), Vec::new());
        for _ in 0..20_000 {
            let pause = if dice.percent(1) { dice.below(3000) } else { dice.below(40) };
            now += Duration::from_millis(pause);
            let (failed, slow) = (dice.percent(30), dice.percent(10));
            all.push((now, failed, slow));
            let counts = window.add(failed, slow, now);
            let of_last = |millis| {
                let mut counts = Counts::default();
                let young = all.iter().rev().take_while(|call| now - call.0 < Duration::from_millis(millis));
                young.for_each(|call| {
                    counts.calls += 1;
                    counts.failures += u32::from(call.1);
                    counts.slow += u32::from(call.2);
                });
                counts
            };
            let (least, most) = (of_last(900), of_last(1000));
            assert!((least.calls..=most.calls).contains(&counts.calls));
            assert!((least.failures..=most.failures).contains(&counts.failures));
            assert!((least.slow..=most.slow).contains(&counts.slow));
            if all.len() > 200 {
                all.drain(..100);
            }
        }
    }
}
