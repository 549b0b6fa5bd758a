//! A service that tells what its server offers.

use std::sync::Arc;

use faststr::FastStr;
use volo_core::{Body, Request, Result, Target};

use super::{Fields, Schema};
use crate::{
    ApplicationException, ApplicationKind, Client, HandlerFuture, Method, Never, Service,
    handler::{handle, unknown_method},
    protocol::{MethodResult, Typed, decode},
};

/// The service's name.
const SERVICE: &str = "VoloReflection";

/// `list<string> volo_reflection_schemas()`: the texts that [`Schema::parse`] reads.
const SCHEMAS: &str = "volo_reflection_schemas";

static METHODS: [Method; 1] = [Method::new(SERVICE, SCHEMAS).idempotent()];

/// Tells clients the server's IDL: services, methods, types, comments and the text itself.
///
/// It is for servers whose clients may know all that; nothing is offered unless it is added.
///
/// ```ignore
/// Server::new().add_service(CatalogServer::new(Catalog)).add_service(Reflection::new([volo_gen::SCHEMA]))
/// ```
#[derive(Clone, Debug)]
pub struct Reflection {
    schemas: Arc<[FastStr]>,
}

impl Reflection {
    /// Tells these: the constants `SCHEMA` of code that was generated with the switch `reflection`.
    pub fn new(schemas: impl IntoIterator<Item = &'static str>) -> Self {
        Reflection { schemas: schemas.into_iter().map(FastStr::from_static_str).collect() }
    }
}

impl Service for Reflection {
    fn name(&self) -> &'static str {
        SERVICE
    }

    fn methods(&self) -> &'static [Method] {
        &METHODS
    }

    fn call(&self, method: usize, request: Request) -> HandlerFuture {
        if method != 0 {
            return unknown_method(request);
        }
        let schemas = self.schemas.to_vec();
        handle::<Fields, Vec<FastStr>, Never, _, _>(request, |_| async { Ok(schemas) })
    }
}

/// Asks the server behind `client` what it offers.
///
/// # Errors
/// When it can't be asked, offers no [`Reflection`], or answers with something that is no schema.
pub async fn reflect(client: &Client) -> Result<Vec<Schema>> {
    let target = Target {
        service: FastStr::from_static_str(SERVICE),
        method: FastStr::from_static_str(SCHEMAS),
        oneway: false,
        idempotent: true,
    };
    let response = client.execute_named(target, Body::Typed(Arc::new(Typed(Fields::default())))).await?;
    if !response.outcome().is_success() {
        let what = match response.outcome() {
            volo_core::Outcome::Failed(kind)
                if kind == ApplicationKind::UNKNOWN_SERVICE.0
                    || kind == ApplicationKind::UNKNOWN_METHOD.0 =>
            {
                "the server offers no reflection".to_owned()
            }
            _ => match response.into_body() {
                Body::Raw(raw) => decode::<ApplicationException>(&raw)?.to_string(),
                Body::Typed(_) => "reflection failed".to_owned(),
            },
        };
        return Err(volo_core::Error::new(volo_core::ErrorKind::Config, what));
    }
    let texts = match response.into_body() {
        Body::Raw(raw) => match decode::<MethodResult<Vec<FastStr>, Never>>(&raw)? {
            MethodResult::Ok(texts) => texts,
            _ => Vec::new(),
        },
        Body::Typed(_) => Vec::new(),
    };
    texts.iter().map(|text| Schema::parse(text)).collect()
}
