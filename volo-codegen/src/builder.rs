//! The compiler for build scripts: a thin shell that reads, prints and writes around [`compile`].

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use crate::diag::{self, Severity};
use crate::source::FileSource;
use crate::{Compiled, Files, Options, OutputFile, compile};

/// Generates code in a build script.
///
/// ```no_run
/// // build.rs; the library says `include!(concat!(env!("OUT_DIR"), "/volo_gen.rs"));`
/// volo_codegen::Builder::new().file("idl/item.thrift").compile();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    files: Vec<String>,
    include_dirs: Vec<PathBuf>,
    out_dir: Option<PathBuf>,
    options: Options,
}

impl Builder {
    /// A builder without files.
    pub fn new() -> Self {
        Builder::default()
    }

    /// Adds an IDL file. What it includes need not be added.
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.files.push(path.as_ref().display().to_string());
        self
    }

    /// Adds a directory to search for included files, after the directory of the including file.
    pub fn include_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.include_dirs.push(path.into());
        self
    }

    /// The path by which generated code finds the runtime; `volo_thrift` by default.
    pub fn runtime_path(mut self, path: impl Into<String>) -> Self {
        self.options.runtime_path = path.into();
        self
    }

    /// Name of the generated file; `volo_gen.rs` by default.
    pub fn out_file(mut self, name: impl Into<String>) -> Self {
        self.options.out_file = name.into();
        self
    }

    /// Gives each namespace a file of its own, which the generated file includes.
    pub fn split(mut self, split: bool) -> Self {
        self.options.split = split;
        self
    }

    /// Leaves out types that no service and no constant needs, unless [`Builder::touch`] names them.
    pub fn trim(mut self, trim: bool) -> Self {
        self.options.trim = trim;
        self
    }

    /// Keeps a type when trimming: `Name` of an IDL file that was added, or `file.Name` of one it includes.
    pub fn touch(mut self, name: impl Into<String>) -> Self {
        self.options.touch.push(name.into());
        self
    }

    /// Which structs and exceptions keep fields that they don't know, to send them on; none by default.
    ///
    /// These get a field `unknown_fields` behind those of the IDL.
    pub fn keep_unknown_fields(mut self, files: Files) -> Self {
        self.options.keep_unknown_fields = files;
        self
    }

    /// Derives serde's traits, with the IDL's names; volo-thrift's feature `serde` has to be on.
    pub fn serde(mut self, serde: bool) -> Self {
        self.options.serde = serde;
        self
    }

    /// Whether comments of the IDL are carried over, as they are by default.
    pub fn comments(mut self, comments: bool) -> Self {
        self.options.comments = comments;
        self
    }

    /// Directory of the generated file; cargo's `OUT_DIR` by default.
    pub fn out_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(path.into());
        self
    }

    /// Generates the code, and tells cargo when to do it again.
    ///
    /// Ends the process with a message if the IDL has errors or the output can't be written: there is nothing a
    /// build script could do about it.
    pub fn compile(self) {
        let roots: Vec<&str> = self.files.iter().map(String::as_str).collect();
        let compiled = compile(&roots, &FileSource::new(self.include_dirs.clone()), &self.options);
        self.tell_cargo(&compiled);
        let Some(files) = compiled.files else {
            eprint!("{}", diag::render(&compiled.diagnostics, &compiled.sources, false));
            process::exit(1);
        };
        let Some(directory) = self.out_dir.or_else(|| env::var_os("OUT_DIR").map(PathBuf::from)) else {
            eprintln!(
                "error: OUT_DIR is not set; outside of a build script, name a directory with `out_dir`"
            );
            process::exit(1);
        };
        for file in &files {
            if let Err(error) = file.write_to(&directory) {
                eprintln!("error: can't write {}: {error}", directory.join(&file.path).display());
                process::exit(1);
            }
        }
    }

    fn tell_cargo(&self, compiled: &Compiled) {
        let read = compiled.sources.iter().map(|(_, file)| &file.path);
        for path in read.chain(&self.files) {
            println!("cargo:rerun-if-changed={path}");
        }
        for diagnostic in &compiled.diagnostics {
            if diagnostic.severity == Severity::Warning {
                println!("cargo:warning={}", diagnostic.one_line(&compiled.sources));
            }
        }
    }
}

impl OutputFile {
    /// Writes the file below `directory`, which is made if need be; a file that has this text stays untouched.
    ///
    /// # Errors
    /// Any error of the file system.
    pub fn write_to(&self, directory: &Path) -> io::Result<()> {
        let path = directory.join(&self.path);
        if fs::read(&path).is_ok_and(|text| text == self.text.as_bytes()) {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, &self.text)
    }
}
