//! Compiles the IDL to Rust.

fn main() {
    volo_codegen::Builder::new()
        .file("../idl/interop.thrift")
        .file("../idl/evolved.thrift")
        .file("../idl/identity.thrift")
        .file("../idl/thrift_test.thrift")
        .compile();
}
