//! The evidence pack: what a model is told of an incident. One line of JSON within a number of tokens; all text from
//! outside is quoted; every item that can be cited has a short label.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    CauseId, Change, Citation, CitationKind, Decision, Evidence, EvidenceBody, Finding, Incident, Run,
    ServiceGraph, Subject,
};
use serde_json::{Map, Value, json};

use super::budget::tokens;
use super::quote::{plain, quoted};

/// Characters of a name: service, metric, instance, runbook.
const NAME_CHARS_MAX: usize = 80;
/// Characters of a line for people.
const LINE_CHARS_MAX: usize = 240;
/// Characters of a log line.
const SAMPLE_CHARS_MAX: usize = 240;
/// Log lines of one piece of evidence or finding.
const SAMPLES_MAX: usize = 3;
/// Items of a section at most, whatever there is room for.
const ITEMS_MAX: usize = 40;
/// Services that are named, and reasons why findings are in one incident.
const SERVICES_MAX: usize = 12;
const REASONS_MAX: usize = 4;
/// What a section costs besides its items.
const SECTION_TOKENS: u32 = 12;

/// Everything that is known of an incident, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The incident.
    pub incident: &'a Incident,
    /// Its findings, in any order.
    pub findings: &'a [Finding],
    /// Its decisions, oldest first.
    pub decisions: &'a [Decision],
    /// Its runs, oldest first.
    pub runs: &'a [Run],
    /// Changes before and during it.
    pub changes: &'a [Change],
    /// Who calls whom.
    pub graph: &'a ServiceGraph,
    /// Incidents that are over, those that look most alike first.
    pub past: &'a [Incident],
}

/// The evidence as it is sent, and what can be cited of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Pack {
    text: String,
    citations: Vec<Citation>,
    causes: Vec<(String, CauseId)>,
    tokens: u32,
    left_out: u32,
}

impl Pack {
    /// Puts together what fits into so many tokens, the most telling first.
    #[must_use]
    pub fn of(case: &Case<'_>, tokens_max: u32) -> Self {
        let mut building = Building::new(tokens_max, case.incident);
        let labels = building.evidence(case.incident);
        building.causes(case.incident, &labels);
        let services = case.incident.services.iter().take(SERVICES_MAX);
        building.section("services", services.map(|s| name(s).into()).collect());
        let grouping = case.incident.grouping.iter().take(REASONS_MAX);
        building.section("why_grouped", grouping.map(|g| line(g).into()).collect());
        building.decisions(case.decisions);
        building.runs(case.runs);
        building.changes(case);
        building.findings(case);
        building.graph(case);
        building.past(case.past);
        building.finish()
    }

    /// One line of JSON.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What can be cited.
    #[must_use]
    pub fn citations(&self) -> &[Citation] {
        &self.citations
    }

    /// Whether there is something to cite under this label.
    #[must_use]
    pub fn cites(&self, label: &str) -> bool {
        self.citations.iter().any(|c| c.label == label)
    }

    /// Labels of the ranked causes.
    pub fn causes(&self) -> impl Iterator<Item = &str> {
        self.causes.iter().map(|(label, _)| label.as_str())
    }

    /// The ranked cause under this label.
    #[must_use]
    pub fn cause(&self, label: &str) -> Option<&CauseId> {
        self.causes.iter().find(|(known, _)| known == label).map(|(_, id)| id)
    }

    /// Estimated tokens of the text.
    #[must_use]
    pub fn tokens(&self) -> u32 {
        self.tokens
    }

    /// Items that did not fit.
    #[must_use]
    pub fn left_out(&self) -> u32 {
        self.left_out
    }
}

struct Building {
    whole: Map<String, Value>,
    citations: Vec<Citation>,
    causes: Vec<(String, CauseId)>,
    /// What is cited as evidence already and need not be told twice: ids of findings and changes.
    told: BTreeSet<String>,
    left: u32,
    left_out: u32,
}

fn name(text: &str) -> String {
    quoted(text, NAME_CHARS_MAX)
}

fn line(text: &str) -> String {
    quoted(text, LINE_CHARS_MAX)
}

