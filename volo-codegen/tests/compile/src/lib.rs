//! All golden files as modules: that they compile without a warning is the test.
#![forbid(unsafe_code)]

#[path = "../../golden/consts.rs"]
pub mod consts_file;
