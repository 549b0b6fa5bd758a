//! Serves and calls with types from pilota-build: `cargo run -p pilota-bridge`.

use pilota_bridge::{
    GET_ITEM, ours, service,
    theirs::{ItemServiceGetItemArgsSend, ItemServiceGetItemResultRecv},
};
use volo_core::{BoxError, shutdown};
use volo_thrift::{Client, ClientBuilder, Server, client::ServiceClient, pilota};

/// A client that knows no types.
struct Plain(Client);

impl From<Client> for Plain {
    fn from(client: Client) -> Self {
        Plain(client)
    }
}

impl ServiceClient for Plain {
    const SERVICE: &'static str = "ItemService";
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let server = Server::new().add_service(service()?).bind("127.0.0.1:0").await?;
    let address = server.local_address().clone();
    tokio::spawn(server.serve(shutdown::signal()));

    let Plain(client) = ClientBuilder::new("item").address(address.clone()).build();
    let args = ItemServiceGetItemArgsSend { id: 7, language: "en".into() };
    let theirs: ItemServiceGetItemResultRecv = pilota::call(&client, &GET_ITEM, args).await?;
    println!("with pilota's types: {theirs:?}");

    let client = ours::ItemServiceClientBuilder::new("item").address(address).build();
    println!("with ours:           {:?}", client.get_item(7, "en".into()).await?);
    Ok(())
}
