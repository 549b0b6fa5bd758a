//! The few calls of epoll that the loops need.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
};

const EVENTS_MAX: usize = 256;

/// Tells which sockets can be read.
pub(crate) struct Epoll {
    epoll: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointer.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new, and nobody else has it.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Epoll { epoll, events: vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS_MAX] })
    }

    /// Waits for `socket` from now on, under the name `token`.
    pub(crate) fn add(&self, socket: &impl AsRawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: token };
        let socket: RawFd = socket.as_raw_fd();
        // SAFETY: `event` lives through the call.
        match unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, socket, &mut event) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Waits until some socket can be read; gives their tokens.
    pub(crate) fn wait(&mut self) -> io::Result<impl Iterator<Item = u64> + '_> {
        let (events, len) = (self.events.as_mut_ptr(), self.events.len() as i32);
        // SAFETY: the events are ours and there are `len` of them.
        let count = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), events, len, -1) };
        match usize::try_from(count) {
            Ok(count) => Ok(self.events[..count].iter().map(|event| event.u64)),
            Err(_) => Err(io::Error::last_os_error()),
        }
    }
}
