//! What options take out of a model before it is emitted.

use std::collections::HashSet;

use crate::diag::Diagnostic;
use crate::model::{Field, Item, Meta, Model, Type};
use crate::suggest::did_you_mean;

/// Takes out types that no service, no constant and nothing in `touch` needs.
pub(crate) fn trim(model: &mut Model, touch: &[String], diagnostics: &mut Vec<Diagnostic>) {
    let mut used = Used::default();
    for item in model.files.iter().flat_map(|file| &file.items) {
        if matches!(item, Item::Service(_) | Item::Const(_)) {
            used.add(*item);
        }
    }
    for name in touch {
        let found: Vec<Item> = items_named(model, name).collect();
        if found.is_empty() {
            diagnostics.push(unknown_touch(model, name));
        }
        found.into_iter().for_each(|item| used.add(item));
    }
    while let Some(item) = used.open.pop() {
        used.add_needs(model, item);
    }
    for file in &mut model.files {
        file.items.retain(|item| used.all.contains(item));
    }
}

/// Takes out all comments.
pub(crate) fn strip_comments(model: &mut Model) {
    let forget = |meta: &mut Meta| meta.docs = None;
    let forget_all = |fields: &mut [Field]| fields.iter_mut().for_each(|field| forget(&mut field.meta));
    model.files.iter_mut().for_each(|file| file.docs = None);
    model.typedefs.iter_mut().for_each(|item| forget(&mut item.meta));
    model.consts.iter_mut().for_each(|item| forget(&mut item.meta));
    for item in &mut model.enums {
        forget(&mut item.meta);
        item.values.iter_mut().for_each(|value| forget(&mut value.meta));
    }
    for item in &mut model.structs {
        forget(&mut item.meta);
        forget_all(&mut item.fields);
    }
    for service in &mut model.services {
        forget(&mut service.meta);
        for function in &mut service.functions {
            forget(&mut function.meta);
            forget_all(&mut function.args);
            forget_all(&mut function.throws);
        }
    }
}

/// Items found to be needed, and those of them whose own needs weren't looked at yet.
#[derive(Default)]
struct Used {
    all: HashSet<Item>,
    open: Vec<Item>,
}

impl Used {
    fn add(&mut self, item: Item) {
        if self.all.insert(item) {
            self.open.push(item);
        }
    }

    fn add_needs(&mut self, model: &Model, item: Item) {
        match item {
            Item::Typedef(id) => self.add_type(&model[id].target),
            Item::Const(id) => self.add_type(&model[id].ty),
            Item::Enum(_) => {}
            Item::Struct(id) => self.add_types(&model[id].fields),
            Item::Service(id) => {
                for function in &model[id].functions {
                    function.returns.iter().for_each(|ty| self.add_type(ty));
                    self.add_types(&function.args);
                    self.add_types(&function.throws);
                }
            }
        }
    }

    fn add_types(&mut self, fields: &[Field]) {
        fields.iter().for_each(|field| self.add_type(&field.ty));
    }

    fn add_type(&mut self, ty: &Type) {
        match ty {
            Type::List(element) | Type::Set(element) => self.add_type(element),
            Type::Map(key, value) => {
                self.add_type(key);
                self.add_type(value);
            }
            Type::Struct(id) => self.add(Item::Struct(*id)),
            Type::Enum(id) => self.add(Item::Enum(*id)),
            Type::Typedef(id) => self.add(Item::Typedef(*id)),
            _ => {}
        }
    }
}

/// All items called `Name` in a root file, or `file.Name` in any.
fn items_named<'a>(model: &'a Model, name: &'a str) -> impl Iterator<Item = Item> + 'a {
    let (stem, name) = name.rsplit_once('.').map_or((None, name), |(stem, name)| (Some(stem), name));
    let files = model.files.iter().filter(move |file| match stem {
        Some(stem) => file.stem == stem,
        None => file.root,
    });
    files.flat_map(|file| &file.items).copied().filter(move |item| item_name(model, *item) == name)
}

fn item_name(model: &Model, item: Item) -> &str {
    match item {
        Item::Typedef(id) => &model[id].name,
        Item::Const(id) => &model[id].name,
        Item::Enum(id) => &model[id].name,
        Item::Struct(id) => &model[id].name,
        Item::Service(id) => &model[id].name,
    }
}

fn unknown_touch(model: &Model, name: &str) -> Diagnostic {
    let roots = model.files.iter().filter(|file| file.root).flat_map(|file| &file.items);
    let known = roots.map(|item| item_name(model, *item));
    Diagnostic::error("unknown-touch", format!("`touch` names `{name}`, which is in none of the files"))
        .help_maybe(did_you_mean(name, known))
        .note("an item of an included file is `file.Name`")
}
