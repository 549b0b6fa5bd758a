use volo_codegen::*;
fn main() {
    let files = ["hello", "echo", "telemetry", "types", "tmf620", "tmf622"].map(|f| format!("idl/{f}.thrift"));
    let refs: Vec<&str> = files.iter().map(|s| s.as_str()).collect();
    let c = compile(&refs, &source::FileSource::default(), &Options::default());
    std::fs::write(format!("{}/volo_gen.rs", std::env::var("OUT_DIR").unwrap()), &c.files.unwrap()[0].text).unwrap();
    println!("cargo::rerun-if-changed=idl");
}
