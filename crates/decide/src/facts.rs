//! Everything the conditions of a policy may see, and nothing else.
//!
//! A new fact is a field, a row in [`Facts::SPECS`] and a line in [`Facts::values`].

use model::{BlastRadius, FailureClass, Impact, Severity, Tier};
use serde::{Deserialize, Serialize};

/// What a decision depends on, as known when it is made. Stored with the decision, so that another policy
/// can be tested on it later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// Calibrated confidence, 0 to 1.
    pub confidence: f64,
    /// Confidence before calibration, 0 to 1.
    pub raw_confidence: f64,
    /// Outcomes known of this runbook for this class.
    pub history_count: u32,
    /// Whether one cause stands out.
    pub conclusive: bool,
    /// How bad for the services.
    pub severity: Severity,
    /// How bad for the business.
    pub impact: Impact,
    /// Tier of the service at fault.
    pub tier: Tier,
    /// The service at fault.
    pub service: String,
    /// What kind of failure it is.
    pub class: FailureClass,
    /// Services with findings in the incident.
    pub affected_services: u32,
    /// The runbook proposed; empty when there is none.
    pub runbook: String,
    /// Actions it calls; empty when there is nothing to propose.
    pub actions: Vec<String>,
    /// The widest of its actions.
    pub blast_radius: BlastRadius,
    /// Whether one of its actions puts another release or configuration in place.
    pub deploys: bool,
    /// Seconds since Homeostat last did one of these actions to this service; none when it never did.
    pub seconds_since_last_action: Option<f64>,
    /// Deployments Homeostat made during the last hour.
    pub deploys_last_hour: u32,
    /// Runs of Homeostat that work at this moment.
    pub running_actions: u32,
    /// Failures of this runbook for this class since its last success.
    pub failed_runs_in_a_row: u32,
    /// Incidents of this service and class during the flap window, this one not counted.
    pub flaps: u32,
    /// Whether this runbook has failed for this incident already.
    pub repeated: bool,
    /// Whether it is business hours.
    pub business_hours: bool,
    /// Whether changes are frozen.
    pub frozen: bool,
    /// Whether a maintenance window is open for the service.
    pub maintenance_window: bool,
    /// Whether the global stop switch is engaged.
    pub stop_switch: bool,
}

impl Default for Facts {
    /// A calm moment in which nothing is known: no guard speaks up but those about missing knowledge.
    fn default() -> Self {
        Self {
            confidence: 0.0,
            raw_confidence: 0.0,
            history_count: 0,
            conclusive: false,
            severity: Severity::Low,
            impact: Impact::Low,
            tier: Tier::Standard,
            service: String::new(),
            class: FailureClass::Unknown,
            affected_services: 1,
            runbook: String::new(),
            actions: Vec::new(),
            blast_radius: BlastRadius::Instance,
            deploys: false,
            seconds_since_last_action: None,
            deploys_last_hour: 0,
            running_actions: 0,
            failed_runs_in_a_row: 0,
            flaps: 0,
            repeated: false,
            business_hours: false,
            frozen: false,
            maintenance_window: false,
            stop_switch: false,
        }
    }
}

/// What a condition sees for "never": longer than any cooldown (about 30 years, in seconds).
pub(crate) const NEVER_S: f64 = 1e9;

/// A value as conditions see it. Every number is a double.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FactValue {
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<String>),
}

/// The type of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FactType {
    Bool,
    Number,
    /// Text; when words are given, one of them.
    Text(&'static [&'static str]),
    List,
}

/// A fact, as documentation shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactSpec {
    /// Its name in conditions.
    pub name: &'static str,
    pub(crate) kind: FactType,
}

impl FactSpec {
    /// Its type, for people: `number`, `true or false`, `one of low, medium, high`, …
    #[must_use]
    pub fn describe(&self) -> String {
        match self.kind {
            FactType::Bool => "true or false".to_owned(),
            FactType::Number => "number".to_owned(),
            FactType::Text([]) => "text".to_owned(),
            FactType::Text(words) => format!("one of {}", words.join(", ")),
            FactType::List => "list of texts".to_owned(),
        }
    }
}

pub(crate) const SEVERITIES: &[&str] = &["low", "medium", "high", "critical"];
pub(crate) const IMPACTS: &[&str] = &["low", "medium", "high"];
pub(crate) const TIERS: &[&str] = &["internal", "standard", "critical"];
const RADII: &[&str] = &["instance", "service", "system"];
const CLASSES: &[&str] = &[
    "crash",
    "crash_loop",
    "hang",
    "memory_leak",
    "cpu_spin",
    "slow_dependency",
    "bad_release",
    "bad_config",
    "disk_full",
    "log_flood",
    "unknown",
];

