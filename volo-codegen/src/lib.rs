//! Thrift IDL in, Rust text out.
//!
//! The front end is [`load`]: text from a [`source::Source`] → tokens → tree ([`ast`]) → resolved [`model`],
//! with every finding as a [`diag::Diagnostic`]. It prints nothing, stops at no first fault and never panics,
//! whatever the text.
#![forbid(unsafe_code)]

pub mod ast;
mod attributes;
pub mod breaking;
mod builder;
mod check;
#[cfg(feature = "config")]
pub mod config;
mod consts;
mod describe;
pub mod diag;
mod emit;
mod format;
mod graph;
pub mod lex;
mod lint;
mod load;
pub mod model;
mod options;
pub mod parse;
mod prune;
mod resolve;
mod scope;
pub mod source;
mod suggest;

pub use builder::{BuildError, Builder};
#[cfg(feature = "config")]
pub use config::write::ConfigBuilder;
pub use describe::describe;
pub use emit::outline::{MethodOutline, ServiceOutline, outline};
pub use format::{Formatted, format};
pub use lint::lint;
pub use options::{Files, Options};

use diag::Diagnostic;
use model::Model;
use source::{Source, SourceMap};

/// What came out of [`load`].
#[derive(Debug)]
pub struct Loaded {
    /// The resolved IDL, unless there is any error.
    pub model: Option<Model>,
    /// All findings, by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that spans refer to.
    pub sources: SourceMap,
}

/// Reads the given files and all they include, and checks everything.
pub fn load(roots: &[&str], source: &dyn Source) -> Loaded {
    let mut sources = SourceMap::default();
    let mut diagnostics = Vec::new();
    let files = load::load_files(roots, source, &mut sources, &mut diagnostics);
    let mut resolved = resolve::resolve(&files, &sources, &mut diagnostics);
    check::break_cycles(&mut resolved.model, &mut diagnostics);
    let mut model = consts::evaluate(resolved, &mut diagnostics);
    check::check(&mut model, &files, &mut diagnostics);
    let place =
        |diagnostic: &Diagnostic| diagnostic.labels.first().map(|label| (label.span.file, label.span.start));
    diagnostics.sort_by_key(place);
    let model = (!diag::has_errors(&diagnostics)).then_some(model);
    Loaded { model, diagnostics, sources }
}

/// One file of generated code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFile {
    /// Path relative to the output directory.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What came out of [`compile`].
#[derive(Debug)]
pub struct Compiled {
    /// The generated code, unless there is any error.
    pub files: Option<Vec<OutputFile>>,
    /// All findings, by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that spans refer to; every file that was read.
    pub sources: SourceMap,
}

/// Rust code for the given files and all they include.
pub fn compile(roots: &[&str], source: &dyn Source, options: &Options) -> Compiled {
    let Loaded { model, mut diagnostics, sources } = load(roots, source);
    let files = model.and_then(|mut model| {
        let keeping = keeping_files(&model, source, &sources, &options.keep_unknown_fields);
        if !options.comments {
            prune::strip_comments(&mut model);
        }
        if options.trim {
            prune::trim(&mut model, &options.touch, &mut diagnostics);
        }
        if options.serde {
            attributes::check(&model, &mut diagnostics);
        }
        (!diag::has_errors(&diagnostics)).then(|| {
            let mut files = emit::emit(&model, options, &keeping);
            if options.reflection {
                let schema = describe(&model, Some(&sources));
                files.iter_mut().filter(|file| file.path == options.out_file).for_each(|file| {
                    file.text += &emit::schema(&schema);
                });
            }
            files
        })
    });
    Compiled { files, diagnostics, sources }
}

/// For each file, whether its structs keep unknown fields.
fn keeping_files(model: &Model, source: &dyn Source, sources: &SourceMap, files: &Files) -> Vec<bool> {
    let mut keeping = vec![*files == Files::All; model.files.len()];
    let mut open = Vec::new();
    if let Files::Roots(roots) = files {
        let located = roots.iter().filter_map(|root| source.locate(root, None));
        open.extend(located.filter_map(|located| sources.find(&located.key)));
    }
    while let Some(file) = open.pop() {
        if !std::mem::replace(&mut keeping[file.index()], true) {
            open.extend(&model[file].includes);
        }
    }
    keeping
}
