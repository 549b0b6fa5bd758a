//! How a client finds out that it talks to a server of ours, and that a new connection reaches that very server.
//!
//! A client announces itself, the server's reply advertises features and an instance id. Headers pass through proxies,
//! so an advert alone proves nothing. Before a connection is used for more than one call at a time, both ends exchange
//! a hello: the server says its instance id again, which tells replicas behind one address apart, and how it sees the
//! other end of the connection, which tells a proxy in between, whatever it copies, because that other end is then the
//! proxy's.

use std::{fmt, hash::BuildHasher, net::SocketAddr, process};

use faststr::FastStr;
use volo_core::{Address, Peer};

use super::keys;
use crate::wire::Header;

/// The feature of answering calls out of order.
const MUX: &str = "mux";

/// The feature of listening in the directory for clients on the same host, by a Unix socket.
const UNIX: &str = "unix";

/// Which connection a reply came over, from the server's end to the client's.
const SERVER_END: &str = "server=";
const CLIENT_END: &str = "client=";

/// A random number that no two servers share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InstanceId(u128);

impl InstanceId {
    /// A new one. The standard library keys its hashers from the system's random numbers.
    pub fn random() -> Self {
        let keyed = std::hash::RandomState::new();
        InstanceId(u128::from(keyed.hash_one(0)) << 64 | u128::from(keyed.hash_one(1)))
    }

    fn parse(text: &str) -> Option<Self> {
        let hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u128::from_str_radix(text, 16).ok().filter(|_| hex).map(InstanceId)
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What a server offers beside answering one call after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advert {
    /// Whether calls may share a connection.
    pub mux: bool,
    /// How it can be reached from the same host.
    pub near: Option<Near>,
    /// Which server it is.
    pub instance: InstanceId,
}

/// What a server offers to those on the same host who reach it directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Near {
    /// Whether it listens at a Unix socket, too.
    pub unix: bool,
    /// The server's own end of the connection.
    pub server: SocketAddr,
    /// The other end, as the server sees it.
    pub client: SocketAddr,
}

impl Near {
    /// The offer over a connection with these ends, as the server sees them; none unless both are known.
    pub fn over(server: Option<Address>, client: &Address) -> Option<Self> {
        match (server?, client) {
            (Address::Tcp(server), Address::Tcp(client)) => {
                Some(Near { unix: true, server: canonical(server), client: canonical(*client) })
            }
            _ => None,
        }
    }

    /// Whether it came over the connection with these ends, as the client sees them: nothing lies between then that
    /// has addresses of its own.
    pub fn is_over(&self, server: &Address, client: Option<&Address>) -> bool {
        let is =
            |end: SocketAddr, seen: &Address| matches!(seen, Address::Tcp(seen) if canonical(*seen) == end);
        is(self.server, server) && client.is_some_and(|client| is(self.client, client))
    }
}

/// A socket that takes both families sees IPv4 addresses as IPv6 ones.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Advert {
    /// What a client announces itself with: what it could use.
    pub const ANNOUNCEMENT: FastStr = FastStr::from_static_str(MUX);

    /// What a client announces itself with that only wants to be told how its connection ends.
    pub const PLAIN_ANNOUNCEMENT: FastStr = FastStr::from_static_str("farewell");

    /// Whether the sender of this request wants an advert.
    pub fn is_wanted(header: &Header) -> bool {
        header.string(keys::ANNOUNCE).is_some_and(|features| has_feature(features, MUX))
    }

    /// Whether the sender of this request is a client of ours, which is told how its connection ends.
    pub fn is_announced(header: &Header) -> bool {
        header.string(keys::ANNOUNCE).is_some()
    }

