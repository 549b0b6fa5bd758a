//! Draws an index in proportion to weights, in constant time.
//!
//! Walker's alias method: the total is cut into as many equal columns as there are weights, and each column belongs to
//! at most two of them; a draw takes a random column and then one of its two.

use std::sync::Arc;

use super::{Ask, Endpoint};

/// How often a draw that was not accepted is repeated before all are gone through.
const DRAWS: usize = 3;

/// The columns; none if all weights are equal, because then every draw is as good as another.
#[derive(Debug)]
pub(super) struct Table {
    columns: Box<[Column]>,
    count: u32,
}

#[derive(Clone, Copy, Debug)]
struct Column {
    /// Below this (of 2³²) the column's own index is drawn, else `other`.
    own: u32,
    other: u32,
}

impl Table {
    /// A table over these weights, which must not be 0.
    pub(super) fn new(weights: impl ExactSizeIterator<Item = u32> + Clone) -> Self {
        let count = u32::try_from(weights.len()).unwrap_or(u32::MAX);
        let first = weights.clone().next();
        if weights.clone().all(|weight| Some(weight) == first) {
            return Table { columns: Box::default(), count };
        }
        Table { columns: columns(weights), count }
    }

    /// A random index.
    #[inline]
    pub(super) fn draw(&self, random: &mut super::Random) -> usize {
        let number = random.number();
        let index = ((number >> 32) * u64::from(self.count)) >> 32;
        match self.columns.get(index as usize) {
            Some(column) if number as u32 >= column.own => column.other as usize,
            _ => index as usize,
        }
    }

    /// The index of a random endpoint that is accepted and not `except`.
    #[inline(always)] // half of what a pick costs would be the calls
    pub(super) fn accepted(
        &self,
        endpoints: &[Arc<Endpoint>],
        ask: &mut Ask<'_>,
        except: Option<usize>,
    ) -> Option<usize> {
        let index = self.draw(ask.random);
        if Some(index) != except && ask.accepts(&endpoints[index]) {
            return Some(index);
        }
        self.accepted_other(endpoints, ask, except)
    }

    /// Some more draws, then all in turn.
    #[cold]
    fn accepted_other(
        &self,
        endpoints: &[Arc<Endpoint>],
        ask: &mut Ask<'_>,
        except: Option<usize>,
    ) -> Option<usize> {
        for _ in 0..DRAWS {
            let index = self.draw(ask.random);
            if Some(index) != except && ask.accepts(&endpoints[index]) {
                return Some(index);
            }
        }
        let start = ask.random.below(self.count) as usize;
        let mut around = (start..endpoints.len()).chain(0..start);
        around.find(|index| Some(*index) != except && ask.accepts(&endpoints[*index]))
    }
}

fn columns(weights: impl ExactSizeIterator<Item = u32> + Clone) -> Box<[Column]> {
    const WHOLE: f64 = (1u64 << 32) as f64;
    let mean = weights.clone().map(f64::from).sum::<f64>() / weights.len() as f64;
    let mut left: Vec<f64> = weights.map(|weight| f64::from(weight) / mean).collect();
    let mut columns: Vec<Column> =
        (0..left.len()).map(|it| Column { own: u32::MAX, other: it as u32 }).collect();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..left.len()).partition(|it| left[*it] < 1.0);
    while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
        columns[poor] = Column { own: (left[poor] * WHOLE) as u32, other: rich as u32 };
        left[rich] -= 1.0 - left[poor];
        if left[rich] < 1.0 {
            large.pop();
            small.push(rich);
        }
    }
    columns.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::Random;

    fn shares(weights: &[u32]) -> Vec<f64> {
        let table = Table::new(weights.iter().copied());
        let (mut random, mut counts) = (Random::seeded(3), vec![0f64; weights.len()]);
        (0..400_000).for_each(|_| counts[table.draw(&mut random)] += 1.0 / 400_000.0);
        counts
    }

    #[test]
    fn draws_follow_the_weights() {
        let mut random = Random::seeded(9);
        let mut cases = vec![vec![1], vec![1, 1], vec![1, 99], vec![u32::MAX, 1], vec![5, 1, 1]];
        cases.extend((0..20).map(|_| (0..2 + random.below(20)).map(|_| 1 + random.below(50)).collect()));
        for weights in cases {
            let total: f64 = weights.iter().copied().map(f64::from).sum();
            for (share, weight) in shares(&weights).into_iter().zip(&weights) {
                let expected = f64::from(*weight) / total;
                assert!((share - expected).abs() < 0.006, "{weights:?}: {share} for {weight}");
            }
        }
    }
}
