//! A server and a client that know each other by certificate: `cargo run -p examples --bin tls -- CERT KEY ROOTS`.

use std::env;

use examples::hello::{
    HelloReply, HelloRequest, HelloService, HelloServiceClientBuilder, HelloServiceServer,
};
use volo_core::{
    BoxError, Context,
    net::{TlsClient, TlsServer},
    shutdown,
};
use volo_thrift::ServerError;

struct Greeter;

impl HelloService for Greeter {
    async fn hello(&self, request: HelloRequest) -> Result<HelloReply, ServerError> {
        let caller = Context::current().and_then(|context| context.peer.as_ref()?.certificate.clone());
        let who = caller.map_or_else(|| "nobody".into(), |certificate| certificate.dns_names.join(", "));
        Ok(HelloReply { message: format!("Hello, {}! You are {who}.", request.name).into() })
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let [certificate, key, roots] =
        env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "CERT KEY ROOTS")?;
    let tls = TlsServer::new(&certificate, &key).client_roots(&roots); // without: whoever comes is let in
    let server = HelloServiceServer::new(Greeter).tls(tls).bind("tls://127.0.0.1:0").await?;

    let tls = TlsClient::new().roots(&roots).identity(&certificate, &key); // without: the system's roots
    let address = server.local_address().clone();
    let client = HelloServiceClientBuilder::new("hello").address(address).tls(tls).build();
    tokio::spawn(server.serve(shutdown::signal()));
    println!("{}", client.hello(HelloRequest { name: "world".into() }).await?.message);
    Ok(())
}
