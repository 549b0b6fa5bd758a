//! Which Rust name everything gets, decided before any text is written.
//!
//! Within a module, a name that stays as written in the IDL wins over one that was converted, and both win over
//! names we invent (`…Args`, `…Client`): adding a method never renames a user's type. The loser gets a trailing
//! underscore. Names on the wire are not touched by any of this.

use std::collections::{BTreeMap, BTreeSet};

use super::case;
use crate::model::{Annotations, Field, File, FileId, Function, Item, Model, ServiceId};

/// The names of a whole model; tables are indexed like the model's.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) modules: Vec<Module>,
    pub(super) typedefs: Vec<String>,
    pub(super) consts: Vec<String>,
    pub(super) enums: Vec<String>,
    pub(super) structs: Vec<String>,
    pub(super) services: Vec<ServiceNames>,
    file_modules: Vec<usize>,
}

/// One Rust module: the files whose namespace it is.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) path: Vec<String>,
    pub(super) files: Vec<FileId>,
    taken: BTreeSet<String>,
}

impl Module {
    /// Whether the module defines this name itself, so that the prelude's is hidden.
    pub(super) fn defines(&self, name: &str) -> bool {
        self.taken.contains(name)
    }
}

/// The names a service brings.
#[derive(Debug, Default)]
pub(super) struct ServiceNames {
    /// The trait.
    pub(super) service: String,
    pub(super) client: String,
    pub(super) builder: String,
    pub(super) server: String,
    /// The table of methods.
    pub(super) methods: String,
    /// The server's type parameter.
    pub(super) handler: String,
    /// Own functions, in order.
    pub(super) functions: Vec<FunctionNames>,
}

/// The names a function brings.
#[derive(Debug, Default)]
pub(super) struct FunctionNames {
    pub(super) method: String,
    pub(super) args: String,
    /// Unused by a oneway function.
    pub(super) result: String,
    /// Unused by a function that throws nothing.
    pub(super) exception: String,
}

impl Names {
    pub(super) fn new(model: &Model) -> Names {
        let mut names = Names {
            modules: Vec::new(),
            typedefs: vec![String::new(); model.typedefs.len()],
            consts: vec![String::new(); model.consts.len()],
            enums: vec![String::new(); model.enums.len()],
            structs: vec![String::new(); model.structs.len()],
            services: model.services.iter().map(|_| ServiceNames::default()).collect(),
            file_modules: Vec::new(),
        };
        names.place_files(&model.files);
        for module in 0..names.modules.len() {
            names.name_items(model, module);
        }
        for module in 0..names.modules.len() {
            names.name_companions(model, module);
        }
        for id in model.files.iter().flat_map(|file| &file.items) {
            if let Item::Service(id) = id {
                names.name_methods(model, *id);
            }
        }
        names
    }

    /// Adds a module above all others, from where paths are written in full.
    pub(super) fn add_root(&mut self) -> usize {
        self.modules.push(Module { path: Vec::new(), files: Vec::new(), taken: BTreeSet::new() });
        self.modules.len() - 1
    }

    /// The module a file's items are in.
    pub(super) fn module_of(&self, file: FileId) -> usize {
        self.file_modules[file.index()]
    }

    fn place_files(&mut self, files: &[File]) {
        let mut by_path: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        for (index, file) in files.iter().enumerate() {
            let path: Vec<String> = file.rust_module.iter().map(|segment| module_name(segment)).collect();
            let module = *by_path.entry(path.clone()).or_insert_with(|| {
                self.modules.push(Module { path, files: Vec::new(), taken: BTreeSet::new() });
                self.modules.len() - 1
            });
            self.modules[module].files.push(file_id(files, index));
            self.file_modules.push(module);
        }
    }

    fn name_items(&mut self, model: &Model, module: usize) {
        let items: Vec<Item> =
            self.modules[module].files.iter().flat_map(|file| model[*file].items.iter().copied()).collect();
        let wanted: Vec<Wanted> = items.iter().map(|item| wanted_item(model, *item)).collect();
        let names = settle(wanted, &mut self.modules[module].taken);
        for (item, name) in items.into_iter().zip(names) {
            match item {
                Item::Typedef(id) => self.typedefs[id.index()] = name,
                Item::Const(id) => self.consts[id.index()] = name,
                Item::Enum(id) => self.enums[id.index()] = name,
                Item::Struct(id) => self.structs[id.index()] = name,
                Item::Service(id) => self.services[id.index()].service = name,
            }
        }
    }

