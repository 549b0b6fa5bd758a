//! A TCP stream whose bytes are encrypted: moves records between the socket and rustls.
//!
//! Bytes count as written once the record they are in was handed to the socket as a whole, because only then can the
//! peer read them; that is what retries go by.

use std::{
    fmt,
    future::poll_fn,
    io::{self, BufRead, Read, Write},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use faststr::FastStr;
use rustls::{AlertDescription, Connection};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use crate::{Address, Certificate, Peer, net::stream::Stream};

/// Bytes of one record. A record that was not sent as a whole can't be read by the peer.
const RECORD: usize = 16 << 10;

/// One end of an encrypted connection.
pub(in crate::net) struct TlsStream {
    socket: TcpStream,
    session: Connection,
    /// Bytes that are in a record which the socket has not taken as a whole.
    unsent: usize,
    /// Set until the handshake is done.
    handshake: Option<Handshake>,
    /// Whether the peer was told that nothing more will come.
    ended: bool,
}

struct Handshake {
    sleep: Pin<Box<Sleep>>,
    timeout: Duration,
}

impl TlsStream {
    /// The handshake may take so long from now on; it is made with the first read or write.
    pub(super) fn new(socket: TcpStream, session: Connection, timeout: Duration) -> Self {
        let handshake = Some(Handshake { sleep: Box::pin(sleep(timeout)), timeout });
        TlsStream { socket, session, unsent: 0, handshake, ended: false }
    }

    /// Makes the handshake.
    pub(super) async fn handshake(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_handshake(cx)).await
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(Handshake { sleep, timeout }) = &mut self.handshake else { return Poll::Ready(Ok(())) };
        let late = sleep.as_mut().poll(cx).is_ready().then_some(*timeout);
        let made = match (self.poll_make(cx), late) {
            (Poll::Pending, Some(timeout)) => Err(fault(
                io::ErrorKind::TimedOut,
                format!("the TLS handshake was not done after {timeout:?} (handshake_timeout)"),
            )),
            (made, _) => ready!(made),
        };
        self.handshake = None;
        if let Err(error) = &made {
            self.ended = true; // there is no session to be ended
            tracing::debug!(peer = ?self.socket.peer_addr().ok(), %error, "TLS handshake failed");
        }
        Poll::Ready(made)
    }

    fn poll_make(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.is_handshaking() {
            let _ = self.poll_send(cx)?; // what can't be sent now is seen to while the peer's answer is waited for
            if ready!(self.poll_receive(cx))? == 0 {
                let text = "the peer ended the connection in the TLS handshake";
                return Poll::Ready(Err(fault(io::ErrorKind::UnexpectedEof, text)));
            }
        }
        self.poll_send(cx)
    }

    /// Hands all records that are ready to the socket.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            let mut socket = Polled { socket: &mut self.socket, cx };
            match self.session.write_tls(&mut socket) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once and decrypts what is whole; 0 at the end of the stream.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut socket = Polled { socket: &mut self.socket, cx };
        let count = match self.session.read_tls(&mut socket) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(error)),
        };
        if let Err(error) = self.session.process_new_packets() {
            let _ = self.poll_send(cx); // tells the peer why, if that is possible at once
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, Fault(error))));
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_handshake(cx))?;
        loop {
            let mut reader = self.session.reader();
            match reader.fill_buf() {
                Ok(bytes) => {
                    let count = bytes.len().min(into.remaining());
                    into.put_slice(&bytes[..count]);
                    reader.consume(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    let text = "the peer ended the connection without ending the TLS session";
                    return Poll::Ready(Err(fault(io::ErrorKind::UnexpectedEof, text)));
                }
            }
            let _ = self.poll_send(cx)?; // what the session has to say by itself: tickets, keys
            ready!(self.poll_receive(cx))?;
        }
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_handshake(cx))?;
        if self.unsent == 0 {
            ready!(self.poll_send(cx))?;
            let record = &bytes[..bytes.len().min(RECORD)];
            self.unsent = self.session.writer().write(record)?;
        }
        ready!(self.poll_send(cx))?;
        // Whoever writes begins with the bytes that were not taken before.
        Poll::Ready(Ok(std::mem::take(&mut self.unsent)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.session.is_handshaking() {
            if !std::mem::replace(&mut self.ended, true) {
                self.session.send_close_notify();
            }
            ready!(self.poll_send(cx))?;
        }
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl Stream for TlsStream {
    fn is_quiet(&mut self) -> bool {
        loop {
            match self.session.read_tls(&mut Tried(&self.socket)) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
            match self.session.process_new_packets() {
                Ok(state) if state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed() => {}
                _ => return false,
            }
        }
        // Also what was decrypted before, with bytes that were wanted.
        self.session.process_new_packets().is_ok_and(|state| state.plaintext_bytes_to_read() == 0)
    }

    fn local_address(&self) -> Option<Address> {
        self.socket.local_addr().ok().map(Address::Tcp)
    }

    fn learn(&self, peer: &mut Peer) {
        if peer.certificate.is_some() || self.session.is_handshaking() {
            return;
        }
        let certificate = self.session.peer_certificates().and_then(|chain| chain.first());
        peer.certificate = certificate.map(|certificate| Arc::new(describe(certificate)));
    }
}

/// Ends the session as well as that can be done at once: dropping a connection is no attack on it.
impl Drop for TlsStream {
    fn drop(&mut self) {
        if !self.ended && !self.session.is_handshaking() {
            self.session.send_close_notify();
            while self.session.wants_write() {
                let Ok(1..) = self.session.write_tls(&mut Tried(&self.socket)) else { return };
            }
        }
    }
}

fn describe(der: &rustls::pki_types::CertificateDer<'_>) -> Certificate {
    let known = webpki::EndEntityCert::try_from(der).ok();
    let names = |list: fn(&webpki::EndEntityCert<'_>) -> Vec<FastStr>| known.as_ref().map(list);
    Certificate {
        der: Bytes::copy_from_slice(der),
        dns_names: names(|it| it.valid_dns_names().map(FastStr::new).collect()).unwrap_or_default(),
        uris: names(|it| it.valid_uri_names().map(FastStr::new).collect()).unwrap_or_default(),
    }
}

fn fault(kind: io::ErrorKind, text: impl Into<String>) -> io::Error {
    io::Error::new(kind, text.into())
}

/// What went wrong in a session, with a hint where rustls's own words need one.
#[derive(Debug)]
struct Fault(rustls::Error);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use rustls::Error::{AlertReceived, InvalidMessage, PeerIncompatible};
        match &self.0 {
            InvalidMessage(fault) => write!(f, "the peer does not speak TLS ({fault:?})"),
            AlertReceived(AlertDescription::CertificateRequired) => {
                f.write_str("the peer wants a certificate (CertificateRequired)")
            }
            AlertReceived(alert) => write!(f, "the peer refused the TLS session ({alert:?})"),
            PeerIncompatible(fault) => {
                write!(f, "the peer speaks only a TLS that is too old or unknown here ({fault:?})")
            }
            error => error.fmt(f),
        }
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// A socket that registers the task where it would block.
struct Polled<'a, 'b> {
    socket: &'a mut TcpStream,
    cx: &'a mut Context<'b>,
}

impl Read for Polled<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut into = ReadBuf::new(into);
        match Pin::new(&mut *self.socket).poll_read(self.cx, &mut into) {
            Poll::Ready(read) => read.map(|()| into.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Polled<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[io::IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match Pin::new(&mut *self.socket).poll_write_vectored(self.cx, slices) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A socket that is asked by its cached readiness, for nobody to be woken.
struct Tried<'a>(&'a TcpStream);

impl Read for Tried<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(into)
    }
}

impl Write for Tried<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
