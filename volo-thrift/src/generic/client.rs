//! Calls in JSON.

use std::sync::Arc;

use faststr::FastStr;
use volo_core::{Body, Error, ErrorKind, Outcome, Response, Result, Target};

use super::{MethodType, Schema};
use crate::{
    ApplicationException, BizError, Client,
    protocol::{Protocol, Typed, decode},
};

/// A client of one service that takes and gives JSON.
///
/// ```no_run
/// # async fn call(schema: volo_thrift::generic::Schema) -> volo_core::Result<()> {
/// use volo_thrift::{Client, ClientBuilder, generic::{Answer, JsonClient}};
///
/// let client = ClientBuilder::<Client>::new("catalog").address("127.0.0.1:8620").build();
/// let catalog = JsonClient::new(client, schema, "Catalog")?;
/// if let Answer::Success(Some(item)) = catalog.call("get", r#"{"id":"42"}"#).await? {
///     println!("{item}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct JsonClient {
    client: Client,
    schema: Arc<Schema>,
    service: usize,
}

/// What a method answered.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// Its result, `None` if it is `void`.
    Success(Option<String>),
    /// A declared exception: its name in the method's `throws`, and the exception.
    Exception(String, String),
    /// A business status.
    Biz(BizError),
    /// The peer refused or failed the call.
    Application(ApplicationException),
}

impl JsonClient {
    /// A client of the service with this name.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the schema has no such service; the text names those that it has.
    pub fn new(client: Client, schema: impl Into<Arc<Schema>>, service: &str) -> Result<Self> {
        let schema = schema.into();
        match schema.services().iter().position(|known| known.name == service) {
            Some(service) => Ok(JsonClient { client, schema, service }),
            None => {
                let names = schema.services().iter().map(|known| known.name.as_str());
                let names = names.collect::<Vec<_>>().join(", ");
                Err(config(format!("there is no service {service}; there are: {names}")))
            }
        }
    }

    /// Calls `method` with arguments by name: `{"id":42}`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an unknown method, [`ErrorKind::Encode`] for arguments that don't fit, and what goes
    /// wrong on the way. What the peer answers is no error but an [`Answer`].
    pub async fn call(&self, method: &str, args: &str) -> Result<Answer> {
        let (target, body) = self.prepare(method, args)?;
        let method = self.method(method)?;
        self.answer(method, self.client.execute_named(target, body).await?)
    }

    /// The call that [`JsonClient::call`] makes, for those who make it often: it can be sent again and again.
    ///
    /// # Errors
    /// As there, before anything is sent.
    pub fn prepare(&self, method: &str, args: &str) -> Result<(Target, Body)> {
        let method = self.method(method)?;
        let target = Target {
            service: FastStr::new(&self.schema.services()[self.service].name),
            method: FastStr::new(&method.name),
            oneway: method.oneway,
            idempotent: method.idempotent,
        };
        Ok((target, Body::Raw(self.schema.args_from_json(method, args, Protocol::Binary)?)))
    }

    /// What a response says.
    ///
    /// # Errors
    /// When its body isn't the method's result.
    pub fn answer(&self, method: &MethodType, response: Response) -> Result<Answer> {
        let outcome = response.outcome();
        if let Outcome::Business(status) = outcome {
            let biz = response.context.extension::<BizError>().cloned();
            return Ok(Answer::Biz(biz.unwrap_or_else(|| BizError::new(status, ""))));
        }
        let raw = match response.into_body() {
            Body::Raw(raw) => raw,
            Body::Typed(body) => match body.as_any().downcast_ref::<Typed<ApplicationException>>() {
                Some(Typed(exception)) => return Ok(Answer::Application(exception.clone())),
                // What a oneway method answers.
                None => return Ok(Answer::Success(None)),
            },
        };
        match outcome {
            Outcome::Failed(_) => decode(&raw).map(Answer::Application),
            _ if method.oneway => Ok(Answer::Success(None)),
            _ => self.told(method, &raw),
        }
    }

    /// The value behind the only key of a result.
    fn told(&self, method: &MethodType, raw: &volo_core::Raw) -> Result<Answer> {
        let json = self.schema.result_to_json(method, raw)?;
        let field = method.result.fields.iter().find_map(|field| {
            let value =
                json.strip_prefix('{')?.strip_prefix(&format!("{:?}:", field.name))?.strip_suffix('}')?;
            Some((field, value.to_owned()))
        });
        match field {
            Some((field, value)) if field.id == 0 => Ok(Answer::Success(Some(value))),
            Some((field, value)) => Ok(Answer::Exception(field.name.clone(), value)),
            None if method.result.fields.iter().any(|field| field.id == 0) || json != "{}" => {
                Err(Error::protocol(format!("the reply of {} has no result that the IDL knows", method.name)))
            }
            None => Ok(Answer::Success(None)),
        }
    }

    /// The method of this name.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is none; the text names those that there are.
    pub fn method(&self, name: &str) -> Result<&MethodType> {
        let service = &self.schema.services()[self.service];
        service.method(name).ok_or_else(|| {
            let names =
                service.methods.iter().map(|known| known.name.as_str()).collect::<Vec<_>>().join(", ");
            config(format!("{} has no method {name}; it has: {names}", service.name))
        })
    }

    /// What it knows of the services.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// What it calls through.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

fn config(text: String) -> Error {
    Error::new(ErrorKind::Config, text)
}
