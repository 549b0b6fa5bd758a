//! The `use` lines of a Rust file: names are written short where nothing is unclear.

use std::collections::{BTreeMap, BTreeSet};

/// The widest line that rustfmt leaves alone by default.
pub(crate) const WIDTH: usize = 100;

/// Names that mean something without an import.
const PRELUDE: [&str; 13] = [
    "Box", "Default", "Err", "From", "Into", "None", "Ok", "Option", "Result", "Some", "String", "ToString",
    "Vec",
];

/// What a file imports.
#[derive(Debug, Default)]
pub(crate) struct Imports {
    /// Path of each short name.
    paths: BTreeMap<String, String>,
    /// Names that the file defines itself.
    reserved: BTreeSet<String>,
    /// Modules of which the file imports everything.
    globs: Vec<String>,
    /// Nothing can be added.
    is_fixed: bool,
}

impl Imports {
    /// For a file that defines these names.
    pub(crate) fn beside(names: &[&str]) -> Imports {
        Imports { reserved: names.iter().map(|name| (*name).to_owned()).collect(), ..Imports::default() }
    }

    /// For a file whose `use` lines stay as they are.
    pub(crate) fn fixed() -> Imports {
        Imports { is_fixed: true, ..Imports::default() }
    }

    /// The file imports `path` as `name`.
    pub(crate) fn know(&mut self, name: &str, path: String) {
        self.paths.insert(name.to_owned(), path);
    }

    /// The file imports everything whose path begins with `prefix`.
    pub(crate) fn know_all(&mut self, prefix: String) {
        self.globs.push(prefix);
    }

    /// What a path in the file means, seen from anywhere.
    pub(crate) fn full_path(&self, segments: &[String]) -> String {
        let [first, rest @ ..] = segments else { return String::new() };
        let first = self.paths.get(first).unwrap_or(first);
        std::iter::once(first).chain(rest).map(String::as_str).collect::<Vec<_>>().join("::")
    }

    /// Imports a path; gives its last part, or all of it if that means something else here.
    pub(crate) fn name(&mut self, path: &str) -> String {
        let Some((_, name)) = path.rsplit_once("::") else { return path.to_owned() };
        if let Some((known, _)) = self.paths.iter().find(|(_, known)| *known == path) {
            return known.clone();
        }
        let is_glob = |prefix: &String| path.strip_prefix(prefix.as_str()) == Some(name);
        if self.globs.iter().any(is_glob) && !self.paths.contains_key(name) {
            return name.to_owned();
        }
        if self.is_fixed
            || self.paths.contains_key(name)
            || self.reserved.contains(name)
            || PRELUDE.contains(&name)
        {
            return path.to_owned();
        }
        self.paths.insert(name.to_owned(), path.to_owned());
        name.to_owned()
    }

    /// A type in which each path is imported.
    pub(crate) fn ty(&mut self, ty: &str) -> String {
        let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '#');
        let mut out = String::new();
        let mut rest = ty;
        while !rest.is_empty() {
            let end = rest.find(|c| !is_path(c)).unwrap_or(rest.len());
            out.push_str(&self.name(&rest[..end]));
            let next = rest[end..].find(is_path).map_or(rest.len(), |at| end + at);
            out.push_str(&rest[end..next]);
            rest = &rest[next..];
        }
        out
    }

    /// The lines, in rustfmt's order and layout.
    pub(crate) fn lines(&self) -> String {
        let mut modules: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for path in self.paths.values() {
            if let Some((module, name)) = path.rsplit_once("::") {
                modules.entry(module).or_default().insert(name);
            }
        }
        let mut lines: Vec<String> =
            modules.into_iter().map(|(module, names)| use_line(module, &names)).collect();
        lines.sort_unstable();
        lines.concat()
    }
}

fn use_line(module: &str, names: &BTreeSet<&str>) -> String {
    // Functions and modules stand behind types, as rustfmt has it.
    let (lower, upper): (Vec<&str>, Vec<&str>) =
        names.iter().copied().partition(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
    let names: Vec<&str> = upper.into_iter().chain(lower).collect();
    if let [name] = names[..] {
        return format!("use {module}::{name};\n");
    }
    let flat = format!("use {module}::{{{}}};", names.join(", "));
    if flat.len() <= WIDTH {
        return flat + "\n";
    }
    let mut out = format!("use {module}::{{\n   ");
    let mut column = 3;
    for name in names {
        if column + 1 + name.len() + 1 >= WIDTH {
            out.push_str("\n   ");
            column = 3;
        }
        out.push_str(&format!(" {name},"));
        column += name.len() + 2;
    }
    out + "\n};\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_unless_it_is_taken() {
        let mut imports = Imports::default();
        assert_eq!(imports.ty("Vec<a::Item>"), "Vec<Item>");
        assert_eq!(imports.ty("b::Map<a::Item, b::Item>"), "Map<Item, b::Item>");
        assert_eq!(imports.ty("a::Result"), "a::Result");
        assert_eq!(imports.lines(), "use a::Item;\nuse b::Map;\n");
    }

    #[test]
    fn long_lists_fill_lines() {
        let mut imports = Imports::default();
        for letter in 'A'..='Z' {
            imports.name(&format!("a::{letter}yyyyyy"));
        }
        let lines = imports.lines();
        assert!(lines.lines().all(|line| line.len() <= WIDTH) && lines.lines().count() > 3, "{lines}");
    }
}
