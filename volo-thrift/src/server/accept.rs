//! Taking connections, as many as allowed, until the shutdown; nothing that goes wrong here ends the server.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::time::{sleep, timeout};
use volo_core::{
    Result,
    net::{Link, Listener},
    shutdown::Shutdown,
};

use super::{connection::Connection, core::Core};

/// Pauses after failed accepts: doubled from the first to the last, so that a lack of descriptors doesn't spin.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Serves connections until `stop` completes, then sees to their end.
pub(super) async fn serve(core: Arc<Core>, listeners: Vec<Listener>, stop: impl Future<Output = ()> + Send) {
    let shutdown = Shutdown::new();
    let address = listeners[0].local_address().clone();
    tracing::info!(%address, connections_max = core.places.max(), "serving");
    let drain_timeout = core.limits.drain_timeout;
    until(stop, accept_all(&core, &listeners, &shutdown)).await;
    // New connections are refused from now on.
    let backlog: Vec<_> = listeners.into_iter().flat_map(Listener::into_backlog).collect();
    shutdown.drain();
    for link in backlog {
        tokio::spawn(Connection::new(link, core.clone(), shutdown.watch()));
    }
    tracing::info!(%address, live = shutdown.live(), "draining");
    if timeout(drain_timeout, shutdown.finished()).await.is_err() {
        tracing::warn!(%address, live = shutdown.live(), "drain_timeout passed, calls are given up");
        shutdown.end();
    }
}

/// Polls `work` until it or `stop` completes.
async fn until(stop: impl Future<Output = ()>, work: impl Future<Output = ()>) {
    let (mut stop, mut work) = (pin!(stop), pin!(work));
    poll_fn(|cx| {
        if stop.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        work.as_mut().poll(cx)
    })
    .await;
}

/// Gives each connection a task of its own. At the limit, further ones wait in the listener's queue.
async fn accept_all(core: &Arc<Core>, listeners: &[Listener], shutdown: &Shutdown) {
    let mut pause = PAUSE_MIN;
    loop {
        let place = core.places.take().await;
        let mut accepted = None;
        until(place.is_gone(), async { accepted = Some(accept_any(listeners).await) }).await;
        match accepted {
            None => {} // there are fewer places now
            Some(Ok(link)) => {
                pause = PAUSE_MIN;
                let connection = Connection::new(link, core.clone(), shutdown.watch());
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Some(Err(error)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, ?pause, "accepting pauses");
                drop(place);
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

/// The next connection of any listener.
async fn accept_any(listeners: &[Listener]) -> Result<Box<dyn Link>> {
    if let [only] = listeners {
        return only.accept().await;
    }
    // The first one is where most connections come from, so it is asked last.
    let mut all: Vec<_> = listeners.iter().rev().map(|listener| Box::pin(listener.accept())).collect();
    poll_fn(|cx| {
        let ready = all.iter_mut().find_map(|accept| match accept.as_mut().poll(cx) {
            Poll::Ready(accepted) => Some(accepted),
            Poll::Pending => None,
        });
        ready.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}
