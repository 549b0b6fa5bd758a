//! The compiler for build scripts: a thin shell that reads, prints and writes around [`compile`].

use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use crate::diag::{self, Diagnostic, Severity};
use crate::source::{FileSource, SourceMap};
use crate::{Compiled, Files, Options, OutputFile, compile};

/// Generates code in a build script.
///
/// ```no_run
/// // build.rs; the library says `include!(concat!(env!("OUT_DIR"), "/volo_gen.rs"));`
/// volo_codegen::Builder::new().file("idl/item.thrift").compile();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    job: Job,
    out_dir: Option<PathBuf>,
}

impl Builder {
    /// A builder without files.
    pub fn new() -> Self {
        Builder::default()
    }

    /// Adds an IDL file. What it includes need not be added.
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.job.files.push(path.as_ref().display().to_string());
        self
    }

    /// Adds a directory to search for included files, after the directory of the including file.
    pub fn include_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.job.include_dirs.push(path.into());
        self
    }

    /// The path by which generated code finds the runtime; `volo_thrift` by default.
    pub fn runtime_path(mut self, path: impl Into<String>) -> Self {
        self.job.options.runtime_path = path.into();
        self
    }

    /// Name of the generated file; `volo_gen.rs` by default.
    pub fn out_file(mut self, name: impl Into<String>) -> Self {
        self.job.options.out_file = name.into();
        self
    }

    /// Gives each namespace a file of its own, which the generated file includes.
    pub fn split(mut self, split: bool) -> Self {
        self.job.options.split = split;
        self
    }

    /// Leaves out types that no service and no constant needs, unless [`Builder::touch`] names them.
    pub fn trim(mut self, trim: bool) -> Self {
        self.job.options.trim = trim;
        self
    }

    /// Keeps a type when trimming: `Name` of an IDL file that was added, or `file.Name` of one it includes.
    pub fn touch(mut self, name: impl Into<String>) -> Self {
        self.job.options.touch.push(name.into());
        self
    }

    /// Which structs and exceptions keep fields that they don't know, to send them on; none by default.
    ///
    /// These get a field `unknown_fields` behind those of the IDL.
    pub fn keep_unknown_fields(mut self, files: Files) -> Self {
        self.job.options.keep_unknown_fields = files;
        self
    }

    /// Adds the constant `SCHEMA`, for `volo_thrift::generic::Reflection`: with it a server tells its clients the IDL.
    pub fn reflection(mut self, reflection: bool) -> Self {
        self.job.options.reflection = reflection;
        self
    }

    /// Derives serde's traits, with the IDL's names; volo-thrift's feature `serde` has to be on.
    pub fn serde(mut self, serde: bool) -> Self {
        self.job.options.serde = serde;
        self
    }

    /// Whether comments of the IDL are carried over, as they are by default.
    pub fn comments(mut self, comments: bool) -> Self {
        self.job.options.comments = comments;
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
        let done = out_dir(self.out_dir).and_then(|directory| self.job.run(&directory));
        if let Err(error) = done {
            eprint!("{error}");
            process::exit(1);
        }
    }
}

/// One call of [`compile`] in a build script.
#[derive(Clone, Debug, Default)]
pub(crate) struct Job {
    pub(crate) files: Vec<String>,
    pub(crate) include_dirs: Vec<PathBuf>,
    pub(crate) options: Options,
}

impl Job {
    /// Writes the code to `directory`, and tells cargo what was read and what to warn of.
    pub(crate) fn run(&self, directory: &Path) -> Result<(), BuildError> {
        let roots: Vec<&str> = self.files.iter().map(String::as_str).collect();
        let Compiled { files, diagnostics, sources } =
            compile(&roots, &FileSource::new(self.include_dirs.clone()), &self.options);
        for path in sources.iter().map(|(_, file)| &file.path).chain(&self.files) {
            println!("cargo:rerun-if-changed={path}");
        }
        tell_cargo_warnings(&diagnostics, &sources);
        let files = files.ok_or_else(|| BuildError::new(diag::render(&diagnostics, &sources, false)))?;
        for file in &files {
            file.write_to(directory).map_err(|error| {
                let path = directory.join(&file.path);
                BuildError::new(format!("error: can't write {}: {error}\n", path.display()))
            })?;
        }
        Ok(())
    }
}

/// The given directory, or the one that cargo gives a build script.
pub(crate) fn out_dir(given: Option<PathBuf>) -> Result<PathBuf, BuildError> {
    given.or_else(|| env::var_os("OUT_DIR").map(PathBuf::from)).ok_or_else(|| {
        let help = "outside of a build script, name a directory with `out_dir`";
        BuildError::new(format!("error: OUT_DIR is not set; {help}\n"))
    })
}

pub(crate) fn tell_cargo_warnings(diagnostics: &[Diagnostic], sources: &SourceMap) {
    for diagnostic in diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Warning) {
        println!("cargo:warning={}", diagnostic.one_line(sources));
    }
}

/// Why no code was generated: a report for people, of one or more lines.
///
/// Its `Debug` is the same text, so that `unwrap` in a build script shows it.
pub struct BuildError(String);

impl BuildError {
    pub(crate) fn new(report: String) -> Self {
        BuildError(report)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.0)
    }
}

impl std::error::Error for BuildError {}

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
