//! Generates our code from the shared IDL.

fn main() {
    volo_codegen::Builder::new().file("../idl/bench.thrift").compile();
    let shop = volo_codegen::Builder::new().out_file("shop.rs");
    shop.file("../../../examples/idl/tmf620.thrift").file("../../../examples/idl/tmf622.thrift").compile();
}
