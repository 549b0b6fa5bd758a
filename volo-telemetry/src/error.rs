//! Why telemetry can't be set up.

use std::{error, fmt};

/// An exporter could not be started.
#[derive(Debug)]
pub struct Error {
    what: &'static str,
    source: Box<dyn error::Error + Send + Sync>,
}

impl Error {
    pub(crate) fn new(what: &'static str, source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Error { what, source: source.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&*self.source)
    }
}
