//! System calls: sealed memory files and their mappings, and descriptors that travel over a socket.
//!
//! Each end maps a file of its own for writing and then seals it: from there on nobody can write, shrink or grow
//! it, so the other end may read what it maps without fear of a signal, and this end is the only writer of its own.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    ptr::{self, NonNull},
};

use rustix::{
    fs::{self, FallocateFlags, MemfdFlags, SealFlags},
    io::Errno,
    mm::{self, MapFlags, ProtFlags},
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, send, sendmsg,
    },
    thread,
};

/// Who writes a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    /// The end that made it.
    Owner,
    /// Either end.
    Both,
}

impl Writer {
    /// What the file must be sealed against.
    fn seals(self) -> SealFlags {
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        if self == Writer::Owner { seals | SealFlags::FUTURE_WRITE } else { seals }
    }

    /// What the peer may do there.
    fn protection(self) -> ProtFlags {
        if self == Writer::Owner { ProtFlags::READ } else { ProtFlags::READ | ProtFlags::WRITE }
    }
}

/// Kind of the file system that plain memory files live in; on one of huge pages a read may raise a signal.
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// Descriptors looked for in one message; one or two are right, and those beyond these are closed by the kernel.
const DESCRIPTORS_MAX: usize = 4;

/// A mapping of a whole memory file.
pub(super) struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to the value alone, and no thread is special to it.
unsafe impl Send for Mapping {}
// SAFETY: a shared reference gives no more than the address and the length.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(file: BorrowedFd<'_>, len: usize, protection: ProtFlags) -> io::Result<Self> {
        // SAFETY: the kernel chooses the address, so nothing that exists is mapped over.
        let base = unsafe { mm::mmap(ptr::null_mut(), len, protection, MapFlags::SHARED, file, 0) }?;
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Mapping { base, len })
    }

    /// The first byte; page-aligned.
    pub(super) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Bytes mapped.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the value owned the mapping, and every borrow of it has ended. A failure leaks it, no more.
        let _ = unsafe { mm::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// A new file of `len` bytes without memory yet, mapped for writing and sealed.
pub(super) fn create(len: usize, writer: Writer) -> io::Result<(OwnedFd, Mapping)> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = match fs::memfd_create(c"volo-shm", flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => fs::memfd_create(c"volo-shm", flags)?, // before Linux 6.3
        file => file?,
    };
    fs::ftruncate(&file, len as u64)?;
    let mapping = Mapping::new(file.as_fd(), len, ProtFlags::READ | ProtFlags::WRITE)?;
    fs::fcntl_add_seals(&file, writer.seals())?;
    Ok((file, mapping))
}

/// Gives part of a file memory, so that writing there can't raise a signal.
pub(super) fn allocate(file: &OwnedFd, offset: usize, len: usize) -> io::Result<()> {
    loop {
        match fs::fallocate(file, FallocateFlags::empty(), offset as u64, len as u64) {
            Err(Errno::INTR) => {}
            allocated => return Ok(allocated?),
        }
    }
}

/// Maps the peer's file, if it is what it should be; says else why not.
pub(super) fn map_peer(file: &OwnedFd, len: usize, writer: Writer) -> Result<Mapping, String> {
    let failed = |what: &str, error: Errno| format!("{what}: {error}");
    let seals = fs::fcntl_get_seals(file)
        .map_err(|error| failed("the descriptor is of no memory file with seals", error))?;
    let wanted = writer.seals();
    if !seals.contains(wanted) {
        return Err(format!("the memory file has the seals {seals:?}, but must have {wanted:?}"));
    }
    let system = fs::fstatfs(file).map_err(|error| failed("the memory file has no file system", error))?;
    if system.f_type as u64 != TMPFS_MAGIC {
        return Err("the memory file is not one of plain memory".to_owned());
    }
    let size = fs::fstat(file).map_err(|error| failed("the memory file has no size", error))?.st_size;
    if usize::try_from(size) != Ok(len) {
        return Err(format!("the memory file has {size} bytes, but {len} were announced"));
    }
    Mapping::new(file.as_fd(), len, writer.protection())
        .map_err(|error| format!("it can't be mapped: {error}"))
}

/// Sends bytes, and descriptors with the first of them; gives how many bytes went.
pub(super) fn send_with(socket: impl AsFd, bytes: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() && !control.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    Ok(sendmsg(socket, &[IoSlice::new(bytes)], &mut control, flags)?)
}

/// Receives bytes, and adds the descriptors that came with them to `files`; gives how many bytes came.
pub(super) fn receive_with(
    socket: impl AsFd,
    bytes: &mut [u8],
    files: &mut Vec<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(socket, &mut [IoSliceMut::new(bytes)], &mut control, flags)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            files.extend(descriptors);
        }
    }
    Ok(received.bytes)
}

/// What became of a wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It is on its way, or others are already.
    Done,
    /// There is nobody to be woken any more.
    Gone,
}

/// Sends the byte that wakes the peer, without ever waiting.
pub(super) fn wake(socket: impl AsFd) -> Sent {
    match send(socket, &[1], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
        Ok(_) | Err(Errno::AGAIN | Errno::NOBUFS | Errno::INTR) => Sent::Done,
        Err(_) => Sent::Gone,
    }
}

/// The processor that this thread runs on.
pub(super) fn processor() -> usize {
    thread::sched_getcpu()
}

/// The user that this process acts as.
pub(super) fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}
