//! One call at a time per connection: the caller owns a pooled connection and polls it itself.
//!
//! No task, no queue. A connection goes back to the pool when nothing is under way on it; a call that is dropped
//! after its first byte was written takes its connection with it, so its reply can't reach anybody else.

use std::{
    future::poll_fn,
    mem,
    sync::Arc,
    task::{Context, Poll, ready},
};

use volo_core::{
    Address, Error, ErrorKind, Request, Response, Result, Retry,
    layers::timeout::mark_covered,
    net::{self, ConnectOptions},
    pool::{Checkout, Lease, Pool, PoolConfig, Reusable},
};

use super::{
    connection::{Connection, Received, Settings, WriteError},
    reply::{self, Answer},
    timer::now,
};
use crate::{
    conn::{Arrival, SequenceId},
    meta::Advert,
    wire::{Incoming, MessageKind},
};

/// Pooled connections to any number of addresses.
#[derive(Debug)]
pub(super) struct PingPong {
    settings: Arc<Settings>,
    connect: ConnectOptions,
    /// Boxed, because a connection moves into the pool and out of it with every call.
    pool: Pool<Box<Connection<()>>>,
}

impl PingPong {
    /// # Errors
    /// When the pool's settings contradict each other.
    pub(super) fn new(settings: Settings, connect: ConnectOptions, pool: PoolConfig) -> Result<Self> {
        Ok(PingPong { settings: Arc::new(settings), connect, pool: Pool::new(pool)? })
    }

    /// The idle connections.
    #[cfg(feature = "config")]
    pub(super) fn pool(&self) -> &Pool<impl Reusable + use<>> {
        &self.pool
    }

    /// Makes a call.
    pub(super) async fn call(self: Arc<Self>, mut request: Request) -> Result<Response> {
        reply::prepare(&mut request, self.settings.dialect.protocol)?;
        let (answer, _) = self.answer(&request).await?;
        reply::response(request.into_context().into_reply(), answer)
    }

    /// Makes a call that was prepared; gives what the server offers, too, if it said so just now.
    pub(super) async fn answer(&self, request: &Request) -> Result<(Answer, Option<Advert>)> {
        let address = reply::address(request)?;
        let mut retried = false;
        loop {
            let mut held = self.checkout(address).await?;
            let Some(lease) = held.0.as_mut() else {
                return Err(Error::internal("a connection was used after it was given back"));
            };
            let reused = lease.is_reused();
            match exchange(lease, request).await {
                // The peer closed the connection just now, and got nothing of the request or executed nothing of it.
                Err(error)
                    if error.is_closed()
                        && error.retry() == Retry::Always
                        && (reused || !mem::replace(&mut retried, true)) => {}
                Ok(message) => {
                    return Ok((Answer { peer: lease.peer().clone(), message }, lease.take_advert()));
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn checkout(&self, address: &Address) -> Result<Held> {
        let lease = match self.pool.checkout(address).await? {
            Checkout::Idle(lease) => lease,
            Checkout::Vacant(permit) => {
                let options = self.settings.connect_options(&self.connect);
                let connecting = Box::pin(net::connect(address, &options)); // rare, and larger than all the rest
                let link = connecting.await?;
                permit.fill(Box::new(Connection::new(link, address, self.settings.clone(), 1)))
            }
        };
        Ok(Held(Some(lease)))
    }
}

impl Reusable for Box<Connection<()>> {
    fn idle_ok(&mut self) -> bool {
        Connection::idle_ok(self)
    }
}

/// A connection in use. However the call ends, it goes back to the pool if it is clean and is closed otherwise.
struct Held(Option<Lease<Box<Connection<()>>>>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(lease) = self.0.take_if(|lease| lease.is_clean()) {
            lease.reuse();
        }
    }
}

/// Sends the request and waits for its reply; the connection is clean afterwards only if all went well.
pub(super) async fn exchange(
    connection: &mut Connection<()>,
    request: &Request,
) -> Result<Option<Box<Incoming>>> {
    let Ok(id) = connection.calls.open((), request.context.deadline) else {
        return Err(Error::internal("a connection was used for two calls at a time"));
    };
    let mut exchange = Exchange { connection, request, id, end: None };
    poll_fn(|cx| exchange.poll(cx)).await
}

struct Exchange<'a> {
    connection: &'a mut Connection<()>,
    request: &'a Request,
    id: SequenceId,
    /// Where the request ends in the stream of bytes written, once it is in there.
    end: Option<u64>,
}

impl Exchange<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Box<Incoming>>>> {
        loop {
            if let Poll::Ready(answer) = self.poll_answer(cx) {
                return Poll::Ready(answer);
            }
            match self.connection.poll_overdue(cx) {
                Poll::Ready(Ok(None)) => {}
                Poll::Ready(Ok(Some(((), reset)))) => return Poll::Ready(Err(reset.into_error())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.lost(error))),
                Poll::Pending => {
                    if self.request.context.deadline.is_some() {
                        mark_covered();
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Box<Incoming>>>> {
        if self.end.is_none() {
            match ready!(self.connection.poll_write(cx, self.id, self.request, now())) {
                Ok(range) => self.end = Some(range.end),
                Err(WriteError::Connection(error)) => return Poll::Ready(Err(self.lost(error))),
                Err(WriteError::Request(error)) => {
                    self.connection.calls.retract(self.id);
                    return Poll::Ready(Err(error));
                }
            }
        }
        let flushed = match self.connection.poll_flush(cx) {
            Poll::Ready(Err(error)) if self.request.context.oneway => {
                return Poll::Ready(Err(self.lost(error)));
            }
            Poll::Ready(Err(error)) => {
                self.connection.hear_out(error);
                Poll::Pending
            }
            flushed => flushed,
        };
        if self.request.context.oneway {
            ready!(flushed)?;
            self.connection.calls.retract(self.id);
            return Poll::Ready(Ok(None));
        }
        let received = ready!(self.connection.poll_receive(cx)).map_err(|error| self.lost(error))?;
        Poll::Ready(self.checked(received).map(Some))
    }

    /// The message, if it is the reply to this call.
    fn checked(&mut self, received: Received<()>) -> Result<Box<Incoming>> {
        let numbered = received.arrival == Arrival::Call(());
        let checked = received.message.and_then(|message| {
            let exception = message.head.kind == MessageKind::Exception; // proxies answer with any number
            if !numbered && !exception {
                return Err(reply::misnumbered(message.head.sequence_id));
            }
            reply::check(&message, &self.request.context.method)?;
            Ok(message)
        });
        if checked.is_err() {
            self.connection.retire();
        }
        checked
    }

    fn lost(&mut self, cause: Error) -> Error {
        let fallback = Error::new(ErrorKind::Closed, "the connection was lost");
        self.connection.end(cause).next().map_or(fallback, |((), reset)| reset.into_error())
    }
}

/// A call that ends early gives its slot up: the connection stays clean if nothing was written, and only then.
impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        self.connection.calls.abandon(self.id);
    }
}
