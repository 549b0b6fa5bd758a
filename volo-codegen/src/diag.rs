//! What the compiler has to say about an IDL: collected as data, rendered at the very end.
//!
//! Nothing in the compiler prints or stops at the first fault; each finding becomes a [`Diagnostic`] and work
//! goes on, so that a user sees all faults of all files at once.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::model::{FileId, Span};
use crate::source::SourceMap;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file cannot be compiled.
    Error,
    /// The file can be compiled, but someone should look.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable name of the kind of finding, such as `unknown-type`.
    pub code: &'static str,
    /// What is wrong, in one line.
    pub message: String,
    /// Places, the one to look at first in front. Empty only if no file could be read.
    pub labels: Vec<Label>,
    /// Facts that explain it.
    pub notes: Vec<String>,
    /// How to mend it.
    pub help: Option<String>,
}

/// A place with a remark.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What to see there.
    pub message: String,
}

impl Diagnostic {
    pub(crate) fn error(code: &'static str, message: impl Into<String>) -> Self {
        Diagnostic::new(Severity::Error, code, message.into())
    }

    pub(crate) fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Diagnostic::new(Severity::Warning, code, message.into())
    }

    fn new(severity: Severity, code: &'static str, message: String) -> Self {
        Diagnostic { severity, code, message, labels: Vec::new(), notes: Vec::new(), help: None }
    }

    /// Adds a place; the first one added is the primary one.
    pub(crate) fn at(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label { span, message: message.into() });
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn help_maybe(mut self, help: Option<String>) -> Self {
        self.help = self.help.or(help);
        self
    }

    /// `file:line:col: error: message`, for editors and logs.
    pub fn one_line(&self, sources: &SourceMap) -> String {
        let mut line = String::new();
        if let Some(label) = self.labels.first() {
            let file = sources.file(label.span.file);
            let (number, column) = file.position(label.span.start as usize);
            let _ = write!(line, "{}:{number}:{column}: ", file.path);
        }
        let _ = write!(line, "{}: {}", self.severity.name(), self.message);
        line
    }
}

impl Severity {
    /// `error` or `warning`.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// Whether any finding keeps the input from being compiled.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// Renders findings for people: each with its source lines, marks and remarks.
pub fn render(diagnostics: &[Diagnostic], sources: &SourceMap, colour: bool) -> String {
    let mut cache = Cache { sources, files: HashMap::new() };
    let mut out = Vec::new();
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        if index > 0 {
            out.push(b'\n');
        }
        match report(diagnostic, &mut cache, colour) {
            // Writing to memory cannot fail, and the cache knows every file a span can name.
            Some(report) => drop(report.write(&mut cache, &mut out)),
            None => out.extend_from_slice(format!("{}\n", diagnostic.one_line(sources)).as_bytes()),
        }
    }
    let text = String::from_utf8_lossy(&out);
    text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

type Place = (FileId, std::ops::Range<usize>);

fn report(
    diagnostic: &Diagnostic,
    cache: &mut Cache<'_>,
    colour: bool,
) -> Option<ariadne::Report<'static, Place>> {
    let (kind, paint) = match diagnostic.severity {
        Severity::Error => (ariadne::ReportKind::Error, ariadne::Color::Red),
        Severity::Warning => (ariadne::ReportKind::Warning, ariadne::Color::Yellow),
    };
    let first = diagnostic.labels.first()?;
    let mut builder = ariadne::Report::build(kind, cache.place(first.span))
        .with_config(ariadne::Config::new().with_color(colour))
        .with_code(diagnostic.code)
        .with_message(&diagnostic.message);
    // The renderer begins a new section wherever labels step back in a file.
    let mut labels: Vec<(usize, &Label)> = diagnostic.labels.iter().enumerate().collect();
    labels.sort_by_key(|(_, label)| (label.span.file != first.span.file, label.span.file, label.span.start));
    for (order, (index, label)) in labels.into_iter().enumerate() {
        let paint = if index == 0 { paint } else { ariadne::Color::Blue };
        let mark = ariadne::Label::new(cache.place(label.span)).with_order(order as i32);
        builder = builder.with_label(mark.with_message(&label.message).with_color(paint));
    }
    for note in &diagnostic.notes {
        builder.add_note(note);
    }
    if let Some(help) = &diagnostic.help {
        builder.set_help(help);
    }
    Some(builder.finish())
}

/// Files as the renderer wants them. It is given character offsets: with byte offsets it can cut a character.
struct Cache<'a> {
    sources: &'a SourceMap,
    files: HashMap<FileId, RenderedFile>,
}

struct RenderedFile {
    source: ariadne::Source<String>,
    /// For each line: offset of its start in bytes and in characters.
    lines: Vec<(usize, usize)>,
}

impl RenderedFile {
    fn new(text: &str) -> Self {
        let mut lines = vec![(0, 0)];
        let mut chars = 0;
        for (at, c) in text.char_indices() {
            chars += 1;
            if c == '\n' {
                lines.push((at + 1, chars));
            }
        }
        // The renderer takes more characters for line breaks than we and editors do.
        let breaks = ['\r', '\x0b', '\x0c', '\u{85}', '\u{2028}', '\u{2029}'];
        RenderedFile { source: ariadne::Source::from(text.replace(breaks, " ")), lines }
    }
}

impl Cache<'_> {
    fn file(&mut self, id: FileId) -> &RenderedFile {
        let text = &self.sources.file(id).text;
        self.files.entry(id).or_insert_with(|| RenderedFile::new(text))
    }

    fn place(&mut self, span: Span) -> Place {
        let text = &self.sources.file(span.file).text;
        let file = self.file(span.file);
        let chars = |offset: usize| {
            let line = file.lines.partition_point(|(start, _)| *start <= offset).max(1) - 1;
            let (start, chars) = file.lines[line];
            let offset = text.floor_char_boundary(offset);
            chars + text.get(start..offset).map_or(0, |head| head.chars().count())
        };
        (span.file, chars(span.start as usize)..chars(span.end as usize))
    }
}

impl ariadne::Cache<FileId> for Cache<'_> {
    type Storage = String;

    fn fetch(&mut self, id: &FileId) -> Result<&ariadne::Source<String>, impl std::fmt::Debug> {
        Ok::<_, std::convert::Infallible>(&self.file(*id).source)
    }

    fn display<'b>(&self, id: &'b FileId) -> Option<impl std::fmt::Display + 'b> {
        Some(self.sources.file(*id).path.clone())
    }
}
