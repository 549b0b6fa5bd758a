//! From a handler's result to bytes in the transport, in the dialect of the request.

use std::{
    error::Error as StdError,
    sync::Arc,
    task::{Context as Task, Poll, ready},
    time::Instant,
};

use bytes::Bytes;
use faststr::FastStr;
use volo_core::{
    Body, Context, DecodeLimits, Encode, Error, ErrorKind, Format, Outcome, Peer, Raw, Response, Result,
    net::Link, span::OutBuf,
};

use super::{core::Core, router::Route};
use crate::{
    ApplicationException, ApplicationKind, BizError, Limits,
    meta::{self, Advert, BackwardForm, Hello, InstanceId, Notes, keys},
    protocol::{Typed, body_in},
    wire::{Dialect, Front, Header, Incoming, MessageHead, MessageKind, Outgoing, WireError, flag},
};

/// Replies whose in-line part is longer are encoded in the handler's task, so that they don't hold up neighbours.
const LARGE: usize = 64 << 10;

/// A string key of a header and its value.
type Pair = (&'static str, FastStr);

/// What has to be known of a request to answer it.
pub(super) struct Ticket {
    dialect: Dialect,
    name: FastStr,
    sequence_id: i32,
    oneway: bool,
    backward: BackwardForm,
    checksum: bool,
    /// What the reply says of the server itself.
    greeting: Option<Pair>,
    /// The method, once it is known.
    route: Option<Arc<Route>>,
    /// Whether the caller is a client of ours.
    pub(super) kin: bool,
    /// Whether the reply may overtake, and be overtaken by, others.
    pub(super) may_overtake: bool,
    /// Bytes of memory that the request may hold.
    pub(super) frame_len: usize,
    depth_max: u32,
    /// When the request came.
    pub(super) arrived: Instant,
    /// Whether it came after the peer could know that the server shuts down, and is to be told so.
    pub(super) late: bool,
}

impl Ticket {
    pub(super) fn new(
        incoming: &Incoming,
        arrived: Instant,
        late: bool,
        core: &Core,
        link: &dyn Link,
    ) -> Self {
        let header = incoming.header.as_deref().filter(|_| incoming.dialect.framing.has_header());
        let may_overtake = header.is_some_and(|header| header.flags & flag::OUT_OF_ORDER != 0);
        Ticket {
            dialect: incoming.dialect,
            name: incoming.head.name.clone(),
            sequence_id: incoming.head.sequence_id,
            oneway: incoming.head.kind == MessageKind::Oneway,
            backward: header.map(BackwardForm::of_request).unwrap_or_default(),
            checksum: core.checksums || header.is_some_and(|header| header.checksum),
            greeting: header
                .filter(|header| Advert::is_wanted(header))
                .map(|_| (keys::ADVERT, core.advert(link))),
            route: None,
            kin: header.is_some_and(Advert::is_announced),
            may_overtake,
            frame_len: incoming.body.bytes.len(),
            depth_max: core.limits.depth_max,
            arrived,
            // Others hear of the shutdown with their next reply, and may have sent this before.
            late: late && may_overtake && header.is_some_and(meta::knows_not_executed),
        }
    }

    /// The ticket of a call to this method, which alone decides whether there will be a reply: a oneway method is
    /// never answered, whatever kind of message called it, as Apache's servers do.
    pub(super) fn routed(mut self, route: &Arc<Route>) -> Self {
        self.route = Some(route.clone());
        self.oneway |= route.method.oneway;
        match route.method.name {
            "" => self.drop_service(),
            name => self.name = FastStr::from_static_str(name),
        }
        self
    }

    /// Of a multiplexed name, only the method's goes back.
    fn drop_service(&mut self) {
        if let Some((_, method)) = self.name.split_once(':') {
            self.name = FastStr::new(method);
        }
    }

    /// The reply with what the handler or a layer gave; `None` if nobody waits for one.
    pub(super) fn reply(self, result: Result<Response>) -> Option<Reply> {
        let response = match result {
            Ok(response) => response,
            Err(error) => return self.exception(exception(&error)),
        };
        if self.oneway {
            return None;
        }
        let outcome = response.outcome();
        let (context, body) = response.into_parts();
        let body = match body_in(body, self.dialect.protocol) {
            Ok(body) => body,
            Err(error) => return self.exception(exception(&error)),
        };
        let biz = context.extension::<Notes>().and_then(|notes| notes.biz.clone());
        let mut reply = Reply::new(self, MessageKind::Reply, body);
        reply.context = context;
        match outcome {
            Outcome::Failed(_) => reply.set_failed(),
            Outcome::Business(status) => reply.set_biz(biz.unwrap_or_else(|| BizError::new(status, ""))),
            Outcome::Success | Outcome::Declared(_) => {}
        }
        Some(reply)
    }

    /// The reply with an application exception; `None` if nobody waits for one.
    pub(super) fn exception(mut self, exception: ApplicationException) -> Option<Reply> {
        if self.oneway {
            tracing::debug!(method = %self.name, %exception, "a oneway call failed");
            return None;
        }
        self.drop_service();
        Some(Reply::exception(self, exception))
    }

    /// Encodes a large result right here, so that the connection only links the bytes; gives their number, too.
    pub(super) fn encode_large(&self, result: Result<Response>) -> Result<(Response, usize)> {
        let response = result?;
        let format = self.dialect.protocol.format();
        let message = match response.body() {
            _ if self.oneway => return Ok((response, 0)),
            Body::Raw(raw) => {
                let len = raw.bytes.len();
                return Ok((response, len));
            }
            Body::Typed(message) => message,
        };
        let len = message.encoded_size(format, usize::MAX, self.depth_max)?.inline;
        if len <= LARGE {
            return Ok((response, len));
        }
        let raw = encode(&**message, format, self.depth_max)?;
        let outcome = response.outcome();
        let (context, _) = response.into_parts();
        Ok((Response::new(context, Body::Raw(raw), outcome), len))
    }
}

fn encode(message: &dyn Encode, format: Format, depth_max: u32) -> Result<Raw> {
    let size = message.encoded_size(format, usize::MAX, depth_max)?;
    let mut buffer = OutBuf::with_capacity(size.inline + volo_core::span::SCRATCH);
    buffer.write(size, usize::MAX, &mut |span| {
        message.encode_into(format, span);
        Ok(())
    })?;
    let limits = DecodeLimits { depth_max: 0, memory_max: 0 }; // nobody decodes it here
    Ok(Raw { format, bytes: Bytes::from_owner(Encoded(buffer)), limits })
}

struct Encoded(OutBuf);

impl AsRef<[u8]> for Encoded {
    fn as_ref(&self) -> &[u8] {
        self.0.as_contiguous().unwrap_or_default()
    }
}

/// A reply that is ready to be written.
pub(super) struct Reply {
    dialect: Dialect,
    head: MessageHead,
    context: Context,
    notes: Notes,
    backward: BackwardForm,
    checksum: bool,
    greeting: Option<Pair>,
    /// The method whose result this is, if it is one's.
    route: Option<Arc<Route>>,
    body: Body,
}

impl Reply {
    fn new(ticket: Ticket, kind: MessageKind, body: Body) -> Self {
        let head = MessageHead::new(kind, ticket.name, ticket.sequence_id);
        Reply {
            backward: ticket.backward,
            checksum: ticket.checksum,
            greeting: ticket.greeting,
            route: ticket.route,
            ..Reply::plain(ticket.dialect, head, body)
        }
    }

    fn exception(ticket: Ticket, exception: ApplicationException) -> Self {
        let mut reply = Reply::new(ticket, MessageKind::Exception, Body::Typed(Arc::new(Typed(exception))));
        reply.set_failed();
        reply
    }

    /// The body is an application exception.
    fn set_failed(&mut self) {
        self.head.kind = MessageKind::Exception;
        if let Body::Typed(message) = &self.body {
            let exception = message.as_any().downcast_ref::<Typed<ApplicationException>>();
            self.notes.not_executed = exception.is_some_and(|Typed(exception)| exception.is_not_executed());
        }
    }

    /// Replaces what was to be said by an internal error.
    fn fail(&mut self, text: String) {
        let exception = ApplicationException::new(ApplicationKind::INTERNAL_ERROR, text);
        self.body = Body::Typed(Arc::new(Typed(exception)));
        self.context = Context::default();
        self.notes.biz = None;
        self.set_failed();
    }

    /// The answer to bytes that are no message, if enough of them was understood.
    pub(super) fn to_wire_error(error: &WireError) -> Option<Self> {
        let head = MessageHead::new(MessageKind::Exception, error.name().clone(), error.sequence_id());
        Some(Reply::plain(error.dialect()?, head, Body::Typed(Arc::new(Typed(error.exception())))))
    }

    /// The answer to a request that asks who this server is, and which connection this is; `None` to any other.
    pub(super) fn to_hello(incoming: &Incoming, instance: InstanceId, peer: &Peer) -> Option<Self> {
        let dialect = incoming.dialect;
        let header = incoming.header.as_deref().filter(|_| dialect.framing.has_header())?;
        let asked = incoming.head.kind == MessageKind::Call && Hello::is_asked(header);
        let head = &incoming.head;
        let head =
            asked.then(|| MessageHead::new(MessageKind::Reply, head.name.clone(), head.sequence_id))?;
        let greeting = Some((keys::HELLO, Hello::new(instance, peer).to_text()));
        Some(Reply { greeting, checksum: header.checksum, ..Reply::plain(dialect, head, empty(dialect)) })
    }

    /// The frame that tells a multiplexing client to send no more: Kitex's control frame, with sequence id 0.
    pub(super) fn closing(dialect: Dialect) -> Self {
        let head = MessageHead::new(MessageKind::Reply, "none", 0);
        let mut reply = Reply::plain(dialect, head, empty(dialect));
        reply.mark_closing();
        reply
    }

    /// The frame that tells a client of ours that its calls without an answer were not executed; the last one on its
    /// connection.
    pub(super) fn farewell(dialect: Dialect) -> Self {
        let mut reply = Reply::closing(dialect);
        reply.notes.not_executed = true;
        reply
    }

    fn plain(dialect: Dialect, head: MessageHead, body: Body) -> Self {
        Reply {
            dialect,
            head,
            context: Context::default(),
            notes: Notes::default(),
            backward: BackwardForm::default(),
            checksum: false,
            greeting: None,
            route: None,
            body,
        }
    }

    /// The front that is known beforehand, if the header has nothing of this call's own to say.
    fn known_front(&self) -> Option<&Front> {
        let plain = self.dialect == Front::DIALECT
            && self.head.kind == MessageKind::Reply
            && self.greeting.is_none()
            && meta::is_plain_reply(&self.context, &self.notes);
        let route = self.route.as_ref().filter(|_| plain)?;
        if self.checksum { route.checked_reply.as_ref() } else { route.reply.as_ref() }
    }

    /// A business status goes into the header; a framing without one gets an exception instead.
    fn set_biz(&mut self, biz: BizError) {
        if self.dialect.framing.has_header() {
            self.notes.biz = Some(biz);
            return;
        }
        self.fail(biz.to_string());
    }

    /// Tells the peer that the connection takes no further calls.
    pub(super) fn mark_closing(&mut self) {
        self.notes.closing = true;
    }

    /// Writes the reply, or registers for room in the transport. A reply that can't be encoded, or that passes a
    /// limit, becomes an exception that says so.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Task<'_>,
        link: &mut dyn Link,
        header: &mut Header,
        limits: &Limits,
    ) -> Poll<Result<()>> {
        match ready!(self.poll_write_once(cx, link, header, limits)) {
            Err(error) if error.kind() == ErrorKind::Encode => {
                tracing::error!(method = %self.head.name, %error, "a reply can't be sent");
                self.fail(error.to_string());
                self.poll_write_once(cx, link, header, limits)
            }
            written => Poll::Ready(written),
        }
    }

    fn poll_write_once(
        &self,
        cx: &mut Task<'_>,
        link: &mut dyn Link,
        header: &mut Header,
        limits: &Limits,
    ) -> Poll<Result<()>> {
        let link_min = link.profile().link_min;
        if let Some(front) = self.known_front() {
            let size = front.size(&self.body, link_min, limits)?;
            ready!(link.poll_ready(cx, size))?;
            let id = self.head.sequence_id;
            link.write(size, &mut |span| front.encode(id, &[], &self.body, size, span))?;
            return Poll::Ready(Ok(()));
        }
        if self.dialect.framing.has_header() {
            header.clear();
            meta::write_reply(header, &self.context, self.head.kind, &self.notes, self.backward);
            header.checksum = self.checksum;
            if let Some((key, value)) = &self.greeting {
                header.strings.push((FastStr::from_static_str(key), value.clone()));
            }
        }
        let outgoing = Outgoing { dialect: self.dialect, header, head: &self.head, body: &self.body };
        let size = outgoing.size(link_min, limits)?;
        ready!(link.poll_ready(cx, size))?;
        link.write(size, &mut |span| outgoing.encode(size, span))?;
        Poll::Ready(Ok(()))
    }
}

/// A struct without fields.
fn empty(dialect: Dialect) -> Body {
    let limits = DecodeLimits { depth_max: 0, memory_max: 0 };
    Body::Raw(Raw { format: dialect.protocol.format(), bytes: Bytes::from_static(&[0]), limits })
}

/// What the peer is told of an error of a layer, of the decoder, or of the server itself.
fn exception(error: &Error) -> ApplicationException {
    let known = ApplicationException::from(error);
    let mut text = known.message().to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    let exception = ApplicationException::new(known.kind(), text);
    if known.is_not_executed() { exception.not_executed() } else { exception }
}
