//! What conditions of triage may see.

use std::sync::LazyLock;

use model::{Finding, Labels, Timestamp};

use super::{About, Subject};
use crate::facts::{FactSpec, FactType, FactValue, IMPACTS, SEVERITIES, TIERS, spec};

const KINDS: &[&str] = &[
    "probe_failure",
    "process_exit",
    "restart_loop",
    "error_rate",
    "latency",
    "cpu_saturation",
    "memory_leak",
    "disk_filling",
    "log_new_pattern",
    "log_burst",
    "log_anomaly",
    "metric_anomaly",
    "budget_burn",
    "alert",
];

/// What conditions on findings may name, besides `labels.` and the name of a label.
pub const FINDING_FACTS: &[FactSpec] = &[
    spec("service", FactType::Text(&[])),
    spec("tier", FactType::Text(TIERS)),
    spec("owner", FactType::Text(&[])),
    spec("instance", FactType::Text(&[])),
    spec("kind", FactType::Text(KINDS)),
    spec("detector", FactType::Text(&[])),
    spec("severity", FactType::Text(SEVERITIES)),
    spec("score", FactType::Number),
    spec("subject", FactType::Text(&[])),
    spec("source", FactType::Text(&[])),
    spec("summary", FactType::Text(&[])),
    // UTC: 0 to 23, and 1 for Monday to 7 for Sunday.
    spec("hour", FactType::Number),
    spec("weekday", FactType::Number),
];

/// What conditions on incidents may name.
pub const INCIDENT_FACTS: &[FactSpec] = &[
    spec("service", FactType::Text(&[])),
    spec("tier", FactType::Text(TIERS)),
    spec("owner", FactType::Text(&[])),
    spec("severity", FactType::Text(SEVERITIES)),
    spec("impact", FactType::Text(IMPACTS)),
    spec("affected_services", FactType::Number),
];

static NONE: LazyLock<Labels> = LazyLock::new(Labels::new);

/// The labels of what a finding speaks of.
pub(super) fn labels(finding: &Finding) -> &Labels {
    match &finding.subject {
        model::Subject::Metric { labels, .. } | model::Subject::Alert { labels, .. } => labels,
        _ => &NONE,
    }
}

/// What was looked at: the metric, the template, the address, the alert.
fn subject(finding: &Finding) -> &str {
    match &finding.subject {
        model::Subject::Metric { name, .. }
        | model::Subject::Alert { name, .. }
        | model::Subject::Objective { name } => name,
        model::Subject::LogTemplate { template, .. } => template,
        model::Subject::Probe { target } => target,
        model::Subject::Process { instance } => instance,
    }
}

fn source(finding: &Finding) -> &str {
    match &finding.subject {
        model::Subject::Alert { source, .. } => source,
        _ => "homeostat",
    }
}

pub(super) fn of_finding(
    about: Subject<'_>,
    at: Timestamp,
) -> impl Iterator<Item = (&'static str, FactValue)> {
    let finding = about.finding;
    let text = |text: &str| FactValue::Text(text.to_owned());
    let hours = at.as_unix_ms().div_euclid(3_600_000);
    // 1970-01-01 was a Thursday, day 4.
    let weekday = (hours.div_euclid(24) + 3).rem_euclid(7) + 1;
    let values = [
        text(&finding.service),
        text(TIERS[about.tier as usize]),
        text(about.owner),
        text(finding.instance.as_deref().unwrap_or_default()),
        text(KINDS[finding.kind as usize]),
        text(&finding.detector),
        text(SEVERITIES[finding.severity as usize]),
        FactValue::Number(finding.score),
        text(subject(finding)),
        text(source(finding)),
        text(&finding.summary),
        FactValue::Number(hours.rem_euclid(24) as f64),
        FactValue::Number(weekday as f64),
    ];
    FINDING_FACTS.iter().map(|s| s.name).zip(values)
}

pub(super) fn of_incident(about: About<'_>) -> impl Iterator<Item = (&'static str, FactValue)> {
    let values = [
        FactValue::Text(about.service.to_owned()),
        FactValue::Text(TIERS[about.tier as usize].to_owned()),
        FactValue::Text(about.owner.to_owned()),
        FactValue::Text(SEVERITIES[about.severity as usize].to_owned()),
        FactValue::Text(IMPACTS[about.impact as usize].to_owned()),
        FactValue::Number(about.affected_services as f64),
    ];
    INCIDENT_FACTS.iter().map(|s| s.name).zip(values)
}

/// Names that `by` and `equal` may hold.
pub(super) fn is_comparable(name: &str) -> bool {
    ["service", "tier", "owner", "instance", "kind", "subject", "source"].contains(&name)
        || name.strip_prefix("labels.").is_some_and(|label| !label.is_empty())
}

/// The values of facts or labels, empty where there is none.
pub(super) fn values<'a>(about: Subject<'a>, names: &[String]) -> Vec<&'a str> {
    let finding = about.finding;
    let value = |name: &String| match name.as_str() {
        "service" => finding.service.as_str(),
        "tier" => TIERS[about.tier as usize],
        "owner" => about.owner,
        "instance" => finding.instance.as_deref().unwrap_or_default(),
        "kind" => KINDS[finding.kind as usize],
        "subject" => subject(finding),
        "source" => source(finding),
        label => {
            let label = label.strip_prefix("labels.").unwrap_or(label);
            labels(finding).get(label).map_or("", String::as_str)
        }
    };
    names.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use model::FindingKind;

    use super::*;

    #[test]
    fn every_kind_has_its_own_word() {
        let all = KINDS.iter().enumerate();
        for (i, word) in all {
            let kind: FindingKind = serde_json::from_value((*word).into()).unwrap();
            assert_eq!(kind as usize, i, "{word}");
        }
        assert_eq!(FindingKind::Alert as usize + 1, KINDS.len());
    }
}
