//! Measures the real engine over the embedded stores in a temporary folder: how long from taking a signal in
//! until its incident can be read, under load, and how many signals a second it can keep up with.
//! Run: `cargo run --release -p testkit --example loop [-- --data DIR]`. The last line of standard output is JSON.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement prints its result and its progress"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::{Engine, Options, Ports};
use model::{
    Autonomy, Event, Labels, LogLevel, LogRecord, MetricKind, MetricSeries, Point, Signal, Span, SpanKind,
    Timestamp,
};
use ports::{Bus, Clock, Logs, Series, Store, SystemClock};
use serde_json::json;
use store_embedded::{BlobFolder, BlobOptions, BusLog, BusOptions, StateStore};
use telemetry_embedded::{LogStore, SeriesStore};
use testkit::{Random, demo_patience, rules};

const RATE: usize = 10_000;
const SECONDS: usize = 20;
const CRASHES: usize = 100;
/// Batches a second, as receivers bring them.
const BATCHES: usize = 40;
const SERVICES: u64 = 50;
const SATURATE: Duration = Duration::from_secs(10);
/// How far the detect stage may be behind, in batches, before the saturating phase waits.
const MOST_BEHIND: u64 = 64;

type Failed = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let dir = folder()?;
    let (engine, store) = open(dir.path()).await?;
    let mut random = Random::new(3);
    eprintln!("{RATE} signals a second for {SECONDS} s, {CRASHES} crashes among them …");
    let latencies = paced(&engine, &store, &mut random).await?;
    eprintln!("as many signals as it takes for {} s …", SATURATE.as_secs());
    let (taken, worked) = saturate(&engine, &mut random).await?;
    engine.shutdown().await;
    report(latencies, taken, worked)
}

fn folder() -> Result<tempfile::TempDir, Failed> {
    let mut arguments = std::env::args().skip_while(|a| a != "--data").skip(1);
    Ok(match arguments.next() {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    })
}

async fn open(dir: &Path) -> Result<(Engine, Arc<StateStore>), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let policies = ["default".to_owned(), "demo".to_owned()];
    let store = Arc::new(StateStore::open(dir)?);
    let ports = Ports {
        store: Arc::clone(&store) as Arc<dyn Store>,
        bus: Arc::new(BusLog::open(&dir.join("bus"), BusOptions::default())?) as Arc<dyn Bus>,
        series: Arc::new(SeriesStore::open(dir.join("series"))?) as Arc<dyn Series>,
        logs: Arc::new(LogStore::open(dir.join("logs"))?) as Arc<dyn Logs>,
        clock: Arc::new(SystemClock) as Arc<dyn Clock>,
        blobs: Arc::new(BlobFolder::open(dir, BlobOptions::default())?),
        secrets: Arc::new(()),
        functions: Vec::new(),
        resources: None,
        subscriber: None,
        explainer: None,
        actuators: BTreeMap::new(),
    };
    let options = Options {
        rules: rules(&root, &policies, Autonomy::Propose, demo_patience())?,
        detection: detect::Settings::default(),
        explain: engine::explain::ExplainLimits::default(),
        checkpoint_every: Duration::from_secs(5),
    };
    Ok((Engine::open(ports, options).await?, store))
}

/// Healthy signals: half spans, the others log lines and samples.
fn healthy(random: &mut Random, count: usize) -> Vec<Signal> {
    let now = SystemClock.now();
    (0..count)
        .map(|i| {
            let service = format!("service-{}", random.below(SERVICES));
            let instance = Labels::from([("instance".to_owned(), format!("{service}-1"))]);
            match i % 4 {
                0 | 1 => Signal::Span(Span {
                    service,
                    name: ["GET /items", "POST /orders", "GET /items/{id}"][random.below(3) as usize]
                        .to_owned(),
                    kind: SpanKind::Server,
                    trace_id: format!("{:016x}{:016x}", random.bits(), random.bits()),
                    span_id: format!("{:016x}", random.bits()),
                    parent_span_id: None,
                    started_at: now.plus_ms(-20),
                    duration_us: 5_000 + random.below(15_000),
                    error: false,
                    attributes: instance,
                }),
                2 => Signal::Log(LogRecord {
                    service,
                    at: now,
                    level: LogLevel::Info,
                    body: format!(
                        "order {} of customer {} accepted",
                        random.below(99_999),
                        random.below(9_999)
                    ),
                    attributes: instance,
                    trace_id: None,
                }),
                _ => Signal::Metric(MetricSeries {
                    service,
                    name: "queue_depth".to_owned(),
                    kind: MetricKind::Gauge,
                    labels: instance,
                    points: vec![Point { at: now, value: 10.0 + random.between(-2.0, 2.0) }],
                }),
            }
        })
        .collect()
}

