//! Where IDL text comes from: a trait, so that the compiler itself never touches a disk.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::model::{FileId, Span};

/// A supplier of IDL files.
pub trait Source {
    /// Finds the file meant by `request`: a path given by the user, or the text of an `include` in the file
    /// whose [`Located::path`] is `includer`. `None` if there is no such file.
    fn locate(&self, request: &str, includer: Option<&str>) -> Option<Located>;

    /// The bytes of a file that `locate` found.
    ///
    /// # Errors
    /// Any error of the underlying store.
    fn read(&self, located: &Located) -> io::Result<Vec<u8>>;
}

/// A file that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Identity: two requests that mean the same file have the same key.
    pub key: String,
    /// The path to show to people.
    pub path: String,
}

/// Files on disk. An include is looked for beside the including file first, then in the search directories
/// in order.
#[derive(Debug, Clone, Default)]
pub struct FileSource {
    include_dirs: Vec<PathBuf>,
}

impl FileSource {
    /// A source with the given search directories.
    pub fn new<P: Into<PathBuf>>(include_dirs: impl IntoIterator<Item = P>) -> Self {
        FileSource { include_dirs: include_dirs.into_iter().map(Into::into).collect() }
    }
}

impl Source for FileSource {
    fn locate(&self, request: &str, includer: Option<&str>) -> Option<Located> {
        let beside = includer.and_then(|path| Path::new(path).parent()).unwrap_or(Path::new(""));
        let searched = std::iter::once(beside).chain(self.include_dirs.iter().map(PathBuf::as_path));
        for directory in searched {
            let path = tidy(&directory.join(request));
            if path.is_file() {
                let key = path.canonicalize().ok()?;
                return Some(Located { key: key.display().to_string(), path: path.display().to_string() });
            }
        }
        None
    }

    fn read(&self, located: &Located) -> io::Result<Vec<u8>> {
        std::fs::read(&located.path)
    }
}

/// Files in memory, for tests and for callers that hold the text already. Paths are separated by `/`.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    files: BTreeMap<String, Vec<u8>>,
}

impl MemorySource {
    /// A source of the given paths and texts.
    pub fn new<P: AsRef<str>, T: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, T)>) -> Self {
        let files = files.into_iter().map(|(path, text)| (tidy_text(path.as_ref()), text.into()));
        MemorySource { files: files.collect() }
    }

    /// Adds a file, or replaces the one of that path.
    pub fn insert(&mut self, path: &str, text: impl Into<Vec<u8>>) {
        self.files.insert(tidy_text(path), text.into());
    }
}

impl Source for MemorySource {
    fn locate(&self, request: &str, includer: Option<&str>) -> Option<Located> {
        let directory =
            includer.and_then(|path| path.rsplit_once('/')).map_or("", |(directory, _)| directory);
        let path = tidy_text(&format!("{directory}/{request}"));
        let path = path.trim_start_matches('/').to_owned();
        self.files.contains_key(&path).then(|| Located { key: path.clone(), path })
    }

    fn read(&self, located: &Located) -> io::Result<Vec<u8>> {
        self.files.get(&located.key).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// The texts of all loaded files, by [`FileId`].
#[derive(Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
    by_key: HashMap<String, FileId>,
}

/// One loaded text.
#[derive(Debug)]
pub struct SourceFile {
    /// The path to show to people.
    pub path: String,
    /// The decoded text without a byte order mark. Empty if it could not be read.
    pub text: String,
    line_starts: Vec<usize>,
}

impl SourceMap {
    /// The file of that id. Ids of another map may panic or name another file.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.index()]
    }

    /// How many files there are; their ids count from 0.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether nothing was loaded.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// All files in loading order.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(index, file)| (FileId(index as u32), file))
    }

    /// The text a span covers; empty for a span that does not fit its file.
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.range()).unwrap_or("")
    }

    pub(crate) fn find(&self, key: &str) -> Option<FileId> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn add(&mut self, located: &Located, text: String) -> FileId {
        let id = FileId(self.files.len() as u32);
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(starts).collect();
        self.files.push(SourceFile { path: located.path.clone(), text, line_starts });
        self.by_key.insert(located.key.clone(), id);
        id
    }
}

impl SourceFile {
    /// Line and column of a byte offset, both counted from 1, columns in characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts[line - 1];
        let column = self.text.get(start..offset).map_or(0, |head| head.chars().count());
        (line, column + 1)
    }
}

/// The text of a file's bytes, and whether they were valid UTF-8. Other bytes are taken as Latin-1, which old
/// IDL files use in comments. A byte order mark is dropped.
pub(crate) fn decode(bytes: Vec<u8>) -> (String, bool) {
    match String::from_utf8(bytes) {
        Ok(text) => match text.strip_prefix('\u{feff}') {
            Some(rest) => (rest.to_owned(), true),
            None => (text, true),
        },
        Err(error) => (error.into_bytes().into_iter().map(char::from).collect(), false),
    }
}

/// Takes `.` out of a path; `..` stays, it may cross a symbolic link.
fn tidy(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

fn tidy_text(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !last.is_empty() && *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_source_resolves_relative_to_the_includer() {
        let source = MemorySource::new([("a/b.thrift", ""), ("c.thrift", "")]);
        let key = |request, includer| source.locate(request, includer).map(|located| located.key);
        assert_eq!(key("b.thrift", Some("a/x.thrift")).as_deref(), Some("a/b.thrift"));
        assert_eq!(key("./../c.thrift", Some("a/b.thrift")).as_deref(), Some("c.thrift"));
        assert_eq!(key("./c.thrift", None).as_deref(), Some("c.thrift"));
        assert_eq!(key("b.thrift", None), None);
    }

    #[test]
    fn file_source_looks_beside_the_includer_first() {
        let root = std::env::temp_dir().join(format!("volo-codegen-source-{}", std::process::id()));
        for directory in ["one", "two"] {
            std::fs::create_dir_all(root.join(directory)).unwrap();
            std::fs::write(root.join(directory).join("x.thrift"), directory).unwrap();
        }
        std::fs::write(root.join("two/y.thrift"), "").unwrap();
        let source = FileSource::new([root.join("two")]);
        let includer = root.join("one/main.thrift").display().to_string();
        let beside = source.locate("./x.thrift", Some(&includer)).unwrap();
        assert_eq!(source.read(&beside).unwrap(), b"one");
        let searched = source.locate("y.thrift", Some(&includer)).unwrap();
        assert!(searched.key.ends_with("y.thrift"));
        let detour = source.locate("../one/../one/x.thrift", Some(&includer)).unwrap();
        assert_eq!(detour.key, beside.key);
        assert!(source.locate("z.thrift", Some(&includer)).is_none());
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn decodes_marks_and_latin_1() {
        assert_eq!(decode(b"\xef\xbb\xbfx".to_vec()), ("x".into(), true));
        assert_eq!(decode(b"\xe9".to_vec()), ("\u{e9}".into(), false));
    }

    #[test]
    fn positions_count_characters() {
        let mut map = SourceMap::default();
        let id = map.add(&Located { key: "k".into(), path: "p".into() }, "a\n\u{e9}bc\n".into());
        assert_eq!(map.file(id).position(0), (1, 1));
        assert_eq!(map.file(id).position(4), (2, 2));
        assert_eq!(map.file(id).position(7), (3, 1));
    }
}
