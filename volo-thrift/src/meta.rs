//! What header keys mean: a call's context on the way out and in.
//!
//! The table of keys is in [`keys`]; the byte layout is the business of `wire`. A call without metainfo writes its
//! service, method, budget and kind, and nothing else.
#![forbid(unsafe_code)]

mod advert;
mod json;
pub mod keys;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use faststr::FastStr;
use volo_core::{CallInfo, Context, Metainfo, Target};

use crate::{
    BizError,
    wire::{Header, MessageHead, MessageKind},
};

pub use advert::{Advert, Hello, InstanceId, Near};

/// Budgets above this are taken for it: a century can be added to any clock.
const BUDGET_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

const ONE: FastStr = FastStr::from_static_str("1");

/// What a client says of itself in every request. Names are those of the deployment, not of the IDL; empty ones are
/// not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Who calls.
    pub caller: FastStr,
    /// Who is called.
    pub callee: FastStr,
    /// How long connecting may take, if the client was told.
    pub connect_timeout: Option<Duration>,
}

/// Who made the call that is being served, as far as it said; an extension of the server's [`Context`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Its name in its deployment.
    pub service: FastStr,
    /// Its method that makes the call.
    pub method: FastStr,
}

/// The time a call has left, as it stands in a header; empty if it has as much as it likes.
///
/// Whole milliseconds, at least one: zero would mean that there is no limit.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    digits: [u8; 20],
    start: usize,
}

impl Budget {
    /// So much time.
    pub fn new(left: Duration) -> Self {
        let left = left.min(BUDGET_MAX);
        Budget::decimal((left.as_secs() * 1000 + u64::from(left.subsec_millis())).max(1))
    }

    /// The time from `now` to `deadline`.
    pub fn of(deadline: Option<Instant>, now: Instant) -> Self {
        let none = Budget { digits: [0; 20], start: 20 };
        deadline.map_or(none, |deadline| Budget::new(deadline.saturating_duration_since(now)))
    }

    /// The digits.
    pub fn as_bytes(&self) -> &[u8] {
        &self.digits[self.start..]
    }

    fn to_text(self) -> FastStr {
        FastStr::new_u8_slice(self.as_bytes()).unwrap_or_default()
    }

    fn decimal(mut number: u64) -> Self {
        let (mut digits, mut start) = ([b'0'; 20], 20);
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Budget { digits, start };
            }
        }
    }
}

/// Fills an empty request header. The time left until the context's deadline travels as its budget.
pub fn write_request(
    header: &mut Header,
    context: &CallInfo,
    kind: MessageKind,
    identity: &Identity,
    now: Instant,
) {
    let Header { integers, strings, .. } = header;
    let mut integer = |key, value: &FastStr| {
        if !value.is_empty() {
            integers.push((key, value.clone()));
        }
    };
    integer(keys::TO_METHOD, &context.method);
    integer(keys::MESSAGE_TYPE, &kind_text(kind));
    integer(keys::FROM_SERVICE, &identity.caller);
    integer(keys::TO_SERVICE, &identity.callee);
    if let Some(timeout) = identity.connect_timeout {
        integer(keys::CONNECT_TIMEOUT_MS, &Budget::new(timeout).to_text());
    }
    // The last one, because it alone differs from call to call.
    integer(keys::RPC_TIMEOUT_MS, &Budget::of(context.deadline, now).to_text());
    if !context.service.is_empty() {
        strings.push((FastStr::from_static_str(keys::SERVICE), context.service.clone()));
    }
    let retry =
        (!context.attempt.is_first()).then(|| Budget::decimal(context.attempt.number.into()).to_text());
    if let Some(number) = &retry {
        header.strings.push((prefixed(keys::PERSISTENT, keys::RETRY), number.clone()));
    }
    if let Some(metainfo) = context.metainfo() {
        write_forward(header, metainfo, retry.is_some());
    }
}

/// Whether service, method, kind and budget are all that [`write_request`] takes from this context, so that the rest of
/// the header is the same for every such call.
pub fn is_plain(context: &CallInfo) -> bool {
    context.metainfo().is_none() && context.attempt.is_first()
}

/// Persistent and transient metainfo goes along; what was received as transient does not.
fn write_forward(header: &mut Header, metainfo: &Metainfo, is_retry: bool) {
    for (key, value) in metainfo.persistent.iter().filter(|(key, _)| !is_retry || *key != keys::RETRY) {
        header.strings.push((prefixed(keys::PERSISTENT, key), value.clone()));
    }
    for (key, value) in metainfo.transient.iter() {
        if key == keys::ACL_TOKEN {
            header.acl_token = Some(value.clone());
        } else {
            header.strings.push((prefixed(keys::TRANSIENT, key), value.clone()));
        }
    }
}

