//! Generates our code.

fn main() {
    volo_codegen::Builder::new().file("../../../../examples/idl/hello.thrift").compile();
}
