//! Shows what no peer and no fault may do to a process: `cargo run --release -p torture -- SUITE --json`.
//!
//! Each suite starts servers (or clients) of its own as further processes of this very program, does its worst to
//! them, and prints one line per figure. It ends with an error if a figure missed its limit.

#![allow(unreachable_pub, reason = "nothing of a program is reachable from elsewhere")]

mod cancel;
mod conns;
mod cut;
mod drain;
mod fair;
mod fdlimit;
mod hostile;
#[cfg(test)]
mod limits;
mod meter;
mod overload;
mod panics;
mod peer;
mod process;
mod proxy;
mod random;
mod report;
mod role;
mod scene;
#[cfg(target_os = "linux")]
mod shm;
mod slowloris;
mod soak;
mod suite;

mod idl {
    #![allow(missing_docs, dead_code, unreachable_pub, reason = "not every item is needed or has a comment")]
    include!(concat!(env!("OUT_DIR"), "/volo_gen.rs"));
    pub use torture::*;
}

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use heap_meter::BytesMeter;
use tokio::runtime::{Builder, Runtime};
use volo_core::BoxError;

use crate::{
    report::{Report, Style, thousands},
    suite::{SUITES, Suite},
};

#[global_allocator]
static ALLOCATOR: BytesMeter = BytesMeter::new();

/// Does its worst to servers and clients, and says how they bore it.
///
/// Ends with 0 if every figure kept its limit, with 1 if one missed it, with 2 if a suite could not be run.
#[derive(Parser)]
#[command(after_help = suite::list())]
struct Args {
    /// What to run: a suite, `all`, `gate` (what every change has to pass, at its quick size), or `list`.
    suite: String,
    /// One JSON object per figure: suite, case, figure, value, limit, pass.
    #[arg(long, conflicts_with = "row")]
    json: bool,
    /// One row of a Markdown table per suite, with the worst value of each figure.
    #[arg(long)]
    row: bool,
    /// How much of it, in the suite's own unit.
    #[arg(long, conflicts_with = "quick")]
    size: Option<u64>,
    /// The small size.
    #[arg(long)]
    quick: bool,
}

impl Args {
    fn suites(&self) -> Vec<&'static Suite> {
        let is_chosen = |suite: &&Suite| match self.suite.as_str() {
            "all" => true,
            "gate" => suite.gate,
            name => suite.name == name,
        };
        SUITES.iter().filter(is_chosen).collect()
    }

    fn size(&self, suite: &Suite) -> u64 {
        let quick = self.quick || self.suite == "gate";
        self.size.unwrap_or(if quick { suite.quick } else { suite.full })
    }

    fn style(&self) -> Style {
        match (self.json, self.row) {
            (true, _) => Style::Json,
            (_, true) => Style::Row,
            _ => Style::Table,
        }
    }
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let done = match words.next().as_deref() {
        Some(role::SERVER) => role::serve(words),
        Some(role::PLAIN) => role::serve_plainly(),
        Some(role::CLIENT) => role::call(words),
        #[cfg(target_os = "linux")]
        Some(word) if shm::is_role(word) => shm::play(word, words),
        _ => run(&Args::parse()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs what was asked for; true if all of it passed.
fn run(args: &Args) -> Result<bool, BoxError> {
    if args.suite == "list" {
        print!("{}", suite::list());
        return Ok(true);
    }
    let suites = args.suites();
    if suites.is_empty() {
        return Err(format!("no suite is called `{}`; `list` shows them all", args.suite).into());
    }
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let (mut passed, mut broken) = (true, Vec::new());
    for suite in suites {
        let mut run = run_suite(&runtime, args, suite, &mut broken);
        if !run && args.suite == "gate" && suite.timed {
            eprintln!("{}: once more, in case the machine was busy with something else", suite.name);
            run = run_suite(&runtime, args, suite, &mut broken);
        }
        passed &= run;
    }
    if broken.is_empty() { Ok(passed) } else { Err(broken.join("; ").into()) }
}

/// Runs one suite and prints its figures; true if all of them kept their limits.
fn run_suite(runtime: &Runtime, args: &Args, suite: &Suite, broken: &mut Vec<String>) -> bool {
    let (size, start) = (args.size(suite), Instant::now());
    let mut report = Report::new(suite.name, args.style());
    // One that could not be run must not keep the others from being run.
    if let Err(error) = runtime.block_on((suite.run)(size, &mut report)) {
        broken.push(format!("{}: {error}", suite.name));
    }
    report.finish(&suite.size(size));
    let (lines, misses) = (thousands(report.len() as i64), report.misses());
    eprintln!("{}: {lines} figures, {misses} missed, {} s", suite.name, start.elapsed().as_secs());
    report.is_passed()
}
