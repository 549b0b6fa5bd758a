//! Rules that need the whole model: cycles, inheritance, exceptions, names across files.

use std::collections::HashMap;

use crate::diag::Diagnostic;
use crate::graph;
use crate::load::Loaded;
use crate::model::*;
use crate::parse::DEPTH_MAX;
use crate::resolve::UNKNOWN;

/// A service may have this many ancestors.
const LINEAGE_MAX: usize = 64;

/// Breaks what would make walking the model endless, after a report. To be run before anything walks it.
pub(crate) fn break_cycles(model: &mut Model, diagnostics: &mut Vec<Diagnostic>) {
    break_typedefs(model, diagnostics);
    break_services(model, diagnostics);
}

fn break_typedefs(model: &mut Model, diagnostics: &mut Vec<Diagnostic>) {
    let edges: Vec<Vec<usize>> = model
        .typedefs
        .iter()
        .map(|typedef| {
            let mut used = Vec::new();
            typedefs_in(&typedef.target, &mut used);
            used
        })
        .collect();
    for cycle in graph::cycles(&edges) {
        let chain = graph::chain(&cycle, |node| model.typedefs[node].name.as_str());
        let mut diagnostic = Diagnostic::error("typedef-cycle", format!("typedefs mean each other: {chain}"));
        for (node, to) in graph::steps(&cycle) {
            let message = format!("means `{}`", model.typedefs[to].name);
            diagnostic = diagnostic.at(model.typedefs[node].meta.name_span, message);
        }
        diagnostics.push(diagnostic.help("a recursive type needs a struct on the way"));
    }
    let mut depths = vec![0; edges.len()];
    for component in graph::components(&edges) {
        let node = component[0];
        if component.len() > 1 || edges[node].contains(&node) {
            component.into_iter().for_each(|node| model.typedefs[node].target = UNKNOWN);
            continue;
        }
        depths[node] = depth(&model.typedefs[node].target, &depths);
        if depths[node] > DEPTH_MAX {
            let typedef = &mut model.typedefs[node];
            let message =
                format!("typedef `{}` nests containers more than {DEPTH_MAX} levels deep", typedef.name);
            let error = Diagnostic::error("nesting", message).at(typedef.meta.name_span, "too deep");
            diagnostics.push(error);
            typedef.target = UNKNOWN;
            depths[node] = 0;
        }
    }
}

fn typedefs_in(ty: &Type, found: &mut Vec<usize>) {
    match ty {
        Type::List(element) | Type::Set(element) => typedefs_in(element, found),
        Type::Map(key, value) => {
            typedefs_in(key, found);
            typedefs_in(value, found);
        }
        Type::Typedef(id) if *ty != UNKNOWN => found.push(id.index()),
        _ => {}
    }
}

fn depth(ty: &Type, typedefs: &[usize]) -> usize {
    match ty {
        Type::List(element) | Type::Set(element) => 1 + depth(element, typedefs),
        Type::Map(key, value) => 1 + depth(key, typedefs).max(depth(value, typedefs)),
        Type::Typedef(id) => typedefs.get(id.index()).copied().unwrap_or(0),
        _ => 0,
    }
}

fn break_services(model: &mut Model, diagnostics: &mut Vec<Diagnostic>) {
    let base = |service: &Service| service.extends.iter().map(|id| id.index()).collect();
    let edges: Vec<Vec<usize>> = model.services.iter().map(base).collect();
    for cycle in graph::cycles(&edges) {
        let chain = graph::chain(&cycle, |node| model.services[node].name.as_str());
        let mut diagnostic =
            Diagnostic::error("extends-cycle", format!("services extend each other: {chain}"));
        for (node, to) in graph::steps(&cycle) {
            let message = format!("extends `{}`", model.services[to].name);
            diagnostic = diagnostic.at(model.services[node].meta.name_span, message);
        }
        diagnostics.push(diagnostic);
        cycle.iter().for_each(|node| model.services[*node].extends = None);
    }
    let mut depths = vec![0; edges.len()];
    for node in graph::components(&edges).into_iter().flatten() {
        let Some(base) = model.services[node].extends else { continue };
        depths[node] = depths[base.index()] + 1;
        if depths[node] > LINEAGE_MAX {
            let service = &mut model.services[node];
            let message = format!("service `{}` has more than {LINEAGE_MAX} ancestors", service.name);
            diagnostics.push(Diagnostic::error("lineage", message).at(service.meta.name_span, "too many"));
            service.extends = None;
            depths[node] = 0;
        }
    }
}

