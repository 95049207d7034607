//! A sorted map of bounded size: the least recently used entry makes room for a new one.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Sorted, hence the same iteration order in every process; a replay must give the same output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Bounded<V> {
    capacity: usize,
    uses: u64,
    entries: BTreeMap<String, (u64, V)>,
    by_use: BTreeMap<u64, String>,
}

impl<V> Bounded<V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), uses: 0, entries: BTreeMap::new(), by_use: BTreeMap::new() }
    }

    /// The entry of a key, made when missing. Counts as a use.
    pub(crate) fn entry(&mut self, key: &str, make: impl FnOnce() -> V) -> &mut V {
        self.uses += 1;
        let uses = self.uses;
        if let Some((used, _)) = self.entries.get_mut(key) {
            // Refreshing the order costs an allocation-free move of the key string.
            if let Some(name) = self.by_use.remove(used) {
                self.by_use.insert(uses, name);
            }
            *used = uses;
        } else {
            if self.entries.len() >= self.capacity
                && let Some((_, oldest)) = self.by_use.pop_first()
            {
                self.entries.remove(&oldest);
            }
            self.by_use.insert(uses, key.to_owned());
            self.entries.insert(key.to_owned(), (uses, make()));
        }
        &mut self.entries.get_mut(key).expect("inserted above").1
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        String: Borrow<Q>,
    {
        self.entries.get(key).map(|(_, v)| v)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.entries.get_mut(key).map(|(_, v)| v)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<V> {
        let (used, value) = self.entries.remove(key)?;
        self.by_use.remove(&used);
        Some(value)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut V)> {
        self.entries.iter_mut().map(|(k, (_, v))| (k.as_str(), v))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.entries.iter().map(|(k, (_, v))| (k.as_str(), v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_entry_makes_room() {
        let mut map = Bounded::new(2);
        for key in ["a", "b", "a", "c"] {
            *map.entry(key, || 0) += 1;
        }
        assert_eq!(
            map.iter().map(|(k, v)| (k.to_owned(), *v)).collect::<Vec<_>>(),
            [("a".into(), 2), ("c".into(), 1)]
        );
    }
}
