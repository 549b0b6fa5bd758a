//! `volo.yml` in a build script: a thin shell around [`Config`] and [`crate::compile`].

use std::fs;
use std::path::{Path, PathBuf};

use super::{Config, Entry, Parsed, VENDOR_DIRECTORY};
use crate::builder::{BuildError, Job, out_dir, tell_cargo_warnings};
use crate::diag::{Diagnostic, render};

/// Generates what a `volo.yml` asks for, in a build script.
///
/// ```no_run
/// // build.rs; the library says `include!(concat!(env!("OUT_DIR"), "/volo_gen.rs"));`
/// volo_codegen::ConfigBuilder::default().write().unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct ConfigBuilder {
    path: PathBuf,
    out_dir: Option<PathBuf>,
}

impl Default for ConfigBuilder {
    /// For the `volo.yml` beside the build script.
    fn default() -> Self {
        ConfigBuilder::new("volo.yml")
    }
}

impl ConfigBuilder {
    /// For another file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        ConfigBuilder { path: path.into(), out_dir: None }
    }

    /// Directory of the generated files; cargo's `OUT_DIR` by default.
    pub fn out_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(path.into());
        self
    }

    /// Generates all entries, and tells cargo when to do it again.
    ///
    /// # Errors
    /// When the file or an IDL file has errors, or something can't be read or written. The error's text is the
    /// whole report.
    pub fn write(self) -> Result<(), BuildError> {
        let name = self.path.display().to_string();
        println!("cargo:rerun-if-changed={name}");
        let text = fs::read_to_string(&self.path)
            .map_err(|error| BuildError::new(format!("error: can't read {name}: {error}\n")))?;
        let mut parsed = Config::parse(&name, &text);
        let directory = self.path.parent().unwrap_or(Path::new(""));
        let entries = parsed.config.take().map(|config| config.entries).unwrap_or_default();
        for entry in &entries {
            parsed.diagnostics.extend(missing_repos(entry, directory));
        }
        report(&parsed)?;
        let out_dir = out_dir(self.out_dir)?;
        for entry in &entries {
            let plan = entry.plan(directory);
            let include_dirs = plan.include_dirs.into_iter().map(PathBuf::from).collect();
            Job { files: plan.roots, include_dirs, options: plan.options }.run(&out_dir)?;
        }
        Ok(())
    }
}

/// An error for each IDL file whose repository has no copy.
fn missing_repos(entry: &Entry, directory: &Path) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for service in &entry.services {
        let Some(repo) = service.repo.map(|repo| &entry.repos[repo]) else { continue };
        let copy = directory.join(VENDOR_DIRECTORY).join(&repo.name);
        if copy.is_dir() {
            continue;
        }
        let at = repo.lock.as_ref().unwrap_or(&repo.reference);
        let message = format!("there is no copy of repository `{}`", repo.name);
        let diagnostic = Diagnostic::error("missing-repo", message)
            .at(service.span, format!("needs `{}`", copy.display()))
            .note("a build fetches nothing from the network")
            .help(format!("put `{}` at `{at}` there, and commit it", repo.url));
        diagnostics.push(diagnostic);
    }
    diagnostics
}

fn report(parsed: &Parsed) -> Result<(), BuildError> {
    tell_cargo_warnings(&parsed.diagnostics, &parsed.sources);
    match crate::diag::has_errors(&parsed.diagnostics) {
        true => Err(BuildError::new(render(&parsed.diagnostics, &parsed.sources, false))),
        false => Ok(()),
    }
}
