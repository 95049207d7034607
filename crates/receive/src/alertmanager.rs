//! Alertmanager's webhook, version 4, which Grafana and others speak too: alerts in groups, each with its labels.
//!
//! Format: <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>. Groups are taken apart: what
//! belongs together is decided here, over all sources.

use model::{Alert, Labels, Severity, Signal, Timestamp};
use serde::Deserialize;

use crate::limits::{self, cut};
use crate::{Malformed, Received};

/// Labels that name the service, in the order in which they are believed.
const SERVICE: &[&str] = &[
    "service",
    "service_name",
    "app_kubernetes_io_name",
    "app",
    "deployment",
    "statefulset",
    "daemonset",
    "container",
    "job",
];
const INSTANCE: &[&str] = &["instance", "pod", "node"];
const SEVERITY: &[&str] = &["severity", "priority", "level"];
const SUMMARY: &[&str] = &["summary", "description", "message", "title"];
/// Bytes of a summary; longer ones are cut.
const SUMMARY_BYTES: usize = 500;
const ADVICE: &str = "send Alertmanager's webhook, version 4: an object with a list `alerts`";

#[derive(Deserialize)]
struct Webhook {
    alerts: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    status: String,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    annotations: Labels,
    #[serde(default)]
    starts_at: String,
    #[serde(default)]
    ends_at: String,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
    #[serde(default)]
    fingerprint: String,
}

/// Reads a webhook. An alert that cannot be read is refused and counted; the others are taken. `now` is the time of
/// receipt.
///
/// # Errors
/// It is no such webhook; nothing was taken.
pub fn receive(body: &[u8], now: Timestamp) -> Result<Received, Malformed> {
    let webhook: Webhook = serde_json::from_slice(body).map_err(|error| {
        Malformed::new(format!("line {} column {}", error.line(), error.column()), error.to_string(), ADVICE)
    })?;
    if webhook.alerts.len() > limits::EVENTS_MAX {
        let reason = format!("more than {} alerts", limits::EVENTS_MAX);
        return Err(Malformed::new("/alerts", reason, "set `max_alerts` of the receiver"));
    }
    let mut received = Received::default();
    for item in webhook.alerts {
        match serde_json::from_value::<Item>(item).map_err(|e| e.to_string()).and_then(|i| alert(i, now)) {
            Ok(alert) => {
                let size: usize = alert.labels.iter().map(|(n, v)| n.len() + v.len()).sum();
                received.push(Signal::Alert(alert), size + SUMMARY_BYTES);
            }
            Err(reason) => received.rejected.add(1, reason),
        }
    }
    Ok(received)
}

fn alert(item: Item, now: Timestamp) -> Result<Alert, String> {
    let resolved = match item.status.as_str() {
        "firing" => false,
        "resolved" => true,
        other => return Err(format!("status {:?} is neither firing nor resolved", cut(other, 40))),
    };
    if item.labels.len() > limits::LABELS_MAX {
        return Err(format!("more than {} labels", limits::LABELS_MAX));
    }
    if item
        .labels
        .iter()
        .any(|(n, v)| n.len() > limits::NAME_BYTES_MAX || v.len() > limits::LABEL_VALUE_BYTES_MAX)
    {
        return Err("a label is too long".to_owned());
    }
    let first = |names: &[&str], of: &Labels| {
        names
            .iter()
            .find_map(|n| of.get(*n).filter(|v| !v.is_empty() && v.len() <= limits::NAME_BYTES_MAX).cloned())
    };
    let name = first(&["alertname"], &item.labels).ok_or("the label alertname is missing")?;
    let service = first(SERVICE, &item.labels).unwrap_or_else(|| name.clone());
    let summary = SUMMARY.iter().find_map(|n| item.annotations.get(*n).filter(|v| !v.is_empty()));
    let summary = match summary {
        Some(text) if text.contains(&name) => text.clone(),
        Some(text) => format!("{name}: {text}"),
        None => name.clone(),
    };
    // A zero time of Go stands for none.
    let time = |text: &str| Timestamp::parse(text).ok().filter(|at| *at > Timestamp::ZERO);
    let started_at = time(&item.starts_at).unwrap_or(now).min(now);
    let ended_at = time(&item.ends_at).filter(|_| resolved);
    Ok(Alert {
        fingerprint: if item.fingerprint.is_empty() { fingerprint(&item.labels) } else { item.fingerprint },
        source: "alertmanager".to_owned(),
        service,
        instance: first(INSTANCE, &item.labels),
        severity: Severity::from_word(&first(SEVERITY, &item.labels).unwrap_or_default()),
        summary: cut(&summary, SUMMARY_BYTES).into_owned(),
        url: Some(item.generator_url).filter(|u| is_web(u)),
        at: ended_at.unwrap_or(now).min(now),
        started_at,
        resolved,
        name,
        labels: item.labels,
    })
}

