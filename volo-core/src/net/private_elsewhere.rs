//! Stands in for `private.rs` where there are no Unix sockets.
#![forbid(unsafe_code)]

use std::path::Path;

use crate::{Error, ErrorKind, Result};

/// Refuses every directory, as no socket could be put there.
///
/// # Errors
/// Always [`ErrorKind::Config`].
pub fn private_directory(path: &Path) -> Result<u32> {
    let text = format!("directory {} is of no use to a system without Unix sockets", path.display());
    Err(Error::new(ErrorKind::Config, text))
}

/// Does nothing.
pub fn remove_stale_sockets(_: &Path) {}
