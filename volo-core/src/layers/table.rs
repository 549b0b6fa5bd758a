//! State that is kept per method.

use std::{
    collections::HashMap,
    hash::BuildHasher,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use faststr::FastStr;
use foldhash::fast::RandomState;

use super::Route;
use crate::Target;

/// A caller that makes method names up must not fill the memory; methods beyond these share one state, as those
/// with long names do.
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
        if *count >= METHODS_MAX || !route.may_be_kept() {
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

/// What one owner knows of the methods it called lately, of each a `T` that never becomes wrong.
#[derive(Debug)]
pub(super) struct Recent<T> {
    /// The methods; `None` where there is nothing, or it was not worth remembering of which method it is.
    targets: [Option<Arc<Target>>; RECENT],
    values: [Option<T>; RECENT],
    next: usize,
    /// Whether anything was asked for: who asks once need not remember it.
    asked: bool,
}

/// How many methods a caller usually calls in turn.
const RECENT: usize = 4;

impl<T> Default for Recent<T> {
    fn default() -> Self {
        let (targets, values) = ([const { None }; RECENT], [const { None }; RECENT]);
        Recent { targets, values, next: 0, asked: false }
    }
}

/// Starts anew: whoever is cloned for one call should not pay for it.
impl<T> Clone for Recent<T> {
    fn clone(&self) -> Self {
        Recent::default()
    }
}

impl<T> Recent<T> {
    /// What is known of a method, which calls that share their target are told apart by; `look_up` finds it out.
    #[inline]
    pub(super) fn get<'a>(
        &mut self,
        target: Option<&Arc<Target>>,
        route: impl Fn() -> Route<'a>,
        look_up: impl FnOnce(Route<'a>) -> T,
    ) -> &mut T {
        let shares = |known: &Option<Arc<Target>>| match (known, target) {
            (Some(known), Some(target)) => Arc::ptr_eq(known, target),
            _ => false,
        };
        match self.targets.iter().position(shares).or_else(|| self.find(route())) {
            Some(place) => self.values[place].get_or_insert_with(|| look_up(route())),
            None => self.remember(target, route(), look_up(route())),
        }
    }

    /// The place of a method by its names.
    #[cold]
    fn find(&self, route: Route<'_>) -> Option<usize> {
        let is_named = |known: &Target| known.method == route.method && known.service == route.service;
        self.targets.iter().position(|known| known.as_deref().is_some_and(is_named))
    }

    #[cold]
    fn remember(&mut self, target: Option<&Arc<Target>>, route: Route<'_>, value: T) -> &mut T {
        let named = || {
            let (service, method) = (FastStr::new(route.service), FastStr::new(route.method));
            Arc::new(Target { service, method, ..Target::default() })
        };
        let place = self.next;
        self.targets[place] = target.cloned().or_else(|| self.asked.then(named));
        (self.next, self.asked) = ((place + 1) % RECENT, true);
        self.values[place].insert(value)
    }
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

    #[test]
    fn long_names_are_not_kept() {
        let table = Table::default();
        for letter in ["a", "b", "c"] {
            let method = letter.repeat(Route::LEN_MAX);
            table.get(Route { service: "Shop", method: &method }, |_| ());
        }
        let mut kept = Vec::new();
        table.for_each(|route, ()| kept.push(route.method.len()));
        assert_eq!(kept, [0]);
    }

    #[test]
    fn recent_methods_are_known_by_target_and_by_name() {
        let target = |method: &str| {
            Arc::new(Target { service: "Shop".into(), method: FastStr::new(method), ..Target::default() })
        };
        let mut recent = Recent::default();
        let mut get = |target: Option<&Arc<Target>>, method, value| {
            let route = || Route { service: "Shop", method };
            *recent.get(target, route, |_| value)
        };
        let list = target("list");
        assert_eq!(get(Some(&list), "list", 1), 1);
        assert_eq!(get(Some(&list), "list", 2), 1, "the same target");
        assert_eq!(get(Some(&target("list")), "list", 3), 1, "the same names");
        assert_eq!(get(Some(&target("find")), "find", 4), 4, "another method");
        assert_eq!(get(None, "list", 5), 1, "no target, but the same names");
        assert_eq!(get(None, "buy", 6), 6);
        assert_eq!(get(None, "buy", 7), 6);
        (0..RECENT).for_each(|number| assert_eq!(get(None, ["a", "b", "c", "d"][number], number), number));
        assert_eq!(get(Some(&list), "list", 8), 8, "others came in between");
    }

    #[test]
    fn who_asks_once_need_not_name_the_method() {
        let mut recent = Recent::default();
        let route = || Route { service: "Shop", method: "list" };
        let mut get = |value| *recent.get(None, route, |_| value);
        assert_eq!([get(1), get(2), get(3)], [1, 2, 2]);
    }
}
