//! One endpoint after the other, by a schedule that is computed once per list.
//!
//! An endpoint of weight w has w places in the schedule, as far from each other as possible, so that its calls come
//! evenly and not in a burst.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::{Ask, Endpoint, Pick, Policy, Random};

/// Places in a schedule; beyond it, weights are rounded. Each endpoint has at least one.
const PLACES_MAX: usize = 4096;

/// Picks in turn, by weight.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundRobin;

impl Policy for RoundRobin {
    fn picker(&self, endpoints: &Arc<[Arc<Endpoint>]>) -> Box<dyn Pick> {
        let weights: Vec<u32> = endpoints.iter().map(|endpoint| endpoint.weight()).collect();
        let places = schedule(&weights);
        // Clients that start together must not all begin with the same endpoint.
        let start =
            Random::with_local(|random| random.below(u32::try_from(places.len()).unwrap_or(u32::MAX)));
        Box::new(Picker { endpoints: endpoints.clone(), places, next: AtomicUsize::new(start as usize) })
    }
}

struct Picker {
    endpoints: Arc<[Arc<Endpoint>]>,
    places: Box<[u32]>,
    next: AtomicUsize,
}

impl Pick for Picker {
    fn pick(&self, ask: &mut Ask<'_>) -> Option<&Arc<Endpoint>> {
        for _ in 0..self.places.len() {
            let place = self.next.fetch_add(1, Relaxed) % self.places.len();
            let endpoint = &self.endpoints[self.places[place] as usize];
            if ask.accepts(endpoint) {
                return Some(endpoint);
            }
        }
        None
    }
}

/// Indices in the order of their turns: the k-th of w turns of an endpoint is at (k + ½) / w of the round.
fn schedule(weights: &[u32]) -> Box<[u32]> {
    let counts = places(weights);
    let mut turns: Vec<(f64, u32)> = Vec::with_capacity(counts.iter().sum());
    for (index, &count) in counts.iter().enumerate() {
        turns.extend((0..count).map(|turn| ((turn as f64 + 0.5) / count as f64, index as u32)));
    }
    turns.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    turns.into_iter().map(|(_, index)| index).collect()
}

fn places(weights: &[u32]) -> Vec<usize> {
    let divisor = weights.iter().copied().fold(0, greatest_common_divisor).max(1);
    let total: u64 = weights.iter().map(|weight| u64::from(weight / divisor)).sum();
    if total <= PLACES_MAX as u64 {
        return weights.iter().map(|weight| (weight / divisor) as usize).collect();
    }
    let scale = PLACES_MAX as f64 / total as f64;
    weights.iter().map(|weight| ((f64::from(weight / divisor) * scale).round() as usize).max(1)).collect()
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_interleaved() {
        assert_eq!(*schedule(&[10, 10, 10]), [0, 1, 2]);
        assert_eq!(*schedule(&[5, 1, 1]), [0, 0, 0, 1, 2, 0, 0]);
        assert_eq!(*schedule(&[20, 10]), [0, 1, 0]);
    }

    #[test]
    fn gaps_between_turns_differ_by_little() {
        let mut random = Random::seeded(5);
        for _ in 0..50 {
            let weights: Vec<u32> = (0..2 + random.below(30)).map(|_| 1 + random.below(100)).collect();
            let round = schedule(&weights);
            for (index, &count) in places(&weights).iter().enumerate() {
                let at: Vec<usize> = (0..2 * round.len())
                    .filter(|place| round[place % round.len()] as usize == index)
                    .collect();
                assert_eq!(at.len(), 2 * count);
                let even = round.len() as f64 / count as f64;
                let slack = weights.len() as f64 + 1.0;
                assert!(at.windows(2).all(|pair| ((pair[1] - pair[0]) as f64 - even).abs() <= slack));
            }
        }
    }

    #[test]
    fn huge_weights_make_no_huge_schedule() {
        let weights = [u32::MAX, 1, u32::MAX - 1];
        let round = schedule(&weights);
        assert!(round.len() <= PLACES_MAX + weights.len());
        assert_eq!(round.iter().filter(|index| **index == 1).count(), 1);
    }
}
