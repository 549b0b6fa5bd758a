//! Where a client and a server on one host find each other beside the address that was dialled.
//!
//! Both name the same private directory. A server listens there, too, under a name made of its instance id, and says so
//! to clients that reach it directly: those whose connection has the same two ends on either side. A directory that no
//! other user can touch, the user of the other end, and a hello that must give the id once more make sure that the
//! socket is that very server's.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use volo_core::{
    Address, Error, Result,
    net::{self, ListenOptions, Listener},
};

use crate::meta::{InstanceId, Near};

/// Lets a client and a server that run on one host leave TCP for what is faster there.
///
/// ```
/// use volo_thrift::SameHost;
///
/// let same_host = SameHost::new("/run/shop/sockets");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SameHost {
    directory: PathBuf,
    from_tls: bool,
}

impl SameHost {
    /// By sockets in this directory, of which both ends run as the owner. It is created if there is none; its path must
    /// be absolute, without symbolic links, and no other user may have any right to it.
    pub fn new(directory: impl AsRef<Path>) -> Self {
        SameHost { directory: directory.as_ref().to_owned(), from_tls: false }
    }

    /// Leaves TLS, too: calls are no longer encrypted then, and have no certificate.
    pub fn from_tls(self) -> Self {
        SameHost { from_tls: true, ..self }
    }

    /// Whether connections of this transport may be left.
    pub(crate) fn may_leave(&self, transport: Option<&str>) -> bool {
        match transport {
            Some("tcp") => true,
            Some("tls") => self.from_tls,
            _ => false,
        }
    }

    /// What a server offers over a connection with these ends: all that this system has.
    pub(crate) fn offer(ends: Near) -> Near {
        Near { shm: net::has_shm(), unix: true, ..ends }
    }

    /// Where the server can be reached that offers this, as far as this system can, best first.
    pub(crate) fn addresses(&self, near: &Near, instance: InstanceId) -> Vec<Address> {
        self.ways(near.shm, near.unix, instance)
    }

    fn ways(&self, shm: bool, unix: bool, instance: InstanceId) -> Vec<Address> {
        let socket = |kind| self.directory.join(format!("{instance}.{kind}"));
        let shm = (shm && net::has_shm()).then(|| Address::Shm(socket("shm")));
        shm.into_iter().chain(unix.then(|| Address::Unix(socket("sock")))).collect()
    }

    /// Whose the directory is, if nobody else can have put anything there.
    pub(crate) fn user(&self) -> Result<u32> {
        net::private_directory(&self.directory)
    }

    /// Listens for clients on this host.
    pub(crate) async fn listen(
        &self,
        instance: InstanceId,
        options: &ListenOptions,
    ) -> Result<Vec<Listener>> {
        let user = self.user()?;
        net::remove_stale_sockets(&self.directory);
        let options =
            ListenOptions { unix_mode: 0o600, unix_users: Some(vec![user]), tls: None, ..options.clone() };
        let failed = |error: Error| {
            Error::new(error.kind(), "cannot listen for clients on this host (same_host)").with_source(error)
        };
        let mut listeners = Vec::new();
        for address in self.ways(true, true, instance) {
            listeners.push(Listener::bind(&address, &options).await.map_err(failed)?);
        }
        Ok(listeners)
    }
}

impl<P: AsRef<Path>> From<P> for SameHost {
    fn from(directory: P) -> Self {
        SameHost::new(directory)
    }
}
