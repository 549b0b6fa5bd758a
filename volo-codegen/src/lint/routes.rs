//! HTTP routes, as Kitex and Hertz write them: `(api.get = "/items/:id")`.

use std::collections::HashMap;

use super::is_root;
use crate::diag::Diagnostic;
use crate::model::{Annotation, Model, Span};

/// Keys of annotations that give a function a route.
pub(crate) const VERBS: [&str; 8] =
    ["api.get", "api.post", "api.put", "api.delete", "api.patch", "api.head", "api.options", "api.any"];

pub(super) fn check(model: &Model, findings: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<(&str, String), Span> = HashMap::new();
    for service in model.services.iter().filter(|service| is_root(model, service.file)) {
        for function in &service.functions {
            let annotations = function.meta.annotations.0.iter();
            for annotation in annotations.filter(|annotation| VERBS.contains(&annotation.key.as_str())) {
                let route = (annotation.key.as_str(), route(annotation));
                let Some(earlier) = seen.insert(route, annotation.span) else { continue };
                let message = format!("two functions have the route `{}`", annotation.value);
                let finding = Diagnostic::warning("route-conflict", message)
                    .at(annotation.span, "only one of them can be reached")
                    .at(earlier, "the same one");
                findings.push(finding);
            }
        }
    }
}

/// A path without the names of its parameters.
fn route(annotation: &Annotation) -> String {
    let part = |part: &str| match part.chars().next() {
        Some(sign @ (':' | '*' | '{')) => sign.to_string(),
        _ => part.to_owned(),
    };
    annotation.value.split('/').map(part).collect::<Vec<_>>().join("/")
}
