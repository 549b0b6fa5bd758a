//! What handlers the sources lack: pure, Rust texts and services in, new texts out.
//!
//! Sources are read by a real parser and changed by insertion only, so that nothing a user wrote can be lost.

use std::collections::BTreeMap;

use volo_codegen::ServiceOutline;

use crate::scaffold::imports::Imports;
use crate::scaffold::{File, handler, handlers};

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Files with their new texts.
    pub(crate) files: Vec<File>,
    pub(crate) changes: Vec<Change>,
}

/// A difference between IDL and sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) kind: Kind,
    /// Name of the trait.
    pub(crate) service: String,
    /// `None` for a whole service.
    pub(crate) method: Option<String>,
    pub(crate) file: String,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// The kinds of differences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A handler was missing and is added.
    Added,
    /// A handler for something that the IDL does not have.
    Removed,
    /// A handler with another number of arguments.
    Reshaped { written: usize, declared: usize },
}

impl Kind {
    /// Whether nothing is left for the user to do.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Kind::Added)
    }
}

/// An `impl` block of a service's trait.
struct Block {
    file: usize,
    /// The trait by its full path, as far as that is known.
    path: String,
    holder: String,
    /// Where its closing brace is.
    end: usize,
    line: usize,
    /// Column of the closing brace.
    indent: usize,
    methods: Vec<Written>,
}

struct Written {
    name: String,
    line: usize,
    arguments: usize,
}

/// Compares sources with services.
///
/// # Errors
/// A message with the place when a file is no Rust.
pub(crate) fn plan(files: &[File], services: &[ServiceOutline]) -> Result<Plan, String> {
    let mut blocks = Vec::new();
    let mut imports = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
        let tree = syn::parse_file(text).map_err(|error| {
            let start = error.span().start();
            format!("{}:{}:{}: not valid Rust: {error}", file.path, start.line, start.column + 1)
        })?;
        imports.push(imports_of(&tree.items));
        find_blocks(index, file.text.len() - text.len(), &tree.items, &imports[index], &mut blocks);
    }
    let mut planner = Planner { files, imports, edits: BTreeMap::new(), changes: Vec::new() };
    for block in &blocks {
        let matching = services.iter().find(|service| serves(block, service));
        match matching {
            Some(service) => planner.compare(block, service),
            None if block.path.starts_with("volo_gen::") => planner.changes.push(Change {
                kind: Kind::Removed,
                service: block.path.rsplit("::").next().unwrap_or_default().to_owned(),
                method: None,
                file: files[block.file].path.clone(),
                line: block.line,
            }),
            None => {}
        }
    }
    let other = blocks.iter().find(|block| services.iter().any(|service| serves(block, service)));
    for service in services.iter().filter(|service| !blocks.iter().any(|block| serves(block, service))) {
        planner.add_service(service, other)?;
    }
    planner.finish()
}

/// Whether a block is for that service's trait, as far as its path tells: traits of other crates may have its name.
fn serves(block: &Block, service: &ServiceOutline) -> bool {
    let full = format!("{}::{}", service.module, service.service);
    match block.path.split_once("::") {
        None => block.path == service.service,
        Some(("self" | "super" | "crate", rest)) => rest.rsplit("::").next() == Some(&service.service),
        Some(_) => full == block.path || full.ends_with(&format!("::{}", block.path)),
    }
}

struct Planner<'a> {
    files: &'a [File],
    imports: Vec<Imports>,
    /// Texts to insert, by file and place.
    edits: BTreeMap<(usize, usize), String>,
    changes: Vec<Change>,
}

