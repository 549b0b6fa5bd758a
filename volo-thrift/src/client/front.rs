//! What a connection writes before the arguments of a call: header and message head, kept for the next call of the
//! same method.

use std::time::Instant;

use faststr::FastStr;
use volo_core::{Body, CallInfo, Request, Result, Size, Span};

use super::connection::{Pair, Settings};
use crate::{
    Limits,
    meta::{self, Budget},
    wire::{Dialect, Front, Header, MessageHead, MessageKind, Outgoing},
};

/// Methods whose fronts are kept; later ones take the place of earlier ones.
const KNOWN_MAX: usize = 16;

/// The fronts of one connection.
#[derive(Default)]
pub(super) struct Fronts {
    /// Whether requests carry checksums.
    pub(super) checksums: bool,
    /// Filled anew for each request that has no known front; kept for its memory.
    header: Header,
    known: Vec<Known>,
    next: usize,
}

struct Known {
    service: FastStr,
    method: FastStr,
    oneway: bool,
    front: Front,
}

impl Known {
    fn fits(&self, context: &CallInfo, budget: &Budget, checksum: bool) -> bool {
        self.method == context.method
            && self.service == context.service
            && self.oneway == context.oneway
            && self.front.text_len() == budget.as_bytes().len()
            && self.front.has_checksum() == checksum
    }
}

/// A request that is ready to be written.
pub(super) enum Prepared<'a> {
    /// Behind bytes written before.
    Known { front: &'a Front, sequence_id: i32, budget: Budget, body: &'a Body },
    /// Behind a header of its own.
    Fresh { dialect: Dialect, header: &'a Header, head: MessageHead, body: &'a Body },
}

impl Prepared<'_> {
    /// The exact size of the frame.
    ///
    /// # Errors
    /// As [`Outgoing::size`].
    pub(super) fn size(&self, link_min: usize, limits: &Limits) -> Result<Size> {
        match self {
            Prepared::Known { front, body, .. } => front.size(body, link_min, limits),
            Prepared::Fresh { dialect, header, head, body } => {
                Outgoing { dialect: *dialect, header, head, body }.size(link_min, limits)
            }
        }
    }

    /// Writes the frame of that `size`.
    ///
    /// # Errors
    /// As [`Outgoing::encode`].
    pub(super) fn encode(&self, size: Size, span: &mut Span<'_>) -> Result<()> {
        match self {
            Prepared::Known { front, sequence_id, budget, body } => {
                front.encode(*sequence_id, budget.as_bytes(), body, size, span)
            }
            Prepared::Fresh { dialect, header, head, body } => {
                Outgoing { dialect: *dialect, header, head, body }.encode(size, span)
            }
        }
    }
}

impl Fronts {
    /// None yet.
    pub(super) fn new(checksums: bool) -> Self {
        Fronts { checksums, ..Fronts::default() }
    }

    /// Everything but the arguments of a request; `greeting` is what it says beside its own.
    pub(super) fn prepare<'a>(
        &'a mut self,
        settings: &Settings,
        sequence_id: i32,
        request: &'a Request,
        greeting: Option<&Pair>,
        now: Instant,
    ) -> Prepared<'a> {
        let (context, body) = (&request.context, request.body());
        // What is a call's own, or of its arguments, is not to be kept.
        let usual = greeting.is_none()
            && meta::is_plain(context)
            && !settings.multiplexed
            && settings.dialect == Front::DIALECT;
        if usual {
            let budget = Budget::of(context.deadline, now);
            let known = self.known.iter().position(|known| known.fits(context, &budget, self.checksums));
            if let Some(at) = known.or_else(|| self.learn(settings, context, &budget, now)) {
                return Prepared::Known { front: &self.known[at].front, sequence_id, budget, body };
            }
        }
        let head = self.fill(settings, sequence_id, context, greeting, now);
        Prepared::Fresh { dialect: settings.dialect, header: &self.header, head, body }
    }

    /// Makes the front of a request and keeps it; gives its place. `None` if it can't be written.
    fn learn(
        &mut self,
        settings: &Settings,
        context: &CallInfo,
        budget: &Budget,
        now: Instant,
    ) -> Option<usize> {
        let head = self.fill(settings, 0, context, None, now);
        let front = Front::new(&self.header, &head, budget.as_bytes().len(), &settings.limits)?;
        let (service, method) = (context.service.clone(), context.method.clone());
        let known = Known { service, method, oneway: context.oneway, front };
        let at = self.next % KNOWN_MAX;
        self.next = at + 1;
        match self.known.get_mut(at) {
            Some(old) => *old = known,
            None => self.known.push(known),
        }
        Some(at)
    }

    /// Fills the header, and gives the message's head.
    fn fill(
        &mut self,
        settings: &Settings,
        sequence_id: i32,
        context: &CallInfo,
        greeting: Option<&Pair>,
        now: Instant,
    ) -> MessageHead {
        let kind = if context.oneway { MessageKind::Oneway } else { MessageKind::Call };
        self.header.clear();
        self.header.flags = settings.flags;
        if settings.dialect.framing.has_header() {
            meta::write_request(&mut self.header, context, kind, &settings.identity, now);
            self.header.checksum = self.checksums;
            if let Some((key, value)) = greeting {
                self.header.strings.push((FastStr::from_static_str(key), value.clone()));
            }
        }
        let name = if settings.multiplexed && !context.service.is_empty() {
            FastStr::from(format!("{}:{}", context.service, context.method))
        } else {
            context.method.clone()
        };
        MessageHead::new(kind, name, sequence_id)
    }
}
