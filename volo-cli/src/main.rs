//! The `volo` command: thin commands over pure functions.
//!
//! Exit status: 0 fine, 1 findings, 2 bad usage or unreadable input.
#![forbid(unsafe_code)]

mod cmd;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Works with Thrift IDL files and services.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Gen(cmd::generate::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Gen(args) => cmd::generate::run(&args),
    }
    .into()
}
