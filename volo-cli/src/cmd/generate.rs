//! `volo gen`: Rust code for IDL files.

use std::io::IsTerminal;
use std::path::PathBuf;

use volo_codegen::diag;
use volo_codegen::source::FileSource;
use volo_codegen::{Options, compile};

use super::Status;

/// Findings that say that a file could not be read, rather than what is wrong in it.
const UNREADABLE: [&str; 2] = ["missing-file", "unreadable-file"];

/// Generates Rust code for IDL files and all they include.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// IDL files.
    #[arg(required = true, value_name = "IDL")]
    files: Vec<String>,
    /// Directory of the generated file; made if need be.
    #[arg(short, long = "out", value_name = "DIR")]
    out_dir: PathBuf,
    /// Where to search for included files, after the directory of the including file.
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    include_dirs: Vec<PathBuf>,
    /// Path by which the generated code finds the runtime.
    #[arg(long, value_name = "PATH", default_value_t = Options::default().runtime_path)]
    runtime_path: String,
    /// Name of the generated file.
    #[arg(long, value_name = "NAME", default_value_t = Options::default().out_file)]
    out_file: String,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Status {
    let options = Options { runtime_path: args.runtime_path.clone(), out_file: args.out_file.clone() };
    let roots: Vec<&str> = args.files.iter().map(String::as_str).collect();
    let compiled = compile(&roots, &FileSource::new(args.include_dirs.clone()), &options);
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    eprint!("{}", diag::render(&compiled.diagnostics, &compiled.sources, colour));
    let Some(files) = compiled.files else {
        let unreadable = |code| UNREADABLE.contains(&code);
        let only_roots = compiled.diagnostics.iter().any(|d| unreadable(d.code) && d.labels.is_empty());
        return if only_roots { Status::Unusable } else { Status::Findings };
    };
    for file in &files {
        let path = args.out_dir.join(&file.path);
        if let Err(error) = file.write_to(&args.out_dir) {
            eprintln!("error: can't write {}: {error}", path.display());
            return Status::Unusable;
        }
        println!("{}", path.display());
    }
    Status::Fine
}
