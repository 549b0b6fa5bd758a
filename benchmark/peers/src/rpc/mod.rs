//! The rpc suite: whole calls between two processes, each on a processor of its own.

mod compare;
mod idle;
mod plan;
mod process;
mod syscalls;
mod system;

use std::time::Instant;

use compare::{Rounds, Servers, rounds};
use peer_harness::rpc::{Mode, Work};
use plan::{Cell, Entry, IDLE, OPEN, OURS, PEAK, SLEEPY, peers};
use process::{LOAD, Round, SERVE, Transport};

use crate::report::{Better, Figure, Report};

const SUITE: &str = "rpc";
const CLOSED: [&str; 6] = ["qps", "p50", "p99", "cpu_us", "cpu_us_server", "cpu_us_client"];
const SLEEPY_CASE: &str = "sleepy tcp c50";
const OPEN_METRICS: [&str; 4] = ["p50", "p99", "cpu_us_server", "cpu_us_client"];
/// Shares of Volo's peak in percent.
const OPEN_SHARES: [u32; 3] = [30, 60, 80];

/// How much is measured, and how often.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    quick: bool,
    rounds: usize,
}

const ROUNDS: usize = 9;
const ROUNDS_QUICK: usize = 3;
/// Long enough for every client to have gone over to the connections it stays with.
const WARM_UP_MS: u64 = 150;
const DURATION_MS: u64 = 300;

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

impl Effort {
    pub(crate) fn new(quick: bool, rounds: Option<usize>) -> Self {
        let usual = if quick { ROUNDS_QUICK } else { ROUNDS };
        Effort { quick, rounds: rounds.unwrap_or(usual).max(1) }
    }
}

/// Measures the usual loads, a few of them, or those cases whose names are in `only`.
///
/// # Errors
/// When a case failed; the others were measured nevertheless.
pub(crate) fn run(report: &mut Report, effort: Effort, only: &[&str]) -> Result<(), String> {
    let mut servers = Servers::default();
    let mut progress = Progress { start: Instant::now(), failed: Vec::new() };
    let named = |case: &str| only.is_empty() || only.contains(&case);
    let cells = match (only.is_empty(), effort.quick) {
        (true, true) => plan::quick(),
        (true, false) => plan::usual(),
        (false, _) => plan::all(),
    };
    for cell in cells {
        let wanted = |entry: &Entry| cell.is_wanted(entry.mode) || !only.is_empty();
        let ours: Vec<Entry> =
            OURS.into_iter().filter(|entry| wanted(entry) && named(&cell.case(entry.mode))).collect();
        if let Some(first) = ours.first() {
            let done = closed(report, &mut servers, &cell, &ours, effort);
            progress.note(&cell.case(first.mode), done);
        }
    }
    if OPEN_SHARES.iter().any(|share| OPEN.iter().any(|open| named(&open_case(*share, open.1)))) {
        progress.note("open", open(report, &mut servers, effort, named));
    }
    if named(SLEEPY_CASE) {
        progress.note(SLEEPY_CASE, sleepy(report, &mut servers, effort));
    }
    if named("syscalls") {
        progress.note("syscalls", count_syscalls(report, &mut servers));
    }
    drop(servers);
    if named("idle") {
        progress.note("idle", idle(report));
    }
    if progress.failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", progress.failed.join(", "))) }
}

/// Tells a person how far the run is, and remembers what failed.
struct Progress {
    start: Instant,
    failed: Vec<String>,
}

impl Progress {
    fn note(&mut self, case: &str, done: Result<(), String>) {
        let seconds = self.start.elapsed().as_secs();
        match done {
            Ok(()) => eprintln!("# {seconds} s: {case}"),
            Err(error) => {
                eprintln!("# {seconds} s: {case} FAILED: {error}");
                self.failed.push(case.to_owned());
            }
        }
    }
}

fn idle(report: &mut Report) -> Result<(), String> {
    let (ours, theirs) = (idle::measure(IDLE.0)?, idle::measure(IDLE.1)?);
    let unit = ("bytes", Better::Lower);
    report.add(Figure::new((SUITE, "idle", "rss"), ours, (IDLE.1.peer(), theirs), unit))
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
    let rounds = rounds(servers, &entries, cell.transport, &round(cell, None), effort.rounds)?;
    for entry in ours {
        rounds.report(report, &cell.case(entry.mode), *entry, peers(entry.mode), &CLOSED)?;
    }
    Ok(())
}

fn round(cell: &Cell, rate: Option<f64>) -> Round {
    let slow = if cell.is_large() { LARGE_FACTOR } else { 1 };
    let (warm_up_ms, duration_ms) = (WARM_UP_MS * slow, DURATION_MS * slow);
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
    let found = rounds(servers, &[volo], PEAK.transport, &round(&PEAK, None), effort.rounds)?;
    let peak = found.median(volo, |outcome| outcome.qps).ok_or("no peak")?;
    for share in OPEN_SHARES {
        let rate = peak * f64::from(share) / 100.0;
        for (ours, suffix, peers) in OPEN {
            let case = open_case(share, suffix);
            if named(&case) {
                let entries = [&[ours], peers].concat();
                let load = round(&PEAK, Some(rate));
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
    let rounds = rounds(servers, &entries, Transport::Tcp, &round(&cell, None), effort.rounds)?;
    rounds.report(report, SLEEPY_CASE, ours, peers, &["qps", "p50", "p99"])
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