/// Service and method that a received request is for; the service is empty if it names none.
pub fn read_names<'a>(header: Option<&'a Header>, head: &'a MessageHead) -> (&'a str, &'a str) {
    let (service, method) = head.split_name();
    (header.and_then(read_service).map(|name| &**name).or(service).unwrap_or_default(), method)
}

/// The same, as the target of the request.
pub fn read_target(header: Option<&Header>, head: &MessageHead) -> Target {
    let (service, method) = head.split_name();
    let service = match (header.and_then(read_service), service) {
        (Some(named), _) => named.clone(),
        (None, service) => service.map_or_else(FastStr::empty, |service| part(&head.name, service)),
    };
    let (method, oneway) = (part(&head.name, method), head.kind == MessageKind::Oneway);
    Target { service, method, oneway, idempotent: false }
}

/// The service as the header names it; the last word counts.
fn read_service(header: &Header) -> Option<&FastStr> {
    header.strings.iter().rfind(|(key, _)| key == keys::SERVICE).map(|(_, name)| name)
}

/// The context of a received request for `target`; its deadline is the budget from `now` on.
pub fn read_request(header: Option<&Header>, target: impl Into<Arc<Target>>, now: Instant) -> Context {
    let mut context = Context::of(target);
    if let Some(header) = header {
        read_integers(header, &mut context, now);
        read_forward(header, &mut context);
    }
    context
}

fn read_integers(header: &Header, context: &mut CallInfo, now: Instant) {
    let mut caller = Caller::default();
    for (key, value) in &header.integers {
        match *key {
            keys::RPC_TIMEOUT_MS => context.deadline = read_deadline(value, now),
            keys::FROM_SERVICE => caller.service = value.clone(),
            keys::FROM_METHOD => caller.method = value.clone(),
            _ => {}
        }
    }
    if caller != Caller::default() {
        context.extensions_mut().insert(caller);
    }
}

fn read_forward(header: &Header, context: &mut CallInfo) {
    for (key, value) in &header.strings {
        if let Some(name) = key.strip_prefix(keys::PERSISTENT) {
            if name == keys::RETRY {
                context.attempt.number = value.trim().parse().unwrap_or(1);
            }
            context.metainfo_mut().persistent.set(part(key, name), value.clone());
        } else if key.starts_with(keys::UPSTREAM) {
            // What an earlier hop received; it is for that hop only.
        } else if let Some(name) = key.strip_prefix(keys::TRANSIENT) {
            context.metainfo_mut().upstream.set(part(key, name), value.clone());
        }
    }
    if let Some(token) = &header.acl_token {
        let key = FastStr::from_static_str(keys::ACL_TOKEN);
        context.metainfo_mut().upstream.set(key, token.clone());
    }
}

/// What a reply says beside its payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// The business status that the call ended with.
    pub biz: Option<BizError>,
    /// The sender will not serve further calls on this connection.
    pub closing: bool,
    /// The call had no effect and may be sent again.
    pub not_executed: bool,
}

/// How backward metainfo is sent, because Kitex reads bare keys only and Volo prefixed ones only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BackwardForm {
    /// Just the key.
    Bare,
    /// With [`keys::BACKWARD`].
    Prefixed,
    /// Each pair twice.
    #[default]
    Both,
}

impl BackwardForm {
    /// The form that the sender of this request reads, by the keys only its kind sends.
    pub fn of_request(header: &Header) -> Self {
        if header.integer(keys::TRANSPORT_TYPE).is_some() || header.string(keys::ANNOUNCE).is_some() {
            BackwardForm::Bare
        } else if header.integer(keys::WITH_MESH_HEADER).is_some() {
            BackwardForm::Prefixed
        } else {
            BackwardForm::Both
        }
    }
}

/// Whether the sender of this request knows what [`Notes::not_executed`] means. Kitex's and Volo's clients take such a
/// reply for the failure of their call.
pub fn knows_not_executed(header: &Header) -> bool {
    let theirs =
        [keys::TRANSPORT_TYPE, keys::WITH_MESH_HEADER].iter().any(|key| header.integer(*key).is_some());
    !theirs || header.string(keys::ANNOUNCE).is_some()
}

