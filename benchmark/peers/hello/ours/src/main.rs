//! The smallest server of ours.

use generated::hello::{HelloReply, HelloRequest, HelloService, HelloServiceServer};
use volo_thrift::ServerError;

mod generated {
    include!(concat!(env!("OUT_DIR"), "/volo_gen.rs"));
}

struct Greeter;

impl HelloService for Greeter {
    async fn hello(&self, request: HelloRequest) -> Result<HelloReply, ServerError> {
        Ok(HelloReply { message: format!("Hello, {}!", request.name).into() })
    }
}

#[tokio::main]
async fn main() -> volo_core::Result<()> {
    HelloServiceServer::new(Greeter).run("127.0.0.1:8080").await
}
