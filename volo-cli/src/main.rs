//! The `volo` command: thin commands over pure functions.
//!
//! Exit status: 0 fine, 1 findings, 2 bad usage or unreadable input.
#![forbid(unsafe_code)]

mod cmd;
mod config_edit;
mod framework;
mod git;
mod paths;
mod project;
mod report;
mod scaffold;
mod sync;
mod vendor;
mod write;

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
    Init(cmd::init::Args),
    Sync(cmd::sync::Args),
    Check(cmd::check::Args),
    Fmt(cmd::fmt::Args),
    Breaking(cmd::breaking::Args),
    Idl(cmd::idl::Args),
    Gen(cmd::generate::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Init(args) => cmd::init::run(&args),
        Command::Sync(args) => cmd::sync::run(&args),
        Command::Check(args) => cmd::check::run(&args),
        Command::Fmt(args) => cmd::fmt::run(&args),
        Command::Breaking(args) => cmd::breaking::run(&args),
        Command::Idl(args) => cmd::idl::run(&args),
        Command::Gen(args) => cmd::generate::run(&args),
    }
    .into()
}
