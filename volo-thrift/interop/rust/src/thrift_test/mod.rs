//! Both sides of Apache's cross-language test.

mod checks;
mod handler;
mod options;

pub use checks::{Bits, run};
pub use handler::{SecondHandler, TestHandler};
pub use options::{ClientOptions, Link, ServerOptions, Unsupported};
