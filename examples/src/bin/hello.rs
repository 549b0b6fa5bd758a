//! The smallest server and client, in one process: `cargo run -p examples --bin hello`.

use examples::hello::{
    HelloReply, HelloRequest, HelloService, HelloServiceClientBuilder, HelloServiceServer,
};
use volo_core::{BoxError, shutdown};
use volo_thrift::ServerError;

struct Greeter;

impl HelloService for Greeter {
    async fn hello(&self, request: HelloRequest) -> Result<HelloReply, ServerError> {
        Ok(HelloReply { message: format!("Hello, {}!", request.name).into() })
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let server = HelloServiceServer::new(Greeter).bind("127.0.0.1:0").await?;
    let client = HelloServiceClientBuilder::new("hello").address(server.local_address().clone()).build();
    tokio::spawn(server.serve(shutdown::signal()));
    let reply = client.hello(HelloRequest { name: "world".into() }).await?;
    println!("{}", reply.message);
    Ok(())
}
