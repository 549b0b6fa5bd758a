//! Echo over shmipc: one session, a stream per call under way, every byte written and read.

use std::{os::unix::net::SocketAddr, path::Path, sync::Arc, time::Duration};

use peer_harness::rpc::{Load, Outcome, drive};
use shmipc::{
    Error, Listener,
    config::{Config, SizePercentPair},
    consts::MemMapType,
    session::{SessionManager, SessionManagerConfig},
    stream::Stream,
    transport::{DefaultUnixConnect, DefaultUnixListen},
};
use tokio::sync::Mutex;

/// Which version of its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The usual one.
    V3,
    /// The one to be opted in to, with wake-ups by eventfd.
    V4,
}

/// The settings of its own benchmark, whose slices fit the messages.
fn config(version: Version, size: usize) -> SessionManagerConfig {
    let config = match version {
        Version::V3 => Config::default(),
        Version::V4 => Config::default().with_v4_eventfd(),
    };
    let pair = |size: usize, percent| SizePercentPair { size: size as u32 + 256, percent };
    SessionManagerConfig::new()
        .with_config(Config {
            mem_map_type: MemMapType::MemMapTypeMemFd,
            queue_cap: 65536,
            connection_write_timeout: Duration::from_secs(1),
            share_memory_buffer_cap: 256 << 20,
            buffer_slice_sizes: vec![pair(size, 70), pair(16 << 10, 20), pair(64 << 10, 10)],
            ..config
        })
        .with_session_num(1)
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Serves until the process ends.
///
/// # Errors
/// When it can't listen.
pub async fn serve(version: Version, path: &Path, size: usize) -> Result<(), String> {
    let address = SocketAddr::from_pathname(path).map_err(told)?;
    let config = config(version, size).config().clone();
    let mut listener = Listener::new(DefaultUnixListen, address, config).await.map_err(told)?;
    loop {
        let stream = listener.accept().await.map_err(told)?;
        tokio::spawn(async move {
            if let Err(error) = answer(stream, size).await {
                eprintln!("# shmipc: {error}");
            }
        });
    }
}

async fn answer(mut stream: Stream, size: usize) -> Result<(), String> {
    let reply = vec![1; size];
    loop {
        match stream.read_exact_bytes(size).await {
            Ok(request) => std::hint::black_box(touch(&request)),
            Err(Error::EndOfStream | Error::StreamClosed) => return Ok(()),
            Err(error) => return Err(told(error)),
        };
        stream.release_read_and_reuse();
        send(&mut stream, &reply).await?;
    }
}

async fn send(stream: &mut Stream, bytes: &[u8]) -> Result<(), String> {
    stream.write_bytes(bytes).map_err(told)?;
    loop {
        match stream.flush(false).await {
            Err(Error::QueueFull) => tokio::time::sleep(Duration::from_micros(1)).await,
            flushed => return flushed.map_err(told),
        }
    }
}

/// Calls for as long as the load says.
///
/// # Errors
/// When a call fails.
pub async fn load(version: Version, path: &Path, size: usize, load: &Load) -> Result<Outcome, String> {
    let address = SocketAddr::from_pathname(path).map_err(told)?;
    let session =
        SessionManager::new(config(version, size), DefaultUnixConnect, address).await.map_err(told)?;
    let streams: Result<Vec<_>, _> =
        (0..load.concurrency).map(|_| session.get_stream().map(Mutex::new)).collect();
    let (streams, request) = (Arc::new(streams.map_err(told)?), Arc::new(vec![2; size]));
    let calls = streams.clone();
    let outcome = drive(load, move |number| {
        let (streams, request) = (calls.clone(), request.clone());
        async move {
            let mut stream = streams[(number >> 32) as usize].lock().await;
            send(&mut stream, &request).await?;
            let reply = stream.read_exact_bytes(size).await.map_err(told)?;
            std::hint::black_box(touch(&reply));
            drop(reply);
            stream.release_read_and_reuse();
            Ok(())
        }
    })
    .await;
    drop(streams);
    session.close().await;
    outcome
}

/// Reads every byte.
pub fn touch(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(0, |sum: u64, word| sum.wrapping_add(u64::from_ne_bytes(*word)));
    rest.iter().fold(sum, |sum, byte| sum.wrapping_add(u64::from(*byte)))
}