pub(crate) const fn spec(name: &'static str, kind: FactType) -> FactSpec {
    FactSpec { name, kind }
}

impl Facts {
    /// Every fact, in the order of the fields.
    pub const SPECS: &[FactSpec] = &[
        spec("confidence", FactType::Number),
        spec("raw_confidence", FactType::Number),
        spec("history_count", FactType::Number),
        spec("conclusive", FactType::Bool),
        spec("severity", FactType::Text(SEVERITIES)),
        spec("impact", FactType::Text(IMPACTS)),
        spec("tier", FactType::Text(TIERS)),
        spec("service", FactType::Text(&[])),
        spec("class", FactType::Text(CLASSES)),
        spec("affected_services", FactType::Number),
        spec("runbook", FactType::Text(&[])),
        spec("actions", FactType::List),
        spec("blast_radius", FactType::Text(RADII)),
        spec("deploys", FactType::Bool),
        spec("seconds_since_last_action", FactType::Number),
        spec("deploys_last_hour", FactType::Number),
        spec("running_actions", FactType::Number),
        spec("failed_runs_in_a_row", FactType::Number),
        spec("flaps", FactType::Number),
        spec("repeated", FactType::Bool),
        spec("business_hours", FactType::Bool),
        spec("frozen", FactType::Bool),
        spec("maintenance_window", FactType::Bool),
        spec("stop_switch", FactType::Bool),
    ];

    /// The values, in the order of [`Self::SPECS`].
    pub(crate) fn values(&self) -> Vec<FactValue> {
        use FactValue::{Bool, List, Number, Text};
        let word = |words: &[&str], index: usize| Text(words[index].to_owned());
        vec![
            Number(self.confidence),
            Number(self.raw_confidence),
            Number(f64::from(self.history_count)),
            Bool(self.conclusive),
            word(SEVERITIES, self.severity as usize),
            word(IMPACTS, self.impact as usize),
            word(TIERS, self.tier as usize),
            Text(self.service.clone()),
            Text(self.class.as_str().to_owned()),
            Number(f64::from(self.affected_services)),
            Text(self.runbook.clone()),
            List(self.actions.clone()),
            word(RADII, self.blast_radius as usize),
            Bool(self.deploys),
            Number(self.seconds_since_last_action.unwrap_or(NEVER_S)),
            Number(f64::from(self.deploys_last_hour)),
            Number(f64::from(self.running_actions)),
            Number(f64::from(self.failed_runs_in_a_row)),
            Number(f64::from(self.flaps)),
            Bool(self.repeated),
            Bool(self.business_hours),
            Bool(self.frozen),
            Bool(self.maintenance_window),
            Bool(self.stop_switch),
        ]
    }

    /// The values with their names.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, FactValue)> {
        Self::SPECS.iter().map(|s| s.name).zip(self.values())
    }

    /// A clear case: what a condition is tried on when it is read.
    pub(crate) fn sample() -> Self {
        Self {
            confidence: 0.95,
            raw_confidence: 0.93,
            conclusive: true,
            service: "checkout".to_owned(),
            class: FailureClass::Crash,
            runbook: "restart-service".to_owned(),
            actions: vec!["process.restart".to_owned()],
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_seen_by_conditions_under_its_own_name_and_word() {
        let facts = Facts {
            severity: Severity::Critical,
            impact: Impact::Medium,
            tier: Tier::Internal,
            class: FailureClass::LogFlood,
            blast_radius: BlastRadius::System,
            ..Facts::sample()
        };
        let json = serde_json::to_value(&facts).unwrap();
        let fields: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let names: Vec<&str> = Facts::SPECS.iter().map(|s| s.name).collect();
        assert_eq!(fields, names);
        for (spec, value) in Facts::SPECS.iter().zip(facts.values()) {
            match (&json[spec.name], value) {
                (serde_json::Value::String(a), FactValue::Text(b)) => assert_eq!(*a, b),
                (serde_json::Value::Bool(a), FactValue::Bool(b)) => assert_eq!(*a, b),
                (serde_json::Value::Number(a), FactValue::Number(b)) => assert_eq!(a.as_f64(), Some(b)),
                (serde_json::Value::Null, FactValue::Number(b)) => assert_eq!(b, NEVER_S),
                (serde_json::Value::Array(a), FactValue::List(b)) => assert_eq!(a.len(), b.len()),
                (json, value) => panic!("{}: {json} is seen as {value:?}", spec.name),
            }
        }
        let words: Vec<&str> = FailureClass::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(words, CLASSES);
    }
}
