//! The shop called in JSON, by a client that learns the IDL from the server; directly and through a proxy.

use std::sync::Arc;

use examples::shop::{Data, Shop};
use volo_core::{Address, BoxError};
use volo_thrift::{
    Client, ClientBuilder, Server,
    generic::{Answer, JsonClient, Schema, proxy, reflect},
    protocol::Protocol,
};

async fn shop() -> Result<(Data, Shop), BoxError> {
    let data = Data::in_memory()?;
    data.fill(30, |_| {}).await?;
    let any_port: Address = "127.0.0.1:0".parse()?;
    let shop = Shop::start(&data, &any_port, &any_port).await?;
    Ok((data, shop))
}

fn client(address: &Address) -> Client {
    ClientBuilder::<Client>::new("shop").address(address.clone()).build()
}

async fn catalog(address: &Address) -> Result<JsonClient, BoxError> {
    let client = client(address);
    let schema = reflect(&client).await?.into_iter().next().ok_or("no schema")?;
    Ok(JsonClient::new(client, schema, "ProductCatalogService")?)
}

/// Two pages and a missing offering.
async fn check(catalog: &JsonClient) -> Result<(), BoxError> {
    let page = catalog.call("listProductOffering", r#"{"query":{"limit":2}}"#).await?;
    let Answer::Success(Some(page)) = page else { panic!("{page:?}") };
    assert!(page.starts_with(r#"{"items":[{"id":""#), "{page}");
    let missing = catalog.call("retrieveProductOffering", r#"{"id":"none"}"#).await?;
    assert!(matches!(&missing, Answer::Exception(_, exception) if exception.contains("none")), "{missing:?}");
    let error = catalog.call("retrieve", "{}").await.unwrap_err().to_string();
    assert!(error.contains("retrieveProductOffering"), "{error}");
    let error = catalog.call("retrieveProductOffering", r#"{"no":1}"#).await.unwrap_err().to_string();
    assert!(error.contains("has no field \"no\""), "{error}");
    Ok(())
}

#[tokio::test]
async fn the_shop_is_called_in_json() -> Result<(), BoxError> {
    let (_data, shop) = shop().await?;
    let catalog = catalog(shop.catalog()).await?;
    check(&catalog).await?;
    assert!(catalog.schema().files().iter().any(|file| {
        file.name == "tmf620.thrift" && file.text.as_ref().is_some_and(|text| text.contains("service"))
    }));
    shop.stop().await
}

#[tokio::test]
async fn a_proxy_passes_everything_on() -> Result<(), BoxError> {
    let (_data, shop) = shop().await?;
    let server = Server::new().add_service(proxy(client(shop.catalog())));
    let proxy = examples::shop::Running::start(server, &"127.0.0.1:0".parse()?).await?;
    check(&catalog(proxy.address()).await?).await?;
    // The proxy's clients may speak another dialect than it speaks itself.
    let schema = reflect(&client(shop.catalog())).await?.remove(0);
    let compact = ClientBuilder::<Client>::new("shop")
        .address(proxy.address().clone())
        .framed()
        .protocol(Protocol::Compact)
        .build();
    check(&JsonClient::new(compact, schema, "ProductCatalogService")?).await?;
    proxy.stop().await?;
    shop.stop().await
}

/// Every offering of the shop comes out of JSON as it went in.
#[tokio::test]
async fn offerings_survive_json() -> Result<(), BoxError> {
    let (_data, shop) = shop().await?;
    let catalog = catalog(shop.catalog()).await?;
    let schema: &Arc<Schema> = catalog.schema();
    let list = catalog.method("listProductOffering")?;
    let Answer::Success(Some(page)) =
        catalog.call("listProductOffering", r#"{"query":{"limit":20}}"#).await?
    else {
        panic!("no page")
    };
    let told = format!(r#"{{"success":{page}}}"#);
    for protocol in [Protocol::Binary, Protocol::Compact] {
        let raw = schema.result_from_json(list, &told, protocol)?;
        assert_eq!(schema.result_to_json(list, &raw)?, told);
    }
    shop.stop().await
}

#[tokio::test]
async fn servers_without_reflection_say_so() -> Result<(), BoxError> {
    let server = examples::hello::HelloServiceServer::new(Silent);
    let server = examples::shop::Running::start(server, &"127.0.0.1:0".parse()?).await?;
    let error = reflect(&client(server.address())).await.unwrap_err();
    assert_eq!(error.to_string(), "the server offers no reflection");
    server.stop().await
}

struct Silent;

impl examples::hello::HelloService for Silent {
    async fn hello(
        &self,
        _: examples::hello::HelloRequest,
    ) -> Result<examples::hello::HelloReply, volo_thrift::ServerError> {
        Ok(examples::hello::HelloReply::default())
    }
}
