//! Which IDL files a command is about.

use std::path::{Path, PathBuf};

/// Directories that hold what others wrote or a build made.
const SKIPPED: [&str; 3] = ["target", "vendor", "node_modules"];

/// All IDL files among the given files and below the given directories, in order; `.` if none is given.
///
/// # Errors
/// A message when something can't be read, or there is no IDL file.
pub(crate) fn idl_files(given: &[PathBuf]) -> Result<Vec<String>, String> {
    let mut files = Vec::new();
    let here = [PathBuf::from(".")];
    let given = if given.is_empty() { &here[..] } else { given };
    for path in given {
        match path.is_dir() {
            true => collect(path, &mut files)?,
            false => files.push(path.display().to_string()),
        }
    }
    if files.is_empty() {
        let names: Vec<String> = given.iter().map(|path| format!("`{}`", path.display())).collect();
        return Err(format!("no .thrift file below {}", names.join(", ")));
    }
    Ok(files)
}

fn collect(directory: &Path, files: &mut Vec<String>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("can't read {}: {error}", directory.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !path.is_symlink() {
            if !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                collect(&path, files)?;
            }
        } else if name.ends_with(".thrift") {
            let shown = path.strip_prefix(".").unwrap_or(&path);
            files.push(shown.display().to_string());
        }
    }
    Ok(())
}
