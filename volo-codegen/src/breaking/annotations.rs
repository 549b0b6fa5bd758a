//! Annotations that mean something on HTTP: `api.get`, `api.query`, `api.http_code`, …

use super::{Comparer, Finding, Level};
use crate::lint::VERBS;
use crate::model::{Annotation, Annotations, Meta};

impl Comparer<'_> {
    /// Compares what HTTP sees of `what`, which both have.
    pub(super) fn http(&mut self, what: &str, old: &Meta, new: &Meta) {
        let (before, after) = (http(&old.annotations), http(&new.annotations));
        for annotation in &before {
            let same = |other: &&&Annotation| other.key == annotation.key && other.value == annotation.value;
            if after.iter().any(|other| same(&other)) {
                continue;
            }
            let other = after.iter().find(|other| other.key == annotation.key);
            let message = match other {
                Some(other) => {
                    let (key, was, is) = (&annotation.key, &annotation.value, &other.value);
                    format!("`{key}` of {what} changed from {was:?} to {is:?}")
                }
                None => format!("{what} lost `{} = {:?}`", annotation.key, annotation.value),
            };
            let span = other.map_or(new.name_span, |other| other.span);
            let finding = Finding::error(Level::Http, "http-changed", message);
            self.changed(finding, span, "HTTP users notice", annotation.span);
        }
        for annotation in after {
            let is_new = before.iter().all(|other| other.key != annotation.key);
            // One more route takes nothing away.
            if is_new && !VERBS.contains(&annotation.key.as_str()) {
                let message = format!("{what} got `{} = {:?}`", annotation.key, annotation.value);
                let finding = Finding::error(Level::Http, "http-changed", message);
                self.changed(finding, annotation.span, "HTTP users notice", old.name_span);
            }
        }
    }
}

fn http(annotations: &Annotations) -> Vec<&Annotation> {
    annotations.0.iter().filter(|annotation| annotation.key.starts_with("api.")).collect()
}
