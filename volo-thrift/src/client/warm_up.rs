//! Connects to an instance before it gets calls, by calling the built-in service for health.
//!
//! A call is the one thing that works in every mode: it also makes a server offer multiplexing. What the answer is does
//! not matter, so servers without that service do as well.

use std::{sync::Arc, time::Duration};

use tower::Service;
use volo_core::{Body, Context, Peer, Request, Result, balance::Instance, discover::Feed};

use super::{stack::Transport, timer::after};
use crate::{health, protocol::Typed};

/// How long the call may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The feed, with a call to each new instance.
pub(super) fn warming(feed: Feed, transport: Transport) -> Feed {
    feed.warm_up(move |instance| call(transport.clone(), instance))
}

async fn call(mut transport: Transport, instance: Instance) -> Result<()> {
    let mut context = Context::new(health::CHECK.service, health::CHECK.name);
    context.idempotent = true;
    context.deadline = after(TIMEOUT);
    context.peer = Some(Arc::new(Peer::new(instance.address)));
    let body = Body::Typed(Arc::new(Typed(health::check_args())));
    transport.call(Request::new(context, body)).await.map(drop)
}
