//! Log templates that came shortly before past incidents of their service: a warning when one comes again.
//!
//! Incidents are heard of as events on the bus (`dev.homeostat.incident.opened`), so that a replay learns the same. Only what
//! comes in episodes can warn: a template that is there all the time comes before everything.

use model::{FindingKind, Severity, Signal, Subject, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bounded::Bounded;
use crate::detectors::Detector;
use crate::detectors::log_new_pattern::sample;
use crate::features::Seen;
use crate::findings::{Context, Findings, Sighting};
use crate::settings::Settings;

const NAME: &str = "log_precursor";
/// The event that tells of an incident; its service is the one that the incident is about.
const INCIDENT: &str = "dev.homeostat.incident.opened";
/// An episode begins after so long a silence of the template.
const SILENCE_MS: i64 = 600_000;
/// An episode that began so long before an incident came before it; later it is a symptom.
const BEFORE_MS: (i64, i64) = (2_000, 1_800_000);
/// Incidents that must have followed, and as a share of the episodes.
const INCIDENTS: u32 = 2;
const SHARE: f64 = 0.5;
/// A warning stands for as long as an incident may take to follow.
const STANDS_MS: i64 = 1_800_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Episodes {
    service: String,
    began_at: Timestamp,
    last_at: Timestamp,
    /// Episodes that are over or were followed by an incident, and how many of them were.
    known: u32,
    followed: u32,
    /// Whether an incident followed the episode that goes on.
    counted: bool,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LogPrecursor {
    templates: Bounded<Episodes>,
}

impl LogPrecursor {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { templates: Bounded::new(settings.max_templates) }
    }

    fn incident(&mut self, service: &str, at: Timestamp) {
        for (_, episodes) in self.templates.iter_mut().filter(|(_, e)| e.service == service && !e.counted) {
            let before = at.since_ms(episodes.began_at);
            if (BEFORE_MS.0..=BEFORE_MS.1).contains(&before) {
                episodes.counted = true;
                episodes.known += 1;
                episodes.followed += 1;
            }
        }
    }
}

impl Detector for LogPrecursor {
    fn see(&mut self, cx: Context<'_>, seen: &Seen<'_>, findings: &mut Findings) {
        if let Signal::Event(event) = seen.signal
            && event.kind == INCIDENT
        {
            self.incident(&event.service, seen.at);
        }
        let (Signal::Log(log), Some(line)) = (seen.signal, &seen.line) else { return };
        let mut fresh = false;
        let episodes = self.templates.entry(&line.id, || {
            fresh = true;
            Episodes {
                service: log.service.clone(),
                began_at: seen.at,
                last_at: seen.at,
                known: 0,
                followed: 0,
                counted: false,
            }
        });
        let begins = fresh || seen.at.since_ms(episodes.last_at) >= SILENCE_MS;
        episodes.last_at = episodes.last_at.max(seen.at);
        if !begins {
            return;
        }
        if !fresh {
            episodes.known += u32::from(!episodes.counted);
            (episodes.counted, episodes.began_at) = (false, seen.at);
        }
        let share = f64::from(episodes.followed) / f64::from(episodes.known.max(1));
        if episodes.followed < INCIDENTS || share < SHARE || seen.late {
            return;
        }
        let (followed, known) = (episodes.followed, episodes.known);
        findings.raise(
            cx,
            Sighting {
                detector: NAME,
                key: &line.id,
                kind: FindingKind::LogAnomaly,
                service: &log.service,
                instance: log.attributes.get("instance").map(String::as_str),
                subject: Subject::LogTemplate {
                    template_id: line.id.to_string(),
                    template: line.template.to_string(),
                },
                severity: Severity::Low,
                score: share,
                direction: None,
                observed: Some(f64::from(followed)),
                expected: None,
                started_at: seen.at,
                summary: format!("{followed} of {known} times an incident followed `{}`", line.template),
                samples: vec![sample(&log.body)],
                time_to_limit_ms: None,
                stale_after_ms: Some(STANDS_MS),
            },
        );
    }
}
