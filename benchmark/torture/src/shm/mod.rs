//! Shared memory: what a peer may do to it, to its socket and to itself.

mod calls;
mod handshake;
mod liar;
mod links;
mod memory;
mod ring;
mod stranger;

use std::path::{Path, PathBuf};

use volo_core::{Address, BoxError};

pub use self::stranger::{STRANGER, intrude};
use crate::{
    process::{Process, Rest},
    report::Report,
    role,
};

/// Messages of the hunt for lost wake-ups, for each session with a liar.
const HUNTED: u64 = 500;

/// Runs everything, with so many sessions with a liar.
pub async fn run(size: u64, report: &mut Report) -> Result<(), BoxError> {
    calls::run(report).await?;
    handshake::run(report).await?;
    ring::run(size, report).await?;
    links::run(size * HUNTED, report).await?;
    stranger::run(report)
}

/// A server in another process that listens in a directory of its own.
struct Server {
    process: Process,
    directory: PathBuf,
    /// What it held before anybody came.
    rest: Rest,
}

impl Server {
    fn start(name: &str) -> Result<Self, BoxError> {
        let directory = std::env::temp_dir().join(format!("volo-torture-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let mut process = start_at(&directory.join("socket"))?;
        let rest = process.rest()?;
        Ok(Server { process, directory, rest })
    }

    fn path(&self) -> PathBuf {
        self.directory.join("socket")
    }

    fn address(&self) -> Address {
        Address::Shm(self.path())
    }

    /// Waits until it holds no more than at first; tells what is left, and whether it is in good health.
    async fn end(&mut self, case: &str, report: &mut Report) -> Result<(), BoxError> {
        let mut rest = self.process.rest()?;
        // It may have much of what a departed peer left to be dealt with.
        for _ in 0..2000 {
            if rest.is_within(self.rest) && self.mappings()? == 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            rest = self.process.rest()?;
        }
        report.at_most(case, "server tasks left", rest.tasks, self.rest.tasks);
        report.at_most(case, "server descriptors left", rest.descriptors, self.rest.descriptors);
        report.equal(case, "server mappings left", self.mappings()?, 0);
        report.equal(case, "server panics", self.process.meter()?.panics, 0);
        Ok(())
    }

    /// Mappings of shared memory.
    fn mappings(&self) -> Result<u64, BoxError> {
        mappings(&format!("/proc/{}/maps", self.process.id()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Starts a server at this path.
fn start_at(path: &Path) -> Result<Process, BoxError> {
    let mut process = Process::start(role::SERVER, &[format!("address=shm://{}", path.display())], None)?;
    process.line()?;
    Ok(process)
}

/// Mappings of shared memory in such a list.
fn mappings(list: &str) -> Result<u64, BoxError> {
    let text = std::fs::read_to_string(list)?;
    Ok(text.lines().filter(|line| line.contains("memfd:volo-shm") || line.contains("memfd:liar")).count()
        as u64)
}

/// Open descriptors of this process.
fn own_descriptors() -> Result<u64, BoxError> {
    Ok(std::fs::read_dir("/proc/self/fd")?.count() as u64)
}

/// Waits until this process has no more descriptors than `before`; gives how many it has.
async fn settle_descriptors(before: u64) -> Result<u64, BoxError> {
    for _ in 0..300 {
        if own_descriptors()? <= before {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    own_descriptors()
}
