//! `volo gen`: Rust code for IDL files.

use std::path::PathBuf;

use volo_codegen::source::FileSource;
use volo_codegen::{Files, Options, compile};

use super::Status;
use crate::report;

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
    #[arg(long, value_name = "PATH", default_value_t = Options::default().runtime_path, value_parser = rust_path)]
    runtime_path: String,
    /// Name of the generated file.
    #[arg(long, value_name = "NAME", default_value_t = Options::default().out_file)]
    out_file: String,
    /// Give each namespace a file of its own, which the generated file includes.
    #[arg(long)]
    split: bool,
    /// Leave out types that no service and no constant needs.
    #[arg(long)]
    trim: bool,
    /// Keep this type when trimming: `Name`, or `file.Name` of an included file.
    #[arg(long, value_name = "NAME", requires = "trim")]
    touch: Vec<String>,
    /// Let structs and exceptions keep fields that they don't know, and send them on.
    #[arg(long)]
    keep_unknown_fields: bool,
    /// Derive serde's traits; the runtime needs its feature `serde` then.
    #[arg(long)]
    serde: bool,
    /// Add the constant `SCHEMA`, with which a server can tell its clients the IDL.
    #[arg(long)]
    reflection: bool,
    /// Leave out the comments of the IDL.
    #[arg(long)]
    no_comments: bool,
}

impl Args {
    fn options(&self) -> Options {
        Options {
            runtime_path: self.runtime_path.clone(),
            out_file: self.out_file.clone(),
            split: self.split,
            trim: self.trim,
            touch: self.touch.clone(),
            keep_unknown_fields: if self.keep_unknown_fields { Files::All } else { Files::None },
            serde: self.serde,
            reflection: self.reflection,
            comments: !self.no_comments,
        }
    }
}

/// A path of Rust, such as `crate::framework`.
fn rust_path(text: &str) -> Result<String, String> {
    // Neither generics nor spaces nor comments.
    let is_plain = text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '#'));
    match syn::parse_str::<syn::Path>(text) {
        Ok(_) if is_plain => Ok(text.to_owned()),
        _ => Err("wanted a path of Rust, as in volo_thrift or crate::runtime".to_owned()),
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Status {
    let roots: Vec<&str> = args.files.iter().map(String::as_str).collect();
    let compiled = compile(&roots, &FileSource::new(args.include_dirs.clone()), &args.options());
    report::show(&compiled.diagnostics, &compiled.sources);
    let Some(files) = compiled.files else {
        return report::status_of(&compiled.diagnostics);
    };
    for file in &files {
        let path = args.out_dir.join(&file.path);
        if let Err(error) = file.write_to(&args.out_dir) {
            eprintln!("error: can't write {}: {error}", path.display());
            return Status::Unusable;
        }
        say!("{}", path.display());
    }
    Status::Fine
}
