#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (volo_thrift::fuzz::target("ttheader").body)(bytes));
