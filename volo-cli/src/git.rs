//! The `git` program, as far as commands need it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use volo_codegen::source::{Located, Source};

/// Runs git in a directory; gives what it wrote.
///
/// # Errors
/// What git said, or why it could not be run.
pub(crate) fn run(directory: &Path, args: &[&str]) -> Result<Vec<u8>, String> {
    let mut command = Command::new("git");
    // Nobody is there to answer a question.
    command.env("GIT_TERMINAL_PROMPT", "0").current_dir(directory).args(args);
    let output = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "the program `git` is not installed".to_owned(),
        _ => format!("can't run git: {error}"),
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("git {} failed: {said}", args.first().unwrap_or(&"")))
}

/// As [`run`], for a line of text.
pub(crate) fn line(directory: &Path, args: &[&str]) -> Result<String, String> {
    let text = run(directory, args)?;
    Ok(String::from_utf8_lossy(&text).trim().to_owned())
}

/// The files of a repository at a commit.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The top of the repository.
    top: PathBuf,
    /// How the user called the commit.
    reference: String,
    /// All IDL files, by their paths from the top.
    files: Vec<String>,
    include_dirs: Vec<String>,
}

impl Snapshot {
    /// The repository around the current directory at `reference`.
    ///
    /// # Errors
    /// When there is no repository, or no such commit in it.
    pub(crate) fn open(reference: &str, include_dirs: &[PathBuf]) -> Result<Snapshot, String> {
        let here = Path::new(".");
        let commit = format!("{reference}^{{commit}}");
        line(here, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])
            .map_err(|_| format!("`{reference}` is neither a file nor a commit"))?;
        let top = PathBuf::from(line(here, &["rev-parse", "--show-toplevel"])?);
        let listed = run(&top, &["ls-tree", "-r", "-z", "--name-only", reference])?;
        let files = String::from_utf8_lossy(&listed).split('\0').map(str::to_owned).collect();
        let mut snapshot = Snapshot { top, reference: reference.to_owned(), files, include_dirs: Vec::new() };
        for directory in include_dirs {
            snapshot.include_dirs.push(snapshot.inside(directory)?);
        }
        Ok(snapshot)
    }

    /// The path from the top of the repository to something in the working directory, there or not.
    ///
    /// # Errors
    /// When it is outside of the repository.
    pub(crate) fn inside(&self, path: &Path) -> Result<String, String> {
        let prefix = line(Path::new("."), &["rev-parse", "--show-prefix"])?;
        let joined = match path.is_absolute() {
            true => path.strip_prefix(&self.top).map(Path::to_owned).ok(),
            false => Some(Path::new(&prefix).join(path)),
        };
        let tidied = joined.and_then(|path| tidy(&path.display().to_string()));
        tidied.ok_or_else(|| format!("`{}` is outside of the repository", path.display()))
    }

    /// The IDL file of that path, or all below it.
    pub(crate) fn below(&self, path: &str) -> Vec<String> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let files = self.files.iter();
        let is_meant = |file: &&String| {
            file.as_str() == path || (file.ends_with(".thrift") && file.starts_with(&prefix))
        };
        files.filter(is_meant).cloned().collect()
    }
}

impl Source for Snapshot {
    fn locate(&self, request: &str, includer: Option<&str>) -> Option<Located> {
        let name = |path: &str| Located { key: path.to_owned(), path: format!("{}:{path}", self.reference) };
        let Some(includer) = includer else {
            return self.files.iter().find(|file| *file == request).map(|file| name(file));
        };
        let includer = includer.strip_prefix(&format!("{}:", self.reference)).unwrap_or(includer);
        let beside = includer.rsplit_once('/').map_or("", |(directory, _)| directory);
        let directories = std::iter::once(beside).chain(self.include_dirs.iter().map(String::as_str));
        let paths = directories.filter_map(|directory| tidy(&format!("{directory}/{request}")));
        paths.into_iter().find(|path| self.files.contains(path)).map(|path| name(&path))
    }

    fn read(&self, located: &Located) -> io::Result<Vec<u8>> {
        let object = format!("{}:{}", self.reference, located.key);
        run(&self.top, &["cat-file", "blob", &object]).map_err(io::Error::other)
    }
}

/// A relative path without `.` and `..`; `None` if it leads out.
fn tidy(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        assert_eq!(tidy("a/./b/../c").as_deref(), Some("a/c"));
        assert_eq!(tidy("").as_deref(), Some(""));
        assert_eq!(tidy("a/../../b"), None);
    }
}
