//! Links over TCP.
#![forbid(unsafe_code)]

use std::{io, net::SocketAddr};

#[cfg(target_os = "linux")]
use socket2::SockFilter;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, lookup_host},
    time::{Instant, timeout},
};

use super::{ConnectOptions, LinkOptions, ListenOptions, TcpOptions, stream::StreamLink};
use crate::{Address, Error, ErrorKind, Peer, Result};

const TRANSPORT: &str = "tcp";

/// Connects to an IP address.
pub(super) async fn connect(address: SocketAddr, options: &ConnectOptions) -> Result<StreamLink<TcpStream>> {
    let (stream, reached) = connect_any(&[address], &Address::Tcp(address), options).await?;
    Ok(link(stream, reached, &options.link))
}

/// Looks a host name up and connects to the first of its addresses that answers.
pub(super) async fn connect_host(
    host: &str,
    port: u16,
    options: &ConnectOptions,
) -> Result<StreamLink<TcpStream>> {
    let name = Address::Host(host.to_owned().into(), port);
    let (stream, reached) = open_host(host, port, &name, options).await?;
    Ok(link(stream, reached, &options.link))
}

/// A connection to the first address of a host that answers, and that address; `name` is for errors.
pub(super) async fn open_host(
    host: &str,
    port: u16,
    name: &Address,
    options: &ConnectOptions,
) -> Result<(TcpStream, SocketAddr)> {
    let addresses = timeout(options.lookup_timeout, resolve(host, port)).await.map_err(|_| {
        let text = format!("looking up `{host}` took longer than {:?}", options.lookup_timeout);
        Error::new(ErrorKind::Connect, text)
    })??;
    connect_any(&addresses, name, options).await
}

/// All IP addresses of a host name, at least one.
async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    let failed = || Error::new(ErrorKind::Connect, format!("host `{host}` has no address"));
    let found = lookup_host((host, port)).await.map_err(|error| failed().with_source(error))?;
    let addresses: Vec<_> = found.collect();
    if addresses.is_empty() { Err(failed()) } else { Ok(addresses) }
}