impl Planner<'_> {
    fn compare(&mut self, block: &Block, service: &ServiceOutline) {
        let file = self.files[block.file].path.clone();
        let change = |kind, method: &str, line| Change {
            kind,
            service: service.service.clone(),
            method: Some(method.to_owned()),
            file: file.clone(),
            line,
        };
        for written in &block.methods {
            let declared = service.methods.iter().find(|method| method.method == written.name);
            match declared.map(|method| method.arguments.len()) {
                None => self.changes.push(change(Kind::Removed, &written.name, written.line)),
                Some(declared) if declared != written.arguments => {
                    let kind = Kind::Reshaped { written: written.arguments, declared };
                    self.changes.push(change(kind, &written.name, written.line));
                }
                Some(_) => {}
            }
        }
        let missing = |name: &str| block.methods.iter().all(|written| written.name != name);
        let mut text = String::new();
        for method in service.methods.iter().filter(|method| missing(&method.method)) {
            if !text.is_empty() || !block.methods.is_empty() {
                text.push('\n');
            }
            text += &indented(&handler(method, &mut self.imports[block.file]), block.indent);
            self.changes.push(change(Kind::Added, &method.method, block.line));
        }
        if !text.is_empty() {
            self.insert_before_brace(block, &text);
        }
    }

    fn insert_before_brace(&mut self, block: &Block, text: &str) {
        let source = &self.files[block.file].text;
        let line_start = source[..block.end].rfind('\n').map_or(0, |at| at + 1);
        let alone = source[line_start..block.end].trim().is_empty();
        match alone {
            true => self.edits.insert((block.file, line_start), text.to_owned()),
            false => {
                let pad = " ".repeat(block.indent);
                self.edits.insert((block.file, block.end), format!("\n{text}{pad}"))
            }
        };
    }

    /// Appends a block where the `other` handlers are, else to the library.
    fn add_service(&mut self, service: &ServiceOutline, other: Option<&Block>) -> Result<(), String> {
        let library = self.files.iter().position(|file| file.path == "src/lib.rs");
        let file = other.map(|block| block.file).or(library);
        let Some(file) = file else {
            return Err(format!("no src/lib.rs to put the handlers of `{}` into", service.name));
        };
        let holder = other.map_or("S", |block| block.holder.as_str());
        let text = &self.files[file].text;
        let block = handlers(service, holder, &mut self.imports[file]);
        let gap = if text.ends_with('\n') || text.is_empty() { "\n" } else { "\n\n" };
        self.edits.entry((file, text.len())).or_default().push_str(&format!("{gap}{block}"));
        self.changes.push(Change {
            kind: Kind::Added,
            service: service.service.clone(),
            method: None,
            file: self.files[file].path.clone(),
            line: text.lines().count() + 2,
        });
        Ok(())
    }

    fn finish(self) -> Result<Plan, String> {
        let mut texts: BTreeMap<usize, String> = BTreeMap::new();
        for ((file, at), insert) in self.edits.into_iter().rev() {
            texts.entry(file).or_insert_with(|| self.files[file].text.clone()).insert_str(at, &insert);
        }
        let mut files = Vec::new();
        for (file, text) in texts {
            let path = self.files[file].path.clone();
            if syn::parse_file(&text).is_err() {
                return Err(format!("{path}: found no safe place for new handlers"));
            }
            files.push(File { path, text });
        }
        Ok(Plan { files, changes: self.changes })
    }
}

fn indented(text: &str, columns: usize) -> String {
    let pad = " ".repeat(columns);
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{pad}{line}\n") };
    text.lines().map(line).collect()
}

fn find_blocks(file: usize, offset: usize, items: &[syn::Item], imports: &Imports, found: &mut Vec<Block>) {
    for item in items {
        match item {
            syn::Item::Mod(module) => {
                if let Some((_, items)) = &module.content {
                    find_blocks(file, offset, items, imports, found);
                }
            }
            syn::Item::Impl(block) => {
                let Some((_, path, _)) = &block.trait_ else { continue };
                let segments: Vec<String> =
                    path.segments.iter().map(|segment| segment.ident.to_string()).collect();
                let close = block.brace_token.span.close();
                found.push(Block {
                    file,
                    path: imports.full_path(&segments),
                    holder: holder(&block.self_ty),
                    end: offset + close.byte_range().start,
                    line: block.impl_token.span.start().line,
                    indent: close.start().column.min(block.impl_token.span.start().column),
                    methods: block.items.iter().filter_map(written).collect(),
                });
            }
            _ => {}
        }
    }
}

fn written(item: &syn::ImplItem) -> Option<Written> {
    let syn::ImplItem::Fn(function) = item else { return None };
    let arguments = function.sig.inputs.iter().filter(|input| matches!(input, syn::FnArg::Typed(_))).count();
    let ident = &function.sig.ident;
    Some(Written { name: ident.to_string(), line: ident.span().start().line, arguments })
}

/// The name of the type that a block is for.
fn holder(ty: &syn::Type) -> String {
    match ty {
        syn::Type::Path(path) => {
            path.path.segments.last().map_or_else(|| "S".to_owned(), |segment| segment.ident.to_string())
        }
        _ => "S".to_owned(),
    }
}