fn crash(number: usize) -> (String, Signal) {
    let service = format!("victim-{number:03}");
    let data =
        json!({"instance": format!("{service}-1"), "signal": 6, "uptime_ms": 60_000, "expected": false});
    let event = Event {
        id: format!("crash-{number}"),
        source: "bench".to_owned(),
        kind: "dev.homeostat.process.exited".to_owned(),
        service: service.clone(),
        at: SystemClock.now(),
        data,
        attributes: BTreeMap::new(),
    };
    (service, Signal::Event(event))
}

/// When the incident of each service could first be read, from the store's change feed.
async fn watch_incidents(store: Arc<StateStore>) -> Result<BTreeMap<String, Instant>, ports::Error> {
    let mut seen = BTreeMap::new();
    let mut feed = store.watch();
    let mut after = 0;
    while seen.len() < CRASHES {
        let changes = store.changes(after, 1_000).await?;
        for change in &changes {
            after = change.sequence;
            if change.kind == "incident" {
                let document = store.get("incident", &change.id).await?;
                let services = document.map(|d| d.body["services"].clone()).unwrap_or_default();
                for service in services.as_array().into_iter().flatten().filter_map(|s| s.as_str()) {
                    if service.starts_with("victim-") {
                        seen.entry(service.to_owned()).or_insert_with(Instant::now);
                    }
                }
            }
        }
        let waiting = changes.is_empty()
            && tokio::time::timeout(Duration::from_secs(30), feed.changed()).await.is_err();
        if waiting {
            break;
        }
    }
    Ok(seen)
}

async fn paced(engine: &Engine, store: &Arc<StateStore>, random: &mut Random) -> Result<Vec<f64>, Failed> {
    let watching = tokio::spawn(watch_incidents(Arc::clone(store)));
    let mut sent: BTreeMap<String, Instant> = BTreeMap::new();
    let mut tick = tokio::time::interval(Duration::from_secs(1) / BATCHES as u32);
    let batches = SECONDS * BATCHES;
    for batch in 0..batches {
        tick.tick().await;
        let signals = healthy(random, RATE / BATCHES);
        engine.intake().accept("bench", signals).await?;
        // Spread over the middle of the run, each on its own, as a host would bring it.
        if batch % (batches / CRASHES) == batches / CRASHES / 2 {
            let (service, signal) = crash(batch / (batches / CRASHES));
            let begun = Instant::now();
            engine.intake().accept("host", vec![signal]).await?;
            sent.insert(service, begun);
        }
    }
    let seen = watching.await??;
    let latencies: Vec<f64> = sent
        .iter()
        .filter_map(|(service, begun)| {
            Some(seen.get(service)?.duration_since(*begun).as_secs_f64() * 1_000.0)
        })
        .collect();
    if latencies.len() < CRASHES {
        return Err(format!("only {} of {CRASHES} crashes became incidents", latencies.len()).into());
    }
    Ok(latencies)
}

/// Takes signals in as fast as the loop works them; gives signals a second taken in and worked.
async fn saturate(engine: &Engine, random: &mut Random) -> Result<(f64, f64), Failed> {
    let prepared: Vec<Vec<Signal>> = (0..64).map(|_| healthy(random, 500)).collect();
    let (_, before) = engine.lag();
    let begun = Instant::now();
    let mut taken = 0_usize;
    while begun.elapsed() < SATURATE {
        for batch in &prepared {
            while engine.lag().0 > MOST_BEHIND {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let mut batch = batch.clone();
            refresh(&mut batch, SystemClock.now());
            taken += batch.len();
            engine.intake().accept("bench", batch).await?;
            if begun.elapsed() >= SATURATE {
                break;
            }
        }
    }
    while engine.lag().0 > 0 && begun.elapsed() < SATURATE * 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let elapsed_s = begun.elapsed().as_secs_f64();
    let (_, after) = engine.lag();
    Ok((taken as f64 / elapsed_s, (after - before) as f64 / elapsed_s))
}

/// Old times would make old signals of prepared ones.
fn refresh(batch: &mut [Signal], now: Timestamp) {
    for signal in batch {
        match signal {
            Signal::Span(span) => span.started_at = now.plus_ms(-20),
            Signal::Log(record) => record.at = now,
            Signal::Metric(series) => series.points.iter_mut().for_each(|p| p.at = now),
            Signal::Probe(_)
            | Signal::Event(_)
            | Signal::Change(_)
            | Signal::Alert(_)
            | Signal::Feedback(_) => {}
        }
    }
}

fn report(mut latencies: Vec<f64>, taken: f64, worked: f64) -> Result<(), Failed> {
    latencies.sort_by(f64::total_cmp);
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share).round() as usize];
    println!(
        "signal to incident, at {RATE} signals/s   p50 {:.1} ms   p99 {:.1} ms   max {:.1} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    println!("sustained through detection and loop   {worked:.0} signals/s   (taken in {taken:.0})");
    let line = json!({
        "signal_to_incident_ms_p50": at(0.5),
        "signal_to_incident_ms_p99": at(0.99),
        "signals_per_s": worked,
    });
    println!("{line}");
    Ok(())
}
