//! The two processes of a round.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    str::FromStr,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use peer_harness::rpc::{Load, Mode, Outcome, Work, pin};
use peer_shmipc::Version;
use tokio::runtime::Builder;
use volo_core::{Address, net::ShmOptions};

use super::{links, sockets};

/// The words by which the driver asks itself for a role.
pub(super) const SERVE: &str = "transport-serve";
pub(super) const LOAD: &str = "transport-load";

const WARM_UP_MS: u64 = 60;
const DURATION_MS: u64 = 200;

/// What moves the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum System {
    Shm,
    ShmTrusted,
    Uds,
    UdsBatched,
    Tcp,
    ShmipcV3,
    ShmipcV4,
    RpcShm,
    RpcUds,
}

const NAMES: [(System, &str, &str); 9] = [
    (System::Shm, "shm", "ours"),
    (System::ShmTrusted, "shm-trusted", "ours"),
    (System::Uds, "uds", "uds"),
    (System::UdsBatched, "uds-batched", "uds-batched"),
    (System::Tcp, "tcp", "tcp"),
    (System::ShmipcV3, "shmipc-v3", "shmipc"),
    (System::ShmipcV4, "shmipc-v4", "shmipc"),
    (System::RpcShm, "rpc-shm", "ours"),
    (System::RpcUds, "rpc-uds", "uds"),
];

impl System {
    /// Its name as a peer.
    pub(super) fn name(self) -> &'static str {
        NAMES.iter().find(|(system, ..)| *system == self).map_or("", |(.., peer)| peer)
    }

    fn word(self) -> &'static str {
        NAMES.iter().find(|(system, ..)| *system == self).map_or("", |(_, word, _)| word)
    }
}

impl FromStr for System {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(_, word, _)| *word == text);
        found.map(|(system, ..)| *system).ok_or_else(|| format!("{text} is no system"))
    }
}

/// Where the two processes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On two processors.
    Apart,
    /// On one.
    Together,
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) work: Work,
    pub(super) concurrency: usize,
    /// Messages a second; as fast as they go without.
    pub(super) rate: Option<f64>,
}

