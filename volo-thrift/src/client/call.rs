//! Typed calls, as generated clients make them.

use std::sync::Arc;

use volo_core::{Body, Error, Outcome, Response, Result};

use super::Client;
use crate::{
    ApplicationException, ApplicationKind, BizError, ClientError, Method,
    protocol::{Exceptions, MethodResult, Success, Typed, Value, decode},
};

/// Calls `method` with `args` and waits for its result.
///
/// # Errors
/// What the method declares, a business status, an application exception, or what went wrong on the way.
pub async fn call<A, T, E>(client: &Client, method: &'static Method, args: A) -> Result<T, ClientError<E>>
where
    A: Value,
    T: Success,
    E: Exceptions,
{
    let response = client.execute(method, Body::Typed(Arc::new(Typed(args)))).await?;
    result(method, succeeded(response)?)
}

/// The response, if it has the method's result or a declared exception.
pub(crate) fn succeeded<E>(response: Response) -> Result<Response, ClientError<E>> {
    match response.outcome() {
        Outcome::Success | Outcome::Declared(_) => Ok(response),
        Outcome::Business(status) => Err(ClientError::Biz(biz_error(&response, status))),
        Outcome::Failed(_) => Err(ClientError::Application(application_exception(response.body())?)),
    }
}

/// Calls a oneway `method`; done once the call was handed to the transport.
///
/// # Errors
/// When the call failed on the way, or the server, though it need not answer, refused it.
pub async fn send<A: Value>(client: &Client, method: &'static Method, args: A) -> Result<(), ClientError> {
    let response = client.execute(method, Body::Typed(Arc::new(Typed(args)))).await?;
    succeeded(response).map(drop)
}

fn result<T: Success, E: Exceptions>(method: &Method, response: Response) -> Result<T, ClientError<E>> {
    let result = match response.into_body() {
        Body::Raw(raw) => decode::<MethodResult<T, E>>(&raw)?,
        Body::Typed(message) => match message.into_any().downcast::<Typed<MethodResult<T, E>>>() {
            Ok(known) => Arc::try_unwrap(known).map_or_else(|shared| shared.0.clone(), |owned| owned.0),
            Err(_) => return Err(wrong_type(method).into()),
        },
    };
    match result {
        MethodResult::Ok(value) => Ok(value),
        MethodResult::Err(exception) => Err(ClientError::Exception(exception)),
        MethodResult::Missing => {
            let text = format!("the reply of {} has neither a result nor a known exception", method.name);
            Err(ClientError::Application(ApplicationException::new(ApplicationKind::MISSING_RESULT, text)))
        }
    }
}

fn wrong_type(method: &Method) -> Error {
    Error::internal(format!("a layer answered {} with another method's result", method.name))
}

/// The application exception in a body.
fn application_exception(body: &Body) -> Result<ApplicationException> {
    match body {
        Body::Raw(raw) => decode(raw),
        Body::Typed(message) => match message.as_any().downcast_ref::<Typed<ApplicationException>>() {
            Some(Typed(exception)) => Ok(exception.clone()),
            None => Err(Error::internal("a layer answered with a failure that is no application exception")),
        },
    }
}

fn biz_error(response: &Response, status: i32) -> BizError {
    response.context.extension::<BizError>().cloned().unwrap_or_else(|| BizError::new(status, ""))
}
