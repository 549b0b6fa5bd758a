//! Generates Volo's code from the shared IDL.

use std::{env, fs, path::PathBuf};

const EXAMPLES: &str = "../../../examples/idl/";

fn main() {
    let directory = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("idl");
    fs::create_dir_all(&directory).expect("OUT_DIR can be written");
    let example = |stem| format!("{EXAMPLES}{stem}.thrift");
    let files = ["echo", "telemetry", "tmf_common", "tmf620", "tmf622"].map(example);
    for source in files.iter().map(String::as_str).chain(["../idl/bench.thrift"]) {
        println!("cargo:rerun-if-changed={source}");
        let text = fs::read_to_string(source).expect("the IDL is where it was");
        // The files lie side by side here. pilota's parser doesn't know `&`, which has no meaning on the wire.
        let text = text.replace(EXAMPLES, "").replace(" & ", " ");
        let name = source.rsplit('/').next().unwrap_or(source);
        fs::write(directory.join(name), text).expect("OUT_DIR can be written");
    }
    let file = |stem: &str| directory.join(format!("{stem}.thrift"));

    let all = volo_build::Builder::thrift().ignore_unused(false);
    let all = all.add_service(file("bench")).add_service(file("telemetry"));
    all.write().expect("Volo generates code from the IDL");

    let shop = volo_build::Builder::thrift().ignore_unused(false).filename("shop.rs".into());
    let shop = shop.add_service(file("tmf620")).add_service(file("tmf622"));
    shop.write().expect("Volo generates code from the IDL");
}
