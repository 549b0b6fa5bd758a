//! What every picker promises: fairness, steadiness, and that nobody is picked who must not be.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use faststr::FastStr;

use super::{
    Ask, Balancer, ConsistentHash, Ejection, Endpoint, HashKey, Instance, LeastInFlight, LoadBalance,
    PeakEwma, Policy, Random, RoundRobin, Snapshot, WeightedRandom, latency::Decay, stable_hash,
};
use crate::{Address, Attempt, Body, Context, DecodeLimits, Format, Raw, Request, Retry, layers::Verdict};

/// The first of several attempts at a call.
fn first_attempt() -> Attempt {
    Attempt { tried: Some(Arc::default()), ..Attempt::default() }
}

fn instance(number: usize) -> Instance {
    let address = SocketAddr::from(([10, 0, (number >> 8) as u8, number as u8], 80));
    Instance::new(Address::Tcp(address))
}

fn endpoints(weights: &[u32]) -> Vec<Arc<Endpoint>> {
    let instances = weights.iter().enumerate().map(|(number, weight)| instance(number).with_weight(*weight));
    instances.map(|instance| Arc::new(Endpoint::new(instance))).collect()
}

fn policies() -> Vec<Box<dyn Policy>> {
    let key = HashKey::new(|_| None);
    vec![
        Box::new(LeastInFlight),
        Box::new(PeakEwma::default()),
        Box::new(RoundRobin),
        Box::new(WeightedRandom),
        Box::new(ConsistentHash::new(key)),
    ]
}

fn picked(snapshot: &Snapshot, random: &mut Random, attempt: &Attempt, key: Option<u64>) -> Arc<Endpoint> {
    let mut ask = Ask::new(random, attempt);
    ask.key = key;
    snapshot.pick(&mut ask).unwrap().clone()
}

/// How the picks of calls that are over at once spread; keyed calls have random keys.
fn shares(policy: &dyn Policy, weights: &[u32], picks: usize) -> Vec<f64> {
    let list = endpoints(weights);
    let snapshot = Snapshot::new(policy, list.clone());
    let (mut random, attempt) = (Random::seeded(17), Attempt::default());
    for _ in 0..picks {
        let endpoint = picked(&snapshot, &mut random, &attempt, None);
        endpoint.begin();
        endpoint.end();
    }
    list.iter().map(|endpoint| endpoint.picks() as f64 / picks as f64).collect()
}

#[test]
fn equal_instances_get_equal_shares() {
    for policy in policies() {
        // Points on a ring are spread by chance, so that a hash is even only to some tenths.
        let slack = if policy.counts_total() { 0.35 } else { 0.12 };
        for count in [1, 2, 3, 10, 64] {
            let even = 1.0 / count as f64;
            for share in shares(&*policy, &vec![10; count], 60_000) {
                assert!((share - even).abs() < slack * even + 1e-9, "{policy:?}, {count}: {share}");
            }
        }
    }
}

#[test]
fn shares_follow_weights() {
    for policy in policies() {
        let slack = if policy.counts_total() { 0.35 } else { 0.1 };
        for weights in [&[10, 20, 30][..], &[1, 9], &[10, 10, 0], &[100, 1, 50, 25]] {
            // Two choices without load compare by weight: the heavier of two wins.
            if policy.latency_decay().is_some() || format!("{policy:?}") == "LeastInFlight" {
                continue;
            }
            let total: u32 = weights.iter().sum();
            for (share, weight) in shares(&*policy, weights, 60_000).iter().zip(weights) {
                let expected = f64::from(*weight) / f64::from(total);
                assert!(
                    (share - expected).abs() <= slack * expected.max(0.02),
                    "{policy:?}, {weights:?}: {share}"
                );
            }
        }
    }
}

/// Calls that last, offered faster than any instance alone could serve: weights say how fast each one is.
#[test]
fn under_load_calls_follow_capacity() {
    let weights = [10, 20, 40];
    for policy in [Box::new(LeastInFlight) as Box<dyn Policy>, Box::new(PeakEwma::default())] {
        let list = endpoints(&weights);
        let snapshot = Snapshot::new(&*policy, list.clone());
        let (mut random, attempt) = (Random::seeded(23), Attempt::default());
        for endpoint in &list {
            endpoint.stats.latency.record(0, 1_000_000, Decay::over(Duration::MAX));
        }
        for _ in 0..7_000 {
            picked(&snapshot, &mut random, &attempt, None).begin();
        }
        for (endpoint, weight) in list.iter().zip(weights) {
            let expected = 7_000.0 * f64::from(weight) / 70.0;
            assert!(
                (f64::from(endpoint.in_flight()) - expected).abs() < 0.1 * expected,
                "{policy:?} {weight}"
            );
        }
    }
}

