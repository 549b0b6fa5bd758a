//! How an end waits: for records, for room, or for both.
#![forbid(unsafe_code)]

use std::{
    io,
    task::{Context, Poll, ready},
};

use tokio::io::Interest;

use super::{
    super::{
        layout::PROCESSOR,
        memory::{Load, Store},
        sys,
        wake::Look,
    },
    ShmLink, closed,
};
use crate::Result;

/// Wake-ups read in one go.
const WAKE_UPS: usize = 64;

/// How often the socket is read before the rest of what a peer floods it with has to wait.
pub(super) const READS_MAX: usize = 16;

/// Times of sleeping for which wake-ups may lie unread in the socket, which has room for some hundred.
const UNREAD_MAX: u64 = 16;

/// What a wait is over for before it began.
struct There {
    records: bool,
    room: bool,
}

impl ShmLink {
    /// Takes the wake-ups that came, and registers with the socket for the next; notices that the peer is gone.
    fn poll_socket(&mut self, cx: &mut Context<'_>) {
        for turn in 0..READS_MAX {
            match self.socket.poll_read_ready(cx) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) if turn == 0 && self.sleeper.times() - self.read_at < UNREAD_MAX => {
                    self.pass_wake_ups();
                }
                Poll::Ready(Ok(())) => {
                    self.read_wake_ups();
                }
                Poll::Ready(Err(_)) => self.gone = true,
            }
            if self.gone {
                return;
            }
        }
        cx.waker().wake_by_ref();
    }

    /// Lets wake-ups lie, which saves reading them: the next one is told nevertheless, and so is the end.
    fn pass_wake_ups(&self) {
        let _ = self
            .socket
            .try_io(Interest::READABLE, || io::Result::<()>::Err(io::ErrorKind::WouldBlock.into()));
    }

    /// Whether there were wake-ups.
    pub(super) fn read_wake_ups(&mut self) -> bool {
        match self.socket.try_read(&mut [0; WAKE_UPS]) {
            Ok(1..) => {
                self.read_at = self.sleeper.times(); // not before: where none seem to be there, nothing was asked
                return true;
            }
            Ok(0) => self.gone = true,
            Err(error) => {
                self.gone |= !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted);
            }
        }
        false
    }

    /// Begins to wait for whatever this end waits for; says what of it is there already.
    fn wait(&mut self, cx: &mut Context<'_>) -> Result<There> {
        self.tell();
        self.poll_socket(cx);
        self.sleeper.sleep(&mut self.own, self.waits_for_room);
        self.spin.slept();
        let records = self.waits_for_records && (self.gone || self.consumer.is_ready(&self.peers));
        let room = self.waits_for_room && (self.gone || self.refresh()?);
        Ok(There { records, room })
    }

    fn refresh(&mut self) -> Result<bool> {
        self.producer.refresh(&self.peers).map_err(|violation| self.poison(violation))
    }

    /// Waits until everything is in shared memory, and publishes it.
    pub(super) fn poll_pump(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let done = self.pump()?;
            self.publish();
            if self.gone {
                return Poll::Ready(Err(closed("the peer is gone")));
            }
            if done {
                return Poll::Ready(self.end_wait_for_room(cx));
            }
            ready!(self.poll_room(cx))?;
        }
    }

    /// Waits until the peer has made some room, or is gone.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.waits_for_room = true;
        let there = self.wait(cx)?;
        if there.records {
            cx.waker().wake_by_ref();
        }
        if there.room { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// The wait for records, if there is one, goes on alone.
    fn end_wait_for_room(&mut self, cx: &mut Context<'_>) -> Result<()> {
        if self.waits_for_room {
            self.waits_for_room = false;
            if self.waits_for_records && self.wait(cx)?.records {
                cx.waker().wake_by_ref();
            }
        }
        Ok(())
    }

    /// Waits until there are records, or the peer is gone.
    pub(super) fn poll_records(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.publish(); // nobody should wait for this while this end waits
        let is_peer_here = self.is_peer_here();
        match self.spin.look(is_peer_here, || self.consumer.is_ready(&self.peers)) {
            Look::Found => return Poll::Ready(Ok(())),
            Look::Again => {
                self.tell();
                self.poll_socket(cx);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Look::Sleep => {}
        }
        self.waits_for_records = true;
        let there = self.wait(cx)?;
        if there.room {
            cx.waker().wake_by_ref();
        }
        if there.records { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Whether the peer ran last where this end runs; tells the peer where that is.
    fn is_peer_here(&mut self) -> bool {
        let processor = sys::processor() + 1;
        if processor != self.processor {
            self.processor = processor;
            self.own.store(PROCESSOR, processor as u64);
        }
        self.peers.load(PROCESSOR) == processor as u64
    }

    /// The wait for room, if there is one, goes on alone.
    pub(super) fn end_wait_for_records(&mut self, cx: &mut Context<'_>) -> Result<()> {
        self.waits_for_records = false;
        if !self.waits_for_room {
            self.sleeper.wake(&mut self.own);
        } else if self.wait(cx)?.room {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }
}
