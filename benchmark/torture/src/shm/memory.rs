//! A memory file as a liar has it: mapped for writing whatever it is sealed with, and anything may be put there.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    ptr::{self, NonNull},
    sync::atomic::{AtomicU8, AtomicU64, Ordering::SeqCst},
};

use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create},
    mm::{MapFlags, ProtFlags, mmap, munmap},
};

/// A mapped memory file.
pub struct Memory {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: all access is by atomics, and the mapping belongs to the value.
unsafe impl Send for Memory {}
// SAFETY: what is shared is reached through atomics only, so that any number of threads may do so at once.
unsafe impl Sync for Memory {}

impl Memory {
    /// A new file of `len` bytes that was mapped before it got these seals.
    pub fn create(len: usize, seals: SealFlags) -> io::Result<(OwnedFd, Memory)> {
        let file = memfd_create(c"liar", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, len as u64)?;
        let memory = Memory::map(&file, len, ProtFlags::READ | ProtFlags::WRITE)?;
        fcntl_add_seals(&file, seals)?;
        Ok((file, memory))
    }

    /// The other end's file, for reading.
    pub fn of_peer(file: &OwnedFd, len: usize) -> io::Result<Memory> {
        Memory::map(file, len, ProtFlags::READ)
    }

    fn map(file: &OwnedFd, len: usize, protection: ProtFlags) -> io::Result<Memory> {
        // SAFETY: the kernel chooses the address.
        let base = unsafe { mmap(ptr::null_mut(), len, protection, MapFlags::SHARED, file.as_fd(), 0) }?;
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Memory { base, len })
    }

    /// The word at this offset.
    pub fn load(&self, at: usize) -> u64 {
        // Loads from memory mapped for reading alone have to be relaxed; on x86-64 they order what matters here.
        self.word(at).load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Sets the word at this offset.
    pub fn store(&self, at: usize, word: u64) {
        self.word(at).store(word, SeqCst);
    }

    /// Sets the bytes from this offset on.
    pub fn write(&self, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= self.len);
        for (index, byte) in bytes.iter().enumerate() {
            // SAFETY: inside the mapping by the compare above.
            unsafe { AtomicU8::from_ptr(self.base.as_ptr().add(at + index)) }.store(*byte, SeqCst);
        }
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        assert!(at.is_multiple_of(8) && at + 8 <= self.len);
        // SAFETY: aligned and inside the mapping, which lives as long as the borrow.
        unsafe { AtomicU64::from_ptr(self.base.as_ptr().add(at).cast()) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the value owned the mapping, and nothing borrows it any more.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.len) };
    }
}
