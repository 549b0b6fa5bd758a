//! How many retries all calls together may cause, so that failures don't multiply the load that causes them.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

/// What one retry costs; a call pays in its percentage of that.
const PRICE: i64 = 100;

/// Retries that can be saved up.
const SAVINGS_MAX: i64 = 100 * PRICE;

/// A share of the calls that may be retried: each call pays in, each retry takes out.
///
/// Over any time there are at most that share of retries, and the reserve it began with. Retries that were not needed
/// are saved up to a hundred.
#[derive(Debug)]
pub struct Budget {
    percent: AtomicU32,
    savings: AtomicI64,
}

impl Budget {
    /// At most so many retries per hundred calls, and `reserve` more in all, for clients that have made no calls yet.
    pub fn new(percent: u32, reserve: u32) -> Self {
        let savings = (i64::from(reserve) * PRICE).min(SAVINGS_MAX);
        Budget { percent: AtomicU32::new(percent), savings: AtomicI64::new(savings) }
    }

    /// Changes the share, in percent.
    pub fn set_percent(&self, percent: u32) {
        self.percent.store(percent, Ordering::Relaxed);
    }

    /// The share, in percent.
    pub fn percent(&self) -> u32 {
        self.percent.load(Ordering::Relaxed)
    }

    /// Takes note of a call.
    pub fn deposit(&self) {
        if self.savings.load(Ordering::Relaxed) < SAVINGS_MAX {
            let share = self.percent.load(Ordering::Relaxed);
            self.savings.fetch_add(share.into(), Ordering::Relaxed);
        }
    }

    /// Whether there may be one more retry; if so, it is taken out.
    pub fn withdraw(&self) -> bool {
        if self.savings.fetch_sub(PRICE, Ordering::Relaxed) >= PRICE {
            return true;
        }
        self.refund();
        false
    }

    /// Puts a retry back that was not made after all.
    pub fn refund(&self) {
        self.savings.fetch_add(PRICE, Ordering::Relaxed);
    }

    /// How many retries there may be now.
    pub fn available(&self) -> u32 {
        u32::try_from(self.savings.load(Ordering::Relaxed) / PRICE).unwrap_or(0)
    }
}

/// A fifth of the calls, and ten to begin with.
impl Default for Budget {
    fn default() -> Self {
        Budget::new(20, 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::dice::Dice;

    #[test]
    fn retries_are_a_share_of_the_calls_whatever_happens() {
        for seed in 0..50 {
            let dice = Dice::seeded(seed);
            let (percent, reserve) = (dice.below(60), dice.below(20));
            let budget = Budget::new(percent as u32, reserve as u32);
            let (mut calls, mut retries, mut savings) = (0, 0, reserve * 100);
            for _ in 0..5_000 {
                if dice.percent(70) {
                    budget.deposit();
                    calls += 1;
                    savings += if savings < 10_000 { percent } else { 0 };
                } else {
                    let paid = budget.withdraw();
                    assert_eq!(paid, savings >= 100, "seed {seed}");
                    savings -= if paid { 100 } else { 0 };
                    retries += u64::from(paid);
                }
                assert!(retries * 100 <= calls * percent + reserve * 100, "seed {seed}");
            }
        }
    }

    #[test]
    fn an_empty_budget_refuses_until_calls_paid_in() {
        let budget = Budget::new(20, 1);
        assert!(budget.withdraw() && !budget.withdraw());
        (0..5).for_each(|_| budget.deposit());
        assert!(budget.withdraw() && !budget.withdraw());
        budget.set_percent(100);
        budget.deposit();
        assert_eq!(budget.available(), 1);
    }
}
