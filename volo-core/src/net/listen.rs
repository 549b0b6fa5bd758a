//! Accepting connections on any transport.
#![forbid(unsafe_code)]

use std::io;

#[cfg(target_os = "linux")]
use super::shm;
#[cfg(feature = "tls")]
use super::tls;
#[cfg(unix)]
use super::uds;
use super::{Link, LinkOptions, ListenOptions, mem, tcp};
use crate::{Address, Error, ErrorKind, Result};

/// Accepts connections at an [`Address`].
pub struct Listener {
    socket: Socket,
    local_address: Address,
}

enum Socket {
    Tcp(tcp::Listener, LinkOptions),
    #[cfg(feature = "tls")]
    Tls(tls::Listener),
    #[cfg(unix)]
    Unix(uds::Listener),
    #[cfg(target_os = "linux")]
    Shm(shm::Listener),
    Mem(mem::Listener),
}

impl Listener {
    /// Listens at `address`; a TCP port of 0 lets the system choose one.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the reason when that isn't possible.
    pub async fn bind(address: &Address, options: &ListenOptions) -> Result<Self> {
        let failed = |error: io::Error| {
            Error::new(ErrorKind::Config, format!("cannot listen at {address}")).with_source(error)
        };
        let socket = match address {
            Address::Tcp(_) | Address::Host(..) if options.tls.is_some() => {
                let text =
                    format!("{address} is not encrypted, but there are certificates: write tls://{address}");
                return Err(Error::new(ErrorKind::Config, text));
            }
            Address::Tcp(ip) => {
                Socket::Tcp(tcp::Listener::bind(*ip, options).map_err(failed)?, options.link.clone())
            }
            Address::Host(host, port) => {
                let bound = tcp::Listener::bind_host(host, *port, options).await?;
                Socket::Tcp(bound.map_err(failed)?, options.link.clone())
            }
            #[cfg(feature = "tls")]
            Address::Tls(host, port) => {
                Socket::Tls(tls::Listener::bind(host, *port, options).await?.map_err(failed)?)
            }
            #[cfg(not(feature = "tls"))]
            Address::Tls(..) => return Err(super::unsupported(address, "the feature `tls` of volo-core")),
            #[cfg(unix)]
            Address::Unix(path) => Socket::Unix(uds::Listener::bind(path, options).await.map_err(failed)?),
            #[cfg(not(unix))]
            Address::Unix(_) => return Err(super::unsupported(address, "a system with Unix sockets")),
            #[cfg(target_os = "linux")]
            Address::Shm(path) => Socket::Shm(shm::Listener::bind(path, options).await.map_err(failed)?),
            #[cfg(not(target_os = "linux"))]
            Address::Shm(_) => return Err(super::unsupported(address, "Linux")),
            Address::Mem(name) => Socket::Mem(mem::Listener::bind(name, options).map_err(failed)?),
        };
        let local_address = match &socket {
            Socket::Tcp(tcp, _) => tcp.local_address().map_err(failed)?.into(),
            #[cfg(feature = "tls")]
            Socket::Tls(tls) => tls.local_address().map_err(failed)?,
            #[cfg(unix)]
            Socket::Unix(unix) => unix.local_address(),
            #[cfg(target_os = "linux")]
            Socket::Shm(shm) => shm.local_address(),
            Socket::Mem(mem) => mem.local_address(),
        };
        Ok(Listener { socket, local_address })
    }

    /// Where it listens, with the port in use.
    pub fn local_address(&self) -> &Address {
        &self.local_address
    }