    /// The advert in a reply. Features that are not known here are ignored.
    pub fn read(header: &Header) -> Option<Self> {
        let (features, instance) = header.string(keys::ADVERT)?.split_once(';')?;
        let mux = has_feature(features, MUX);
        let end = |name| {
            let mut all = features.split(',').filter_map(|feature| feature.trim().strip_prefix(name));
            all.next().and_then(|text| text.parse().ok())
        };
        let ends = end(SERVER_END).zip(end(CLIENT_END)).filter(|_| has_feature(features, UNIX));
        let near = ends.map(|(server, client)| Near { unix: true, server, client });
        Some(Advert { mux, near, instance: InstanceId::parse(instance)? })
    }

    /// The advert as it stands in a reply.
    pub fn to_text(self) -> FastStr {
        let mut features: Vec<String> = self.mux.then(|| MUX.to_owned()).into_iter().collect();
        if let Some(Near { unix, server, client }) = self.near {
            features.extend(unix.then(|| UNIX.to_owned()));
            features.extend([format!("{SERVER_END}{server}"), format!("{CLIENT_END}{client}")]);
        }
        FastStr::from(format!("{};{}", features.join(","), self.instance))
    }
}

fn has_feature(features: &str, wanted: &str) -> bool {
    features.split(',').any(|feature| feature.trim() == wanted)
}

/// A server's answer to the question who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Which server it is.
    pub instance: InstanceId,
    /// How the connection looks from there: the other end's address, or its own process where that has none.
    pub end: String,
}

impl Hello {
    /// What a client asks with.
    pub const QUESTION: FastStr = FastStr::from_static_str("?");

    /// The answer of `instance` to `peer`.
    pub fn new(instance: InstanceId, peer: &Peer) -> Self {
        let end = match &peer.address {
            Address::Unix(_) | Address::Shm(_) => process_end(i64::from(process::id())),
            address => address_end(address),
        };
        Hello { instance, end }
    }

    /// What a client has to hear on a connection from `local` to `peer` if nothing lies between; `None` if it can't
    /// know.
    pub fn expected(instance: InstanceId, local: Option<&Address>, peer: &Peer) -> Option<Self> {
        let end = match (&peer.address, local) {
            (Address::Unix(_) | Address::Shm(_), _) => process_end(i64::from(peer.credentials?.pid?)),
            (Address::Mem(_), _) => address_end(&peer.address),
            (_, local) => address_end(local?),
        };
        Some(Hello { instance, end })
    }

    /// The answer in a reply.
    pub fn read(header: &Header) -> Option<Self> {
        let (instance, end) = header.string(keys::HELLO)?.split_once(';')?;
        Some(Hello { instance: InstanceId::parse(instance)?, end: end.to_owned() })
    }

    /// Whether this request asks who the server is.
    pub fn is_asked(header: &Header) -> bool {
        header.string(keys::HELLO).is_some()
    }

    /// The answer as it stands in a reply.
    pub fn to_text(&self) -> FastStr {
        FastStr::from(format!("{};{}", self.instance, self.end))
    }
}

fn process_end(id: i64) -> String {
    format!("process {id}")
}

