//! From the YAML tree to a [`Config`], with every finding.

use super::yaml::{Key, Node, Value};
use super::{Config, Entry, Repo, Service};
use crate::diag::Diagnostic;
use crate::model::Span;
use crate::suggest::did_you_mean;

const ENTRY_KEYS: [&str; 14] = [
    "filename",
    "protocol",
    "repos",
    "services",
    "touch_all",
    "dedups",
    "special_namings",
    "split_generated_files",
    "with_descriptor",
    "with_field_mask",
    "with_comments",
    "common_crate_name",
    "serde",
    "reflection",
];

/// The configuration, as far as it can be understood.
pub(super) fn config(root: &Node, diagnostics: &mut Vec<Diagnostic>) -> Config {
    let mut reader = Reader { diagnostics };
    let Some(table) = reader.table(root, "`volo.yml`", &["entries"]) else {
        return Config { entries: Vec::new() };
    };
    let Some(entries) = table.require("entries", &mut reader) else {
        return Config { entries: Vec::new() };
    };
    let entries = reader.map(entries, "`entries`").iter();
    Config { entries: entries.filter_map(|(key, node)| reader.entry(key, node)).collect() }
}

/// A map whose keys are known.
struct Table<'a> {
    what: String,
    span: Span,
    entries: &'a [(Key, Node)],
}

impl<'a> Table<'a> {
    /// The value of a key; one without a value counts as absent.
    fn get(&self, key: &str) -> Option<&'a Node> {
        let (_, node) = self.entries.iter().find(|(other, _)| other.text == key)?;
        (!matches!(node.value, Value::Null)).then_some(node)
    }

    fn require(&self, key: &str, reader: &mut Reader<'_>) -> Option<&'a Node> {
        let node = self.get(key);
        if node.is_none() {
            let message = format!("{} has no `{key}`", self.what);
            reader.report(Diagnostic::error("missing-key", message).at(self.span, "needed here"));
        }
        node
    }
}

