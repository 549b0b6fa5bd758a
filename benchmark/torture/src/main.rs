//! Shows what no peer and no fault may do to a process: `cargo run --release -p torture -- SUITE --json`.
//!
//! Each suite starts servers (or clients) of its own as further processes of this very program, does its worst to
//! them, and prints one line per figure. It ends with an error if a figure missed its limit.

#![allow(unreachable_pub, reason = "nothing of a program is reachable from elsewhere")]

mod cancel;
mod cap;
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
mod random;
mod report;
mod role;
mod slowloris;
mod soak;
mod suite;

mod idl {
    #![allow(missing_docs, dead_code, unreachable_pub, reason = "not every item is needed or has a comment")]
    include!(concat!(env!("OUT_DIR"), "/volo_gen.rs"));
    pub use torture::*;
}

use std::process::ExitCode;

use clap::Parser;
use volo_core::BoxError;

use crate::{
    report::Report,
    suite::{SUITES, Suite},
};

#[global_allocator]
static ALLOCATOR: meter::Counting = meter::Counting;

/// Does its worst to servers and clients, and says how they bore it.
#[derive(Parser)]
struct Args {
    /// What to run: the name of a suite, `all`, or `list`.
    suite: String,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
    /// How much of it: see `list` for what each suite counts.
    #[arg(long)]
    size: Option<u64>,
    /// The small size that every change is checked with.
    #[arg(long)]
    quick: bool,
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let done = match words.next().as_deref() {
        Some(role::SERVER) => role::serve(words),
        Some(role::CLIENT) => role::call(words),
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
        for suite in SUITES {
            println!("{:10} {} ({}, quick {})", suite.name, suite.about, suite.full, suite.quick);
        }
        return Ok(true);
    }
    let chosen: Vec<&Suite> =
        SUITES.iter().filter(|suite| args.suite == "all" || suite.name == args.suite).collect();
    if chosen.is_empty() {
        return Err(format!("no suite is called `{}`; `list` shows them all", args.suite).into());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut passed = true;
    for suite in chosen {
        let size = args.size.unwrap_or(if args.quick { suite.quick } else { suite.full });
        let mut report = Report::new(suite.name, args.json);
        runtime.block_on((suite.run)(size, &mut report))?;
        let (lines, misses) = report.summary();
        eprintln!("{}: {lines} figures, {misses} missed", suite.name);
        passed &= report.is_passed();
    }
    Ok(passed)
}
