//! Links over Unix domain sockets, and the rules for their paths.
//!
//! A path is never opened wider than its mode: on Linux the file gets the mode that `fchmod` set on the socket
//! before `bind`; elsewhere, and against an odd umask, it is set before `listen`, until when the kernel refuses
//! connections. Only a socket that nobody listens on is replaced. A socket in no file system has no mode, so whom it
//! lets in is decided by user.
#![forbid(unsafe_code)]

use std::{
    fs::{self, File},
    io,
    net::Shutdown,
    os::{
        fd::OwnedFd,
        unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::geteuid;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::{
    net::{UnixListener, UnixStream},
    time::{sleep, timeout},
};

use super::{ConnectOptions, Link, LinkOptions, ListenOptions, stream::StreamLink};
use crate::{Address, Credentials, Error, ErrorKind, Peer, Result};

const TRANSPORT: &str = "unix";

/// How often, and in which steps, another server that is starting in the same directory is waited for.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Connects to the socket at `path`.
pub(super) async fn connect(path: &Path, options: &ConnectOptions) -> Result<StreamLink<UnixStream>> {
    let failed = |text: String| Error::new(ErrorKind::Connect, text);
    let name = Address::Unix(path.to_owned());
    match timeout(options.connect_timeout, UnixStream::connect(path)).await {
        Ok(Ok(stream)) => Ok(link(stream, path.to_owned(), &options.link)),
        Ok(Err(error)) => Err(failed(format!("no connection to {name}")).with_source(error)),
        Err(_) => Err(failed(format!("no connection to {name} within {:?}", options.connect_timeout))),
    }
}

fn link(stream: UnixStream, path: PathBuf, options: &LinkOptions) -> StreamLink<UnixStream> {
    let credentials =
        stream.peer_cred().ok().map(|peer| Credentials { uid: peer.uid(), gid: peer.gid(), pid: peer.pid() });
    StreamLink::new(stream, TRANSPORT, Peer { credentials, ..Peer::new(Address::Unix(path)) }, options)
}

/// A listening socket, whose file is removed with it.
pub(super) struct Listener {
    socket: UnixListener,
    path: PathBuf,
    /// Device and inode of the file; not reused as long as the socket is open.
    file: Option<(u64, u64)>,
    /// Who may connect; `None` is whoever can.
    users: Option<Vec<u32>>,
    options: LinkOptions,
}

impl Listener {
    /// Listens at `path`.
    pub(super) async fn bind(path: &Path, options: &ListenOptions) -> io::Result<Self> {
        let (link, users) = (options.link.clone(), options.unix_users.clone());
        if is_abstract(path) {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            socket.set_nonblocking(true)?;
            socket.bind(&SockAddr::unix(path)?)?;
            socket.listen(options.backlog.try_into().unwrap_or(i32::MAX))?;
            let socket = UnixListener::from_std(OwnedFd::from(socket).into())?;
            let users = Some(users.unwrap_or_else(|| vec![geteuid().as_raw(), ROOT]));
            return Ok(Listener { socket, path: path.to_owned(), file: None, users, options: link });
        }
        let _starting = lock_directory(path).await;
        let socket = bind(path, options.unix_mode)?;
        let listening = socket.listen(options.backlog.try_into().unwrap_or(i32::MAX));
        let opened = listening.and_then(|()| UnixListener::from_std(OwnedFd::from(socket).into()));
        let file = identity(&fs::symlink_metadata(path)?);
        match opened {
            Ok(socket) => {
                Ok(Listener { socket, path: path.to_owned(), file: Some(file), users, options: link })
            }
            Err(error) => {
                fs::remove_file(path)?;
                Err(error)
            }
        }
    }

    /// Where it listens.
    pub(super) fn local_address(&self) -> Address {
        Address::Unix(self.path.clone())
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<StreamLink<UnixStream>> {
        loop {
            let (stream, address) = self.socket.accept().await?;
            let path = address.as_pathname().unwrap_or(Path::new("")).to_owned();
            if let Some(link) = self.admit(link(stream, path, &self.options)) {
                return Ok(link);
            }
        }
    }

    /// Closes the connection unless its user may have one.
    fn admit(&self, link: StreamLink<UnixStream>) -> Option<StreamLink<UnixStream>> {
        let Some(users) = &self.users else { return Some(link) };
        let peer = link.profile().peer.credentials;
        if peer.is_some_and(|peer| users.contains(&peer.uid)) {
            return Some(link);
        }
        let (uid, pid) = (peer.map(|peer| peer.uid), peer.and_then(|peer| peer.pid));
        let address = self.local_address();
        tracing::warn!(%address, ?uid, ?pid, allowed = ?users, "refused a connection of a user who is not allowed");
        None
    }

    /// The next connection as it is, for what is more than a link over it.
    #[cfg(target_os = "linux")]
    pub(super) async fn accept_socket(&self) -> io::Result<UnixStream> {
        Ok(self.socket.accept().await?.0)
    }

    /// Refuses connections from here on.
    #[cfg(target_os = "linux")]
    pub(super) fn stop(&self) {
        let _ = SockRef::from(&self.socket).shutdown(Shutdown::Both);
    }

    /// Stops listening; gives the connections that were waiting to be accepted.
    pub(super) fn into_backlog(self) -> Vec<StreamLink<UnixStream>> {
        // The socket refuses from here on, but still hands out what it has.
        if let Err(error) = SockRef::from(&self.socket).shutdown(Shutdown::Both) {
            tracing::debug!(%error, "a connection made in this very moment may be reset");
        }
        let socket = SockRef::from(&self.socket);
        let accepted = std::iter::from_fn(|| socket.accept().ok());
        let linked = accepted.filter_map(|(stream, _)| {
            let stream = std::os::unix::net::UnixStream::from(OwnedFd::from(stream));
            stream.set_nonblocking(true).ok()?;
            self.admit(link(UnixStream::from_std(stream).ok()?, PathBuf::new(), &self.options))
        });
        linked.collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let Some(file) = self.file else { return };
        if fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == file) {
            let _ = fs::remove_file(&self.path); // if it can't be, the next server finds it stale
        }
    }
}

const ROOT: u32 = 0;

/// Whether the name is in no file system.
fn is_abstract(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().first() == Some(&0)
}

fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Keeps other servers that start in this directory away until ours listens: a socket bound but not listening
/// yet looks stale to them. Whoever doesn't lock, or holds the lock too long, is ignored.
async fn lock_directory(path: &Path) -> Option<File> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = File::open(parent).ok()?;
    for _ in 0..LOCK_TRIES {
        match directory.try_lock() {
            Ok(()) => return Some(directory),
            Err(fs::TryLockError::WouldBlock) => sleep(LOCK_PAUSE).await,
            Err(fs::TryLockError::Error(_)) => return None,
        }
    }
    None
}

/// A socket bound to `path`, whose file has `mode`, in place of a stale one if there is one.
fn bind(path: &Path, mode: u32) -> io::Result<Socket> {
    let address = SockAddr::unix(path)?;
    let socket = open_with_mode(mode)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(path)?;
            socket.bind(&address)?;
        }
        bound => bound?,
    }
    if fs::symlink_metadata(path)?.permissions().mode() & 0o777 != mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(socket)
}