/// A socket that takes both families sees an IPv4 peer as an IPv6 one.
fn address_end(address: &Address) -> String {
    match address {
        Address::Tcp(socket) => format!("{} {}", socket.ip().to_canonical(), socket.port()),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use volo_core::Credentials;

    use super::*;

    fn with(key: &'static str, value: impl Into<FastStr>) -> Header {
        Header { strings: vec![(key.into(), value.into())], ..Header::default() }
    }

    fn peer(address: &str, pid: Option<i32>) -> Peer {
        let credentials = pid.map(|pid| Credentials { uid: 0, gid: 0, pid: Some(pid) });
        Peer { credentials, ..Peer::new(address.parse().unwrap()) }
    }

    #[test]
    fn adverts_are_read_as_written_and_may_say_more() {
        let advert = Advert { mux: true, near: None, instance: InstanceId::random() };
        assert_ne!(advert.instance, InstanceId::random());
        let text = advert.to_text();
        assert_eq!(Advert::read(&with(keys::ADVERT, text.clone())), Some(advert));
        let more = format!("later, {text}");
        assert_eq!(Advert::read(&with(keys::ADVERT, more)), Some(advert));
        let id = "00000000000000000000000000000001";
        assert!(!Advert::read(&with(keys::ADVERT, format!("muxes;{id}"))).unwrap().mux);
        for odd in ["", ";", "mux", "mux;", "mux;1", "mux;+0000000000000000000000000000001", "mux;xyz"] {
            assert_eq!(Advert::read(&with(keys::ADVERT, odd)), None, "{odd}");
        }
    }

    #[test]
    fn an_offer_to_the_same_host_names_the_connection() {
        let address = |text: &str| text.parse::<Address>().unwrap();
        let near = Near::over(Some(address("[::ffff:10.0.0.9]:80")), &address("10.0.0.1:5000")).unwrap();
        let advert = Advert { mux: true, near: Some(near), instance: InstanceId::random() };
        let text = advert.to_text();
        assert!(text.starts_with("mux,unix,server=10.0.0.9:80,client=10.0.0.1:5000;"), "{text}");
        assert_eq!(Advert::read(&with(keys::ADVERT, text)), Some(advert));
        assert!(near.is_over(&address("10.0.0.9:80"), Some(&address("10.0.0.1:5000"))));
        for (server, client) in [("10.0.0.8:80", "10.0.0.1:5000"), ("10.0.0.9:80", "10.0.0.1:5001")] {
            assert!(!near.is_over(&address(server), Some(&address(client))), "something lies between");
        }
        assert!(!near.is_over(&address("10.0.0.9:80"), None));
        assert_eq!(Near::over(None, &address("10.0.0.1:1")), None);
        assert_eq!(Near::over(Some(address("unix:///a")), &address("10.0.0.1:1")), None);

        let id = "00000000000000000000000000000001";
        for odd in
            ["unix", "unix,server=1.2.3.4:5", "server=1.2.3.4:5,client=1.2.3.4:6", "unix,server=x,client=y"]
        {
            assert_eq!(Advert::read(&with(keys::ADVERT, format!("{odd};{id}"))).unwrap().near, None, "{odd}");
        }
    }

    #[test]
    fn a_hello_names_the_server_and_the_connection() {
        let (instance, other) = (InstanceId::random(), InstanceId::random());
        let hello = Hello::new(instance, &peer("[::ffff:10.0.0.1]:5000", None));
        assert_eq!(Hello::read(&with(keys::HELLO, hello.to_text())).as_ref(), Some(&hello));
        let expected = |instance, local: &str| {
            Hello::expected(instance, Some(&local.parse().unwrap()), &peer("10.0.0.9:80", None)).unwrap()
        };
        assert_eq!(expected(instance, "10.0.0.1:5000"), hello);
        assert_ne!(expected(instance, "10.0.0.1:5001"), hello, "another connection");
        assert_ne!(expected(instance, "10.0.0.2:5000"), hello, "another host");
        assert_ne!(expected(other, "10.0.0.1:5000"), hello, "another server");
        assert_eq!(Hello::expected(instance, None, &peer("10.0.0.9:80", None)), None);
    }

    #[test]
    fn local_connections_are_known_by_the_process() {
        let instance = InstanceId::random();
        let hello = Hello::new(instance, &peer("unix:///caller", None));
        let me = i32::try_from(process::id()).ok();
        assert_eq!(Hello::expected(instance, None, &peer("unix:///server", me)), Some(hello.clone()));
        assert_ne!(Hello::expected(instance, None, &peer("unix:///server", Some(1))), Some(hello));
        assert_eq!(Hello::expected(instance, None, &peer("unix:///server", None)), None);
        let hello = Hello::new(instance, &peer("mem://a", None));
        assert_eq!(Hello::expected(instance, None, &peer("mem://a", None)), Some(hello));
    }
}
