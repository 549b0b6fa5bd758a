//! `volo fmt`: IDL files in one layout.

use std::io::{Read, Write};
use std::path::PathBuf;

use volo_codegen::{Formatted, format};

use super::Status;
use crate::paths::idl_files;
use crate::report;

/// Brings IDL files into one layout, keeping all comments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files and directories; `-` reads stdin and writes stdout. [default: the current directory]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Change nothing; name the files that would change, and fail if there are any.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Status {
    if args.paths.iter().any(|path| path.as_os_str() == "-") {
        return run_stdin(args.check);
    }
    let files = match idl_files(&args.paths) {
        Ok(files) => files,
        Err(message) => return report::unusable(&message),
    };
    files.iter().map(|path| format_file(path, args.check)).fold(Status::Fine, Status::worse)
}

fn format_file(path: &str, check: bool) -> Status {
    let old = match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => return report::unusable(&format!("`{path}` is not UTF-8: save it as UTF-8 first")),
        Err(error) => return report::unusable(&format!("can't read {path}: {error}")),
    };
    let Formatted { text, diagnostics, sources } = format(path, &old);
    let Some(new) = text else {
        report::show(&diagnostics, &sources);
        return report::status_of(&diagnostics);
    };
    if new == old {
        return Status::Fine;
    }
    say!("{path}");
    if check {
        return Status::Findings;
    }
    match std::fs::write(path, new) {
        Ok(()) => Status::Fine,
        Err(error) => report::unusable(&format!("can't write {path}: {error}")),
    }
}

fn run_stdin(check: bool) -> Status {
    let mut old = String::new();
    if let Err(error) = std::io::stdin().read_to_string(&mut old) {
        return report::unusable(&format!("can't read stdin: {error}"));
    }
    let Formatted { text, diagnostics, sources } = format("<stdin>", &old);
    let Some(new) = text else {
        report::show(&diagnostics, &sources);
        return report::status_of(&diagnostics);
    };
    if check {
        return if new == old { Status::Fine } else { Status::Findings };
    }
    drop(std::io::stdout().write_all(new.as_bytes()));
    Status::Fine
}
