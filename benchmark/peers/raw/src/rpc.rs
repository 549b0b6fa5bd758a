//! Echo by epoll: one loop for a server, one for a client.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    os::{
        fd::{AsRawFd, RawFd},
        unix::net::{UnixListener, UnixStream},
    },
    time::Instant,
};

use peer_harness::rpc::{Clocks, Endpoint, Load, Mode, Outcome, Work};

use crate::epoll::Epoll;

/// Bytes of the length in front of each message.
const HEAD: usize = 4;
const READ: usize = 64 << 10;
const LISTENER: u64 = u64::MAX;

/// Serves until the process ends.
///
/// # Errors
/// When it can't listen.
pub fn serve(endpoint: &Endpoint) -> io::Result<()> {
    let listener = Listener::bind(endpoint)?;
    let mut epoll = Epoll::new()?;
    epoll.add(&listener, LISTENER)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    loop {
        let tokens: Vec<u64> = epoll.wait()?.collect();
        for token in tokens {
            if token == LISTENER {
                let connection = Connection::new(listener.accept()?)?;
                epoll.add(&connection.socket, connections.len() as u64)?;
                connections.push(Some(connection));
                continue;
            }
            let slot = &mut connections[token as usize];
            if slot.as_mut().is_some_and(|connection| connection.echo().is_err()) {
                *slot = None;
            }
        }
    }
}

/// Runs a load: in ping-pong over as many connections as calls, else over one.
///
/// # Errors
/// When there is another work than an echo, or a wrong reply.
pub fn load(mode: Mode, endpoint: &Endpoint, load: &Load) -> Result<Outcome, String> {
    let Work::Echo(len) = load.work else {
        return Err(format!("the raw loops can't do {}", load.work));
    };
    let (connections, window) = match mode {
        Mode::PingPong => (load.concurrency, 1),
        Mode::Mux | Mode::Auto => (1, load.concurrency),
    };
    run(endpoint, load, len, connections, window).map_err(|error| error.to_string())?
}

fn run(
    endpoint: &Endpoint,
    load: &Load,
    len: usize,
    connections: usize,
    window: usize,
) -> io::Result<Result<Outcome, String>> {
    let mut epoll = Epoll::new()?;
    let mut message = (len as u32).to_be_bytes().to_vec();
    message.resize(HEAD + len, b'x');
    let mut clients = Vec::new();
    for token in 0..connections {
        let mut connection = Connection::new(Socket::connect(endpoint)?)?;
        epoll.add(&connection.socket, token as u64)?;
        connection.output = message.repeat(window);
        connection.flush()?;
        clients.push((connection, vec![Instant::now(); window], 0));
    }
    let start = Instant::now();
    let (mut begin, mut end, mut latencies) = (None, None, Vec::with_capacity(1 << 20));
    let mut calls = 0;
    while end.is_none() {
        let tokens: Vec<u64> = epoll.wait()?.collect();
        for token in tokens {
            let (connection, sent, oldest) = &mut clients[token as usize];
            let replies = connection.receive()?;
            let now = Instant::now();
            calls += replies as u64;
            for _ in 0..replies {
                let sent = &mut sent[std::mem::replace(oldest, (*oldest + 1) % window)];
                if begin.is_some() {
                    latencies.push((now - *sent).as_nanos() as u32);
                }
                *sent = now;
                connection.output.extend_from_slice(&message);
            }
            connection.flush()?;
        }
        if begin.is_none() && start.elapsed() >= load.warm_up {
            begin = Some(Clocks::read(load.server)?);
        } else if begin.is_some_and(|begin| begin.at.elapsed() >= load.duration) {
            end = Some(Clocks::read(load.server)?);
        }
    }
    let both = begin.zip(end).ok_or_else(|| "no samples".to_owned());
    Ok(both.and_then(|(begin, end)| Outcome::new(latencies, calls, begin, end)))
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    fn bind(endpoint: &Endpoint) -> io::Result<Self> {
        match endpoint {
            Endpoint::Tcp(address) => TcpListener::bind(address).map(Listener::Tcp),
            Endpoint::Unix(path) => UnixListener::bind(path).map(Listener::Unix),
        }
    }

    fn accept(&self) -> io::Result<Socket> {
        match self {
            Listener::Tcp(listener) => listener.accept().map(|(socket, _)| Socket::Tcp(socket)),
            Listener::Unix(listener) => listener.accept().map(|(socket, _)| Socket::Unix(socket)),
        }
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Listener::Tcp(listener) => listener.as_raw_fd(),
            Listener::Unix(listener) => listener.as_raw_fd(),
        }
    }
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    fn connect(endpoint: &Endpoint) -> io::Result<Self> {
        match endpoint {
            Endpoint::Tcp(address) => TcpStream::connect(address).map(Socket::Tcp),
            Endpoint::Unix(path) => UnixStream::connect(path).map(Socket::Unix),
        }
    }

    fn prepare(&self) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.set_nodelay(true).and_then(|()| socket.set_nonblocking(true)),
            Socket::Unix(socket) => socket.set_nonblocking(true),
        }
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => socket.read(into),
            Socket::Unix(socket) => socket.read(into),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => socket.write(bytes),
            Socket::Unix(socket) => socket.write(bytes),
        }
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Socket::Tcp(socket) => socket.as_raw_fd(),
            Socket::Unix(socket) => socket.as_raw_fd(),
        }
    }
}

struct Connection {
    socket: Socket,
    /// Received bytes; those from `start` to `end` are not used up.
    input: Vec<u8>,
    start: usize,
    end: usize,
    output: Vec<u8>,
}

impl Connection {
    fn new(socket: Socket) -> io::Result<Self> {
        socket.prepare()?;
        Ok(Connection { socket, input: vec![0; READ], start: 0, end: 0, output: Vec::new() })
    }

    /// Sends back all whole messages that have come.
    fn echo(&mut self) -> io::Result<()> {
        self.fill()?;
        while let Some(len) = self.message() {
            self.output.extend_from_slice(&self.input[self.start..self.start + len]);
            self.start += len;
        }
        self.flush()
    }

    /// How many whole messages have come; they are dropped.
    fn receive(&mut self) -> io::Result<usize> {
        self.fill()?;
        let mut count = 0;
        while let Some(len) = self.message() {
            self.start += len;
            count += 1;
        }
        Ok(count)
    }

    /// One read.
    fn fill(&mut self) -> io::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.end == self.input.len() {
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.input.len() {
            self.input.resize(self.end * 2, 0);
        }
        match self.socket.read(&mut self.input[self.end..]) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.end += count;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The length of the first message, its head included, once it is whole.
    fn message(&self) -> Option<usize> {
        let bytes = &self.input[self.start..self.end];
        let len = HEAD + u32::from_be_bytes(*bytes.first_chunk()?) as usize;
        (bytes.len() >= len).then_some(len)
    }

    /// Writes everything. Where the peer takes nothing it may be waiting itself for its own bytes to be taken.
    fn flush(&mut self) -> io::Result<()> {
        let mut output = std::mem::take(&mut self.output);
        let mut rest = &output[..];
        while !rest.is_empty() {
            match self.socket.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.fill()?,
                Err(error) => return Err(error),
            }
        }
        output.clear();
        self.output = output;
        Ok(())
    }
}
