//! What the detect stage tells the loop about one batch: the loop never sees raw signals.

use model::{Change, Feedback, Finding, ServiceGraph, Signal, Timestamp};

/// A fact that verification and health look at.
#[derive(Clone, Debug, PartialEq)]
pub enum Vital {
    /// A probe ended.
    Probe {
        /// The service.
        service: String,
        /// The instance; empty when the probe knows none.
        instance: String,
        /// Whether it passed.
        ok: bool,
        /// When.
        at: Timestamp,
    },
    /// A process ended.
    Exit {
        /// The service.
        service: String,
        /// The instance.
        instance: String,
        /// Whether an action asked for it.
        expected: bool,
        /// When.
        at: Timestamp,
    },
    /// A service-level number: `request_error_ratio`, `request_duration_p95_ms`, …
    Metric {
        /// The service.
        service: String,
        /// The metric.
        name: String,
        /// The value.
        value: f64,
        /// When.
        at: Timestamp,
    },
}

/// Everything the loop needs from one batch.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    /// When the batch was received.
    pub at: Timestamp,
    /// Findings opened, upheld or cleared.
    pub findings: Vec<Finding>,
    /// Changes seen.
    pub changes: Vec<Change>,
    /// Facts for verification and health.
    pub vitals: Vec<Vital>,
    /// The service graph, when it was looked at again.
    pub graph: Option<ServiceGraph>,
    /// What people said of findings.
    pub feedback: Vec<Feedback>,
    /// Events received, as CloudEvents in JSON.
    pub events: Vec<serde_json::Value>,
    /// Position of the batch in the bus.
    pub offset: u64,
}

impl Observations {
    /// Whether there is anything to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
            && self.changes.is_empty()
            && self.vitals.is_empty()
            && self.graph.is_none()
            && self.events.is_empty()
            && self.feedback.is_empty()
    }

    /// Takes the facts out of raw signals.
    pub fn take_facts(&mut self, signals: &[Signal]) {
        for signal in signals {
            if let Signal::Event(event) = signal {
                self.events.push(event.to_json());
            }
            match signal {
                Signal::Probe(p) => self.vitals.push(Vital::Probe {
                    service: p.service.clone(),
                    instance: p.instance.clone().unwrap_or_default(),
                    ok: p.ok,
                    at: p.at,
                }),
                Signal::Change(c) => self.changes.push(c.clone()),
                Signal::Feedback(f) => self.feedback.push(f.clone()),
                Signal::Event(e) if e.kind == "dev.homeostat.process.exited" => {
                    let text =
                        |key: &str| e.data.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
                    self.vitals.push(Vital::Exit {
                        service: e.service.clone(),
                        instance: text("instance"),
                        expected: e
                            .data
                            .get("expected")
                            .and_then(serde_json::Value::as_bool)
                            .unwrap_or(false),
                        at: e.at,
                    });
                }
                _ => {}
            }
        }
    }

    /// Takes the newest value of each series.
    pub fn take_metrics(&mut self, derived: &[model::MetricSeries]) {
        for series in derived {
            if let Some(point) = series.points.last() {
                self.vitals.push(Vital::Metric {
                    service: series.service.clone(),
                    name: series.name.clone(),
                    value: point.value,
                    at: point.at,
                });
            }
        }
    }
}
