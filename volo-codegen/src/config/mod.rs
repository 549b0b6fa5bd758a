//! `volo.yml`: which IDL files become which Rust file, and how.
//!
//! The keys are Volo's, so that a project can bring its file along. A key that is not known is an error, one that
//! is known but has no effect here a warning, each with its place.

mod read;
pub(crate) mod write;
mod yaml;

use std::path::Path;

use crate::diag::{Diagnostic, has_errors};
use crate::model::Span;
use crate::options::{Files, Options};
use crate::source::{Located, SourceMap};

/// The directory beside `volo.yml` that holds a copy of each repository, by its name.
pub const VENDOR_DIRECTORY: &str = "vendor";

/// What a `volo.yml` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Its entries, in order.
    pub entries: Vec<Entry>,
}

/// One Rust file to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its key.
    pub name: String,
    /// `filename`: where the Rust file goes, relative to the output directory.
    pub filename: String,
    /// `repos`: where IDL files of other projects come from.
    pub repos: Vec<Repo>,
    /// `services`: the IDL files.
    pub services: Vec<Service>,
    /// `touch_all`: keep types that nothing needs. As with Volo, these are left out otherwise.
    pub touch_all: bool,
    /// `split_generated_files`: a file for each namespace.
    pub split: bool,
    /// `with_comments`: carry comments over; on unless it is `false`.
    pub comments: bool,
    /// `serde`: derive serde's traits.
    pub serde: bool,
    /// `reflection`: add the constant `SCHEMA`.
    pub reflection: bool,
}

/// A git repository.
#[derive(Clone, Debug, PartialEq)]
pub struct Repo {
    /// Its key, which is also the name of its copy's directory.
    pub name: String,
    /// `url`: where it is cloned from.
    pub url: String,
    /// `ref`: the branch or tag to follow.
    pub reference: String,
    /// `lock`: the commit in use.
    pub lock: Option<String>,
}

/// An IDL file of an entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The repository it is in, by position in [`Entry::repos`]; beside `volo.yml` if none.
    pub repo: Option<usize>,
    /// `path`: relative to the repository or to `volo.yml`.
    pub path: String,
    /// `includes`: directories to search for included files, relative as `path` is.
    pub includes: Vec<String>,
    /// `touch`: types that stay although nothing needs them.
    pub touch: Vec<String>,
    /// `keep_unknown_fields`: for this file and what it includes.
    pub keep_unknown_fields: bool,
    /// Where it is in `volo.yml`.
    pub span: Span,
}

/// What came out of [`Config::parse`].
#[derive(Debug)]
pub struct Parsed {
    /// The configuration, unless there is any error.
    pub config: Option<Config>,
    /// All findings.
    pub diagnostics: Vec<Diagnostic>,
    /// The text that spans refer to.
    pub sources: SourceMap,
}

impl Config {
    /// Reads the text of a `volo.yml`; `path` is how messages call it.
    pub fn parse(path: &str, text: &str) -> Parsed {
        let mut sources = SourceMap::default();
        let text = text.trim_start_matches('\u{feff}').to_owned();
        let file = sources.add(&Located { key: path.to_owned(), path: path.to_owned() }, text);
        let mut diagnostics = Vec::new();
        let config = match yaml::parse(file, &sources.file(file).text) {
            Ok(root) => Some(read::config(&root, &mut diagnostics)),
            Err(diagnostic) => {
                diagnostics.push(diagnostic);
                None
            }
        };
        diagnostics.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span.start));
        Parsed { config: config.filter(|_| !has_errors(&diagnostics)), diagnostics, sources }
    }
}

/// An entry with all paths resolved: what [`crate::compile`] is to be called with.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The IDL files.
    pub roots: Vec<String>,
    /// Where to search for included files.
    pub include_dirs: Vec<String>,
    /// The choices.
    pub options: Options,
}

impl Entry {
    /// What to compile, with `directory` as the place of `volo.yml`. Repositories are expected below
    /// [`VENDOR_DIRECTORY`]; whether they are there is not looked at.
    pub fn plan(&self, directory: &Path) -> Plan {
        let mut plan = Plan { roots: Vec::new(), include_dirs: Vec::new(), options: self.options() };
        let mut keeping = Vec::new();
        for service in &self.services {
            let base = match service.repo {
                Some(repo) => directory.join(VENDOR_DIRECTORY).join(&self.repos[repo].name),
                None => directory.to_owned(),
            };
            let root = base.join(&service.path).display().to_string();
            if service.keep_unknown_fields {
                keeping.push(root.clone());
            }
            plan.roots.push(root);
            for include in &service.includes {
                let include = base.join(include).display().to_string();
                if !plan.include_dirs.contains(&include) {
                    plan.include_dirs.push(include);
                }
            }
            // Paths in a repository often start at its top.
            if service.repo.is_some() {
                let top = base.display().to_string();
                if !plan.include_dirs.contains(&top) {
                    plan.include_dirs.push(top);
                }
            }
        }
        if !keeping.is_empty() {
            plan.options.keep_unknown_fields = Files::Roots(keeping);
        }
        plan
    }

    fn options(&self) -> Options {
        Options {
            out_file: self.filename.clone(),
            split: self.split,
            trim: !self.touch_all,
            touch: self.services.iter().flat_map(|service| service.touch.clone()).collect(),
            serde: self.serde,
            reflection: self.reflection,
            comments: self.comments,
            ..Options::default()
        }
    }
}
