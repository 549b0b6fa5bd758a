//! What one sending of a call knows of the others: its number, and where the call has been sent before.
//!
//! A layer that sends a call more than once numbers the attempts and lets them share one [`Tried`]; a balancer, which
//! sits inside of it, notes there whom it picked and picks somebody else next time.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::Peer;

/// Which attempt at its call a request is.
#[derive(Clone, Debug, Default)]
pub struct Attempt {
    /// 0 for the first; on a server what the caller said.
    pub number: u32,
    /// Whether this call is made on behalf of one that is itself a retry, so that it must not be retried again.
    pub chained: bool,
    /// How long this attempt may take, within the call's deadline; `None` is up to the layers.
    pub timeout: Option<Duration>,
    /// Who was picked for the attempts at this call; `None` if it is sent once at most.
    pub tried: Option<Arc<Tried>>,
}

impl Attempt {
    pub(crate) const NONE: Attempt = Attempt { number: 0, chained: false, timeout: None, tried: None };

    /// The first attempt of a call that may be followed by others.
    pub fn first(chained: bool) -> Self {
        Attempt { chained, tried: Some(Arc::default()), ..Attempt::default() }
    }

    /// A further attempt at the same call.
    pub fn further(&self, number: u32) -> Self {
        Attempt { number, ..self.clone() }
    }

    /// Notes whom a balancer picked for this attempt; does nothing for a call that is sent once at most.
    #[inline]
    pub fn note_pick(&self, peer: &Arc<Peer>) {
        if let Some(tried) = &self.tried {
            tried.picks().push(self.number, peer.clone());
        }
    }

    /// Whether the call has been sent to this peer before, by this attempt or another one.
    ///
    /// The first attempt of a call has no history, so a balancer need only ask when [`Attempt::is_first`] says no.
    pub fn has_tried(&self, peer: &Peer) -> bool {
        let of_peer = |(_, tried): &Pick| tried.address == peer.address;
        self.tried.as_ref().is_some_and(|tried| tried.picks().iter().any(of_peer))
    }

    /// Whether nothing was sent before.
    pub fn is_first(&self) -> bool {
        self.number == 0
    }
}

/// Whom the attempts at one call were sent to, in the order they were picked.
///
/// A layer outside of the balancer learns from here who failed; who answered, it finds in the response's context.
#[derive(Debug, Default)]
pub struct Tried(Mutex<Picks>);

/// The number of an attempt and whom it was sent to.
type Pick = (u32, Arc<Peer>);

/// Most calls are sent once, so the first pick needs no memory of its own.
#[derive(Debug, Default)]
struct Picks {
    first: Option<Pick>,
    further: Vec<Pick>,
}

impl Picks {
    fn push(&mut self, number: u32, peer: Arc<Peer>) {
        match self.first {
            None => self.first = Some((number, peer)),
            Some(_) => self.further.push((number, peer)),
        }
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &Pick> {
        self.first.iter().chain(&self.further)
    }
}

impl Tried {
    /// Whom the attempt with this number was sent to last.
    pub fn picked_for(&self, number: u32) -> Option<Arc<Peer>> {
        self.picks().iter().rev().find(|(attempt, _)| *attempt == number).map(|(_, peer)| peer.clone())
    }

    /// Whom the call was sent to last.
    pub fn last(&self) -> Option<Arc<Peer>> {
        self.picks().iter().next_back().map(|(_, peer)| peer.clone())
    }

    /// All picks, the latest last; one peer may be there more than once.
    pub fn peers(&self) -> Vec<Arc<Peer>> {
        self.picks().iter().map(|(_, peer)| peer.clone()).collect()
    }

    fn picks(&self) -> MutexGuard<'_, Picks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(port: u16) -> Arc<Peer> {
        Arc::new(Peer::new(std::net::SocketAddr::from(([127, 0, 0, 1], port)).into()))
    }

    #[test]
    fn attempts_share_whom_they_tried() {
        let first = Attempt::first(false);
        first.note_pick(&peer(1));
        let second = first.further(1);
        assert!(second.has_tried(&peer(1)) && !second.has_tried(&peer(2)));
        second.note_pick(&peer(2));
        second.note_pick(&peer(3));
        let tried = first.tried.unwrap();
        assert_eq!(tried.picked_for(0), Some(peer(1)));
        assert_eq!(tried.picked_for(1), Some(peer(3)));
        assert_eq!(tried.picked_for(2), None);
        assert_eq!(tried.peers(), [peer(1), peer(2), peer(3)]);
    }

    #[test]
    fn a_call_that_is_sent_once_has_no_history() {
        let only = Attempt::default();
        only.note_pick(&peer(1));
        assert!(!only.has_tried(&peer(1)) && only.is_first());
    }
}
