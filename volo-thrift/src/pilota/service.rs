//! A service put together from handlers.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use ::pilota::thrift::Message;
use volo_core::{Error, ErrorKind, Request, Result};

use super::handle;
use crate::{HandlerFuture, Method, ServerError, Service, handler::unknown_method};

type Handler = Arc<dyn Fn(Request) -> HandlerFuture + Send + Sync>;

/// A service whose types come from pilota-build.
///
/// ```ignore
/// static METHODS: [Method; 1] = [Method::new("ItemService", "get_item")];
/// let service = PilotaService::new("ItemService", &METHODS)
///     .method("get_item", async |args: ItemServiceGetItemArgsRecv| Ok(ItemServiceGetItemResultSend::Ok(…)))
///     .build()?;
/// Server::new().add_service(service).run("127.0.0.1:9000").await
/// ```
pub struct PilotaService {
    name: &'static str,
    methods: &'static [Method],
    handlers: BTreeMap<&'static str, Handler>,
}

impl PilotaService {
    /// A service of this name, as the IDL has it, without handlers.
    pub fn new(name: &'static str, methods: &'static [Method]) -> Self {
        PilotaService { name, methods, handlers: BTreeMap::new() }
    }

    /// Sets the handler of a method: it takes the `…ArgsRecv` and gives the `…ResultSend`.
    pub fn method<A, R, H, F>(mut self, name: &'static str, handler: H) -> Self
    where
        A: Message + Clone + Send + Sync + 'static,
        R: Message + Send + Sync + 'static,
        H: Fn(A) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<R, ServerError>> + Send + 'static,
    {
        self.handlers.insert(name, Arc::new(move |request| handle(request, handler.clone())));
        self
    }

    /// Checks that each method has a handler.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the name of a method that has none, or of a handler without a method.
    pub fn build(self) -> Result<impl Service> {
        let unhandled = self.methods.iter().find(|method| !self.handlers.contains_key(method.name));
        if let Some(method) = unhandled {
            return Err(config(format!(
                "method `{}` of service `{}` has no handler",
                method.name, self.name
            )));
        }
        let unknown =
            self.handlers.keys().find(|name| !self.methods.iter().any(|known| known.name == **name));
        match unknown {
            Some(name) => Err(config(format!("service `{}` has no method `{name}`", self.name))),
            None => Ok(self),
        }
    }
}

fn config(text: String) -> Error {
    Error::new(ErrorKind::Config, text)
}

impl Service for PilotaService {
    fn name(&self) -> &'static str {
        self.name
    }

    fn methods(&self) -> &'static [Method] {
        self.methods
    }

    fn call(&self, method: usize, request: Request) -> HandlerFuture {
        let handler = self.methods.get(method).and_then(|method| self.handlers.get(method.name));
        match handler {
            Some(handler) => handler(request),
            None => unknown_method(request),
        }
    }
}
