//! Small programs on the framework: `hello`, and `shop`, a product catalogue and an ordering service.
//!
//! The programs are in `src/bin`; this library is what they, the tests and the benches share.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod clock;
pub mod report;
