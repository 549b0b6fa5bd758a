//! Cases for links over a byte stream, against a peer that is a bare socket.

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use volo_core::Address;

use crate::end::{End, Ends, payload};

trait Socket: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Socket for S {}

/// A bare socket, and the link at its other end.
async fn bare(ends: &Ends) -> (Box<dyn Socket>, End) {
    let socket = async {
        match ends.listener.local_address() {
            Address::Tcp(address) => {
                let socket = TcpStream::connect(address).await.unwrap();
                socket.set_nodelay(true).unwrap();
                Box::new(socket) as Box<dyn Socket>
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                Box::new(tokio::net::UnixStream::connect(path).await.unwrap()) as Box<dyn Socket>
            }
            other => panic!("{other} is no byte stream"),
        }
    };
    tokio::join!(socket, ends.accept())
}

fn frame(length: usize, seed: usize) -> Vec<u8> {
    [&(length as u32).to_be_bytes()[..], &payload(length, seed)].concat()
}

pub(crate) async fn frames_arrive_byte_by_byte(ends: Ends) {
    let (mut socket, mut link) = bare(&ends).await;
    let lengths = [0, 1, 16, 300, 0, 5];
    let write = async {
        for length in lengths {
            for byte in frame(length, length) {
                socket.write_all(&[byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    };
    let read = async {
        for length in lengths {
            assert_eq!(link.expect().await, payload(length, length));
        }
    };
    tokio::join!(write, read);
    assert!(link.link.idle_ok());
}

pub(crate) async fn frames_arrive_whatever_the_pieces(ends: Ends) {
    let (mut socket, mut link) = bare(&ends).await;
    let lengths = [100, 4_092, 4_093, 10_000, 3, 65_532, 65_533, 100_000, 0, 300_000, 50, 1 << 20, 9];
    let all: Vec<u8> = lengths.iter().flat_map(|length| frame(*length, *length)).collect();
    for step in [4_099, 10_007, 65_536, 70_001, 400_000] {
        let write = async {
            for piece in all.chunks(step) {
                socket.write_all(piece).await.unwrap();
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
            }
        };
        let read = async {
            for length in lengths {
                assert!(link.expect().await == payload(length, length), "{length} in steps of {step}");
            }
        };
        tokio::join!(write, read);
    }
    assert!(link.link.idle_ok());
}

pub(crate) async fn a_stream_cut_inside_a_frame_is_an_error(ends: Ends) {
    for (length, cut) in [(10, 1), (10, 3), (10, 4), (10, 13), (5_000, 4_999), (1 << 20, 500_000)] {
        let (mut socket, mut link) = bare(&ends).await;
        socket.write_all(&frame(20, 1)).await.unwrap();
        let write = async {
            socket.write_all(&frame(length, 2)[..cut]).await.unwrap();
            socket.shutdown().await.unwrap();
        };
        let read = async {
            assert_eq!(link.expect().await, payload(20, 1));
            let error = link.recv().await.unwrap_err();
            assert!(error.is_closed() && error.to_string().contains(&cut.to_string()), "{error}");
            assert!(link.recv().await.is_err());
            assert!(!link.link.idle_ok());
        };
        tokio::join!(write, read);
        assert_eq!(link.link.partial(), cut);
    }
}

pub(crate) async fn a_lost_peer_fails_the_writer_for_good(ends: Ends) {
    let (socket, mut link) = bare(&ends).await;
    drop(socket);
    let error = loop {
        if let Err(error) = link.send(&payload(1_000, 1)).await {
            break error;
        }
    };
    assert!(error.is_closed(), "{error}");
    let flushed = link.link.flushed();
    assert!(link.ready().await.is_err() && link.flush().await.is_err() && link.close().await.is_err());
    assert!(link.write(&payload(1, 1)).is_err() && !link.link.idle_ok());
    assert_eq!(link.link.flushed(), flushed);
}
