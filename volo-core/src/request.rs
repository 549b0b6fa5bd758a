//! What flows through the layers: a request with its context, and the response to it.

use std::{any::Any, fmt, sync::Arc};

use crate::{Body, Context, Decode, Error, Result, Retry};

/// One call, on its way to a peer or to a handler.
///
/// Cloning is cheap whatever the payload: retry, hedging and fan-out need nothing from the message.
#[derive(Clone)]
pub struct Request {
    /// Who is called, until when, and what travels along.
    pub context: Context,
    body: Body,
    /// Boxed, because a request passes through many hands and few layers decode it.
    decoded: Option<Box<Arc<dyn Any + Send + Sync>>>,
}

impl Request {
    /// A request with this payload.
    pub fn new(context: Context, body: Body) -> Self {
        Request { context, body, decoded: None }
    }

    /// The payload as it will be, or was, on the wire.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Replaces the payload.
    pub fn set_body(&mut self, body: Body) {
        self.body = body;
        self.decoded = None;
    }

    /// The decoded arguments. Decodes on first use and keeps the result for the layers and the handler below.
    ///
    /// # Errors
    /// When the payload can't be decoded as `T`, or a typed payload is of another type.
    pub fn args<T: Decode>(&mut self) -> Result<&T> {
        if self.decoded.as_ref().is_none_or(|known| !known.is::<T>()) {
            self.decoded = Some(Box::new(Arc::new(decode::<T>(&self.body)?)));
        }
        self.decoded.as_ref().and_then(|known| known.downcast_ref()).ok_or_else(wrong_type::<T>)
    }

    /// Takes the decoded arguments out, with the context; decodes unless a layer above already did.
    ///
    /// # Errors
    /// As [`Request::args`].
    pub fn into_args<T: Decode + Clone>(self) -> Result<(Context, T)> {
        let known = self.decoded.and_then(|known| known.downcast::<T>().ok());
        let args = match known {
            Some(known) => Arc::try_unwrap(known).unwrap_or_else(|shared| T::clone(&shared)),
            None => decode::<T>(&self.body)?,
        };
        Ok((self.context, args))
    }
}

fn decode<T: Decode>(body: &Body) -> Result<T> {
    match body {
        Body::Raw(raw) => T::decode_from(raw),
        Body::Typed(_) => Err(wrong_type::<T>()),
    }
}

fn wrong_type<T>() -> Error {
    Error::internal(format!("payload is not an encoded {}", std::any::type_name::<T>()))
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("context", &self.context).field("body", &self.body).finish()
    }
}

/// How a call ended, as far as it can be told without decoding the reply.
///
/// Breakers, retries and statistics classify by this; local failures never get so far, they are an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The method's result.
    Success,
    /// An exception that the method declares, by its field id in the result.
    Declared(i16),
    /// A business status other than 0.
    Business(i32),
    /// The peer refused or failed the call, with the application exception's code.
    Failed(i32),
}

impl Outcome {
    /// Whether the call gave the method's result.
    pub fn is_success(self) -> bool {
        self == Outcome::Success
    }
}

/// The reply to one call.
#[derive(Clone, Debug)]
pub struct Response {
    /// What travels back beside the result: backward metainfo, extensions.
    pub context: Context,
    body: Body,
    outcome: Outcome,
    retry: Retry,
}

impl Response {
    /// A reply with this payload and outcome.
    pub fn new(context: Context, body: Body, outcome: Outcome) -> Self {
        Response { context, body, outcome, retry: Retry::Never }
    }

    /// The payload.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Takes the payload out.
    pub fn into_body(self) -> Body {
        self.body
    }

    /// Takes context and payload out.
    pub fn into_parts(self) -> (Context, Body) {
        (self.context, self.body)
    }

    /// Says that the call may be sent again, because the peer vouches that it was not executed.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// When the call may be sent again: never, unless the peer said that it was not executed.
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// How the call ended.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }
}
