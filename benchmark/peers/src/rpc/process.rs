//! Servers and clients as processes of their own.

use std::{
    env, fs,
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use peer_harness::rpc::{Endpoint, Mode, Outcome, Work};

use super::system::System;

/// The words by which the driver asks itself for a role.
pub(super) const SERVE: &str = "rpc-serve";
pub(super) const LOAD: &str = "rpc-load";

/// Below the ephemeral range, so that no client's own port is in the way.
const FIRST_PORT: u16 = 21_000;
const LAST_PORT: u16 = 31_000;
const START_MAX: Duration = Duration::from_secs(20);

/// Which transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Uds,
}

impl Transport {
    pub(super) fn name(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Uds => "uds",
        }
    }
}

/// A running server; it ends when dropped.
pub(super) struct Server {
    pub(super) system: System,
    pub(super) mode: Mode,
    pub(super) transport: Transport,
    pub(super) endpoint: Endpoint,
    child: Child,
}

impl Server {
    /// Starts a server and waits until it takes connections.
    pub(super) fn start(system: System, mode: Mode, transport: Transport) -> Result<Server, String> {
        let endpoint = free(transport)?;
        let child = Command::new(program()?)
            .args([SERVE, system.name(), mode.name(), &endpoint.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("can't start a server: {error}"))?;
        let mut server = Server { system, mode, transport, endpoint, child };
        let start = Instant::now();
        while !reachable(&server.endpoint) {
            let ended = server.child.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || start.elapsed() > START_MAX {
                return Err(format!("the server of {} did not start", system.name()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Endpoint::Unix(path) = &self.endpoint {
            let _ = fs::remove_file(path);
        }
    }
}

/// What a client is to do in one round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    pub(super) work: Work,
    pub(super) concurrency: usize,
    pub(super) rate: Option<f64>,
    pub(super) warm_up_ms: u64,
    pub(super) duration_ms: u64,
}

/// Runs a client to its end; `wrapper` is a program with arguments that is to start it, or nothing.
pub(super) fn client(
    server: &Server,
    mode: Mode,
    round: &Round,
    wrapper: &[&str],
) -> Result<Outcome, String> {
    let Round { work, concurrency, rate, warm_up_ms, duration_ms } = round;
    let words = [
        LOAD.to_owned(),
        server.system.name().to_owned(),
        mode.name().to_owned(),
        server.endpoint.to_string(),
        work.to_string(),
        concurrency.to_string(),
        rate.unwrap_or_default().to_string(),
        warm_up_ms.to_string(),
        duration_ms.to_string(),
        server.id().to_string(),
    ];
    let own = program()?;
    let mut command = match wrapper.split_first() {
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(own);
            command
        }
        None => Command::new(own),
    };
    let output = command.args(words).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("can't start a client: {error}"))?;
    if !output.status.success() {
        return Err(format!("the client of {} failed: {}", server.system.name(), output.status));
    }
    String::from_utf8_lossy(&output.stdout).parse()
}

fn program() -> Result<PathBuf, String> {
    env::current_exe().map_err(|error| format!("can't find this program: {error}"))
}

fn reachable(endpoint: &Endpoint) -> bool {
    match endpoint {
        Endpoint::Tcp(address) => TcpStream::connect_timeout(address, Duration::from_millis(200)).is_ok(),
        Endpoint::Unix(path) => UnixStream::connect(path).is_ok(),
    }
}

/// An endpoint that nobody listens at.
fn free(transport: Transport) -> Result<Endpoint, String> {
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    let own = std::process::id();
    loop {
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if transport == Transport::Uds {
            return Ok(Endpoint::Unix(env::temp_dir().join(format!("peers-{own}-{number}.sock"))));
        }
        let port = FIRST_PORT + ((own * 16) as u16 % 8000) + number;
        if port > LAST_PORT {
            return Err("no free port".to_owned());
        }
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if std::net::TcpListener::bind(address).is_ok() {
            return Ok(Endpoint::Tcp(address));
        }
    }
}