fn samples(lines: &[String]) -> Vec<String> {
    lines.iter().take(SAMPLES_MAX).map(|s| quoted(s, SAMPLE_CHARS_MAX)).collect()
}

/// Numbers of telemetry can be anything; JSON has no word for some of them.
fn number(value: Option<f64>) -> Value {
    value.filter(|v| v.is_finite()).map_or(Value::Null, |v| {
        let digits = if v == 0.0 { 0 } else { (3 - v.abs().log10().floor() as i32).clamp(0, 9) };
        let scale = 10_f64.powi(digits);
        let rounded = (v * scale).round() / scale;
        json!(if rounded.is_finite() { rounded } else { v })
    })
}

impl Building {
    fn new(tokens_max: u32, incident: &Incident) -> Self {
        let head = json!({
            "title": line(&incident.title),
            "status": incident.status,
            "severity": incident.severity,
            "impact": incident.impact,
            "services_count": incident.services.len(),
            "findings_count": incident.findings.len(),
            "findings_firing": incident.firing,
            "diagnosis_is_conclusive": incident.conclusive,
            "began": incident.started_at,
            "opened": incident.opened_at,
            "resolved": incident.resolved_at,
            "resolution": incident.resolution.as_deref().map(line),
        });
        let left = tokens_max.saturating_sub(tokens(&head.to_string()) + SECTION_TOKENS);
        let whole = Map::from_iter([("incident".to_owned(), head)]);
        Self { whole, citations: Vec::new(), causes: Vec::new(), told: BTreeSet::new(), left, left_out: 0 }
    }

    /// Adds a section of items as far as there is room, and tells which of them are in.
    fn section(&mut self, title: &str, items: Vec<Value>) -> Vec<bool> {
        if items.is_empty() {
            return Vec::new();
        }
        let (mut kept, mut taken, mut room) =
            (Vec::new(), Vec::new(), self.left.saturating_sub(SECTION_TOKENS));
        for item in items {
            let cost = tokens(&item.to_string()) + 2;
            let fits = kept.len() < ITEMS_MAX && cost <= room;
            if fits {
                room -= cost;
                kept.push(item);
            } else {
                self.left_out += 1;
            }
            taken.push(fits);
        }
        if !kept.is_empty() {
            self.left = room;
            self.whole.insert(title.to_owned(), kept.into());
        }
        taken
    }

    /// Adds a section whose items can be cited.
    fn cited(&mut self, title: &str, items: Vec<(Citation, Value)>) {
        let (citations, values): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        let taken = self.section(title, values);
        self.citations.extend(citations.into_iter().zip(taken).filter_map(|(c, taken)| taken.then_some(c)));
    }

    /// Evidence, and the label of each piece by its id.
    fn evidence(&mut self, incident: &Incident) -> BTreeMap<String, String> {
        let of_top: BTreeSet<&str> =
            incident.top_cause().into_iter().flat_map(|c| &c.evidence).map(|e| e.as_str()).collect();
        let mut pieces: Vec<&Evidence> = incident.evidence.iter().collect();
        pieces.sort_by_key(|e| !of_top.contains(e.id.as_str()));
        let items = pieces.iter().zip(1..).map(|(piece, n)| {
            let citation = cite(format!("E{n}"), CitationKind::Evidence, piece.id.as_str(), &piece.title);
            let value = evidence(&citation.label, piece);
            (citation, value)
        });
        self.cited("evidence", items.collect());
        for piece in &pieces {
            self.told.extend(piece.finding.iter().map(ToString::to_string));
            if let EvidenceBody::Change { change, .. } = &piece.body {
                self.told.insert(change.to_string());
            }
        }
        self.citations.iter().map(|c| (c.id.clone(), c.label.clone())).collect()
    }

