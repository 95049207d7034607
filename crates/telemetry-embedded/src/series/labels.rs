//! The label index: which series there are, and which have a label. In memory only; rebuilt from the
//! footers of blocks when a folder is opened.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use model::{Labels, MetricKind};
use ports::{LabelMatch, Selector};

/// What a series is called. Sorts by name, then service, then labels.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) name: Arc<str>,
    pub(crate) service: Arc<str>,
    /// Sorted by label name.
    pub(crate) labels: Box<[(Arc<str>, Arc<str>)]>,
}

impl Key {
    /// Value of a label; empty when it is missing.
    fn label(&self, name: &str) -> &str {
        match name {
            "__name__" => &self.name,
            "service" => &self.service,
            _ => self.labels.iter().find(|(n, _)| &**n == name).map_or("", |(_, value)| value),
        }
    }

    pub(crate) fn labels(&self) -> Labels {
        self.labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    fn matches(&self, selector: &Selector) -> bool {
        selector.name.as_ref().is_none_or(|name| **name == *self.name)
            && selector.labels.iter().all(|condition| match condition {
                LabelMatch::Equal(name, value) => self.label(name) == value,
                LabelMatch::NotEqual(name, value) => self.label(name) != value,
            })
    }

    /// Whether this is the key of such a series; `labels` are sorted by name.
    fn is<'a>(
        &self,
        service: &str,
        name: &str,
        mut labels: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> bool {
        let mut own = self.labels.iter();
        *self.name == *name
            && *self.service == *service
            && labels.all(|(n, v)| own.next().is_some_and(|(own_n, own_v)| **own_n == *n && **own_v == *v))
            && own.next().is_none()
    }
}

/// A series of the index.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: u32,
    pub(crate) key: Arc<Key>,
    pub(crate) kind: MetricKind,
}

struct Slot {
    entry: Entry,
    /// Another series with the same hash.
    twin: Option<u32>,
}

/// The series of a store. An id names one series for the life of the process.
#[derive(Default)]
pub(crate) struct Index {
    symbols: HashSet<Arc<str>>,
    hasher: RandomState,
    by_hash: HashMap<u64, u32>,
    slots: HashMap<u32, Slot>,
    /// Label name, label value, ids in ascending order.
    postings: HashMap<Arc<str>, HashMap<Arc<str>, Vec<u32>>>,
    next_id: u32,
    /// New series turned away.
    pub(crate) refused: u64,
}

impl Index {
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The series with this key. It is made when there are fewer than `max`, else none. `labels` are sorted.
    /// The newest `kind` holds.
    pub(crate) fn intern<'a>(
        &mut self,
        service: &str,
        name: &str,
        labels: impl Iterator<Item = (&'a str, &'a str)> + Clone,
        kind: MetricKind,
        max: usize,
    ) -> Option<Entry> {
        let hash = self.hash(service, name, labels.clone());
        let first = self.by_hash.get(&hash).copied();
        let mut next = first;
        while let Some(id) = next {
            let slot = self.slots.get_mut(&id).expect("hashes name living series");
            if slot.entry.key.is(service, name, labels.clone()) {
                slot.entry.kind = kind;
                return Some(slot.entry.clone());
            }
            next = slot.twin;
        }
        if self.slots.len() >= max || self.next_id == u32::MAX {
            return None;
        }
        let key = Key {
            name: self.symbol(name),
            service: self.symbol(service),
            labels: labels.map(|(n, v)| (self.symbol(n), self.symbol(v))).collect(),
        };
        let entry = Entry { id: self.next_id, key: Arc::new(key), kind };
        self.next_id += 1;
        self.by_hash.insert(hash, entry.id);
        self.post(&entry);
        self.slots.insert(entry.id, Slot { entry: entry.clone(), twin: first });
        Some(entry)
    }

    /// The series that match, sorted by key.
    pub(crate) fn select(&self, selector: &Selector) -> Vec<Entry> {
        let name = selector.name.as_deref().map(|name| ("__name__", name));
        let equal = selector.labels.iter().filter_map(|condition| match condition {
            LabelMatch::Equal(name, value) if !value.is_empty() => Some((name.as_str(), value.as_str())),
            _ => None,
        });
        let none: &[u32] = &[];
        let candidates = name
            .into_iter()
            .chain(equal)
            .map(|(name, value)| {
                self.postings.get(name).and_then(|p| p.get(value)).map_or(none, Vec::as_slice)
            })
            .min_by_key(|ids| ids.len());
        let keep = |slot: &Slot| slot.entry.key.matches(selector).then(|| slot.entry.clone());
        let mut found: Vec<Entry> = match candidates {
            Some(ids) => ids.iter().filter_map(|id| keep(self.slots.get(id)?)).collect(),
            None => self.slots.values().filter_map(keep).collect(),
        };
        found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        found
    }

    /// Forgets every series but these.
    pub(crate) fn retain(&mut self, used: &HashSet<u32>) {
        if self.slots.keys().all(|id| used.contains(id)) {
            return;
        }
        let mut kept: Vec<Entry> = std::mem::take(&mut self.slots)
            .into_values()
            .map(|s| s.entry)
            .filter(|e| used.contains(&e.id))
            .collect();
        kept.sort_unstable_by_key(|e| e.id);
        self.by_hash.clear();
        self.postings.clear();
        for entry in kept {
            let key = &entry.key;
            let labels = key.labels.iter().map(|(n, v)| (&**n, &**v));
            let hash = self.hash(&key.service, &key.name, labels);
            let twin = self.by_hash.insert(hash, entry.id);
            self.post(&entry);
            self.slots.insert(entry.id, Slot { entry, twin });
        }
        self.symbols.retain(|symbol| Arc::strong_count(symbol) > 1);
    }

    fn post(&mut self, entry: &Entry) {
        let own = [(self.symbol("__name__"), &entry.key.name), (self.symbol("service"), &entry.key.service)];
        let labels = entry.key.labels.iter().map(|(n, v)| (n, v));
        for (name, value) in own.iter().map(|(n, v)| (n, *v)).chain(labels) {
            // `service` and `__name__` are never labels of their own; were they sent, the ones above win.
            if own.iter().any(|(n, v)| n == name && *v != value) {
                continue;
            }
            let ids =
                self.postings.entry(Arc::clone(name)).or_default().entry(Arc::clone(value)).or_default();
            if ids.last() != Some(&entry.id) {
                ids.push(entry.id);
            }
        }
    }

    fn hash<'a>(&self, service: &str, name: &str, labels: impl Iterator<Item = (&'a str, &'a str)>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        service.hash(&mut hasher);
        name.hash(&mut hasher);
        labels.for_each(|label| label.hash(&mut hasher));
        hasher.finish()
    }

    fn symbol(&mut self, text: &str) -> Arc<str> {
        if let Some(symbol) = self.symbols.get(text) {
            return Arc::clone(symbol);
        }
        let symbol: Arc<str> = text.into();
        self.symbols.insert(Arc::clone(&symbol));
        symbol
    }
}
