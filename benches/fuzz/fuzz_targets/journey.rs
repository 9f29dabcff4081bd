#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| uncharted_fuzz::run("journey", data));
