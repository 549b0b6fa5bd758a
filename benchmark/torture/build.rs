//! Compiles the IDL to Rust.

fn main() {
    volo_codegen::Builder::new().file("idl/torture.thrift").compile();
}
