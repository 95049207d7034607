//! OpenSLO files: what they promise, and what is said of those that are wrong.

use manifest::openslo::objectives;
use model::{Budgeting, Indicator, Severity};
use proptest::prelude::*;

const SHOP: &str = r#"apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout-availability, displayName: Checkout answers}
spec:
  service: checkout
  indicator:
    metadata: {name: answers}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {metricSourceRef: prom, spec: {query: 'sum(rate(requests_total{code!~"5.."}[5m]))'}}}
        total: {metricSource: {metricSourceRef: prom, spec: {query: requests_total}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
---
apiVersion: openslo/v1
kind: DataSource
metadata: {name: prom}
spec: {type: Prometheus, connectionDetails: {url: "http://127.0.0.1:9090"}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout-speed}
spec:
  service: checkout
  indicatorRef: speed
  timeWindow: [{duration: 4w, isRolling: true}]
  budgetingMethod: Timeslices
  objectives:
    - {displayName: fast, op: lt, value: 200, targetPercent: 99, timeSliceTarget: 0.95, timeSliceWindow: 1m}
    - {displayName: bearable, op: lt, value: 1000, target: 0.999, timeSliceTarget: 0.95, timeSliceWindow: 1m}
  alertPolicies:
    - kind: AlertPolicy
      metadata: {name: page}
      spec:
        alertWhenBreaching: true
        conditions:
          - kind: AlertCondition
            metadata: {name: fast-burn}
            spec:
              severity: page
              condition: {kind: burnrate, op: gte, threshold: 10, lookbackWindow: 1h, alertAfter: 5m}
        notificationTargets: [{targetRef: ops}]
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: speed}
spec:
  thresholdMetric: {metricSource: {type: Homeostat, spec: {signal: requests}}}
"#;

fn read(text: &str) -> Result<Vec<model::Objective>, String> {
    objectives(&[("slo.yaml".into(), text.into())]).map_err(|e| e.to_string())
}

#[test]
fn ratios_thresholds_references_and_policies_are_read() {
    let found = read(SHOP).unwrap();
    let names: Vec<&str> = found.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["checkout-availability", "checkout-speed-1", "checkout-speed-2"]);
    let [answers, fast, bearable] = &found[..] else { panic!("{found:?}") };
    let Indicator::Ratio { part, good: true, total } = &answers.indicator else { panic!("{answers:?}") };
    assert_eq!((part.metric.as_str(), total.matchers.len()), ("requests_total", 0));
    let rates: Vec<(f64, Severity)> =
        answers.burns.iter().map(|b| ((b.rate * 10.0).round() / 10.0, b.severity)).collect();
    // The table of The Site Reliability Workbook for 30 days.
    assert_eq!(
        rates,
        [(14.4, Severity::Critical), (6.0, Severity::High), (3.0, Severity::Medium), (1.0, Severity::Medium)]
    );
    assert_eq!(fast.title, "checkout-speed, fast");
    assert_eq!(fast.indicator, Indicator::Requests { within_ms: Some(200.0) });
    assert_eq!(fast.budgeting, Budgeting::Timeslices { slice_ms: 60_000, target: 0.95 });
    assert!((bearable.target - 0.999).abs() < 1e-12 && bearable.window_ms == 28 * 86_400_000);
    assert_eq!(fast.burns.len(), 1);
    assert_eq!((fast.burns[0].rate, fast.burns[0].short_ms), (10.0, 300_000));
}

#[test]
fn what_is_wrong_is_told_with_place_and_advice() {
    let check = |from: &str, to: &str, words: &[&str]| {
        let text = SHOP.replacen(from, to, 1);
        assert_ne!(text, SHOP, "{from} is there");
        let error = read(&text).unwrap_err();
        for word in words {
            assert!(error.contains(word), "{error} lacks {word}");
        }
    };
    check("openslo/v1", "openslo/v2", &["slo.yaml:1:1", "openslo/v1"]);
    check("kind: DataSource", "kind: Datasource", &["slo.yaml:17:1", "did you mean `DataSource`"]);
    check("target: 0.999", "target: 1", &["checkout-availability", "below 1"]);
    check("metricSourceRef: prom", "metricSourceRef: none", &["no DataSource `none`"]);
    check("type: Prometheus", "type: Datadog", &["Datadog", "use `Prometheus`"]);
    check("sum(rate(", "histogram_quantile(0.9, rate(", &["histogram_quantile"]);
    check("30d", "30 days", &["no duration", "28d"]);
    check("30d", "1Y", &["1 to 92 days"]);
    check("Occurrences", "Events", &["no budgetingMethod `Events`"]);
    check("indicatorRef: speed", "indicatorRef: pace", &["no SLI `pace`"]);
    check("service: checkout", "service: checkout\n  servise: x", &["servise"]);
}

#[test]
fn one_name_means_one_objective() {
    let error = read(&format!("{SHOP}---\n{}", SHOP.split("---").next().unwrap())).unwrap_err();
    assert!(error.contains("there twice"), "{error}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,300}", at in 0_usize..2_000) {
        drop(read(&text));
        let mut cut = SHOP.to_owned();
        cut.truncate(at.min(SHOP.len()));
        cut.push_str(&text);
        drop(read(&cut));
    }
}
