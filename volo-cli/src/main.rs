//! The `volo` command: thin commands over pure functions.
//!
//! Exit status: 0 fine, 1 findings, 2 bad usage or unreadable input.
#![forbid(unsafe_code)]

#[macro_use]
mod say;

mod bench;
mod cmd;
mod config_edit;
mod framework;
mod git;
mod paths;
mod project;
mod remote;
mod report;
mod scaffold;
mod sync;
mod vendor;
mod write;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// From nothing to a tested Thrift service, and everything around an IDL.
#[derive(Debug, Parser)]
#[command(name = "volo", version, help_template = HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(cmd::init::Args),
    Sync(cmd::sync::Args),
    Idl(cmd::idl::Args),
    Check(cmd::check::Args),
    Fmt(cmd::fmt::Args),
    Breaking(cmd::breaking::Args),
    Gen(cmd::generate::Args),
    Call(cmd::call::Args),
    Bench(cmd::bench::Args),
    List(cmd::list::ListArgs),
    Describe(cmd::list::DescribeArgs),
    Completions(cmd::completions::Args),
}

/// Commands by what one wants to do; a test compares the list with the commands there are.
const HELP: &str = "\
{about}

{usage-heading} {usage}

\x1b[1mA project\x1b[0m
  init         Make a project that runs: server, client, tests, benches
  sync         Add handlers for new methods, name those that are gone
  idl          Add, list, remove and update the project's IDL files

\x1b[1mAn IDL\x1b[0m
  check        Explain what is wrong, and what could be better
  fmt          Bring files into one layout, keeping all comments
  breaking     Say whether a change breaks peers that know the one before
  gen          Generate Rust code

\x1b[1mA running server\x1b[0m
  call         Call a method with arguments in JSON
  bench        Measure a method under load: percentiles, charts, limits
  list         List services and methods
  describe     Show types and comments, or the whole IDL

\x1b[1mThe shell\x1b[0m
  completions  Write completions for bash, zsh, fish, …
  help         Explain a command

\x1b[1mOptions\x1b[0m
{options}

\x1b[1mExamples\x1b[0m
  volo init shop                      a service to play with, in this directory
  volo init shop idl/shop.thrift      the same for an IDL of your own
  volo check                          before a build
  volo breaking HEAD idl              before a commit
  volo call 127.0.0.1:8080 GetItem    a call, its arguments with -d '{…}'

Exit status: 0 fine, 1 something to mend, 2 bad usage or something unreadable.
Nothing uses the network but `volo idl add --git`, `volo idl update` and the commands for a running server.
";

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Init(args) => cmd::init::run(&args),
        Command::Sync(args) => cmd::sync::run(&args),
        Command::Idl(args) => cmd::idl::run(&args),
        Command::Check(args) => cmd::check::run(&args),
        Command::Fmt(args) => cmd::fmt::run(&args),
        Command::Breaking(args) => cmd::breaking::run(&args),
        Command::Gen(args) => cmd::generate::run(&args),
        Command::Call(args) => cmd::call::run(&args),
        Command::Bench(args) => cmd::bench::run(&args),
        Command::List(args) => cmd::list::list(&args),
        Command::Describe(args) => cmd::list::describe(&args),
        Command::Completions(args) => cmd::completions::run::<Cli>(&args),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_help_names_every_command() {
        let command = Cli::command();
        command.clone().debug_assert();
        for command in command.get_subcommands() {
            assert!(HELP.contains(&format!("\n  {} ", command.get_name())), "{}", command.get_name());
        }
    }
}
