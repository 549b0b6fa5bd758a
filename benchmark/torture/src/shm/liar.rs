//! A peer written anew after the protocol, which can be made to break every rule of it.

use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    time::Duration,
};

use rustix::{
    fs::SealFlags,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    },
};
use volo_core::BoxError;

use super::memory::Memory;

/// Where things are.
pub const HEAD: usize = 0;
pub const SLEEP: usize = 128;
pub const RING: usize = 4096;
pub const CELLS: u64 = 4096;
pub const CELL: usize = 64;

/// Kinds of records.
pub const INLINE: u64 = 1;
pub const SLICE: u64 = 2;

/// What every file is sealed against.
pub const SEALS: SealFlags =
    SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::FUTURE_WRITE).union(SealFlags::SEAL);

/// Slices of each class that the liar offers.
const COUNTS: [u16; 5] = [4, 4, 4, 4, 4];

/// Bytes of the memory with these slices.
pub fn len_of(cells: u32, counts: [u16; 5]) -> usize {
    let slices: usize = counts
        .iter()
        .zip([12, 14, 16, 18, 20])
        .map(|(count, shift)| usize::from(*count) * ((1 << shift) + 1024))
        .sum();
    (RING + (cells as usize + 1) * CELL + slices).next_multiple_of(4096)
}

/// Offset of a slice of the liar's.
pub fn slice(class: usize, index: usize) -> usize {
    let stride = |class: usize| (1 << (12 + 2 * class)) + 1024;
    RING + (CELLS as usize + 1) * CELL
        + (0..class).map(|class| 4 * stride(class)).sum::<usize>()
        + index * stride(class)
}

/// A message of the handshake.
pub fn message(kind: u8, version: u16, cells: u32, counts: [u16; 5]) -> [u8; 128] {
    let mut bytes = [0; 128];
    bytes[..8].copy_from_slice(b"\x7fVOLOSHM");
    bytes[8] = kind;
    bytes[10..12].copy_from_slice(&version.to_le_bytes());
    bytes[12..14].copy_from_slice(&version.to_le_bytes());
    bytes[20..24].copy_from_slice(&cells.to_le_bytes());
    for (class, count) in counts.iter().enumerate() {
        bytes[24 + 2 * class..26 + 2 * class].copy_from_slice(&count.to_le_bytes());
    }
    bytes
}

/// The offer that is right.
pub fn offer() -> [u8; 128] {
    message(1, 1, CELLS as u32, COUNTS)
}

/// Memory that fits the offer.
pub fn memory() -> io::Result<(OwnedFd, Memory)> {
    Memory::create(len_of(CELLS as u32, COUNTS), SEALS)
}

/// Sends bytes and descriptors.
pub fn send(socket: &UnixStream, bytes: &[u8], files: &[&OwnedFd]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let files: Vec<_> = files.iter().map(|file| file.as_fd()).collect();
    if !files.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&files));
    }
    sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives one message of the handshake and the descriptor that came with it.
pub fn receive(socket: &UnixStream) -> io::Result<([u8; 128], Option<OwnedFd>)> {
    let (mut bytes, mut received, mut file) = ([0; 128], 0, None);
    while received < bytes.len() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut bytes[received..])];
        let count = recvmsg(socket, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        received += count;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(files) = message {
                file = files.last().or(file);
            }
        }
    }
    Ok((bytes, file))
}

/// A connection to a server that believes in it.
pub struct Liar {
    pub socket: UnixStream,
    pub own: std::sync::Arc<Memory>,
    pub peers: Memory,
    /// The next cell to be written, and the next to be read.
    pub tail: u64,
    pub head: u64,
}

impl Liar {
    /// Connects and shakes hands as one should.
    pub fn connect(path: &Path) -> Result<Self, BoxError> {
        let socket = UnixStream::connect(path)?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        let (file, own) = memory()?;
        send(&socket, &offer(), &[&file])?;
        let (answer, file) = receive(&socket)?;
        let file = file.ok_or("no descriptor came from the server")?;
        let counts =
            std::array::from_fn(|class| u16::from_le_bytes([answer[24 + 2 * class], answer[25 + 2 * class]]));
        let cells = u32::from_le_bytes(answer[20..24].try_into()?);
        let peers = Memory::of_peer(&file, len_of(cells, counts))?;
        Ok(Liar { socket, own: own.into(), peers, tail: 0, head: 0 })
    }

    /// Adds a record without anything behind it; the payload must be in its place.
    pub fn record(&mut self, kind: u64, len: usize, class: usize, index: usize) {
        let cells = if kind == INLINE { (16 + len).div_ceil(CELL) as u64 } else { 1 };
        let at = cell(self.tail);
        self.own.store(cell(self.tail + cells), 0);
        self.own.store(at + 8, len as u64 | kind << 32 | (class as u64) << 40 | (index as u64) << 48);
        self.own.store(at, self.tail + 1);
        self.tail += cells;
    }

    /// Writes a small message; it must not reach over the end of the ring.
    pub fn inline(&mut self, bytes: &[u8]) {
        self.own.write(cell(self.tail) + 16, bytes);
        self.record(INLINE, bytes.len(), 0, 0);
    }

    /// Wakes the server.
    pub fn wake(&mut self) -> bool {
        self.socket.write_all(&[1]).is_ok()
    }

    /// Whether the server ends the connection within this time.
    pub fn is_ended_within(&mut self, time: Duration) -> bool {
        let _ = self.socket.set_read_timeout(Some(time));
        let mut wake_ups = [0; 256];
        loop {
            match self.socket.read(&mut wake_ups) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => {
                    return !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
                }
            }
        }
    }

    /// Passes over all records that the server has published; says how many.
    pub fn drain(&mut self) -> u64 {
        let mut count = 0;
        while self.peers.load(cell(self.head)) == self.head + 1 {
            let description = self.peers.load(cell(self.head) + 8);
            self.head += match description >> 32 & 0xff {
                INLINE => (16 + (description as u32 as u64)).div_ceil(CELL as u64),
                3 => CELLS - self.head % CELLS,
                _ => 1,
            };
            count += 1;
        }
        self.own.store(HEAD, self.head);
        count
    }
}

/// Offset of a cell.
pub fn cell(number: u64) -> usize {
    RING + (number % CELLS) as usize * CELL
}
