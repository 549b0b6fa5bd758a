//! Memory with one writer, seen from either side.
//!
//! [`Own`] is written by this end alone, so it may be lent as plain memory. [`Peers`] may change at any moment: it
//! is never borrowed, only read word by word with atomic loads, or copied out once, and checked afterwards.

use std::{
    io,
    mem::MaybeUninit,
    os::fd::OwnedFd,
    ptr, slice,
    sync::atomic::{AtomicU64, Ordering, fence},
};

use bytes::BytesMut;

use super::sys::{self, Mapping, Writer};

/// Up to this many bytes are copied by words, more at once.
#[cfg(all(target_arch = "x86_64", not(any(miri, sanitized))))]
const WORDS_MAX: usize = 256;

/// Words that another may change meanwhile.
pub(super) trait Load {
    /// The word at this offset, a multiple of 8; 0 beyond the end. What was written before it was stored is seen
    /// afterwards.
    fn load(&self, at: usize) -> u64;
}

/// Words that no one else writes.
pub(super) trait Store {
    /// Sets the word at this offset, a multiple of 8, after everything written before; nothing beyond the end.
    fn store(&mut self, at: usize, word: u64);
}

/// This end's memory.
pub(super) struct Own {
    file: OwnedFd,
    mapping: Mapping,
}

impl Own {
    /// Sealed memory of `len` bytes, none of which is there yet.
    pub(super) fn create(len: usize) -> io::Result<Self> {
        let (file, mapping) = sys::create(len, Writer::Owner)?;
        Ok(Own { file, mapping })
    }

    /// Makes the bytes there are; before, they must not be written.
    pub(super) fn allocate(&self, at: usize, len: usize) -> io::Result<()> {
        sys::allocate(&self.file, at, len)
    }

    /// What the peer maps.
    pub(super) fn file(&self) -> &OwnedFd {
        &self.file
    }

    /// The bytes from `at` on, for writing; fewer if the memory ends before.
    pub(super) fn lend(&mut self, at: usize, len: usize) -> &mut [MaybeUninit<u8>] {
        let at = at.min(self.mapping.len());
        let len = len.min(self.mapping.len() - at);
        // SAFETY: the range lies inside the mapping, which lives as long as the borrow. The file is sealed against
        // writers other than this mapping, and the mapping is borrowed for as long as the slice is, so nothing else
        // writes there meanwhile; that another process may read is of no matter to this one.
        unsafe { slice::from_raw_parts_mut(self.mapping.base().add(at).cast(), len) }
    }
}

impl Store for Own {
    #[inline]
    fn store(&mut self, at: usize, word: u64) {
        if let Some(place) = word_at(&self.mapping, at) {
            place.store(word, Ordering::Release);
        }
    }
}

/// The peer's memory.
pub(super) struct Peers {
    mapping: Mapping,
}

impl Peers {
    /// Maps the peer's file; says why not if it isn't `len` bytes of sealed memory.
    pub(super) fn map(file: &OwnedFd, len: usize) -> Result<Self, String> {
        Ok(Peers { mapping: sys::map_peer(file, len, Writer::Owner)? })
    }

    /// Copies bytes out, behind those in `buffer`; gives false if they aren't all inside the memory.
    ///
    /// They are read once; what is copied no longer changes and can be checked.
    pub(super) fn append_to(&self, buffer: &mut BytesMut, at: usize, len: usize) -> bool {
        if at.checked_add(len).is_none_or(|end| end > self.mapping.len()) || !at.is_multiple_of(8) {
            return false;
        }
        buffer.reserve(len);
        let to = buffer.spare_capacity_mut();
        debug_assert!(to.len() >= len);
        // SAFETY: the source lies inside the mapping by the compare above and is 8-aligned as its base is, the
        // target has the room just reserved and can't overlap it; `len` bytes behind the end are initialised then.
        unsafe {
            copy_racing(self.mapping.base().add(at), to.as_mut_ptr().cast(), len);
            buffer.set_len(buffer.len() + len);
        }
        true
    }
}

