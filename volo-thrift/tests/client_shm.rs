//! Our client and our server through shared memory: nothing above the transport is different.
#![cfg(target_os = "linux")]

mod server_support;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use faststr::FastStr;
use server_support::{METHODS, Probe, Running, Text, soon};
use volo_core::net::{ConnectOptions, ListenOptions, ShmOptions, ShmSpin, ShmTrust};
use volo_thrift::{
    Client, ClientBuilder, ClientError, Limits, Never, Server,
    client::{ServiceClient, call},
    protocol::Protocol,
};

struct ProbeClient(Client);

impl From<Client> for ProbeClient {
    fn from(client: Client) -> Self {
        ProbeClient(client)
    }
}

impl ServiceClient for ProbeClient {
    const SERVICE: &'static str = "Probe";
}

impl ProbeClient {
    async fn call(&self, name: &str, text: &str) -> Result<FastStr, ClientError<Never>> {
        let method = METHODS.iter().find(|method| method.name == name).unwrap();
        soon(call(&self.0, method, Text { text: FastStr::new(text) })).await
    }
}

type Setting = fn(ClientBuilder<ProbeClient>) -> ClientBuilder<ProbeClient>;

const SETTINGS: [(&str, Setting); 4] = [
    ("auto", |builder| builder),
    ("ping-pong", |builder| builder.pingpong()),
    ("framed compact", |builder| builder.framed().protocol(Protocol::Compact)),
    ("mux", |builder| builder.mux(1)),
];

/// A path that no other test uses, removed when the test ends.
struct SocketPath(PathBuf);