#[test]
fn two_choices_keep_the_busiest_from_standing_out() {
    let list = endpoints(&[10; 100]);
    let snapshot = Snapshot::new(&LeastInFlight, list.clone());
    let (mut random, attempt) = (Random::seeded(2), Attempt::default());
    for _ in 0..10_000 {
        picked(&snapshot, &mut random, &attempt, None).begin();
    }
    let busiest = list.iter().map(|endpoint| endpoint.in_flight()).max().unwrap();
    assert!(busiest <= 106, "{busiest} of 100 on average; at random it would be about 130");
}

#[test]
fn the_slow_one_gets_few_calls() {
    let list = endpoints(&[10; 4]);
    for (endpoint, millis) in list.iter().zip([500, 2, 2, 2]) {
        endpoint.stats.latency.record(0, millis * 1_000_000, Decay::over(Duration::MAX));
    }
    let snapshot = Snapshot::new(&PeakEwma::default(), list.clone());
    let (mut random, attempt) = (Random::seeded(4), Attempt::default());
    for _ in 0..1_000 {
        let endpoint = picked(&snapshot, &mut random, &attempt, None);
        assert!(!Arc::ptr_eq(&endpoint, &list[0]), "no pair is worse than the slow one");
    }
}

fn owner(snapshot: &Snapshot, key: u64) -> usize {
    let (mut random, attempt) = (Random::seeded(1), Attempt::default());
    let endpoint = picked(snapshot, &mut random, &attempt, Some(key));
    let Address::Tcp(address) = &endpoint.instance().address else { panic!() };
    let std::net::IpAddr::V4(ip) = address.ip() else { panic!() };
    usize::from(ip.octets()[2]) * 256 + usize::from(ip.octets()[3])
}

#[test]
fn a_new_instance_moves_few_keys_and_only_to_itself() {
    let hash = ConsistentHash::new(HashKey::new(|_| None));
    let keys: Vec<u64> = (0..40_000u32).map(|key| stable_hash(&key.to_le_bytes())).collect();
    for count in [1, 2, 5, 16, 64, 255] {
        let before = Snapshot::new(&hash, endpoints(&vec![10; count]));
        let after = Snapshot::new(&hash, endpoints(&vec![10; count + 1]));
        let mut moved = 0;
        for key in &keys {
            let (old, new) = (owner(&before, *key), owner(&after, *key));
            assert!(new == old || new == count, "a key went from {old} to {new}, of which neither is new");
            moved += usize::from(new != old);
        }
        let share = moved as f64 / keys.len() as f64;
        assert!(share <= 1.5 / (count + 1) as f64, "{count}: {share}");
        assert!(share >= 0.5 / (count + 1) as f64, "{count}: {share}");
    }
}

#[test]
fn a_popular_key_overloads_nobody() {
    let hash = ConsistentHash::new(HashKey::new(|_| None));
    let total: Arc<std::sync::atomic::AtomicU32> = Arc::default();
    let list: Vec<_> = (0..10)
        .map(|number| Arc::new(Endpoint::with_stats(instance(number), Arc::default(), Some(total.clone()))))
        .collect();
    let snapshot = Snapshot::new(&hash, list.clone());
    let (mut random, attempt) = (Random::seeded(1), Attempt::default());
    for _ in 0..1_000 {
        picked(&snapshot, &mut random, &attempt, Some(42)).begin();
    }
    let busiest = list.iter().map(|endpoint| endpoint.in_flight()).max().unwrap();
    assert!((100..=126).contains(&busiest), "{busiest}");
    list.iter().for_each(|endpoint| (0..endpoint.in_flight()).for_each(|_| endpoint.end()));
    let home = picked(&snapshot, &mut random, &attempt, Some(42));
    assert!(Arc::ptr_eq(&home, &picked(&snapshot, &mut random, &attempt, Some(42))));
}

#[test]
fn nobody_is_picked_who_must_not_be() {
    let mut random = Random::seeded(99);
    for round in 0..300 {
        for policy in policies() {
            let count = 1 + random.below(12) as usize;
            let weights: Vec<u32> = (0..count).map(|_| random.below(4) * 10).collect();
            let list = endpoints(&weights);
            let snapshot = Snapshot::new(&*policy, list.clone());
            let rules = Ejection::default();
            let has_weight = weights.iter().any(|weight| *weight > 0);
            let usable = |it: &Endpoint| it.instance().weight > 0 || !has_weight;
            list.iter().filter(|_| round % 3 > 0).for_each(|it| {
                if random.below(2) == 0 {
                    it.stats.standing.eject(0, &rules);
                }
            });
            let attempt = first_attempt();
            for number in 0..count as u32 + 2 {
                let attempt = attempt.further(number);
                let endpoint = picked(&snapshot, &mut random, &attempt, None);
                assert!(usable(&endpoint), "{policy:?} {weights:?}");
                let better = |it: &&Arc<Endpoint>| usable(it) && !it.is_ejected();
                let fresh = |it: &Arc<Endpoint>| !attempt.has_tried(it.peer());
                if list.iter().any(|it| better(&it)) {
                    assert!(!endpoint.is_ejected(), "{policy:?}");
                }
                if list.iter().filter(better).any(fresh) {
                    assert!(fresh(&endpoint), "{policy:?} picked again in attempt {number}");
                }
                attempt.note_pick(endpoint.peer());
            }
        }
    }
}

