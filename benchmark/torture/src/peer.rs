//! A peer that sends whatever it likes and tells what it gets for it.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use volo_core::{
    BoxError,
    net::{Frame, Framer},
};
use volo_thrift::{
    ApplicationException, Limits,
    protocol::decode,
    wire::{self, DetectFramer, MessageKind},
};

/// How HTTP/2 begins that has nothing to set.
const HTTP2: &[u8] = b"\0\0\0\x04\0\0\0\0\0";

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A result, with this sequence id.
    Reply(i32),
    /// An application exception: its type, and the sequence id.
    Exception(i32, i32),
    /// Something in another protocol, by its first bytes.
    Foreign(&'static str),
    /// The end of the stream, or of the connection.
    End,
    /// Nothing within the time there was.
    Silence,
}

/// One connection.
pub struct Peer {
    stream: TcpStream,
    received: BytesMut,
}

impl Peer {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Result<Self, BoxError> {
        Ok(Peer::new(timeout(Duration::from_secs(5), TcpStream::connect(address)).await??))
    }

    /// Connects from one of some thousand addresses of 127.0.0.0/8, so that ports don't run out.
    pub async fn connect_from(number: u32, address: SocketAddr) -> Result<Self, BoxError> {
        let [_, _, high, low] = (number % 5000).to_be_bytes();
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 1, high, low], 0)))?;
        Ok(Peer::new(timeout(Duration::from_secs(5), socket.connect(address)).await??))
    }

    /// The bare connection.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn new(stream: TcpStream) -> Self {
        let _ = stream.set_nodelay(true);
        Peer { stream, received: BytesMut::new() }
    }

    /// Sends all of `bytes` unless the server closes before; false then.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        // A server may answer before it has it all, and must not be blocked by us then.
        let (mut read, mut write) = self.stream.split();
        let mut sent = 0;
        while sent < bytes.len() {
            tokio::select! {
                written = write.write(&bytes[sent..]) => match written {
                    Ok(len) => sent += len,
                    Err(_) => return false,
                },
                read = read.read_buf(&mut self.received) => match read {
                    Ok(0) | Err(_) => return false,
                    Ok(_) => {}
                },
            }
        }
        true
    }

    /// The next answer, waited for so long.
    pub async fn answer(&mut self, patience: Duration) -> Answer {
        let until = Instant::now() + patience;
        let mut framer = DetectFramer::new(&Limits::default());
        loop {
            if let Some(answer) = self.take(&mut framer) {
                return answer;
            }
            let left = until.saturating_duration_since(Instant::now());
            match timeout(left, self.stream.read_buf(&mut self.received)).await {
                Err(_) => return Answer::Silence,
                Ok(Ok(0) | Err(_)) => return Answer::End,
                Ok(Ok(_)) => {}
            }
        }
    }

    fn take(&mut self, framer: &mut DetectFramer) -> Option<Answer> {
        for (start, name) in
            [(&b"HTTP/1.1 400"[..], "http 400"), (b"\x15\x03", "tls alert"), (HTTP2, "http2 goaway")]
        {
            if self.received.starts_with(start) {
                self.received.clear();
                return Some(Answer::Foreign(name));
            }
        }
        let len = match framer.frame(&self.received) {
            Ok(Frame::Partial(_)) => return None,
            Ok(Frame::Complete(len)) => len,
            Err(_) => return Some(Answer::Foreign("bytes of no protocol")),
        };
        let frame: Bytes = self.received.split_to(len).freeze();
        let message =
            framer.dialect().and_then(|dialect| wire::parse(frame, dialect, &Limits::default()).ok());
        let Some(message) = message else { return Some(Answer::Foreign("a frame of no message")) };
        let id = message.head.sequence_id;
        Some(match message.head.kind {
            MessageKind::Reply => Answer::Reply(id),
            MessageKind::Exception => match decode::<ApplicationException>(&message.body) {
                Ok(exception) => Answer::Exception(exception.kind().0, id),
                Err(_) => Answer::Foreign("an exception without type"),
            },
            _ => Answer::Foreign("a call"),
        })
    }

    /// Throws away what has come so far.
    pub fn forget(&mut self) {
        self.received.clear();
    }

    /// Whether the server ends the connection within so long, whatever it says before.
    pub async fn is_ended(&mut self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        loop {
            self.received.clear();
            let left = until.saturating_duration_since(Instant::now());
            match timeout(left, self.stream.read_buf(&mut self.received)).await {
                Err(_) => return false,
                Ok(Ok(0) | Err(_)) => return true,
                Ok(Ok(_)) => {}
            }
        }
    }
}

/// The answer to the call of `echo` with sequence id 7 and the text "hello", in Binary without framing.
pub const ECHOED: &[u8] = b"\x80\x01\0\x02\0\0\0\x04echo\0\0\0\x07\x0b\0\0\0\0\0\x05hello\0";

/// A Binary call of `echo` without framing.
pub fn echo(id: i32, text: &str) -> Vec<u8> {
    let mut call = b"\x80\x01\0\x01\0\0\0\x04echo".to_vec();
    call.extend(id.to_be_bytes());
    call.extend(b"\x0b\0\x01");
    call.extend((text.len() as u32).to_be_bytes());
    call.extend(text.as_bytes());
    call.push(0);
    call
}

/// Puts its length before a message.
pub fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_be_bytes()[..], message].concat()
}