/// All other rules, and the marks on fields that close a cycle.
pub(crate) fn check(model: &mut Model, files: &[Loaded], diagnostics: &mut Vec<Diagnostic>) {
    mark_boxed(model);
    check_required_cycles(model, diagnostics);
    check_default_cycles(model, diagnostics);
    for index in 0..model.services.len() {
        check_functions(model, ServiceId(index as u32), diagnostics);
    }
    check_exceptions_as_types(model, diagnostics);
    check_module_clashes(model, diagnostics);
    check_includes(model, files, diagnostics);
}

/// The struct a field holds directly, not in a container.
fn held(model: &Model, field: &Field) -> Option<StructId> {
    match model.resolve(&field.ty) {
        Type::Struct(id) => Some(*id),
        _ => None,
    }
}

/// For each struct the structs that `of` gives for its fields.
fn struct_edges<I: IntoIterator<Item = StructId>>(
    model: &Model,
    of: impl Fn(&Field) -> I,
) -> Vec<Vec<usize>> {
    let targets = |item: &Struct| item.fields.iter().flat_map(&of).map(StructId::index).collect();
    model.structs.iter().map(targets).collect()
}

fn mark_boxed(model: &mut Model) {
    let edges = struct_edges(model, |field| held(model, field));
    let mut component_of = vec![0; edges.len()];
    for (number, component) in graph::components(&edges).into_iter().enumerate() {
        component.into_iter().for_each(|node| component_of[node] = number);
    }
    for (node, component) in component_of.iter().enumerate() {
        for field in 0..model.structs[node].fields.len() {
            let target = held(model, &model.structs[node].fields[field]);
            let boxed = target.is_some_and(|target| component_of[target.index()] == *component);
            model.structs[node].fields[field].boxed = boxed;
        }
    }
}

fn check_required_cycles(model: &Model, diagnostics: &mut Vec<Diagnostic>) {
    let edges = struct_edges(model, |field| {
        held(model, field).filter(|_| field.requiredness == Requiredness::Required)
    });
    for cycle in graph::cycles(&edges) {
        let chain = graph::chain(&cycle, |node| model.structs[node].name.as_str());
        let message = format!("these structs require each other without end: {chain}");
        let mut diagnostic = Diagnostic::warning("endless-struct", message);
        for (from, to) in graph::steps(&cycle) {
            let closes = |field: &&Field| {
                field.requiredness == Requiredness::Required
                    && held(model, field).is_some_and(|held| held.index() == to)
            };
            if let Some(field) = model.structs[from].fields.iter().find(closes) {
                diagnostic = diagnostic.at(field.meta.name_span, "required");
            }
        }
        let note = "no finite message can hold one";
        diagnostics.push(diagnostic.note(note).help("make one of the fields optional"));
    }
}

/// A default that holds a struct whose defaults hold it again has no end.
fn check_default_cycles(model: &Model, diagnostics: &mut Vec<Diagnostic>) {
    let edges = struct_edges(model, |field| match &field.default {
        Some(value) => {
            let mut found = Vec::new();
            structs_in(value, &mut found);
            found
        }
        None if field.boxed || field.requiredness == Requiredness::Optional => Vec::new(),
        None => held(model, field).into_iter().collect(),
    });
    for cycle in graph::cycles(&edges) {
        let chain = graph::chain(&cycle, |node| model.structs[node].name.as_str());
        let mut diagnostic =
            Diagnostic::error("default-cycle", format!("defaults hold each other without end: {chain}"));
        for (from, to) in graph::steps(&cycle) {
            let at = model.structs[from].fields.iter().find(|field| {
                let mut found = Vec::new();
                field.default.iter().for_each(|value| structs_in(value, &mut found));
                found.iter().any(|id| id.index() == to)
            });
            if let Some(field) = at {
                diagnostic = diagnostic.at(field.meta.span, "this default");
            }
        }
        diagnostics.push(diagnostic.help("take out one of the defaults"));
    }
}

