//! One instance of a service, as discovery knows it.

use std::{fmt, net::IpAddr, str::FromStr};

use faststr::FastStr;

use crate::{Address, Pairs, ParseAddressError};

/// Where an instance of a service is, and how much it can take.
///
/// As text it is an address followed by settings: `10.0.0.1:8080 weight=20 zone=a`. Keys other than `weight` and `id`
/// are tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// What its statistics are kept by, also when address or weight change; the address's text unless there is more
    /// to know.
    pub id: FastStr,
    /// Where it can be reached.
    pub address: Address,
    /// How much it gets in proportion to others. One with 0 gets nothing while others have more.
    pub weight: u32,
    /// What else is known of it.
    pub tags: Pairs,
}

impl Instance {
    /// The weight of an instance of which none is known, as in Kitex.
    pub const WEIGHT: u32 = 10;

    /// An instance of which only the address is known.
    pub fn new(address: impl Into<Address>) -> Self {
        let address = address.into();
        let id = FastStr::from(address.to_string());
        Instance { id, address, weight: Self::WEIGHT, tags: Pairs::default() }
    }

    /// The same with this weight.
    pub fn with_weight(self, weight: u32) -> Self {
        Instance { weight, ..self }
    }

    /// The same with this tag.
    pub fn with_tag(mut self, key: impl Into<FastStr>, value: impl Into<FastStr>) -> Self {
        self.tags.set(key, value);
        self
    }

    /// Whether it is reached without leaving this machine.
    pub fn is_local(&self) -> bool {
        match &self.address {
            Address::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Address::Host(host, _) | Address::Tls(host, _) => {
                host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
            }
            _ => true,
        }
    }
}

impl From<Address> for Instance {
    fn from(address: Address) -> Self {
        Instance::new(address)
    }
}

/// Why a text is no [`Instance`].
#[derive(Debug, PartialEq, Eq)]
pub enum ParseInstanceError {
    /// The address in it is none.
    Address(ParseAddressError),
    /// A setting behind the address makes no sense.
    Setting(String),
}

impl fmt::Display for ParseInstanceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParseInstanceError::Address(error) => error.fmt(f),
            ParseInstanceError::Setting(text) => {
                write!(
                    f,
                    "`{text}` is not a setting of an instance: weight=NUMBER, id=NAME or TAG=VALUE must follow"
                )
            }
        }
    }
}

impl std::error::Error for ParseInstanceError {}

impl FromStr for Instance {
    type Err = ParseInstanceError;

    fn from_str(text: &str) -> Result<Self, ParseInstanceError> {
        let mut words = text.split_whitespace();
        let address = words.next().unwrap_or_default().parse::<Address>();
        let mut instance = Instance::new(address.map_err(ParseInstanceError::Address)?);
        for word in words {
            let fault = || ParseInstanceError::Setting(word.to_owned());
            let (key, value) = word.split_once('=').ok_or_else(fault)?;
            match key {
                _ if key.is_empty() || value.is_empty() => return Err(fault()),
                "weight" => instance.weight = value.parse().map_err(|_| fault())?,
                "id" => instance.id = value.to_owned().into(),
                _ => instance.tags.set(key.to_owned(), value.to_owned()),
            }
        }
        Ok(instance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_address_and_settings() {
        let instance: Instance = " 10.0.0.1:80  weight=3 zone=a id=first ".parse().unwrap();
        assert_eq!((instance.weight, instance.id.as_str()), (3, "first"));
        assert_eq!(instance.tags.get("zone").unwrap(), "a");
        assert_eq!(instance.address, Address::Tcp(([10, 0, 0, 1], 80).into()));
        let plain: Instance = "catalog.local:80".parse().unwrap();
        assert_eq!((plain.weight, plain.id.as_str()), (Instance::WEIGHT, "catalog.local:80"));
    }

    #[test]
    fn faults_name_the_setting() {
        for text in ["", "nowhere", "h:1 weight", "h:1 weight=", "h:1 weight=-1", "h:1 weight=x", "h:1 =a"] {
            assert!(text.parse::<Instance>().is_err(), "{text}");
        }
        let error = "h:1 weight=many".parse::<Instance>().unwrap_err().to_string();
        assert!(error.starts_with("`weight=many` is not a setting"), "{error}");
    }

    #[test]
    fn what_stays_on_the_machine_is_local() {
        let local = |text: &str| text.parse::<Instance>().unwrap().is_local();
        assert!(
            ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "tls://[::1]:1", "unix:///a", "mem://a"]
                .map(local)
                .iter()
                .all(|it| *it)
        );
        assert!(
            !local("10.0.0.1:1")
                && !local("tls://10.0.0.1:1")
                && !local("catalog:1")
                && !local("[fe80::1]:1")
        );
    }
}