/// Starts a server, runs a client to its end, and gives what it measured.
pub(super) fn measure(system: System, run: Run, place: Place) -> Result<Outcome, String> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = env::temp_dir().join(format!("peers-transport-{}-{number}", std::process::id()));
    let program = env::current_exe().map_err(|error| format!("can't find this program: {error}"))?;
    let words = [system.word().to_owned(), run.work.to_string(), path.display().to_string()];
    let failed = |error: std::io::Error| format!("can't start a process of {}: {error}", system.word());
    let mut server = Command::new(&program)
        .arg(SERVE)
        .args(&words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut address = String::new();
    let output = server.stdout.take().ok_or("a server without output")?;
    BufReader::new(output).read_line(&mut address).map_err(failed)?;
    let processor = if place == Place::Apart { "1" } else { "0" };
    let client = Command::new(&program)
        .arg(LOAD)
        .args(&words[..2])
        .args([address.trim(), &run.concurrency.to_string(), &run.rate.unwrap_or_default().to_string()])
        .args([processor, &server.id().to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let _ = server.kill();
    let _ = server.wait();
    let _ = fs::remove_file(&path);
    let output = client.map_err(failed)?;
    if !output.status.success() {
        return Err(format!("the client of {} failed: {}", system.word(), output.status));
    }
    String::from_utf8_lossy(&output.stdout).parse()
}

/// `SYSTEM WORK PATH`: prints where it listens once it does, and serves until it is killed.
pub(super) fn serve(words: &[&str]) -> Result<(), String> {
    let &[system, work, path] = words else {
        return Err(format!("a server needs SYSTEM WORK PATH, not {words:?}"));
    };
    let (system, work): (System, Work) = (system.parse()?, work.parse()?);
    pin(0).map_err(|error| format!("can't stay on processor 0: {error}"))?;
    let (size, path, checked) = (size(work), Path::new(path), ShmOptions::default());
    runtime()?.block_on(async {
        match system {
            System::Shm => links::serve(Address::Shm(path.to_owned()), checked, size, announce).await,
            System::ShmTrusted => {
                links::serve(Address::Shm(path.to_owned()), links::trusting(), size, announce).await
            }
            System::UdsBatched => links::serve(Address::Unix(path.to_owned()), checked, size, announce).await,
            System::Uds => sockets::serve(Some(path), size, announce).await,
            System::Tcp => sockets::serve(None, size, announce).await,
            System::ShmipcV3 => shmipc(Version::V3, path, size).await,
            System::ShmipcV4 => shmipc(Version::V4, path, size).await,
            System::RpcShm => rpc(Address::Shm(path.to_owned())).await,
            System::RpcUds => rpc(Address::Unix(path.to_owned())).await,
        }
    })
}

async fn shmipc(version: Version, path: &Path, size: usize) -> Result<(), String> {
    announce_later(path.to_owned());
    peer_shmipc::serve(version, path, size).await
}

async fn rpc(address: Address) -> Result<(), String> {
    let (Address::Shm(path) | Address::Unix(path)) = &address else { return Err("no path".to_owned()) };
    announce_later(path.clone());
    peer_ours::rpc::serve_at(address).await
}

fn announce(address: &str) {
    println!("{address}");
}

/// Once there is a socket at the path.
fn announce_later(path: PathBuf) {
    tokio::spawn(async move {
        while !path.exists() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        announce(&path.display().to_string());
    });
}

/// `SYSTEM WORK ADDRESS CONCURRENCY RATE PROCESSOR SERVER_PID`: prints an [`Outcome`].
pub(super) fn load(words: &[&str]) -> Result<(), String> {
    let &[system, work, address, concurrency, rate, processor, server] = words else {
        return Err(format!("a client needs seven words, not {words:?}"));
    };
    let (system, work): (System, Work) = (system.parse()?, work.parse()?);
    let rate: f64 = number(rate)?;
    let load = Load {
        work,
        concurrency: number(concurrency)?,
        rate: (rate > 0.0).then_some(rate),
        warm_up: Duration::from_millis(WARM_UP_MS),
        duration: Duration::from_millis(if work == Work::Echo(1 << 20) {
            2 * DURATION_MS
        } else {
            DURATION_MS
        }),
        server: number(server)?,
    };
    let processor: usize = number(processor)?;
    pin(processor).map_err(|error| format!("can't stay on processor {processor}: {error}"))?;
    let (size, path, checked) = (size(work), Path::new(address), ShmOptions::default());
    let outcome = runtime()?.block_on(async {
        match system {
            System::Shm => links::load(&Address::Shm(path.to_owned()), checked, size, &load).await,
            System::ShmTrusted => {
                links::load(&Address::Shm(path.to_owned()), links::trusting(), size, &load).await
            }
            System::UdsBatched => links::load(&Address::Unix(path.to_owned()), checked, size, &load).await,
            System::Uds => sockets::load(Some(path), address, size, &load).await,
            System::Tcp => sockets::load(None, address, size, &load).await,
            System::ShmipcV3 => peer_shmipc::load(Version::V3, path, size, &load).await,
            System::ShmipcV4 => peer_shmipc::load(Version::V4, path, size, &load).await,
            System::RpcShm => peer_ours::rpc::load_at(Mode::Mux, Address::Shm(path.to_owned()), &load).await,
            System::RpcUds => {
                peer_ours::rpc::load_at(Mode::PingPong, Address::Unix(path.to_owned()), &load).await
            }
        }
    });
    println!("{}", outcome?);
    Ok(())
}

fn size(work: Work) -> usize {
    if let Work::Echo(size) = work { size } else { 0 }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    Builder::new_current_thread().enable_all().build().map_err(|error| format!("no runtime: {error}"))
}
