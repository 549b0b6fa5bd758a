//! Compiles the same IDL twice: with pilota-build, as it is in a service that came from elsewhere, and with ours.

use std::{env, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=idl/item.thrift");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("pilota_gen.rs");
    pilota_build::Builder::thrift()
        .ignore_unused(false)
        .compile(["idl/item.thrift"], pilota_build::Output::File(out));
    volo_codegen::Builder::new().file("idl/item.thrift").compile();
}