    fn causes(&mut self, incident: &Incident, labels: &BTreeMap<String, String>) {
        let items = incident.causes.iter().zip(1..).map(|(cause, n)| {
            let evidence: Vec<_> = cause.evidence.iter().filter_map(|e| labels.get(e.as_str())).collect();
            json!({
                "id": format!("C{n}"),
                "service": name(&cause.service),
                "instance": cause.instance.as_deref().map(name),
                "class": cause.class,
                "probability": number(Some(cause.probability)),
                "says": line(&cause.title),
                "evidence": evidence,
            })
        });
        let taken = self.section("causes", items.collect());
        let labelled = incident.causes.iter().zip(1..).zip(taken).filter(|(_, taken)| *taken);
        self.causes = labelled.map(|((cause, n), _)| (format!("C{n}"), cause.id.clone())).collect();
    }

    fn decisions(&mut self, decisions: &[Decision]) {
        let items = decisions.iter().rev().take(3).map(|decision| {
            json!({
                "at": decision.at,
                "verdict": decision.verdict,
                "disposition": decision.disposition,
                "says": line(&decision.summary),
            })
        });
        self.section("decisions_newest_first", items.collect());
    }

    fn runs(&mut self, runs: &[Run]) {
        let items = runs.iter().rev().zip(1..).take(6).map(|(run, n)| {
            let title = format!("run of {}", run.workflow);
            let citation = cite(format!("R{n}"), CitationKind::Run, run.id.as_str(), &title);
            let newest = &run.acts[run.acts.len().saturating_sub(8)..];
            let acts: Vec<_> = newest.iter().map(act).collect();
            let value = json!({
                "id": citation.label,
                "runbook": name(&run.workflow),
                "service": run.service.as_deref().map(name),
                "status": run.status,
                "undone": run.undone,
                "actions": acts,
                "error": run.error.as_deref().map(line),
                "started": run.started_at,
                "ended": run.ended_at,
            });
            (citation, value)
        });
        let items = items.collect();
        self.cited("actions_taken", items);
    }

    fn changes(&mut self, case: &Case<'_>) {
        let mut changes: Vec<&Change> =
            case.changes.iter().filter(|c| !self.told.contains(c.id.as_str())).collect();
        let near = |c: &Change| case.incident.started_at.since_ms(c.at).abs();
        changes.sort_by_key(|c| (!case.incident.services.contains(&c.service), near(c)));
        let items = changes.iter().zip(1..).map(|(change, n)| {
            let citation = cite(format!("K{n}"), CitationKind::Change, change.id.as_str(), &change.summary);
            let value = json!({
                "id": citation.label,
                "service": name(&change.service),
                "kind": change.kind,
                "at": change.at,
                "says": line(&change.summary),
                "from": change.from.as_deref().map(name),
                "to": change.to.as_deref().map(name),
            });
            (citation, value)
        });
        let items = items.collect();
        self.cited("other_changes", items);
    }

    fn findings(&mut self, case: &Case<'_>) {
        let mut findings: Vec<&Finding> =
            case.findings.iter().filter(|f| !self.told.contains(f.id.as_str())).collect();
        findings.sort_by(|a, b| {
            b.severity.cmp(&a.severity).then(a.started_at.cmp(&b.started_at)).then(a.id.cmp(&b.id))
        });
        let items = findings.iter().zip(1..).map(|(finding, n)| {
            let citation =
                cite(format!("F{n}"), CitationKind::Finding, finding.id.as_str(), &finding.summary);
            let value = finding_of(&citation.label, finding);
            (citation, value)
        });
        let items = items.collect();
        self.cited("other_findings", items);
    }

    fn graph(&mut self, case: &Case<'_>) {
        let services: BTreeSet<&str> = case.incident.services.iter().map(String::as_str).collect();
        let touches = |service: &str| services.contains(service);
        let mut edges: Vec<_> = case.graph.edges().filter(|e| touches(&e.from) || touches(&e.to)).collect();
        edges.sort_by(|a, b| {
            let inside = |e: &model::Edge| touches(&e.from) && touches(&e.to);
            inside(b).cmp(&inside(a)).then(b.calls_per_s.total_cmp(&a.calls_per_s))
        });
        let items = edges.iter().map(|edge| {
            json!({
                "from": name(&edge.from),
                "to": name(&edge.to),
                "calls_per_s": number(Some(edge.calls_per_s)),
                "error_ratio": number(Some(edge.error_ratio)),
                "p95_ms": number(Some(edge.p95_ms)),
            })
        });
        self.section("calls_around", items.collect());
    }

