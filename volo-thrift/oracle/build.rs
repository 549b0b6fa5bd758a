//! Generates the types that are compared.

fn main() {
    volo_codegen::Builder::new().file("idl/all_types.thrift").compile();
}
