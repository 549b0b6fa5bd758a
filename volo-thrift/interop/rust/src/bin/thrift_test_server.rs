//! The server of Apache's cross-language test: `thrift-test-server --port=9090`. Ends with SIGINT or SIGTERM.
//!
//! It answers every protocol and transport, whatever the options say; only what it can't do is refused, with exit
//! code 2. A port of 0 is any free one; the first line of output tells where it listens.

use std::process::ExitCode;

use clap::Parser;
use interop::{
    thrift_test::{SecondHandler, ServerOptions, TestHandler},
    thrift_test_idl::{SecondServiceServer, ThriftTestServer},
};
use volo_core::{Address, BoxError, shutdown};
use volo_thrift::Server;

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let options = ServerOptions::parse();
    let link = match options.link() {
        Ok(link) => link,
        Err(unsupported) => {
            eprintln!("{unsupported}");
            return Ok(ExitCode::from(2));
        }
    };
    let server = Server::new()
        .add_service(ThriftTestServer::from_handler(TestHandler))
        .add_service(SecondServiceServer::from_handler(SecondHandler));
    let server = match link.server_tls() {
        Some(tls) => server.tls(tls),
        None => server,
    };
    let server = server.build()?;
    let bound = match server.bind(link.address.clone()).await {
        // A machine without IPv6.
        Err(_) if let Address::Tcp(address) = link.address => {
            server.bind(Address::Tcp(([0, 0, 0, 0], address.port()).into())).await?
        }
        bound => bound?,
    };
    println!("ThriftTest listens at {}", bound.local_address());
    bound.serve(shutdown::signal()).await;
    Ok(ExitCode::SUCCESS)
}
