//! The innermost service of a client: from a request to the reply of the peer its context names.

use std::sync::Arc;

use volo_core::{Error, ErrorKind, Request, Response, Result};

use super::{mux::Mux, pingpong::PingPong, reply};

/// How requests reach peers.
#[derive(Debug)]
pub(super) enum Transport {
    /// Every call has a connection for itself while it lasts.
    PingPong(PingPong),
    /// Calls share connections.
    Mux(Mux),
    /// The settings make no sense; every call says why.
    Invalid(String),
}

impl Transport {
    /// Makes one call.
    pub(super) async fn call(self: Arc<Self>, request: Request) -> Result<Response> {
        let peer = request.context.peer.clone();
        let address = peer.as_ref().map(|peer| &peer.address);
        let message = match (&*self, address) {
            (Transport::Invalid(text), _) => return Err(Error::new(ErrorKind::Config, text.as_str())),
            (_, None) => return Err(Error::new(ErrorKind::Config, "the client has no address to call")),
            (Transport::PingPong(pingpong), Some(address)) => pingpong.call(address, &request).await?,
            (Transport::Mux(mux), Some(address)) => mux.call(address, request).await?,
        };
        reply::response(peer, message)
    }
}
