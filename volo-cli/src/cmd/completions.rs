//! `volo completions`: what a shell needs to complete commands.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use super::Status;

/// Writes completions for a shell to stdout.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  bash   volo completions bash > ~/.local/share/bash-completion/completions/volo
  zsh    volo completions zsh > \"${fpath[1]}/_volo\"
  fish   volo completions fish > ~/.config/fish/completions/volo.fish")]
pub(crate) struct Args {
    /// Which shell.
    shell: Shell,
}

/// Runs the command for the program `P`.
pub(crate) fn run<P: CommandFactory>(args: &Args) -> Status {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut P::command(), "volo", &mut script);
    match std::io::stdout().write_all(&script) {
        Ok(()) => Status::Fine,
        Err(error) => crate::report::unusable(&format!("can't write: {error}")),
    }
}