struct Reader<'a> {
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn entry(&mut self, key: &Key, node: &Node) -> Option<Entry> {
        let table = self.table(node, &format!("entry `{}`", key.text), &ENTRY_KEYS)?;
        self.protocol(&table);
        for key in ["dedups", "special_namings"] {
            if let Some(node) = table.get(key)
                && !self.texts(Some(node), key).is_empty()
            {
                self.no_effect(key, node.span, "names never clash here: see the generated names");
            }
        }
        let instead = "`reflection: true` makes the IDL known at run time";
        for (key, why) in [("with_descriptor", instead), ("with_field_mask", "it is not offered yet")] {
            if self.flag(&table, key, false)
                && let Some(node) = table.get(key)
            {
                self.no_effect(key, node.span, why);
            }
        }
        if let Some(node) = table.get("common_crate_name") {
            self.no_effect("common_crate_name", node.span, "all code goes into one crate");
        }
        let repos = self.repos(table.get("repos"));
        let services = match table.require("services", self) {
            Some(node) => self.list(node, "`services`"),
            None => &[],
        };
        let services = services.iter().filter_map(|node| self.service(node, &repos)).collect();
        let filename = self.filename(&table);
        Some(Entry {
            name: key.text.clone(),
            services,
            repos,
            touch_all: self.flag(&table, "touch_all", false),
            split: self.flag(&table, "split_generated_files", false),
            comments: self.flag(&table, "with_comments", true),
            serde: self.flag(&table, "serde", false),
            reflection: self.flag(&table, "reflection", false),
            filename: filename?,
        })
    }

    fn protocol(&mut self, table: &Table<'_>) {
        let Some(node) = table.get("protocol") else { return };
        match self.text(node, "`protocol`").as_deref() {
            Some("thrift") | None => {}
            Some(other) => {
                let message = format!("`protocol` is `{other}`, only `thrift` is compiled");
                self.report(Diagnostic::error("protocol", message).at(node.span, "not supported"));
            }
        }
    }

    fn filename(&mut self, table: &Table<'_>) -> Option<String> {
        let node = table.require("filename", self)?;
        let name = self.text(node, "`filename`")?;
        let inside = !name.starts_with(['/', '\\']) && name.split(['/', '\\']).all(|part| part != "..");
        if !inside || !name.ends_with(".rs") {
            let diagnostic = Diagnostic::error("filename", "not the name of a Rust file")
                .at(node.span, "has to end with `.rs` and to stay in the output directory");
            self.report(diagnostic.help("the usual name is `volo_gen.rs`"));
            return None;
        }
        Some(name)
    }

    fn repos(&mut self, node: Option<&Node>) -> Vec<Repo> {
        let Some(node) = node else { return Vec::new() };
        let mut repos = Vec::new();
        for (key, node) in self.map(node, "`repos`") {
            let what = format!("repository `{}`", key.text);
            let Some(table) = self.table(node, &what, &["url", "ref", "lock"]) else { continue };
            if key.text.contains(['/', '\\']) || key.text.starts_with('.') {
                let message = format!("`{}` is also the name of a directory", key.text);
                let diagnostic = Diagnostic::error("repo-name", message);
                self.report(diagnostic.at(key.span, "no slash, and no dot in front"));
            }
            let text = |reader: &mut Self, key: &str| {
                table.require(key, reader).and_then(|node| reader.text(node, &format!("`{key}`")))
            };
            let (url, reference) = (text(self, "url"), text(self, "ref"));
            let lock = table.get("lock").and_then(|node| self.text(node, "`lock`"));
            if let (Some(url), Some(reference)) = (url, reference) {
                repos.push(Repo { name: key.text.clone(), url, reference, lock });
            }
        }
        repos
    }

    fn service(&mut self, node: &Node, repos: &[Repo]) -> Option<Service> {
        let table = self.table(node, "a service", &["idl", "codegen_option"])?;
        let idl = table.require("idl", self)?;
        let idl = self.table(idl, "`idl`", &["source", "repo", "path", "includes"])?;
        let path = idl.require("path", self)?;
        let mut service = Service {
            repo: self.repo(&idl, repos),
            path: self.text(path, "`path`")?,
            includes: self.texts(idl.get("includes"), "includes"),
            touch: Vec::new(),
            keep_unknown_fields: false,
            span: path.span,
        };
        if let Some(option) = table.get("codegen_option") {
            let keys = ["crate_name", "touch", "keep_unknown_fields", "config"];
            let option = self.table(option, "`codegen_option`", &keys)?;
            service.touch = self.texts(option.get("touch"), "touch");
            service.keep_unknown_fields = self.flag(&option, "keep_unknown_fields", false);
            if let Some(node) = option.get("crate_name") {
                self.no_effect("crate_name", node.span, "all code goes into one crate");
            }
            if let Some(Node { value: Value::Map(entries), .. }) = option.get("config") {
                for (key, _) in entries {
                    self.no_effect(&format!("config.{}", key.text), key.span, "there are no plug-ins yet");
                }
            }
        }
        Some(service)
    }

    /// The repository that `idl` names, if it names one.
    fn repo(&mut self, idl: &Table<'_>, repos: &[Repo]) -> Option<usize> {
        let source = idl.get("source").and_then(|node| Some((node, self.text(node, "`source`")?)));
        let repo = idl.get("repo").and_then(|node| Some((node, self.text(node, "`repo`")?)));
        let is_git = match &source {
            Some((_, source)) if source == "git" => true,
            Some((node, source)) if source != "local" => {
                let message = format!("`source` is `{source}`");
                let diagnostic = Diagnostic::error("source", message);
                self.report(diagnostic.at(node.span, "expected `local` or `git`"));
                return None;
            }
            _ => false,
        };
        match (is_git, repo) {
            (true, Some((node, name))) => {
                let found = repos.iter().position(|repo| repo.name == name);
                if found.is_none() {
                    let help = did_you_mean(&name, repos.iter().map(|repo| repo.name.as_str()));
                    let diagnostic = Diagnostic::error("unknown-repo", format!("no repository `{name}`"));
                    self.report(diagnostic.at(node.span, "not in `repos`").help_maybe(help));
                }
                found
            }
            (true, None) => {
                idl.require("repo", self);
                None
            }
            (false, Some((node, _))) => {
                self.no_effect("repo", node.span, "the source is `local`");
                None
            }
            (false, None) => None,
        }
    }

    fn table<'a>(&mut self, node: &'a Node, what: &str, keys: &[&'static str]) -> Option<Table<'a>> {
        let Value::Map(entries) = &node.value else {
            self.expected(node, what, "keys and values");
            return None;
        };
        for (key, _) in entries.iter().filter(|(key, _)| !keys.contains(&key.text.as_str())) {
            let diagnostic = Diagnostic::error("unknown-key", format!("{what} has no key `{}`", key.text))
                .at(key.span, "unknown")
                .note(format!("known are {}", keys.join(", ")))
                .help_maybe(did_you_mean(&key.text, keys.iter().copied()));
            self.report(diagnostic);
        }
        Some(Table { what: what.to_owned(), span: node.span, entries })
    }

    fn map<'a>(&mut self, node: &'a Node, what: &str) -> &'a [(Key, Node)] {
        match &node.value {
            Value::Map(entries) => entries,
            _ => {
                self.expected(node, what, "names and values");
                &[]
            }
        }
    }

    fn list<'a>(&mut self, node: &'a Node, what: &str) -> &'a [Node] {
        match &node.value {
            Value::List(nodes) => nodes,
            _ => {
                self.expected(node, what, "a list");
                &[]
            }
        }
    }

    fn texts(&mut self, node: Option<&Node>, key: &str) -> Vec<String> {
        let Some(node) = node else { return Vec::new() };
        let nodes = self.list(node, &format!("`{key}`"));
        nodes.iter().filter_map(|node| self.text(node, &format!("`{key}`"))).collect()
    }

    fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.value {
            Value::Scalar { text, .. } => Some(text.clone()),
            _ => {
                self.expected(node, what, "a text");
                None
            }
        }
    }

    fn flag(&mut self, table: &Table<'_>, key: &str, default: bool) -> bool {
        let Some(node) = table.get(key) else { return default };
        match &node.value {
            Value::Scalar { text, plain: true } if matches!(text.as_str(), "true" | "false") => {
                text == "true"
            }
            _ => {
                self.expected(node, &format!("`{key}`"), "`true` or `false`");
                default
            }
        }
    }

    fn expected(&mut self, node: &Node, what: &str, expected: &str) {
        let found = match node.value {
            Value::Null => "nothing",
            Value::Scalar { .. } => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "keys and values",
        };
        let message = format!("{what} is to be {expected}, not {found}");
        self.report(Diagnostic::error("wrong-type", message).at(node.span, format!("expected {expected}")));
    }

    fn no_effect(&mut self, key: &str, span: Span, reason: &str) {
        let diagnostic = Diagnostic::warning("no-effect", format!("`{key}` has no effect"));
        self.report(diagnostic.at(span, reason));
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}
