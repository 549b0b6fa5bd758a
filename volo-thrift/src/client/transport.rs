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
        let Some(peer) = request.context.peer.clone() else {
            return Err(Error::new(ErrorKind::Config, "the client has no address to call"));
        };
        let message = match &*self {
            Transport::PingPong(pingpong) => pingpong.call(&peer.address, &request).await?,
            Transport::Mux(mux) => mux.call(&peer.address, request).await?,
            Transport::Invalid(text) => return Err(Error::new(ErrorKind::Config, text.as_str())),
        };
        reply::response(peer, message)
    }
}
