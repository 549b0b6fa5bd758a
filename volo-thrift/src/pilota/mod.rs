//! Services and clients whose types come from pilota-build, on our stack: a way over, message by message.
//!
//! For each method `m` of a service `S`, pilota-build makes `SMArgsSend` and `SMResultRecv` for callers, and
//! `SMArgsRecv` and `SMResultSend` for servers. They are encoded by pilota's own code, and decoded by it behind our
//! checks. Only Binary works: a peer that speaks Compact is told so.
//!
//! ```ignore
//! static GET_ITEM: Method = Method::new("ItemService", "get_item");
//! let args = ItemServiceGetItemArgsSend { id: 1 };
//! let result: ItemServiceGetItemResultRecv = pilota::call(&client, &GET_ITEM, args).await?;
//! ```
#![forbid(unsafe_code)]

mod guarded;
mod service;

use std::{
    any::{Any, type_name},
    future::Future,
    sync::Arc,
};

use ::pilota::thrift::{Message, ThriftException, binary::TBinaryProtocol};
use bytes::{Bytes, BytesMut};
use volo_core::{
    Body, Decode, Encode, Error, ErrorKind, Format, Outcome, Raw, Request, Response, Result, Size, Span,
    span::COPY_MAX,
};

pub use service::PilotaService;

use crate::{
    Client, ClientError, HandlerFuture, Method, ServerError, client::succeeded, handler, meta::Notes,
    protocol::BINARY,
};
use guarded::Guarded;

/// A value of a type from pilota-build, as a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pilota<M>(pub M);

impl<M: Message + Send + Sync + 'static> Pilota<M> {
    fn to_bytes(&self) -> Result<Bytes> {
        let failed = |error: ThriftException| {
            Error::new(ErrorKind::Encode, format!("can't encode {}: {error}", type_name::<M>()))
        };
        let mut bytes = BytesMut::with_capacity(self.len());
        self.0.encode(&mut TBinaryProtocol::new(&mut bytes, false)).map_err(failed)?;
        Ok(bytes.freeze())
    }

    fn len(&self) -> usize {
        self.0.size(&mut TBinaryProtocol::new((), false))
    }
}

/// Encoded once into a piece of memory, which is then linked or copied.
impl<M: Message + Send + Sync + 'static> Encode for Pilota<M> {
    fn encoded_size(&self, format: Format, link_min: usize, _: u32) -> Result<Size> {
        if format != BINARY {
            return Err(Error::new(ErrorKind::Encode, "types of pilota-build can be sent in Binary only"));
        }
        let len = self.len();
        let linked = len >= link_min.max(COPY_MAX + 1);
        Ok(if linked { Size { inline: 0, linked: len } } else { Size::inline(len) })
    }

    fn encode_into(&self, _: Format, span: &mut Span<'_>) {
        match self.to_bytes() {
            Ok(bytes) => span.put_body(&bytes),
            Err(error) => {
                tracing::error!(%error, "a message can't be sent");
                span.fail();
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl<M: Message + Send + Sync + 'static> Decode for Pilota<M> {
    fn decode_from(raw: &Raw) -> Result<Self> {
        if raw.format != BINARY {
            return Err(Error::protocol("types of pilota-build can be received in Binary only"));
        }
        let mut bytes = raw.bytes.clone();
        let decoded = M::decode(&mut Guarded::new(&mut bytes, raw.limits));
        decoded
            .map(Pilota)
            .map_err(|error| Error::protocol(format!("can't decode {}: {error}", type_name::<M>())))
    }
}

/// Calls `method` with its `…ArgsSend` and gives its `…ResultRecv`, which holds a declared exception if there is one.
///
/// # Errors
/// A business status, an application exception, or what went wrong on the way.
pub async fn call<A, R>(client: &Client, method: &'static Method, args: A) -> Result<R, ClientError>
where
    A: Message + Send + Sync + 'static,
    R: Message + Send + Sync + 'static,
{
    let response = client.execute(method, Body::Typed(Arc::new(Pilota(args)))).await?;
    let response = succeeded(response)?;
    match response.into_body() {
        Body::Raw(raw) => Ok(Pilota::decode_from(&raw)?.0),
        Body::Typed(message) => match message.into_any().downcast::<Pilota<R>>().map(Arc::try_unwrap) {
            Ok(Ok(Pilota(result))) => Ok(result),
            _ => {
                let text = format!("a layer answered {} with what is not its result", method.name);
                Err(Error::internal(text).into())
            }
        },
    }
}

/// Calls a oneway `method` with its `…ArgsSend`; done once the call was handed to the transport.
///
/// # Errors
/// When the call failed on the way, or the server, though it need not answer, refused it.
pub async fn send<A>(client: &Client, method: &'static Method, args: A) -> Result<(), ClientError>
where
    A: Message + Send + Sync + 'static,
{
    let response = client.execute(method, Body::Typed(Arc::new(Pilota(args)))).await?;
    succeeded(response).map(drop)
}

/// Runs `handler` with the `…ArgsRecv` in `request`, in the scope of its context; it gives the `…ResultSend`.
pub fn handle<A, R, H, F>(request: Request, handler: H) -> HandlerFuture
where
    A: Message + Clone + Send + Sync + 'static,
    R: Message + Send + Sync + 'static,
    H: FnOnce(A) -> F + Send + 'static,
    F: Future<Output = Result<R, ServerError>> + Send,
{
    Box::pin(async move {
        let (context, Pilota(args)) = request.into_args::<Pilota<A>>()?;
        let (mut context, result) = context.scope(handler(args)).await;
        let (bytes, outcome) = match result {
            Ok(result) => {
                let bytes = Pilota(result).to_bytes()?;
                let outcome = outcome(&bytes);
                (bytes, outcome)
            }
            Err(ServerError::Biz(biz)) => {
                // The status travels in the header; the result struct beside it is empty.
                let outcome = Outcome::Business(biz.status_code);
                context.extensions_mut().insert(Notes { biz: Some(biz), ..Notes::default() });
                (Bytes::from_static(&[0]), outcome)
            }
            Err(ServerError::Application(exception)) => return Ok(handler::failure(context, exception)),
            Err(ServerError::Exception(never)) => match never {},
        };
        let limits = volo_core::DecodeLimits { depth_max: 0, memory_max: 0 }; // nobody decodes it here
        Ok(Response::new(context, Body::Raw(Raw { format: BINARY, bytes, limits }), outcome))
    })
}

/// Field 0 of a result struct is what the method returns, any other one a declared exception.
fn outcome(result: &[u8]) -> Outcome {
    match result {
        [kind, high, low, ..] if *kind != 0 && [*high, *low] != [0, 0] => {
            Outcome::Declared(i16::from_be_bytes([*high, *low]))
        }
        _ => Outcome::Success,
    }
}
