//! Handshakes that break off, lie, or are none.

use std::{
    io::{Read, Write},
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener, UnixStream},
    },
    time::{Duration, Instant},
};

use rustix::fs::{MemfdFlags, SealFlags, ftruncate, memfd_create};
use volo_core::{Address, BoxError, net};

use super::{
    Server,
    liar::{self, CELLS, SEALS, memory, message, offer, receive, send},
    memory::Memory,
};
use crate::report::Report;

/// Runs all cases.
pub async fn run(report: &mut Report) -> Result<(), BoxError> {
    let mut server = Server::start("handshake")?;
    tokio::task::block_in_place(|| broken_off_by_client(&server))?;
    server.end("handshake broken off by the client", report).await?;
    tokio::task::block_in_place(|| lies(&server, report))?;
    server.end("lies in the handshake", report).await?;
    tokio::task::block_in_place(|| other_protocols(&server, report))?;
    server.end("another protocol", report).await?;
    broken_off_by_server(&server, report).await
}

/// The client is gone after each byte of its offer, with the descriptor and without, and before the answer.
fn broken_off_by_client(server: &Server) -> Result<(), BoxError> {
    let (file, _own) = memory()?;
    for cut in 0..=128 {
        for files in [&[][..], &[&file]] {
            let socket = UnixStream::connect(server.path())?;
            if cut > 0 {
                send(&socket, &offer()[..cut], files)?;
            }
        }
    }
    Ok(())
}

/// A memory file that is not sealed as it has to be.
fn file(len: usize, seals: Option<SealFlags>) -> Result<OwnedFd, BoxError> {
    Ok(match seals {
        Some(seals) => Memory::create(len, seals)?.0,
        None => {
            let file = memfd_create(c"liar", MemfdFlags::CLOEXEC)?;
            ftruncate(&file, len as u64)?;
            file
        }
    })
}

fn lies(server: &Server, report: &mut Report) -> Result<(), BoxError> {
    let len = liar::len_of(CELLS as u32, [4; 5]);
    let good = || file(len, Some(SEALS));
    let null = || std::fs::File::open("/dev/null").map(OwnedFd::from);
    let (socket, _other) = UnixStream::pair()?;
    let cases: Vec<(&str, [u8; 128], Vec<OwnedFd>, &str)> = vec![
        ("no seals", offer(), vec![file(len, None)?], "seals"),
        (
            "sealed, but not against writing",
            offer(),
            vec![file(len, Some(SEALS - SealFlags::FUTURE_WRITE))?],
            "seals",
        ),
        ("may shrink", offer(), vec![file(len, Some(SEALS - SealFlags::SHRINK))?], "seals"),
        ("too short", offer(), vec![file(len - 4096, Some(SEALS))?], "announced"),
        ("empty", offer(), vec![file(0, None)?], "seals"),
        ("too long", offer(), vec![file(len + 4096, Some(SEALS))?], "announced"),
        ("a device", offer(), vec![null()?], "no memory file"),
        ("a socket", offer(), vec![socket.into()], "no memory file"),
        ("no descriptor", offer(), vec![], "no descriptor"),
        ("two descriptors", offer(), vec![good()?, good()?], "2 descriptors"),
        (
            "six descriptors",
            offer(),
            vec![good()?, good()?, good()?, null()?, null()?, null()?],
            "descriptors",
        ),
        ("a later version only", message(1, 2, 4096, [4; 5]), vec![good()?], "versions"),
        ("no version", message(1, 0, 4096, [4; 5]), vec![good()?], "versions"),
        ("an odd ring", message(1, 1, 4095, [4; 5]), vec![good()?], "power of two"),
        ("a huge arena", message(1, 1, 4096, [u16::MAX; 5]), vec![good()?], "beyond"),
        ("an answer for an offer", message(2, 1, 4096, [4; 5]), vec![good()?], "offer"),
        ("an unknown kind", message(9, 1, 4096, [4; 5]), vec![good()?], "unknown kind"),
    ];
    for (what, bytes, files, hint) in cases {
        let socket = UnixStream::connect(server.path())?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        send(&socket, &bytes, &files.iter().collect::<Vec<_>>())?;
        let answer = match receive(&socket) {
            Ok((answer, _)) if answer[8] == 3 => String::from_utf8_lossy(&answer[40..]).into_owned(),
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        let refused = if answer.contains(hint) { "refused".to_owned() } else { answer };
        report.equal(&format!("lies in the handshake: {what}"), "outcome", refused, "refused".to_owned());
    }
    Ok(())
}

/// Bytes of others: the server ends the connection at once, without an answer they could take for one.
fn other_protocols(server: &Server, report: &mut Report) -> Result<(), BoxError> {
    let cases: [(&str, &[u8]); 5] = [
        ("shmipc", b"\0\0\0\x08\x77\x58\x03\0"),
        ("framed Thrift", b"\0\0\0\x11\x80\x01\0\x01\0\0\0\x04echo\0\0\0\x01\0"),
        ("TTHeader", b"\0\0\0\x20\x10\0\0\0\0\0\0\x01\0\x01\0\0"),
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n"),
        ("zeros", &[0; 256]),
    ];
    for (name, bytes) in cases {
        let mut socket = UnixStream::connect(server.path())?;
        socket.set_read_timeout(Some(Duration::from_secs(3)))?;
        socket.write_all(bytes)?;
        let mut answer = Vec::new();
        let end = socket.read_to_end(&mut answer);
        let ended =
            end.is_ok() || end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
        let outcome = if ended { "ended" } else { "silence" };
        report.equal(&format!("another protocol: {name}"), "outcome", outcome.to_owned(), "ended".to_owned());
    }
    Ok(())
}

/// Servers that break off or lie at each step: the client has an error in time, and keeps nothing.
async fn broken_off_by_server(server: &Server, report: &mut Report) -> Result<(), BoxError> {
    let case = "handshake broken off by the server";
    let path = server.directory.join("liar");
    let listener = UnixListener::bind(&path)?;
    const STEPS: usize = 7;
    let breaks_off = std::thread::spawn(move || -> Result<(), String> {
        let told = |error: std::io::Error| error.to_string();
        let mut silent = Vec::new();
        for step in 0..STEPS {
            let (mut socket, _) = listener.accept().map_err(told)?;
            let (file, _own) = memory().map_err(told)?;
            let accept = message(2, 1, 4096, [4; 5]);
            match step {
                0 => {}
                1 => silent.push(socket),
                2 => drop(receive(&socket).map_err(told)?),
                3 => send(&socket, &accept[..50], &[&file]).map_err(told)?,
                4 => send(&socket, &accept, &[]).map_err(told)?,
                5 => send(&socket, &message(2, 7, 4096, [4; 5]), &[&file]).map_err(told)?,
                _ => socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").map_err(told)?,
            }
        }
        Ok(())
    });
    let mut options = net::ConnectOptions::default();
    options.handshake_timeout = Duration::from_millis(300);
    let (mut refused, mut slowest) = (0, Duration::ZERO);
    for _ in 0..STEPS {
        let start = Instant::now();
        let connected = net::connect(&Address::Shm(path.clone()), &options).await;
        refused += u64::from(connected.is_err_and(|error| error.is_connect()));
        slowest = slowest.max(start.elapsed());
    }
    breaks_off.join().map_err(|_| "the lying server panicked")??;
    report.equal(case, "errors of connecting", refused, STEPS as u64);
    report.at_most(case, "slowest error, ms", slowest, Duration::from_secs(2));
    server.end_here(case, report).await
}
