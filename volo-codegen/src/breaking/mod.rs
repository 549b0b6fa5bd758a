//! What a change of an IDL does to peers that were built from the one before.
//!
//! Two models are compared by meaning: fields by id, functions by name, types by what they hold. Each difference
//! that matters to somebody says to whom by its [`Level`]; harmless additions are not mentioned.

mod annotations;
mod fields;
mod policy;
mod services;
mod types;

use std::collections::HashSet;

use crate::diag::{Diagnostic, Severity};
use crate::model::{EnumId, Model, Span, StructId};
use crate::source::SourceMap;

pub use policy::Policy;

/// Who notices a change. Each level includes those above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Peers that speak Binary or Compact.
    Wire,
    /// Users of JSON, which has names instead of ids.
    Json,
    /// Users of the HTTP routes that annotations give.
    Http,
    /// Whoever compiles the generated code.
    Source,
}

impl Level {
    /// `wire`, `json`, `http` or `source`.
    pub fn name(self) -> &'static str {
        match self {
            Level::Wire => "wire",
            Level::Json => "json",
            Level::Http => "http",
            Level::Source => "source",
        }
    }
}

/// One of the two IDLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The one to be.
    New,
    /// The one before.
    Old,
}

/// A difference that somebody notices.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The first level that notices.
    pub level: Level,
    /// Whose texts the places of the diagnostic are in: what is gone can be shown only where it was.
    pub side: Side,
    /// An error if it breaks somebody, a warning if it may.
    pub diagnostic: Diagnostic,
}

/// A model and its texts.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    /// The resolved IDL.
    pub model: &'a Model,
    /// The texts that its spans refer to.
    pub sources: &'a SourceMap,
}

/// All changes up to a level, what is still there first.
pub fn compare(old: Version<'_>, new: Version<'_>, level: Level, policy: &Policy) -> Vec<Change> {
    let mut comparer = Comparer {
        old: old.model,
        new: new.model,
        old_sources: old.sources,
        policy,
        changes: Vec::new(),
        structs: HashSet::new(),
        enums: HashSet::new(),
        open: Vec::new(),
    };
    comparer.services();
    comparer.declarations();
    while let Some((old, new)) = comparer.open.pop() {
        comparer.structure(old, new);
    }
    let mut changes = comparer.changes;
    changes.retain(|change| change.level <= level);
    changes.sort_by_key(|change| {
        let place = change.diagnostic.labels.first().map(|label| (label.span.file, label.span.start));
        (change.side, place, change.level)
    });
    changes
}

struct Comparer<'a> {
    old: &'a Model,
    new: &'a Model,
    old_sources: &'a SourceMap,
    policy: &'a Policy,
    changes: Vec<Change>,
    /// Pairs that were compared or are about to be.
    structs: HashSet<(StructId, StructId)>,
    enums: HashSet<(EnumId, EnumId)>,
    open: Vec<(StructId, StructId)>,
}

/// A change in the making.
struct Finding {
    level: Level,
    severity: Severity,
    code: &'static str,
    message: String,
    /// Old peers only see something new: no policy objects.
    is_addition: bool,
    help: Option<String>,
}

impl Finding {
    fn error(level: Level, code: &'static str, message: String) -> Finding {
        Finding { level, severity: Severity::Error, code, message, is_addition: false, help: None }
    }

    fn warning(level: Level, code: &'static str, message: String) -> Finding {
        Finding { severity: Severity::Warning, ..Finding::error(level, code, message) }
    }

    fn addition(level: Level, code: &'static str, message: String) -> Finding {
        Finding { is_addition: true, ..Finding::warning(level, code, message) }
    }

    fn help(mut self, help: impl Into<String>) -> Finding {
        self.help = Some(help.into());
        self
    }
}

impl Comparer<'_> {
    /// A change of something that both have.
    fn changed(&mut self, finding: Finding, new: Span, label: &str, old: Span) {
        let was = self.old_sources.text(old).split_whitespace().collect::<Vec<_>>().join(" ");
        let shown: String = was.chars().take(80).collect();
        let more = if shown.len() < was.len() { "…" } else { "" };
        let file = self.old_sources.file(old.file);
        let (line, column) = file.position(old.start as usize);
        let note = format!("was `{shown}{more}` at {}:{line}:{column}", file.path);
        let diagnostic = self.diagnostic(&finding, new, label).note(note);
        self.push(finding.level, Side::New, diagnostic);
    }

    /// Something that only the new one has.
    fn added(&mut self, finding: Finding, new: Span, label: &str) {
        let diagnostic = self.diagnostic(&finding, new, label);
        self.push(finding.level, Side::New, diagnostic);
    }

    /// Something that only the old one has; `deprecated` is the date since when its users know.
    fn removed(&mut self, finding: Finding, old: Span, deprecated: Option<&str>) {
        let mut diagnostic = self.diagnostic(&finding, old, "gone");
        self.policy.judge_removal(&mut diagnostic, deprecated);
        self.push(finding.level, Side::Old, diagnostic);
    }

    fn diagnostic(&self, finding: &Finding, span: Span, label: &str) -> Diagnostic {
        let mut diagnostic = match finding.severity {
            Severity::Error => Diagnostic::error(finding.code, &finding.message),
            Severity::Warning => Diagnostic::warning(finding.code, &finding.message),
        };
        if self.policy.additive && !finding.is_addition {
            diagnostic.severity = Severity::Error;
        }
        diagnostic.at(span, label).help_maybe(finding.help.clone())
    }

    fn push(&mut self, level: Level, side: Side, diagnostic: Diagnostic) {
        self.changes.push(Change { level, side, diagnostic });
    }
}
