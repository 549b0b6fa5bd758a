//! Thrift over volo-core.
#![warn(missing_docs)]

pub mod protocol;