fn structs_in(value: &Value, found: &mut Vec<StructId>) {
    match value {
        Value::List(values) | Value::Set(values) => values.iter().for_each(|value| structs_in(value, found)),
        Value::Map(entries) => entries.iter().for_each(|(key, value)| {
            structs_in(key, found);
            structs_in(value, found);
        }),
        Value::Struct(id, fields) => {
            found.push(*id);
            fields.iter().for_each(|(_, value)| structs_in(value, found));
        }
        _ => {}
    }
}

fn check_functions(model: &Model, id: ServiceId, diagnostics: &mut Vec<Diagnostic>) {
    let mut inherited: HashMap<&str, (ServiceId, Span)> = HashMap::new();
    let lineage = model.lineage(id);
    for ancestor in lineage.into_iter().filter(|ancestor| *ancestor != id) {
        for function in &model[ancestor].functions {
            inherited.entry(&function.name).or_insert((ancestor, function.meta.name_span));
        }
    }
    let mut own: HashMap<&str, Span> = HashMap::new();
    for function in &model[id].functions {
        let (name, span) = (function.name.as_str(), function.meta.name_span);
        if let Some(earlier) = own.insert(name, span) {
            let message = format!("service `{}` has two functions `{name}`", model[id].name);
            let diagnostic = Diagnostic::error("duplicate-function", message)
                .at(span, "again here")
                .at(earlier, "first declared here")
                .note("functions are told apart by their names alone");
            diagnostics.push(diagnostic);
        } else if let Some((base, earlier)) = inherited.get(name) {
            let message = format!(
                "service `{}` inherits a function `{name}` from `{}`",
                model[id].name, model[*base].name
            );
            let diagnostic = Diagnostic::error("inherited-function", message)
                .at(span, "declared again here")
                .at(*earlier, "inherited")
                .help("choose another name");
            diagnostics.push(diagnostic);
        }
        check_throws(model, function, diagnostics);
    }
}

fn check_throws(model: &Model, function: &Function, diagnostics: &mut Vec<Diagnostic>) {
    for field in &function.throws {
        let shape = model.resolve(&field.ty);
        let declared = match shape {
            Type::Struct(id) if model[*id].kind == StructKind::Exception => continue,
            Type::Struct(id) => Some((*id, model[*id].meta.name_span)),
            _ if *shape == UNKNOWN => continue,
            _ => None,
        };
        let message = format!("`{}` is no exception", model.idl_name(&field.ty));
        let diagnostic = Diagnostic::error("not-an-exception", message);
        let diagnostic = diagnostic.at(field.meta.span, "only exceptions can be thrown");
        diagnostics.push(match declared {
            Some((id, span)) => {
                let word = model[id].kind.word();
                diagnostic
                    .at(span, format!("a {word}"))
                    .help(format!("declare it as `exception` instead of `{word}`"))
            }
            None => diagnostic,
        });
    }
}

/// Newer compilers of Apache allow exceptions in `throws` only.
fn check_exceptions_as_types(model: &Model, diagnostics: &mut Vec<Diagnostic>) {
    let in_structs = model.structs.iter().flat_map(|item| &item.fields);
    let in_args =
        model.services.iter().flat_map(|service| &service.functions).flat_map(|function| &function.args);
    for field in in_structs.chain(in_args) {
        let Some(id) = held(model, field) else { continue };
        if model[id].kind == StructKind::Exception {
            let message = format!("exception `{}` is used as a plain type", model[id].name);
            let diagnostic = Diagnostic::warning("exception-as-type", message)
                .at(field.meta.span, "newer compilers of Apache refuse this")
                .at(model[id].meta.name_span, "declared here")
                .help("use a struct for data and an exception that holds it");
            diagnostics.push(diagnostic);
        }
    }
}

