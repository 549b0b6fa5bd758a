//! What all connections of a server share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use faststr::FastStr;
use volo_core::{
    Body, Error, ErrorKind, Peer, Request,
    layers::Setting,
    net::{Link, Profile},
};

use super::{
    admission::{Arrival, Gate, Permit},
    places::Places,
    reply::Ticket,
    router::{Route, Router},
    stack::Stack,
};
use crate::{
    ApplicationException, ApplicationKind, Limits, SameHost,
    budget::ReceiveBudget,
    meta::{self, Advert, InstanceId, Near},
    wire::Incoming,
};

/// A call that is to be served.
pub(super) struct Admitted<'a> {
    pub(super) route: &'a Arc<Route>,
    pub(super) request: Request,
    pub(super) permit: Permit,
}

/// The services, the layers around them, and the limits.
pub(super) struct Core {
    pub(super) router: Arc<Router>,
    pub(super) stack: Stack,
    pub(super) limits: Limits,
    /// Limits of which the timeouts come before those of `limits`, if they can change.
    pub(super) timeouts: Option<Setting<Limits>>,
    pub(super) places: Arc<Places>,
    pub(super) gate: Arc<Gate>,
    pub(super) budget: Arc<ReceiveBudget>,
    /// Whether replies carry checksums although their calls did not.
    pub(super) checksums: bool,
    pub(super) instance: InstanceId,
    pub(super) same_host: Option<SameHost>,
    /// Whether it listens for clients on this host.
    pub(super) is_near: AtomicBool,
    /// Keeps a document's hold on all this.
    #[cfg(feature = "config")]
    pub(super) _attached: Option<volo_core::config::Attached>,
}

impl Core {
    /// Looks at the limits of which the timeouts hold now.
    pub(super) fn with_timeouts<R>(&self, read: impl FnOnce(&Limits) -> R) -> R {
        match &self.timeouts {
            None => read(&self.limits),
            Some(timeouts) => timeouts.with(read),
        }
    }

    /// What a client that announced itself over this connection is told.
    pub(super) fn advert(&self, link: &dyn Link) -> FastStr {
        let Profile { transport, peer, .. } = link.profile();
        let leaves = |same_host: &SameHost| same_host.may_leave(Some(transport));
        let offers = self.is_near.load(Ordering::Relaxed) && self.same_host.as_ref().is_some_and(leaves);
        let near = if offers { Near::over(link.local_address(), &peer.address) } else { None };
        let near = near.map(SameHost::offer);
        Advert { mux: true, near, instance: self.instance }.to_text()
    }

    /// Everything that can be decided before the arguments are decoded: gives the method, the request to serve and
    /// its place.
    ///
    /// # Errors
    /// Why the call is not executed.
    pub(super) fn admit(
        &self,
        ticket: &Ticket,
        incoming: Incoming,
        peer: &Arc<Peer>,
        now: Instant,
    ) -> Result<Admitted<'_>, ApplicationException> {
        let Incoming { header, head, body, .. } = incoming;
        if !head.kind.is_request() {
            let text = format!("a server takes calls, not messages of type {}", head.kind as u8);
            return Err(ApplicationException::new(ApplicationKind::INVALID_MESSAGE_TYPE, text));
        }
        if ticket.late {
            let error = Error::new(ErrorKind::Draining, "server is shutting down");
            return Err(ApplicationException::from(&error));
        }
        let header = header.as_deref();
        let (service, method) = meta::read_names(header, &head);
        let route = self.router.find(service, method)?;
        let mut context = meta::read_request(header, route.target(header, &head), ticket.arrived);
        context.peer = Some(peer.clone());
        let arrival = Arrival { context: &context, arrived: ticket.arrived, now };
        let permit = self.gate.admit(&arrival).map_err(|error| ApplicationException::from(&error))?;
        Ok(Admitted { route, request: Request::new(context, Body::Raw(body)), permit })
    }
}
