//! Where a server makes itself known.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use tokio::time::{sleep, timeout};

use crate::{Result, balance::Instance};

/// How long deregistering may take before the server drains anyway.
const DEREGISTER_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a server goes on as if nothing was between deregistering and draining, for clients to learn of it.
const GRACE: Duration = Duration::from_millis(200);

/// Pauses between attempts to register.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A directory of services, as a server sees it.
pub trait Registry: Send + Sync + 'static {
    /// Enters an instance of `service`. The entry is kept alive in the background, also over a restart of the
    /// directory, and disappears by itself when this process dies.
    ///
    /// # Errors
    /// When the directory can't be reached.
    fn register(
        &self,
        service: &str,
        instance: &Instance,
    ) -> impl Future<Output = Result<Box<dyn Registration>>> + Send;
}

/// An entry in a [`Registry`]. Dropping it lets the entry run out.
pub trait Registration: Send {
    /// Removes the entry now.
    ///
    /// # Errors
    /// When the directory can't be reached; the entry runs out by itself then.
    fn deregister(self: Box<Self>) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;
}

/// Keeps a server known until `shutdown` completes; then removes it from the registry, gives clients a moment to
/// notice, and completes. To be given to a server as its shutdown, so that it drains only after nobody new comes:
///
/// ```ignore
/// let bound = server.bind("10.0.0.1:8080").await?;
/// let instance = Instance::new(bound.local_address().clone());
/// bound.serve(announce(registry, "catalog", instance, shutdown::signal())).await;
/// ```
/// A registry that can't be reached is tried again; the server serves meanwhile.
pub async fn announce(
    registry: impl Registry,
    service: &str,
    instance: Instance,
    shutdown: impl Future<Output = ()> + Send,
) {
    let mut shutdown = std::pin::pin!(shutdown);
    let mut registering = std::pin::pin!(register(&registry, service, &instance));
    let registered = poll_fn(|cx| match shutdown.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => registering.as_mut().poll(cx).map(Some),
    });
    let Some(registered) = registered.await else { return };
    shutdown.await;
    match timeout(DEREGISTER_TIMEOUT, registered.deregister()).await {
        Ok(Ok(())) => sleep(GRACE).await,
        Ok(Err(error)) => tracing::warn!(service, %error, "deregistering failed; the entry will run out"),
        Err(_) => tracing::warn!(service, "deregistering took too long; the entry will run out"),
    }
}

/// Tries until it works.
async fn register(registry: &impl Registry, service: &str, instance: &Instance) -> Box<dyn Registration> {
    let mut pause = PAUSE_MIN;
    loop {
        match registry.register(service, instance).await {
            Ok(registered) => return registered,
            Err(error) => tracing::warn!(service, %error, "registering failed; it is tried again"),
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
