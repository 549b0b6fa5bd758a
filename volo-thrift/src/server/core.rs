//! What all connections of a server share.

use std::{sync::Arc, time::Instant};

use faststr::FastStr;
use volo_core::{Body, Context, Error, ErrorKind, Origin, Peer, Request, Retry};

use super::{
    budget::Budget,
    reply::Ticket,
    router::{Route, Router},
    stack::Stack,
};
use crate::{
    ApplicationException, ApplicationKind, Limits,
    meta::{self, InstanceId},
    wire::Incoming,
};

/// The services, the layers around them, and the limits.
pub(super) struct Core {
    pub(super) router: Arc<Router>,
    pub(super) stack: Stack,
    pub(super) limits: Limits,
    pub(super) budget: Arc<Budget>,
    /// Whether replies carry checksums although their calls did not.
    pub(super) checksums: bool,
    pub(super) instance: InstanceId,
    /// What a client that announced itself is told.
    pub(super) advert: FastStr,
}

impl Core {
    /// Everything that can be decided before the arguments are decoded: gives the method and the request to serve.
    ///
    /// # Errors
    /// Why the call is not executed.
    pub(super) fn admit(
        &self,
        ticket: &Ticket,
        incoming: Incoming,
        peer: &Arc<Peer>,
        now: Instant,
    ) -> Result<(&Arc<Route>, Request), ApplicationException> {
        let Incoming { header, head, body, .. } = incoming;
        if !head.kind.is_request() {
            let text = format!("a server takes calls, not messages of type {}", head.kind as u8);
            return Err(ApplicationException::new(ApplicationKind::INVALID_MESSAGE_TYPE, text));
        }
        if ticket.late {
            let error = Error::new(ErrorKind::Draining, "server is shutting down");
            return Err(ApplicationException::from(&error));
        }
        let mut context = meta::read_request(header.as_ref(), &head, ticket.arrived);
        if context.deadline.is_some_and(|deadline| deadline <= now) {
            return Err(ApplicationException::from(&expired(&context)));
        }
        let route = self.router.find(&context.service, &context.method)?;
        route.name(&mut context);
        context.oneway |= route.method.oneway;
        context.peer = Some(peer.clone());
        Ok((route, Request::new(context, Body::Raw(body))))
    }
}

/// The error of a call that nobody waits for any more.
pub(super) fn expired(context: &Context) -> Error {
    Error::timeout(format!("deadline of {} passed before it was started", context.method))
        .with_origin(Origin::Local)
        .with_retry(Retry::Always)
}
