//! An alert as correlation sees it: when, what exactly, where. Hashes stand for names.

use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Serialize};

/// What makes two alerts the same alert: source, subject, name, direction, but no value, no count, no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub u64);

/// A thing that an alert speaks of: a service, an instance, a host, a change. A hash of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key(pub u64);

/// Things that one alert may name, and their neighbours; more are left out.
const MAX_KEYS: usize = 4;
const MAX_NEAR: usize = 8;
/// Times are at most so far from 1970: differences of such times are no overflow.
const MAX_MS: i64 = 8_640_000_000_000_000;

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// When it began, milliseconds since 1970.
    pub(super) at_ms: i64,
    /// What it is.
    pub(super) fingerprint: Fingerprint,
    /// Whether it is told each time that it happens, as log lines are. Others are told once, when they start,
    /// and not again while they last.
    pub(super) repeats: bool,
    /// What it speaks of.
    pub(super) keys: Vec<Key>,
    /// Whom those call and who calls them, and what they are part of.
    pub(super) near: Vec<Key>,
    /// The change that it followed, when one is known.
    pub(super) change: Option<Key>,
}

impl Alert {
    /// An alert that starts once.
    #[must_use]
    pub fn new(at_ms: i64, fingerprint: Fingerprint, keys: &[Key]) -> Self {
        let at_ms = at_ms.clamp(-MAX_MS, MAX_MS);
        let keys = keys.iter().copied().take(MAX_KEYS).collect();
        Self { at_ms, fingerprint, repeats: false, keys, near: Vec::new(), change: None }
    }

    /// The same, told each time that it happens.
    #[must_use]
    pub fn repeating(mut self) -> Self {
        self.repeats = true;
        self
    }

    /// The same, with the neighbours of what it speaks of.
    #[must_use]
    pub fn near(mut self, near: impl IntoIterator<Item = Key>) -> Self {
        self.near = near.into_iter().take(MAX_NEAR).collect();
        self
    }

    /// The same, after a change.
    #[must_use]
    pub fn after(mut self, change: Key) -> Self {
        self.change = Some(change);
        self
    }

    /// What it speaks of, and the neighbours of that.
    pub(super) fn places(&self) -> impl Iterator<Item = Key> + '_ {
        self.keys.iter().chain(&self.near).copied()
    }

    /// Two alerts of one time are taken in the order of what they are, not of arrival.
    pub(super) fn order(&self) -> u64 {
        self.fingerprint.0
    }

    pub(super) fn shares_key(&self, other: &Self) -> bool {
        self.keys.iter().any(|key| other.keys.contains(key))
    }

    pub(super) fn is_near(&self, other: &Self) -> bool {
        self.near.iter().any(|key| other.keys.contains(key))
            || other.near.iter().any(|key| self.keys.contains(key))
    }
}

impl Fingerprint {
    /// The fingerprint of an alert with these parts.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        Self(hash(parts))
    }
}

impl Key {
    /// The key of a thing with this name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self(hash(&[name]))
    }
}

/// FNV-1a, 64 bit, with a final mix (Fowler, Noll, Vo; finalizer of `MurmurHash3`): the same on every machine.
fn hash(parts: &[&str]) -> u64 {
    let mut h: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            h = (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h ^ (h >> 33)
}

/// Fingerprints are hashes already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// A table by fingerprint.
pub(super) type ByFingerprint<T> = std::collections::HashMap<Fingerprint, T, BuildHasherDefault<Plain>>;
