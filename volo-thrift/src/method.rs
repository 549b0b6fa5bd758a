//! What a service is at run time: named methods and a dispatcher.

use std::{future::Future, pin::Pin};

use volo_core::{Request, Response, Result};

/// One method of a service, as the IDL has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// The service's name.
    pub service: &'static str,
    /// The method's name.
    pub name: &'static str,
    /// Whether no reply is sent.
    pub oneway: bool,
    /// Whether it may be executed twice with the effect of once (annotation `rpc.idempotent`).
    pub idempotent: bool,
}

impl Method {
    /// A method that replies and is not idempotent.
    pub const fn new(service: &'static str, name: &'static str) -> Self {
        Method { service, name, oneway: false, idempotent: false }
    }

    /// The same without a reply.
    pub const fn oneway(self) -> Self {
        Method { oneway: true, ..self }
    }

    /// The same as one that may be executed twice.
    pub const fn idempotent(self) -> Self {
        Method { idempotent: true, ..self }
    }
}

/// The future of a handler.
pub type HandlerFuture = Pin<Box<dyn Future<Output = Result<Response>> + Send>>;

/// A service that a server can offer; implemented by the generated `…Server` types.
pub trait Service: Send + Sync + 'static {
    /// The service's name as the IDL has it.
    fn name(&self) -> &'static str;

    /// Its methods, inherited ones included.
    fn methods(&self) -> &'static [Method];

    /// Whether it takes every call that no service of its server has a method for; index and names then say nothing,
    /// the request's context has what the caller said.
    fn takes_any_method(&self) -> bool {
        false
    }

    /// Starts the method with this index in [`Service::methods`].
    fn call(&self, method: usize, request: Request) -> HandlerFuture;
}