/// Links go into pages: only those of the web.
fn is_web(url: &str) -> bool {
    url.len() <= 2_000 && (url.starts_with("https://") || url.starts_with("http://"))
}

fn fingerprint(labels: &Labels) -> String {
    labels.iter().map(|(name, value)| format!("{name}={value}\u{1f}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"version":"4","groupKey":"{}:{}","status":"firing","receiver":"homeostat","alerts":[
        {"status":"firing","labels":{"alertname":"HighErrorRate","service":"checkout","severity":"page","pod":"c-1"},
         "annotations":{"summary":"5 % of requests fail"},"startsAt":"2026-11-21T09:30:00Z",
         "endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus:9090/graph","fingerprint":"a1"},
        {"status":"resolved","labels":{"alertname":"TargetDown","job":"node"},"startsAt":"2026-11-21T09:00:00Z",
         "endsAt":"2026-11-21T09:10:00Z","generatorURL":"javascript:alert(1)","fingerprint":"b2"},
        {"status":"odd","labels":{"alertname":"X"}},
        {"status":"firing","labels":{}}]}"#;

    fn read() -> (Vec<Alert>, u64) {
        let now = Timestamp::parse("2026-11-21T09:31:00Z").unwrap();
        let received = receive(BODY.as_bytes(), now).unwrap();
        let alerts = received.signals.into_iter().map(|s| match s {
            Signal::Alert(alert) => alert,
            other => panic!("{other:?}"),
        });
        (alerts.collect(), received.rejected.count())
    }

    #[test]
    fn each_alert_of_a_group_is_one_signal() {
        let (alerts, rejected) = read();
        assert_eq!(rejected, 2, "an odd status and a missing name");
        let [firing, resolved] = &alerts[..] else { panic!("{alerts:?}") };
        assert_eq!((firing.service.as_str(), firing.instance.as_deref()), ("checkout", Some("c-1")));
        assert_eq!((firing.severity, firing.resolved), (Severity::Critical, false));
        assert_eq!(firing.summary, "HighErrorRate: 5 % of requests fail");
        assert_eq!(firing.started_at.to_string(), "2026-11-21T09:30:00.000Z");
        assert_eq!((resolved.service.as_str(), resolved.severity), ("node", Severity::Medium));
        assert!(resolved.resolved && resolved.at.to_string() == "2026-11-21T09:10:00.000Z");
    }

    #[test]
    fn only_links_of_the_web_are_kept() {
        let (alerts, _) = read();
        assert_eq!(alerts[0].url.as_deref(), Some("http://prometheus:9090/graph"));
        assert_eq!(alerts[1].url, None);
    }

    #[test]
    fn what_is_no_webhook_is_refused_with_its_place() {
        let error = receive(b"{\"alerts\": 3}", Timestamp::ZERO).unwrap_err();
        assert!(error.at.starts_with("line 1") && error.advice.contains("version 4"), "{error}");
    }
}
