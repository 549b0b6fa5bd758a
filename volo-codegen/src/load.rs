//! The files of one compilation: the roots and everything they include, each read and parsed once.

use crate::ast;
use crate::diag::Diagnostic;
use crate::graph;
use crate::model::{FileId, Span};
use crate::parse::parse;
use crate::source::{Located, Source, SourceMap, decode};

/// Larger files are refused; spans count bytes in 32 bits, and no IDL comes near.
pub(crate) const FILE_BYTES_MAX: usize = 64 << 20;

/// A parsed file and what it includes.
pub(crate) struct Loaded {
    pub(crate) tree: ast::File,
    pub(crate) root: bool,
    /// Direct includes in order, without repeats, each with the line that names it.
    pub(crate) includes: Vec<(FileId, Span)>,
}

/// Reads roots and includes, breadth first. The position in the result is the [`FileId`].
pub(crate) fn load_files(
    roots: &[&str],
    source: &dyn Source,
    sources: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Loaded> {
    let mut loader = Loader { source, sources, diagnostics, files: Vec::new() };
    for root in roots {
        match loader.source.locate(root, None) {
            Some(located) => {
                loader.open(&located, None, true);
            }
            None => {
                let message = format!("there is no file `{root}`");
                loader.diagnostics.push(Diagnostic::error("missing-file", message));
            }
        }
    }
    let mut next = 0;
    while next < loader.files.len() {
        loader.follow_includes(next);
        next += 1;
    }
    let files = loader.files;
    report_cycles(&files, sources, diagnostics);
    files
}

struct Loader<'a> {
    source: &'a dyn Source,
    sources: &'a mut SourceMap,
    diagnostics: &'a mut Vec<Diagnostic>,
    files: Vec<Loaded>,
}

impl Loader<'_> {
    /// The id of a file, which is read unless it was before. `None` if it cannot be read.
    fn open(&mut self, located: &Located, include: Option<Span>, root: bool) -> Option<FileId> {
        if let Some(id) = self.sources.find(&located.key) {
            return Some(id);
        }
        let (text, utf8) = match self.read(located) {
            Ok(bytes) => decode(bytes),
            Err(reason) => {
                let message = format!("cannot read `{}`: {reason}", located.path);
                let diagnostic = Diagnostic::error("unreadable-file", message);
                self.diagnostics.push(match include {
                    Some(span) => diagnostic.at(span, "included here"),
                    None => diagnostic,
                });
                return None;
            }
        };
        let id = self.sources.add(located, text);
        let text = &self.sources.file(id).text;
        if !utf8 {
            let start = Span { file: id, start: 0, end: 0 };
            let diagnostic = Diagnostic::warning("encoding", format!("`{}` is not UTF-8", located.path))
                .at(start, "read as Latin-1")
                .help("save the file as UTF-8");
            self.diagnostics.push(diagnostic);
        }
        let tree = parse(id, text, self.diagnostics);
        self.files.push(Loaded { tree, root, includes: Vec::new() });
        Some(id)
    }

    fn read(&self, located: &Located) -> Result<Vec<u8>, String> {
        let bytes = self.source.read(located).map_err(|error| error.to_string())?;
        if bytes.len() > FILE_BYTES_MAX {
            return Err(format!("{} bytes are more than the limit of {FILE_BYTES_MAX}", bytes.len()));
        }
        Ok(bytes)
    }

    fn follow_includes(&mut self, file: usize) {
        let headers = self.files[file].tree.headers.clone();
        for header in headers {
            let ast::Header::Include(path, span) = header else { continue };
            let includer = self.sources.file(span.file).path.clone();
            let Some(located) = self.source.locate(&path.text, Some(&includer)) else {
                let diagnostic =
                    Diagnostic::error("missing-include", format!("there is no file `{}`", path.text))
                        .at(path.span, "not found")
                        .note("looked beside this file, then in the include directories");
                self.diagnostics.push(diagnostic);
                continue;
            };
            let Some(id) = self.open(&located, Some(span), false) else { continue };
            let known = self.files[file].includes.iter().find(|(other, _)| *other == id);
            if let Some((_, first)) = known {
                let message = format!("`{}` is included twice", path.text);
                let diagnostic = Diagnostic::warning("repeated-include", message)
                    .at(span, "the same file again")
                    .at(*first, "first included here");
                self.diagnostics.push(diagnostic);
                continue;
            }
            self.files[file].includes.push((id, span));
        }
    }
}

fn report_cycles(files: &[Loaded], sources: &SourceMap, diagnostics: &mut Vec<Diagnostic>) {
    let edges: Vec<Vec<usize>> =
        files.iter().map(|file| file.includes.iter().map(|(id, _)| id.index()).collect()).collect();
    for cycle in graph::cycles(&edges) {
        let path = |index: usize| sources.file(FileId(index as u32)).path.as_str();
        let chain = graph::chain(&cycle, path);
        let message = format!("files include each other: {chain}");
        let mut diagnostic = Diagnostic::error("include-cycle", message);
        for (from, to) in graph::steps(&cycle) {
            let include = files[from].includes.iter().find(|(id, _)| id.index() == to);
            if let Some((_, span)) = include {
                diagnostic = diagnostic.at(*span, format!("includes `{}`", path(to)));
            }
        }
        let help = "move what both need into a third file";
        diagnostics.push(diagnostic.help(help));
    }
}
