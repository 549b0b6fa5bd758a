//! From a received message to the response that layers see.

use std::sync::Arc;

use bytes::Bytes;
use volo_core::{
    Address, Body, Context, DecodeLimits, Error, ErrorKind, Format, Outcome, Peer, Raw, Request, Response,
    Result, Retry,
};

use crate::{
    ApplicationException, ApplicationKind, meta,
    protocol::{Typed, decode, transcode},
    wire::{Incoming, MessageKind, Protocol},
};

/// A message and who sent it; none in answer to a oneway call.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) peer: Arc<Peer>,
    pub(super) message: Option<Box<Incoming>>,
}

/// Brings the request's body, if it is encoded, into the peer's protocol, and makes sure that its context names
/// a peer.
///
/// # Errors
/// When it names none, or the body is no valid message.
pub(super) fn prepare(request: &mut Request, protocol: Protocol) -> Result<()> {
    if let Body::Raw(raw) = request.body()
        && raw.format != protocol.format()
    {
        request.set_body(Body::Raw(transcode(raw, protocol)?));
    }
    address(request).map(drop)
}

/// Where the request goes.
///
/// # Errors
/// When its context names no peer.
pub(super) fn address(request: &Request) -> Result<&Address> {
    let peer = request.context.peer.as_deref().map(|peer| &peer.address);
    peer.ok_or_else(|| Error::new(ErrorKind::Config, "the client has no address to call"))
}

/// Whether `message` may be the reply of a call to `method`; the sequence id is checked elsewhere.
///
/// # Errors
/// With an [`ApplicationException`] of the fitting type as cause.
pub(super) fn check(message: &Incoming, method: &str) -> Result<()> {
    match message.head.kind {
        // Who could not read the call can't name it, so exceptions may have any name.
        MessageKind::Exception => Ok(()),
        MessageKind::Reply if message.head.split_name().1 == method => Ok(()),
        MessageKind::Reply => {
            let text = format!("the reply is one of `{}`, not of `{method}`", message.head.name);
            Err(fault(ApplicationKind::WRONG_METHOD_NAME, text))
        }
        kind => Err(fault(ApplicationKind::INVALID_MESSAGE_TYPE, format!("the reply is a {kind:?} message"))),
    }
}

/// The error for a reply with the sequence id `number`, which is not that of the call.
pub(super) fn misnumbered(number: i32) -> Error {
    fault(
        ApplicationKind::BAD_SEQUENCE_ID,
        format!("the reply has sequence id {number}, which is not the call's"),
    )
}

fn fault(kind: ApplicationKind, text: String) -> Error {
    Error::protocol(text.clone()).with_source(ApplicationException::new(kind, text))
}

/// The response to a call, for which `context` was made; without a message that of a oneway call.
///
/// A business status is left as the extension [`BizError`](crate::BizError) of the response's context. An application
/// exception is decoded here, because its type is the outcome; it says whether the call was executed.
///
/// # Errors
/// What a server of ours says in its own name: overload, shutdown, a deadline that passed there.
pub(super) fn response(mut context: Context, answer: Answer) -> Result<Response> {
    let Answer { peer, message } = answer;
    context.peer = Some(peer);
    let Some(message) = message else {
        // To write is to copy the target, which calls share.
        if !context.oneway {
            context.oneway = true;
        }
        return Ok(Response::new(context, Body::Raw(nothing()), Outcome::Success));
    };
    let notes =
        message.header.as_deref().map(|header| meta::read_reply(header, &mut context)).unwrap_or_default();
    if let Some(biz) = notes.biz {
        let outcome = Outcome::Business(biz.status_code);
        context.extensions_mut().insert(biz);
        return Ok(Response::new(context, Body::Raw(message.body), outcome));
    }
    if message.head.kind == MessageKind::Exception {
        let mut exception = decode::<ApplicationException>(&message.body)?;
        let mut retry = Retry::Never;
        if notes.not_executed {
            (exception, retry) = (exception.not_executed(), Retry::Always);
        }
        let exception = match exception.into_refusal() {
            Ok(error) => return Err(error),
            Err(exception) => exception,
        };
        let outcome = Outcome::Failed(exception.kind().0);
        let body = Body::Typed(Arc::new(Typed(exception)));
        return Ok(Response::new(context, body, outcome).with_retry(retry));
    }
    let outcome = match first_field(&message.body) {
        None | Some(0) => Outcome::Success,
        Some(id) => Outcome::Declared(id),
    };
    Ok(Response::new(context, Body::Raw(message.body), outcome))
}

fn nothing() -> Raw {
    Raw { format: Format(0), bytes: Bytes::new(), limits: DecodeLimits { depth_max: 0, memory_max: 0 } }
}

/// The id of the first field of an encoded struct, if it has one and its head can be read.
fn first_field(body: &Raw) -> Option<i16> {
    let bytes = &body.bytes[..];
    match Protocol::from_format(body.format)? {
        Protocol::Binary => {
            let [kind, high, low] = *bytes.first_chunk()?;
            (kind != 0).then(|| i16::from_be_bytes([high, low]))
        }
        Protocol::Compact => match *bytes.first()? {
            0 => None,
            head if head >> 4 > 0 => Some(i16::from(head >> 4)),
            _ => zigzag(&bytes[1..]),
        },
    }
}

/// A signed variable-length integer of at most 16 bits.
fn zigzag(bytes: &[u8]) -> Option<i16> {
    let len = 1 + bytes.iter().take(3).position(|byte| *byte < 0x80)?;
    let value = bytes[..len].iter().rev().fold(0_u32, |value, byte| value << 7 | u32::from(byte & 0x7f));
    i16::try_from((value >> 1) as i32 ^ -((value & 1) as i32)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Limits,
        protocol::{BINARY, COMPACT},
    };

    fn first(format: Format, bytes: &'static [u8]) -> Option<i16> {
        let (bytes, limits) = (Bytes::from_static(bytes), Limits::default().decode());
        first_field(&Raw { format, bytes, limits })
    }

    #[test]
    fn the_first_field_is_read_in_both_protocols() {
        assert_eq!(first(BINARY, &[]), None);
        assert_eq!(first(BINARY, &[0]), None);
        assert_eq!(first(BINARY, &[12, 0]), None);
        assert_eq!(first(BINARY, &[12, 0, 0, 0, 0]), Some(0));
        assert_eq!(first(BINARY, &[12, 0xff, 0xfe, 0, 0]), Some(-2));
        assert_eq!(first(COMPACT, &[]), None);
        assert_eq!(first(COMPACT, &[0]), None);
        assert_eq!(first(COMPACT, &[0x1c, 0, 0]), Some(1));
        assert_eq!(first(COMPACT, &[0x0c, 0, 0, 0]), Some(0));
        assert_eq!(first(COMPACT, &[0x0c, 3, 0, 0]), Some(-2));
        assert_eq!(first(COMPACT, &[0x0c, 0xd0, 0x0f, 0]), Some(1000));
        assert_eq!(first(COMPACT, &[0x0c, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
