//! What happens in the innermost part of a server: decode the arguments, run the handler, wrap what it gives.

use std::{future::Future, sync::Arc};

use volo_core::{Body, CallInfo, Context, Outcome, Request, Response, Stage, Target};

use crate::{
    ApplicationException, ApplicationKind, HandlerFuture, ServerError,
    meta::Notes,
    protocol::{Exceptions, MethodResult, Success, Typed, Value},
};

/// Runs `handler` with the arguments in `request`, in the scope of its context; boxed exactly once.
///
/// Decoding is part of the future, so that a layer that refuses the call saves it. Arguments that can't be decoded
/// end the call with a protocol error that names the field.
pub fn handle<A, T, E, H, F>(request: Request, handler: H) -> HandlerFuture
where
    A: Value,
    T: Success,
    E: Exceptions,
    H: FnOnce(A) -> F + Send + 'static,
    F: Future<Output = Result<T, ServerError<E>>> + Send,
{
    Box::pin(async move {
        let (context, Typed(args)) = request.into_args::<Typed<A>>()?;
        mark(&context, Stage::Decoded);
        let (context, result) = context.scope(handler(args)).await;
        mark(&context, Stage::Handled);
        Ok(match result {
            Ok(value) => result_of(context, MethodResult::<T, E>::Ok(value), Outcome::Success),
            Err(ServerError::Exception(exception)) => {
                let outcome = Outcome::Declared(exception.id());
                result_of(context, MethodResult::<T, E>::Err(exception), outcome)
            }
            Err(ServerError::Biz(biz)) => {
                // The status travels in the header; the result struct beside it is empty.
                let mut context = context;
                let outcome = Outcome::Business(biz.status_code);
                context.extensions_mut().insert(Notes { biz: Some(biz), ..Notes::default() });
                result_of(context, MethodResult::<T, E>::Missing, outcome)
            }
            Err(ServerError::Application(exception)) => failure(context, exception),
        })
    })
}

fn mark(context: &CallInfo, stage: Stage) {
    if let Some(stages) = context.stages() {
        stages.mark(stage);
    }
}

fn result_of<T: Success, E: Exceptions>(
    context: Context,
    result: MethodResult<T, E>,
    outcome: Outcome,
) -> Response {
    Response::new(context, Body::Typed(Arc::new(Typed(result))), outcome)
}

/// The response that reports `exception`.
pub(crate) fn failure(context: Context, exception: ApplicationException) -> Response {
    let outcome = Outcome::Failed(exception.kind().0);
    Response::new(context, Body::Typed(Arc::new(Typed(exception))), outcome)
}

/// The response to a method that the service doesn't have; a dispatcher's last arm.
pub fn unknown_method(request: Request) -> HandlerFuture {
    let Target { service, method, .. } = &*request.context;
    let text = format!("service {service} has no method {method}");
    let exception = ApplicationException::new(ApplicationKind::UNKNOWN_METHOD, text);
    Box::pin(std::future::ready(Ok(failure(request.into_context(), exception))))
}
