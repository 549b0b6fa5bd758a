//! Processes that are killed at each step of the handshake, on either side.

use std::{
    any::Any,
    future::poll_fn,
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use volo_core::{BoxError, net};

use super::{
    Server,
    liar::{CELLS, HEAD, Liar, cell, memory, message, offer, receive, send},
    links::LengthFramer,
};
use crate::{process::Process, report::Report};

/// The word that makes this program stop at a step of a handshake: `SIDE PATH STEP`.
pub const HALFWAY: &str = "role-halfway";

/// How far the client gets.
const CLIENT_STEPS: [&str; 8] = [
    "connected",
    "half of the offer sent, without the memory",
    "half of the offer sent",
    "offer sent",
    "answer received",
    "server's memory mapped",
    "message written",
    "message published",
];

/// How far the server gets.
const SERVER_STEPS: [&str; 7] = [
    "listens",
    "accepted",
    "half of the offer received",
    "offer received",
    "half of the answer sent",
    "answer sent",
    "half of a message published",
];

/// Runs all cases.
pub async fn run(report: &mut Report) -> Result<(), BoxError> {
    let mut server = Server::start("steps")?;
    let case = "client killed in the handshake";
    for step in 0..CLIENT_STEPS.len() {
        let mut client = start("client", &server.path(), step)?;
        client.signal("KILL")?;
        client.ended(Duration::from_secs(10)).await?;
    }
    let client = server.client().build();
    let answered = u64::from(client.echo("after them".into()).await.is_ok());
    report.equal(case, "calls answered afterwards", answered, 1);
    drop(client);
    server.end(case, report).await?;

    let case = "server killed in the handshake";
    for (step, name) in SERVER_STEPS.iter().enumerate() {
        let error_after = killed_at(&server, step).await?;
        let case = format!("{case}: {name}");
        report.at_most(&case, "until the client has an error, ms", error_after, Duration::from_secs(1));
    }
    server.end_here(case, report).await
}

/// A process that has come to this step.
fn start(side: &str, path: &Path, step: usize) -> Result<Process, BoxError> {
    let words = [side.to_owned(), path.display().to_string(), step.to_string()];
    let mut process = Process::start(HALFWAY, &words, None)?;
    process.line()?;
    Ok(process)
}

/// Kills a server at this step; gives after how long the client had an error that connects to it.
async fn killed_at(server: &Server, step: usize) -> Result<Duration, BoxError> {
    let path = server.directory.join("halfway");
    let mut halfway = start("server", &path, step)?;
    let client = tokio::spawn(async move {
        let connect_timeout = Duration::from_secs(30);
        let options =
            net::ConnectOptions { connect_timeout, handshake_timeout: connect_timeout, ..Default::default() };
        let Ok(mut link) = net::connect(&volo_core::Address::Shm(path), &options).await else { return true };
        !matches!(poll_fn(|cx| link.poll_recv(cx, &mut LengthFramer)).await, Ok(Some(_)))
    });
    match step {
        0 => tokio::time::sleep(Duration::from_millis(100)).await, // nobody tells when the client has come
        _ => drop(tokio::task::block_in_place(|| halfway.line())?),
    }
    if client.is_finished() {
        return Err("the client has an error before the server is killed".into());
    }
    halfway.signal("KILL")?;
    let start = Instant::now();
    let failed = tokio::time::timeout(Duration::from_secs(20), client).await;
    Ok(if failed.is_ok_and(|failed| failed.unwrap_or(false)) { start.elapsed() } else { Duration::MAX })
}

/// Goes as far as it is told, and stays there.
pub fn stop_at(words: &[String]) -> Result<(), BoxError> {
    let [side, path, step] = words else { return Err("a side, a path and a step are needed".into()) };
    let (path, step) = (Path::new(path), step.parse()?);
    let _held = match side.as_str() {
        "client" => client_to(path, step)?,
        _ => server_to(path, step)?,
    };
    println!("there");
    loop {
        thread::park();
    }
}

/// Gives what has to be kept, as all of it is held by a process that is killed.
fn client_to(path: &Path, step: usize) -> Result<Box<dyn Any>, BoxError> {
    if step >= 5 {
        let mut liar = Liar::connect(path)?;
        liar.own.write(cell(0) + 16, &[0; 100]);
        match step {
            5 => {}
            6 => liar.own.store(cell(0) + 8, 100 | 1 << 32),
            _ => {
                liar.record(1, 100, 0, 0);
                liar.wake();
            }
        }
        return Ok(Box::new(liar));
    }
    let socket = UnixStream::connect(path)?;
    let (file, own) = memory()?;
    match step {
        0 => {}
        1 => send(&socket, &offer()[..64], &[])?,
        2 => send(&socket, &offer()[..64], &[&file])?,
        _ => send(&socket, &offer(), &[&file])?,
    }
    let answer = if step == 4 { Some(receive(&socket)?) } else { None };
    Ok(Box::new((socket, file, own, answer)))
}

fn server_to(path: &Path, step: usize) -> Result<Box<dyn Any>, BoxError> {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    if step == 0 {
        return Ok(Box::new(listener));
    }
    println!("listens");
    let (mut socket, _) = listener.accept()?;
    let (file, own) = memory()?;
    let answer = message(2, 1, CELLS as u32, [4; 5]);
    match step {
        1 => {}
        2 => socket.read_exact(&mut [0; 64])?,
        _ => drop(receive(&socket)?),
    }
    match step {
        0..4 => {}
        4 => send(&socket, &answer[..64], &[&file])?,
        _ => send(&socket, &answer, &[&file])?,
    }
    if step == 6 {
        own.store(HEAD, 0);
        own.write(cell(0) + 16, &1000_u32.to_be_bytes());
        own.store(cell(0) + 8, 100 | 1 << 32);
        own.store(cell(0), 1);
        socket.write_all(&[1])?;
    }
    Ok(Box::new((listener, socket, file, own)))
}
