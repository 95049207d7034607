//! The same input gives the same output, and a snapshot taken anywhere continues the same. Hostile values do no harm.

use detect::{Detection, Output, Settings};
use model::{
    CorrelationId, Labels, LogLevel, LogRecord, MetricKind, MetricSeries, Point, Signal, Span, SpanKind,
    Timestamp,
};
use proptest::prelude::*;

use crate::world::{Fault, World};

type Batch = (Timestamp, CorrelationId, Vec<Signal>);

fn feed(detection: &mut Detection, batches: &[Batch]) -> Output {
    let mut out = Output::default();
    for (now, correlation, batch) in batches {
        detection.observe(*now, correlation, batch, &mut out);
        detection.tick(*now, &mut out);
    }
    out
}

fn check(batches: &[Batch], cut: usize) {
    let mut straight = Detection::new(Settings::default());
    let expect = feed(&mut straight, batches);
    let mut first = Detection::new(Settings::default());
    let mut got = feed(&mut first, &batches[..cut]);
    let mut second = Detection::restore(Settings::default(), &first.snapshot()).unwrap();
    let rest = feed(&mut second, &batches[cut..]);
    got.findings.extend(rest.findings);
    got.derived.extend(rest.derived);
    assert_eq!(got, expect);
    assert_eq!(second.snapshot(), straight.snapshot());
}

fn fault() -> impl Strategy<Value = Fault> {
    prop::sample::select(vec![
        Fault::Crash,
        Fault::CrashLoop,
        Fault::Hang,
        Fault::MemoryLeak,
        Fault::CpuSpin,
        Fault::SlowDependency,
        Fault::BadRelease,
        Fault::BadConfig,
        Fault::DiskFull,
        Fault::LogFlood,
    ])
}

/// Any number a hostile sender may write.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        prop::sample::select(vec![0.0, -1.0, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE])
    ]
}

fn hostile() -> impl Strategy<Value = Signal> {
    let names = prop::sample::select(vec![
        "process_cpu_ratio",
        "process_resident_memory_bytes",
        "process_memory_limit_bytes",
        "data_folder_bytes",
        "data_folder_limit_bytes",
        "queue_depth",
    ]);
    let metric = (names, any::<bool>(), prop::collection::vec((any::<i64>(), number()), 0..6)).prop_map(
        |(name, counter, points)| {
            Signal::Metric(MetricSeries {
                service: "s".to_owned(),
                name: name.to_owned(),
                kind: if counter { MetricKind::Counter } else { MetricKind::Gauge },
                labels: Labels::new(),
                points: points
                    .into_iter()
                    .map(|(at, value)| Point { at: Timestamp::from_unix_ms(at), value })
                    .collect(),
            })
        },
    );
    let log = (any::<i64>(), ".{0,40}").prop_map(|(at, body)| {
        Signal::Log(LogRecord {
            service: String::new(),
            at: Timestamp::from_unix_ms(at),
            level: LogLevel::Fatal,
            body,
            attributes: Labels::new(),
            trace_id: None,
        })
    });
    let span = (any::<i64>(), any::<u64>(), any::<bool>()).prop_map(|(at, duration_us, error)| {
        Signal::Span(Span {
            service: "s".to_owned(),
            name: "op".to_owned(),
            kind: SpanKind::Server,
            trace_id: String::new(),
            span_id: String::new(),
            parent_span_id: Some(String::new()),
            started_at: Timestamp::from_unix_ms(at),
            duration_us,
            error,
            attributes: Labels::new(),
        })
    });
    prop_oneof![metric, log, span]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_restored_stack_continues_the_same(seed in any::<u64>(), fault in fault(), cut in 0usize..400) {
        let mut world = World::new(seed);
        let batches: Vec<Batch> = (0..400)
            .map(|i| {
                if i == 200 {
                    world.inject(fault);
                }
                world.step()
            })
            .collect();
        check(&batches, cut);
    }
}

proptest! {
    #[test]
    fn hostile_values_and_clocks_do_no_harm(
        batches in prop::collection::vec((any::<i64>(), prop::collection::vec(hostile(), 0..8)), 1..40),
        cut in 0usize..40,
    ) {
        let correlation = CorrelationId::derive(Timestamp::ZERO, &["t"]);
        let batches: Vec<Batch> = batches
            .into_iter()
            .map(|(now, signals)| (Timestamp::from_unix_ms(now), correlation.clone(), signals))
            .collect();
        check(&batches, cut.min(batches.len()));
    }
}
