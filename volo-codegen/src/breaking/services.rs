//! Services and everything else that is declared, matched by name.

use super::fields::{Pair, Role};
use super::{Comparer, Finding, Level};
use crate::model::{Const, Enum, FileId, Function, Item, Meta, Model, Service, ServiceId, Struct, Typedef};

impl Comparer<'_> {
    pub(super) fn services(&mut self) {
        let (old, new) = (self.old, self.new);
        for (index, service) in old.services.iter().enumerate() {
            if !old[service.file].root {
                continue;
            }
            let deprecated = service.meta.annotations.get("deprecated");
            let Some(other) = matching(old, new, service, &new.services) else {
                let message = format!("service `{}` is gone", service.name);
                let finding = Finding::error(Level::Wire, "service-removed", message);
                self.removed(finding, service.meta.name_span, deprecated);
                continue;
            };
            self.http(&format!("service `{}`", service.name), &service.meta, &new.services[other].meta);
            let (old_id, new_id) = (ServiceId(index as u32), ServiceId(other as u32));
            for function in old.functions(old_id) {
                match new.functions(new_id).find(|other| other.name == function.name) {
                    Some(other) => self.function(&service.name, function, other),
                    None => {
                        let message = format!("function `{}.{}` is gone", service.name, function.name);
                        let finding = Finding::error(Level::Wire, "function-removed", message);
                        let deprecated = function.meta.annotations.get("deprecated");
                        self.removed(finding, function.meta.span, deprecated);
                    }
                }
            }
        }
    }

    fn function(&mut self, service: &str, old: &Function, new: &Function) {
        let name = format!("{service}.{}", old.name);
        if old.oneway != new.oneway {
            let word = if new.oneway { "is oneway now" } else { "is not oneway any more" };
            let message = format!("function `{name}` {word}");
            let finding = Finding::error(Level::Wire, "oneway-changed", message);
            self.changed(finding, new.meta.name_span, "one side waits in vain", old.meta.span);
        }
        let what = format!("the result of `{name}`");
        match (&old.returns, &new.returns) {
            (Some(was), Some(is)) => self.types(&what, was, is, new.meta.name_span, old.meta.span),
            (None, None) => {}
            (was, _) => {
                let word = if was.is_some() { "nothing now" } else { "something now" };
                let message = format!("function `{name}` returns {word}");
                let finding = Finding::error(Level::Wire, "type-changed", message);
                self.changed(finding, new.meta.name_span, "another result", old.meta.span);
            }
        }
        let pair = |role, old_fields, new_fields| Pair {
            role,
            owner: &name,
            old: old_fields,
            new: new_fields,
            old_meta: &old.meta,
            new_meta: &new.meta,
        };
        self.fields(&pair(Role::Argument, old.args.as_slice(), new.args.as_slice()));
        self.fields(&pair(Role::Exception, old.throws.as_slice(), new.throws.as_slice()));
        self.http(&format!("function `{name}`"), &old.meta, &new.meta);
    }

    /// Everything declared in root files but services.
    pub(super) fn declarations(&mut self) {
        let (old, new) = (self.old, self.new);
        for file in old.files.iter().filter(|file| file.root) {
            for item in &file.items {
                match *item {
                    Item::Struct(id) => match matching(old, new, &old[id], &new.structs) {
                        Some(at) => self.pair_structs(id, at),
                        None => self.lost(old[id].kind.word(), &old[id]),
                    },
                    Item::Enum(id) => match matching(old, new, &old[id], &new.enums) {
                        Some(at) => self.pair_enums(id, at),
                        None => self.lost("enum", &old[id]),
                    },
                    Item::Typedef(id) => {
                        if matching(old, new, &old[id], &new.typedefs).is_none() {
                            self.lost("typedef", &old[id]);
                        }
                    }
                    Item::Const(id) => match matching(old, new, &old[id], &new.consts) {
                        Some(at) => self.constant(&old[id], &new.consts[at]),
                        None => self.lost("constant", &old[id]),
                    },
                    Item::Service(_) => {}
                }
            }
        }
        self.namespaces();
    }

    fn lost(&mut self, kind: &str, item: &impl Named) {
        let message = format!("{kind} `{}` is gone", item.name());
        let finding = Finding::error(Level::Source, "type-removed", message);
        self.removed(finding, item.meta().name_span, item.meta().annotations.get("deprecated"));
    }

    fn constant(&mut self, old: &Const, new: &Const) {
        let was = super::types::text(self.old, &old.value);
        let is = super::types::text(self.new, &new.value);
        if was != is {
            let message = format!("constant `{}` changed from {was} to {is}", old.name);
            let finding = Finding::warning(Level::Source, "constant-changed", message);
            self.changed(finding, new.meta.name_span, "another value", old.meta.span);
        }
    }

    /// The modules of generated code.
    fn namespaces(&mut self) {
        let (old, new) = (self.old, self.new);
        for file in old.files.iter().filter(|file| file.root) {
            let mut twins = new.files.iter().filter(|other| other.root && other.stem == file.stem);
            let (Some(twin), None) = (twins.next(), twins.next()) else { continue };
            let (was, is) = (file.rust_module.join("."), twin.rust_module.join("."));
            let line = |file: &crate::model::File| {
                file.namespaces
                    .iter()
                    .find(|line| line.lang == "rs" || line.lang == "*")
                    .map(|line| line.span)
            };
            if let (true, Some(new), Some(old)) = (was != is, line(twin), line(file)) {
                let message = format!("generated code moves from `{was}` to `{is}`");
                let finding = Finding::error(Level::Source, "namespace-changed", message);
                self.changed(finding, new, "another module", old);
            }
        }
    }
}

/// What is matched by name.
pub(super) trait Named {
    fn name(&self) -> &str;
    fn file(&self) -> FileId;
    fn meta(&self) -> &Meta;
}

macro_rules! named {
    ($($item:ty),*) => {$(
        impl Named for $item {
            fn name(&self) -> &str {
                &self.name
            }

            fn file(&self) -> FileId {
                self.file
            }

            fn meta(&self) -> &Meta {
                &self.meta
            }
        }
    )*};
}

named!(Struct, Enum, Typedef, Const, Service);

/// The item of the same name: in a file of the same name, else the only one there is.
fn matching<T: Named>(old: &Model, new: &Model, item: &T, among: &[T]) -> Option<usize> {
    let same: Vec<usize> = (0..among.len()).filter(|at| among[*at].name() == item.name()).collect();
    let stem = &old[item.file()].stem;
    let beside = same.iter().find(|at| new[among[**at].file()].stem == *stem);
    beside.copied().or_else(|| if let [only] = same[..] { Some(only) } else { None })
}
