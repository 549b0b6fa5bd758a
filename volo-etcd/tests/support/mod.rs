//! An etcd, servers that say who they are, and a client that asks.

use std::{
    net::TcpListener,
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use volo_core::{Address, balance::LoadBalance};
use volo_etcd::Etcd;
use volo_thrift::{
    ClientError, Server,
    health::{Health, HealthCheckRequest, HealthClient, HealthClientBuilder, ServingStatus},
    server::BoundServer,
};

/// Tests wait this long for what must happen some time.
const PATIENCE: Duration = Duration::from_secs(60);

/// An etcd of its own; killed when dropped.
pub(crate) struct EtcdServer {
    data: TempDir,
    ports: [u16; 2],
    process: Option<std::process::Child>,
}

impl EtcdServer {
    /// Starts one on free ports; `None` where etcd is not installed, which continuous integration does not accept.
    pub(crate) fn start() -> Option<Self> {
        if Command::new("etcd").arg("--version").stdout(Stdio::null()).status().is_err() {
            assert!(std::env::var_os("CI").is_none(), "etcd is not installed (package etcd-server)");
            eprintln!("SKIPPED: etcd is not installed (package etcd-server)");
            return None;
        }
        for _ in 0..5 {
            // Somebody else may take a port before etcd does.
            let data = tempfile::tempdir().unwrap();
            let mut etcd = EtcdServer { data, ports: free_ports(), process: None };
            if etcd.try_start() {
                return Some(etcd);
            }
        }
        panic!("etcd does not start");
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0])
    }

    /// Ends it without a chance to say so to anybody.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Loses all data.
    pub(crate) fn forget(&mut self) {
        self.data = tempfile::tempdir().unwrap();
    }

    pub(crate) fn restart(&mut self) {
        assert!((0..20).any(|_| self.try_start()), "etcd does not start again");
    }

    fn try_start(&mut self) -> bool {
        let [client, peer] = self.ports.map(|port| format!("http://127.0.0.1:{port}"));
        let mut process = Command::new("etcd")
            .args(["--log-level", "error", "--unsafe-no-fsync", "--name", "test"])
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("test={peer}")])
            .arg("--data-dir")
            .arg(self.data.path().join("data"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let start = std::time::Instant::now();
        while start.elapsed() < PATIENCE {
            if process.try_wait().unwrap().is_some() {
                return false;
            }
            if std::net::TcpStream::connect(self.endpoint()).is_ok() {
                self.process = Some(process);
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        process.kill().unwrap();
        process.wait().unwrap();
        false
    }
}

impl Drop for EtcdServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// A server that answers with its number.
pub(crate) struct Replica {
    pub(crate) address: Address,
    task: JoinHandle<()>,
}

impl Replica {
    pub(crate) async fn bind(number: i32) -> BoundServer {
        let health = Health::new();
        health.set("number", ServingStatus::from(number));
        Server::new().add_service(health.service()).bind("127.0.0.1:0").await.unwrap()
    }

    pub(crate) async fn start(number: i32) -> Self {
        let bound = Replica::bind(number).await;
        let address = bound.local_address().clone();
        Replica { address, task: tokio::spawn(bound.serve(std::future::pending())) }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const CHILD: &str = "VOLO_ETCD_TEST_CHILD";

/// A registered server in a process of its own.
pub(crate) struct Child(std::process::Child);

impl Child {
    /// Runs the test `child` with what it has to do.
    pub(crate) fn start(etcd: &EtcdServer, number: i32) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child"])
            .env(CHILD, format!("{} {number}", etcd.endpoint()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Child(child.unwrap())
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// In a [`Child`], where etcd is and which number it has.
pub(crate) fn child_arguments() -> Option<(String, i32)> {
    let arguments = std::env::var(CHILD).ok()?;
    let (endpoint, number) = arguments.split_once(' ')?;
    Some((endpoint.to_owned(), number.parse().ok()?))
}

/// A client of the service `catalog`.
pub(crate) fn client(registry: &Etcd) -> HealthClient {
    builder(registry).build()
}

/// Makes clients of the service `catalog`, which are sure to ask each instance in turn.
pub(crate) fn builder(registry: &Etcd) -> HealthClientBuilder {
    HealthClientBuilder::new("catalog")
        .connect_timeout(Duration::from_secs(5))
        .rpc_timeout(Duration::from_secs(20))
        .discover(registry.discover("catalog"))
        .load_balance(LoadBalance::round_robin())
}

/// Who answers.
pub(crate) async fn number(client: &HealthClient) -> Result<i32, ClientError> {
    let request = HealthCheckRequest { service: Some("number".into()) };
    Ok(client.health_check(request).await?.status.number())
}

/// Asks again until it is so.
pub(crate) async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < PATIENCE, "it takes too long");
        sleep(Duration::from_millis(20)).await;
    }
}
