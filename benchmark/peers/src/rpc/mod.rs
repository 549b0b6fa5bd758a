//! The rpc suite: whole calls between two processes, each on a processor of its own.

mod compare;
mod idle;
mod plan;
mod process;
mod syscalls;
mod system;

use compare::{Rounds, Servers, rounds};
use peer_harness::rpc::{Mode, Work};
use plan::{Cell, Entry, IDLE, OPEN, OURS, PEAK, SLEEPY, peers};
use process::{LOAD, Round, SERVE, Transport};

use crate::report::{Better, Figure, Report};

const SUITE: &str = "rpc";
const CLOSED: [&str; 6] = ["qps", "p50", "p99", "cpu_us", "cpu_us_server", "cpu_us_client"];
const OPEN_METRICS: [&str; 4] = ["p50", "p99", "cpu_us_server", "cpu_us_client"];
/// Shares of Volo's peak in percent.
const OPEN_SHARES: [u32; 3] = [30, 60, 80];

/// How long and how often.
#[derive(Clone, Copy)]
struct Effort {
    rounds: usize,
    warm_up_ms: u64,
    duration_ms: u64,
}

const USUAL: Effort = Effort { rounds: 9, warm_up_ms: 150, duration_ms: 600 };
const QUICK: Effort = Effort { rounds: 3, warm_up_ms: 100, duration_ms: 300 };

/// How many times longer a round with messages of megabytes takes.
const LARGE_FACTOR: u64 = 4;

/// The roles that the driver gives to other processes of this program.
pub(crate) fn role(words: &[&str]) -> Option<Result<(), String>> {
    match words.split_first()? {
        (&SERVE, words) => Some(system::serve(words)),
        (&LOAD, words) => Some(system::load(words)),
        _ => None,
    }
}

/// Measures the usual loads, a few of them, or those cases whose names are in `only`.
pub(crate) fn run(report: &mut Report, quick: bool, only: &[&str]) -> Result<(), String> {
    let effort = if quick { QUICK } else { USUAL };
    let mut servers = Servers::default();
    let named = |case: &str| only.is_empty() || only.contains(&case);
    let cells = match (only.is_empty(), quick) {
        (true, true) => plan::quick(),
        (true, false) => plan::usual(),
        (false, _) => plan::all(),
    };
    for cell in cells {
        let ours: Vec<Entry> = OURS.into_iter().filter(|entry| named(&cell.case(entry.mode))).collect();
        if !ours.is_empty() {
            closed(report, &mut servers, &cell, &ours, effort)?;
        }
    }
    if OPEN_SHARES.iter().any(|share| OPEN.iter().any(|open| named(&open_case(*share, open.1)))) {
        open(report, &mut servers, effort, named)?;
    }
    if named("sleepy tcp c50") {
        sleepy(report, &mut servers, effort)?;
    }
    if named("syscalls tcp c50 64B") {
        count_syscalls(report, &mut servers)?;
    }
    drop(servers);
    if named("idle") {
        let (ours, theirs) = (idle::measure(IDLE.0)?, idle::measure(IDLE.1)?);
        let unit = ("bytes", Better::Lower);
        report.add(Figure::new((SUITE, "idle", "rss"), ours, (IDLE.1.peer(), theirs), unit))?;
    }
    Ok(())
}

/// Call after call: all systems that any of these modes of ours is compared with, in the same rounds.
fn closed(
    report: &mut Report,
    servers: &mut Servers,
    cell: &Cell,
    ours: &[Entry],
    effort: Effort,
) -> Result<(), String> {
    let mut entries = ours.to_vec();
    for peer in ours.iter().flat_map(|entry| peers(entry.mode)) {
        if !entries.contains(peer) {
            entries.push(*peer);
        }
    }
    let rounds = rounds(servers, &entries, cell.transport, &round(cell, effort, None), effort.rounds)?;
    for entry in ours {
        rounds.report(report, &cell.case(entry.mode), *entry, peers(entry.mode), &CLOSED)?;
    }
    Ok(())
}

fn round(cell: &Cell, effort: Effort, rate: Option<f64>) -> Round {
    let slow = if cell.is_large() { LARGE_FACTOR } else { 1 };
    let (warm_up_ms, duration_ms) = (effort.warm_up_ms * slow, effort.duration_ms * slow);
    Round { work: cell.work, concurrency: cell.concurrency, rate, warm_up_ms, duration_ms }
}

/// Calls at a fixed rate, in shares of Volo's peak in this very run.
fn open(
    report: &mut Report,
    servers: &mut Servers,
    effort: Effort,
    named: impl Fn(&str) -> bool,
) -> Result<(), String> {
    let volo = IDLE.1;
    let found = rounds(servers, &[volo], PEAK.transport, &round(&PEAK, effort, None), effort.rounds)?;
    let peak = found.median(volo, |outcome| outcome.qps).ok_or("no peak")?;
    for share in OPEN_SHARES {
        let rate = peak * f64::from(share) / 100.0;
        for (ours, suffix, peers) in OPEN {
            let case = open_case(share, suffix);
            if named(&case) {
                let entries = [&[ours], peers].concat();
                let load = round(&PEAK, effort, Some(rate));
                let rounds: Rounds = rounds(servers, &entries, PEAK.transport, &load, effort.rounds)?;
                rounds.report(report, &case, ours, peers, &OPEN_METRICS)?;
            }
        }
    }
    Ok(())
}

fn open_case(share: u32, suffix: &str) -> String {
    format!("open{share} tcp echo{suffix}")
}

/// Whether calls wait for a neighbour whose handler sleeps.
fn sleepy(report: &mut Report, servers: &mut Servers, effort: Effort) -> Result<(), String> {
    let (ours, peers) = SLEEPY;
    let cell = Cell { work: Work::Sleepy, ..PEAK };
    let entries = [&[ours], peers].concat();
    let rounds = rounds(servers, &entries, Transport::Tcp, &round(&cell, effort, None), effort.rounds)?;
    rounds.report(report, "sleepy tcp c50", ours, peers, &["qps", "p50", "p99"])
}

fn count_syscalls(report: &mut Report, servers: &mut Servers) -> Result<(), String> {
    for ours in [OURS[0], OURS[1]] {
        let case = PEAK.case(ours.mode);
        let own = match syscalls::count(servers, ours) {
            Ok(own) => own,
            Err(error) => {
                eprintln!("SKIPPED: syscalls: {error}");
                return Ok(());
            }
        };
        for peer in peers(ours.mode).iter().filter(|peer| ours.mode != Mode::Mux || peer.mode == Mode::Mux) {
            let theirs = syscalls::count(servers, *peer)?;
            let unit = ("calls", Better::Lower);
            let name = peer.peer();
            report.add(Figure::new((SUITE, &case, "syscalls"), own.0, (name, theirs.0), unit))?;
            report.add(Figure::new((SUITE, &case, "syscalls_client"), own.1, (name, theirs.1), unit))?;
        }
    }
    Ok(())
}
