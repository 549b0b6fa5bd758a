//! Compiles the IDL to Rust.

fn main() {
    volo_codegen::Builder::new()
        .file("idl/hello.thrift")
        .file("idl/echo.thrift")
        .file("idl/telemetry.thrift")
        .file("idl/tmf620.thrift")
        .file("idl/tmf622.thrift")
        .reflection(true)
        .compile();
}
