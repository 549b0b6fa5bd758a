//! The task that reads a document's file again and again.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{runtime::Handle, task::spawn_blocking, time::sleep};

use super::Config;
use crate::{Error, ErrorKind, Result, discover::file};

/// Reads the file at `path` every `interval` as long as anybody uses the config; `last` is what it held until now.
///
/// # Errors
/// Outside of a runtime.
pub(super) fn start(config: &Config, path: PathBuf, last: String, interval: Duration) -> Result<()> {
    let runtime = Handle::try_current().map_err(|error| {
        Error::new(ErrorKind::Config, "watching a document needs a runtime of tokio").with_source(error)
    })?;
    let shared = Arc::downgrade(&config.0);
    runtime.spawn(async move {
        let mut last = Ok(last);
        loop {
            sleep(interval).await;
            let file = path.clone();
            let read = spawn_blocking(move || file::read(&file)).await;
            let read = read.unwrap_or_else(|error| Err(Error::internal("reading failed").with_source(error)));
            let Some(config) = shared.upgrade().map(Config) else { return };
            // A file that stays bad, or away, is complained about once.
            let now = read.as_ref().map(String::clone).map_err(Error::to_string);
            if now != last {
                match read {
                    Ok(text) => drop(config.replace(&text, &path.display().to_string())),
                    Err(error) => config.0.state().refuse(&error),
                }
                last = now;
            }
            config.look_around();
        }
    });
    Ok(())
}

impl Config {
    /// Complains about names that nobody has, now that all clients and servers had time to be made.
    fn look_around(&self) {
        let mut state = self.0.state();
        let attached = state.attached();
        state.warn_of_unknown(&attached);
    }
}
