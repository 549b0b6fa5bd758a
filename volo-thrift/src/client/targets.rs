//! The targets of the methods that a client called lately, for their calls to share.

use std::{ptr, sync::Arc};

use faststr::FastStr;
use volo_core::Target;

use crate::Method;

/// How many methods a client usually calls in turn.
const KNOWN_MAX: usize = 8;

/// Targets by method.
#[derive(Default)]
pub(super) struct Targets {
    known: Vec<(&'static Method, Arc<Target>)>,
    oldest: usize,
}

/// Starts anew: whoever is cloned for one call should not pay for it.
impl Clone for Targets {
    fn clone(&self) -> Self {
        Targets::default()
    }
}

impl Targets {
    /// The target of calls to `method` of the service `name`, which is the same one as long as not many others are
    /// called in between.
    #[inline]
    pub(super) fn get(&mut self, name: &'static str, method: &'static Method) -> Arc<Target> {
        match self.known.iter().find(|(known, _)| ptr::eq(*known, method)) {
            Some((_, target)) => target.clone(),
            None => self.learn(name, method),
        }
    }

    #[cold]
    fn learn(&mut self, name: &'static str, method: &'static Method) -> Arc<Target> {
        let target = Arc::new(Target {
            service: FastStr::from_static_str(name),
            method: FastStr::from_static_str(method.name),
            oneway: method.oneway,
            idempotent: method.idempotent,
        });
        let known = (method, target.clone());
        if self.known.len() < KNOWN_MAX {
            self.known.push(known);
        } else {
            self.known[self.oldest] = known;
            self.oldest = (self.oldest + 1) % KNOWN_MAX;
        }
        target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_to_a_method_share_their_target() {
        let methods: &'static [Method] = Vec::leak((0..20).map(|_| Method::new("Shop", "list")).collect());
        let mut targets = Targets::default();
        let first = targets.get("Shop", &methods[0]);
        assert!(Arc::ptr_eq(&first, &targets.get("Shop", &methods[0])));
        assert!(!Arc::ptr_eq(&first, &targets.get("Shop", &methods[1])), "equal names are no proof");
        for method in methods {
            assert_eq!(&*targets.get("Shop", method).method, "list");
        }
        assert_eq!(targets.known.len(), KNOWN_MAX);
    }
}
