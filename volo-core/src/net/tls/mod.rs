//! Links over TLS, by rustls: certificates are always checked, those of servers against the name that was dialled.
//!
//! An accepted connection is a link at once, whose handshake is made when it is first read from. So a peer that takes
//! its time keeps nobody else waiting, and counts as a connection like any other.
#![forbid(unsafe_code)]

mod config;
mod stream;

use std::{io, net::SocketAddr, sync::Arc};

use rustls::{ClientConnection, ServerConfig, ServerConnection, pki_types::ServerName};
use tokio::net::TcpStream;

pub(super) use self::config::Prepared;
use self::stream::TlsStream;
use super::{ConnectOptions, LinkOptions, ListenOptions, stream::StreamLink, tcp};
use crate::{Address, Error, ErrorKind, Peer, Result};

const TRANSPORT: &str = "tls";

/// Connects to a host, and makes sure that it is the one.
pub(super) async fn connect(
    host: &str,
    port: u16,
    options: &ConnectOptions,
) -> Result<StreamLink<TlsStream>> {
    let address = Address::Tls(host.to_owned().into(), port);
    let config = options.tls.prepared()?;
    let name = options.tls.server_name.as_deref().unwrap_or(host);
    let server = ServerName::try_from(name.to_owned()).map_err(|error| {
        Error::new(ErrorKind::Config, format!("`{name}` is no name a certificate can be for"))
            .with_source(error)
    })?;
    let (tcp, reached) = tcp::open_host(host, port, &address, options).await?;
    let failed = |error: io::Error| {
        Error::new(ErrorKind::Connect, format!("no TLS connection to {address}")).with_source(error)
    };
    let session = ClientConnection::new(config, server).map_err(|error| failed(io::Error::other(error)))?;
    let mut stream = TlsStream::new(tcp, session.into(), options.handshake_timeout);
    stream.handshake().await.map_err(failed)?;
    Ok(link(stream, reached, &options.link))
}

fn link(stream: TlsStream, address: SocketAddr, options: &LinkOptions) -> StreamLink<TlsStream> {
    let mut peer = Peer::new(Address::Tcp(address));
    super::stream::Stream::learn(&stream, &mut peer);
    // What is encrypted is copied anyway.
    let options = LinkOptions { link_min: usize::MAX, ..options.clone() };
    StreamLink::new(stream, TRANSPORT, peer, &options)
}

/// A listening socket whose connections are encrypted.
pub(super) struct Listener {
    socket: tcp::Listener,
    config: Arc<ServerConfig>,
    options: ListenOptions,
}

impl Listener {
    /// Listens on the first address of a host that allows it.
    pub(super) async fn bind(host: &str, port: u16, options: &ListenOptions) -> Result<io::Result<Self>> {
        let Some(tls) = &options.tls else {
            let text = "a server needs certificates for tls:// (ListenOptions::tls)";
            return Err(Error::new(ErrorKind::Config, text));
        };
        let config = config::server(tls)?;
        let socket = tcp::Listener::bind_host(host, port, options).await?;
        Ok(socket.map(|socket| Listener { socket, config, options: options.clone() }))
    }

    /// The address with the port in use.
    pub(super) fn local_address(&self) -> io::Result<Address> {
        let address = self.socket.local_address()?;
        Ok(Address::Tls(address.ip().to_string().into(), address.port()))
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<StreamLink<TlsStream>> {
        let (stream, address) = self.socket.accept().await?;
        accepted(&self.config, &self.options, stream, address)
    }

    /// Stops listening; gives the connections that were waiting to be accepted.
    pub(super) fn into_backlog(self) -> Vec<StreamLink<TlsStream>> {
        let Listener { socket, config, options } = self;
        let backlog = socket.into_backlog().into_iter();
        backlog.filter_map(|(stream, address)| accepted(&config, &options, stream, address).ok()).collect()
    }
}

fn accepted(
    config: &Arc<ServerConfig>,
    options: &ListenOptions,
    stream: TcpStream,
    address: SocketAddr,
) -> io::Result<StreamLink<TlsStream>> {
    let session = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
    let stream = TlsStream::new(stream, session.into(), options.handshake_timeout);
    Ok(link(stream, address, &options.link))
}
