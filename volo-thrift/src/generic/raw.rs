//! A service that takes any call as bytes, and a proxy made of it.

use std::future::Future;

use volo_core::{Outcome, Request, Response, Result, Target};

use crate::{BizError, Client, HandlerFuture, Method, Service, meta::Notes};

/// Serves every call that no other service of its server takes, whatever its service, method and types.
///
/// The request has its arguments, and the response its result, as a [`Body`](volo_core::Body) in the sender's protocol; a
/// body in another one is transcoded on its way out.
pub struct RawService<H>(H);

impl<H, F> RawService<H>
where
    H: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Response>> + Send + 'static,
{
    /// Answers with what `handler` gives.
    pub fn new(handler: H) -> Self {
        RawService(handler)
    }
}

impl<H, F> Service for RawService<H>
where
    H: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Response>> + Send + 'static,
{
    fn name(&self) -> &'static str {
        ""
    }

    fn methods(&self) -> &'static [Method] {
        &[]
    }

    fn takes_any_method(&self) -> bool {
        true
    }

    fn call(&self, _: usize, request: Request) -> HandlerFuture {
        Box::pin((self.0)(request))
    }
}

/// Passes every call on to where `client` leads, with deadline and metainfo, and the answer back, without decoding
/// either. Only names longer than [`Client::execute_named`] takes go no further.
pub fn proxy(client: Client) -> impl Service {
    RawService::new(move |request: Request| {
        let client = client.clone();
        async move {
            let body = request.body().clone();
            let context = request.into_context();
            let target = Target {
                service: context.service.clone(),
                method: context.method.clone(),
                oneway: context.oneway,
                idempotent: false,
            };
            let (mut context, response) = context.scope(client.execute_named(target, body)).await;
            let response = response?;
            let (outcome, retry) = (response.outcome(), response.retry());
            if let Outcome::Business(_) = outcome {
                let biz = response.context.extension::<BizError>().cloned();
                context.extensions_mut().insert(Notes { biz, ..Notes::default() });
            }
            let metainfo = context.metainfo_mut();
            // What the callee sent back goes on to the caller.
            for (key, value) in std::mem::take(&mut metainfo.downstream).iter() {
                metainfo.backward.set(key.clone(), value.clone());
            }
            Ok(Response::new(context, response.into_body(), outcome).with_retry(retry))
        }
    })
}