    fn name_companions(&mut self, model: &Model, module: usize) {
        let services: Vec<ServiceId> = self.modules[module]
            .files
            .iter()
            .flat_map(|file| &model[*file].items)
            .filter_map(|item| if let Item::Service(id) = item { Some(*id) } else { None })
            .collect();
        let taken = &mut self.modules[module].taken;
        for id in services {
            let names = &mut self.services[id.index()];
            let service = names.service.trim_start_matches("r#").to_owned();
            names.client = claim(format!("{service}Client"), taken);
            names.builder = claim(format!("{service}ClientBuilder"), taken);
            names.server = claim(format!("{service}Server"), taken);
            names.methods = claim(format!("{}_METHODS", case::screaming(&service)), taken);
            names.handler = claim("H".to_owned(), taken);
            taken.remove(&names.handler);
            for function in &model[id].functions {
                let stem = format!(
                    "{service}{}",
                    case::camel_part(own_name(&function.name, &function.meta.annotations))
                );
                names.functions.push(FunctionNames {
                    method: String::new(),
                    args: claim(format!("{stem}Args"), taken),
                    result: if function.oneway {
                        String::new()
                    } else {
                        claim(format!("{stem}Result"), taken)
                    },
                    exception: match function.throws.is_empty() {
                        true => String::new(),
                        false => claim(format!("{stem}Exception"), taken),
                    },
                });
            }
        }
    }

    /// Methods are unique over the whole line of ancestors, because a client offers them side by side.
    fn name_methods(&mut self, model: &Model, id: ServiceId) {
        let mut taken = BTreeSet::from(["with_callopt".to_owned()]);
        for service in model.lineage(id) {
            let wanted = model[service].functions.iter().map(wanted_method).collect();
            for (index, method) in settle(wanted, &mut taken).into_iter().enumerate() {
                self.services[service.index()].functions[index].method = method;
            }
        }
    }
}

/// The names of a struct's fields or a function's arguments, in order.
pub(super) fn field_names(fields: &[Field]) -> Vec<String> {
    let wanted = fields.iter().map(|field| Wanted::new(&field.name, &field.meta.annotations, case::snake));
    settle(wanted.collect(), &mut BTreeSet::new())
}

/// The name of a field of our own behind a struct's fields.
pub(super) fn unknown_field_name(fields: &[Field]) -> String {
    claim("unknown_fields".to_owned(), &mut field_names(fields).into_iter().collect())
}

/// The names of arms, in order; `last` is an arm of our own that goes behind them.
pub(super) fn arm_names(fields: &[Field], last: &str) -> (Vec<String>, String) {
    let mut taken = BTreeSet::new();
    let wanted = fields.iter().map(|field| Wanted::new(&field.name, &field.meta.annotations, case::arm));
    let names = settle(wanted.collect(), &mut taken);
    (names, claim(last.to_owned(), &mut taken))
}

/// The names of an enum's values, in order.
pub(super) fn value_names(values: &[crate::model::EnumValue]) -> Vec<String> {
    let wanted =
        values.iter().map(|value| Wanted::new(&value.name, &value.meta.annotations, case::screaming));
    settle(wanted.collect(), &mut BTreeSet::new())
}

/// A name somebody would like to have.
struct Wanted {
    name: String,
    /// Spelled as in the IDL.
    unchanged: bool,
}

impl Wanted {
    fn new(name: &str, annotations: &Annotations, convert: impl Fn(&str) -> String) -> Wanted {
        let name = own_name(name, annotations);
        let converted = convert(name);
        Wanted { unchanged: converted == name, name: converted }
    }
}

/// The IDL's name, or the one the annotation `pilota.name` gives instead.
fn own_name<'a>(name: &'a str, annotations: &'a Annotations) -> &'a str {
    match annotations.get("pilota.name") {
        Some(given) if is_identifier(given) => given,
        _ => name,
    }
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn wanted_item(model: &Model, item: Item) -> Wanted {
    match item {
        Item::Typedef(id) => Wanted::new(&model[id].name, &model[id].meta.annotations, case::camel),
        Item::Const(id) => Wanted::new(&model[id].name, &model[id].meta.annotations, case::screaming),
        Item::Enum(id) => Wanted::new(&model[id].name, &model[id].meta.annotations, case::camel),
        Item::Struct(id) => Wanted::new(&model[id].name, &model[id].meta.annotations, case::camel),
        Item::Service(id) => Wanted::new(&model[id].name, &model[id].meta.annotations, case::camel),
    }
}

fn wanted_method(function: &Function) -> Wanted {
    Wanted::new(&function.name, &function.meta.annotations, case::snake)
}

fn settle(wanted: Vec<Wanted>, taken: &mut BTreeSet<String>) -> Vec<String> {
    let mut names = vec![String::new(); wanted.len()];
    for unchanged in [true, false] {
        for (index, wanted) in wanted.iter().enumerate().filter(|(_, wanted)| wanted.unchanged == unchanged) {
            names[index] = claim(wanted.name.clone(), taken);
        }
    }
    names
}

fn claim(mut name: String, taken: &mut BTreeSet<String>) -> String {
    while !taken.insert(name.clone()) {
        name = name.trim_start_matches("r#").to_owned() + "_";
    }
    name
}

/// A module must not hide what generated code begins its paths with.
fn module_name(segment: &str) -> String {
    let name = case::snake(segment);
    if ["rt", "std", "volo_thrift"].contains(&name.as_str()) { name + "_" } else { name }
}

fn file_id(files: &[File], index: usize) -> FileId {
    debug_assert!(index < files.len());
    FileId(index as u32)
}
