//! What the tests of the program share: they run the real binary in directories of their own.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The item service of the guide, with the map's type parameters.
pub(crate) const GUIDE_IDL: &str = "namespace rs volo.example

struct Item {
    1: required i64 id,
    2: required string title,
    3: required string content,

    10: optional map<string, string> extra,
}

struct GetItemRequest {
    1: required i64 id,
}

struct GetItemResponse {
    1: required Item item,
}

service ItemService {
    GetItemResponse GetItem (1: GetItemRequest req),
}
";

/// A fresh directory of a test, with the given files.
pub(crate) fn directory(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    for (file, text) in files {
        put(&path, file, text);
    }
    path
}

/// Writes a file of a test.
pub(crate) fn put(directory: &Path, file: &str, text: &str) {
    let path = directory.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// The text of a file of a test.
pub(crate) fn text(directory: &Path, file: &str) -> String {
    std::fs::read_to_string(directory.join(file)).unwrap()
}

/// All files below a directory but git's, sorted, with `/`.
pub(crate) fn files(directory: &Path) -> Vec<String> {
    fn collect(root: &Path, at: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if path.ends_with(".git") => {}
                true => collect(root, &path, found),
                false => found.push(path.strip_prefix(root).unwrap().display().to_string()),
            }
        }
    }
    let mut found = Vec::new();
    collect(directory, directory, &mut found);
    found.sort();
    found
}

/// How a run of the program ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The same, which must have gone well.
    #[track_caller]
    pub(crate) fn fine(self) -> Ran {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self
    }

    fn new(output: Output) -> Ran {
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs `volo` in a directory.
pub(crate) fn volo(directory: &Path, args: &[&str]) -> Ran {
    run(Command::new(env!("CARGO_BIN_EXE_volo")).args(args).current_dir(directory))
}

/// Runs git in a directory, as somebody without settings of their own.
pub(crate) fn git(directory: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args([
        "-c",
        "user.name=Test",
        "-c",
        "user.email=test@example.org",
        "-c",
        "init.defaultBranch=main",
    ]);
    command.args(["-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false"]);
    run(command.args(args).current_dir(directory)).fine().stdout.trim().to_owned()
}

/// Runs any program.
pub(crate) fn run(command: &mut Command) -> Ran {
    Ran::new(command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")))
}