impl Load for Peers {
    #[inline]
    fn load(&self, at: usize) -> u64 {
        // Loads from read-only memory have to be relaxed; the fence gives what an acquiring one would.
        let word = word_at(&self.mapping, at).map_or(0, |place| place.load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        word
    }
}

#[inline]
fn word_at(mapping: &Mapping, at: usize) -> Option<&AtomicU64> {
    if !at.is_multiple_of(8) || at >= mapping.len() & !7 {
        return None;
    }
    // SAFETY: 8 bytes from a multiple of 8 below the rounded length lie inside the mapping, whose base is aligned;
    // the borrow keeps it mapped. Other processes and threads use atomic words or copies by [`copy_racing`] there.
    Some(unsafe { AtomicU64::from_ptr(mapping.base().add(at).cast()) })
}

/// Copies memory that may change meanwhile; each byte is read once.
///
/// # Safety
/// `from` is 8-aligned and readable for `len` bytes, `to` writable for as many, and they don't overlap.
unsafe fn copy_racing(from: *const u8, to: *mut u8, len: usize) {
    #[cfg(all(target_arch = "x86_64", not(any(miri, sanitized))))]
    if len > WORDS_MAX {
        // SAFETY: the caller's promise. One instruction outside the compiler's sight reads the bytes, so no
        // assumption about them staying the same can be made; the direction flag is clear by convention.
        unsafe {
            std::arch::asm!(
                "rep movsb",
                inout("rcx") len => _,
                inout("rdi") to => _,
                inout("rsi") from => _,
                options(nostack, preserves_flags)
            );
        }
        return;
    }
    let words = len / 8;
    for index in 0..words {
        // SAFETY: the word lies inside the caller's range and is aligned; atomic loads may race.
        unsafe {
            let word = AtomicU64::from_ptr(from.cast_mut().cast::<u64>().add(index)).load(Ordering::Relaxed);
            to.cast::<u64>().add(index).write_unaligned(word);
        }
    }
    for at in words * 8..len {
        // SAFETY: the byte lies inside the caller's range; a volatile read is made once, whatever changes.
        unsafe { to.add(at).write(ptr::read_volatile(from.add(at))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_reads_what_its_owner_wrote() {
        let mut own = Own::create(1 << 16).unwrap();
        own.allocate(0, 1 << 16).unwrap();
        let peers = Peers::map(own.file(), 1 << 16).unwrap();
        own.store(64, 77);
        own.store(1 << 16, 1); // beyond the end
        assert_eq!((peers.load(64), peers.load(1 << 16), peers.load(60)), (77, 0, 0));
        for len in [0, 1, 7, 8, 9, 255, 256, 257, 5_000] {
            for (at, place) in own.lend(4096, len).iter_mut().enumerate() {
                place.write(at as u8 ^ len as u8);
            }
            let mut copy = BytesMut::from(&b"before"[..]);
            assert!(peers.append_to(&mut copy, 4096, len));
            assert_eq!(&copy[..6], b"before");
            assert!(copy[6..].iter().enumerate().all(|(at, byte)| *byte == at as u8 ^ len as u8), "{len}");
            assert_eq!(copy.len(), 6 + len);
        }
    }

    #[test]
    fn nothing_outside_is_touched() {
        let mut own = Own::create(8192).unwrap();
        let peers = Peers::map(own.file(), 8192).unwrap();
        let mut copy = BytesMut::new();
        for (at, len) in [(0, 8193), (8192, 1), (8192, usize::MAX), (usize::MAX - 7, 8), (4, 4)] {
            assert!(!peers.append_to(&mut copy, at, len), "{len} bytes at {at}");
        }
        assert_eq!((own.lend(8000, 1000).len(), own.lend(9000, 10).len()), (192, 0));
    }

    #[test]
    fn only_sealed_memory_of_the_right_size_is_mapped() {
        let own = Own::create(8192).unwrap();
        assert!(Peers::map(own.file(), 4096).err().unwrap().contains("8192 bytes, but 4096"));
        let plain: OwnedFd = std::fs::File::open("/dev/null").unwrap().into();
        assert!(Peers::map(&plain, 4096).err().unwrap().contains("no memory file"));
        use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
        let file = memfd_create(c"test", MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&file, 8192).unwrap();
        assert!(Peers::map(&file, 8192).err().unwrap().contains("seals"));
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL).unwrap();
        assert!(Peers::map(&file, 8192).err().unwrap().contains("seals"), "it could still be written");
    }

    #[test]
    fn nobody_else_can_write_or_resize() {
        let own = Own::create(8192).unwrap();
        assert!(rustix::fs::ftruncate(own.file(), 0).is_err());
        assert!(rustix::fs::ftruncate(own.file(), 16384).is_err());
        assert!(rustix::io::pwrite(own.file(), b"x", 0).is_err());
        // SAFETY: the kernel chooses the address; should it be mapped after all, that is leaked.
        let mapped = unsafe {
            use rustix::mm::{MapFlags, ProtFlags, mmap};
            mmap(ptr::null_mut(), 8192, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, own.file(), 0)
        };
        assert!(mapped.is_err());
    }
}
