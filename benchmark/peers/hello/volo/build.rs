//! Generates Volo's code.

fn main() {
    let builder = volo_build::Builder::thrift().add_service("../../../../examples/idl/hello.thrift");
    builder.write().expect("Volo generates code from the IDL");
}
