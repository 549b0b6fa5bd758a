//! Links through shared memory: messages are encoded where the other process reads them.
//!
//! Each end owns one sealed memory file that it alone writes: a [ring](ring) of records, an [arena](arena) of slices
//! for large messages, and two [words](layout) about itself. A Unix socket beside it carries the
//! [handshake](handshake), one byte to [wake](wake) an end that sleeps, and tells that a process died. What the
//! [link](link) moves is the same stream of bytes as on any other transport. The peer is not trusted: whatever comes
//! out of its memory is read once and checked before it is believed. Two ends whose users vouch for each other may
//! share [slices](lease) that both write, and save the copy; all the rest is checked then, too.
//!
//! `unsafe` is in `sys`, `memory` and `lease` only.

mod arena;
mod handshake;
mod input;
mod layout;
mod lease;
mod link;
mod listen;
mod memory;
#[cfg(all(test, loom))]
mod models;
mod ring;
mod sys;
mod wake;

use std::path::Path;

use tokio::{net::UnixStream, time::timeout};

pub(super) use self::listen::Listener;
use self::{layout::Layout, link::ShmLink};
use super::{ConnectOptions, ShmOptions};
use crate::{Address, Credentials, Error, ErrorKind, Peer, Result};

/// Connects by way of the socket at `path`.
pub(super) async fn connect(path: &Path, options: &ConnectOptions) -> Result<ShmLink> {
    let address = Address::Shm(path.to_owned());
    let failed = |text: String| Error::new(ErrorKind::Connect, text);
    let socket = match timeout(options.connect_timeout, UnixStream::connect(path)).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) => return Err(failed(format!("no connection to {address}")).with_source(error)),
        Err(_) => {
            return Err(failed(format!("no connection to {address} within {:?}", options.connect_timeout)));
        }
    };
    let limit = options.handshake_timeout;
    let layout = Layout::for_arena(options.shm.arena_max);
    match timeout(limit, handshake::offer(&socket, layout, options.shm.trust.is_full())).await {
        Ok(Ok(session)) => Ok(link(socket, session, address, &options.shm)),
        Ok(Err(text)) => Err(failed(format!("no connection to {address}: {text}"))),
        Err(_) => Err(failed(format!("no answer from {address} to the handshake within {limit:?}"))),
    }
}

fn link(socket: UnixStream, session: handshake::Session, address: Address, options: &ShmOptions) -> ShmLink {
    let credentials =
        socket.peer_cred().ok().map(|peer| Credentials { uid: peer.uid(), gid: peer.gid(), pid: peer.pid() });
    let peer = Peer { transport: Some("shm"), credentials, ..Peer::new(address) };
    ShmLink::new(socket, session, peer, options)
}
