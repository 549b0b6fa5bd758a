//! Plain sockets of tokio: a connection per message under way, one read and one write each.

use std::{path::Path, sync::Arc};

use peer_harness::rpc::{Load, Outcome, drive};
use peer_shmipc::touch;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::Mutex,
};

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

fn told(error: std::io::Error) -> String {
    error.to_string()
}

/// Serves at the path, or else at a port of its own.
pub(super) async fn serve(path: Option<&Path>, size: usize, announce: fn(&str)) -> Result<(), String> {
    match path {
        Some(path) => {
            let listener = UnixListener::bind(path).map_err(told)?;
            announce(&path.display().to_string());
            loop {
                tokio::spawn(answer(listener.accept().await.map_err(told)?.0, size));
            }
        }
        None => {
            let listener = TcpListener::bind("127.0.0.1:0").await.map_err(told)?;
            announce(&listener.local_addr().map_err(told)?.to_string());
            loop {
                let (socket, _) = listener.accept().await.map_err(told)?;
                socket.set_nodelay(true).map_err(told)?;
                tokio::spawn(answer(socket, size));
            }
        }
    }
}

async fn answer(mut socket: impl Socket, size: usize) {
    let (mut request, reply) = (vec![0; size], vec![1; size]);
    while socket.read_exact(&mut request).await.is_ok() {
        std::hint::black_box(touch(&request));
        if socket.write_all(&reply).await.is_err() {
            return;
        }
    }
}

/// Calls for as long as the load says.
pub(super) async fn load(
    path: Option<&Path>,
    address: &str,
    size: usize,
    load: &Load,
) -> Result<Outcome, String> {
    let mut sockets: Vec<Mutex<(Box<dyn Socket>, Vec<u8>)>> = Vec::new();
    for _ in 0..load.concurrency {
        let socket: Box<dyn Socket> = match path {
            Some(path) => Box::new(UnixStream::connect(path).await.map_err(told)?),
            None => {
                let socket = TcpStream::connect(address).await.map_err(told)?;
                socket.set_nodelay(true).map_err(told)?;
                Box::new(socket)
            }
        };
        sockets.push(Mutex::new((socket, vec![0; size])));
    }
    let (sockets, request) = (Arc::new(sockets), Arc::new(vec![2; size]));
    drive(load, move |number| {
        let (sockets, request) = (sockets.clone(), request.clone());
        async move {
            let (socket, reply) = &mut *sockets[(number >> 32) as usize].lock().await;
            socket.write_all(&request).await.map_err(told)?;
            socket.read_exact(reply).await.map_err(told)?;
            std::hint::black_box(touch(reply));
            Ok(())
        }
    })
    .await
}
