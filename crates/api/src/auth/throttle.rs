//! Slows down guessing: after a few failures a name must wait, longer each time.

use std::collections::HashMap;
use std::sync::Mutex;

use model::Timestamp;

/// Failures before the first wait.
const FREE: u32 = 5;
/// Longest wait, seconds.
const LONGEST_S: u64 = 300;
/// Failures are forgotten after this time without a further one.
const FORGET_MS: i64 = 3_600_000;
/// Names remembered at once; the oldest are forgotten first.
const MAX_NAMES: usize = 10_000;

/// Counts failures by name.
#[derive(Default)]
pub struct Throttle {
    failures: Mutex<HashMap<String, (u32, Timestamp)>>,
}

impl Throttle {
    /// Seconds to wait before the next attempt, when one must wait.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn wait_s(&self, name: &str, now: Timestamp) -> Option<u64> {
        let failures = self.failures.lock().expect("no panic while held");
        let (count, last) = failures.get(&key(name))?;
        if now.since_ms(*last) >= FORGET_MS {
            return None;
        }
        let wait_s = 2_u64.checked_pow(count.checked_sub(FREE)?).map_or(LONGEST_S, |s| s.min(LONGEST_S));
        let left_ms = last.plus_ms(i64::try_from(wait_s).unwrap_or(0) * 1_000).since_ms(now);
        (left_ms > 0).then(|| u64::try_from(left_ms).unwrap_or(0).div_ceil(1_000))
    }

    /// Notes a failure.
    ///
    /// # Panics
    /// Never.
    pub fn failed(&self, name: &str, now: Timestamp) {
        let mut failures = self.failures.lock().expect("no panic while held");
        let name = key(name);
        if failures.len() >= MAX_NAMES
            && !failures.contains_key(&name)
            && let Some(oldest) = failures.iter().min_by_key(|(_, (_, at))| *at).map(|(n, _)| n.clone())
        {
            failures.remove(&oldest);
        }
        let entry = failures.entry(name).or_insert((0, now));
        if now.since_ms(entry.1) >= FORGET_MS {
            entry.0 = 0;
        }
        entry.0 = entry.0.saturating_add(1);
        entry.1 = now;
    }

    /// Forgets the failures of a name.
    ///
    /// # Panics
    /// Never.
    pub fn succeeded(&self, name: &str) {
        self.failures.lock().expect("no panic while held").remove(&key(name));
    }
}

/// Names are as long as senders like; a prefix tells them apart well enough.
fn key(name: &str) -> String {
    name.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_after_five_failures_and_end_with_success() {
        let throttle = Throttle::default();
        let now = Timestamp::from_unix_ms(1_000_000);
        for _ in 0..4 {
            throttle.failed("admin", now);
        }
        assert_eq!(throttle.wait_s("admin", now), None);
        throttle.failed("admin", now);
        assert_eq!(throttle.wait_s("admin", now), Some(1));
        throttle.failed("admin", now);
        assert_eq!(throttle.wait_s("admin", now), Some(2));
        assert_eq!(throttle.wait_s("admin", now.plus_ms(2_000)), None);
        throttle.succeeded("admin");
        assert_eq!(throttle.wait_s("admin", now), None);
    }

    #[test]
    fn a_long_name_waits_too_and_old_failures_are_forgotten() {
        let throttle = Throttle::default();
        let now = Timestamp::from_unix_ms(1_000_000);
        let name = "n".repeat(1_000);
        for _ in 0..10 {
            throttle.failed(&name, now);
        }
        assert_eq!(throttle.wait_s(&name, now), Some(32));
        let later = now.plus_ms(FORGET_MS);
        throttle.failed(&name, later);
        assert_eq!(
            throttle.wait_s(&name, later),
            None,
            "one failure after an hour of quiet is the first again"
        );
    }
}
