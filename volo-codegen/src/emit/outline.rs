//! What generated code offers to its user, as data: for tools that write the code around it.
//!
//! Names and types come from the emitter's own tables, so that an outline and the code never disagree.

use super::graph::Graph;
use super::names::{Names, field_names};
use super::types::Scope;
use crate::model::{Annotations, Docs, FileId, Function, Model, Service, ServiceId};

/// A service as generated code has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceOutline {
    /// Name in the IDL.
    pub name: String,
    /// The file that declares it.
    pub file: FileId,
    /// Path of the module of generated code, such as `volo_gen::volo::example`.
    pub module: String,
    /// Name of the trait to implement.
    pub service: String,
    /// Name of the client.
    pub client: String,
    /// Name of the client's builder.
    pub client_builder: String,
    /// Name of the server.
    pub server: String,
    /// The service it extends, by position in the outline.
    pub extends: Option<usize>,
    /// Its comment in the IDL.
    pub docs: Docs,
    /// Own methods, in order.
    pub methods: Vec<MethodOutline>,
}

/// A method as generated code has it. Types are written with full paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodOutline {
    /// Name in the IDL.
    pub name: String,
    /// Name of the method.
    pub method: String,
    /// Name and type of each argument.
    pub arguments: Vec<(String, String)>,
    /// Type of a good reply.
    pub output: String,
    /// Type of the declared exceptions, if there are any.
    pub exception: Option<String>,
    /// No reply is sent.
    pub oneway: bool,
    /// Its comment in the IDL.
    pub docs: Docs,
}

/// All services of a model, in order of declaration; `crate_name` is the crate of the generated code.
pub fn outline(model: &Model, crate_name: &str) -> Vec<ServiceOutline> {
    let mut names = Names::new(model);
    let root = names.add_root();
    let graph = Graph::new(model);
    let keeping = vec![false; model.files.len()];
    let scope = Scope { model, names: &names, graph: &graph, module: root, serde: false, keeping: &keeping };
    let outliner = Outliner { scope, crate_name };
    model.services.iter().enumerate().map(|(index, service)| outliner.service(index, service)).collect()
}

struct Outliner<'a> {
    scope: Scope<'a>,
    crate_name: &'a str,
}

impl Outliner<'_> {
    fn service(&self, index: usize, service: &Service) -> ServiceOutline {
        let names = &self.scope.names.services[index];
        let module = self.scope.names.module_of(service.file);
        let path = &self.scope.names.modules[module].path;
        let functions = service.functions.iter().enumerate();
        ServiceOutline {
            name: service.name.clone(),
            file: service.file,
            module: format!("{}::{}", self.crate_name, path.join("::")),
            service: names.service.clone(),
            client: names.client.clone(),
            client_builder: names.builder.clone(),
            server: names.server.clone(),
            extends: service.extends.map(ServiceId::index),
            docs: service.meta.docs.clone(),
            methods: functions.map(|(at, function)| self.method(module, index, at, function)).collect(),
        }
    }

    fn method(&self, module: usize, service: usize, at: usize, function: &Function) -> MethodOutline {
        let names = &self.scope.names.services[service].functions[at];
        let argument_type = |argument| self.scope.field_type(argument, &Annotations::default(), false);
        let types = function.args.iter().map(|argument| self.public(&argument_type(argument)));
        let output = function.returns.as_ref().map_or_else(|| "()".to_owned(), |ty| self.scope.ty(ty, false));
        let throws = !function.throws.is_empty();
        MethodOutline {
            name: function.name.clone(),
            method: names.method.clone(),
            arguments: field_names(&function.args).into_iter().zip(types).collect(),
            output: self.public(&output),
            exception: throws.then(|| self.public(&self.scope.path(module, &names.exception))),
            oneway: function.oneway,
            docs: function.meta.docs.clone(),
        }
    }

    /// A type of generated code as its user writes it: by public paths, from the crate's root.
    fn public(&self, ty: &str) -> String {
        let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '#');
        let mut out = String::new();
        let mut rest = ty;
        while !rest.is_empty() {
            let end = rest.find(|c| !is_path(c)).unwrap_or(rest.len());
            let (path, behind) = rest.split_at(end);
            match path.strip_prefix("rt::") {
                Some(name) => out.push_str(&runtime_path(name)),
                None if path.contains("::") && !path.starts_with("::") => {
                    out.push_str(&format!("{}::{path}", self.crate_name));
                }
                None => out.push_str(path.trim_start_matches("::")),
            }
            let next = behind.find(is_path).unwrap_or(behind.len());
            out.push_str(&behind[..next]);
            rest = &behind[next..];
        }
        out
    }
}

/// Where a type that generated code takes from `rt` is public.
fn runtime_path(name: &str) -> String {
    match name {
        "FastStr" | "Bytes" => format!("volo_thrift::{name}"),
        "OrderedMap" => "std::collections::BTreeMap".to_owned(),
        "OrderedSet" => "std::collections::BTreeSet".to_owned(),
        "Arc" => "std::sync::Arc".to_owned(),
        _ => format!("volo_thrift::protocol::{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemorySource;

    #[test]
    fn says_what_a_user_has_to_write() {
        let text = "namespace rs shop.items\n\
            exception Gone {}\n struct Item { 1: i64 id }\n\
            service Base { void ping() }\n\
            service Items extends Base {\n\
              map<string, list<Item>> FindAll(1: set<string> type, 2: optional Item like) throws (1: Gone g)\n\
              oneway void told(1: binary what)\n\
            }";
        let loaded = crate::load(&["a.thrift"], &MemorySource::new([("a.thrift", text)]));
        let outline = outline(&loaded.model.unwrap(), "volo_gen");
        assert_eq!(outline[1].extends, Some(0));
        assert_eq!(outline[1].module, "volo_gen::shop::items");
        let find = &outline[1].methods[0];
        assert_eq!((find.method.as_str(), find.name.as_str()), ("find_all", "FindAll"));
        assert_eq!(
            find.output,
            "volo_thrift::protocol::Map<volo_thrift::FastStr, Vec<volo_gen::shop::items::Item>>"
        );
        let arguments = [
            ("r#type".to_owned(), "volo_thrift::protocol::Set<volo_thrift::FastStr>".to_owned()),
            ("like".to_owned(), "volo_gen::shop::items::Item".to_owned()),
        ];
        assert_eq!(find.arguments, arguments);
        assert_eq!(find.exception.as_deref(), Some("volo_gen::shop::items::ItemsFindAllException"));
        assert!(outline[1].methods[1].oneway);
    }
}
