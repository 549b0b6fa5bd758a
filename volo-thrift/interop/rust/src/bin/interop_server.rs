//! Serves the shared IDL at several ports until it gets a signal: `interop-server`.
//!
//! Prints `NAME listens at ADDRESS` for each: `plain`, and `stop` and `stop-mux`, which a client may shut down.

use interop::{
    handler,
    identity::IdentityServer,
    peer::{InteropServer, ProbeServer},
    probe,
};
use tokio::task::JoinSet;
use volo_core::{BoxError, shutdown};
use volo_thrift::Server;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut servers = JoinSet::new();
    for name in ["plain", "stop", "stop-mux"] {
        let handler = handler::Handler::default();
        let stopper = handler.stopper();
        let server = Server::new()
            .add_service(InteropServer::from_handler(handler))
            .add_service(ProbeServer::from_handler(probe::Handler))
            .add_service(IdentityServer::from_handler(handler::Identifier))
            .bind("127.0.0.1:0")
            .await?;
        println!("{name} listens at {}", server.local_address());
        servers.spawn(async move { server.serve(async move { stopper.notified().await }).await });
    }
    shutdown::signal().await;
    Ok(())
}
