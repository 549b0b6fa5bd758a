//! How connections are made and accepted.

use std::{
    borrow::Cow,
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use faststr::FastStr;

use crate::{Error, ErrorKind, Result, runtime::memory_max};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings of outgoing connections.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// How long making the connection may take, all IP addresses of a host name together.
    pub connect_timeout: Duration,
    /// How long looking up a host name may take.
    pub lookup_timeout: Duration,
    /// How long both ends may take to agree on a session, where the transport has one.
    pub handshake_timeout: Duration,
    /// For TLS.
    pub tls: TlsClient,
    /// For TCP.
    pub tcp: TcpOptions,
    /// For the link on top.
    pub link: LinkOptions,
    /// For shared memory.
    pub shm: ShmOptions,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        ConnectOptions {
            connect_timeout: Duration::from_millis(50),
            lookup_timeout: Duration::from_secs(1),
            handshake_timeout: HANDSHAKE_TIMEOUT,
            tls: TlsClient::default(),
            tcp: TcpOptions::default(),
            link: LinkOptions::default(),
            shm: ShmOptions::default(),
        }
    }
}

/// Settings of a listener and the connections it accepts.
#[derive(Clone, Debug)]
pub struct ListenOptions {
    /// Connections that may wait to be accepted.
    pub backlog: u32,
    /// Mode of a Unix socket's file; no wider one is ever in effect.
    pub unix_mode: u32,
    /// Users whose processes may connect to a Unix socket; others are closed as soon as they are accepted. `None` is
    /// whoever the file's mode lets in, and for a socket that has no file the user of this process and root.
    pub unix_users: Option<Vec<u32>>,
    /// How long both ends may take to agree on a session, where the transport has one.
    pub handshake_timeout: Duration,
    /// For TLS, which needs a certificate.
    pub tls: Option<TlsServer>,
    /// For TCP.
    pub tcp: TcpOptions,
    /// For the link on top.
    pub link: LinkOptions,
    /// For in-process connections.
    pub mem: MemOptions,
    /// For shared memory.
    pub shm: ShmOptions,
}

impl Default for ListenOptions {
    fn default() -> Self {
        ListenOptions {
            backlog: 1024,
            unix_mode: 0o600,
            unix_users: None,
            handshake_timeout: HANDSHAKE_TIMEOUT,
            tls: None,
            tcp: TcpOptions::default(),
            link: LinkOptions::default(),
            mem: MemOptions::default(),
            shm: ShmOptions::default(),
        }
    }
}

/// Settings of a TCP connection.
#[derive(Clone, Debug)]
pub struct TcpOptions {
    /// Send small segments at once.
    pub no_delay: bool,
    /// Idle time after which the kernel starts to probe the peer, and a fourth of which lies between probes.
    pub keepalive: Option<Duration>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        TcpOptions { no_delay: true, keepalive: Some(Duration::from_secs(60)) }
    }
}

/// Settings of a link over a byte stream.
#[derive(Clone, Debug)]
pub struct LinkOptions {
    /// Bodies of at least this many bytes go out from where they are.
    pub link_min: usize,
    /// Above this many bytes not yet taken by the transport, no message becomes ready to be written.
    pub buffered_max: usize,
}

impl Default for LinkOptions {
    fn default() -> Self {
        LinkOptions { link_min: 4096, buffered_max: 1024 * 1024 }
    }
}

/// Settings of an in-process connection.
#[derive(Clone, Debug)]
pub struct MemOptions {
    /// Messages under way in each direction, received ones that are still in use included.
    pub slots: usize,
    /// The largest message.
    pub slot_size: usize,
}

impl Default for MemOptions {
    fn default() -> Self {
        MemOptions { slots: 64, slot_size: 64 * 1024 }
    }
}

/// Certificates or a key as PEM: a file's path, or the text itself.
#[derive(Clone, PartialEq, Eq)]
pub enum Pem {
    /// A file, which is read when it is needed for the first time.
    File(PathBuf),
    /// The text.
    Text(String),
}

impl Pem {
    /// The text.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn read(&self) -> Result<Cow<'_, [u8]>> {
        match self {
            Pem::Text(text) => Ok(text.as_bytes().into()),
            Pem::File(path) => fs::read(path).map(Cow::Owned).map_err(|error| {
                Error::new(ErrorKind::Config, format!("{self} can't be read")).with_source(error)
            }),
        }
    }
}

impl<P: AsRef<Path>> From<P> for Pem {
    fn from(path: P) -> Self {
        Pem::File(path.as_ref().to_owned())
    }
}

/// A text may be a secret.
impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pem::File(path) => write!(f, "`{}`", path.display()),
            Pem::Text(_) => f.write_str("a PEM text"),
        }
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How a client speaks TLS: whom it trusts, and who it is. Files are read with the first connection.
///
/// The certificate of a server must be for the host in the address, have been issued by a root that is trusted, and be
/// valid now; there is no way to leave that out.
///
/// ```
/// use volo_core::net::TlsClient;
///
/// let tls = TlsClient::new().roots("ca.pem").identity("client.pem", "client.key");
/// ```
#[derive(Clone, Debug, Default)]
#[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "nothing speaks TLS then"))]
pub struct TlsClient {
    pub(super) roots: Option<Pem>,
    pub(super) identity: Option<(Pem, Pem)>,
    pub(super) server_name: Option<FastStr>,
    #[cfg(feature = "tls")]
    pub(super) prepared: super::tls::Prepared,
}

impl TlsClient {
    /// Trusts the system's roots and shows no certificate.
    pub fn new() -> Self {
        TlsClient::default()
    }

