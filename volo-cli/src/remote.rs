//! Servers that commands talk to: how they are reached, and what is known of their services.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use volo_codegen::source::FileSource;
use volo_core::{
    Address,
    layers::trace::{Level, StatsFn, TraceLayer},
    net::TlsClient,
};
use volo_thrift::{
    Client, ClientBuilder,
    client::Governance,
    generic::{Schema, reflect},
    protocol::Protocol,
};

use crate::{cmd::Status, report};

/// How a server is reached.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Remote {
    /// Where the server listens: `127.0.0.1:8620`, `tls://catalog.example:443`, `unix:///run/catalog.sock`.
    #[arg(value_name = "ADDR")]
    pub(crate) address: Address,
    /// IDL file of the service; without it the server is asked, if it offers reflection.
    #[arg(long, value_name = "FILE")]
    idl: Option<String>,
    /// Where to search for included files.
    #[arg(short = 'I', long = "include", value_name = "DIR", requires = "idl")]
    include_dirs: Vec<String>,
    /// What comes before each message.
    #[arg(long, value_enum, default_value_t)]
    framing: Framing,
    /// How values are encoded.
    #[arg(long, value_enum, default_value_t)]
    protocol: Encoding,
    /// Put the service's name before the method's, for Apache's multiplexed servers.
    #[arg(long)]
    multiplexed: bool,
    /// How calls share connections.
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
    /// Metainfo for the server, sent with TTHeader.
    #[arg(short = 'H', long = "header", value_name = "KEY=VALUE", value_parser = pair)]
    headers: Vec<(String, String)>,
    /// Metainfo that the server passes on to those it calls.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    persistent: Vec<(String, String)>,
    /// Roots that a server's certificate may be of, as PEM; the system's unless given. For tls:// addresses.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Certificate to show to the server, as PEM.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The key of that certificate.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// The name that a server's certificate must be for, if it is not the address's.
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// How long a call may take: `500ms`, `2s`.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    timeout: Duration,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Framing {
    /// A header with metainfo, as Kitex and Volo do.
    #[default]
    Ttheader,
    /// The same with a length in front of it.
    TtheaderFramed,
    /// Just a length.
    Framed,
    /// Nothing.
    Buffered,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Encoding {
    #[default]
    Binary,
    Compact,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Mode {
    /// As the server offers.
    #[default]
    Auto,
    /// One call at a time on a connection.
    Pingpong,
    /// All calls on one connection.
    Mux,
}

impl Remote {
    /// A client of the server that sends each call once; `stats` hears of each.
    pub(crate) fn client<F>(&self, stats: F) -> Client
    where
        F: Fn(&volo_core::layers::trace::Stats<'_>) + Clone + Send + Sync + 'static,
    {
        let builder = ClientBuilder::<Client>::new("")
            .caller_name("volo")
            .governance(Governance::none())
            .address(self.address.clone())
            .tls(self.tls())
            .connect_timeout(self.timeout)
            .rpc_timeout(self.timeout)
            .protocol(self.protocol());
        let builder = match self.framing {
            Framing::Ttheader => builder.ttheader(),
            Framing::TtheaderFramed => builder.ttheader_framed(),
            Framing::Framed => builder.framed(),
            Framing::Buffered => builder.buffered(),
        };
        let builder = match self.mode {
            Mode::Auto => builder,
            Mode::Pingpong => builder.pingpong(),
            Mode::Mux => builder.mux(1),
        };
        let builder = if self.multiplexed { builder.multiplexed() } else { builder };
        let layer: TraceLayer<StatsFn<F>> =
            TraceLayer::client(volo_core::layers::trace::stats_fn(stats)).level(Level::Detailed);
        builder.layer_outer(layer).build()
    }

    /// How values are encoded.
    pub(crate) fn protocol(&self) -> Protocol {
        match self.protocol {
            Encoding::Binary => Protocol::Binary,
            Encoding::Compact => Protocol::Compact,
        }
    }

    /// Framing, protocol and mode as the command line has them.
    pub(crate) fn dialect(&self) -> [String; 3] {
        fn name(value: &impl clap::ValueEnum) -> String {
            value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
        }
        [name(&self.framing), name(&self.protocol), name(&self.mode)]
    }

    fn tls(&self) -> TlsClient {
        let mut tls = TlsClient::new();
        if let Some(roots) = &self.ca {
            tls = tls.roots(roots);
        }
        if let Some((cert, key)) = self.cert.as_ref().zip(self.key.as_ref()) {
            tls = tls.identity(cert, key);
        }
        match &self.server_name {
            Some(name) => tls.server_name(name.clone()),
            None => tls,
        }
    }

    /// The metainfo of each call.
    pub(crate) fn context(&self) -> volo_core::Context {
        let mut context = volo_core::Context::default();
        let all = [(&self.headers, false), (&self.persistent, true)];
        for (pairs, persistent) in all {
            for (key, value) in pairs {
                let metainfo = context.metainfo_mut();
                let to = if persistent { &mut metainfo.persistent } else { &mut metainfo.transient };
                to.set(key.clone(), value.clone());
            }
        }
        context
    }

    /// What is known of the server's services: from an IDL file, or from the server itself.
    pub(crate) async fn schemas(&self) -> Result<Vec<Arc<Schema>>, Status> {
        match &self.idl {
            Some(file) => read(file, &self.include_dirs).map(|schema| vec![Arc::new(schema)]),
            None => {
                let schemas = reflect(&self.client(|_| {})).await.map_err(|error| {
                    let hint = "give its IDL with --idl FILE, or let the server add `Reflection`";
                    report::unusable(&format!("{}: {}\nhelp: {hint}", self.address, chain(&error)))
                })?;
                Ok(schemas.into_iter().map(Arc::new).collect())
            }
        }
    }
}

/// The services of an IDL file.
fn read(file: &str, include_dirs: &[String]) -> Result<Schema, Status> {
    let source = FileSource::new(include_dirs.iter().map(Path::new));
    let loaded = volo_codegen::load(&[file], &source);
    let Some(model) = &loaded.model else {
        report::show(&loaded.diagnostics, &loaded.sources);
        return Err(report::status_of(&loaded.diagnostics));
    };
    let text = volo_codegen::describe(model, Some(&loaded.sources));
    Schema::parse(&text).map_err(|error| report::unusable(&chain(&error)))
}

/// An error with its causes.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.ends_with(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text
}

/// Runs a command that waits.
pub(crate) fn block_on(run: impl Future<Output = Result<Status, Status>>) -> Status {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run).unwrap_or_else(|status| status),
        Err(error) => report::unusable(&format!("can't start: {error}")),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("wanted KEY=VALUE".to_owned()),
    }
}

/// `500ms`, `2s`, `1m`, `250us`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err("wanted a number with us, ms, s or m, as in 500ms".to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is no number"))?;
    let span = Duration::try_from_secs_f64(number * seconds).map_err(|_| "too long".to_owned())?;
    if span.is_zero() { Err("must be more than nothing".to_owned()) } else { Ok(span) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for text in ["", "5", "s", "-1s", "1h", "0s", "1e9s", "..s", "99999999999999999999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
