//! A list in a file, which may be replaced at any time.
//!
//! The file is read again and again instead of watched: that works on every file system, also for a mounted
//! configuration map that swaps links, and costs one small read per second.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{task::spawn_blocking, time::sleep};

use super::Discover;
use crate::{Error, ErrorKind, Result, balance::Instance};

/// The largest file that is read.
const SIZE_MAX: u64 = 1 << 20;

/// How often the file is read.
const INTERVAL: Duration = Duration::from_secs(1);

/// Reads instances from a text file with one [`Instance`] per line: `10.0.0.1:8080 weight=20 zone=a`. Empty lines and
/// what follows a `#` are ignored.
///
/// A file that can't be read, or has a line that makes no sense, is refused as a whole; the last good list stays in
/// use. Replace it by renaming another one, so that it is never read half-written.
#[derive(Clone, Debug)]
pub struct FileDiscover {
    path: PathBuf,
    interval: Duration,
    /// What it was the last time, or that it could not be read.
    last: Option<Result<String, ()>>,
}

impl FileDiscover {
    /// The list in the file at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        FileDiscover { path: path.into(), interval: INTERVAL, last: None }
    }

    /// Reads the file so often, once a second by default.
    pub fn interval(self, interval: Duration) -> Self {
        FileDiscover { interval, ..self }
    }
}

impl Discover for FileDiscover {
    async fn next(&mut self) -> Result<Vec<Instance>> {
        loop {
            if self.last.is_some() {
                sleep(self.interval).await;
            }
            let path = self.path.clone();
            let read = spawn_blocking(move || read(&path)).await;
            let read = read.unwrap_or_else(|error| Err(Error::internal("reading failed").with_source(error)));
            let now = Some(read.as_ref().map(String::clone).map_err(drop));
            if now != self.last {
                self.last = now;
                return parse(&read?, &self.path);
            }
        }
    }
}

/// The text of a file of moderate size.
pub(crate) fn read(path: &Path) -> Result<String> {
    let fault = |text: &str| Error::new(ErrorKind::Config, format!("{}: {text}", path.display()));
    let mut text = String::new();
    let file = File::open(path).map_err(|error| fault("can't be opened").with_source(error))?;
    file.take(SIZE_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| fault("can't be read as text").with_source(error))?;
    if text.len() as u64 > SIZE_MAX {
        return Err(fault(&format!("more than {SIZE_MAX} bytes")));
    }
    Ok(text)
}

fn parse(text: &str, path: &Path) -> Result<Vec<Instance>> {
    let mut instances = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let instance = line.parse().map_err(|error| {
            let place = format!("{}:{}: no instance", path.display(), index + 1);
            Error::new(ErrorKind::Config, place).with_source(error)
        })?;
        instances.push(instance);
    }
    Ok(instances)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_instances() {
        let text = "# the catalogue\n10.0.0.1:80 weight=5  # the old one\n\nunix:///run/b.sock\n";
        let list = parse(text, Path::new("list")).unwrap();
        assert_eq!(list.iter().map(|it| it.weight).collect::<Vec<_>>(), [5, Instance::WEIGHT]);
        assert!(parse("", Path::new("list")).unwrap().is_empty());
    }

    #[test]
    fn a_fault_names_file_and_line() {
        let error = parse("10.0.0.1:80\nnowhere", Path::new("/etc/catalog.list")).unwrap_err();
        assert_eq!(error.to_string(), "/etc/catalog.list:2: no instance");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("`nowhere` is not an address"), "{cause}");
    }
}
