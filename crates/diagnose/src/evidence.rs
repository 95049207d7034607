//! Evidence: what speaks for a cause, with enough to open it as a chart, a log search, a change or a path.

use std::collections::BTreeMap;

use model::{
    Change, Evidence, EvidenceBody, EvidenceId, Finding, FindingState, IncidentId, Subject, TimeRange,
    Timestamp,
};

use crate::departure::Departure;
use crate::input::{Input, PastIncident};
use crate::place::{self, Place, kind_of};
use crate::words;

/// Collects evidence without saying anything twice.
pub(crate) struct Evidences<'a> {
    at: Timestamp,
    before_ms: i64,
    incident: &'a IncidentId,
    started_at: Timestamp,
    items: BTreeMap<EvidenceId, Evidence>,
}

/// Findings cited for one cause at most; the rest stay with the incident.
const MAX_FINDINGS: usize = 6;

impl<'a> Evidences<'a> {
    pub(crate) fn new(input: &Input<'a>, started_at: Timestamp) -> Self {
        Self {
            at: input.at,
            before_ms: input.world.settings.evidence_before_ms,
            incident: input.incident,
            started_at,
            items: BTreeMap::new(),
        }
    }

    /// Everything collected, oldest first.
    pub(crate) fn into_items(self) -> Vec<Evidence> {
        self.items.into_values().collect()
    }

    /// The most telling findings of a service.
    pub(crate) fn findings(&mut self, place: &Place<'_>) -> Vec<EvidenceId> {
        let mut findings = place.findings.clone();
        // One of each kind first, then by how abnormal they are.
        findings.sort_by(|a, b| {
            let chosen = |f: &Finding| place.kinds.get(&kind_of(f)).is_some_and(|best| best.id == f.id);
            chosen(b)
                .cmp(&chosen(a))
                .then_with(|| place::deviation(b).total_cmp(&place::deviation(a)))
                .then_with(|| a.id.cmp(&b.id))
        });
        findings.into_iter().take(MAX_FINDINGS).map(|f| self.finding(f)).collect()
    }

    fn finding(&mut self, finding: &Finding) -> EvidenceId {
        let range = self.range(finding);
        let body = match &finding.subject {
            Subject::Metric { name, labels } => EvidenceBody::Metric {
                name: name.clone(),
                labels: labels.clone(),
                range,
                observed: finding.observed,
                expected: finding.expected,
            },
            Subject::LogTemplate { template, .. } => EvidenceBody::Logs {
                query: words::query(template),
                range,
                samples: finding.samples.iter().take(5).map(|s| words::clip(s, 500)).collect(),
            },
            Subject::Probe { target } => EvidenceBody::Probe {
                target: target.clone(),
                reason: finding
                    .samples
                    .first()
                    .map_or_else(|| finding.summary.clone(), |s| words::clip(s, 200)),
            },
            Subject::Objective { name } => {
                EvidenceBody::Objective { name: name.clone(), detail: words::clip(&finding.summary, 200) }
            }
            Subject::Alert { source, name, url, .. } => {
                EvidenceBody::Alert { source: source.clone(), name: name.clone(), url: url.clone() }
            }
            Subject::Process { instance } => EvidenceBody::Process {
                instance: instance.clone(),
                detail: words::clip(&finding.summary, 200),
            },
        };
        let title = words::clip(&finding.summary, 200);
        self.put(&finding.service, title, body, Some(finding), &["finding", finding.id.as_str()])
    }

    /// From some time before the start up to now, or up to shortly after it was over.
    fn range(&self, finding: &Finding) -> TimeRange {
        let end = match finding.state {
            FindingState::Firing => self.at.max(finding.last_seen_at),
            FindingState::Cleared => self.at.min(finding.last_seen_at.plus_ms(self.before_ms / 2)),
        };
        let from = finding.started_at.plus_ms(-self.before_ms);
        TimeRange { from, to: end.max(from).plus_ms(1) }
    }

    /// A series that departed, with the band it was usually in.
    pub(crate) fn departure(&mut self, departure: &Departure<'_>) -> EvidenceId {
        let window = &departure.window;
        let from = departure.onset.unwrap_or(self.started_at).plus_ms(-self.before_ms);
        let to = window.after.last().map_or(self.at, |p| p.at).max(from).plus_ms(1);
        let (observed, expected) = (departure.shown(), departure.band());
        let title = format!(
            "{} {}, usually {} to {}",
            words::clip(window.metric, 100),
            words::number(observed),
            words::number(expected.low.max(0.0_f64.min(departure.level))),
            words::number(expected.high)
        );
        let body = EvidenceBody::Metric {
            name: window.metric.to_owned(),
            labels: model::Labels::new(),
            range: TimeRange { from, to },
            observed: Some(observed),
            expected: Some(expected),
        };
        self.put(window.service, title, body, None, &["departure", window.metric])
    }

    pub(crate) fn change(&mut self, change: &Change, start: Timestamp) -> EvidenceId {
        let lead_s = start.since_ms(change.at) as f64 / 1000.0;
        let when = if lead_s >= 0.0 { format!("{lead_s:.0} s before") } else { "just as".to_owned() };
        let title = format!("{} ({when} the trouble began)", words::clip(&change.summary, 150));
        let body = EvidenceBody::Change {
            change: change.id.clone(),
            at: change.at,
            summary: change.summary.clone(),
        };
        self.put(&change.service, title, body, None, &["change", change.id.as_str()])
    }

    pub(crate) fn structure(&mut self, service: &str, path: Vec<String>) -> EvidenceId {
        let title = format!("trouble travelled up the calls {}", path.join(" → "));
        let joined = path.join("\n");
        let body = EvidenceBody::Structure { path };
        self.put(service, title, body, None, &["structure", &joined])
    }

    pub(crate) fn timing(&mut self, places: &[Place<'_>]) -> Option<EvidenceId> {
        let mut order: Vec<(String, i64)> =
            places.iter().map(|p| (p.name.to_owned(), p.start.since_ms(self.started_at))).collect();
        if order.len() < 2 {
            return None;
        }
        order.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        order.truncate(20);
        let first = order[0].0.clone();
        let title = words::first(&order);
        let key = order.iter().map(|(n, ms)| format!("{n}={ms}")).collect::<Vec<_>>().join(",");
        Some(self.put(&first, title, EvidenceBody::Timing { order }, None, &["timing", &key]))
    }

    pub(crate) fn past(&mut self, past: &PastIncident) -> EvidenceId {
        let title =
            format!("an incident that looked alike: {} {}", past.service, words::happened(past.class));
        let body =
            EvidenceBody::PastIncident { incident: past.incident.clone(), fixed_by: past.fixed_by.clone() };
        self.put(&past.service, title, body, None, &["past", past.incident.as_str()])
    }

    fn put(
        &mut self,
        service: &str,
        title: String,
        body: EvidenceBody,
        finding: Option<&Finding>,
        key: &[&str],
    ) -> EvidenceId {
        let parts: Vec<&str> =
            [self.incident.as_str(), service].into_iter().chain(key.iter().copied()).collect();
        let at = finding.map_or(self.started_at, |f| f.started_at);
        let id = EvidenceId::derive(at, &parts);
        let finding = finding.map(|f| f.id.clone());
        let new = Evidence { id: id.clone(), service: service.to_owned(), title, body, finding };
        self.items.entry(id.clone()).or_insert(new);
        id
    }
}