/// Tries `addresses` in turn; each gets its share of the time left.
async fn connect_any(
    addresses: &[SocketAddr],
    name: &Address,
    options: &ConnectOptions,
) -> Result<(TcpStream, SocketAddr)> {
    let start = Instant::now();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (index, &address) in addresses.iter().enumerate() {
        let left = options.connect_timeout.saturating_sub(start.elapsed());
        let share = left / (addresses.len() - index) as u32;
        match timeout(share, open(address, &options.tcp)).await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    let text = match last.kind() {
        io::ErrorKind::TimedOut => format!("no connection to {name} within {:?}", options.connect_timeout),
        _ => format!("no connection to {name}"),
    };
    Err(Error::new(ErrorKind::Connect, text).with_source(last))
}

async fn open(address: SocketAddr, options: &TcpOptions) -> io::Result<TcpStream> {
    let stream = socket(address)?.connect(address).await?;
    configure(&stream, options)?;
    Ok(stream)
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}

fn configure(stream: &TcpStream, options: &TcpOptions) -> io::Result<()> {
    stream.set_nodelay(options.no_delay)?;
    let Some(idle) = options.keepalive else { return Ok(()) };
    let keepalive = TcpKeepalive::new().with_time(idle).with_interval(idle / 4);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// The link over a connection.
pub(super) fn link(stream: TcpStream, address: SocketAddr, options: &LinkOptions) -> StreamLink<TcpStream> {
    let peer = Peer::new(Address::Tcp(address));
    StreamLink::new(stream, TRANSPORT, peer, options)
}

/// A listening TCP socket.
pub(super) struct Listener {
    socket: TcpListener,
    options: TcpOptions,
}

impl Listener {
    /// Listens on an IP address; port 0 lets the system choose one.
    pub(super) fn bind(address: SocketAddr, options: &ListenOptions) -> io::Result<Self> {
        let socket = socket(address)?;
        // Elsewhere the option would let two servers share the port.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let socket = socket.listen(options.backlog)?;
        Ok(Listener { socket, options: options.tcp.clone() })
    }

    /// Listens on the first address of a host name that allows it.
    pub(super) async fn bind_host(
        host: &str,
        port: u16,
        options: &ListenOptions,
    ) -> Result<io::Result<Self>> {
        let mut last = Err(io::ErrorKind::AddrNotAvailable.into());
        for address in resolve(host, port).await? {
            last = Listener::bind(address, options);
            if last.is_ok() {
                break;
            }
        }
        Ok(last)
    }

    /// The address with the port in use.
    pub(super) fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        loop {
            let (stream, address) = self.socket.accept().await?;
            match configure(&stream, &self.options) {
                Ok(()) => return Ok((stream, address)),
                Err(error) => tracing::debug!(%address, %error, "a connection ended before it was accepted"),
            }
        }
    }

    /// Stops listening; gives the connections that were waiting to be accepted.
    pub(super) fn into_backlog(self) -> Vec<(TcpStream, SocketAddr)> {
        let Listener { socket, options } = self;
        let Ok(socket) = socket.into_std() else { return Vec::new() };
        #[cfg(target_os = "linux")]
        if let Err(error) = SockRef::from(&socket).attach_filter(&refuse_all()) {
            tracing::debug!(%error, "a connection made in this very moment may be reset");
        }
        let accepted = std::iter::from_fn(|| {
            loop {
                match socket.accept() {
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    accepted => return accepted.ok(),
                }
            }
        });
        let ready = accepted.filter_map(|(stream, address)| {
            stream.set_nonblocking(true).ok()?;
            let stream = TcpStream::from_std(stream).ok()?;
            configure(&stream, &options).ok()?;
            Some((stream, address))
        });
        ready.collect()
    }
}

/// Drops every segment that would begin a connection, so that none is made between the last one accepted and the end
/// of the listener. Its peer tries once more, and is refused then.
#[cfg(target_os = "linux")]
fn refuse_all() -> [SockFilter; 4] {
    const FLAGS: u32 = 13;
    const SYN: u32 = 2;
    const WHOLE: u32 = u32::MAX;
    let code = |code: u32| code as u16;
    [
        SockFilter::new(code(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS), 0, 0, FLAGS),
        SockFilter::new(code(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K), 0, 1, SYN),
        SockFilter::new(code(libc::BPF_RET | libc::BPF_K), 0, 0, 0),
        SockFilter::new(code(libc::BPF_RET | libc::BPF_K), 0, 0, WHOLE),
    ]
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use super::*;

    fn listen(backlog: u32) -> (Listener, SocketAddr) {
        let options = ListenOptions { backlog, ..ListenOptions::default() };
        let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), &options).unwrap();
        let address = listener.socket.local_addr().unwrap();
        (listener, address)
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_server_that_does_not_answer_costs_the_timeout() {
        let (_listener, address) = listen(0);
        let options = ConnectOptions::default();
        let mut waiting = Vec::new(); // for a place in the backlog
        let error = loop {
            let start = std::time::Instant::now();
            match connect(address, &options).await {
                Ok(link) => waiting.push(link),
                Err(error) => {
                    assert!((50..5_000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
                    break error;
                }
            }
        };
        assert!(error.is_connect());
        assert_eq!(error.to_string(), format!("no connection to {address} within 50ms"));
    }

    /// Connections come all the time, some of them between the last accept and the end.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_listener_that_stops_resets_no_connection_it_made() {
        for _ in 0..20 {
            let (listener, address) = listen(1024);
            let (begun, first) = std::sync::mpsc::channel();
            let dial = move || {
                let made = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(50)).ok()?;
                begun.send(()).unwrap_or_default();
                Some(made)
            };
            let dialling = std::thread::spawn(move || std::iter::from_fn(dial).collect::<Vec<_>>());
            first.recv().unwrap();
            let backlog = listener.into_backlog();
            assert_eq!(backlog.len(), dialling.join().unwrap().len());
        }
    }

    #[tokio::test]
    async fn a_closed_port_refuses() {
        let (listener, address) = listen(1);
        drop(listener);
        let error = connect(address, &ConnectOptions::default()).await.err().unwrap();
        assert!(error.is_connect());
        assert_eq!(error.to_string(), format!("no connection to {address}"));
    }

    #[tokio::test]
    async fn the_address_of_a_host_that_answers_is_found() {
        let (listener, address) = listen(1);
        let dead = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), address.port()));
        let addresses = [dead, address];
        let options = ConnectOptions { connect_timeout: Duration::MAX, ..ConnectOptions::default() };
        let name = Address::Host("catalog".into(), address.port());
        let (client, server) = tokio::join!(connect_any(&addresses, &name, &options), listener.accept());
        assert!(client.is_ok() && server.is_ok());
        let (client, server) =
            tokio::join!(connect_host("localhost", address.port(), &options), listener.accept());
        assert!(client.is_ok() && server.is_ok());
        let error = connect_host("no-such-host.invalid", 1, &options).await.err().unwrap();
        assert!(error.is_connect() && error.to_string().contains("no-such-host.invalid"), "{error}");
    }

    #[tokio::test]
    async fn sockets_have_their_options() {
        let (listener, address) = listen(1);
        let options = TcpOptions::default();
        let (client, server) = tokio::join!(open(address, &options), listener.socket.accept());
        let (client, (server, _)) = (client.unwrap(), server.unwrap());
        configure(&server, &TcpOptions { no_delay: false, keepalive: None }).unwrap();
        assert!(client.nodelay().unwrap() && SockRef::from(&client).keepalive().unwrap());
        assert!(!server.nodelay().unwrap() && !SockRef::from(&server).keepalive().unwrap());
    }
}