    /// Trusts these roots only.
    pub fn roots(self, certificates: impl Into<Pem>) -> Self {
        TlsClient { roots: Some(certificates.into()), ..self.unread() }
    }

    /// Shows servers that ask for it this certificate, first in its chain, and proves by the key that it is its own.
    pub fn identity(self, certificates: impl Into<Pem>, key: impl Into<Pem>) -> Self {
        TlsClient { identity: Some((certificates.into(), key.into())), ..self.unread() }
    }

    /// Asks for this name, and wants a certificate for it, whatever host is dialled.
    pub fn server_name(self, name: impl Into<FastStr>) -> Self {
        TlsClient { server_name: Some(name.into()), ..self }
    }

    /// Nothing that was read of other settings.
    fn unread(self) -> Self {
        TlsClient {
            #[cfg(feature = "tls")]
            prepared: super::tls::Prepared::default(),
            ..self
        }
    }
}

/// How a server speaks TLS: who it is, and whom it lets in. Files are read when it begins to listen.
///
/// ```
/// use volo_core::net::TlsServer;
///
/// let tls = TlsServer::new("server.pem", "server.key").client_roots("clients-ca.pem");
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "nothing speaks TLS then"))]
pub struct TlsServer {
    pub(super) certificates: Pem,
    pub(super) key: Pem,
    pub(super) client_roots: Option<Pem>,
}

impl TlsServer {
    /// Shows this certificate, first in its chain.
    pub fn new(certificates: impl Into<Pem>, key: impl Into<Pem>) -> Self {
        TlsServer { certificates: certificates.into(), key: key.into(), client_roots: None }
    }

    /// Lets nobody in but clients with a certificate of these roots.
    pub fn client_roots(self, certificates: impl Into<Pem>) -> Self {
        TlsServer { client_roots: Some(certificates.into()), ..self }
    }
}
/// Settings of a connection through shared memory.
///
/// Nothing that the peer writes is believed: messages are copied out once and then checked. Only if both ends ask for it
/// ([`ShmTrust`]) do they trust each other with the bytes of large messages.
#[derive(Clone, Debug)]
pub struct ShmOptions {
    /// How an end with nothing to do waits.
    pub spin: ShmSpin,
    /// The most memory for messages that a connection takes in each direction, reserved but not used at once.
    /// Messages for which there is none left go through the ring, in pieces.
    pub arena_max: usize,
    /// The most memory for messages that all connections of the process together take: 256 MiB, or a quarter of what
    /// the process may use if that is less. Beyond the limit of its control group, the kernel would end the process.
    pub process_max: usize,
    /// Whether the peer is trusted with the bytes of messages.
    pub trust: ShmTrust,
    /// With trust, so many bytes of received messages may stay in shared memory while they are in use; beyond that, or
    /// beyond half the room for messages of a size, they are copied out as without trust.
    pub leased_max: usize,
}

impl Default for ShmOptions {
    fn default() -> Self {
        ShmOptions {
            spin: ShmSpin::Adaptive,
            arena_max: 24 << 20,
            process_max: (memory_max() / 4).min(256 << 20),
            trust: ShmTrust::none(),
            leased_max: 12 << 20,
        }
    }
}

/// Whether the process at the other end of shared memory is trusted with the bytes of messages.
///
/// Without trust (the default) a received message is copied out of shared memory, once, before anything reads it: the
/// peer may write there what it likes, when it likes. With the trust of both ends, a message of more than 2 KiB is read
/// where the peer wrote it, for as long as anything refers to it, and a reply goes into the memory of its request;
/// neither is copied. If either end doesn't ask for it, the connection is one without trust.
///
/// ```
/// use volo_core::net::{ShmOptions, ShmTrust};
///
/// // SAFETY: both ends are this program, and the socket is in a directory that only its user may enter.
/// let options = ShmOptions { trust: unsafe { ShmTrust::full() }, ..ShmOptions::default() };
/// assert!(options.trust.is_full());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShmTrust(bool);

impl ShmTrust {
    /// The peer is not trusted.
    pub const fn none() -> Self {
        ShmTrust(false)
    }

    /// The peer is trusted.
    ///
    /// Trust is in what the other process does, bugs included. It still can't make this one read or write outside of
    /// the shared memory, give back a piece of it twice or announce an impossible length: that stays checked.
    ///
    /// # Safety
    /// Every process that can be at the other end (the kernel only lets those of the same user) and asks for trust, too,
    /// must keep the rules of this crate: it writes into shared memory only what it holds, so never a message that it
    /// has sent and not got back. Whatever else it writes changes bytes while there are references to them, which is
    /// undefined behaviour here: a text whose UTF-8 was checked is no longer valid, a length is not the one that was
    /// checked. A process that another user could make do that, by a debugger or by a bug that lets it write at will,
    /// isn't to be trusted.
    #[allow(unsafe_code, reason = "a promise is asked for; nothing unsafe is done here")]
    pub const unsafe fn full() -> Self {
        ShmTrust(true)
    }

    /// Whether the peer is trusted.
    pub const fn is_full(self) -> bool {
        self.0
    }
}

/// How an end of a connection through shared memory waits for the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShmSpin {
    /// Sleeps at once: no processor time while waiting, some 5 to 50 µs to be woken.
    Off,
    /// Looks for 50 µs before it sleeps, up to 200 where waits were that long lately, as long as that tends to pay; never
    /// while the other end runs on the same processor, and one thread of the process at a time.
    #[default]
    Adaptive,
    /// Never sleeps: takes a whole processor per connection.
    Busy,
}
