//! A byte stream as a [`Link`]: the [`Input`] and [`Output`] halves over one socket.
//!
//! Everything that moves bytes in order and tells from cached readiness whether some are there fits:
//! TCP, Unix sockets, and encrypted streams over them.
#![forbid(unsafe_code)]

use std::{
    io,
    ops::Range,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::{Framer, Link, LinkOptions, Profile, input::Input, output::Output};
use crate::{Address, Error, ErrorKind, Peer, Result, Size, Span};

/// The largest message on a stream: what a 32-bit signed length can announce.
const MESSAGE_MAX: usize = i32::MAX as usize;

/// A socket, as far as [`StreamLink`] needs one.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {
    /// Whether the stream is open and nothing is there to be read, by cached readiness. May lose a byte if not.
    fn is_quiet(&mut self) -> bool;

    /// This end's own address, if it has one.
    fn local_address(&self) -> Option<Address> {
        None
    }

    /// Adds what is known of the other end since something was received from it.
    fn learn(&self, _: &mut Peer) {}
}

impl Stream for TcpStream {
    fn is_quiet(&mut self) -> bool {
        would_block(self.try_read(&mut [0]))
    }

    fn local_address(&self) -> Option<Address> {
        self.local_addr().ok().map(Address::Tcp)
    }
}

#[cfg(unix)]
impl Stream for tokio::net::UnixStream {
    fn is_quiet(&mut self) -> bool {
        would_block(self.try_read(&mut [0]))
    }
}

fn would_block(read: io::Result<usize>) -> bool {
    read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// One connection over a byte stream.
pub(super) struct StreamLink<S> {
    stream: S,
    profile: Profile,
    buffered_max: usize,
    input: Input,
    output: Output,
}

impl<S: Stream> StreamLink<S> {
    /// A link over a connected `stream`.
    pub(super) fn new(stream: S, transport: &'static str, peer: Peer, options: &LinkOptions) -> Self {
        let profile = Profile::new(transport, options.link_min, MESSAGE_MAX, peer);
        let buffered_max = options.buffered_max;
        StreamLink { stream, profile, buffered_max, input: Input::default(), output: Output::default() }
    }
}

impl<S: Stream> Link for StreamLink<S> {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn local_address(&self) -> Option<Address> {
        self.stream.local_address()
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>, _size: Size) -> Poll<Result<()>> {
        self.output.poll_send(cx, &mut self.stream, self.buffered_max)
    }

    fn write(&mut self, size: Size, fill: &mut dyn FnMut(&mut Span<'_>) -> Result<()>) -> Result<Range<u64>> {
        if size.total() > MESSAGE_MAX {
            let text = format!("a message of {} bytes is beyond the {MESSAGE_MAX} of a stream", size.total());
            return Err(Error::new(ErrorKind::Encode, text));
        }
        self.output.write(size, self.profile.link_min, fill)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.output.poll_flush(cx, &mut self.stream)
    }

    fn flushed(&self) -> u64 {
        self.output.flushed()
    }

    fn buffered(&self) -> usize {
        self.output.len()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, framer: &mut dyn Framer) -> Poll<Result<Option<Bytes>>> {
        let polled = self.input.poll_frame(cx, &mut self.stream, framer);
        if polled.is_ready() {
            self.stream.learn(&mut self.profile.peer);
        }
        polled
    }

    fn partial(&self) -> usize {
        self.input.len()
    }

    fn held(&self) -> usize {
        self.input.held()
    }

    fn idle_ok(&mut self) -> bool {
        if !self.input.is_idle() || !self.output.is_idle() {
            return false;
        }
        let quiet = self.stream.is_quiet();
        if !quiet {
            self.input.fail(); // the end of the stream was seen, or a byte was lost
        }
        quiet
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.output.poll_close(cx, &mut self.stream)
    }
}