    fn past(&mut self, past: &[Incident]) {
        let items = past.iter().zip(1..).take(6).map(|(incident, n)| {
            let citation =
                cite(format!("P{n}"), CitationKind::Incident, incident.id.as_str(), &incident.title);
            let cause = incident.top_cause();
            let value = json!({
                "id": citation.label,
                "opened": incident.opened_at,
                "says": line(&incident.title),
                "class": cause.map(|c| c.class),
                "service": cause.map(|c| name(&c.service)),
                "resolution": incident.resolution.as_deref().map(line),
            });
            (citation, value)
        });
        let items = items.collect();
        self.cited("past_incidents", items);
    }

    fn finish(mut self) -> Pack {
        if self.left_out > 0 {
            self.whole.insert("items_left_out_for_room".to_owned(), self.left_out.into());
        }
        let text = Value::Object(self.whole).to_string();
        let tokens = tokens(&text);
        Pack { text, citations: self.citations, causes: self.causes, tokens, left_out: self.left_out }
    }
}

fn act(act: &model::Act) -> Value {
    json!({"at": act.at, "action": name(&act.action), "service": name(&act.service)})
}

/// The title goes to a screen, not to the model.
fn cite(label: String, kind: CitationKind, id: &str, title: &str) -> Citation {
    Citation { label, kind, id: id.to_owned(), title: plain(title, LINE_CHARS_MAX) }
}

fn evidence(label: &str, piece: &Evidence) -> Value {
    let mut value = json!({"id": label, "service": name(&piece.service), "says": line(&piece.title)});
    let more = match &piece.body {
        EvidenceBody::Metric { name: metric, observed, expected, range, .. } => json!({
            "metric": name(metric),
            "observed": number(*observed),
            "expected": expected.map(|band| [number(Some(band.low)), number(Some(band.high))]),
            "from": range.from,
            "to": range.to,
        }),
        EvidenceBody::Logs { samples: lines, range, .. } => {
            json!({"log_lines": samples(lines), "from": range.from, "to": range.to})
        }
        EvidenceBody::Change { at, summary, .. } => json!({"changed_at": at, "change": line(summary)}),
        EvidenceBody::Structure { path } => {
            json!({"path_of_calls": path.iter().take(12).map(|s| name(s)).collect::<Vec<_>>()})
        }
        EvidenceBody::Timing { order } => {
            let order = order.iter().take(12);
            json!({"departed_after_ms": order.map(|(s, ms)| json!([name(s), ms])).collect::<Vec<_>>()})
        }
        EvidenceBody::Probe { target, reason } => json!({"target": name(target), "failed": line(reason)}),
        EvidenceBody::Process { instance, detail } => {
            json!({"instance": name(instance), "ended": line(detail)})
        }
        EvidenceBody::Alert { source, name: alert, .. } => {
            json!({"alert": name(alert), "from": name(source)})
        }
        EvidenceBody::Objective { name: objective, detail } => {
            json!({"objective": name(objective), "says": line(detail)})
        }
        EvidenceBody::PastIncident { fixed_by, .. } => json!({"ended_by": line(fixed_by)}),
    };
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

fn finding_of(label: &str, finding: &Finding) -> Value {
    let subject = match &finding.subject {
        Subject::Metric { name: metric, .. } => name(metric),
        Subject::LogTemplate { template, .. } => line(template),
        Subject::Probe { target } => name(target),
        Subject::Process { instance } => name(instance),
        Subject::Objective { name: objective } => name(objective),
        Subject::Alert { name: alert, .. } => name(alert),
    };
    json!({
        "id": label,
        "service": name(&finding.service),
        "instance": finding.instance.as_deref().map(name),
        "kind": finding.kind,
        "severity": finding.severity,
        "state": finding.state,
        "about": subject,
        "says": line(&finding.summary),
        "observed": number(finding.observed),
        "expected": finding.expected.map(|band| [number(Some(band.low)), number(Some(band.high))]),
        "began": finding.started_at,
        "log_lines": samples(&finding.samples),
    })
}
