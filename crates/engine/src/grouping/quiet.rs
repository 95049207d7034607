//! What keeps a finding from opening an incident: a silence of a person, a rule that mutes, something else that fires.

use decide::triage::Matcher;
use model::{Actor, Finding, FindingId, FindingState, SilenceId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::command::{Asker, Refusal, Reply};
use crate::records::put;
use crate::situation::{Effects, Situation};

/// Silences that are not over.
pub const MAX_SILENCES: usize = 1_000;
/// Longest silence.
const MAX_MS: i64 = 366 * 86_400_000;
/// Characters of a reason.
const MAX_REASON: usize = 2_000;
/// How often findings that were silenced are looked at again.
const AGAIN_EVERY_MS: i64 = 1_000;

/// For some time, findings that a condition means open no incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Silence {
    /// Its id.
    pub id: SilenceId,
    /// The condition, CEL over the facts of findings: `service == 'db' && kind == 'disk_filling'`.
    pub when: String,
    /// First instant.
    pub starts_at: Timestamp,
    /// First instant after.
    pub ends_at: Timestamp,
    /// Why, for people.
    pub reason: String,
    /// Who.
    pub by: Actor,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Silence {
    /// Whether it is in force.
    #[must_use]
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.starts_at <= at && at < self.ends_at
    }
}

/// Why a silence cannot be ended.
#[must_use]
pub fn refuse_end(silence: &Silence, now: Timestamp) -> Option<String> {
    (silence.ends_at <= now).then(|| "it is over".to_owned())
}

/// Silences with their conditions ready.
pub(crate) struct Quiet {
    silences: Vec<(Silence, Matcher)>,
    looked_at: Timestamp,
}

impl Quiet {
    pub(super) fn new(silences: Vec<Silence>) -> Self {
        let ready = silences.into_iter().filter_map(|s| match Matcher::compile(&s.when) {
            Ok(matcher) => Some((s, matcher)),
            Err(error) => {
                tracing::warn!(
                    silence.id = %s.id,
                    error,
                    "A stored silence cannot be read and is left out."
                );
                None
            }
        });
        Self { silences: ready.collect(), looked_at: Timestamp::ZERO }
    }
}

impl Situation {
    /// Why a finding may not open an incident now.
    pub(super) fn quieted(&self, finding: &Finding) -> Option<String> {
        let (subject, now) = (self.subject(finding), self.now);
        let silence =
            self.places.quiet.silences.iter().find(|(s, m)| s.holds_at(now) && m.holds(subject, now));
        if let Some((silence, _)) = silence {
            return Some(format!("silenced until {}: {}", silence.ends_at, silence.reason));
        }
        if let Some(rule) = self.rules.triage.muted(subject, now) {
            return Some(format!("muted by rule {}: {}", rule.name, rule.why));
        }
        let firing = self.findings.values().filter(|f| f.state == FindingState::Firing);
        let (rule, source) = self.rules.triage.inhibited(subject, firing.map(|f| self.subject(f)), now)?;
        Some(format!(
            "inhibited by rule {} while this fires: {}: {}",
            rule.name, source.service, source.summary
        ))
    }

    pub(super) fn set_quieted(&mut self, id: &FindingId, reason: Option<String>, effects: &mut Effects) {
        if let Some(finding) = self.findings.get_mut(id)
            && finding.quieted != reason
        {
            finding.quieted = reason;
            effects.ops.push(put(finding));
        }
    }

    /// What was silenced, still fires and is silenced no more gets its place now.
    pub(crate) fn look_at_quieted(&mut self, effects: &mut Effects) {
        if self.now.since_ms(self.places.quiet.looked_at) < AGAIN_EVERY_MS {
            return;
        }
        self.places.quiet.looked_at = self.now;
        let now = self.now;
        self.places.quiet.silences.retain(|(s, _)| s.ends_at > now);
        let waiting: Vec<Finding> = self
            .findings
            .values()
            .filter(|f| f.quieted.is_some() && f.state == FindingState::Firing)
            .filter(|f| !self.belongs.contains_key(&f.id))
            .cloned()
            .collect();
        let mut topology = None;
        for finding in waiting {
            let reason = self.quieted(&finding);
            let freed = reason.is_none();
            self.set_quieted(&finding.id, reason, effects);
            if freed {
                let topology = topology.get_or_insert_with(|| self.topology());
                self.place(&finding.id, topology, effects);
            }
        }
        if topology.is_some() {
            self.recount();
        }
    }

    pub(crate) fn add_silence(
        &mut self,
        mut silence: Silence,
        asker: &Asker,
        effects: &mut Effects,
    ) -> Result<Reply, Refusal> {
        let matcher = Matcher::compile(&silence.when).map_err(Refusal::Invalid)?;
        let reason = silence.reason.trim();
        if reason.is_empty() {
            return Err(Refusal::Invalid("say why, so that others understand it: `reason`".to_owned()));
        }
        silence.reason = reason.chars().take(MAX_REASON).collect();
        if silence.ends_at <= silence.starts_at.max(self.now) {
            return Err(Refusal::Invalid(
                "`ends_at` must lie after `starts_at` and in the future".to_owned(),
            ));
        }
        if silence.ends_at.since_ms(self.now) > MAX_MS {
            return Err(Refusal::Invalid(
                "a silence may last a year at most; write a `mute` rule into a triage file".to_owned(),
            ));
        }
        let silences = &mut self.places.quiet.silences;
        if silences.len() >= MAX_SILENCES {
            return Err(Refusal::Conflict(format!(
                "there are {MAX_SILENCES} silences already; end some first"
            )));
        }
        effects.ops.push(put(&silence));
        let details = json!({"when": silence.when, "starts_at": silence.starts_at, "ends_at": silence.ends_at,
            "reason": silence.reason});
        let id = silence.id.clone();
        silences.push((silence, matcher));
        self.audit_asked(asker, "silence.created", id.as_str(), details, effects);
        Ok(Reply::Done)
    }

    pub(crate) fn end_silence(
        &mut self,
        id: &SilenceId,
        asker: &Asker,
        effects: &mut Effects,
    ) -> Result<Reply, Refusal> {
        let now = self.now;
        let known = self.places.quiet.silences.iter_mut().find(|(s, _)| s.id == *id);
        let Some((silence, _)) = known else {
            return Err(Refusal::NotFound(format!("there is no silence {id} in force or to come")));
        };
        silence.ends_at = now.max(silence.starts_at.plus_ms(1)).min(silence.ends_at);
        if silence.starts_at > now {
            silence.starts_at = now.plus_ms(-1);
            silence.ends_at = now;
        }
        effects.ops.push(put(silence));
        self.places.quiet.looked_at = Timestamp::ZERO;
        self.audit_asked(asker, "silence.ended", id.as_str(), json!({}), effects);
        Ok(Reply::Done)
    }
}