/// The names that `use` lines bring, nested modules included: they only shorten what is written.
fn imports_of(items: &[syn::Item]) -> Imports {
    let mut imports = Imports::fixed();
    for item in items {
        if let syn::Item::Use(line) = item {
            collect(&line.tree, String::new(), &mut imports);
        }
    }
    imports
}

fn collect(tree: &syn::UseTree, prefix: String, imports: &mut Imports) {
    match tree {
        syn::UseTree::Path(path) => collect(&path.tree, format!("{prefix}{}::", path.ident), imports),
        syn::UseTree::Name(name) => imports.know(&name.ident.to_string(), format!("{prefix}{}", name.ident)),
        syn::UseTree::Rename(name) => {
            imports.know(&name.rename.to_string(), format!("{prefix}{}", name.ident));
        }
        syn::UseTree::Glob(_) => imports.know_all(prefix),
        syn::UseTree::Group(group) => {
            group.items.iter().for_each(|tree| collect(tree, prefix.clone(), imports));
        }
    }
}

#[cfg(test)]
mod tests {
    use volo_codegen::source::MemorySource;

    use super::*;

    fn services(idl: &str) -> Vec<ServiceOutline> {
        let loaded = volo_codegen::load(&["a.thrift"], &MemorySource::new([("a.thrift", idl)]));
        volo_codegen::outline(&loaded.model.unwrap(), "volo_gen")
    }

    fn library(text: &str) -> Vec<File> {
        vec![File { path: "src/lib.rs".to_owned(), text: text.to_owned() }]
    }

    #[test]
    fn adds_what_is_missing_where_it_belongs() {
        let source = "use volo_gen::a::{Items, Item as Thing};\nuse volo_thrift::*;\n\nmod inner {\n    \
            impl super::Items for u8 {\n        // Mine.\n        async fn one(&self) {}\n    }\n}\n";
        let idl = "struct Item {} service Items { void one() Item two(1: Item like) }";
        let plan = plan(&library(source), &services(idl)).unwrap();
        let expected = "        async fn one(&self) {}\n\n        async fn two(&self, _like: Thing) -> \
            Result<Thing, ServerError> {\n            Ok(Default::default())\n        }\n    }\n}\n";
        assert!(plan.files[0].text.ends_with(expected), "{}", plan.files[0].text);
        assert_eq!(plan.changes.len(), 1);
    }

    #[test]
    fn names_what_is_gone_and_touches_nothing() {
        let source = "impl volo_gen::a::Items for S {\n    async fn one(&self, _a: i32) {}\n    fn old(&self) {}\n}\n\
            impl volo_gen::a::Gone for S {}\nimpl Clone for S {}\n";
        let plan = plan(&library(source), &services("service Items { void one() }")).unwrap();
        assert!(plan.files.is_empty());
        let kinds: Vec<(&Kind, Option<&str>)> =
            plan.changes.iter().map(|change| (&change.kind, change.method.as_deref())).collect();
        let reshaped = Kind::Reshaped { written: 1, declared: 0 };
        assert_eq!(kinds, [(&reshaped, Some("one")), (&Kind::Removed, Some("old")), (&Kind::Removed, None)]);
        assert_eq!(plan.changes[1].line, 3);
    }

    #[test]
    fn a_new_service_gets_a_block_of_its_own() {
        let source = "pub struct S;\nimpl volo_gen::a::Items for S {}";
        let plan = plan(&library(source), &services("service Items { void one() } service More {}")).unwrap();
        let text = &plan.files[0].text;
        assert!(text.contains("for S {\n    async fn one(&self)"), "{text}");
        assert!(text.ends_with("}\n\nimpl volo_gen::a::More for S {}\n"), "{text}");
    }

    #[test]
    fn traits_of_other_crates_are_left_alone() {
        let source = "use tower::Service;\nuse volo_gen::a as shop;\nimpl Service for Layer {}\n\
            impl std::fmt::Display for Layer {}\nimpl shop::Items for Handler {}\n";
        let idl = "service Items {} service Service { void one() } service Display { void two() }";
        let plan = plan(&library(source), &services(idl)).unwrap();
        let text = &plan.files[0].text;
        assert!(text.starts_with(source), "{text}");
        assert!(text.contains("impl volo_gen::a::Service for Handler {"), "{text}");
        assert!(text.contains("impl volo_gen::a::Display for Handler {"), "{text}");
    }

    #[test]
    fn broken_rust_is_named_with_its_place() {
        let error = plan(&library("fn f( {\n"), &[]).unwrap_err();
        assert!(error.starts_with("src/lib.rs:1:"), "{error}");
    }
}
