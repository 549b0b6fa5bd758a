//! What types can't say of a document: which keys may stand where, and which contradict each other.

use super::{
    document::{ClientSection, Document, ServerSection},
    value::{Maybe, Name},
};
use crate::config::document::PolicyName;

/// How deep a section is: for all calls, those of a service, or of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Depth {
    Side,
    Service,
    Method,
}

impl Document {
    /// Finds contradictions.
    ///
    /// # Errors
    /// The first one: the path of its key, and what is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        check_client(&self.client, "client", Depth::Side)?;
        check_server(&self.server, "server", Depth::Side)
    }
}

/// Refuses what is set although it can't stand there.
fn refuse(path: &str, keys: &[(&str, bool)], whose: &str) -> Result<(), String> {
    match keys.iter().find(|(_, is_set)| *is_set) {
        Some((key, _)) => Err(format!("{path}.{key}: can only be set for {whose}")),
        None => Ok(()),
    }
}

/// The least of two that must not be more than the other.
fn ordered<T: PartialOrd>(
    path: &str,
    small: &str,
    large: &str,
    values: (Option<T>, Option<T>),
) -> Result<(), String> {
    match values {
        (Some(less), Some(more)) if less > more => {
            Err(format!("{path}.{small}: must not be more than {large}"))
        }
        _ => Ok(()),
    }
}

fn check_client(section: &ClientSection, path: &str, depth: Depth) -> Result<(), String> {
    let ClientSection { timeout, retry, balance, ejection, pool, trace, services, methods, .. } = section;
    if depth == Depth::Method {
        let keys = [
            ("timeout.connect", timeout.connect.is_some()),
            ("timeout.read", timeout.read.is_some()),
            ("timeout.write", timeout.write.is_some()),
            ("retry.budget", retry.budget.is_some()),
            ("balance", *balance != Default::default()),
            ("ejection", *ejection != Default::default()),
            ("pool", *pool != Default::default()),
            ("trace", trace.is_some()),
        ];
        refuse(path, &keys, "a service or all of them")?;
    }
    nesting(path, depth, services.is_empty(), methods.is_empty())?;
    if let Some(Maybe(Some(backoff))) = &retry.backoff {
        let values = (Some(backoff.initial.0), backoff.max.map(|max| max.0));
        ordered(path, "retry.backoff.initial", "max", values)?;
    }
    if let Some(Maybe(Some(backup))) = &retry.backup
        && backup.delay.is_some()
        && (backup.percentile.is_some() || backup.min.is_some())
    {
        return Err(format!("{path}.retry.backup.delay: excludes percentile and min, which measure it"));
    }
    let is_hash = balance.policy == Some(Name(PolicyName::ConsistentHash));
    if is_hash != balance.key.is_some() {
        return Err(format!("{path}.balance.key: belongs to the policy consistent_hash, which needs one"));
    }
    if balance.key.as_ref().is_some_and(String::is_empty) {
        return Err(format!("{path}.balance.key: must not be empty"));
    }
    let values = (ejection.duration.map(|it| it.0), ejection.duration_max.map(|it| it.0));
    ordered(path, "ejection.duration", "duration_max", values)?;
    ordered(path, "pool.idle", "connections", (pool.idle.map(|it| it.0), pool.connections.map(|it| it.0)))?;
    for (name, service) in services {
        check_client(service, &child(path, "services", name)?, Depth::Service)?;
    }
    for (name, method) in methods {
        check_client(method, &child(path, "methods", name)?, Depth::Method)?;
    }
    Ok(())
}

fn check_server(section: &ServerSection, path: &str, depth: Depth) -> Result<(), String> {
    let ServerSection { timeout, limits, queue, trace, services, methods, .. } = section;
    if depth > Depth::Side {
        let keys = [
            ("timeout", *timeout != Default::default()),
            ("limits", *limits != Default::default()),
            ("queue", *queue != Default::default()),
            ("trace", trace.is_some()),
        ];
        refuse(path, &keys, "the whole server")?;
    }
    nesting(path, depth, services.is_empty(), methods.is_empty())?;
    for (name, service) in services {
        check_server(service, &child(path, "services", name)?, Depth::Service)?;
    }
    for (name, method) in methods {
        check_server(method, &child(path, "methods", name)?, Depth::Method)?;
    }
    Ok(())
}

fn nesting(path: &str, depth: Depth, no_services: bool, no_methods: bool) -> Result<(), String> {
    if depth != Depth::Side && !no_services {
        return Err(format!("{path}.services: services stand directly under client or server"));
    }
    if depth != Depth::Service && !no_methods {
        return Err(format!("{path}.methods: methods stand under their service"));
    }
    Ok(())
}

fn child(path: &str, group: &str, name: &str) -> Result<String, String> {
    match name {
        "" => Err(format!("{path}.{group}: a name must not be empty")),
        name => Ok(format!("{path}.{group}.{name}")),
    }
}
