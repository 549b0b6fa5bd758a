//! The seam between messages and transports: a [`Link`] lends exact spans and yields whole frames.
//!
//! TCP, Unix sockets and in-process slots look the same from here up. A link has exactly one owner and no lock
//! inside; its functions poll, so that one task drives both directions.

mod input;
mod listen;
mod mem;
mod options;
mod output;
#[cfg_attr(not(unix), path = "private_elsewhere.rs")]
mod private;
#[cfg(target_os = "linux")]
mod shm;
mod stream;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
#[cfg(unix)]
mod uds;

use std::{
    ops::Range,
    task::{Context, Poll},
};

use bytes::Bytes;

pub use self::{
    listen::Listener,
    mem::mem_pair,
    options::{
        ConnectOptions, LinkOptions, ListenOptions, MemOptions, Pem, ShmOptions, ShmSpin, ShmTrust,
        TcpOptions, TlsClient, TlsServer,
    },
    private::{private_directory, remove_stale_sockets},
};
use crate::{
    Address, Peer, Result, Size, Span,
    observe::{self, Event},
};

/// Makes a connection to `address`.
///
/// # Errors
/// [`ErrorKind::Connect`](crate::ErrorKind::Connect) when the peer can't be reached in time; nothing was sent then.
pub async fn connect(address: &Address, options: &ConnectOptions) -> Result<Box<dyn Link>> {
    let link = connect_by_kind(address, options).await;
    observe::tell(&Event::Connected { address, connected: link.is_ok() });
    link
}

async fn connect_by_kind(address: &Address, options: &ConnectOptions) -> Result<Box<dyn Link>> {
    match address {
        Address::Tcp(ip) => Ok(Box::new(tcp::connect(*ip, options).await?)),
        Address::Host(host, port) => Ok(Box::new(tcp::connect_host(host, *port, options).await?)),
        #[cfg(feature = "tls")]
        Address::Tls(host, port) => Ok(Box::new(tls::connect(host, *port, options).await?)),
        #[cfg(not(feature = "tls"))]
        Address::Tls(..) => Err(unsupported(address, "the feature `tls` of volo-core")),
        #[cfg(unix)]
        Address::Unix(path) => Ok(Box::new(uds::connect(path, options).await?)),
        #[cfg(not(unix))]
        Address::Unix(_) => Err(unsupported(address, "a system with Unix sockets")),
        #[cfg(target_os = "linux")]
        Address::Shm(path) => Ok(Box::new(shm::connect(path, options).await?)),
        #[cfg(not(target_os = "linux"))]
        Address::Shm(_) => Err(unsupported(address, "Linux")),
        Address::Mem(name) => mem::connect(name),
    }
}

/// Whether this system has memory that two processes can share without trusting each other.
pub const fn has_shm() -> bool {
    cfg!(target_os = "linux")
}

#[cfg(any(not(target_os = "linux"), not(feature = "tls")))]
fn unsupported(address: &Address, needed: &str) -> crate::Error {
    crate::Error::new(crate::ErrorKind::Config, format!("{address} needs {needed}"))
}

/// What a connection is like; fixed for its lifetime, but for the peer's certificate, which an accepted connection has
/// once it has yielded a frame.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Name for statistics: `tcp`, `tls`, `unix`, `shm`, `mem`.
    pub transport: &'static str,
    /// Bodies of at least this many bytes are better linked than copied; `usize::MAX` where linking is useless.
    pub link_min: usize,
    /// The largest message one [`Link::write`] can take.
    pub message_max: usize,
    /// The other end.
    pub peer: Peer,
}

impl Profile {
    /// A profile whose peer knows the transport, too.
    pub(crate) fn new(transport: &'static str, link_min: usize, message_max: usize, peer: Peer) -> Self {
        let peer = Peer { transport: Some(transport), ..peer };
        Profile { transport, link_min, message_max, peer }
    }

    /// Whether bytes come as they were sent or not at all.
    pub fn is_intact(&self) -> bool {
        matches!(self.transport, "mem" | "shm" | "tls")
    }
}

/// Where the next frame ends, as far as the bytes at hand tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The first so many bytes are one whole frame.
    Complete(usize),
    /// At least so many bytes in all are needed to say more; always more than there are.
    Partial(usize),
}

/// Finds frame ends in a byte stream.
pub trait Framer: Send {
    /// Looks at the unconsumed bytes of the stream, which start at a frame boundary and may only have grown since
    /// the last call that gave [`Frame::Partial`], so an implementation may remember how far it has scanned.
    ///
    /// # Errors
    /// When no valid frame can start with these bytes, or it would pass a limit; the connection is lost then.
    fn frame(&mut self, bytes: &[u8]) -> Result<Frame>;
}

/// One connection, moving whole messages.
pub trait Link: Send {
    /// What the connection is like.
    fn profile(&self) -> &Profile;

    /// This end's own address, where the peer sees the connection come from it unless something lies between.
    fn local_address(&self) -> Option<Address> {
        None
    }

    /// Waits until a message of `size` may be written: the only wait before a write. Holds nothing when dropped.
    ///
    /// # Errors
    /// The connection can't send any more.
    fn poll_ready(&mut self, cx: &mut Context<'_>, size: Size) -> Poll<Result<()>>;

    /// Reserves `size`, lets `fill` encode into the span and commits, all at once.
    ///
    /// An error or panic of `fill`, or a length that differs from `size`, rolls the span back and leaves the
    /// connection as it was. Gives the message's range in the stream of all bytes written, to compare with
    /// [`Link::flushed`].
    ///
    /// # Errors
    /// What `fill` returned, a size mismatch, or a message beyond [`Profile::message_max`].
    fn write(&mut self, size: Size, fill: &mut dyn FnMut(&mut Span<'_>) -> Result<()>) -> Result<Range<u64>>;

    /// Hands everything written to the transport. After an error nothing can be sent any more.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>>;

    /// How many bytes of the written stream the transport has taken so far.
    fn flushed(&self) -> u64;

    /// Bytes written but not flushed yet.
    fn buffered(&self) -> usize;

    /// The next whole frame, or `None` when the peer ended the stream at a frame boundary.
    ///
    /// # Errors
    /// What `framer` returned, or the stream failed or ended inside a frame; nothing more can be received then.
    fn poll_recv(&mut self, cx: &mut Context<'_>, framer: &mut dyn Framer) -> Poll<Result<Option<Bytes>>>;

    /// Received bytes not yielded yet: once [`Link::poll_recv`] is pending, those of a frame that is not whole yet.
    /// Tells a peer that stalls in a frame from an idle one.
    fn partial(&self) -> usize;

    /// What has to be counted for those where memory is limited: they take at most twice as much. More than their
    /// number when room was made for the rest of a large frame.
    fn held(&self) -> usize {
        self.partial()
    }

    /// Whether an idle connection is still usable: open, with nothing unread or unsent on it. Answers from cached
    /// readiness, without a system call unless the peer did something. A `false` is final: drop the connection.
    fn idle_ok(&mut self) -> bool;

    /// Flushes, then ends this side of the stream; the peer may still send.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>>;
}
