//! Where a peer can be reached.
//!
//! `tcp://`, `tls://`, `unix://` and `shm://` name the transport in the address, so that configuration alone picks it.

use std::{
    fmt,
    hash::{Hash, Hasher},
    net::SocketAddr,
    path::PathBuf,
    str::FromStr,
};

use faststr::FastStr;

/// The address of a server, as text: `host:port`, `tcp://host:port`, `tls://host:port`, `unix:///path`, `unix:@name`,
/// `shm:///path`, `mem://name`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and port.
    Tcp(SocketAddr),
    /// A host name and port, resolved when a connection is made.
    Host(FastStr, u16),
    /// A host name or IP address and a port, spoken to over TLS. IPv6 addresses have no brackets here.
    Tls(FastStr, u16),
    /// The path of a Unix domain socket; a null byte before the name of one that is in no file system (Linux).
    Unix(PathBuf),
    /// Shared memory, which is agreed upon over the Unix domain socket at this path; Linux only.
    Shm(PathBuf),
    /// A name inside this process, for tests and in-process calls.
    Mem(FastStr),
}

/// Every call looks its connections up by address: the usual one goes into the hasher as one number.
impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Address::Tcp(SocketAddr::V4(address)) => {
                state.write_u64(u64::from(address.ip().to_bits()) << 16 | u64::from(address.port()));
            }
            Address::Tcp(address) => address.hash(state),
            Address::Host(name, port) | Address::Tls(name, port) => (name, port).hash(state),
            Address::Unix(path) => path.as_os_str().hash(state),
            Address::Shm(path) => ("shm", path.as_os_str()).hash(state),
            Address::Mem(name) => name.hash(state),
        }
    }
}

/// Why a text is no [`Address`].
#[derive(Debug, PartialEq, Eq)]
pub struct ParseAddressError {
    text: String,
    hint: &'static str,
}

impl fmt::Display for ParseAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an address: {}", self.text, self.hint)
    }
}

impl std::error::Error for ParseAddressError {}

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, ParseAddressError> {
        let fail = |hint| Err(ParseAddressError { text: text.to_owned(), hint });
        if let Some(name) = text.strip_prefix("unix:@") {
            return parse_abstract(name).or_else(fail);
        }
        match text.split_once("://") {
            None if text.starts_with("unix:") => fail(UNIX),
            None => parse_tcp(text).or_else(fail),
            Some(("tcp", rest)) => parse_tcp(rest).or_else(fail),
            Some(("tls", rest)) => parse_tls(rest).or_else(fail),
            Some(("unix", path)) if path.is_empty() || path.starts_with('@') => fail(UNIX),
            Some(("unix", path)) => Ok(Address::Unix(path.into())),
            Some(("shm", "")) => fail("a path must follow, as in shm:///run/catalog.sock"),
            Some(("shm", path)) => Ok(Address::Shm(path.into())),
            Some(("mem", "")) => fail("a name must follow, as in mem://catalog"),
            Some(("mem", name)) => Ok(Address::Mem(name.to_owned().into())),
            Some(_) => fail("the scheme must be tcp, tls, unix, shm or mem"),
        }
    }
}

const UNIX: &str = "a path must follow, as in unix:///run/catalog.sock, or a name, as in unix:@catalog";

fn parse_abstract(name: &str) -> Result<Address, &'static str> {
    if !cfg!(any(target_os = "linux", target_os = "android")) {
        return Err(
            "only Linux has sockets that are in no file system; use a path, as in unix:///run/catalog.sock",
        );
    }
    if name.is_empty() || name.contains('\0') {
        return Err(UNIX);
    }
    Ok(Address::Unix(format!("\0{name}").into()))
}

fn parse_tcp(text: &str) -> Result<Address, &'static str> {
    if let Ok(address) = text.parse() {
        return Ok(Address::Tcp(address));
    }
    let (host, port) = parse_host(text)?;
    Ok(Address::Host(host, port))
}

fn parse_tls(text: &str) -> Result<Address, &'static str> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(Address::Tls(address.ip().to_string().into(), address.port()));
    }
    let (host, port) = parse_host(text)?;
    Ok(Address::Tls(host, port))
}

fn parse_host(text: &str) -> Result<(FastStr, u16), &'static str> {
    let (host, port) = text.rsplit_once(':').ok_or("a port must follow, as in 127.0.0.1:8080")?;
    let port = port.parse().map_err(|_| "the port must be a number from 0 to 65535")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if host.is_empty() || !host.chars().all(plain) {
        return Err("the host must be a name or an IP address (IPv6 in brackets)");
    }
    Ok((host.to_owned().into(), port))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "{address}"),
            Address::Host(host, port) => write!(f, "{host}:{port}"),
            Address::Tls(host, port) if host.contains(':') => write!(f, "tls://[{host}]:{port}"),
            Address::Tls(host, port) => write!(f, "tls://{host}:{port}"),
            Address::Unix(path) => match path.to_string_lossy().strip_prefix('\0') {
                Some(name) => write!(f, "unix:@{name}"),
                None => write!(f, "unix://{}", path.display()),
            },
            Address::Shm(path) => write!(f, "shm://{}", path.display()),
            Address::Mem(name) => write!(f, "mem://{name}"),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Address::Tcp(address)
    }
}

impl TryFrom<&str> for Address {
    type Error = ParseAddressError;

    fn try_from(text: &str) -> Result<Self, ParseAddressError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_survive_a_round_trip() {
        let texts = [
            "127.0.0.1:80",
            "[::1]:80",
            "localhost:9",
            "tls://shop.example:443",
            "tls://10.0.0.1:443",
            "tls://[::1]:443",
            "unix:///run/a.sock",
            "shm:///run/a",
            "mem://shop",
        ];
        let hashes: std::collections::HashSet<Address> =
            texts.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(hashes.len(), texts.len());
        for text in texts {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("tcp://10.0.0.1:1".parse::<Address>().unwrap().to_string(), "10.0.0.1:1");
    }

    #[test]
    fn faults_come_with_a_hint() {
        for text in [
            "",
            "host",
            "host:",
            "host:99999",
            ":80",
            "ftp://x:1",
            "unix://",
            "shm://",
            "mem://",
            "a b:1",
            "tls://x",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
        for text in ["unix:", "unix:@", "unix:/run/a.sock", "unix://@a", "unix:@a\0b"] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains("unix:///run/catalog.sock"), "{error}");
        }
        let error = "host".parse::<Address>().unwrap_err().to_string();
        assert_eq!(error, "`host` is not an address: a port must follow, as in 127.0.0.1:8080");
    }

    #[test]
    fn names_in_no_file_system_are_known_on_linux_only() {
        let parsed = "unix:@catalog".parse::<Address>();
        if cfg!(target_os = "linux") {
            assert_eq!(parsed.as_ref().unwrap(), &Address::Unix("\0catalog".into()));
            assert_eq!(parsed.unwrap().to_string(), "unix:@catalog");
        } else {
            assert!(parsed.unwrap_err().to_string().contains("only Linux"));
        }
    }
}
