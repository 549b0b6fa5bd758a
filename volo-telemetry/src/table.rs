//! Series by what tells them apart: finding one by its labels costs more than what it counts, so each is kept.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{PoisonError, RwLock},
};

/// Series with an entry of their own.
const SERIES_MAX: usize = 4096;

/// Values made on first use; once it is full, those of the fallback key are used.
pub(crate) struct Table<K, V>(RwLock<HashMap<K, V, foldhash::fast::RandomState>>);

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Table(RwLock::default())
    }
}

impl<K: Eq + Hash, V: Clone> Table<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(crate) fn get_or_insert(
        &self,
        key: K,
        fallback: impl FnOnce() -> K,
        make: impl FnOnce(&K) -> V,
    ) -> V {
        if let Some(known) = self.get(&key) {
            return known;
        }
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let key = if entries.len() < SERIES_MAX || entries.contains_key(&key) { key } else { fallback() };
        if let Some(known) = entries.get(&key) {
            return known.clone();
        }
        let made = make(&key);
        entries.insert(key, made.clone());
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_names_share_one_entry() {
        let table = Table::<u32, u32>::default();
        for key in 0..2 * SERIES_MAX as u32 {
            let value = table.get_or_insert(key, || u32::MAX, |key| *key);
            assert_eq!(value, if key < SERIES_MAX as u32 { key } else { u32::MAX });
        }
        assert_eq!(table.0.read().unwrap().len(), SERIES_MAX + 1);
        assert_eq!(table.get_or_insert(7, || u32::MAX, |_| 0), 7);
    }
}
