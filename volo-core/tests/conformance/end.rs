//! A link with async functions around it, and the length-prefix framing of the tests.

#[cfg(feature = "tls")]
use std::sync::LazyLock;
use std::{future::poll_fn, ops::Range};

use bytes::Bytes;
#[cfg(feature = "tls")]
use volo_core::net::{TlsClient, TlsServer};
use volo_core::{
    Address, Error, Result, Size,
    net::{ConnectOptions, Frame, Framer, Link, ListenOptions, Listener, ShmOptions, ShmTrust, connect},
    span::COPY_MAX,
};

/// Frames of a 4-byte length and so many bytes.
pub(crate) struct LengthFramer {
    pub(crate) max: usize,
}

impl Framer for LengthFramer {
    fn frame(&mut self, bytes: &[u8]) -> Result<Frame> {
        let Some(&prefix) = bytes.first_chunk::<4>() else { return Ok(Frame::Partial(4)) };
        let length = u32::from_be_bytes(prefix) as usize;
        if length > self.max {
            return Err(Error::protocol(format!("a frame of {length} bytes is beyond {}", self.max)));
        }
        Ok(if bytes.len() >= 4 + length { Frame::Complete(4 + length) } else { Frame::Partial(4 + length) })
    }
}

/// One end of a connection.
pub(crate) struct End {
    pub(crate) link: Box<dyn Link>,
    pub(crate) framer: LengthFramer,
}

impl End {
    pub(crate) fn new(link: Box<dyn Link>) -> Self {
        End { link, framer: LengthFramer { max: 4 << 20 } }
    }

    pub(crate) async fn ready(&mut self) -> Result<()> {
        poll_fn(|cx| self.link.poll_ready(cx, Size::default())).await
    }

    /// Writes one frame, its payload linked where that is worth it.
    pub(crate) fn write(&mut self, payload: &Bytes) -> Result<Range<u64>> {
        self.write_all(std::slice::from_ref(payload))
    }

    /// Writes one frame of several bodies.
    pub(crate) fn write_all(&mut self, bodies: &[Bytes]) -> Result<Range<u64>> {
        let link_min = self.link.profile().link_min.max(COPY_MAX + 1);
        let length: usize = bodies.iter().map(Bytes::len).sum();
        let linked = bodies.iter().map(Bytes::len).filter(|len| *len >= link_min).sum();
        self.link.write(Size { inline: 4 + length - linked, linked }, &mut |span| {
            span.put_slice(&(length as u32).to_be_bytes());
            bodies.iter().for_each(|body| span.put_body(body));
            Ok(())
        })
    }

    pub(crate) async fn flush(&mut self) -> Result<()> {
        poll_fn(|cx| self.link.poll_flush(cx)).await
    }

    pub(crate) async fn close(&mut self) -> Result<()> {
        poll_fn(|cx| self.link.poll_close(cx)).await
    }

    /// Waits for room, writes and flushes.
    pub(crate) async fn send(&mut self, payload: &Bytes) -> Result<()> {
        self.ready().await?;
        self.write(payload)?;
        self.flush().await
    }

    /// The payload of the next frame.
    pub(crate) async fn recv(&mut self) -> Result<Option<Bytes>> {
        let frame = poll_fn(|cx| self.link.poll_recv(cx, &mut self.framer)).await?;
        Ok(frame.map(|frame| frame.slice(4..)))
    }

    /// The payload of the next frame, which must come.
    pub(crate) async fn expect(&mut self) -> Bytes {
        self.recv().await.unwrap().expect("the stream goes on")
    }
}

/// Both ends of a connection, and where it was made.
pub(crate) struct Ends {
    pub(crate) client: End,
    pub(crate) server: End,
    pub(crate) listener: Listener,
}

impl Ends {
    pub(crate) async fn new(address: String) -> Self {
        let address: Address = address.parse().unwrap();
        let listener = Listener::bind(&address, &listen_options(&address)).await.unwrap();
        let mut dialling = tokio::spawn(dial(listener.local_address().clone()));
        let mut server = End::new(listener.accept().await.unwrap());
        // Where there is a handshake, the other end has to be asked for a message, too.
        let client = tokio::select! {
            client = &mut dialling => End::new(client.unwrap().unwrap()),
            message = server.recv() => panic!("nobody sent {message:?}"),
        };
        Ends { client, server, listener }
    }

    /// The server's end of a connection that someone else makes.
    pub(crate) async fn accept(&self) -> End {
        End::new(self.listener.accept().await.unwrap())
    }
}

/// Makes a connection to one of [`listen_options`].
pub(crate) async fn dial(address: Address) -> Result<Box<dyn Link>> {
    let options = ConnectOptions {
        #[cfg(feature = "tls")]
        tls: encryption().0.clone(),
        shm: shm_options(&address),
        ..ConnectOptions::default()
    };
    connect(&address, &options).await
}

fn listen_options(address: &Address) -> ListenOptions {
    ListenOptions {
        #[cfg(feature = "tls")]
        tls: matches!(address, Address::Tls(..)).then(|| encryption().1.clone()),
        shm: shm_options(address),
        ..ListenOptions::default()
    }
}

/// Both ends trust each other where the address says so.
fn shm_options(address: &Address) -> ShmOptions {
    let trusted = matches!(address, Address::Shm(path) if path.to_string_lossy().ends_with("-trusted"));
    // SAFETY: both ends are this program.
    let trust = if trusted { unsafe { ShmTrust::full() } } else { ShmTrust::none() };
    ShmOptions { trust, ..ShmOptions::default() }
}

/// What clients and servers need to trust each other.
#[cfg(feature = "tls")]
fn encryption() -> &'static (TlsClient, TlsServer) {
    static BOTH: LazyLock<(TlsClient, TlsServer)> = LazyLock::new(|| {
        let authority = crate::certificates::Authority::new();
        (authority.client(), authority.server().tls())
    });
    &BOTH
}

/// Bytes that tell where they are.
pub(crate) fn payload(length: usize, seed: usize) -> Bytes {
    (0..length).map(|at| (at * 31 + at / 251 + seed * 17) as u8).collect()
}
