//! State that is kept per method.

use std::{
    collections::HashMap,
    hash::BuildHasher,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use faststr::FastStr;
use foldhash::fast::RandomState;

use super::Route;

/// A caller that makes method names up must not fill the memory; methods beyond these share one state.
const METHODS_MAX: usize = 1024;

/// The methods whose names have the same hash; there is hardly ever more than one.
type Map<V> = HashMap<u64, Vec<Known<V>>, RandomState>;

/// A `V` for each method, made when it is asked for first. Looking one up takes no lock.
#[derive(Debug)]
pub(super) struct Table<V> {
    map: ArcSwap<Map<V>>,
    names: RandomState,
    growth: Mutex<usize>,
}

#[derive(Debug)]
struct Known<V> {
    service: FastStr,
    method: FastStr,
    value: Arc<V>,
}

impl<V> Clone for Known<V> {
    fn clone(&self) -> Self {
        Known { service: self.service.clone(), method: self.method.clone(), value: self.value.clone() }
    }
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Table { map: ArcSwap::default(), names: RandomState::default(), growth: Mutex::new(0) }
    }
}

impl<V> Table<V> {
    /// The state of a method.
    pub(super) fn get(&self, route: Route<'_>, make: impl FnOnce(Route<'_>) -> V) -> Arc<V> {
        if let Some(known) = find(&self.map.load(), self.names.hash_one(route), route) {
            return known;
        }
        self.insert(route, make)
    }

    /// All states there are, with their methods.
    pub(super) fn for_each(&self, mut f: impl FnMut(Route<'_>, &V)) {
        for Known { service, method, value } in self.map.load().values().flatten() {
            f(Route { service, method }, value);
        }
    }

    #[cold]
    fn insert(&self, mut route: Route<'_>, make: impl FnOnce(Route<'_>) -> V) -> Arc<V> {
        let mut count = self.growth.lock().unwrap_or_else(PoisonError::into_inner);
        if *count >= METHODS_MAX {
            route = Route::default();
        }
        let (map, hash) = (self.map.load(), self.names.hash_one(route));
        if let Some(known) = find(&map, hash, route) {
            return known;
        }
        let value = Arc::new(make(route));
        let mut map = Map::clone(&map);
        let (service, method) = (FastStr::new(route.service), FastStr::new(route.method));
        map.entry(hash).or_default().push(Known { service, method, value: value.clone() });
        self.map.store(Arc::new(map));
        *count += 1;
        value
    }
}

/// States of a [`Table`] that one owner asked for lately. A table forgets nothing, so neither need this.
#[derive(Debug)]
pub(super) struct Recent<V> {
    known: Vec<Known<V>>,
    oldest: usize,
    /// Whether anything was asked for: who asks once need not remember it.
    asked: bool,
}

/// How many methods a caller usually calls in turn.
const RECENT: usize = 4;

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Recent { known: Vec::new(), oldest: 0, asked: false }
    }
}

/// Starts anew: whoever is cloned for one call should not pay for it.
impl<V> Clone for Recent<V> {
    fn clone(&self) -> Self {
        Recent::default()
    }
}

impl<V> Recent<V> {
    /// The state of a method; `look_up` asks the table.
    pub(super) fn get(&mut self, route: Route<'_>, look_up: impl FnOnce(Route<'_>) -> Arc<V>) -> Arc<V> {
        let is_known =
            |known: &&Known<V>| same(&known.method, route.method) && same(&known.service, route.service);
        if let Some(known) = self.known.iter().find(is_known) {
            return known.value.clone();
        }
        let value = look_up(route);
        if mem::replace(&mut self.asked, true) {
            self.remember(route, value.clone());
        }
        value
    }

    #[cold]
    fn remember(&mut self, route: Route<'_>, value: Arc<V>) {
        let known = Known { service: FastStr::new(route.service), method: FastStr::new(route.method), value };
        if self.known.len() < RECENT {
            return self.known.push(known);
        }
        self.known[self.oldest] = known;
        self.oldest = (self.oldest + 1) % RECENT;
    }
}

#[inline]
fn same(known: &str, name: &str) -> bool {
    known.len() == name.len() && (known.as_ptr() == name.as_ptr() || known == name)
}

fn find<V>(map: &Map<V>, hash: u64, route: Route<'_>) -> Option<Arc<V>> {
    let same = |known: &&Known<V>| known.method == route.method && known.service == route.service;
    map.get(&hash)?.iter().find(same).map(|known| known.value.clone())
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
