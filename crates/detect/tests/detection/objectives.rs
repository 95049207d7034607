//! Objectives: a budget that is spent too fast is told, one that is not is left alone.

use detect::{Detection, Output, Settings};
use model::{
    Budgeting, Burn, CorrelationId, Finding, FindingKind, FindingState, Indicator, Labels, Matcher,
    MetricKind, MetricSeries, Objective, Point, Selector, Severity, Signal, Span, SpanKind, Timestamp,
};

use crate::world::START_MS;

const MINUTE_MS: i64 = 60_000;

fn objective(indicator: Indicator) -> Objective {
    Objective {
        name: "checkout-availability".into(),
        title: "Checkout answers".into(),
        service: "checkout".into(),
        target: 0.99,
        window_ms: 28 * 24 * 60 * MINUTE_MS,
        indicator,
        budgeting: Budgeting::Occurrences,
        burns: vec![Burn {
            rate: 10.0,
            long_ms: 60 * MINUTE_MS,
            short_ms: 5 * MINUTE_MS,
            severity: Severity::Critical,
        }],
    }
}

struct Watch {
    detection: Detection,
    minute: i64,
    findings: Vec<Finding>,
    totals: (f64, f64),
}

impl Watch {
    fn new(indicator: Indicator) -> Self {
        let settings = Settings { objectives: vec![objective(indicator)], ..Settings::default() };
        Self { detection: Detection::new(settings), minute: 0, findings: Vec::new(), totals: (0.0, 0.0) }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(START_MS + self.minute * MINUTE_MS)
    }

    fn give(&mut self, signals: &[Signal]) {
        let (now, mut out) = (self.now(), Output::default());
        self.detection.observe(now, &CorrelationId::derive(now, &["x"]), signals, &mut out);
        self.detection.tick(now, &mut out);
        self.findings.extend(out.findings.into_iter().filter(|f| f.kind == FindingKind::BudgetBurn));
    }

    /// A minute with a hundred requests, so many of them bad, as counters of a scrape.
    fn scraped(&mut self, bad: f64) {
        self.minute += 1;
        self.totals = (self.totals.0 + 100.0 - bad, self.totals.1 + bad);
        let at = self.now();
        let series = |code: &str, value: f64| {
            Signal::Metric(MetricSeries {
                service: "checkout".into(),
                name: "requests_total".into(),
                kind: MetricKind::Counter,
                labels: Labels::from([("code".to_owned(), code.to_owned())]),
                points: vec![Point { at, value }],
            })
        };
        let signals = [series("200", self.totals.0), series("503", self.totals.1)];
        self.give(&signals);
    }

    /// The same as spans.
    fn served(&mut self, bad: u32, slow_ms: u64) {
        self.minute += 1;
        let at = self.now();
        let span = |n: u32| {
            Signal::Span(Span {
                service: "checkout".into(),
                name: "POST /orders".into(),
                kind: SpanKind::Server,
                trace_id: format!("{n:032x}"),
                span_id: format!("{n:016x}"),
                parent_span_id: None,
                started_at: at.plus_ms(-10),
                duration_us: if n < bad { slow_ms * 1_000 } else { 5_000 },
                error: n < bad && slow_ms == 0,
                attributes: Labels::new(),
            })
        };
        let signals: Vec<Signal> = (0..100).map(span).collect();
        self.give(&signals);
    }

    fn state(&self) -> Option<FindingState> {
        self.findings.last().map(|f| f.state)
    }
}

fn ratio() -> Indicator {
    let selector = |matchers| Selector { metric: "requests_total".into(), matchers };
    let fine = Matcher { label: "code".into(), value: "5..".into(), regex: true, not: true };
    Indicator::Ratio { part: selector(vec![fine]), good: true, total: selector(Vec::new()) }
}

#[test]
fn a_budget_spent_within_its_means_is_left_alone() {
    let mut watch = Watch::new(ratio());
    for _ in 0..180 {
        watch.scraped(1.0);
    }
    assert!(watch.findings.is_empty(), "{:?}", watch.findings);
    let status = &watch.detection.report().objectives[0];
    let met = status.met.unwrap();
    assert!((met - 0.99).abs() < 0.001, "{met}");
    assert!(status.budget_left.unwrap().abs() < 0.1, "exactly used up: {status:?}");
}

#[test]
fn a_budget_that_goes_fast_is_told_and_over_when_it_stops() {
    let mut watch = Watch::new(ratio());
    for _ in 0..120 {
        watch.scraped(0.0);
    }
    // Half of the requests fail: fifty times too fast, ten times over an hour after twelve minutes.
    for minute in 1..=11 {
        watch.scraped(50.0);
        assert_eq!(watch.state(), None, "minute {minute}: an hour ago all was well");
    }
    for _ in 0..4 {
        watch.scraped(50.0);
    }
    assert_eq!(watch.state(), Some(FindingState::Firing));
    let finding = watch.findings.last().unwrap();
    assert_eq!((finding.service.as_str(), finding.severity), ("checkout", Severity::Critical));
    assert!(
        finding.summary.contains("times too fast") && finding.summary.contains("99 % promised"),
        "{finding:?}"
    );
    for _ in 0..7 {
        watch.scraped(0.0);
    }
    assert_eq!(watch.state(), Some(FindingState::Cleared), "the short window shows that it is over");
}

#[test]
fn requests_count_by_their_spans_also_when_they_are_only_slow() {
    for (indicator, slow_ms) in
        [(Indicator::Requests { within_ms: None }, 0), (Indicator::Requests { within_ms: Some(200.0) }, 900)]
    {
        let mut watch = Watch::new(indicator);
        for _ in 0..30 {
            watch.served(0, slow_ms);
        }
        for _ in 0..15 {
            watch.served(60, slow_ms);
        }
        assert_eq!(watch.state(), Some(FindingState::Firing), "{slow_ms}");
    }
}

#[test]
fn few_requests_are_no_proof() {
    let mut watch = Watch::new(Indicator::Requests { within_ms: None });
    for _ in 0..20 {
        watch.minute += 1;
        let signal = Signal::Span(Span {
            service: "checkout".into(),
            name: "x".into(),
            kind: SpanKind::Server,
            trace_id: "0".repeat(32),
            span_id: "0".repeat(16),
            parent_span_id: None,
            started_at: watch.now(),
            duration_us: 1,
            error: watch.minute == 10 || watch.minute == 11,
            attributes: Labels::new(),
        });
        watch.give(&[signal]);
    }
    assert!(watch.findings.is_empty());
}

#[test]
fn a_snapshot_goes_on_with_what_was_spent() {
    let mut watch = Watch::new(ratio());
    for _ in 0..60 {
        watch.scraped(2.0);
    }
    let before = watch.detection.report().objectives[0].met;
    let settings = Settings { objectives: vec![objective(ratio())], ..Settings::default() };
    let mut restored = Detection::restore(settings, &watch.detection.snapshot()).unwrap();
    let mut out = Output::default();
    restored.tick(watch.now(), &mut out);
    assert!(before.is_some());
    assert_eq!(restored.report().objectives[0].met, before);
}
