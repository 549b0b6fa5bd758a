//! Random numbers for jitter and percentages: cheap, shared without a lock, and the same again for the same seed.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

/// SplitMix64 over a counter.
#[derive(Debug)]
pub(crate) struct Dice(AtomicU64);

impl Dice {
    /// Always the same numbers.
    pub(crate) fn seeded(seed: u64) -> Self {
        Dice(AtomicU64::new(seed))
    }

    /// The next number.
    pub(crate) fn next(&self) -> u64 {
        let mut mixed = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if that is 0.
    pub(crate) fn below(&self, end: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(end);
        (product >> 64) as u64
    }

    /// Whether an event of this probability happens now.
    pub(crate) fn percent(&self, percent: u32) -> bool {
        percent > 0 && self.below(100) < u64::from(percent)
    }
}

/// Seeded by the system.
impl Default for Dice {
    fn default() -> Self {
        Dice::seeded(RandomState::new().hash_one(0_u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_come_true() {
        let dice = Dice::seeded(7);
        for (percent, expected) in [(0, 0..=0), (1, 60..=140), (30, 2_800..=3_200), (100, 10_000..=10_000)] {
            let hits = (0..10_000).filter(|_| dice.percent(percent)).count();
            assert!(expected.contains(&hits), "{percent} %: {hits}");
        }
        assert_eq!(dice.below(0), 0);
        assert!((0..1000).all(|_| dice.below(3) < 3));
    }
}
