//! `volo check`: everything there is to say about IDL files.

use std::path::PathBuf;

use volo_codegen::source::FileSource;
use volo_codegen::{Loaded, diag, lint, load};

use super::Status;
use crate::paths::idl_files;
use crate::project::Project;
use crate::report::{self, Format};

/// Explains what is wrong with IDL files, and what could be better.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files and directories. [default: what volo.yml names, else the current directory]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Where to search for included files, after the directory of the including file.
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    include_dirs: Vec<PathBuf>,
    /// How to report.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Fail on warnings, too.
    #[arg(long)]
    strict: bool,
    /// Leave out warnings of this code.
    #[arg(long, value_name = "CODE")]
    allow: Vec<String>,
    /// Leave out advice: only what the compiler says.
    #[arg(long)]
    no_lints: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Status {
    let mut all = match loaded(args) {
        Ok(all) => all,
        Err(status) => return status,
    };
    for loaded in &mut all {
        if let (Some(model), false) = (&loaded.model, args.no_lints) {
            loaded.diagnostics.extend(lint(model, &loaded.sources));
        }
        let is_allowed = |code: &str| args.allow.iter().any(|allowed| allowed == code);
        loaded
            .diagnostics
            .retain(|finding| finding.severity == diag::Severity::Error || !is_allowed(finding.code));
    }
    report::write_all(args.format, &all);
    let files: usize = all.iter().map(|loaded| loaded.sources.len()).sum();
    let findings: usize = all.iter().map(|loaded| loaded.diagnostics.len()).sum();
    if args.format == Format::Human && findings == 0 {
        say!("{files} file{}: nothing to mend", if files == 1 { "" } else { "s" });
    }
    let worst = all.iter().map(|loaded| report::status_of(&loaded.diagnostics));
    let worst = worst.fold(Status::Fine, Status::worse);
    if args.strict && findings > 0 { worst.worse(Status::Findings) } else { worst }
}

fn loaded(args: &Args) -> Result<Vec<Loaded>, Status> {
    if args.paths.is_empty() && Project::exists() {
        return Ok(Project::find()?.load());
    }
    let files = idl_files(&args.paths).map_err(|message| report::unusable(&message))?;
    let roots: Vec<&str> = files.iter().map(String::as_str).collect();
    Ok(vec![load(&roots, &FileSource::new(args.include_dirs.clone()))])
}
