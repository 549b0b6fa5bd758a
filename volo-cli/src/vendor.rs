//! Copies of the IDL files of other repositories, so that builds need no network.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::git;

/// The IDL files of a repository at a commit, not in place yet. Dropped, they are gone.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The commit's full name.
    pub(crate) commit: String,
    files: TempDir,
}

/// Fetches the IDL files of `url` at a branch, tag or commit, into a directory beside `vendor`.
///
/// # Errors
/// What git said.
pub(crate) fn fetch(vendor: &Path, url: &str, reference: &str) -> Result<Fetched, String> {
    if let Some(bad) = [url, reference].into_iter().find(|text| text.starts_with('-') || text.is_empty()) {
        return Err(format!("`{bad}` is neither a repository nor a commit"));
    }
    let beside = vendor.parent().unwrap_or(Path::new("."));
    let temporary = || tempfile::Builder::new().prefix(".volo-").tempdir_in(beside);
    let repository = temporary().map_err(|error| format!("can't write in {}: {error}", beside.display()))?;
    let files = temporary().map_err(|error| error.to_string())?;
    let at = repository.path();
    git::run(at, &["init", "--quiet", "--bare"])?;
    // Not every server gives out a single commit by its name.
    let commit = match git::run(at, &["fetch", "--quiet", "--depth", "1", url, reference]) {
        Ok(_) => git::line(at, &["rev-parse", "FETCH_HEAD^{commit}"])?,
        Err(first) => {
            let all = ["fetch", "--quiet", url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
            git::run(at, &all).map_err(|_| first.clone())?;
            let name = format!("{reference}^{{commit}}");
            git::line(at, &["rev-parse", "--verify", "--quiet", "--end-of-options", &name])
                .map_err(|_| first)?
        }
    };
    let listed = git::run(at, &["ls-tree", "-r", "-z", "--name-only", &commit])?;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    for path in listed.split('\0').filter(|path| path.ends_with(".thrift")) {
        let text = git::run(at, &["cat-file", "blob", &format!("{commit}:{path}")])?;
        let target = files.path().join(path);
        let written = fs::create_dir_all(target.parent().unwrap_or(Path::new("")));
        written
            .and_then(|()| fs::write(&target, text))
            .map_err(|error| format!("can't write {path}: {error}"))?;
    }
    Ok(Fetched { commit, files })
}

impl Fetched {
    /// Where the files are for now.
    pub(crate) fn path(&self) -> &Path {
        self.files.path()
    }

    /// Puts the files in the place of `copy`.
    ///
    /// # Errors
    /// Why that can't be done; then the copy is as it was.
    pub(crate) fn place(self, copy: &Path) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("can't write {}: {error}", copy.display());
        fs::create_dir_all(copy.parent().unwrap_or(Path::new(""))).map_err(failed)?;
        let old: PathBuf = copy.with_extension("old");
        let had_one = copy.exists();
        if had_one {
            fs::rename(copy, &old).map_err(failed)?;
        }
        // Temporary directories are private; this one is to be committed.
        let moved = make_public(self.files.path()).and_then(|()| fs::rename(self.files.path(), copy));
        match moved {
            Ok(()) => {
                // There is nothing left to clean up where they were.
                let _ = self.files.keep();
                if had_one { fs::remove_dir_all(&old).map_err(failed) } else { Ok(()) }
            }
            Err(error) => {
                if had_one {
                    drop(fs::rename(&old, copy));
                }
                Err(failed(error))
            }
        }
    }
}

#[cfg(unix)]
fn make_public(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_public(_: &Path) -> std::io::Result<()> {
    Ok(())
}
