//! The services `Interop`: values, calls and how they fail, and `Identity`: the one type of few peers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use faststr::FastStr;
use tokio::sync::Notify;
use volo_thrift::{ServerError, protocol::Uuid};

use crate::{
    identity::Identity,
    peer::{
        EARLIER, Interop, InteropEchoEarlierException, InteropEchoException, InteropLaterException,
        InteropRefuseException, LATER, Later, Mismatch, Point, Refused, SAMPLES, Types,
    },
};

/// Serves `Interop`.
#[derive(Default)]
pub struct Handler {
    count: AtomicI32,
    stop: Arc<Notify>,
}

impl Handler {
    /// Is notified when a client wants the server to stop.
    pub fn stopper(&self) -> Arc<Notify> {
        self.stop.clone()
    }
}

impl Interop for Handler {
    async fn echo(&self, value: Types) -> Result<Types, ServerError<InteropEchoException>> {
        Ok(only_a_sample(&SAMPLES, value)?)
    }

    async fn echo_earlier(&self, value: Types) -> Result<Types, ServerError<InteropEchoEarlierException>> {
        Ok(only_a_sample(&EARLIER, value)?)
    }

    async fn later(&self, name: FastStr) -> Result<Later, ServerError<InteropLaterException>> {
        let later = LATER.iter().find(|later| later.name == name).cloned();
        later.ok_or_else(|| Mismatch { name }.into())
    }

    async fn reverse(&self, value: Bytes) -> Result<Bytes, ServerError> {
        Ok(value.iter().rev().copied().collect())
    }

    async fn scale(&self, value: f64, by: i32) -> Result<f64, ServerError> {
        Ok(value * f64::from(by))
    }

    async fn nothing(&self) -> Result<(), ServerError> {
        Ok(())
    }

    async fn refuse(&self, code: i32) -> Result<FastStr, ServerError<InteropRefuseException>> {
        if code < 0 {
            return Err(Mismatch { name: "negative".into() }.into());
        }
        let r#where = Some(Point { x: code, y: -code });
        Err(Refused { reason: "refused".into(), code: Some(code), r#where }.into())
    }

    async fn fail(&self, text: FastStr) -> Result<FastStr, ServerError> {
        Err(ServerError::internal(text.to_string()))
    }

    async fn bump(&self, by: i32) -> Result<(), ServerError> {
        self.count.fetch_add(by, Ordering::Relaxed);
        Ok(())
    }

    async fn count(&self) -> Result<i32, ServerError> {
        Ok(self.count.load(Ordering::Relaxed))
    }

    async fn sleep(&self, duration_ms: i32, text: FastStr) -> Result<FastStr, ServerError> {
        tokio::time::sleep(Duration::from_millis(u64::try_from(duration_ms)?)).await;
        Ok(text)
    }

    async fn stop(&self) -> Result<(), ServerError> {
        self.stop.notify_one();
        Ok(())
    }
}

/// Serves `Identity`.
pub struct Identifier;

impl Identity for Identifier {
    async fn identify(&self, id: Uuid) -> Result<Uuid, ServerError> {
        Ok(id)
    }
}

/// The value back if it is the sample of its name.
fn only_a_sample(samples: &[Types], value: Types) -> Result<Types, Mismatch> {
    if samples.contains(&value) { Ok(value) } else { Err(Mismatch { name: value.name }) }
}
