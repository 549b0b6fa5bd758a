//! Whoever registered for changes, and what is sent to them.
//!
//! Registrations last as long as the process. An event is sent after its change is stored, without waiting for
//! the listener.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use faststr::FastStr;
use volo_core::Address;

use crate::{
    clock::now,
    fault::Fault,
    tmf::common::{EventEnvelope, EventKind, Hub, HubInput},
};

/// Clients of type `C`, one for each registration.
pub(crate) struct Listeners<C> {
    clients: RwLock<BTreeMap<FastStr, C>>,
    connect: fn(&Address) -> C,
    last_id: AtomicU64,
}

impl<C: Clone> Listeners<C> {
    /// None yet; `connect` makes the client for an address.
    pub(crate) fn new(connect: fn(&Address) -> C) -> Self {
        Listeners { clients: RwLock::default(), connect, last_id: AtomicU64::new(0) }
    }

    /// Sends every event to the callback from now on.
    pub(crate) fn register(&self, input: HubInput) -> Result<Hub, Fault> {
        let address: Address =
            input.callback.parse().map_err(|error| Fault::refused(400, format!("callback: {error}")))?;
        let client = (self.connect)(&address);
        let id = FastStr::from(format!("hub-{}", self.last_id.fetch_add(1, Ordering::Relaxed) + 1));
        self.write().insert(id.clone(), client);
        Ok(Hub { id, callback: input.callback, query: input.query })
    }

    /// Stops sending to a callback.
    pub(crate) fn unregister(&self, id: &str) -> Result<(), Fault> {
        self.write().remove(id).map(drop).ok_or_else(|| Fault::not_found("hub", id))
    }

    /// Sends an event to everybody; `send` is called once for each listener, and not at all without one.
    pub(crate) fn publish<F: Future + Send + 'static>(&self, send: impl Fn(C) -> F)
    where
        F::Output: Send,
    {
        let clients = self.clients.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        for client in clients.values() {
            tokio::spawn(send(client.clone()));
        }
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<FastStr, C>> {
        self.clients.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// What goes around a resource of this kind, for example `ProductOrder`.
pub(crate) fn envelope(kind: EventKind, resource: &str) -> EventEnvelope {
    static LAST_ID: AtomicU64 = AtomicU64::new(0);
    let change = match kind {
        EventKind::CREATE => "Create",
        EventKind::STATE_CHANGE => "StateChange",
        EventKind::REMOVE => "Delete",
        _ => "AttributeValueChange",
    };
    EventEnvelope {
        event_id: (LAST_ID.fetch_add(1, Ordering::Relaxed) + 1).to_string().into(),
        event_time: now(),
        event_type: format!("{resource}{change}Event").into(),
        kind,
        ..Default::default()
    }
}