#[test]
fn local_instances_come_first_until_they_are_busy() {
    let policy = super::SameHostFirst::new(Arc::new(LeastInFlight), 4);
    let near = ["127.0.0.1:1", "unix:///run/a"].map(|text| Arc::new(Endpoint::new(text.parse().unwrap())));
    let mut list = endpoints(&[10; 6]);
    list.extend(near.iter().cloned());
    let snapshot = Snapshot::new(&policy, list);
    let (mut random, attempt) = (Random::seeded(8), first_attempt());
    for _ in 0..6 {
        let endpoint = picked(&snapshot, &mut random, &attempt, None);
        assert!(endpoint.is_local());
        endpoint.begin();
    }
    while near.iter().any(|it| it.in_flight() < 4) {
        picked(&snapshot, &mut random, &attempt, None).begin();
    }
    assert!((0..50).all(|_| !picked(&snapshot, &mut random, &attempt, None).is_local()), "they spill over");
    near[0].end();
    near[1].end();
    assert!(picked(&snapshot, &mut random, &attempt, None).is_local());
    near.iter().for_each(|it| it.stats.standing.eject(0, &Ejection::default()));
    assert!(!picked(&snapshot, &mut random, &attempt, None).is_local(), "a broken neighbour is no use");
}

fn request() -> Request {
    let limits = DecodeLimits { depth_max: 1, memory_max: 0 };
    let raw = Raw { format: Format(0), bytes: bytes::Bytes::new(), limits };
    Request::new(Context::new("Catalog", "list"), Body::Raw(raw))
}

#[tokio::test(start_paused = true)]
async fn statistics_stay_with_their_instance() {
    let balancer = Balancer::new(LoadBalance::consistent_hash(HashKey::metainfo("user")));
    assert!(balancer.pick(&request()).is_none());
    balancer.update((0..3).map(instance));
    let held: Vec<_> = (0..30).map(|_| balancer.pick(&request()).unwrap()).collect();
    let total = || balancer.snapshot().endpoints().iter().map(|it| it.in_flight()).sum::<u32>();
    assert_eq!(total(), 30);
    balancer.update((0..4).map(|number| instance(number).with_weight(5)));
    assert_eq!(total(), 30);
    drop(held);
    assert_eq!(total(), 0);
    balancer.update([instance(1), instance(1).with_weight(7), instance(2)]);
    assert_eq!(balancer.snapshot().endpoints().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn failing_instances_are_ejected_up_to_the_limit_and_return() {
    let balancer = Balancer::new(LoadBalance::round_robin());
    balancer.update((0..4).map(instance));
    let run = |calls: usize, bad: &[FastStr]| {
        let mut failed = 0;
        for _ in 0..calls {
            let picked = balancer.pick(&request()).unwrap();
            let fails = bad.contains(&picked.endpoint().instance().id);
            failed += usize::from(fails);
            picked.finish(if fails { Verdict::Failure(Retry::Never) } else { Verdict::Success });
        }
        failed
    };
    let out = || {
        let (snapshot, mut ids) = (balancer.snapshot(), Vec::new());
        let out = snapshot.endpoints().iter().filter(|it| it.is_ejected());
        ids.extend(out.map(|it| it.instance().id.clone()));
        ids
    };
    let bad = [0, 1, 2].map(|number| instance(number).id);
    run(100, &bad);
    let first_out = out();
    assert_eq!(first_out.len(), 2, "half of four");
    assert!((400..=600).contains(&run(1000, &bad)), "one bad one is still in");
    tokio::time::advance(Duration::from_secs(6)).await;
    let failed = run(1000, &first_out);
    assert!(
        out() == first_out && failed < 200,
        "whoever is asked whether it is well gets few calls: {failed}"
    );

    // Now all are well.
    for _ in 0..600 {
        tokio::time::advance(Duration::from_millis(100)).await;
        (0..20).for_each(|_| balancer.pick(&request()).unwrap().finish(Verdict::Success));
    }
    assert!(balancer.snapshot().endpoints().iter().all(|it| it.share() == 1.0));
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_given_up_count_only_if_slow() {
    let slow_after = Some(Duration::from_millis(100));
    let balancer =
        Balancer::new(LoadBalance::default().ejection(Ejection { slow_after, ..Ejection::default() }));
    balancer.update((0..2).map(instance));
    (0..100).for_each(|_| drop(balancer.pick(&request())));
    let share = || balancer.snapshot().endpoints().iter().map(|it| it.share()).sum::<f64>();
    assert_eq!(share(), 2.0);
    let held: Vec<_> = (0..20).map(|_| balancer.pick(&request()).unwrap()).collect();
    tokio::time::advance(Duration::from_millis(200)).await;
    drop(held);
    assert_eq!(share(), 1.0);
}
