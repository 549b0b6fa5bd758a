//! The service `Probe`: what travels beside the payload.

use std::time::Instant;

use faststr::FastStr;
use volo_core::{Address, Context, Metainfo, Pairs};
use volo_thrift::{BizError, ServerError, meta::Caller, protocol::Map};

use crate::peer::{Probe, ProbeClientBuilder, Seen};

/// Serves `Probe`.
pub struct Handler;

/// Key of the transient value that a relay of any language sends; the value is its language.
pub const RELAY: &str = "RELAY";

impl Probe for Handler {
    async fn seen(&self) -> Result<Seen, ServerError> {
        Context::with_current(|context| seen(context)).ok_or_else(|| ServerError::internal("no context"))
    }

    async fn relay(&self, address: FastStr) -> Result<Seen, ServerError> {
        let address: Address = address.parse()?;
        Context::with_current(|context| context.metainfo_mut().transient.set(RELAY, "rust"));
        let client = ProbeClientBuilder::new("probe").caller_name("rust-relay").address(address).build();
        Ok(client.seen().await?)
    }

    async fn backward(&self, pairs: Map<FastStr, FastStr>) -> Result<(), ServerError> {
        Context::with_current(|context| {
            let backward = &mut context.metainfo_mut().backward;
            pairs.into_iter().for_each(|(key, value)| backward.set(key, value));
        });
        Ok(())
    }

    async fn business(
        &self,
        code: i32,
        message: FastStr,
        extra: Map<FastStr, FastStr>,
    ) -> Result<FastStr, ServerError> {
        Err(ServerError::Biz(BizError::with_extra(code, message, extra)))
    }
}

fn seen(context: &Context) -> Seen {
    let metainfo = context.metainfo().cloned().unwrap_or_default();
    let Metainfo { persistent, upstream, .. } = metainfo;
    let left = context.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    Seen {
        service_name: context.service.clone(),
        method_name: context.method.clone(),
        persistent: map(&persistent),
        upstream: map(&upstream),
        left_ms: left.map_or(0, |left| left.as_millis() as i64),
        caller: context.extension::<Caller>().map(|caller| caller.service.clone()).unwrap_or_default(),
    }
}

fn map(pairs: &Pairs) -> Map<FastStr, FastStr> {
    pairs.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}