/// Fills an empty reply header; backward metainfo is taken from the handler's context.
pub fn write_reply(
    header: &mut Header,
    context: &CallInfo,
    kind: MessageKind,
    notes: &Notes,
    form: BackwardForm,
) {
    header.integers.push((keys::MESSAGE_TYPE, kind_text(kind)));
    let mut string = |key, value| header.strings.push((FastStr::from_static_str(key), value));
    if let Some(biz) = &notes.biz {
        string(keys::BIZ_STATUS, FastStr::new(biz.status_code.to_string()));
        string(keys::BIZ_MESSAGE, biz.status_message.clone());
        if !biz.extra.is_empty() {
            string(keys::BIZ_EXTRA, json::write(&biz.extra).into());
        }
    }
    if notes.closing {
        string(keys::CLOSING, ONE);
    }
    if notes.not_executed {
        string(keys::NOT_EXECUTED, ONE);
    }
    if let Some(metainfo) = context.metainfo() {
        write_backward(header, metainfo, form);
    }
}

/// Whether [`write_reply`] writes nothing but the kind.
pub fn is_plain_reply(context: &CallInfo, notes: &Notes) -> bool {
    notes.biz.is_none()
        && !notes.closing
        && !notes.not_executed
        && context.metainfo().is_none_or(|metainfo| metainfo.backward.is_empty())
}

fn write_backward(header: &mut Header, metainfo: &Metainfo, form: BackwardForm) {
    for (key, value) in metainfo.backward.iter() {
        let bare = form != BackwardForm::Prefixed && !keys::is_reserved(key);
        if bare {
            header.strings.push((key.clone(), value.clone()));
        }
        if !bare || form != BackwardForm::Bare {
            header.strings.push((prefixed(keys::BACKWARD, key), value.clone()));
        }
    }
}

/// What a received reply says; backward metainfo, prefixed or bare, ends in `context` as downstream.
pub fn read_reply(header: &Header, context: &mut CallInfo) -> Notes {
    let mut notes = Notes::default();
    let (mut status, mut message, mut extra) = (0, FastStr::empty(), None);
    for (key, value) in &header.strings {
        match key.as_str() {
            keys::BIZ_STATUS => status = value.trim().parse().unwrap_or(0),
            keys::BIZ_MESSAGE => message = value.clone(),
            keys::BIZ_EXTRA => extra = json::read(value),
            keys::CLOSING => notes.closing = value == "1",
            keys::NOT_EXECUTED => notes.not_executed = value == "1",
            _ => read_backward(key, value, context),
        }
    }
    if status != 0 {
        notes.biz = Some(BizError::with_extra(status, message, extra.unwrap_or_default()));
    }
    notes
}

fn read_backward(key: &FastStr, value: &FastStr, context: &mut CallInfo) {
    let name = match key.strip_prefix(keys::BACKWARD) {
        Some(name) => part(key, name),
        None if keys::is_reserved(key) => return,
        None => key.clone(),
    };
    context.metainfo_mut().downstream.set(name, value.clone());
}

/// The message kind that a header claims: text, or the raw byte that Volo's servers write.
pub fn message_kind(header: &Header) -> Option<MessageKind> {
    let value = header.integer(keys::MESSAGE_TYPE)?;
    let number = match value.as_bytes() {
        [raw @ 0..=9] => *raw,
        _ => value.trim().parse().ok()?,
    };
    MessageKind::from_number(number)
}

const fn kind_text(kind: MessageKind) -> FastStr {
    FastStr::from_static_str(match kind {
        MessageKind::Call => "1",
        MessageKind::Reply => "2",
        MessageKind::Exception => "3",
        MessageKind::Oneway => "4",
    })
}

fn read_deadline(value: &str, now: Instant) -> Option<Instant> {
    let milliseconds = value.parse().or_else(|_| value.trim().parse());
    let milliseconds = milliseconds.ok().filter(|milliseconds| *milliseconds > 0)?;
    now.checked_add(Duration::from_millis(milliseconds).min(BUDGET_MAX))
}

fn prefixed(prefix: &str, key: &str) -> FastStr {
    FastStr::from_string([prefix, key].concat())
}

/// A part of `whole`, sharing its memory if it is long.
fn part(whole: &FastStr, part: &str) -> FastStr {
    if part.len() == whole.len() { whole.clone() } else { whole.slice_ref(part) }
}

#[cfg(test)]
mod tests;
