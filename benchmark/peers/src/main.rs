//! Measures the framework beside Volo, tonic, tarpc, Apache Thrift and the raw limits.
//!
//! `cargo run --release --manifest-path benchmark/peers/Cargo.toml -- codec [--json]`
//!
//! Every suite runs alone and prints a table, or with `--json` one line per figure. Servers, clients and the count
//! under callgrind are this same program, started by itself with another first word.

mod build;
mod callgrind;
mod codec;
mod hygiene;
mod layers;
mod report;
mod rpc;
mod transport;

use std::{env, process::ExitCode};

use heap_meter::CallsMeter;
use mimalloc::MiMalloc;
use report::Report;

#[global_allocator]
static ALLOCATOR: CallsMeter<MiMalloc> = CallsMeter::over(MiMalloc);

const USAGE: &str = "usage: peers codec|rpc|transport|layers|build [--json] [--quick] [--rounds=N] [CASE…]";

/// How many rounds the rpc and transport suites make, instead of what is usual.
const ROUNDS: &str = "--rounds=";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<(), String> {
    let (flags, words): (Vec<&str>, Vec<&str>) =
        args.iter().map(String::as_str).partition(|arg| arg.starts_with("--"));
    let known = |flag: &str| ["--json", "--quick"].contains(&flag) || flag.starts_with(ROUNDS);
    if let Some(flag) = flags.iter().find(|flag| !known(flag)) {
        return Err(format!("unknown flag {flag}; {USAGE}"));
    }
    let rounds = flags.iter().find_map(|flag| flag.strip_prefix(ROUNDS));
    let rounds = rounds.map(|count| count.parse().map_err(|_| format!("{count} is no number; {USAGE}")));
    if let Some(done) = codec::role(&words)
        .or_else(|| rpc::role(&words))
        .or_else(|| transport::role(&words))
        .or_else(|| layers::role(&words))
    {
        return done;
    }
    eprintln!("{}", hygiene::header());
    let mut report = Report::new(flags.contains(&"--json"));
    let quick = flags.contains(&"--quick");
    match words.split_first() {
        Some((&"codec", only)) => codec::run(&mut report, quick, only)?,
        Some((&"rpc", only)) => rpc::run(&mut report, rpc::Effort::new(quick, rounds.transpose()?), only)?,
        Some((&"transport", only)) => transport::run(&mut report, quick, rounds.transpose()?, only)?,
        Some((&"layers", _)) => layers::run(&mut report)?,
        Some((&"build", _)) => build::run(&mut report)?,
        _ => return Err(USAGE.to_owned()),
    }
    report.finish()
}
