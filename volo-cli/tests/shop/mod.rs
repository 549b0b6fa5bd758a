//! A shop to call.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::process::{Command, Output};

use examples::shop::{Data, Shop};
use volo_core::{Address, BoxError};

/// Runs the program.
pub(crate) fn volo(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_volo")).args(args).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs `check` with the catalogue's address.
pub(crate) fn with_shop(check: impl FnOnce(&str) + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime
        .block_on(async {
            let data = Data::in_memory()?;
            data.fill(5, |_| {}).await?;
            let any_port: Address = "127.0.0.1:0".parse()?;
            let shop = Shop::start(&data, &any_port, &any_port).await?;
            let address = shop.catalog().to_string();
            tokio::task::spawn_blocking(move || check(&address)).await?;
            shop.stop().await?;
            Ok::<_, BoxError>(())
        })
        .unwrap();
}

/// The catalogue's IDL.
pub(crate) const IDL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/idl/tmf620.thrift");