fn open_with_mode(mode: u32) -> io::Result<Socket> {
    let file = File::from(OwnedFd::from(Socket::new(Domain::UNIX, Type::STREAM, None)?));
    let _ = file.set_permissions(fs::Permissions::from_mode(mode)); // not every system allows it on a socket
    let socket = Socket::from(OwnedFd::from(file));
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Removes what is at `path` if it is a socket without a server.
pub(super) fn remove_stale(path: &Path) -> io::Result<()> {
    let refuse = |text| Err(io::Error::new(io::ErrorKind::AddrInUse, text));
    let kind = fs::symlink_metadata(path)?.file_type();
    if kind.is_symlink() {
        return refuse("the path is a symbolic link");
    }
    if kind.is_dir() {
        return refuse("the path is a directory");
    }
    if !kind.is_socket() {
        return refuse("the path is a file that is no socket");
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?; // a full backlog would block
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(()) => refuse("a server is listening there"),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => refuse("a busy server is listening there"),
        Err(_) => refuse("the socket there may belong to a server of someone else"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::symlink, net::UnixListener as StdListener};

    use super::*;

    /// A fresh directory, removed when the test ends.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("volo-uds-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Directory(path)
        }

        fn join(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    async fn listen(path: &Path) -> io::Result<Listener> {
        Listener::bind(path, &ListenOptions::default()).await
    }

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    async fn refused(path: &Path) -> String {
        let before = fs::symlink_metadata(path).unwrap();
        let error = listen(path).await.err().expect("the path is taken");
        assert_eq!(identity(&fs::symlink_metadata(path).unwrap()), identity(&before), "left alone");
        error.to_string()
    }

    #[tokio::test]
    async fn the_file_has_its_mode_from_the_start() {
        let directory = Directory::new("mode");
        let path = directory.join("a.sock");
        let listener = listen(&path).await.unwrap();
        assert_eq!(mode(&path), 0o600);
        drop(listener);
        let shared = ListenOptions { unix_mode: 0o666, ..ListenOptions::default() };
        let _listener = Listener::bind(&path, &shared).await.unwrap();
        assert_eq!(mode(&path), 0o666, "whatever the umask");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn bind_alone_opens_the_file_no_wider() {
        let directory = Directory::new("bind");
        let path = directory.join("a.sock");
        let socket = open_with_mode(0o600).unwrap();
        socket.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        assert_eq!(mode(&path) & !0o600, 0);
    }

    #[tokio::test]
    async fn only_a_stale_socket_is_replaced() {
        let directory = Directory::new("stale");
        let path = directory.join("a.sock");
        drop(StdListener::bind(&path).unwrap());
        assert!(path.exists(), "a server that died leaves its file");
        let listener = listen(&path).await.unwrap();
        assert_eq!(refused(&path).await, "a server is listening there");
        drop(listener);
        assert!(!path.exists(), "removed with the listener");

        drop(StdListener::bind(directory.join("target")).unwrap());
        symlink(directory.join("target"), directory.join("link")).unwrap();
        assert_eq!(refused(&directory.join("link")).await, "the path is a symbolic link");
        symlink(directory.join("nothing"), directory.join("dangling")).unwrap();
        assert_eq!(refused(&directory.join("dangling")).await, "the path is a symbolic link");
        fs::create_dir(directory.join("directory")).unwrap();
        assert_eq!(refused(&directory.join("directory")).await, "the path is a directory");
        fs::write(directory.join("file"), "text").unwrap();
        assert_eq!(refused(&directory.join("file")).await, "the path is a file that is no socket");
        let _datagrams = std::os::unix::net::UnixDatagram::bind(directory.join("datagrams")).unwrap();
        assert!(refused(&directory.join("datagrams")).await.contains("someone else"));
    }

    #[tokio::test]
    async fn a_server_with_a_full_backlog_is_alive() {
        let directory = Directory::new("busy");
        let path = directory.join("a.sock");
        let one = ListenOptions { backlog: 0, ..ListenOptions::default() };
        let _busy = Listener::bind(&path, &one).await.unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = UnixStream::connect(&path).await {
            waiting.push(stream);
        }
        assert_eq!(refused(&path).await, "a busy server is listening there");
    }

    #[tokio::test]
    async fn a_file_of_someone_else_is_not_removed() {
        let directory = Directory::new("other");
        let path = directory.join("a.sock");
        let listener = listen(&path).await.unwrap();
        fs::remove_file(&path).unwrap();
        let _other = StdListener::bind(&path).unwrap();
        drop(listener);
        assert!(path.exists());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_many_servers_that_start_at_once_one_wins() {
        let directory = Directory::new("race");
        let path = directory.join("a.sock");
        for _ in 0..50 {
            drop(StdListener::bind(&path).unwrap());
            let starts: Vec<_> = (0..8)
                .map(|_| {
                    let path = path.clone();
                    tokio::spawn(async move { listen(&path).await })
                })
                .collect();
            let mut won = Vec::new();
            for start in starts {
                won.extend(start.await.unwrap());
            }
            assert_eq!(won.len(), 1);
            let options = ConnectOptions::default();
            let (client, server) = tokio::join!(connect(&path, &options), won[0].accept());
            assert!(client.is_ok() && server.is_ok());
        }
    }

    #[tokio::test]
    async fn both_ends_know_each_other() {
        let directory = Directory::new("peer");
        let path = directory.join("a.sock");
        let listener = listen(&path).await.unwrap();
        let options = ConnectOptions::default();
        let (client, server) = tokio::join!(connect(&path, &options), listener.accept());
        let (client, server) =
            (client.unwrap().profile().peer.clone(), server.unwrap().profile().peer.clone());
        assert_eq!(client.address, Address::Unix(path));
        assert_eq!(server.address, Address::Unix(PathBuf::new()));
        let own = fs::metadata(&directory.0).unwrap();
        for credentials in [client.credentials.unwrap(), server.credentials.unwrap()] {
            assert_eq!((credentials.uid, credentials.gid), (own.uid(), own.gid()));
            assert_eq!(credentials.pid, Some(std::process::id() as i32));
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_name_in_no_file_system_is_free_again_with_its_server() {
        let path = PathBuf::from(format!("\0volo-uds-abstract-{}", std::process::id()));
        for _ in 0..2 {
            let listener = listen(&path).await.unwrap();
            assert_eq!(listen(&path).await.err().unwrap().kind(), io::ErrorKind::AddrInUse);
            let options = ConnectOptions::default();
            let (client, server) = tokio::join!(connect(&path, &options), listener.accept());
            assert!(client.is_ok() && server.is_ok());
        }
    }

    /// Connects as another user, by a helper process; gives what that says.
    #[cfg(target_os = "linux")]
    async fn connect_as(user: u32, path: &Path) -> Option<String> {
        if !geteuid().is_root() {
            eprintln!("SKIPPED: connecting as another user needs root");
            return None;
        }
        let script = "import os,socket,sys; os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))\n\
            s=socket.socket(socket.AF_UNIX); s.settimeout(10); p=sys.argv[1]\n\
            s.connect(chr(0)+p[1:] if p[0]=='@' else p); print('connected', flush=True)\n\
            print('got', s.recv(1))";
        let name = path.to_string_lossy().replace('\0', "@");
        let mut command = tokio::process::Command::new("python3");
        let output = command.args(["-c", script, &name, &user.to_string()]).output().await.unwrap();
        Some(format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ))
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn only_users_who_are_allowed_get_a_connection() {
        const NOBODY: u32 = 65_534;
        let directory = Directory::new("users");
        fs::set_permissions(&directory.0, fs::Permissions::from_mode(0o755)).unwrap();
        let path = directory.join("a.sock");
        let private = listen(&path).await.unwrap();
        if let Some(said) = connect_as(NOBODY, &path).await {
            assert!(said.contains("PermissionError"), "the mode alone keeps others out: {said}");
        }
        drop(private);

        let nameless = PathBuf::from(format!("\0volo-uds-users-{}", std::process::id()));
        let own = geteuid().as_raw();
        for (path, users) in [(&path, Some(vec![own])), (&nameless, Some(vec![own])), (&nameless, None)] {
            let options = ListenOptions { unix_mode: 0o666, unix_users: users, ..ListenOptions::default() };
            let listener = Listener::bind(path, &options).await.unwrap();
            let refused = tokio::select! {
                _ = listener.accept() => panic!("someone else was let in"),
                said = connect_as(NOBODY, path) => said,
            };
            assert!(refused.is_none_or(|said| said.contains("connected\ngot b''")), "closed at once");
            let options = ConnectOptions::default();
            let (client, server) = tokio::join!(connect(path, &options), listener.accept());
            assert!(client.is_ok() && server.is_ok(), "the own user is let in");
        }
        let options =
            ListenOptions { unix_mode: 0o666, unix_users: Some(vec![NOBODY]), ..ListenOptions::default() };
        let listener = Listener::bind(&path, &options).await.unwrap();
        let accepted = tokio::select! {
            link = listener.accept() => link.unwrap().profile().peer.credentials,
            said = connect_as(NOBODY, &path) => {
                assert_eq!(said, None);
                return;
            }
        };
        assert_eq!(accepted.unwrap().uid, NOBODY);
        let own = connect(&path, &ConnectOptions::default()).await.unwrap();
        tokio::select! {
            _ = listener.accept() => panic!("users who are not named are refused, whoever they are"),
            _ = tokio::time::sleep(Duration::from_millis(50)) => drop(own),
        }
    }

    #[tokio::test]
    async fn errors_name_the_address() {
        let directory = Directory::new("errors");
        let path = directory.join("a.sock");
        let error = connect(&path, &ConnectOptions::default()).await.err().unwrap();
        assert!(error.is_connect() && error.to_string().contains("a.sock"), "{error}");
        let long = directory.join(&"x".repeat(200));
        assert_eq!(listen(&long).await.err().unwrap().kind(), io::ErrorKind::InvalidInput);
        assert!(!long.exists());
    }
}
