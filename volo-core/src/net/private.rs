//! Directories that nobody else can put anything into, for sockets whose names two processes agree on.
#![forbid(unsafe_code)]

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
    path::Path,
};

use rustix::process::geteuid;

use crate::{Error, ErrorKind, Result};

/// Makes sure that the directory belongs to the user of this process alone, and gives that user's id: it must be named
/// by an absolute path without symbolic links, and no other user may have any right to it. It is created if there is
/// none.
///
/// # Errors
/// [`ErrorKind::Config`] with what is wrong with it.
pub fn private_directory(path: &Path) -> Result<u32> {
    let wrong = |what: &str| Error::new(ErrorKind::Config, format!("directory {} {what}", path.display()));
    if !path.is_absolute() {
        return Err(wrong("is no absolute path"));
    }
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(wrong("can't be created").with_source(error));
        }
        _ => {}
    }
    let unreadable = |error| wrong("can't be looked at").with_source(error);
    let real = fs::canonicalize(path).map_err(unreadable)?;
    if real != path {
        return Err(wrong(&format!("is reached by a symbolic link; write {}", real.display())));
    }
    let found = fs::symlink_metadata(path).map_err(unreadable)?;
    let user = geteuid().as_raw();
    if !found.is_dir() {
        return Err(wrong("is no directory"));
    }
    if found.uid() != user {
        return Err(wrong(&format!("belongs to user {}, not to {user}", found.uid())));
    }
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(wrong(&format!("is open to others (mode {mode:o}); it must be 700")));
    }
    Ok(user)
}

/// Removes sockets on which nobody listens any more from a private directory; what can't be removed stays.
pub fn remove_stale_sockets(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_socket())
            && let Err(error) = super::uds::remove_stale(&entry.path())
        {
            tracing::debug!(path = %entry.path().display(), %error, "a socket is left where it is");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::symlink, net::UnixListener};

    use super::*;

    fn told(path: &Path) -> String {
        private_directory(path).unwrap_err().to_string()
    }

    #[test]
    fn only_a_directory_of_one_s_own_is_private() {
        let base = fs::canonicalize(std::env::temp_dir())
            .unwrap()
            .join(format!("volo-private-{}", std::process::id()));
        let _ = fs::remove_dir_all(&base);
        assert_eq!(private_directory(&base).unwrap(), geteuid().as_raw(), "it is created");
        assert_eq!(fs::metadata(&base).unwrap().permissions().mode() & 0o777, 0o700);
        private_directory(&base).unwrap();

        symlink(&base, base.join("link")).unwrap();
        assert!(told(&base.join("link")).contains("symbolic link"));
        assert!(told(&base.join("link/inner")).contains("symbolic link"), "whichever part of the path it is");
        fs::remove_dir(base.join("inner")).unwrap();
        symlink(base.join("nowhere"), base.join("dangling")).unwrap();
        assert!(private_directory(&base.join("dangling")).is_err());
        fs::write(base.join("file"), "").unwrap();
        assert!(told(&base.join("file")).contains("is no directory"));
        assert!(told(Path::new("relative")).contains("absolute"));
        assert!(told(&base.join("no/such")).contains("can't be created"));

        fs::set_permissions(&base, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(told(&base).contains("open to others (mode 750)"));
        fs::set_permissions(&base, fs::Permissions::from_mode(0o700)).unwrap();
        if geteuid().is_root() {
            std::os::unix::fs::chown(&base, Some(65_534), None).unwrap();
            assert!(told(&base).contains("belongs to user 65534"));
        } else {
            eprintln!("SKIPPED: a directory of another user needs root");
        }
        fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn sockets_of_the_dead_are_removed() {
        let base = fs::canonicalize(std::env::temp_dir())
            .unwrap()
            .join(format!("volo-stale-{}", std::process::id()));
        private_directory(&base).unwrap();
        drop(UnixListener::bind(base.join("dead")).unwrap());
        let alive = UnixListener::bind(base.join("alive")).unwrap();
        fs::write(base.join("file"), "").unwrap();
        remove_stale_sockets(&base);
        assert!(!base.join("dead").exists() && base.join("alive").exists() && base.join("file").exists());
        drop(alive);
        fs::remove_dir_all(&base).unwrap();
    }
}
