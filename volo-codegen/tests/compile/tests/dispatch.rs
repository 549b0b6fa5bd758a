//! A generated server's way from encoded arguments to the handler and back, without a connection.

use golden::service::golden::{base::*, service::*, shared::*};
use volo_core::span::OutBuf;
use volo_core::{Body, Context, DecodeLimits, Encode, Outcome, Raw, Request, Response};
use volo_thrift::ServerError;
use volo_thrift::protocol::{MethodResult, Protocol, Typed, decode};
use volo_thrift::rt::{FastStr, Map, Service, Set, Value};

struct Handler;

impl Base for Handler {
    async fn ping(&self) -> Result<FastStr, ServerError> {
        Ok("pong".into())
    }

    async fn audit(&self, page: Page) -> Result<(), ServerError<BaseAuditException>> {
        match page.limit {
            0 => Err(Denied { reason: "no limit".into() })?,
            1 => Err(ServerError::internal("nothing to see")),
            _ => Ok(()),
        }
    }
}

impl Catalogue for Handler {
    async fn retrieve_item(&self, id: FastStr) -> Result<Item, ServerError<CatalogueRetrieveItemException>> {
        if id.is_empty() {
            return Err(NotFound { id, message: "no id".into() }.into());
        }
        Ok(Item { id, name: None })
    }

    async fn list_items(
        &self,
        page: Page,
        filter: FastStr,
        _: Map<FastStr, Vec<FastStr>>,
        fields: Set<FastStr>,
    ) -> Result<Vec<Item>, ServerError> {
        let number: usize = filter.parse()?;
        Ok(vec![Item { id: "x".into(), name: fields.into_iter().next() }; number.min(page.limit as usize)])
    }

    async fn sold(&self, _: FastStr, _: i64) -> Result<(), ServerError> {
        Ok(())
    }

    async fn nothing(&self) -> Result<(), ServerError> {
        Ok(())
    }
}

fn raw<T: Value>(value: T) -> Raw {
    let format = Protocol::Compact.format();
    let (message, mut out) = (Typed(value), OutBuf::default());
    encode(&message, &mut out);
    Raw { format, bytes: out.to_vec().into(), limits: DecodeLimits { depth_max: 64, memory_max: 1 << 20 } }
}

fn encode(message: &dyn Encode, out: &mut OutBuf) {
    let format = Protocol::Compact.format();
    let size = message.encoded_size(format, usize::MAX, 64).unwrap();
    out.write(size, usize::MAX, &mut |span| {
        message.encode_into(format, span);
        Ok(())
    })
    .unwrap();
}

async fn call<A: Value>(name: &str, args: A) -> Response {
    let service = CatalogueServer::from_handler(Handler);
    let method = service.methods().iter().position(|method| method.name == name).unwrap();
    let context = Context::new("Catalogue", name.to_owned());
    service.call(method, Request::new(context, Body::Raw(raw(args)))).await.unwrap()
}

fn result<T: Value>(response: Response) -> T {
    let Body::Typed(message) = response.into_body() else { panic!("replies stay typed") };
    let mut out = OutBuf::default();
    encode(&*message, &mut out);
    let limits = DecodeLimits { depth_max: 64, memory_max: 1 << 20 };
    decode(&Raw { format: Protocol::Compact.format(), bytes: out.to_vec().into(), limits }).unwrap()
}

#[tokio::test]
async fn results_and_declared_exceptions() {
    let found = call("retrieveItem", CatalogueRetrieveItemArgs { id: "7".into() }).await;
    assert_eq!(found.outcome(), Outcome::Success);
    let item = Item { id: "7".into(), name: None };
    assert_eq!(result::<CatalogueRetrieveItemResult>(found), MethodResult::Ok(item));

    let missing = call("retrieveItem", CatalogueRetrieveItemArgs::default()).await;
    assert_eq!(missing.outcome(), Outcome::Declared(1));
    let MethodResult::Err(CatalogueRetrieveItemException::NotFound(exception)) =
        result::<CatalogueRetrieveItemResult>(missing)
    else {
        panic!("a declared exception")
    };
    assert_eq!(exception.to_string(), "NotFound: no id");
}

#[tokio::test]
async fn inherited_methods() {
    let pong = call("ping", BasePingArgs {}).await;
    assert_eq!(result::<BasePingResult>(pong), MethodResult::Ok("pong".into()));
    let denied = call("audit", BaseAuditArgs { page: Page { limit: 0, ..Default::default() } }).await;
    assert_eq!(denied.outcome(), Outcome::Declared(1));
    let internal = call("audit", BaseAuditArgs { page: Page { limit: 1, ..Default::default() } }).await;
    assert_eq!(internal.outcome(), Outcome::Failed(6));
}

#[tokio::test]
async fn a_question_mark_in_a_method_without_exceptions() {
    let args = CatalogueListItemsArgs { filter: "2".into(), ..Default::default() };
    let two = call("listItems", args).await;
    assert!(matches!(result::<CatalogueListItemsResult>(two), MethodResult::Ok(items) if items.len() == 2));
    let args = CatalogueListItemsArgs { filter: "two".into(), ..Default::default() };
    assert_eq!(call("listItems", args).await.outcome(), Outcome::Failed(6));
}

#[test]
fn the_table_of_methods() {
    let service = CatalogueServer::from_handler(Handler);
    let names: Vec<&str> = service.methods().iter().map(|method| method.name).collect();
    assert_eq!(names, ["ping", "audit", "retrieveItem", "listItems", "sold", "nothing"]);
    assert!(service.methods().iter().all(|method| method.service == "Catalogue"));
    assert_eq!(
        service.methods().iter().filter(|method| method.oneway).map(|m| m.name).collect::<Vec<_>>(),
        ["sold"]
    );
    assert!(service.methods()[2].idempotent && !service.methods()[3].idempotent);
}