impl SocketPath {
    fn new(name: &str) -> Self {
        SocketPath(std::env::temp_dir().join(format!("volo-shm-{name}-{}", std::process::id())))
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.message_max = 32 << 20;
    limits
}

async fn start(path: &Path) -> (Running, Probe) {
    let probe = Probe::default();
    let server = Server::new().limits(limits()).add_service(probe.clone());
    let server = server.bind(format!("shm://{}", path.display()).as_str()).await.unwrap();
    (Running::start(server), probe)
}

fn client(path: &Path, setting: Setting) -> ProbeClient {
    let builder = ClientBuilder::new("probe").address(format!("shm://{}", path.display()).as_str());
    let builder = builder.limits(limits()).connect_timeout(Duration::from_secs(5));
    setting(builder.rpc_timeout(Duration::from_secs(10))).build()
}

#[tokio::test]
async fn every_setting_gets_its_answers() {
    let path = SocketPath::new("answers");
    let (_running, _) = start(&path.0).await;
    for (name, setting) in SETTINGS {
        let client = client(&path.0, setting);
        for text in ["a", &"long ".repeat(1_000), &"longer ".repeat(10_000), &"longest ".repeat(1_000_000)] {
            assert!(client.call("echo", text).await.unwrap() == text, "{name}");
        }
        assert_eq!(client.call("slow", "2").await.unwrap(), "2", "{name}");
        assert!(client.call("late_boom", "x").await.is_err(), "{name}");
        assert_eq!(client.call("echo", "after it").await.unwrap(), "after it", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_each_get_their_own_answer() {
    let path = SocketPath::new("many");
    let (_running, _) = start(&path.0).await;
    for (name, setting) in SETTINGS {
        let client = Arc::new(client(&path.0, setting));
        let calls: Vec<_> = (0..300)
            .map(|number: usize| {
                let client = client.clone();
                tokio::spawn(async move {
                    let (method, text) = match number % 7 {
                        0 => ("slow", (number % 10).to_string()),
                        1 => ("echo", "x".repeat(number * 1_000)),
                        _ => ("echo", number.to_string()),
                    };
                    assert!(client.call(method, &text).await.unwrap() == text);
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_during_a_shutdown_are_answered_or_known_not_to_be_executed() {
    for (name, setting) in [SETTINGS[1], SETTINGS[3]] {
        let path = SocketPath::new("drain");
        let (mut running, probe) = start(&path.0).await;
        let client = Arc::new(client(&path.0, setting));
        client.call("echo", "warm").await.unwrap();
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move {
                    let mut answered = 0;
                    while client.call("echo", "x").await.is_ok() {
                        answered += 1;
                    }
                    answered
                })
            })
            .collect();
        while probe.journal.lines().len() < 100 {
            tokio::task::yield_now().await;
        }
        running.stop();
        soon(running.task).await.unwrap();
        let mut answered = 1;
        for worker in workers {
            answered += soon(worker).await.unwrap();
        }
        assert_eq!(probe.journal.lines().len(), answered, "{name}");
    }
}

#[tokio::test]
async fn a_client_finds_a_restarted_server() {
    let path = SocketPath::new("restart");
    for (name, setting) in SETTINGS {
        let (mut running, _) = start(&path.0).await;
        let client = client(&path.0, setting);
        client.call("echo", "first").await.unwrap();
        running.stop();
        soon(running.task).await.unwrap();
        assert!(client.call("echo", "nobody").await.is_err(), "{name}");
        let (mut again, _) = start(&path.0).await;
        assert_eq!(client.call("echo", "second").await.unwrap(), "second", "{name}");
        again.stop();
        soon(again.task).await.unwrap();
    }
}

#[tokio::test]
async fn another_protocol_on_the_same_socket_is_refused_clearly() {
    let path = SocketPath::new("protocol");
    let (_running, _) = start(&path.0).await;
    let plain = ClientBuilder::new("probe").address(format!("unix://{}", path.0.display()).as_str());
    let plain: ProbeClient = plain.rpc_timeout(Duration::from_secs(10)).pingpong().build();
    assert!(plain.call("echo", "x").await.is_err());

    let other = SocketPath::new("plain");
    let address = format!("unix://{}", other.0.display());
    let server = Server::new().add_service(Probe::default()).bind(address.as_str()).await.unwrap();
    let _plain = Running::start(server);
    let failed = client(&other.0, SETTINGS[1].1).call("echo", "x").await.unwrap_err();
    assert!(format!("{failed:?}").contains("another protocol"), "{failed:?}");
    assert_eq!(client(&path.0, SETTINGS[1].1).call("echo", "still here").await.unwrap(), "still here");
}

/// Sizes of the shared memory files that this process holds open.
fn shared_files() -> Vec<u64> {
    let files = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| {
        let path = entry.ok()?.path();
        let is_shared = std::fs::read_link(&path).ok()?.to_string_lossy().contains("memfd:volo-shm");
        is_shared.then(|| Some(std::fs::metadata(&path).ok()?.len()))?
    });
    files.collect()
}

#[tokio::test]
async fn both_ends_can_set_how_they_share_memory() {
    let path = SocketPath::new("options");
    let shm = |arena_max| ShmOptions { spin: ShmSpin::Off, arena_max, ..ShmOptions::default() };
    let options = ListenOptions { shm: shm(6 << 20), ..ListenOptions::default() };
    let server = Server::new().limits(limits()).add_service(Probe::default()).listen_options(options);
    let _running = Running::start(server.bind(format!("shm://{}", path.0.display()).as_str()).await.unwrap());
    let options = ConnectOptions {
        connect_timeout: Duration::from_secs(5),
        shm: shm(3 << 20),
        ..ConnectOptions::default()
    };
    let builder = ClientBuilder::new("probe").address(format!("shm://{}", path.0.display()).as_str());
    let client: ProbeClient = builder.limits(limits()).connect_options(options).build();
    let text = "longest ".repeat(1_000_000);
    assert!(client.call("echo", &text).await.unwrap() == text);
    // Other tests share memory with the defaults meanwhile.
    let sizes = shared_files();
    for arena_max in [3 << 20, 6 << 20] {
        let about = arena_max * 3 / 4..arena_max + (1 << 19);
        assert!(sizes.iter().any(|size| about.contains(size)), "{arena_max} of {sizes:?}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let path = SocketPath::new("silent");
    let _silent = std::os::unix::net::UnixListener::bind(&path.0).unwrap();
    let mut limits = limits();
    limits.handshake_timeout = Duration::from_millis(50);
    let builder = ClientBuilder::new("probe").address(format!("shm://{}", path.0.display()).as_str());
    let client: ProbeClient = builder.limits(limits).rpc_timeout(Duration::from_secs(10)).pingpong().build();
    let failed = client.call("echo", "x").await.unwrap_err();
    assert!(format!("{failed:?}").contains("handshake within 50ms"), "{failed:?}");
}

/// Calls over a connection whose ends trust each other, or one of them does, and replies that are kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_of_trusted_connections_outlive_them() {
    // SAFETY: both ends are this program.
    let trust = unsafe { ShmTrust::full() };
    for (name, [at_client, at_server]) in
        [("both", [trust; 2]), ("client", [trust, ShmTrust::none()]), ("server", [ShmTrust::none(), trust])]
    {
        let path = SocketPath::new(&format!("trust-{name}"));
        let shm = |trust| ShmOptions { trust, leased_max: 2 << 20, ..ShmOptions::default() };
        let options = ListenOptions { shm: shm(at_server), ..ListenOptions::default() };
        let server = Server::new().limits(limits()).listen_options(options).add_service(Probe::default());
        let server = server.bind(format!("shm://{}", path.0.display()).as_str()).await.unwrap();
        let running = Running::start(server);
        let options = ConnectOptions {
            connect_timeout: Duration::from_secs(5),
            shm: shm(at_client),
            ..ConnectOptions::default()
        };
        let client = ClientBuilder::new("probe").address(format!("shm://{}", path.0.display()).as_str());
        let client = client.limits(limits()).connect_options(options).rpc_timeout(Duration::from_secs(10));
        let client: ProbeClient = client.mux(1).build();
        let mut kept = Vec::new();
        for number in 0..200 {
            let text = format!("{number}").repeat([10, 2_000, 20_000][number % 3]);
            kept.push((client.call("echo", &text).await.unwrap(), text));
        }
        drop((client, running));
        for (reply, text) in kept {
            assert!(reply == text, "{name}");
        }
    }
}
