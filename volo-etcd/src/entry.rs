//! What an instance is written as: the JSON of Kitex's registry.

use serde_json::{Value, json};
use volo_core::{Address, Error, ErrorKind, Result, balance::Instance};

/// The last part of the key, and the value.
///
/// # Errors
/// When other machines could not reach the instance at its address.
pub(crate) fn encode(instance: &Instance) -> Result<(String, String)> {
    let (network, address) = match &instance.address {
        Address::Tcp(address) if address.ip().is_unspecified() || address.port() == 0 => {
            return Err(unreachable(instance, "name the address and port by which clients reach it"));
        }
        Address::Tcp(address) => ("tcp", address.to_string()),
        Address::Host(host, port) => ("tcp", format!("{host}:{port}")),
        Address::Unix(path) => ("unix", path.display().to_string()),
        _ => return Err(unreachable(instance, "only TCP and Unix sockets can be registered")),
    };
    let tags: serde_json::Map<String, Value> =
        instance.tags.iter().map(|(key, value)| (key.to_string(), value.as_str().into())).collect();
    let value = json!({ "network": network, "address": address, "weight": instance.weight, "tags": tags });
    Ok((address, value.to_string()))
}

fn unreachable(instance: &Instance, hint: &str) -> Error {
    Error::new(ErrorKind::Config, format!("{} can't be registered: {hint}", instance.address))
}

/// The instance in the entry of this key; `None` if it makes no sense.
pub(crate) fn decode(key: &[u8], value: &[u8]) -> Option<Instance> {
    let value: Value = serde_json::from_slice(value).ok()?;
    let address = value.get("address")?.as_str()?;
    let address = match value.get("network").and_then(Value::as_str) {
        Some("unix") => Address::Unix(address.into()),
        None | Some("tcp" | "tcp4" | "tcp6") => address.parse().ok()?,
        Some(_) => return None,
    };
    let mut instance = Instance::new(address);
    instance.id = std::str::from_utf8(key).ok()?.to_owned().into();
    let weight = value.get("weight").and_then(Value::as_u64).filter(|weight| *weight > 0);
    if let Some(weight) = weight {
        instance.weight = u32::try_from(weight).unwrap_or(u32::MAX);
    }
    for (key, tag) in value.get("tags").and_then(Value::as_object).into_iter().flatten() {
        if let Some(tag) = tag.as_str() {
            instance.tags.set(key.clone(), tag.to_owned());
        }
    }
    Some(instance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_a_round_trip() {
        for text in ["10.0.0.1:80 weight=3 zone=a", "catalog.local:80", "unix:///run/a.sock", "[::1]:80"] {
            let instance: Instance = text.parse().unwrap();
            let (key, value) = encode(&instance).unwrap();
            let back = decode(key.as_bytes(), value.as_bytes()).unwrap();
            assert_eq!(
                (&back.address, back.weight, &back.tags),
                (&instance.address, instance.weight, &instance.tags)
            );
        }
    }

    #[test]
    fn entries_of_kitex_are_read() {
        let value = br#"{"network":"tcp","address":"10.1.1.1:8888","weight":0,"tags":null}"#;
        let instance = decode(b"kitex/registry-etcd/catalog/10.1.1.1:8888", value).unwrap();
        assert_eq!(
            (instance.weight, instance.address.to_string().as_str()),
            (Instance::WEIGHT, "10.1.1.1:8888")
        );
    }

    #[test]
    fn nonsense_is_passed_over() {
        let values = ["", "{", "null", "[]", "{}", r#"{"address":7}"#, r#"{"address":"nowhere"}"#];
        let more = [r#"{"address":"10.0.0.1:1","network":"quic"}"#, r#"{"address":":1","network":"tcp"}"#];
        for value in values.iter().chain(&more) {
            assert_eq!(decode(b"key", value.as_bytes()), None, "{value}");
        }
        let odd = r#"{"address":"10.0.0.1:1","weight":-5,"tags":{"a":1,"b":"c"}}"#;
        let instance = decode(b"key", odd.as_bytes()).unwrap();
        assert_eq!((instance.weight, instance.tags.iter().count()), (Instance::WEIGHT, 1));
        assert_eq!(decode(b"\xff", odd.as_bytes()), None);
    }

    #[test]
    fn what_nobody_can_reach_is_not_registered() {
        for text in ["0.0.0.0:80", "[::]:80", "10.0.0.1:0", "mem://shop"] {
            let error = encode(&text.parse().unwrap()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text} can't be registered: ")), "{error}");
        }
    }
}
