//! State that is kept per method.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use faststr::FastStr;
use foldhash::fast::RandomState;

use super::Route;

/// A caller that makes method names up must not fill the memory; methods beyond these share one state.
const METHODS_MAX: usize = 1024;

type Map<V> = HashMap<FastStr, HashMap<FastStr, Arc<V>, RandomState>, RandomState>;

/// A `V` for each method, made when it is asked for first. Looking one up takes no lock.
#[derive(Debug)]
pub(super) struct Table<V> {
    map: ArcSwap<Map<V>>,
    growth: Mutex<usize>,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Table { map: ArcSwap::default(), growth: Mutex::new(0) }
    }
}

impl<V> Table<V> {
    /// The state of a method.
    pub(super) fn get(&self, route: Route<'_>, make: impl FnOnce(Route<'_>) -> V) -> Arc<V> {
        if let Some(known) = find(&self.map.load(), route) {
            return known;
        }
        self.insert(route, make)
    }

    /// All states there are, with their methods.
    pub(super) fn for_each(&self, mut f: impl FnMut(Route<'_>, &V)) {
        for (service, methods) in self.map.load().iter() {
            methods.iter().for_each(|(method, value)| f(Route { service, method }, value));
        }
    }

    #[cold]
    fn insert(&self, mut route: Route<'_>, make: impl FnOnce(Route<'_>) -> V) -> Arc<V> {
        let mut count = self.growth.lock().unwrap_or_else(PoisonError::into_inner);
        if *count >= METHODS_MAX {
            route = Route::default();
        }
        let map = self.map.load();
        if let Some(known) = find(&map, route) {
            return known;
        }
        let value = Arc::new(make(route));
        let mut map = Map::clone(&map);
        let methods = map.entry(FastStr::new(route.service)).or_default();
        methods.insert(FastStr::new(route.method), value.clone());
        self.map.store(Arc::new(map));
        *count += 1;
        value
    }
}

fn find<V>(map: &Map<V>, route: Route<'_>) -> Option<Arc<V>> {
    map.get(route.service)?.get(route.method).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_has_its_own_state_up_to_the_limit() {
        let table = Table::default();
        let names: Vec<_> = (0..METHODS_MAX + 50).map(|number| number.to_string()).collect();
        let mut made = 0;
        for _ in 0..2 {
            for (number, method) in names.iter().enumerate() {
                let state = table.get(Route { service: "Shop", method }, |_| {
                    made += 1;
                    number
                });
                assert_eq!(*state, number.min(METHODS_MAX));
            }
        }
        assert_eq!(made, METHODS_MAX + 1);
        let mut count = 0;
        table.for_each(|_, _| count += 1);
        assert_eq!(count, METHODS_MAX + 1);
    }
}
