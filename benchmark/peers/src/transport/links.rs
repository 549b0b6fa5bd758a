//! Our links: one connection that carries all messages, driven as our own server and client do.

use std::{
    collections::VecDeque,
    future::poll_fn,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use peer_harness::rpc::{Clocks, Load, Outcome};
use peer_shmipc::touch;
use volo_core::{
    Address, Error, Size,
    net::{self, ConnectOptions, Frame, Framer, Link, ListenOptions, Listener, ShmOptions, ShmTrust},
};

/// Messages between flushes, at most as many as in our server.
const FLUSH: u32 = 16;

struct LengthFramer;

impl Framer for LengthFramer {
    fn frame(&mut self, bytes: &[u8]) -> Result<Frame, Error> {
        let Some(&prefix) = bytes.first_chunk::<4>() else { return Ok(Frame::Partial(4)) };
        let len = 4 + u32::from_be_bytes(prefix) as usize;
        Ok(if bytes.len() >= len { Frame::Complete(len) } else { Frame::Partial(len) })
    }
}

fn told(error: Error) -> String {
    error.to_string()
}

fn write(link: &mut dyn Link, payload: &[u8]) -> Result<(), Error> {
    link.write(Size::inline(4 + payload.len()), &mut |span| {
        span.put_slice(&(payload.len() as u32).to_be_bytes());
        span.put_slice(payload);
        Ok(())
    })?;
    Ok(())
}

/// Options of shared memory whose ends trust each other.
pub(super) fn trusting() -> ShmOptions {
    // SAFETY: both ends are this program, and the socket's mode lets nobody else in.
    ShmOptions { trust: unsafe { ShmTrust::full() }, ..ShmOptions::default() }
}

/// Serves one connection after the other.
pub(super) async fn serve(
    address: Address,
    shm: ShmOptions,
    size: usize,
    announce: fn(&str),
) -> Result<(), String> {
    let options = ListenOptions { shm, ..ListenOptions::default() };
    let listener = Listener::bind(&address, &options).await.map_err(told)?;
    let (Address::Shm(path) | Address::Unix(path)) = &address else { return Err("no path".to_owned()) };
    announce(&path.display().to_string());
    let reply = vec![1; size];
    loop {
        let mut answering =
            Answering { link: listener.accept().await.map_err(told)?, ready: false, unflushed: 0 };
        let ended = poll_fn(|cx| answering.poll(cx, &reply)).await;
        if let Err(error) = ended {
            eprintln!("# {error}");
        }
    }
}

/// A server's end.
struct Answering {
    link: Box<dyn Link>,
    /// Whether a request waits for its reply.
    ready: bool,
    unflushed: u32,
}

impl Answering {
    fn poll(&mut self, cx: &mut Context<'_>, reply: &[u8]) -> Poll<Result<(), Error>> {
        loop {
            if self.ready {
                std::task::ready!(self.link.poll_ready(cx, Size::inline(4 + reply.len())))?;
                write(&mut *self.link, reply)?;
                self.ready = false;
                self.unflushed += 1;
                if self.unflushed >= FLUSH {
                    self.unflushed = 0;
                    let _ = self.link.poll_flush(cx)?;
                }
            }
            match self.link.poll_recv(cx, &mut LengthFramer)? {
                Poll::Ready(Some(request)) => {
                    std::hint::black_box(touch(&request));
                    self.ready = true;
                }
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    self.unflushed = 0;
                    let _ = self.link.poll_flush(cx)?;
                    return Poll::Pending;
                }
            }
        }
    }
}

/// Calls for as long as the load says.
pub(super) async fn load(
    address: &Address,
    shm: ShmOptions,
    size: usize,
    load: &Load,
) -> Result<Outcome, String> {
    let options = ConnectOptions { shm, ..ConnectOptions::default() };
    let mut link = net::connect(address, &options).await.map_err(told)?;
    let request = vec![2; size];
    let start = Instant::now();
    let (mut begin, mut begun) = (None, VecDeque::with_capacity(load.concurrency));
    let (mut latencies, mut all) = (Vec::with_capacity(1 << 20), 0);
    loop {
        poll_fn(|cx| exchange(cx, &mut *link, &request, load.concurrency, &mut begun)).await.map_err(told)?;
        let now = Instant::now();
        all += 1;
        if let Some(since) = begun.pop_front()
            && begin.is_some()
        {
            latencies.push((now - since).as_nanos() as u32);
        }
        let passed = now - start;
        if begin.is_none() && passed > load.warm_up {
            begin = Some(Clocks::read(load.server).map_err(|error| error.to_string())?);
        }
        if let Some(begin) = begin.filter(|_| passed > load.warm_up + load.duration) {
            let end = Clocks::read(load.server).map_err(|error| error.to_string())?;
            return Outcome::new(latencies, all, begin, end);
        }
    }
}

/// Sends as many as may be under way, and receives one.
fn exchange(
    cx: &mut Context<'_>,
    link: &mut dyn Link,
    request: &[u8],
    concurrency: usize,
    begun: &mut VecDeque<Instant>,
) -> Poll<Result<Bytes, Error>> {
    // Refilled once half of them are answered, so that they go together.
    if begun.len() <= concurrency / 2 {
        let now = Instant::now();
        while begun.len() < concurrency && link.poll_ready(cx, Size::inline(4 + request.len()))?.is_ready() {
            write(link, request)?;
            begun.push_back(now);
        }
        let _ = link.poll_flush(cx)?;
    }
    let reply = match link.poll_recv(cx, &mut LengthFramer)? {
        Poll::Ready(reply) => reply.ok_or_else(|| Error::internal("the server is gone"))?,
        Poll::Pending => {
            let _ = link.poll_flush(cx)?;
            return Poll::Pending;
        }
    };
    std::hint::black_box(touch(&reply));
    Poll::Ready(Ok(reply))
}
