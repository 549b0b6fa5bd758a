//! What we call at a peer, cell by cell.

mod calls;
mod header;
mod shutdown;
mod values;

use std::{collections::HashMap, fmt, time::Duration};

use volo_core::{Address, BoxError};
use volo_thrift::{ClientBuilder, client::ServiceClient, protocol::Protocol};

use crate::report::Report;

/// How long a call may take that is to succeed.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Addresses of servers by name.
///
/// Apache's peers have one server for each protocol and framing, `binary-framed`; Kitex has `plain` for all framings,
/// `mux`, `checked` with checksums, `stop` and `stop-mux` which may be shut down. `us` is a server of ours.
pub struct Servers(HashMap<String, Address>);

impl Servers {
    /// Reads `NAME=ADDRESS` pairs.
    ///
    /// # Errors
    /// When one isn't.
    pub fn parse(pairs: &[String]) -> Result<Self, BoxError> {
        let parse = |pair: &String| {
            let (name, address) =
                pair.split_once('=').ok_or_else(|| format!("{pair} is not NAME=ADDRESS"))?;
            Ok((name.to_owned(), address.parse()?))
        };
        pairs.iter().map(parse).collect::<Result<_, BoxError>>().map(Servers)
    }

    fn get(&self, name: &str) -> Result<Address, BoxError> {
        self.0.get(name).cloned().ok_or_else(|| format!("no server {name} was named").into())
    }
}

/// Calls an Apache peer in every protocol and framing.
///
/// # Errors
/// When a server wasn't named.
pub async fn apache(report: &mut Report, servers: &Servers) -> Result<(), BoxError> {
    for (protocol, protocol_name) in [(Protocol::Binary, "binary"), (Protocol::Compact, "compact")] {
        for (kind, kind_name) in [(Kind::Framed, "framed"), (Kind::Buffered, "buffered")] {
            let server = format!("{protocol_name}-{kind_name}");
            let route = Route { kind, protocol, address: servers.get(&server)? };
            values::run(report, &route).await;
            calls::run(report, &route).await;
        }
    }
    Ok(())
}

/// Calls a Kitex peer in every framing, which is all that it has.
///
/// # Errors
/// When a server wasn't named.
pub async fn kitex(report: &mut Report, servers: &Servers) -> Result<(), BoxError> {
    for (kind, server) in [
        (Kind::Framed, "plain"),
        (Kind::Buffered, "plain"),
        (Kind::TtHeader, "plain"),
        (Kind::TtHeaderFramed, "plain"),
        (Kind::Mux, "mux"),
        (Kind::Checksums, "checked"),
    ] {
        let route = Route { kind, protocol: Protocol::Binary, address: servers.get(server)? };
        values::run(report, &route).await;
        calls::run(report, &route).await;
        if kind.has_header() {
            header::run(report, &route, &servers.get("us")?).await;
        } else {
            header::degraded(report, &route).await;
        }
    }
    for (kind, server, other) in [(Kind::TtHeader, "stop", "plain"), (Kind::Mux, "stop-mux", "mux")] {
        let [stopping, other] = [servers.get(server)?, servers.get(other)?].map(|address| Route {
            kind,
            protocol: Protocol::Binary,
            address,
        });
        shutdown::run(report, &stopping, &other).await;
    }
    Ok(())
}

/// How messages go over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Framed,
    Buffered,
    TtHeader,
    TtHeaderFramed,
    Mux,
    /// TTHeader with a checksum of each payload.
    Checksums,
}

impl Kind {
    fn has_header(self) -> bool {
        !matches!(self, Kind::Framed | Kind::Buffered)
    }
}

/// A server and the dialect to speak with it.
#[derive(Clone)]
struct Route {
    kind: Kind,
    protocol: Protocol,
    address: Address,
}

impl Route {
    fn client<C: ServiceClient>(&self) -> ClientBuilder<C> {
        let builder = ClientBuilder::new("interop-peer")
            .caller_name("interop-client")
            .address(self.address.clone())
            .protocol(self.protocol)
            .connect_timeout(TIMEOUT)
            .rpc_timeout(TIMEOUT);
        match self.kind {
            Kind::Framed => builder.framed(),
            Kind::Buffered => builder.buffered(),
            Kind::TtHeader => builder.ttheader(),
            Kind::TtHeaderFramed => builder.ttheader_framed(),
            Kind::Mux => builder.mux(1),
            Kind::Checksums => builder.checksums(),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = if self.protocol == Protocol::Binary { "binary" } else { "compact" };
        let kind = match self.kind {
            Kind::Framed => "framed",
            Kind::Buffered => "buffered",
            Kind::TtHeader => "ttheader",
            Kind::TtHeaderFramed => "ttheader-framed",
            Kind::Mux => "mux",
            Kind::Checksums => "ttheader with checksums",
        };
        write!(f, "{protocol} {kind}")
    }
}
