//! The bodies under mutated valid inputs, so that no nightly compiler is needed to run them.

use super::*;

/// Inputs per target; `FUZZ_CASES` asks for more, `FUZZ_SEED` for others.
const CASES: u64 = 100_000;

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn drive(name: &str) {
    let target = target(name);
    let seeds = (target.seeds)();
    assert!(seeds.len() >= 50, "{} seeds", seeds.len());
    let first = number_of("FUZZ_SEED").unwrap_or_default() << 40;
    let started = std::time::Instant::now();
    let cases = number_of("FUZZ_CASES").unwrap_or(CASES);
    seeds.iter().for_each(|seed| (target.body)(seed));
    for number in first..first + cases {
        let bytes = mutate(&seeds, number);
        let outcome = std::panic::catch_unwind(|| (target.body)(&bytes));
        assert!(outcome.is_ok(), "{name}, case {number}: {}", hex(&bytes));
    }
    println!("{name}: {:.0} executions/s", cases as f64 / started.elapsed().as_secs_f64());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn binary() {
    drive("binary");
}

#[test]
fn compact() {
    drive("compact");
}

#[test]
fn skip() {
    drive("skip");
}

#[test]
fn round_trip() {
    drive("round_trip");
}

#[test]
fn framed() {
    drive("framed");
}

#[test]
fn ttheader() {
    drive("ttheader");
}

#[test]
fn conn() {
    drive("conn");
}
