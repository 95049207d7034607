//! What groups that are over teach about incidents of this system: how soon after the start which alert
//! comes, and how often a log pattern takes part.

use serde::{Deserialize, Serialize};

use super::Settings;
use super::alert::{Alert, ByFingerprint, Fingerprint};
use super::burst::Bursts;
use super::members::Members;

/// Times after the start of an incident, in classes that double.
const CLASSES: usize = 13;
/// Upper end of the first class, s.
const FIRST_S: f64 = 0.5;
/// Alerts that the first belief of the decay is worth.
const DECAY_PRIOR: f64 = 200.0;
/// When one fingerprint came.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Seen {
    delays: [f32; CLASSES],
    incidents: f32,
    newest: u64,
}

/// Learned from groups that are over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Learned {
    /// Alerts in each class of time since the start.
    pool: [f64; CLASSES],
    /// Share of each class.
    share: [f64; CLASSES],
    /// Logarithm of the density in each class, 1/s.
    log_density: [f64; CLASSES],
    /// Share before each class.
    before: [f64; CLASSES + 1],
    incidents: f64,
    closed: u64,
    by_fingerprint: ByFingerprint<Seen>,
}

fn class(age_s: f64) -> usize {
    let mut class = 0;
    let mut upper = FIRST_S;
    while age_s >= upper && class + 1 < CLASSES {
        class += 1;
        upper *= 2.0;
    }
    class
}

fn lower(class: usize) -> f64 {
    if class == 0 { 0.0 } else { FIRST_S * 2f64.powi(i32::try_from(class).unwrap_or(0) - 1) }
}

impl Learned {
    pub(super) fn new(settings: &Settings) -> Self {
        let s = settings;
        let power = 1.0 - s.decay;
        let total = |age: f64| {
            if power.abs() < 1e-9 {
                ((age + s.decay_s) / s.decay_s).ln()
            } else {
                ((age + s.decay_s).powf(power) - s.decay_s.powf(power)) / power
            }
        };
        let mut pool = [0.0; CLASSES];
        for (c, count) in pool.iter_mut().enumerate() {
            *count = total(lower(c + 1)) - total(lower(c));
        }
        let sum: f64 = pool.iter().sum();
        pool.iter_mut().for_each(|count| *count *= DECAY_PRIOR / sum);
        let mut this = Self {
            pool,
            share: [0.0; CLASSES],
            log_density: [0.0; CLASSES],
            before: [0.0; CLASSES + 1],
            incidents: 0.0,
            closed: 0,
            by_fingerprint: ByFingerprint::default(),
        };
        this.refresh();
        this
    }

    fn refresh(&mut self) {
        let sum: f64 = self.pool.iter().sum();
        let mut before = 0.0;
        for c in 0..CLASSES {
            self.share[c] = self.pool[c] / sum;
            self.log_density[c] = (self.share[c] / (lower(c + 1) - lower(c))).ln();
            self.before[c] = before;
            before += self.share[c];
        }
        self.before[CLASSES] = before;
    }

    /// Logarithm of how many of an incident's alerts come at this age, 1/s.
    pub(super) fn log_density(&self, age_s: f64) -> f64 {
        self.log_density[class(age_s)]
    }

    /// Which share of an incident's alerts come up to this age.
    pub(super) fn share_until(&self, age_s: f64) -> f64 {
        let c = class(age_s);
        let part = ((age_s - lower(c)) / (lower(c + 1) - lower(c))).min(1.0);
        (self.before[c] + (self.before[c + 1] - self.before[c]) * part).max(1e-6)
    }

    /// How much better this alert fits this age than alerts in general do.
    pub(super) fn own_delay(&self, alert: &Alert, age_s: f64, prior: f64) -> f64 {
        let Some(seen) = self.by_fingerprint.get(&alert.fingerprint) else { return 0.0 };
        let c = class(age_s);
        let share = self.share[c];
        let own = (f64::from(seen.delays[c]) + prior * share) / (f64::from(seen.incidents) + prior);
        (own / share).ln()
    }

    /// In which share of incidents an alert takes part.
    pub(super) fn takes_part(&self, fingerprint: Fingerprint, prior: f64) -> f64 {
        let seen = self.by_fingerprint.get(&fingerprint).map_or(0.0, |s| f64::from(s.incidents));
        (seen + 0.5) / (self.incidents + prior)
    }

    pub(super) fn size(&self) -> usize {
        self.by_fingerprint.len()
    }

    /// A group is over.
    pub(super) fn learn(&mut self, group: &Members, bursts: &Bursts, settings: &Settings) {
        self.incidents += 1.0;
        self.closed += 1;
        let Some(start) = group.start_ms() else { return };
        for burst in group.bursts().filter_map(|id| bursts.get(id)) {
            let c = class((burst.at_ms - start) as f64 / 1000.0);
            self.pool[c] += f64::from(u8::from(burst.onset));
            for alert in &burst.alerts {
                let seen = self.by_fingerprint.entry(alert.fingerprint).or_default();
                if seen.newest != self.closed {
                    seen.newest = self.closed;
                    seen.delays[c] += 1.0;
                    seen.incidents += 1.0;
                }
            }
        }
        self.refresh();
        self.forget(settings.max_learned);
    }

    /// Keeps the fingerprints that were seen last.
    fn forget(&mut self, most: usize) {
        if self.by_fingerprint.len() <= most {
            return;
        }
        let mut newest: Vec<u64> = self.by_fingerprint.values().map(|s| s.newest).collect();
        newest.sort_unstable();
        let oldest_kept = newest[newest.len() - most / 2];
        let mut room = most;
        self.by_fingerprint.retain(|_, seen| {
            let keep = seen.newest >= oldest_kept && room > 0;
            room -= usize::from(keep);
            keep
        });
    }
}
