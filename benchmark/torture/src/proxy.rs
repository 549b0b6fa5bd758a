//! A proxy that relays bytes between a client and a server, and does one wrong to one of them when told to.
//!
//! Deterministic: what happens is decided by the plan, its seed, and the position in the stream since the plan was set.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

use crate::random::Random;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    Request,
    /// From the server.
    Reply,
}

/// What is done at a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends before it, in order.
    Cut,
    /// The connection is reset before it.
    Reset,
    /// It and what follows come some milliseconds later.
    Delay,
    /// It and what follows never come.
    Stall,
    /// One of its bits is another one.
    Corrupt,
    /// From here on every byte comes in a packet of its own.
    Split,
    /// It and what follows of its message come twice.
    Duplicate,
    /// It and what follows of its message come before what was to come before it.
    Reorder,
    /// Only the other direction goes on.
    HalfOpen,
    /// It and what follows of its message go to another replica.
    Misroute,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 10] = [
        Fault::Cut,
        Fault::Reset,
        Fault::Delay,
        Fault::Stall,
        Fault::Corrupt,
        Fault::Split,
        Fault::Duplicate,
        Fault::Reorder,
        Fault::HalfOpen,
        Fault::Misroute,
    ];

    /// Whether a call can only wait for its end, so that many can do so at the same time.
    pub fn is_wait(self) -> bool {
        matches!(self, Fault::Stall | Fault::HalfOpen)
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Cut => "cut",
            Fault::Reset => "reset",
            Fault::Delay => "delay",
            Fault::Stall => "stall",
            Fault::Corrupt => "corrupt",
            Fault::Split => "split into bytes",
            Fault::Duplicate => "duplicate",
            Fault::Reorder => "reorder",
            Fault::HalfOpen => "half-open",
            Fault::Misroute => "relayed to another replica",
        }
    }
}

/// What to do, and where.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What.
    pub fault: Fault,
    /// To which of the two streams.
    pub direction: Direction,
    /// At which byte after the plan was set.
    pub offset: usize,
    /// Decides which bit, how long.
    pub seed: u64,
}

#[derive(Default)]
struct Shared {
    plan: Mutex<Option<(Plan, usize)>>,
    passed: [AtomicU64; 2],
}

impl Shared {
    /// Takes `len` bytes of a direction into account: what is to be done with them, and at which of them.
    fn pass(&self, direction: Direction, len: usize) -> Option<(Plan, usize)> {
        self.passed[direction as usize].fetch_add(len as u64, Relaxed);
        let mut guard = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let (plan, seen) = guard.as_mut()?;
        if plan.direction != direction {
            return None;
        }
        let at = plan.offset.checked_sub(*seen)?;
        *seen += len;
        if at >= len {
            return None;
        }
        let found = (*plan, at);
        *guard = None;
        Some(found)
    }
}

/// The proxy; ends when dropped.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts to relay to `server`, or to `other` when told to misroute.
    pub async fn start(server: SocketAddr, other: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(accept(listener, server, other, shared.clone()));
        Ok(Proxy { address, shared, task })
    }

    /// What is to be done from now on, once.
    pub fn set(&self, plan: Plan) {
        *self.shared.plan.lock().unwrap_or_else(PoisonError::into_inner) = Some((plan, 0));
    }

    /// Nothing is to be done any more.
    pub fn clear(&self) {
        *self.shared.plan.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How many bytes an undisturbed call takes in a direction.
    pub async fn measure(&self, direction: Direction, call: impl Future) -> usize {
        let before = self.shared.passed[direction as usize].load(Relaxed);
        call.await;
        (self.shared.passed[direction as usize].load(Relaxed) - before) as usize
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, other: SocketAddr, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let shared = shared.clone();
        tokio::spawn(async move {
            let (Ok(to), Ok(aside)) = (TcpStream::connect(server).await, TcpStream::connect(other).await)
            else {
                return;
            };
            for stream in [&client, &to, &aside] {
                let _ = stream.set_nodelay(true);
            }
            relay(client, to, aside, shared).await;
        });
    }
}

/// Why a direction stopped being relayed.
enum Stop {
    /// Its sender ended it.
    End,
    /// Both directions end in order.
    Cut,
    /// Both directions are reset.
    Reset,
}

