//! How connections are made and accepted.

use std::time::Duration;

/// Settings of outgoing connections.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// How long making the connection may take, all IP addresses of a host name together.
    pub connect_timeout: Duration,
    /// How long looking up a host name may take.
    pub lookup_timeout: Duration,
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

/// Settings of a connection through shared memory.
///
/// Nothing that the peer writes is believed: messages are copied out once and then checked.
#[derive(Clone, Debug)]
pub struct ShmOptions {
    /// How an end with nothing to do waits.
    pub spin: ShmSpin,
    /// The most memory for messages that a connection takes in each direction, reserved but not used at once.
    /// Messages for which there is none left go through the ring, in pieces.
    pub arena_max: usize,
    /// The most memory for messages that all connections of the process together take.
    pub process_max: usize,
    /// Within which the two ends must have agreed on the memory.
    pub handshake_timeout: Duration,
}

impl Default for ShmOptions {
    fn default() -> Self {
        ShmOptions {
            spin: ShmSpin::Adaptive,
            arena_max: 24 << 20,
            process_max: 256 << 20,
            handshake_timeout: Duration::from_secs(5),
        }
    }
}

/// How an end of a connection through shared memory waits for the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShmSpin {
    /// Sleeps at once: no processor time while waiting, some 5 to 50 µs to be woken.
    Off,
    /// Looks for up to 50 µs before it sleeps, as long as that tends to pay; never while the other end runs on the
    /// same processor, and one thread of the process at a time.
    #[default]
    Adaptive,
    /// Never sleeps: takes a whole processor per connection.
    Busy,
}
