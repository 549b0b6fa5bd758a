//! Files written all or none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::scaffold::File;

/// What was done so far, and how to undo it.
#[derive(Default)]
struct Undo {
    directories: Vec<PathBuf>,
    files: Vec<(PathBuf, Option<Vec<u8>>)>,
}

/// Writes files below `directory`. If one can't be written, everything is as it was before.
///
/// # Errors
/// The path that could not be written, and why.
pub(crate) fn write_all(directory: &Path, files: &[File]) -> Result<(), (PathBuf, io::Error)> {
    let mut undo = Undo::default();
    for file in files {
        let path = directory.join(&file.path);
        if let Err(error) = undo.write(&path, file.text.as_bytes()) {
            undo.roll_back();
            return Err((path, error));
        }
    }
    Ok(())
}

impl Undo {
    fn write(&mut self, path: &Path, text: &[u8]) -> io::Result<()> {
        if let Some(parent) = path.parent() {
            self.make(parent)?;
        }
        let before = match fs::read(path) {
            Ok(before) => Some(before),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        self.files.push((path.to_owned(), before));
        fs::write(path, text)
    }

    fn make(&mut self, directory: &Path) -> io::Result<()> {
        if directory.as_os_str().is_empty() || directory.is_dir() {
            return Ok(());
        }
        if let Some(parent) = directory.parent() {
            self.make(parent)?;
        }
        fs::create_dir(directory)?;
        self.directories.push(directory.to_owned());
        Ok(())
    }

    /// What can't be undone stays; the first error is what the user hears about.
    fn roll_back(self) {
        for (path, before) in self.files.into_iter().rev() {
            drop(match before {
                Some(before) => fs::write(path, before),
                None => fs::remove_file(path),
            });
        }
        for directory in self.directories.into_iter().rev() {
            drop(fs::remove_dir(directory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> File {
        File { path: path.to_owned(), text: "new".to_owned() }
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("kept"), "old").unwrap();
        // A directory cannot be written as a file.
        fs::create_dir(directory.path().join("taken")).unwrap();
        let files = [file("kept"), file("a/b/c"), file("a/d"), file("taken")];
        let (path, _) = write_all(directory.path(), &files).unwrap_err();
        assert!(path.ends_with("taken"));
        assert_eq!(fs::read_to_string(directory.path().join("kept")).unwrap(), "old");
        assert!(!directory.path().join("a").exists());
        write_all(directory.path(), &files[..3]).unwrap();
        assert_eq!(fs::read_to_string(directory.path().join("a/b/c")).unwrap(), "new");
    }
}