async fn relay(client: TcpStream, server: TcpStream, aside: TcpStream, shared: Arc<Shared>) {
    let (mut client_read, mut client_write) = client.into_split();
    let (mut server_read, mut server_write) = server.into_split();
    let (mut aside_read, mut aside_write) = aside.into_split();
    let stop = {
        let requests = relay_one(
            &mut client_read,
            &mut server_write,
            Some(&mut aside_write),
            Direction::Request,
            &shared,
        );
        let back = tokio::sync::Mutex::new(&mut client_write);
        let replies = relay_replies(&mut server_read, &back, &shared);
        let strays = relay_replies(&mut aside_read, &back, &shared);
        tokio::select! {
            stop = requests => stop,
            stop = replies => stop,
            stop = strays => stop,
        }
    };
    if matches!(stop, Stop::Reset) {
        if let Ok(stream) = client_read.reunite(client_write) {
            let _ = stream.set_zero_linger();
        }
        if let Ok(stream) = server_read.reunite(server_write) {
            let _ = stream.set_zero_linger();
        }
        return;
    }
    let _ = (client_write.shutdown().await, server_write.shutdown().await);
}

async fn relay_replies(
    from: &mut OwnedReadHalf,
    to: &tokio::sync::Mutex<&mut OwnedWriteHalf>,
    shared: &Shared,
) -> Stop {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let Ok(len @ 1..) = from.read(&mut buffer).await else { return Stop::End };
        let mut to = to.lock().await;
        if let Some(stop) = forward(&mut buffer[..len], &mut to, None, Direction::Reply, shared).await {
            return stop;
        }
    }
}

async fn relay_one(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut aside: Option<&mut OwnedWriteHalf>,
    direction: Direction,
    shared: &Shared,
) -> Stop {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let Ok(len @ 1..) = from.read(&mut buffer).await else { return Stop::End };
        if let Some(stop) = forward(&mut buffer[..len], to, aside.as_deref_mut(), direction, shared).await {
            return stop;
        }
    }
}

/// Hands on what came, with the fault that is planned for one of these bytes.
async fn forward(
    bytes: &mut [u8],
    to: &mut OwnedWriteHalf,
    aside: Option<&mut OwnedWriteHalf>,
    direction: Direction,
    shared: &Shared,
) -> Option<Stop> {
    let (Plan { fault, seed, .. }, at) = match shared.pass(direction, bytes.len()) {
        Some(found) => found,
        None => return to.write_all(bytes).await.err().map(|_| Stop::Cut),
    };
    let mut random = Random::new(seed);
    let written = match fault {
        Fault::Cut | Fault::Reset => {
            let _ = to.write_all(&bytes[..at]).await;
            return Some(if fault == Fault::Cut { Stop::Cut } else { Stop::Reset });
        }
        Fault::Stall | Fault::HalfOpen => {
            let _ = to.write_all(&bytes[..at]).await;
            if fault == Fault::HalfOpen {
                let _ = to.shutdown().await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            return Some(Stop::Cut);
        }
        Fault::Delay => {
            let first = to.write_all(&bytes[..at]).await;
            tokio::time::sleep(Duration::from_millis(1 + random.below(9))).await;
            first.and(to.write_all(&bytes[at..]).await)
        }
        Fault::Corrupt => {
            bytes[at] ^= 1 << random.below(8);
            to.write_all(bytes).await
        }
        Fault::Split => split(bytes, at, to).await,
        Fault::Duplicate => match to.write_all(bytes).await {
            Ok(()) => to.write_all(&bytes[at..]).await,
            error => error,
        },
        Fault::Reorder => {
            bytes.rotate_left(at);
            to.write_all(bytes).await
        }
        Fault::Misroute => {
            let (before, behind) = bytes.split_at(at);
            match to.write_all(before).await {
                Ok(()) => aside.unwrap_or(to).write_all(behind).await,
                error => error,
            }
        }
    };
    written.err().map(|_| Stop::Cut)
}

async fn split(bytes: &[u8], at: usize, to: &mut OwnedWriteHalf) -> std::io::Result<()> {
    to.write_all(&bytes[..at]).await?;
    for byte in &bytes[at..] {
        to.write_all(&[*byte]).await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}
