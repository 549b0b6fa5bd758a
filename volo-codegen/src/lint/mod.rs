//! What a sound IDL should not do although it may: advice for the files asked for, not for what they include.
//!
//! Each rule is a function from the model to findings, all warnings but the use of a reserved id.

mod ids;
mod names;
mod reserved;
mod routes;
mod uses;

use crate::diag::Diagnostic;
use crate::model::{FileId, Model};
use crate::source::SourceMap;

pub(crate) use reserved::Reserved;
pub(crate) use routes::VERBS;

/// All advice on the root files of a model, by file and place.
pub fn lint(model: &Model, sources: &SourceMap) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    ids::check(model, sources, &mut findings);
    names::check(model, &mut findings);
    routes::check(model, &mut findings);
    uses::check(model, sources, &mut findings);
    let place =
        |finding: &Diagnostic| finding.labels.first().map(|label| (label.span.file, label.span.start));
    findings.sort_by_key(place);
    findings
}

/// Whether a file was asked for.
fn is_root(model: &Model, file: FileId) -> bool {
    model[file].root
}
