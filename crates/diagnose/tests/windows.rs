//! What metrics say, with and without findings and calls: right where it can be told, silent where nothing is wrong,
//! the same in any order and any unit, and unharmed by any number.

#[path = "support/shop.rs"]
mod shop;

use diagnose::{Diagnosis, Measure, Symptom, Window, diagnose};
use model::FindingKind::{ErrorRate, Latency};
use model::{EvidenceBody, FailureClass, FaultKind, IncidentId, Point};
use proptest::prelude::*;
use shop::{Shop, at};

/// A series with a point a second, five minutes before the start and one since.
#[derive(Debug)]
struct Series {
    service: String,
    metric: String,
    before: Vec<Point>,
    after: Vec<Point>,
}

fn points(from_s: i64, values: impl Iterator<Item = f64>) -> Vec<Point> {
    values.enumerate().map(|(n, value)| Point { at: at((from_s + n as i64) * 1_000), value }).collect()
}

/// Wavers by a tenth around `usual`, and around `now` since the start.
fn series(service: &str, metric: &str, usual: f64, now: f64) -> Series {
    let waver = |level: f64| move |n: i64| level * (1.0 + 0.1 * ((n * 7 % 11) as f64 / 5.0 - 1.0));
    Series {
        service: service.into(),
        metric: metric.into(),
        before: points(-300, (0..300).map(waver(usual))),
        after: points(0, (0..60).map(waver(now))),
    }
}

fn diagnose_all(shop: &Shop, series: &[Series], symptoms: &[Symptom<'_>]) -> Diagnosis {
    let windows: Vec<Window<'_>> = series
        .iter()
        .map(|s| Window {
            service: &s.service,
            metric: &s.metric,
            measure: Measure::of(&s.metric),
            before: &s.before,
            after: &s.after,
        })
        .collect();
    let incident = IncidentId::derive(at(0), &["test"]);
    let topology = shop.topology();
    diagnose(&diagnose::Input {
        at: at(60_000),
        incident: &incident,
        findings: shop.findings.iter().collect(),
        world: shop.world(&topology),
        windows: &windows,
        symptoms,
        past: &[],
        request_rates: &std::collections::BTreeMap::new(),
    })
}

const SLOW: &str = "request_duration_p95_ms";
const RATE: &str = "request_rate";
const FRONT: Symptom<'static> = Symptom { service: "gateway", metric: SLOW };

/// Gateway calls catalog and checkout, checkout calls payments.
fn chain(gateway: f64, catalog: f64, checkout: f64, payments: f64) -> Vec<Series> {
    let one = |name: &str, usual: f64, more: f64, rate: f64| {
        [series(name, SLOW, usual, usual + more), series(name, RATE, rate, rate)]
    };
    let all = [
        one("gateway", 60.0, gateway, 20.0),
        one("catalog", 15.0, catalog, 12.0),
        one("checkout", 30.0, checkout, 8.0),
        one("payments", 10.0, payments, 6.0),
    ];
    all.into_iter().flatten().collect()
}

#[test]
fn time_is_put_to_the_account_of_the_deepest_that_takes_it() {
    let d = diagnose_all(&Shop::new(), &chain(80.0, 0.0, 200.0, 260.0), &[FRONT]);
    let cause = &d.causes[0];
    assert_eq!(cause.service, "payments", "{:#?}", d.why);
    assert_eq!((cause.class, cause.fault), (FailureClass::SlowDependency, FaultKind::Latency));
    let way: Vec<&str> = cause.path.iter().map(|step| step.service.as_str()).collect();
    assert_eq!(way, ["payments", "checkout", "gateway"]);
    assert!(cause.path_verified, "{:#?}", cause.path);
    assert!(cause.path[0].covers.is_some_and(|share| share > 0.9), "{:#?}", cause.path);
    for id in cause.evidence.iter().chain(cause.path.iter().flat_map(|step| &step.evidence)) {
        assert!(d.evidence.iter().any(|e| e.id == *id), "cited evidence must exist");
    }
    let shown = d.evidence.iter().find(|e| e.service == "payments").map(|e| &e.body);
    assert!(matches!(shown, Some(EvidenceBody::Metric { name, .. }) if name == SLOW), "{shown:?}");
}

#[test]
fn a_callee_that_is_loud_but_accounts_for_little_is_not_the_cause() {
    // Catalog is ten times slower than usual, but that is a tenth of what gateway waits longer.
    let mut all = chain(200.0, 0.0, 500.0, 0.0);
    all[2] = series("catalog", SLOW, 1.0, 35.0);
    let d = diagnose_all(&Shop::new(), &all, &[FRONT]);
    assert_eq!(d.causes[0].service, "checkout", "{:#?}", d.why);
}

#[test]
fn nothing_is_named_when_nothing_departed() {
    let d = diagnose_all(&Shop::new(), &chain(0.0, 0.0, 0.0, 0.0), &[FRONT]);
    assert!(d.causes.is_empty() && !d.conclusive, "{:#?}", d.why);
    let d = diagnose_all(&Shop::new(), &chain(0.0, 0.0, 0.0, 0.0), &[]);
    assert!(d.causes.is_empty() && !d.conclusive, "{:#?}", d.why);
    // Somebody else's trouble is not the cause of a symptom that does not show.
    let d = diagnose_all(&Shop::new(), &chain(0.0, 0.0, 0.0, 90.0), &[FRONT]);
    assert_ne!(d.causes.first().map(|c| c.service.as_str()), Some("gateway"));
}

#[test]
fn without_calls_and_symptom_the_largest_departure_is_named_with_its_kind() {
    let all = [
        series("a", "cpu_usage", 0.4, 0.5),
        series("b", "memory_bytes", 3e8, 3.1e8),
        series("c", "cpu_usage", 0.1, 0.9),
    ];
    let d = diagnose_all(&Shop::new(), &all, &[]);
    assert_eq!((d.causes[0].service.as_str(), d.causes[0].class), ("c", FailureClass::CpuSpin));
    assert_eq!(d.causes[0].fault, FaultKind::Resource);
}

#[test]
fn metrics_decide_between_two_services_that_findings_cannot_tell_apart() {
    // Both callees are found slow; only one accounts for what gateway waits.
    let shop = Shop::new()
        .see(0, "gateway", Latency, "p95 260 ms")
        .see(0, "catalog", Latency, "p95 40 ms")
        .see(0, "checkout", Latency, "p95 530 ms");
    let without = diagnose_all(&shop, &[], &[]);
    assert!(!without.conclusive, "{:#?}", without.why);
    let mut all = chain(200.0, 0.0, 500.0, 0.0);
    all[2] = series("catalog", SLOW, 15.0, 24.0);
    let with = diagnose_all(&shop, &all, &[]);
    assert_eq!(with.causes[0].service, "checkout", "{:#?}", with.why);
    let share = |d: &Diagnosis| d.causes.iter().find(|c| c.service == "checkout").map(|c| c.probability);
    assert!(share(&with) > share(&without), "{:#?} after {:#?}", with.why, without.why);
}

#[test]
fn availability_is_read_as_errors() {
    let mut all = vec![
        series("gateway", "availability", 100.0, 100.0),
        series("payments", "availability", 100.0, 100.0),
    ];
    for one in &mut all {
        for point in &mut one.before {
            point.value = 100.0;
        }
        for point in &mut one.after {
            point.value = 90.0;
        }
    }
    let noticed = Symptom { service: "gateway", metric: "availability" };
    let shop = Shop::new().edge("gateway", "payments", 0.1, 10.0);
    let d = diagnose_all(&shop, &all, &[noticed]);
    assert_eq!(
        (d.causes[0].service.as_str(), d.causes[0].fault),
        ("payments", FaultKind::Error),
        "{:#?}",
        d.why
    );
    assert!(!d.conclusive, "that requests fail does not say what to do");
}

#[test]
fn findings_alone_decide_where_nothing_is_measured() {
    let shop =
        Shop::new().see(0, "gateway", ErrorRate, "errors 34 %").see(0, "checkout", ErrorRate, "errors 90 %");
    assert_eq!(diagnose_all(&shop, &[], &[]), shop.diagnose());
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -1e3..1e3f64,
        1 => Just(0.0),
        1 => prop_oneof![
            Just(f64::NAN),
            Just(f64::INFINITY),
            Just(f64::NEG_INFINITY),
            Just(f64::MAX),
            Just(f64::MIN),
            Just(f64::MIN_POSITIVE),
            Just(-0.0)
        ],
    ]
}

