//! What one pick of each policy costs, in instructions.
//!
//! ```sh
//! cargo build --release -p volo-core --example picks
//! for picks in 1000 11000; do
//!     valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/examples/picks p2c 256 $picks
//! done
//! ```
//! The difference of both totals, divided by 10,000, is what one pick costs. `call-…` measures a whole call through
//! the balancer instead: the pick, counting the call as under way, and its end.

use std::{hint::black_box, sync::Arc};

use volo_core::{
    Address, Attempt, Body, Context, DecodeLimits, Format, Raw, Request,
    balance::{
        Ask, Balancer, ConsistentHash, Endpoint, HashKey, Instance, LeastInFlight, LoadBalance, PeakEwma,
        Policy, Random, RoundRobin, Snapshot, WeightedRandom,
    },
    layers::Verdict,
};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, policy, instances, picks] = &arguments[..] else {
        eprintln!("usage: picks POLICY INSTANCES PICKS");
        std::process::exit(2);
    };
    let instances: u16 = instances.parse().expect("a number of instances");
    let picks: usize = picks.parse().expect("a number of picks");
    let list = (0..instances).map(instance);
    match policy.as_str() {
        "call-p2c" => calls(LoadBalance::least_in_flight(), list, picks),
        "call-ewma" => calls(LoadBalance::peak_ewma(), list, picks),
        policy => pure(&*by_name(policy), list, picks),
    }
}

fn by_name(name: &str) -> Box<dyn Policy> {
    match name {
        "p2c" => Box::new(LeastInFlight),
        "ewma" => Box::new(PeakEwma::default()),
        "round-robin" => Box::new(RoundRobin),
        "random" => Box::new(WeightedRandom),
        "hash" => Box::new(ConsistentHash::new(HashKey::new(|_| None))),
        _ => panic!("no such policy: {name}"),
    }
}

/// Some weigh more than others, as the dearer case.
fn instance(number: u16) -> Instance {
    let [high, low] = number.to_be_bytes();
    let address = Address::Tcp(([10, 0, high, low], 80).into());
    Instance::new(address).with_weight(10 + u32::from(number % 3))
}

fn pure(policy: &dyn Policy, list: impl Iterator<Item = Instance>, picks: usize) {
    let endpoints = list.map(|instance| Arc::new(Endpoint::new(instance))).collect();
    let snapshot = Snapshot::new(policy, endpoints);
    let (mut random, attempt) = (Random::seeded(1), Attempt::default());
    for _ in 0..picks {
        let mut ask = Ask::new(&mut random, &attempt);
        ask.now_ns = 1;
        black_box(snapshot.pick(&mut ask));
    }
}

fn calls(load_balance: LoadBalance, list: impl Iterator<Item = Instance>, calls: usize) {
    let limits = DecodeLimits { depth_max: 1, memory_max: 0 };
    let raw = Raw { format: Format(0), bytes: bytes::Bytes::new(), limits };
    let request = Request::new(Context::new("Catalog", "list"), Body::Raw(raw));
    let balancer = Balancer::new(load_balance);
    balancer.update(list);
    for _ in 0..calls {
        let picked = balancer.pick(black_box(&request)).expect("there are instances");
        black_box(&picked);
        picked.finish(Verdict::Success);
    }
}
