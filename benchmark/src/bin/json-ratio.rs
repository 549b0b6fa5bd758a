//! How many times faster JSON becomes Thrift, and Thrift JSON, than serde_json makes a tree of the same JSON.
//!
//! `cargo run --release -p benchmark --bin json-ratio [-- --gate]` prints a line of JSON for each direction, and one that
//! compares with writing a tree that is there already; with `--gate` it fails if one of the first two is too small.

use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use benchmark::json::Reply;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Three is what we promise; processors differ, and a gate must not be a matter of luck.
const GATE: f64 = 2.5;

/// The fastest of many short rounds, with all four taking turns, is what a disturbed machine tells best.
const ROUNDS: usize = 300;
const ROUND: usize = 4;

fn main() -> ExitCode {
    let reply = Reply::page();
    let mut best = [Duration::MAX; 4];
    for _ in 0..ROUNDS {
        let round = [
            timed(|| reply.thrift_from_json()),
            timed(|| reply.tree_from_json()),
            timed(|| reply.json_from_thrift()),
            timed(|| reply.json_from_tree()),
        ];
        best.iter_mut().zip(round).for_each(|(best, time)| *best = time.min(*best));
    }
    let [from_json, tree_from_json, to_json, tree_to_json] =
        best.map(|time| time.as_secs_f64() * 1e9 / ROUND as f64);
    let mut least = f64::MAX;
    for (metric, ours, peer, theirs, counts) in [
        ("thrift from json", from_json, "serde_json, a tree from json", tree_from_json, true),
        ("json from thrift", to_json, "serde_json, a tree from json", tree_from_json, true),
        ("json from thrift", to_json, "serde_json, json from a tree", tree_to_json, false),
    ] {
        let ratio = theirs / ours;
        println!(
            "{{\"suite\":\"json\",\"case\":\"page-20\",\"metric\":\"{metric}\",\"ours\":{ours:.0},\"peer\":\"{peer}\",\
             \"theirs\":{theirs:.0},\"ratio\":{ratio:.2},\"unit\":\"ns\"}}"
        );
        if counts {
            least = least.min(ratio);
        }
    }
    if std::env::args().any(|argument| argument == "--gate") && least < GATE {
        eprintln!("less than {GATE} times as fast");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn timed<T>(mut run: impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    for _ in 0..ROUND {
        black_box(run());
    }
    start.elapsed()
}
