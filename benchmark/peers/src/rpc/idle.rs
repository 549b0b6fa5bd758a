//! What an idle connection costs the server in memory.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use peer_harness::rpc::Endpoint;

use super::{
    plan::Entry,
    process::{Server, Transport},
};

const CONNECTIONS: usize = 10_000;
/// For the server to give back what it needed for the calls.
const SETTLE: Duration = Duration::from_millis(500);
/// So that a lost reply ends the run.
const REPLY_MAX: Duration = Duration::from_secs(10);

/// Bytes of resident memory per connection that made one call and stays open.
pub(super) fn measure(entry: Entry) -> Result<f64, String> {
    let server = Server::start(entry.system, entry.mode, Transport::Tcp)?;
    let Endpoint::Tcp(address) = server.endpoint else {
        return Err("idle connections are measured over TCP".to_owned());
    };
    let open = || call(TcpStream::connect(address)?);
    let warm: Result<Vec<_>, _> = (0..100).map(|_| open()).collect();
    drop(warm.map_err(|error| format!("the first calls failed: {error}"))?);
    thread::sleep(SETTLE);
    let before = resident(server.id())?;
    let connections: Result<Vec<_>, _> = (0..CONNECTIONS).map(|_| open()).collect();
    let connections =
        connections.map_err(|error| format!("can't hold {CONNECTIONS} connections: {error}"))?;
    thread::sleep(SETTLE);
    let after = resident(server.id())?;
    Ok((after - before) / connections.len() as f64)
}

/// One echo in the framed dialect, which both servers understand without being told.
fn call(mut socket: TcpStream) -> std::io::Result<TcpStream> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(REPLY_MAX))?;
    let mut message = Vec::new();
    message.extend_from_slice(&[0x80, 1, 0, 1]);
    message.extend_from_slice(&[0, 0, 0, 4]);
    message.extend_from_slice(b"echo");
    message.extend_from_slice(&[0, 0, 0, 1]);
    message.extend_from_slice(&[12, 0, 1, 11, 0, 1, 0, 0, 0, 5]);
    message.extend_from_slice(b"hello");
    message.extend_from_slice(&[0, 0]);
    socket.write_all(&[&(message.len() as u32).to_be_bytes(), &message[..]].concat())?;
    let mut head = [0; 4];
    socket.read_exact(&mut head)?;
    let mut reply = vec![0; (u32::from_be_bytes(head) as usize).min(1 << 16)];
    socket.read_exact(&mut reply)?;
    match reply.windows(5).any(|part| part == b"hello") {
        true => Ok(socket),
        false => Err(std::io::Error::other(format!("wrong reply: {reply:?}"))),
    }
}

/// Resident memory of a process in bytes.
fn resident(process: u32) -> Result<f64, String> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).map_err(|error| error.to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kibibytes.map(|kibibytes| kibibytes * 1024.0).ok_or_else(|| "the server is gone".to_owned())
}
