//! The layers suite: instructions that a layer adds to a call which does not need it, ours beside tower's and Volo's.
//!
//! Each layer is around a service that answers at once; what the same system takes for that service alone is
//! subtracted. A call is made, made ready, called and polled to its end without a scheduler.

mod tower;

use std::collections::HashMap;

use crate::{
    callgrind,
    report::{Better, Figure, Report},
};

/// The word by which the driver asks itself for the pass under callgrind.
const COUNTED: &str = "layers-counted";

const SUITE: &str = "layers";
const CALLS: usize = 1_000;
/// The name, in each system, of the service alone.
const BARE: &str = "bare";

/// A layer of ours, and what it is beside: another system's layer, or what it may take.
const PAIRS: [(&str, Peer); 17] = [
    ("timeout", Peer::Limit(100.0)),
    ("timeout", Peer::System("tower", "timeout")),
    ("timeout", Peer::System("volo", "timeout")),
    ("retry", Peer::System("tower", "retry")),
    ("balance", Peer::System("tower", "balance")),
    ("balance", Peer::System("volo", "balance")),
    ("reject", Peer::System("tower", "filter")),
    ("rate limit", Peer::System("tower", "rate limit")),
    ("rate limit", Peer::System("tower", "concurrency limit")),
    ("boxed", Peer::System("tower", "boxed")),
    ("breaker", Peer::System("tower", "load shed")),
    ("fallback", Peer::System("tower", "load shed")),
    ("fault", Peer::System("tower", "load shed")),
    ("default stack", Peer::Limit(1_500.0)),
    ("default stack", Peer::System("tower", "stack")),
    ("default stack", Peer::System("volo", "stack")),
    ("client", Peer::Limit(1_500.0)),
];

#[derive(Clone, Copy)]
enum Peer {
    /// The layer of another system.
    System(&'static str, &'static str),
    /// The most that ours may take.
    Limit(f64),
}

type Cases = Vec<(&'static str, Box<dyn FnMut() + Send>)>;

fn systems() -> [(&'static str, Cases); 3] {
    [("ours", peer_ours::layers()), ("tower", tower::cases()), ("volo", peer_volo::layers::cases())]
}

/// Counts every pair.
pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    let counts = callgrind::run(&[COUNTED])?;
    for (case, peer) in PAIRS {
        let ours = above_bare(&counts, "ours", case);
        let (name, theirs) = match peer {
            Peer::System(system, case) => (system, above_bare(&counts, system, case)),
            Peer::Limit(limit) => ("limit", limit),
        };
        let case = match peer {
            Peer::System(_, other) if other != case => format!("{case} / {other}"),
            _ => case.to_owned(),
        };
        let unit = ("instructions", Better::Lower);
        report.add(Figure::new((SUITE, &case, "above_bare"), ours, (name, theirs), unit))?;
    }
    Ok(())
}

/// The role that the driver gives to this program under callgrind.
pub(crate) fn role(words: &[&str]) -> Option<Result<(), String>> {
    match words.split_first()? {
        (&COUNTED, _) => Some(run_counted()),
        _ => None,
    }
}

fn run_counted() -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    // Inside of it timers can be made; nothing drives them, nothing waits for them.
    let _entered = runtime.enter();
    for (system, cases) in systems() {
        for (case, mut run) in cases {
            (0..CALLS).for_each(|_| run());
            callgrind::measure(&format!("{system}/{case}"), || (0..CALLS).for_each(|_| run()));
        }
    }
    Ok(())
}

fn above_bare(counts: &HashMap<String, f64>, system: &str, case: &str) -> f64 {
    let count = |case| counts.get(&format!("{system}/{case}")).map_or(f64::NAN, |count| count / CALLS as f64);
    count(case) - count(BARE)
}
