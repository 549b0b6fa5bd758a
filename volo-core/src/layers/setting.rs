//! Settings that can differ from method to method and change while they are in use.

use std::{collections::HashMap, sync::Arc};

use arc_swap::{ArcSwap, Cache};
use faststr::FastStr;
use foldhash::fast::RandomState;

use super::Route;

/// A value that all clones share and any of them can replace; calls under way keep the old one.
#[derive(Debug)]
pub struct Setting<T>(Arc<ArcSwap<T>>);

impl<T> Setting<T> {
    /// A setting with this value to begin with.
    pub fn new(value: T) -> Self {
        Setting(Arc::new(ArcSwap::from_pointee(value)))
    }

    /// The value now.
    pub fn get(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// Replaces the value.
    pub fn set(&self, value: T) {
        self.0.store(Arc::new(value));
    }

    /// Looks at the value now; `read` should be short.
    pub fn with<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.0.load())
    }

    /// Reads the value again and again, at the cost of a comparison while it stays the same.
    pub fn reader(&self) -> Reader<T> {
        Reader(Cache::new(self.0.clone()))
    }
}

/// What one owner knows of a [`Setting`]; keeps a replaced value alive until it is read again.
#[derive(Debug)]
pub struct Reader<T>(Cache<Arc<ArcSwap<T>>, Arc<T>>);

impl<T> Reader<T> {
    /// The value now.
    pub fn get(&mut self) -> &Arc<T> {
        self.0.load()
    }
}

impl<T> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Reader(self.0.clone())
    }
}

impl<T> Clone for Setting<T> {
    fn clone(&self) -> Self {
        Setting(self.0.clone())
    }
}

impl<T: Default> Default for Setting<T> {
    fn default() -> Self {
        Setting::new(T::default())
    }
}

impl<T> From<T> for Setting<T> {
    fn from(value: T) -> Self {
        Setting::new(value)
    }
}

impl<T> From<T> for Setting<PerMethod<T>> {
    fn from(value: T) -> Self {
        Setting::new(PerMethod::new(value))
    }
}

/// One value for all methods, and others for some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PerMethod<T> {
    default: T,
    services: HashMap<FastStr, HashMap<FastStr, T, RandomState>, RandomState>,
}

impl<T> PerMethod<T> {
    /// The same value for all methods.
    pub fn new(default: T) -> Self {
        PerMethod { default, services: HashMap::default() }
    }

    /// Sets the value for a method, or with an empty name for all others of its service.
    pub fn with(mut self, service: impl Into<FastStr>, method: impl Into<FastStr>, value: T) -> Self {
        self.services.entry(service.into()).or_default().insert(method.into(), value);
        self
    }

    /// The value for a method.
    pub fn get(&self, route: Route<'_>) -> &T {
        self.get_with(|| route)
    }

    /// The value for a method that need not be named if all have the same.
    #[inline]
    pub fn get_with<'a>(&self, route: impl FnOnce() -> Route<'a>) -> &T {
        if self.services.is_empty() { &self.default } else { self.find(route()) }
    }

    fn find(&self, route: Route<'_>) -> &T {
        let Some(methods) = self.services.get(route.service) else { return &self.default };
        methods.get(route.method).or_else(|| methods.get("")).unwrap_or(&self.default)
    }

    /// The methods, and services by an empty method, that have values of their own.
    pub fn routes(&self) -> impl Iterator<Item = Route<'_>> {
        self.services
            .iter()
            .flat_map(|(service, methods)| methods.keys().map(move |method| Route { service, method }))
    }

    /// The same with other values.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> PerMethod<U> {
        let services = self.services.into_iter().map(|(service, methods)| {
            (service, methods.into_iter().map(|(method, value)| (method, f(value))).collect())
        });
        PerMethod { services: services.collect(), default: f(self.default) }
    }
}

impl<T> From<T> for PerMethod<T> {
    fn from(value: T) -> Self {
        PerMethod::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_value_holds() {
        let setting: Setting<PerMethod<u32>> = 1.into();
        let shared = setting.clone();
        let read = |service, method| shared.with(|value| *value.get(Route { service, method }));
        assert_eq!(read("Shop", "list"), 1);
        setting.set(PerMethod::new(1).with("Shop", "", 2).with("Shop", "find", 3).with("Bank", "find", 4));
        assert_eq!((read("Shop", "list"), read("Shop", "find")), (2, 3));
        assert_eq!((read("Bank", "find"), read("Bank", "list"), read("", "")), (4, 1, 1));
    }
}
