//! The client of Apache's cross-language test: `thrift-test-client --host=localhost --port=9090`.
//!
//! The exit code has a bit for each group of tests that failed; it is 2 without a test if an option asks for what is
//! not there yet.

use std::process::ExitCode;

use clap::Parser;
use interop::thrift_test::{self, Bits, ClientOptions};

#[tokio::main]
async fn main() -> ExitCode {
    let options = ClientOptions::parse();
    let link = match options.link() {
        Ok(link) => link,
        Err(unsupported) => {
            eprintln!("{unsupported}");
            return ExitCode::from(2);
        }
    };
    let mut all = Bits::default();
    for _ in 0..options.testloops {
        all.0 |= thrift_test::run(&link).await.0;
    }
    ExitCode::from(all.0)
}
