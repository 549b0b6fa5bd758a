//! The transport suite: bare messages between two processes, and whole calls over shared memory and Unix sockets.

mod calibration;
mod links;
mod process;
mod sockets;

use std::time::Instant;

use peer_harness::rpc::{Outcome, Work};
use process::{LOAD, Place, Run, SERVE, System};

use crate::report::{Better, Figure, Report, ratio};

const SUITE: &str = "transport";
const ROUNDS: usize = 7;
const ROUNDS_QUICK: usize = 3;

/// What is compared where: sizes, messages under way, and whom with.
const LATENCY: [usize; 5] = [64, 4 << 10, 16 << 10, 64 << 10, 1 << 20];
const THROUGHPUT: [usize; 4] = [64, 4 << 10, 64 << 10, 1 << 20];
const BATCHED: [usize; 3] = [64, 4 << 10, 16 << 10];
const TRUSTED: [usize; 2] = [64 << 10, 1 << 20];

/// Median of the rounds' ratios, and of the values themselves, of one metric.
type Metric = (&'static str, &'static str, Better, fn(&Outcome) -> f64);
const ONE: [Metric; 3] = [
    ("latency", "us", Better::Lower, |outcome| outcome.p50),
    ("p99", "us", Better::Lower, |outcome| outcome.p99),
    ("cpu_us", "us", Better::Lower, |outcome| outcome.server + outcome.client),
];
const MANY: [Metric; 2] = [
    ("throughput", "1/s", Better::Higher, |outcome| outcome.qps),
    ("cpu_us", "us", Better::Lower, |outcome| outcome.server + outcome.client),
];

/// One case: what is sent, and who takes part.
struct Case {
    name: String,
    ours: System,
    peers: Vec<System>,
    run: Run,
    place: Place,
    metrics: &'static [Metric],
}

/// The roles that the driver gives to other processes of this program.
pub(crate) fn role(words: &[&str]) -> Option<Result<(), String>> {
    match words.split_first()? {
        (&SERVE, words) => Some(process::serve(words)),
        (&LOAD, words) => Some(process::load(words)),
        _ => None,
    }
}

/// Measures everything, or those cases whose names are in `only`.
///
/// # Errors
/// When a case failed; the others were measured nevertheless.
pub(crate) fn run(
    report: &mut Report,
    quick: bool,
    rounds: Option<usize>,
    only: &[&str],
) -> Result<(), String> {
    let rounds = rounds.unwrap_or(if quick { ROUNDS_QUICK } else { ROUNDS }).max(1);
    eprintln!(
        "# two processes, each pinned to a processor, tokio's current_thread runtime in each; {rounds} rounds"
    );
    let (start, mut failed) = (Instant::now(), Vec::new());
    for case in cases().iter().filter(|case| only.is_empty() || only.contains(&case.name.as_str())) {
        let lines = calibration::round_trip_ns();
        let done = measure(report, case, rounds);
        eprintln!(
            "# {} s: {} (two cache lines there and back: {lines:.0} ns)",
            start.elapsed().as_secs(),
            case.name
        );
        if let Err(error) = done {
            eprintln!("# {} FAILED: {error}", case.name);
            failed.push(case.name.clone());
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

fn cases() -> Vec<Case> {
    let raw = |ours, size: usize, concurrency, peers: Vec<System>, metrics| Case {
        name: format!(
            "{} x{concurrency} {}",
            Work::Echo(size),
            if ours == System::Shm { "checked" } else { "trusted" }
        ),
        ours,
        peers,
        run: Run { work: Work::Echo(size), concurrency, rate: None },
        place: Place::Apart,
        metrics,
    };
    let peers = || vec![System::Uds, System::Tcp, System::ShmipcV3, System::ShmipcV4];
    let mut cases = Vec::new();
    let (checked, trusted) = (System::Shm, System::ShmTrusted);
    cases.extend(LATENCY.map(|size| raw(checked, size, 1, peers(), &ONE[..])));
    cases.extend(TRUSTED.map(|size| raw(trusted, size, 1, peers(), &ONE[..])));
    cases.extend(THROUGHPUT.map(|size| raw(checked, size, 10, peers(), &MANY[..])));
    cases.extend(TRUSTED.map(|size| raw(trusted, size, 10, peers(), &MANY[..])));
    cases.extend(BATCHED.map(|size| raw(checked, size, 200, vec![System::UdsBatched], &MANY[..])));
    for (work, name) in [(Work::Echo(64), "rpc echo 64B"), (Work::CreateOrder, "rpc createOrder")] {
        let run = Run { work, concurrency: 1, rate: None };
        let peers = vec![System::RpcUds];
        let place = Place::Apart;
        cases.push(Case { name: name.to_owned(), ours: System::RpcShm, peers, run, place, metrics: &ONE });
    }
    for (name, place, rate) in [
        ("rpc echo 64B one core", Place::Together, None),
        ("rpc echo 64B 1000/s", Place::Apart, Some(1000.0)),
    ] {
        let run = Run { work: Work::Echo(64), concurrency: 1, rate };
        let peers = vec![System::RpcUds];
        cases.push(Case { name: name.to_owned(), ours: System::RpcShm, peers, run, place, metrics: &ONE });
    }
    cases
}

/// Interleaved rounds of all that take part. Of the two versions of shmipc, the better one of each metric counts.
fn measure(report: &mut Report, case: &Case, rounds: usize) -> Result<(), String> {
    let mut systems = vec![case.ours];
    systems.extend(&case.peers);
    let mut outcomes: Vec<Vec<Outcome>> = vec![Vec::new(); systems.len()];
    let mut order: Vec<usize> = (0..systems.len()).collect();
    for _ in 0..rounds {
        for &at in &order {
            outcomes[at].push(process::measure(systems[at], case.run, case.place)?);
        }
        order.reverse();
    }
    for (metric, unit, better, value) in case.metrics {
        let values = |at: usize| outcomes[at].iter().map(value).collect::<Vec<f64>>();
        let of = |system: System| systems.iter().position(|found| *found == system).map(values);
        let ours = values(0);
        for peer in &case.peers {
            let theirs = match (peer, of(System::ShmipcV3), of(System::ShmipcV4)) {
                (System::ShmipcV3, Some(third), Some(fourth)) => {
                    let third_is_better = ratio(middle(&third), middle(&fourth), *better) > 1.0;
                    if third_is_better { third } else { fourth }
                }
                (System::ShmipcV4, ..) => continue,
                _ => of(*peer).unwrap_or_default(),
            };
            let ratios: Vec<f64> =
                ours.iter().zip(&theirs).map(|(ours, theirs)| ratio(*ours, *theirs, *better)).collect();
            report.add(Figure {
                suite: SUITE,
                case: case.name.clone(),
                metric,
                ours: middle(&ours),
                peer: peer.name(),
                theirs: middle(&theirs),
                ratio: middle(&ratios),
                quartiles: Some((quantile(&ratios, 1), quantile(&ratios, 3))),
                unit,
            })?;
        }
    }
    Ok(())
}

fn middle(values: &[f64]) -> f64 {
    quantile(values, 2)
}

/// The value below which so many quarters are; NaN without values.
fn quantile(values: &[f64], quarter: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len().saturating_sub(1)) * quarter / 4).copied().unwrap_or(f64::NAN)
}
