//! Shared memory: what a peer may do to it, to its socket and to itself.

mod calls;
mod deaths;
mod fork;
mod group;
mod handshake;
mod liar;
mod links;
mod memory;
mod pace;
mod ring;
mod shortage;
mod steps;
mod stranger;
mod wakes;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use volo_core::{Address, BoxError};
use volo_thrift::{ClientBuilder, client::Governance};

use crate::{
    idl::TortureServiceClient,
    process::{Process, Rest},
    report::Report,
    role,
};

/// How long whoever holds something may take to let go of it: it may have much of what a departed peer left to be
/// dealt with.
const PATIENCE: Duration = Duration::from_secs(40);

/// Whether a sanitizer watches, which needs much memory itself.
const IS_SANITIZED: bool = cfg!(sanitized);

/// What to multiply times by that something may take at most.
const SLOWNESS: u32 = if IS_SANITIZED { 20 } else { 1 };

/// Runs everything, with so many sessions with a liar, and as much of the rest as befits that.
pub async fn run(size: u64, report: &mut Report) -> Result<(), BoxError> {
    deaths::run(report).await?;
    calls::run(report).await?;
    fork::run(report).await?;
    handshake::run(report).await?;
    ring::run(size, report).await?;
    links::run(report).await?;
    shortage::run(report).await?;
    wakes::run(size, report)?;
    if IS_SANITIZED {
        eprintln!("SKIPPED: how fast calls are says nothing where a sanitizer watches");
    } else {
        pace::run(report)?;
    }
    stranger::run(report)
}

/// Whether this word makes the program one of the other processes of this suite.
pub fn is_role(word: &str) -> bool {
    ROLES.iter().any(|(role, _)| *role == word)
}

/// Is that process until its end.
pub fn play(word: &str, words: impl Iterator<Item = String>) -> Result<bool, BoxError> {
    let role = ROLES.iter().find(|(role, _)| *role == word).ok_or("no such role")?;
    (role.1)(&words.collect::<Vec<_>>())?;
    Ok(true)
}

type Role = fn(&[String]) -> Result<(), BoxError>;

const ROLES: [(&str, Role); 4] = [
    (stranger::STRANGER, stranger::intrude),
    (steps::HALFWAY, steps::stop_at),
    (pace::CALLER, pace::call),
    (shortage::HOARDER, shortage::hoard),
];

/// A server in another process that listens in a directory of its own.
struct Server {
    process: Process,
    directory: PathBuf,
    /// What it held before anybody came.
    rest: Rest,
    /// What this process held then.
    own_descriptors: u64,
}

impl Server {
    fn start(name: &str) -> Result<Self, BoxError> {
        Server::limited(name, None)
    }

    /// One in which so many descriptors may be open at most, if given.
    fn limited(name: &str, descriptors: Option<u32>) -> Result<Self, BoxError> {
        let directory = std::env::temp_dir().join(format!("volo-torture-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let mut process = start_at(&directory.join("socket"), descriptors)?;
        let rest = process.rest()?;
        Ok(Server { process, directory, rest, own_descriptors: own_descriptors()? })
    }

    fn path(&self) -> PathBuf {
        self.directory.join("socket")
    }

    fn address(&self) -> Address {
        Address::Shm(self.path())
    }

    /// A client of it with much patience.
    fn client(&self) -> ClientBuilder<TortureServiceClient> {
        ClientBuilder::new("torture")
            .governance(Governance::none())
            .address(self.address())
            .rpc_timeout(Duration::from_secs(20))
            .connect_timeout(Duration::from_secs(5))
    }

    /// Starts another process that calls it.
    fn caller(&self) -> Result<Process, BoxError> {
        let mut caller = Process::start(role::CLIENT, &[self.address().to_string()], None)?;
        caller.line()?;
        Ok(caller)
    }

    /// Waits until both it and this process hold no more than at first; tells what is left, and whether it is in good
    /// health.
    async fn end(&mut self, case: &str, report: &mut Report) -> Result<(), BoxError> {
        let start = Instant::now();
        let mut rest = self.process.rest()?;
        while !(rest.is_within(self.rest) && self.mappings()? == 0) && start.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(20)).await;
            rest = self.process.rest()?;
        }
        report.at_most(case, "server tasks left", rest.tasks, self.rest.tasks);
        report.at_most(case, "server descriptors left", rest.descriptors, self.rest.descriptors);
        report.equal(case, "server mappings left", self.mappings()?, 0);
        report.equal(case, "server panics", self.process.meter()?.panics, 0);
        self.end_here(case, report).await
    }

    /// The same for this process alone.
    async fn end_here(&self, case: &str, report: &mut Report) -> Result<(), BoxError> {
        let limit = self.own_descriptors;
        report.at_most(case, "client descriptors left", settle(limit, own_descriptors).await?, limit);
        let mappings = settle(0, || mappings("/proc/self/maps")).await?;
        report.equal(case, "client mappings left", mappings, 0);
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

/// Starts a server at this path, in which so many descriptors may be open at most, if given.
fn start_at(path: &Path, descriptors: Option<u32>) -> Result<Process, BoxError> {
    let address = [format!("address=shm://{}", path.display())];
    let mut process = Process::start(role::SERVER, &address, descriptors)?;
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

/// Waits until there are no more than `limit`, as a task may be about to let go of the last; gives how many there are.
async fn settle(limit: u64, count: impl Fn() -> Result<u64, BoxError>) -> Result<u64, BoxError> {
    let start = Instant::now();
    loop {
        let now = count()?;
        if now <= limit || start.elapsed() > PATIENCE {
            return Ok(now);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
