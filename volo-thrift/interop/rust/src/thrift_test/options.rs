//! The command lines that the test suite's runner uses.

use std::{env, fmt, path::PathBuf};

use clap::{Args, Parser};
use volo_core::{
    Address,
    net::{TlsClient, TlsServer},
};
use volo_thrift::protocol::Protocol;

/// Something that the suite knows and we don't; the programs end with exit code 2.
#[derive(Debug)]
pub struct Unsupported(String);

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not yet: {}", self.0)
    }
}

impl std::error::Error for Unsupported {}

/// Options of the server.
#[derive(Debug, Parser)]
#[command(name = "thrift-test-server", about = "Serves Apache's cross-language test.")]
pub struct ServerOptions {
    #[command(flatten)]
    common: Common,
    /// Kind of server; ours has just one.
    #[arg(long, default_value = "simple")]
    server_type: String,
    /// Workers of a thread pool; ours has none.
    #[arg(short = 'n', long, default_value_t = 4)]
    workers: usize,
    /// Accepted for the suite's sake.
    #[arg(long)]
    processor_events: bool,
}

/// Options of the client.
#[derive(Debug, Parser)]
#[command(name = "thrift-test-client", about = "Calls a server of Apache's cross-language test.")]
pub struct ClientOptions {
    #[command(flatten)]
    common: Common,
    /// Host to connect to.
    #[arg(long, default_value = "localhost")]
    host: String,
    /// How often to run all tests.
    #[arg(short = 'n', long, default_value_t = 1)]
    pub testloops: usize,
}

#[derive(Debug, Args)]
struct Common {
    /// Port number.
    #[arg(long, default_value_t = 9090)]
    port: u16,
    /// Path of a Unix domain socket, instead of host and port.
    #[arg(long)]
    domain_socket: Option<PathBuf>,
    /// The name of the domain socket is in no file system.
    #[arg(long)]
    abstract_namespace: bool,
    /// binary, compact, multi or multic.
    #[arg(long, default_value = "binary")]
    protocol: String,
    /// buffered or framed.
    #[arg(long, default_value = "buffered")]
    transport: String,
    /// Encrypted transport. Certificates and keys are in `THRIFT_TEST_KEYS`, under the names that the suite has them.
    #[arg(long)]
    ssl: bool,
    /// Compressed transport.
    #[arg(long)]
    zlib: bool,
}

/// How both sides talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where the server is.
    pub address: Address,
    /// Binary or Compact.
    pub protocol: Protocol,
    /// Whether method names are preceded by the service's.
    pub multiplexed: bool,
    /// Whether each message is preceded by its length.
    pub framed: bool,
}

impl Link {
    /// Whom a client trusts.
    pub fn client_tls(&self) -> TlsClient {
        TlsClient::new().roots(keys().join("CA.pem"))
    }

    /// What a server shows, if the link is encrypted.
    pub fn server_tls(&self) -> Option<TlsServer> {
        let encrypted = matches!(self.address, Address::Tls(..));
        encrypted.then(|| TlsServer::new(keys().join("server.crt"), keys().join("server.key")))
    }
}

fn keys() -> PathBuf {
    env::var_os("THRIFT_TEST_KEYS").unwrap_or_else(|| "keys".into()).into()
}

impl ServerOptions {
    /// The link to serve; at a port of all addresses of the machine, as the suite's other servers do.
    ///
    /// # Errors
    /// When an option asks for what we don't have.
    pub fn link(&self) -> Result<Link, Unsupported> {
        self.common.link("[::]")
    }
}

impl ClientOptions {
    /// The link to the server.
    ///
    /// # Errors
    /// When an option asks for what we don't have.
    pub fn link(&self) -> Result<Link, Unsupported> {
        self.common.link(&self.host)
    }
}

impl Common {
    fn link(&self, host: &str) -> Result<Link, Unsupported> {
        if self.zlib {
            return Err(Unsupported("--zlib".to_owned()));
        }
        let (protocol, multiplexed) = match self.protocol.as_str() {
            "binary" => (Protocol::Binary, false),
            "compact" => (Protocol::Compact, false),
            "multi" => (Protocol::Binary, true),
            "multic" => (Protocol::Compact, true),
            other => return Err(Unsupported(format!("--protocol={other}"))),
        };
        let framed = match self.transport.as_str() {
            "framed" => true,
            "buffered" => false,
            other => return Err(Unsupported(format!("--transport={other}"))),
        };
        let address = match &self.domain_socket {
            Some(name) if self.abstract_namespace => Address::Unix(format!("\0{}", name.display()).into()),
            Some(path) => Address::Unix(path.clone()),
            None => format!("{}://{host}:{}", if self.ssl { "tls" } else { "tcp" }, self.port)
                .parse()
                .map_err(|error| Unsupported(format!("--host={host}: {error}")))?,
        };
        Ok(Link { address, protocol, multiplexed, framed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(arguments: &[&str]) -> Result<Link, Unsupported> {
        ClientOptions::try_parse_from([&["client"], arguments].concat()).expect("known options").link()
    }

    #[test]
    fn the_suites_options_make_a_link() {
        let link = client(&["--protocol=multic", "--transport=framed", "--host=::1", "--port=1"]);
        assert!(link.is_err(), "an IPv6 address needs brackets");
        let link =
            client(&["--protocol=multic", "--transport=framed", "--host=127.0.0.1", "--port=1"]).unwrap();
        let address = "127.0.0.1:1".parse().unwrap();
        assert_eq!(link, Link { address, protocol: Protocol::Compact, multiplexed: true, framed: true });
        assert_eq!(client(&["--domain-socket=/tmp/x"]).unwrap().address, Address::Unix("/tmp/x".into()));
        let nameless = client(&["--domain-socket=x", "--abstract-namespace"]).unwrap().address;
        assert_eq!(nameless, Address::Unix("\0x".into()));
        assert_eq!(client(&["--ssl"]).unwrap().address, Address::Tls("localhost".into(), 9090));
        assert_eq!(client(&[]).unwrap().address, Address::Host("localhost".into(), 9090));
    }

    #[test]
    fn what_is_missing_is_named() {
        for option in ["--protocol=json", "--protocol=header", "--transport=http", "--zlib"] {
            assert_eq!(client(&[option]).unwrap_err().to_string(), format!("not yet: {option}"));
        }
    }
}
