//! Making sure that a connection reaches the server that advertised itself, and nothing else.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use volo_core::{Body, Context, DecodeLimits, Error, ErrorKind, Raw, Request, Result, net::Link};

use super::{
    connection::{Connection, Settings},
    pingpong::exchange,
    timer::now,
};
use crate::{
    meta::{Hello, InstanceId, keys},
    protocol::Protocol,
};

/// How long a server may take to say who it is. It does so before any call is looked at.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The method that a hello seems to call, for peers that don't know better.
const METHOD: &str = "volo-hello";

/// A new connection, if it is found to reach the server `instance` and nobody in between.
pub(super) async fn checked(
    link: Box<dyn Link>,
    settings: &Arc<Settings>,
    instance: InstanceId,
) -> Result<Box<dyn Link>> {
    let address = link.profile().peer.address.clone();
    let greeting = Some((keys::HELLO, Hello::QUESTION));
    let settings = Arc::new(Settings { greeting, flags: 0, ..Settings::clone(settings) });
    let mut connection = Connection::new(link, &address, settings, 1);
    let expected = connection
        .expected_hello(instance)
        .ok_or_else(|| Error::new(ErrorKind::Connect, "a connection of this kind can't be checked"))?;
    let answer = exchange(&mut connection, &request(now())).await?;
    let header = answer.as_ref().and_then(|answer| answer.header.as_deref());
    let hello = header.and_then(Hello::read);
    match hello {
        // More than one answer would be taken for that of the first call.
        Some(hello) if hello == expected && connection.is_clean() && connection.idle_ok() => {
            Ok(connection.into_link())
        }
        Some(hello) => {
            let (hello, expected) = (hello.to_text(), expected.to_text());
            let text = format!("{address} is not the server that advertised: `{hello}` is not `{expected}`");
            Err(Error::new(ErrorKind::Connect, text))
        }
        None => Err(Error::new(ErrorKind::Connect, format!("{address} does not say who it is"))),
    }
}

/// What carries the question; any answer shows that the peer is there.
pub(super) fn request(now: Instant) -> Request {
    let mut context = Context::new("", METHOD);
    context.deadline = Some(now + TIMEOUT);
    let limits = DecodeLimits { depth_max: 0, memory_max: 0 };
    let empty = Raw { format: Protocol::Binary.format(), bytes: Bytes::from_static(&[0]), limits };
    Request::new(context, Body::Raw(empty))
}
