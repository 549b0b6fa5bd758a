#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (volo_thrift::fuzz::target("round_trip").body)(bytes));
