//! Sends every type back, for the interop programs: `cargo run -p examples --bin types_server -- 127.0.0.1:0`.

use std::sync::atomic::{AtomicI32, Ordering};

use examples::types::{Refused, Types, TypesService, TypesServiceRefuseException, TypesServiceServer};
use faststr::FastStr;
use volo_core::{Address, BoxError, shutdown};
use volo_thrift::ServerError;

#[derive(Default)]
struct Handler(AtomicI32);

impl TypesService for Handler {
    async fn echo(&self, value: Types) -> Result<Types, ServerError> {
        Ok(value)
    }

    async fn refuse(&self, reason: FastStr) -> Result<(), ServerError<TypesServiceRefuseException>> {
        Err(Refused { reason }.into())
    }

    async fn bump(&self, by: i32) -> Result<(), ServerError> {
        self.0.fetch_add(by, Ordering::Relaxed);
        Ok(())
    }

    async fn count(&self) -> Result<i32, ServerError> {
        Ok(self.0.load(Ordering::Relaxed))
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8600".to_owned());
    let address: Address = address.parse()?;
    let server = TypesServiceServer::new(Handler::default()).bind(address).await?;
    println!("types listens at {}", server.local_address());
    server.serve(shutdown::signal()).await;
    Ok(())
}