/// Files with the same Rust module share one space of names there.
fn check_module_clashes(model: &Model, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<(&[String], bool, &str), (FileId, Span)> = HashMap::new();
    for (index, file) in model.files.iter().enumerate() {
        let id = FileId(index as u32);
        for item in &file.items {
            let (name, span, is_type) = named(model, *item);
            let key = (file.rust_module.as_slice(), is_type, name);
            let (other, earlier) = *seen.entry(key).or_insert((id, span));
            if other != id {
                let module = file.rust_module.join("::");
                let message = format!("two files declare `{name}` in the Rust module `{module}`");
                let diagnostic = Diagnostic::error("module-clash", message)
                    .at(span, "again here")
                    .at(earlier, "first declared here")
                    .help("give the files different `namespace rs` lines");
                diagnostics.push(diagnostic);
            }
        }
    }
}

/// Rules about what a file includes.
fn check_includes(model: &Model, files: &[Loaded], diagnostics: &mut Vec<Diagnostic>) {
    for (index, loaded) in files.iter().enumerate() {
        let file = FileId(index as u32);
        let mut stems: HashMap<&str, Span> = HashMap::new();
        for (included, span) in &loaded.includes {
            let stem = model[*included].stem.as_str();
            if let Some(earlier) = stems.insert(stem, *span) {
                let message = format!("two included files are called `{stem}`");
                let diagnostic = Diagnostic::warning("same-stem", message)
                    .at(*span, "hides names of the other")
                    .at(earlier, "the other")
                    .help("rename one of the files");
                diagnostics.push(diagnostic);
            }
            check_same_types(model, file, *included, diagnostics);
        }
    }
}

/// Apache refuses a type whose name an included file of the same namespaces declares, too. Here the files have
/// modules of their own, unless [`check_module_clashes`] says otherwise.
fn check_same_types(model: &Model, file: FileId, included: FileId, diagnostics: &mut Vec<Diagnostic>) {
    let namespaces = |file: FileId| -> std::collections::BTreeMap<&str, &str> {
        model[file].namespaces.iter().map(|line| (line.lang.as_str(), line.name.as_str())).collect()
    };
    let apart = model[file].rust_module != model[included].rust_module;
    if !apart || namespaces(file) != namespaces(included) {
        return;
    }
    let named = |item: &Item| Some(named(model, *item)).filter(|(.., is_type)| *is_type);
    let theirs: HashMap<&str, Span> =
        model[included].items.iter().filter_map(named).map(|(name, span, _)| (name, span)).collect();
    for (name, span, _) in model[file].items.iter().filter_map(named) {
        let Some(earlier) = theirs.get(name) else { continue };
        let message = format!("an included file declares `{name}`, too");
        let diagnostic = Diagnostic::warning("portable-type-name", message)
            .at(span, "Apache's compiler refuses this")
            .at(*earlier, "the other")
            .help("rename one, or give the files different namespaces");
        diagnostics.push(diagnostic);
    }
}

/// Name, its place, and whether it is one of a type or service.
fn named(model: &Model, item: Item) -> (&str, Span, bool) {
    let (name, meta) = match item {
        Item::Typedef(id) => (&model[id].name, &model[id].meta),
        Item::Const(id) => (&model[id].name, &model[id].meta),
        Item::Enum(id) => (&model[id].name, &model[id].meta),
        Item::Struct(id) => (&model[id].name, &model[id].meta),
        Item::Service(id) => (&model[id].name, &model[id].meta),
    };
    (name, meta.name_span, !matches!(item, Item::Const(_)))
}
