//! What flows through the layers: a request with its context, and the response to it.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use crate::{Body, Call, Context, Decode, Error, Result, Retry};

/// One call, on its way to a peer or to a handler: a handle, because it passes through many hands by value.
///
/// Cloning is cheap whatever the payload: retry, hedging and fan-out need nothing from the message.
#[derive(Clone)]
pub struct Request(Box<Call>);

impl Request {
    /// A request with this payload.
    pub fn new(context: Context, body: Body) -> Self {
        let mut call = context.into_call();
        call.body = Some(body);
        Request(call)
    }

    /// Replaces the payload.
    pub fn set_body(&mut self, body: Body) {
        (self.0.body, self.0.decoded) = (Some(body), None);
    }

    /// The context alone.
    pub fn into_context(self) -> Context {
        self.0.into_context()
    }

    /// The decoded arguments. Decodes on first use and keeps the result for the layers and the handler below.
    ///
    /// # Errors
    /// When the payload can't be decoded as `T`, or a typed payload is of another type.
    pub fn args<T: Decode>(&mut self) -> Result<&T> {
        if self.0.decoded.as_ref().is_none_or(|known| !known.is::<T>()) {
            self.0.decoded = Some(Arc::new(decode::<T>(self.body())?));
        }
        self.0.decoded.as_ref().and_then(|known| known.downcast_ref()).ok_or_else(wrong_type::<T>)
    }

    /// Takes the decoded arguments out, with the context; decodes unless a layer above already did.
    ///
    /// # Errors
    /// As [`Request::args`].
    pub fn into_args<T: Decode + Clone>(mut self) -> Result<(Context, T)> {
        let known = self.0.decoded.take().and_then(|known| known.downcast::<T>().ok());
        let args = match known {
            Some(known) => Arc::try_unwrap(known).unwrap_or_else(|shared| T::clone(&shared)),
            None => decode::<T>(self.body())?,
        };
        Ok((self.into_context(), args))
    }
}

impl Deref for Request {
    type Target = Call;

    #[inline]
    fn deref(&self) -> &Call {
        &self.0
    }
}

impl DerefMut for Request {
    #[inline]
    fn deref_mut(&mut self) -> &mut Call {
        &mut self.0
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
        f.debug_tuple("Request").field(&self.0).finish()
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

/// The reply to one call: a handle, as the request was.
#[derive(Clone, Debug)]
pub struct Response {
    call: Box<Call>,
    outcome: Outcome,
    retry: Retry,
}

impl Response {
    /// A reply with this payload and outcome.
    pub fn new(context: Context, body: Body, outcome: Outcome) -> Self {
        let mut call = context.into_call();
        call.body = Some(body);
        Response { call, outcome, retry: Retry::Never }
    }

    /// Takes the payload out.
    pub fn into_body(mut self) -> Body {
        self.call.body.take().unwrap_or(Body::NOTHING)
    }

    /// Takes context and payload out.
    pub fn into_parts(mut self) -> (Context, Body) {
        let body = self.call.body.take().unwrap_or(Body::NOTHING);
        (self.call.into_context(), body)
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

impl Deref for Response {
    type Target = Call;

    #[inline]
    fn deref(&self) -> &Call {
        &self.call
    }
}

impl DerefMut for Response {
    #[inline]
    fn deref_mut(&mut self) -> &mut Call {
        &mut self.call
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CallInfo, DecodeLimits, Format, Raw};

    fn body(bytes: &'static [u8]) -> Body {
        let limits = DecodeLimits { depth_max: 1, memory_max: 1 };
        Body::Raw(Raw { format: Format(0), bytes: bytes.into(), limits })
    }

    fn len(body: &Body) -> usize {
        match body {
            Body::Raw(raw) => raw.bytes.len(),
            Body::Typed(_) => unreachable!("nothing here is typed"),
        }
    }

    #[test]
    fn context_and_payload_go_separate_ways() {
        let mut request = Request::new(Context::new("Shop", "list"), body(b"123"));
        let copy = request.clone();
        request.context.method = "find".into();
        assert_eq!((&*copy.context.method, &*request.context.method), ("list", "find"));
        request.context = CallInfo::default();
        assert_eq!((len(request.body()), len(copy.body())), (3, 3), "another context leaves the payload");

        let context = copy.into_context();
        let reply = Response::new(context.clone(), body(b"12"), Outcome::Success);
        assert_eq!((len(reply.body()), &*reply.context.method), (2, "list"));
        let (context, taken) = reply.into_parts();
        assert_eq!((len(&taken), &*context.method), (2, "list"));
        assert_eq!(len(Request::new(context, body(b"1")).body()), 1);
    }

    #[test]
    fn they_are_small() {
        assert_eq!(size_of::<Option<Request>>(), size_of::<usize>());
        assert_eq!(size_of::<Result<Response>>(), 3 * size_of::<usize>());
    }
}