fn any_series() -> impl Strategy<Value = Vec<Series>> {
    let metrics =
        prop::sample::select(vec![SLOW, RATE, "request_error_ratio", "availability", "cpu", "mem", "x"]);
    let names = prop::sample::select(vec!["gateway", "catalog", "checkout", "payments", "worker"]);
    let values = || prop::collection::vec(value(), 0..40);
    let one = (names, metrics, values(), values()).prop_map(|(service, metric, before, after)| Series {
        service: service.to_owned(),
        metric: metric.to_owned(),
        before: points(-40, before.into_iter()),
        after: points(0, after.into_iter()),
    });
    prop::collection::vec(one, 0..16)
}

fn named(d: &Diagnosis) -> Vec<(String, FailureClass)> {
    d.causes.iter().map(|c| (c.service.clone(), c.class)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Any numbers: nothing panics, probabilities are probabilities, the same comes out twice.
    #[test]
    fn any_number_is_survived(all in any_series(), noticed in any::<bool>()) {
        let symptoms: &[Symptom<'_>] = if noticed { &[FRONT] } else { &[] };
        let shop = Shop::new().see(0, "gateway", Latency, "p95 745 ms");
        for shop in [Shop::new(), shop] {
            let d = diagnose_all(&shop, &all, symptoms);
            let sum: f64 = d.causes.iter().map(|c| c.probability).sum();
            prop_assert!((0.0..=1.0).contains(&sum), "{sum}");
            prop_assert_eq!(&d.causes, &diagnose_all(&shop, &all, symptoms).causes);
        }
    }

    /// The order in which series are given means nothing, as long as no two have one name.
    #[test]
    fn order_means_nothing(seed in any::<u64>(), gateway in 0.0..300f64, payments in 0.0..300f64) {
        let all = chain(gateway, 0.0, 40.0, payments);
        let first = diagnose_all(&Shop::new(), &all, &[FRONT]);
        let mut other = all;
        let turn = (seed as usize) % other.len();
        other.rotate_left(turn);
        other.reverse();
        prop_assert_eq!(first, diagnose_all(&Shop::new(), &other, &[FRONT]));
    }

    /// Seconds or milliseconds, requests a second or a minute: the same is named.
    #[test]
    fn units_mean_nothing(exponent in -6i32..7, more in 50.0..400f64) {
        let scale = 2f64.powi(exponent);
        let all = chain(more / 3.0, 0.0, more, more * 1.3);
        let first = diagnose_all(&Shop::new(), &all, &[FRONT]);
        let mut other = all;
        for point in other.iter_mut().flat_map(|s| s.before.iter_mut().chain(&mut s.after)) {
            point.value *= scale;
        }
        prop_assert_eq!(named(&first), named(&diagnose_all(&Shop::new(), &other, &[FRONT])));
    }
}
