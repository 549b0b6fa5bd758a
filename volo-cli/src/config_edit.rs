//! Changes of a `volo.yml` as a text: comments, order and layout stay.
//!
//! Lines are found by their indentation. What comes out is read again and compared with what was meant, so a layout
//! that is not understood leads to a message and never to a wrong file.

use std::ops::Range;

use volo_codegen::config::{Config, Entry, Repo, Service};

use crate::scaffold::scalar;

/// A change of one entry.
#[derive(Debug)]
pub(crate) enum Edit<'a> {
    AddService(&'a Service),
    /// By position.
    RemoveService(usize),
    AddRepo(&'a Repo),
    /// By name.
    RemoveRepo(&'a str),
    /// The commit of a repository, by its name.
    Lock(&'a str, &'a str),
}

/// Applies a change to the entry of that name.
///
/// # Errors
/// A message when the layout of the text is not understood.
pub(crate) fn apply(text: &str, entry: &str, edit: &Edit<'_>) -> Result<String, String> {
    let wanted = |text: &str| Config::parse("volo.yml", text).config;
    let mut expected = wanted(text).ok_or("volo.yml has errors")?;
    let target = expected.entries.iter_mut().find(|other| other.name == entry).ok_or("no such entry")?;
    expect(target, edit);
    let edited = Document::new(text).apply(entry, edit);
    let is_meant = |edited: &String| {
        wanted(edited).is_some_and(|config| without_places(config) == without_places(expected.clone()))
    };
    edited.filter(is_meant).ok_or_else(|| {
        "the layout of volo.yml is not understood: it is left as it is, please edit it by hand".to_owned()
    })
}

/// Makes the change in the configuration itself.
fn expect(entry: &mut Entry, edit: &Edit<'_>) {
    match edit {
        Edit::AddService(service) => entry.services.push((*service).clone()),
        Edit::RemoveService(at) => drop(entry.services.remove(*at)),
        Edit::AddRepo(repo) => entry.repos.push((*repo).clone()),
        Edit::RemoveRepo(name) => {
            let Some(at) = entry.repos.iter().position(|repo| repo.name == *name) else { return };
            entry.repos.remove(at);
            for service in &mut entry.services {
                service.repo = service.repo.map(|repo| if repo > at { repo - 1 } else { repo });
            }
        }
        Edit::Lock(name, commit) => {
            let repos = entry.repos.iter_mut().filter(|repo| repo.name == *name);
            repos.for_each(|repo| repo.lock = Some((*commit).to_owned()));
        }
    }
}

/// Entries with the places of their services cut off.
fn without_places(config: Config) -> Vec<(Entry, usize)> {
    let mut entries = config.entries;
    for service in entries.iter_mut().flat_map(|entry| &mut entry.services) {
        (service.span.start, service.span.end) = (0, 0);
    }
    let count = entries.len();
    entries.into_iter().map(|entry| (entry, count)).collect()
}

struct Document {
    lines: Vec<String>,
}

/// A key: its line, and the lines of its value.
struct Found {
    line: usize,
    value: Range<usize>,
}

impl Document {
    fn new(text: &str) -> Document {
        Document { lines: text.lines().map(str::to_owned).collect() }
    }

    fn apply(mut self, entry: &str, edit: &Edit<'_>) -> Option<String> {
        let entries = self.find(0..self.lines.len(), "entries")?;
        let entry = self.find(entries.value, entry)?.value;
        match edit {
            Edit::AddService(service) => self.add_service(entry, service)?,
            Edit::RemoveService(at) => self.remove_service(entry, *at)?,
            Edit::AddRepo(repo) => self.add_repo(entry, repo)?,
            Edit::RemoveRepo(name) => self.remove_repo(entry, name)?,
            Edit::Lock(name, commit) => self.lock(entry, name, commit)?,
        }
        Some(self.lines.join("\n") + "\n")
    }

    fn add_service(&mut self, entry: Range<usize>, service: &Service) -> Option<()> {
        let services = self.find(entry.clone(), "services")?;
        self.open(services.line, "services")?;
        let indent = match self.items(&services).first() {
            Some(first) => self.indent(*first),
            None => self.indent(services.line) + 2,
        };
        let pad = " ".repeat(indent);
        let mut new = vec![format!("{pad}- idl:")];
        match service.repo {
            Some(repo) => {
                let repos = self.find(entry, "repos")?;
                let name = self.keys(repos.value).into_iter().nth(repo)?;
                new.push(format!("{pad}    source: git"));
                new.push(format!("{pad}    repo: {name}"));
            }
            None => new.push(format!("{pad}    source: local")),
        }
        new.push(format!("{pad}    path: {}", scalar(&service.path)));
        let includes: Vec<String> = service.includes.iter().map(|include| format!("{include:?}")).collect();
        new.push(format!("{pad}    includes: [{}]", includes.join(", ")));
        let at = services.value.end;
        self.lines.splice(at..at, new);
        Some(())
    }

    fn remove_service(&mut self, entry: Range<usize>, at: usize) -> Option<()> {
        let services = self.find(entry, "services")?;
        let items = self.items(&services);
        let start = *items.get(at)?;
        let end = items.get(at + 1).copied().unwrap_or(services.value.end);
        // Comments above the next item are its own.
        let end = self.end_of(start..end);
        if items.len() == 1 {
            let pad = " ".repeat(self.indent(services.line));
            self.lines[services.line] = format!("{pad}services: []");
        }
        self.lines.drain(start..end);
        Some(())
    }

    fn add_repo(&mut self, entry: Range<usize>, repo: &Repo) -> Option<()> {
        let (at, indent) = match self.find(entry.clone(), "repos") {
            Some(repos) => {
                self.open(repos.line, "repos")?;
                let first = repos.value.clone().find(|line| self.is_content(*line));
                (repos.value.end, first.map_or(self.indent(repos.line) + 2, |line| self.indent(line)))
            }
            None => {
                let services = self.find(entry, "services")?;
                let indent = self.indent(services.line);
                self.lines.insert(services.line, format!("{}repos:", " ".repeat(indent)));
                (services.line + 1, indent + 2)
            }
        };
        let pad = " ".repeat(indent);
        let mut new = vec![
            format!("{pad}{}:", repo.name),
            format!("{pad}  url: {:?}", repo.url),
            format!("{pad}  ref: {}", scalar(&repo.reference)),
        ];
        new.extend(repo.lock.iter().map(|lock| format!("{pad}  lock: {lock:?}")));
        self.lines.splice(at..at, new);
        Some(())
    }

    fn remove_repo(&mut self, entry: Range<usize>, name: &str) -> Option<()> {
        let repos = self.find(entry, "repos")?;
        let repo = self.find(repos.value.clone(), name)?;
        let is_last = self.keys(repos.value).len() == 1;
        self.lines.drain(repo.line..repo.value.end);
        if is_last {
            self.lines.remove(repos.line);
        }
        Some(())
    }

    fn lock(&mut self, entry: Range<usize>, name: &str, commit: &str) -> Option<()> {
        let repos = self.find(entry, "repos")?;
        let repo = self.find(repos.value, name)?;
        match self.find(repo.value.clone(), "lock") {
            Some(lock) => {
                let line = &self.lines[lock.line];
                let comment = line.find(" #").map_or("", |at| &line[at..]);
                let pad = " ".repeat(self.indent(lock.line));
                self.lines[lock.line] = format!("{pad}lock: {commit:?}{comment}");
            }
            None => {
                let first = repo.value.clone().find(|line| self.is_content(*line))?;
                let pad = " ".repeat(self.indent(first));
                self.lines.insert(repo.value.end, format!("{pad}lock: {commit:?}"));
            }
        }
        Some(())
    }

    /// A key among the lines of a block.
    fn find(&self, block: Range<usize>, key: &str) -> Option<Found> {
        let indent = self.indent(block.clone().find(|line| self.is_content(*line))?);
        let is_key = |line: &usize| self.indent(*line) == indent && self.key(*line) == Some(key);
        let line = block.clone().filter(|line| self.is_content(*line)).find(is_key)?;
        let is_next = |at: &usize| {
            let is_item = self.indent(*at) == indent && self.lines[*at].trim_start().starts_with("- ");
            self.is_content(*at) && self.indent(*at) <= indent && !is_item
        };
        let next = (line + 1..block.end).find(is_next).unwrap_or(block.end);
        Some(Found { line, value: line + 1..self.end_of(line..next) })
    }

    /// The end of a block without the comments and blank lines behind it.
    fn end_of(&self, block: Range<usize>) -> usize {
        block.clone().rev().find(|line| self.is_content(*line)).map_or(block.start, |last| last + 1)
    }

    /// Lines that begin an item of a list.
    fn items(&self, list: &Found) -> Vec<usize> {
        let content = list.value.clone().filter(|line| self.is_content(*line));
        let Some(indent) = content.clone().next().map(|first| self.indent(first)) else { return Vec::new() };
        content.filter(|line| self.indent(*line) == indent).collect()
    }

    /// The keys of a block, as written.
    fn keys(&self, block: Range<usize>) -> Vec<String> {
        let content = block.filter(|line| self.is_content(*line));
        let Some(indent) = content.clone().next().map(|first| self.indent(first)) else { return Vec::new() };
        let lines = content.filter(|line| self.indent(*line) == indent);
        lines.filter_map(|line| self.key(line).map(str::to_owned)).collect()
    }

    /// Makes room for more behind a key that has no value yet; fails for a value in one line.
    fn open(&mut self, line: usize, key: &str) -> Option<()> {
        let text = self.lines[line].clone();
        let (_, value) = text.split_once(':')?;
        let (value, comment) = value.find(" #").map_or((value, ""), |at| value.split_at(at));
        match value.trim() {
            "" => {}
            "[]" | "{}" | "~" | "null" => {
                let pad = " ".repeat(self.indent(line));
                self.lines[line] = format!("{pad}{key}:{comment}");
            }
            _ => return None,
        }
        Some(())
    }

    fn indent(&self, line: usize) -> usize {
        self.lines[line].len() - self.lines[line].trim_start_matches(' ').len()
    }

    fn is_content(&self, line: usize) -> bool {
        let text = self.lines[line].trim();
        !text.is_empty() && !text.starts_with('#') && text != "---"
    }

    fn key(&self, line: usize) -> Option<&str> {
        let (key, value) = self.lines[line].split_once(':')?;
        (value.is_empty() || value.starts_with(' ')).then(|| key.trim().trim_matches(['"', '\'']))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Ours.\nentries:\n  default: # The one.\n    filename: volo_gen.rs\n    services:\n      \
        # The first.\n      - idl: # a\n          path: a.thrift\n      # The second.\n      - idl:\n          \
        path: b.thrift\n\n    # Keep.\n    touch_all: true\n";

    fn service(path: &str, repo: Option<usize>) -> Service {
        let text = TEXT.replace("a.thrift", path);
        let mut service = Config::parse("x", &text).config.unwrap().entries[0].services[0].clone();
        service.repo = repo;
        service
    }

    fn repo(lock: &str) -> Repo {
        Repo {
            name: "shared".into(),
            url: "https://x.example/s.git".into(),
            reference: "main".into(),
            lock: Some(lock.into()),
        }
    }

    #[test]
    fn what_is_added_can_be_removed_again() {
        let added =
            apply(TEXT, "default", &Edit::AddService(&service("../idl/new one.thrift", None))).unwrap();
        let lines = "path: b.thrift\n      - idl:\n          source: local\n          \
            path: \"../idl/new one.thrift\"\n          includes: []\n\n    # Keep.\n";
        assert!(added.contains(lines), "{added}");
        assert_eq!(apply(&added, "default", &Edit::RemoveService(2)).unwrap(), TEXT);

        let with_repo = apply(TEXT, "default", &Edit::AddRepo(&repo("123"))).unwrap();
        let from_git =
            apply(&with_repo, "default", &Edit::AddService(&service("c.thrift", Some(0)))).unwrap();
        assert!(from_git.contains("source: git\n          repo: shared\n"), "{from_git}");
        let locked = apply(&from_git, "default", &Edit::Lock("shared", "456")).unwrap();
        assert_eq!(locked, from_git.replace("\"123\"", "\"456\""));
        let without = apply(&from_git, "default", &Edit::RemoveService(2)).unwrap();
        assert_eq!(apply(&without, "default", &Edit::RemoveRepo("shared")).unwrap(), TEXT);
    }

    #[test]
    fn the_last_one_leaves_an_empty_list() {
        let one = apply(TEXT, "default", &Edit::RemoveService(0)).unwrap();
        assert!(one.contains("# The first.\n      # The second.\n      - idl:\n          path: b"), "{one}");
        let none = apply(&one, "default", &Edit::RemoveService(0)).unwrap();
        assert!(none.contains("    services: []\n"), "{none}");
        let again = apply(&none, "default", &Edit::AddService(&service("a.thrift", None))).unwrap();
        assert!(again.contains("    services:\n") && again.contains("path: a.thrift"), "{again}");
    }

    #[test]
    fn other_layouts_are_left_alone() {
        let flow = "entries: { default: { filename: a.rs, services: [{ idl: { path: a.thrift } }] } }\n";
        let error = apply(flow, "default", &Edit::RemoveService(0)).unwrap_err();
        assert!(error.contains("by hand"), "{error}");
        let flow = "entries:\n  default:\n    filename: a.rs\n    services: [{ idl: { path: a.thrift } }]\n";
        apply(flow, "default", &Edit::AddService(&service("a.thrift", None))).unwrap_err();
    }
}
