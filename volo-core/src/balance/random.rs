//! Random numbers that cost a few instructions; good enough to spread load and to tell traces apart, and for nothing else.

use std::{
    cell::Cell,
    hash::{BuildHasher, RandomState},
};

thread_local! {
    static LOCAL: Cell<u64> = Cell::new(RandomState::new().hash_one(0));
}

/// A sequence of pseudo-random numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence that belongs to `seed`.
    pub fn seeded(seed: u64) -> Self {
        Random(seed)
    }

    /// Runs `f` with this thread's own sequence, which differs from thread to thread and from run to run.
    pub fn with_local<T>(f: impl FnOnce(&mut Random) -> T) -> T {
        let mut random = Random(LOCAL.get());
        let result = f(&mut random);
        LOCAL.set(random.0);
        result
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0xa076_1d64_78bd_642f);
        let product = u128::from(self.0) * u128::from(self.0 ^ 0xe703_7ed1_a0b4_28db);
        (product >> 64) as u64 ^ product as u64
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.number() >> 32) * u64::from(bound)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fill_their_range_evenly() {
        let mut random = Random::seeded(7);
        let mut counts = [0u32; 10];
        (0..100_000).for_each(|_| counts[random.below(10) as usize] += 1);
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        assert_eq!((random.below(0), random.below(1)), (0, 0));
    }

    #[test]
    fn a_threads_sequence_goes_on() {
        let first = Random::with_local(Random::number);
        assert_ne!(first, Random::with_local(Random::number));
    }
}
