//! How findings reach the user: rendered for people, or as data for editors and CI.

use std::io::{IsTerminal, Write};

use serde_json::json;
use volo_codegen::Loaded;
use volo_codegen::diag::{self, Diagnostic, Severity};
use volo_codegen::source::SourceMap;

use crate::cmd::Status;

/// Findings that say that a file could not be read, rather than what is wrong in it.
const UNREADABLE: [&str; 2] = ["missing-file", "unreadable-file"];

/// How findings are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// With source lines, for people.
    #[default]
    Human,
    /// A list of objects.
    Json,
    /// Commands that make GitHub mark the lines of a change.
    Github,
}

/// Whether text on a stream may have colours.
pub(crate) fn colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Shows findings to people.
pub(crate) fn show(diagnostics: &[Diagnostic], sources: &SourceMap) {
    eprint!("{}", diag::render(diagnostics, sources, colour(&std::io::stderr())));
}

/// What findings mean for the exit status.
pub(crate) fn status_of(diagnostics: &[Diagnostic]) -> Status {
    let unreadable = |d: &Diagnostic| UNREADABLE.contains(&d.code) && d.labels.is_empty();
    match () {
        () if diagnostics.iter().any(unreadable) => Status::Unusable,
        () if diag::has_errors(diagnostics) => Status::Findings,
        () => Status::Fine,
    }
}

/// Says why something can't be read, written or done.
pub(crate) fn unusable(message: &str) -> Status {
    eprintln!("error: {message}");
    Status::Unusable
}

/// Something wrong with what the user gave, and its place.
pub(crate) struct Finding {
    message: String,
    place: String,
    line: String,
    at: usize,
    width: usize,
    label: String,
    help: String,
}

impl Finding {
    /// In an argument of the command line: `width` characters at `at`.
    pub(crate) fn in_argument(
        message: String,
        argument: &str,
        at: usize,
        width: usize,
        label: &str,
        help: &str,
    ) -> Finding {
        let line = argument.to_owned();
        let (label, help) = (label.to_owned(), help.to_owned());
        Finding { message, place: "command line".to_owned(), line, at, width, label, help }
    }

    /// At the end of the first file, where something is missing.
    pub(crate) fn at_end(sources: &SourceMap, message: String, help: &str) -> Finding {
        let (place, line) = match sources.iter().next() {
            Some((_, file)) => {
                let text = file.text.trim_end();
                let last = text.lines().last().unwrap_or_default();
                let (number, column) = file.position(text.len());
                (format!("{}:{number}:{column}", file.path), last.to_owned())
            }
            None => Default::default(),
        };
        let at = line.chars().count();
        let label = "expected before the end".to_owned();
        Finding { message, place, line, at, width: 1, label, help: help.to_owned() }
    }

    fn show(&self) {
        let pad = " ".repeat(self.at);
        let marks = "^".repeat(self.width);
        eprintln!("error: {}\n --> {}\n  | {}", self.message, self.place, self.line);
        eprintln!("  | {pad}{marks} {}\nhelp: {}", self.label, self.help);
    }
}

/// Shows a fault in what the user gave.
pub(crate) fn refuse(finding: &Finding) -> Status {
    finding.show();
    Status::Findings
}

/// Shows a fault in how the command was called.
pub(crate) fn refuse_usage(finding: &Finding) -> Status {
    finding.show();
    Status::Unusable
}

/// Writes findings in a format: reports for people go to stderr, data to stdout.
pub(crate) fn write_all(format: Format, all: &[Loaded]) {
    match format {
        Format::Human => all.iter().for_each(|loaded| show(&loaded.diagnostics, &loaded.sources)),
        Format::Json => {
            let objects = all.iter().flat_map(|loaded| {
                loaded.diagnostics.iter().map(|diagnostic| object(diagnostic, &loaded.sources))
            });
            say!("{:#}", objects.collect::<serde_json::Value>());
        }
        Format::Github => {
            all.iter().for_each(|loaded| put(&github(&loaded.diagnostics, &loaded.sources)));
        }
    }
}

/// Writes text to stdout; whoever reads it may have gone.
pub(crate) fn put(text: &str) {
    drop(std::io::stdout().write_all(text.as_bytes()));
}

/// A finding as a JSON object; lines and columns count from 1.
pub(crate) fn object(diagnostic: &Diagnostic, sources: &SourceMap) -> serde_json::Value {
    let labels: Vec<serde_json::Value> = diagnostic
        .labels
        .iter()
        .map(|label| {
            let file = sources.file(label.span.file);
            let (line, column) = file.position(label.span.start as usize);
            let (end_line, end_column) = file.position(label.span.end as usize);
            json!({
                "file": file.path, "line": line, "column": column,
                "end_line": end_line, "end_column": end_column, "message": label.message,
            })
        })
        .collect();
    json!({
        "severity": diagnostic.severity.name(), "code": diagnostic.code, "message": diagnostic.message,
        "labels": labels, "notes": diagnostic.notes, "help": diagnostic.help,
    })
}

/// Findings as workflow commands.
pub(crate) fn github(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    diagnostics.iter().map(|diagnostic| command(diagnostic, sources)).collect()
}

fn command(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let word = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = diagnostic.labels.first().map_or_else(String::new, |label| {
        let file = sources.file(label.span.file);
        let (line, column) = file.position(label.span.start as usize);
        let (end_line, end_column) = file.position(label.span.end as usize);
        let path = property(&file.path);
        let end = if line == end_line { format!(",endColumn={end_column}") } else { String::new() };
        format!("file={path},line={line},endLine={end_line},col={column}{end},")
    });
    let help = diagnostic.help.iter().map(|help| format!("\nhelp: {help}"));
    let text: String = std::iter::once(diagnostic.message.clone()).chain(help).collect();
    format!("::{word} {place}title={}::{}\n", property(diagnostic.code), escape(&text))
}

fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    escape(text).replace(':', "%3A").replace(',', "%2C")
}