    /// The next connection. Dropping the future loses none.
    ///
    /// Faults of a single connection are logged and passed over.
    ///
    /// # Errors
    /// The listener needs a pause before the next try: [`Error::is_overloaded`] when descriptors or memory ran
    /// out, which others may free again, else something is wrong with the listener itself.
    pub async fn accept(&self) -> Result<Box<dyn Link>> {
        loop {
            let accepted = match &self.socket {
                Socket::Tcp(tcp, options) => tcp.accept().await.map(|(stream, address)| {
                    let link = tcp::link(stream, address, options);
                    Box::new(link) as Box<dyn Link>
                }),
                #[cfg(feature = "tls")]
                Socket::Tls(tls) => tls.accept().await.map(|link| Box::new(link) as Box<dyn Link>),
                #[cfg(unix)]
                Socket::Unix(unix) => unix.accept().await.map(|link| Box::new(link) as Box<dyn Link>),
                #[cfg(target_os = "linux")]
                Socket::Shm(shm) => shm.accept().await.map(|link| Box::new(link) as Box<dyn Link>),
                Socket::Mem(mem) => mem.accept().await,
            };
            let error = match accepted {
                Ok(link) => return Ok(link),
                Err(error) => error,
            };
            let address = &self.local_address;
            match AcceptFault::of(&error) {
                AcceptFault::Connection => {
                    tracing::debug!(%address, %error, "a connection could not be accepted")
                }
                AcceptFault::Exhausted => {
                    let text = format!("no descriptors or memory left to accept a connection at {address}");
                    return Err(Error::new(ErrorKind::Overloaded, text).with_source(error));
                }
                AcceptFault::Listener => {
                    return Err(Error::internal(format!("cannot accept at {address}")).with_source(error));
                }
            }
        }
    }

    /// Stops listening, and gives the connections that the system had made by then: their peers may have sent calls
    /// already, and would see a reset instead of an answer. Whoever comes later is refused.
    pub fn into_backlog(self) -> Vec<Box<dyn Link>> {
        match self.socket {
            Socket::Tcp(tcp, options) => {
                let backlog = tcp.into_backlog().into_iter();
                backlog.map(|(stream, address)| Box::new(tcp::link(stream, address, &options)) as _).collect()
            }
            #[cfg(feature = "tls")]
            Socket::Tls(tls) => tls.into_backlog().into_iter().map(|link| Box::new(link) as _).collect(),
            #[cfg(unix)]
            Socket::Unix(unix) => unix.into_backlog().into_iter().map(|link| Box::new(link) as _).collect(),
            #[cfg(target_os = "linux")]
            Socket::Shm(shm) => shm.into_backlog().into_iter().map(|link| Box::new(link) as _).collect(),
            Socket::Mem(mem) => mem.into_backlog(),
        }
    }
}

/// What an error of `accept` concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AcceptFault {
    /// The connection that was to be accepted; it is gone.
    Connection,
    /// Descriptors or memory; the connection still waits, so trying again at once would spin.
    Exhausted,
    /// The listener.
    Listener,
}

impl AcceptFault {
    fn of(error: &io::Error) -> Self {
        use io::ErrorKind::*;
        match error.kind() {
            OutOfMemory => AcceptFault::Exhausted,
            _ if error.raw_os_error().is_some_and(|code| EXHAUSTED.contains(&code)) => AcceptFault::Exhausted,
            ConnectionAborted | ConnectionReset | HostUnreachable | NetworkDown | NetworkUnreachable
            | PermissionDenied | TimedOut | Interrupted | InvalidData => AcceptFault::Connection,
            _ if error.raw_os_error().is_some_and(|code| CONNECTION.contains(&code)) => {
                AcceptFault::Connection
            }
            _ => AcceptFault::Listener, // an unknown one, too, is worth a pause
        }
    }
}

#[cfg(unix)]
const EXHAUSTED: [i32; 4] = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS];

#[cfg(unix)]
const CONNECTION: [i32; 3] = [libc::EPROTO, libc::ENOPROTOOPT, libc::EHOSTDOWN];

/// `WSAEMFILE` and `WSAENOBUFS`.
#[cfg(windows)]
const EXHAUSTED: [i32; 2] = [10024, 10055];

#[cfg(windows)]
const CONNECTION: [i32; 0] = [];

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_exhaustion_and_a_broken_listener_ask_for_a_pause() {
        let fault = |code| AcceptFault::of(&io::Error::from_raw_os_error(code));
        for code in [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS] {
            assert_eq!(fault(code), AcceptFault::Exhausted, "{code}");
        }
        for code in [libc::ECONNABORTED, libc::EPROTO, libc::ENETDOWN, libc::EHOSTUNREACH, libc::EPERM] {
            assert_eq!(fault(code), AcceptFault::Connection, "{code}");
        }
        assert_eq!(fault(libc::EINVAL), AcceptFault::Listener);
    }
}
