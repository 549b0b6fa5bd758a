//! On one host, clients go over to what is faster there, and to nobody else than the server that they called.
#![cfg(target_os = "linux")]

#[cfg(feature = "tls")]
#[path = "../../volo-core/tests/certificates/mod.rs"]
mod certificates;
mod client_peer;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use client_peer::{
    Answer, Peer, Plain, call_number, client_of, echo, listen,
    service::{Echo, SLOW},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::oneshot,
    task::JoinHandle,
};
use volo_core::{
    Address,
    balance::LoadBalance,
    discover::StaticDiscover,
    layers::{
        retry::RetryConfig,
        trace::{Stats, TraceLayer, stats_fn},
    },
    net::{ConnectOptions, ListenOptions, ShmOptions, ShmSpin},
};
use volo_thrift::{
    ClientBuilder, Server,
    meta::{Advert, InstanceId, Near, keys},
    wire::Header,
};

/// The best transport there is on one host.
const BEST: &str = "shm";

/// A private directory that is removed with the test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("volo-same-host-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Directory(fs::canonicalize(std::env::temp_dir()).unwrap().join(name))
    }

    /// The server's socket of this kind.
    fn socket(&self, kind: &str) -> PathBuf {
        let mut sockets = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        sockets.find(|path| path.extension().is_some_and(|it| it == kind)).expect("the server listens there")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Running {
    address: Address,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(server: Server, address: &str) -> Self {
        let server = server.add_service(Echo::default()).bind(address).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let address = server.local_address().clone();
        let task = tokio::spawn(server.serve(async { drop(stopped.await) }));
        Running { address, stop, task }
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.unwrap();
    }
}

/// Whom a call went to, and by which transport.
type Call = (Address, Option<&'static str>);

/// A client that notes by which transport each call went, and to whom.
#[derive(Clone)]
struct Watched {
    client: Plain,
    seen: Arc<Mutex<Vec<Call>>>,
}

impl Watched {
    fn new(builder: ClientBuilder<Plain>) -> Self {
        let seen: Arc<Mutex<Vec<Call>>> = Arc::default();
        let noted = seen.clone();
        let layer = TraceLayer::client(stats_fn(move |stats: &Stats<'_>| {
            let peer = stats.peer.expect("it is known who was called");
            noted.lock().unwrap().push((peer.address.clone(), stats.transport()));
        }));
        let client = builder.retry(RetryConfig::never()).layer_outer(layer).build();
        Watched { client, seen }
    }

    async fn call(&self) -> &'static str {
        echo(&self.client, 1).await.unwrap();
        let (_, transport) = self.seen.lock().unwrap().last().cloned().unwrap();
        transport.expect("it is known how")
    }

    /// Calls until calls go by this transport.
    async fn until(&self, transport: &str) {
        let started = Instant::now();
        while self.call().await != transport {
            assert!(started.elapsed() < Duration::from_secs(20), "calls never went by {transport}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Calls for a while, on more than one connection; none goes by another transport than this.
    async fn stays(&self, transport: &str) {
        for _ in 0..40 {
            let (one, other) = tokio::join!(self.call(), self.call());
            assert_eq!([one, other], [transport; 2]);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn client(address: &Address, directory: &Directory) -> Watched {
    Watched::new(client_of(address.clone()).same_host(&directory.0))
}

#[tokio::test]
async fn calls_go_over_to_what_is_best() {
    let directory = Directory::new();
    for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
        let server = Running::start(Server::new().same_host(&directory.0), address).await;
        let address = server.address.to_string().replace("0.0.0.0", "localhost").parse().unwrap();
        let watched = client(&address, &directory);
        assert_eq!(watched.call().await, "tcp");
        watched.until(BEST).await;
        watched.stays(BEST).await;
        let seen = watched.seen.lock().unwrap().clone();
        assert!(
            seen.iter().all(|(known, _)| *known == address),
            "statistics keep the address that was called"
        );
        server.stop().await;
        assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 0, "the socket goes with the server");
    }
}

/// Sizes of the shared memory files that this process holds open.
fn shared_files() -> Vec<u64> {
    let files = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| {
        let path = entry.ok()?.path();
        let is_shared = fs::read_link(&path).ok()?.to_string_lossy().contains("memfd:volo-shm");
        is_shared.then(|| Some(fs::metadata(&path).ok()?.len()))?
    });
    files.collect()
}

#[tokio::test]
async fn settings_and_statistics_of_both_ends_follow() {
    let directory = Directory::new();
    let shm = |arena_max| ShmOptions { spin: ShmSpin::Off, arena_max, ..ShmOptions::default() };
    let seen: Arc<Mutex<Vec<Option<&'static str>>>> = Arc::default();
    let noted = seen.clone();
    let server = Server::new()
        .listen_options(ListenOptions { shm: shm(6 << 20), ..ListenOptions::default() })
        .tracer(stats_fn(move |stats: &Stats<'_>| noted.lock().unwrap().push(stats.transport())));
    let server = Running::start(server.same_host(&directory.0), "127.0.0.1:0").await;
    let options = ConnectOptions {
        connect_timeout: Duration::from_secs(5),
        shm: shm(3 << 20),
        ..ConnectOptions::default()
    };
    let builder = client_of(server.address.clone()).connect_options(options);
    let watched = Watched::new(builder.same_host(&directory.0));
    watched.until(BEST).await;
    // Other tests share memory with the defaults meanwhile.
    let sizes = shared_files();
    for arena_max in [3 << 20, 6 << 20] {
        let about = arena_max * 3 / 4..arena_max + (1 << 19);
        assert!(sizes.iter().any(|size| about.contains(size)), "{arena_max} of {sizes:?}");
    }
    server.stop().await;
    let seen = seen.lock().unwrap();
    assert_eq!((seen[0], seen.last()), (Some("tcp"), Some(&Some(BEST))), "the server knows it, too");
}

#[tokio::test]
async fn both_ends_have_to_name_the_directory() {
    let (directory, other) = (Directory::new(), Directory::new());
    let near = Running::start(Server::new().same_host(&directory.0), "127.0.0.1:0").await;
    client(&near.address, &other).stays("tcp").await;
    Watched::new(client_of(near.address.clone())).stays("tcp").await;
    let plain = Running::start(Server::new(), "127.0.0.1:0").await;
    client(&plain.address, &directory).stays("tcp").await;

    let bound =
        Server::new().add_service(Echo::default()).same_host("relative/path").bind("127.0.0.1:0").await;
    let error = bound.err().unwrap();
    assert!(format!("{error:?}").contains("no absolute path"), "{error:?}");
    let mux = client_of(near.address.clone()).same_host(&directory.0).mux(1).build();
    assert!(echo(&mux, 1).await.unwrap_err().to_string().contains("same_host needs TTHeader"));
}

#[tokio::test]
async fn balancing_comes_before() {
    let directory = Directory::new();
    let mut servers = Vec::new();
    for _ in 0..2 {
        servers.push(Running::start(Server::new().same_host(&directory.0), "127.0.0.1:0").await);
    }
    let addresses: Vec<Address> = servers.iter().map(|server| server.address.clone()).collect();
    let builder = ClientBuilder::new("echo")
        .connect_timeout(Duration::from_secs(5))
        .discover(StaticDiscover::new(addresses.iter().cloned()))
        .load_balance(LoadBalance::round_robin().same_host_first(16))
        .same_host(&directory.0);
    let watched = Watched::new(builder);
    for _ in 0..2 {
        watched.until(BEST).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    watched.seen.lock().unwrap().clear();
    watched.stays(BEST).await;
    let seen = watched.seen.lock().unwrap().clone();
    for address in addresses {
        let count = seen.iter().filter(|(known, _)| *known == address).count();
        assert_eq!(count, seen.len() / 2, "each instance keeps its share");
    }
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let directory = Directory::new();
    let server = Running::start(Server::new().same_host(&directory.0), "127.0.0.1:0").await;
    let address = server.address.clone();
    let watched = client(&address, &directory);
    watched.until(BEST).await;
    server.stop().await;
    // One that died leaves its socket, which the next one removes.
    let dead = directory.0.join("00000000000000000000000000000000.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    let server = Running::start(Server::new().same_host(&directory.0), &address.to_string()).await;
    assert!(!dead.exists());
    watched.until(BEST).await;
    server.stop().await;
}

#[tokio::test]
async fn what_breaks_is_left_and_tried_again_later() {
    let directory = Directory::new();
    let server = Running::start(Server::new().same_host(&directory.0), "127.0.0.1:0").await;
    let (best, hidden) = (directory.socket("shm"), directory.0.join("hidden"));
    fs::rename(&best, &hidden).unwrap();
    let (socket, behind) = (directory.socket("sock"), directory.0.join("behind"));
    fs::rename(&socket, &behind).unwrap();
    let relay = tokio::spawn(relay_unix(UnixListener::bind(&socket).unwrap(), behind.clone()));
    let watched = client(&server.address, &directory);
    watched.until("unix").await;

    // A call that was written is lost with its connection; it is not sent again by another one.
    let lost = {
        let client = watched.client.clone();
        tokio::spawn(async move { call_number(&client, &SLOW, 5_000).await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    relay.abort();
    let _ = relay.await;
    fs::remove_file(&socket).unwrap();
    let lost = lost.await.unwrap().unwrap_err();
    assert_eq!(lost.retry(), volo_core::Retry::IfIdempotent, "{lost:?}");
    let began = Instant::now();
    assert_eq!(watched.call().await, "tcp", "new calls go the old way at once");
    fs::rename(&behind, &socket).unwrap();
    watched.until("unix").await;
    assert!(began.elapsed() > Duration::from_millis(500), "after a pause");
    fs::rename(&hidden, &best).unwrap();
    watched.until(BEST).await;
}

async fn relay_unix(listener: UnixListener, to: PathBuf) {
    let mut tasks = tokio::task::JoinSet::new();
    while let Ok((mut near, _)) = listener.accept().await {
        let to = to.clone();
        tasks.spawn(async move {
            let mut far = UnixStream::connect(to).await.unwrap();
            let _ = copy_bidirectional(&mut near, &mut far).await;
        });
    }
}

async fn relay_tcp(listener: TcpListener, to: String) {
    while let Ok((mut near, _)) = listener.accept().await {
        let to = to.clone();
        tokio::spawn(async move {
            let mut far = TcpStream::connect(to).await.unwrap();
            let _ = copy_bidirectional(&mut near, &mut far).await;
        });
    }
}

#[tokio::test]
async fn what_lies_between_is_not_left_out() {
    let directory = Directory::new();
    let server = Running::start(Server::new().same_host(&directory.0), "127.0.0.1:0").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(listener.local_addr().unwrap());
    tokio::spawn(relay_tcp(listener, server.address.to_string()));
    client(&address, &directory).stays("tcp").await;
    client(&server.address, &directory).until(BEST).await;
}

/// Answers calls over TCP with the advert of a server whose socket is `socket`; gives what becomes of calls.
async fn advertised(directory: &Directory, instance: InstanceId) -> Watched {
    let listener = listen().await;
    let watched = client(listener.local_address(), directory);
    tokio::spawn(async move {
        while let Ok(link) = listener.accept().await {
            let near = Near::over(link.local_address(), &link.profile().peer.address);
            let near = near.map(|near| Near { shm: true, unix: true, ..near });
            let advert = Advert { mux: true, near, instance };
            let strings = vec![(keys::ADVERT.into(), advert.to_text())];
            tokio::spawn(async move {
                let mut peer = Peer::new(link);
                while let Some(call) = peer.receive().await {
                    let header = Header { strings: strings.clone(), ..Header::default() };
                    peer.send(&call, &Answer { header, ..Answer::default() }).await;
                }
            });
        }
    });
    watched
}

#[tokio::test]
async fn sockets_of_others_and_of_the_dead_are_left_alone() {
    let directory = Directory::new();
    let real = Running::start(Server::new().same_host(&directory.0), "127.0.0.1:0").await;
    let instance = InstanceId::random();
    let socket = directory.0.join(format!("{instance}.sock"));
    advertised(&directory, instance).await.stays("tcp").await; // none at all

    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    advertised(&directory, instance).await.stays("tcp").await; // nobody listens
    fs::remove_file(&socket).unwrap();

    std::os::unix::fs::symlink(directory.socket("sock"), &socket).unwrap();
    advertised(&directory, instance).await.stays("tcp").await; // another instance
    fs::remove_file(&socket).unwrap();

    let file = directory.0.join("file");
    fs::write(&file, "").unwrap();
    fs::rename(&file, &socket).unwrap();
    advertised(&directory, instance).await.stays("tcp").await; // no socket
    real.stop().await;
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

#[tokio::test]
async fn a_socket_of_another_user_hears_nothing() {
    if !is_root() {
        eprintln!("SKIPPED: a socket of another user needs root");
        return;
    }
    let (directory, open) = (Directory::new(), Directory::new());
    let instance = InstanceId::random();
    fs::create_dir(&open.0).unwrap();
    fs::set_permissions(&open.0, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let script = "import os,socket,sys; os.setgid(65534); os.setuid(65534)\n\
        s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print('ready', flush=True)\n\
        c,_=s.accept(); c.settimeout(10); print('heard', len(c.recv(100)), flush=True)";
    let foreign = open.0.join("foreign.sock");
    let mut child = tokio::process::Command::new("python3")
        .args(["-c", script])
        .arg(&foreign)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = tokio::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    tokio::io::AsyncBufReadExt::read_line(&mut said, &mut line).await.unwrap();
    assert_eq!(line, "ready\n");
    drop(Running::start(Server::new().same_host(&directory.0), "127.0.0.1:0").await); // makes the directory
    fs::rename(&foreign, directory.0.join(format!("{instance}.sock"))).unwrap();
    advertised(&directory, instance).await.stays("tcp").await;
    line.clear();
    tokio::io::AsyncBufReadExt::read_line(&mut said, &mut line).await.unwrap();
    assert_eq!(line, "heard 0\n", "the connection was ended before anything was said");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn tls_is_left_only_if_both_ends_allow_it() {
    let authority = certificates::Authority::new();
    let directory = Directory::new();
    for (server_allows, client_allows) in [(false, false), (true, false), (false, true), (true, true)] {
        let allow = |same_host: volo_thrift::SameHost, allowed| {
            if allowed { same_host.from_tls() } else { same_host }
        };
        let own = volo_thrift::SameHost::new(&directory.0);
        let server = Server::new().tls(authority.server().tls()).same_host(allow(own.clone(), server_allows));
        let server = Running::start(server, "tls://127.0.0.1:0").await;
        let builder = client_of(server.address.clone()).tls(authority.client());
        let watched = Watched::new(builder.same_host(allow(own, client_allows)));
        match server_allows && client_allows {
            true => watched.until(BEST).await,
            false => watched.stays("tls").await,
        }
    }
}

/// Not a test: the client of the tests below, in a process of its own. Says by what calls go in the end.
#[tokio::test]
async fn child() {
    let Ok(address) = std::env::var("VOLO_SAME_HOST_ADDRESS") else { return };
    let directory = Directory(std::env::var_os("VOLO_SAME_HOST_DIRECTORY").unwrap().into());
    let address: Address = address.parse().unwrap();
    if let (Ok(bridge), Address::Tcp(at)) = (std::env::var("VOLO_SAME_HOST_BRIDGE"), &address) {
        let listener = TcpListener::bind(at).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut far = UnixStream::connect(&bridge).await.unwrap();
                tokio::spawn(async move { drop(copy_bidirectional(&mut near, &mut far).await) });
            }
        });
    }
    let watched = client(&address, &directory);
    let mut last = "";
    for _ in 0..100 {
        last = watched.call().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("calls go by {last}");
    std::mem::forget(directory); // it is the parent's
}

/// Runs `child` in a shell behind `unshare`, if it may; gives what it said.
async fn run_child(unshare: &[&str], prepare: &str, directory: &Path, envs: &[(&str, &str)]) -> String {
    let program = std::env::current_exe().unwrap();
    let run = format!("{prepare} exec \"$PROGRAM\" --exact child --nocapture --test-threads 1");
    let mut command = Command::new(unshare.first().copied().unwrap_or("sh"));
    let rest = if unshare.is_empty() { &[][..] } else { &unshare[1..] };
    command.args(rest).args(if unshare.is_empty() { &["-c"][..] } else { &["sh", "-c"] }).arg(run);
    command.env("PROGRAM", program).env("VOLO_SAME_HOST_DIRECTORY", directory).envs(envs.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find_map(|line| line.split_once("calls go by ")).map(|(_, by)| by.to_owned());
    line.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)))
}

fn can_unshare(kind: &str) -> bool {
    let able = is_root()
        && Command::new("unshare").args([kind, "true"]).status().is_ok_and(|status| status.success());
    if !able {
        eprintln!("SKIPPED: `unshare {kind}` is not possible here");
    }
    able
}

#[tokio::test]
async fn another_process_goes_over_unless_it_sees_other_files() {
    let directory = Directory::new();
    let server = Running::start(Server::new().same_host(&directory.0), "127.0.0.1:0").await;
    let address = server.address.to_string();
    let envs = [("VOLO_SAME_HOST_ADDRESS", &*address)];
    assert_eq!(run_child(&[], "", &directory.0, &envs).await, BEST);
    if can_unshare("--mount") {
        let mount = "mount -t tmpfs -o mode=700 none \"$VOLO_SAME_HOST_DIRECTORY\" &&";
        assert_eq!(run_child(&["unshare", "--mount"], mount, &directory.0, &envs).await, "tcp");
    }
}

/// The same address on either side of a relay, and the same files: only the connection's two ends tell.
#[tokio::test]
async fn another_network_is_not_the_same_host() {
    if !can_unshare("--net") {
        return;
    }
    let directory = Directory::new();
    let server = Running::start(Server::new().same_host(&directory.0), "127.0.0.1:0").await;
    let address = server.address.to_string();
    let bridge = std::env::temp_dir().join(format!("volo-same-host-bridge-{}", std::process::id()));
    let listener = UnixListener::bind(&bridge).unwrap();
    let to = address.clone();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(&to).await.unwrap();
            tokio::spawn(async move { drop(copy_bidirectional(&mut near, &mut far).await) });
        }
    });
    let envs = [("VOLO_SAME_HOST_ADDRESS", &*address), ("VOLO_SAME_HOST_BRIDGE", bridge.to_str().unwrap())];
    let said = run_child(&["unshare", "--net"], "ip link set lo up &&", &directory.0, &envs).await;
    assert_eq!(said, "tcp");
    fs::remove_file(bridge).unwrap();
}
