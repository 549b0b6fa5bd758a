//! Accepting connections: a task takes sockets and shakes hands, so that no slow peer holds up another.
#![forbid(unsafe_code)]

use std::{io, path::Path, sync::Arc, time::Duration};

use tokio::{
    net::UnixStream,
    sync::{Mutex, mpsc},
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{ShmLink, handshake, layout::Layout, link};
use crate::{
    Address,
    net::{ListenOptions, uds},
};

/// Handshakes under way at a time, and connections that wait to be accepted.
const HANDSHAKES_MAX: usize = 64;

/// After a fault of the listener, the next try comes so much later.
const PAUSE: Duration = Duration::from_millis(10);

/// A listening socket whose connections go on in shared memory.
pub(in crate::net) struct Listener {
    socket: Arc<uds::Listener>,
    address: Address,
    links: Mutex<mpsc::Receiver<io::Result<ShmLink>>>,
    task: AbortHandle,
}

impl Listener {
    /// Listens at `path`.
    pub(in crate::net) async fn bind(path: &Path, options: &ListenOptions) -> io::Result<Self> {
        let socket = Arc::new(uds::Listener::bind(path, options).await?);
        let (sender, links) = mpsc::channel(HANDSHAKES_MAX);
        let task = tokio::spawn(serve(socket.clone(), options.clone().into(), sender)).abort_handle();
        Ok(Listener { socket, address: Address::Shm(path.to_owned()), links: links.into(), task })
    }

    /// Where it listens.
    pub(in crate::net) fn local_address(&self) -> Address {
        self.address.clone()
    }

    /// The next connection.
    pub(in crate::net) async fn accept(&self) -> io::Result<ShmLink> {
        let mut links = self.links.lock().await;
        let mut next = links.recv().await;
        // A fault that was followed by a connection is over.
        while matches!(next, Some(Err(_)))
            && let Ok(later) = links.try_recv()
        {
            next = Some(later);
        }
        next.unwrap_or_else(|| Err(io::ErrorKind::NotConnected.into()))
    }

    /// Stops listening; gives the connections that were waiting to be accepted.
    pub(in crate::net) fn into_backlog(mut self) -> Vec<ShmLink> {
        self.socket.stop();
        self.task.abort();
        let links = self.links.get_mut();
        links.close();
        std::iter::from_fn(|| links.try_recv().ok()).flatten().collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Accepts and shakes hands until nobody takes the connections any more.
async fn serve(
    socket: Arc<uds::Listener>,
    options: Arc<ListenOptions>,
    links: mpsc::Sender<io::Result<ShmLink>>,
) {
    let mut handshakes = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept_socket(), if handshakes.len() < HANDSHAKES_MAX => match accepted {
                Ok(stream) => drop(handshakes.spawn(welcome(stream, options.clone(), links.clone()))),
                Err(error) => {
                    // Told with nothing else in the queue, or new connections would stand behind old faults.
                    let Ok(mut places) = links.reserve_many(links.max_capacity()).await else { return };
                    if let Some(place) = places.next() {
                        place.send(Err(error));
                    }
                    drop(places);
                    sleep(PAUSE).await;
                }
            },
            Some(_) = handshakes.join_next(), if !handshakes.is_empty() => {}
            () = links.closed() => return,
        }
    }
}

async fn welcome(socket: UnixStream, options: Arc<ListenOptions>, links: mpsc::Sender<io::Result<ShmLink>>) {
    let layout = Layout::for_arena(options.shm.arena_max);
    let handshake = handshake::accept(&socket, layout, options.shm.trust.is_full());
    let refused = match timeout(options.handshake_timeout, handshake).await {
        Ok(Ok(session)) => {
            let link = link(socket, session, Address::Shm(Path::new("").to_owned()), &options.shm);
            let _ = links.send(Ok(link)).await; // whoever listened is gone, then so is the connection
            return;
        }
        Ok(Err(text)) => text,
        Err(_) => format!("the handshake took longer than {:?}", options.handshake_timeout),
    };
    tracing::debug!(%refused, "a connection through shared memory could not be made");
}
