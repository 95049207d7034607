//! Measures the embedded telemetry stores: `cargo run --release -p telemetry-embedded --example telemetry_throughput [dir]`.
//! Prints one line a number. Every batch is flushed as the engine would, every ten seconds of data.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use model::{Labels, LogLevel, LogRecord, MetricKind, MetricSeries, Point, TimeRange, Timestamp};
use ports::{LabelMatch, LogQuery, Logs, Order, Selector, Series};
use telemetry_embedded::{LogStore, SeriesStore};

const START: i64 = 1_700_000_000_000;

fn say(what: &str, value: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{what:<58} {value}");
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

fn folder_bytes(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).expect("the folder is there");
    files.filter_map(|f| f.ok()?.metadata().ok()).map(|m| m.len()).sum()
}

fn folder_files(dir: &Path) -> usize {
    std::fs::read_dir(dir).expect("the folder is there").count()
}

/// A small fast generator of numbers, the same on every run (xorshift, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }
}

fn percentile(times: &mut [Duration], p: f64) -> Duration {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * p) as usize]
}

fn range(from: i64, to: i64) -> TimeRange {
    TimeRange { from: Timestamp::from_unix_ms(from), to: Timestamp::from_unix_ms(to) }
}

#[tokio::main]
async fn main() {
    let given = std::env::args().nth(1);
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let dir = given.map_or_else(|| temporary.path().to_owned(), Into::into);
    series(&dir.join("series")).await;
    one_day(&dir.join("day")).await;
    logs(&dir.join("logs")).await;
}

/// 10,000 series of one sample a second, for one hour by tens: random walks with two decimals.
async fn series(dir: &Path) {
    const SERIES: usize = 10_000;
    const SECONDS: i64 = 600;
    let store = SeriesStore::open(dir).expect("a new folder");
    let mut numbers = Numbers(42);
    let mut batch: Vec<MetricSeries> = (0..SERIES)
        .map(|i| MetricSeries {
            service: format!("service-{}", i % 100),
            name: format!("metric_{}", i / 1_000),
            kind: MetricKind::Gauge,
            labels: [("instance".to_owned(), format!("instance-{}", i % 1_000))].into(),
            points: vec![Point { at: Timestamp::ZERO, value: numbers.below(100_000) as f64 / 100.0 }],
        })
        .collect();
    let (mut appending, mut slowest) = (Duration::ZERO, Duration::ZERO);
    let started = Instant::now();
    for second in 0..SECONDS {
        for series in &mut batch {
            let point = &mut series.points[0];
            point.at = Timestamp::from_unix_ms(START + second * 1_000 + numbers.below(20) as i64);
            point.value = ((point.value * 100.0).round() + numbers.below(201) as f64 - 100.0) / 100.0;
        }
        let before = Instant::now();
        store.append(&batch, second as u64 + 1).await.expect("taken");
        let took = before.elapsed();
        appending += took;
        slowest = slowest.max(took);
        if second % 10 == 9 {
            store.flush().await.expect("flushed");
        }
    }
    let samples = SERIES as f64 * SECONDS as f64;
    say("series: samples", samples);
    say("series: append alone, samples/s", (samples / appending.as_secs_f64()) as u64);
    say(
        "series: with generator, flushes and merges, samples/s",
        (samples / started.elapsed().as_secs_f64()) as u64,
    );
    say("series: slowest append of 10,000 samples", ms(slowest));
    settle(dir).await;
    say(
        "series: bytes/sample on disk (two-decimal walks, jittered)",
        format!("{:.2}", folder_bytes(dir) as f64 / samples),
    );
    say("series: files", folder_files(dir));
    let name = Selector { name: Some("metric_3".to_owned()), labels: Vec::new() };
    let mut times = Vec::new();
    for _ in 0..10 {
        let before = Instant::now();
        let found = store.query(&name, range(START, START + 3_600_000), 10_000_000).await.expect("found");
        times.push(before.elapsed());
        assert_eq!(found.len(), 1_000);
    }
    say("series: query of 1,000 series x 10 min (600,000 samples) p50", ms(percentile(&mut times, 0.5)));
    drop(store);
    let before = Instant::now();
    drop(SeriesStore::open(dir).expect("opens"));
    say("series: opening", ms(before.elapsed()));
}

/// Waits until merges have come to rest.
async fn settle(dir: &Path) {
    let mut before = (0, 0);
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = (folder_files(dir), folder_bytes(dir));
        if now == before {
            return;
        }
        before = now;
    }
}

/// 1,000 series, a sample every ten seconds, for one day.
async fn one_day(dir: &Path) {
    let store = SeriesStore::open(dir).expect("a new folder");
    let mut numbers = Numbers(7);
    for (offset, minute) in (1..).zip((0..1_440).step_by(10)) {
        let batch: Vec<MetricSeries> = (0..1_000)
            .map(|i| MetricSeries {
                service: format!("service-{}", i % 10),
                name: "cpu".to_owned(),
                kind: MetricKind::Gauge,
                labels: [("instance".to_owned(), format!("instance-{i}"))].into(),
                points: (0..60)
                    .map(|k| Point {
                        at: Timestamp::from_unix_ms(START + minute * 60_000 + k * 10_000),
                        value: numbers.below(10_000) as f64 / 10_000.0,
                    })
                    .collect(),
            })
            .collect();
        store.append(&batch, offset).await.expect("taken");
        store.flush().await.expect("flushed");
    }
    settle(dir).await;
    let samples = 1_000 * 8_640;
    say("day: samples (four random digits, even intervals)", samples);
    say("day: bytes/sample on disk", format!("{:.2}", folder_bytes(dir) as f64 / f64::from(samples)));
    say("day: files", folder_files(dir));
    let (mut one, mut many) = (Vec::new(), Vec::new());
    for i in 0..100 {
        let selector = Selector {
            name: Some("cpu".to_owned()),
            labels: vec![LabelMatch::Equal("instance".to_owned(), format!("instance-{}", i * 7))],
        };
        let before = Instant::now();
        let found = store.query(&selector, range(START, START + 86_400_000), 1_000_000).await.expect("found");
        one.push(before.elapsed());
        assert_eq!(found[0].points.len(), 8_640);
    }
    for hour in 0..20 {
        let from = START + hour * 3_600_000;
        let before = Instant::now();
        let found =
            store.query(&Selector::default(), range(from, from + 3_600_000), 1_000_000).await.expect("found");
        many.push(before.elapsed());
        assert_eq!(found.len(), 1_000);
    }
    say("day: query of 1 series x 1 day (8,640 samples) p50", ms(percentile(&mut one, 0.5)));
    say("day: query of 1 series x 1 day p95", ms(percentile(&mut one, 0.95)));
    say("day: query of 1,000 series x 1 h (360,000 samples) p50", ms(percentile(&mut many, 0.5)));
    say("day: query of 1,000 series x 1 h p95", ms(percentile(&mut many, 0.95)));
}

fn line(i: u64, numbers: &mut Numbers) -> LogRecord {
    let services = ["gateway", "catalog", "checkout", "payments", "worker"];
    let service = services[numbers.below(5) as usize];
    let (level, body) = match numbers.below(1_000) {
        0 => (
            LogLevel::Error,
            format!("payment of order {} refused: upstream timeout after {} ms", i, numbers.below(5_000)),
        ),
        1..20 => (LogLevel::Warn, format!("retrying call to inventory, attempt {}", numbers.below(5))),
        _ => {
            let route = ["/orders", "/products", "/cart", "/checkout"][numbers.below(4) as usize];
            let status = if numbers.below(50) == 0 { 404 } else { 200 };
            let took = numbers.below(300);
            (
                LogLevel::Info,
                format!(
                    "GET {route}/{} {status} in {took} ms bytes={}",
                    numbers.below(100_000),
                    numbers.below(20_000)
                ),
            )
        }
    };
    let mut attributes = Labels::new();
    attributes.insert("instance".to_owned(), format!("{service}-{}", numbers.below(3)));
    attributes.insert("request_id".to_owned(), format!("{:016x}", numbers.next()));
    LogRecord {
        service: service.to_owned(),
        at: Timestamp::from_unix_ms(START + (i / 10) as i64),
        level,
        body,
        attributes,
        trace_id: Some(format!("{:016x}{:016x}", numbers.next(), numbers.next())),
    }
}

fn raw_bytes(r: &LogRecord) -> usize {
    let attributes: usize = r.attributes.iter().map(|(n, v)| n.len() + v.len() + 2).sum();
    24 + r.service.len() + 5 + r.body.len() + attributes + r.trace_id.as_ref().map_or(0, String::len)
}

/// A million lines in batches of 500.
async fn logs(dir: &Path) {
    const LINES: u64 = 1_000_000;
    let store = LogStore::open(dir).expect("a new folder");
    let mut numbers = Numbers(99);
    let (mut appending, mut all, mut raw) = (Duration::ZERO, Duration::ZERO, 0);
    let mut request = String::new();
    for (offset, first) in (1..).zip((0..LINES).step_by(500)) {
        let batch: Vec<LogRecord> = (first..first + 500).map(|i| line(i, &mut numbers)).collect();
        raw += batch.iter().map(raw_bytes).sum::<usize>();
        if first == LINES / 2 {
            request.clone_from(&batch[77].attributes["request_id"]);
        }
        let before = Instant::now();
        store.append(&batch, offset).await.expect("taken");
        appending += before.elapsed();
        if offset % 40 == 0 {
            store.flush().await.expect("flushed");
        }
        all += before.elapsed();
    }
    say("logs: lines", LINES);
    say("logs: append alone, lines/s", (LINES as f64 / appending.as_secs_f64()) as u64);
    say("logs: with flushes and merges, lines/s", (LINES as f64 / all.as_secs_f64()) as u64);
    settle(dir).await;
    let disk = folder_bytes(dir);
    say("logs: raw bytes/line", raw as u64 / LINES);
    say(
        "logs: bytes/line on disk",
        format!("{:.1} ({:.1} % of raw)", disk as f64 / LINES as f64, disk as f64 * 100.0 / raw as f64),
    );
    say("logs: files", folder_files(dir));
    searches(&store, &request).await;
    let before = Instant::now();
    drop(store);
    drop(LogStore::open(dir).expect("opens"));
    say("logs: opening", ms(before.elapsed()));
}

async fn searches(store: &LogStore, request: &str) {
    let query = LogQuery {
        service: None,
        level: None,
        text: String::new(),
        attributes: Vec::new(),
        range: range(START, START + 1_000_000),
        order: Order::NewestFirst,
        cursor: None,
        limit: 100,
    };
    let text = |text: &str| LogQuery { text: text.to_owned(), ..query.clone() };
    let request = vec![("request_id".to_owned(), request.to_owned())];
    let cases = [
        ("newest 100", query.clone()),
        ("a common word", text("orders")),
        ("errors", LogQuery { level: Some(LogLevel::Error), ..query.clone() }),
        ("rare words (refused timeout)", text("refused TIMEOUT")),
        ("rare word of one service", LogQuery { service: Some("payments".to_owned()), ..text("refused") }),
        ("one order (refused 777)", text("refused 77777")),
        ("a word that is nowhere", text("segmentation")),
        ("a short word that is nowhere (3 letters)", text("zzq")),
        ("one request id by attribute", LogQuery { attributes: request, ..query.clone() }),
        ("oldest first, one hour's start", LogQuery { order: Order::OldestFirst, ..text("inventory") }),
    ];
    let mut everything = Vec::new();
    for (name, query) in cases {
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..20 {
            let before = Instant::now();
            let page = store.search(&query).await.expect("found");
            times.push(before.elapsed());
            found = page.items.len();
        }
        everything.extend_from_slice(&times);
        let (p50, p95) = (percentile(&mut times, 0.5), percentile(&mut times, 0.95));
        say(&format!("search: {name}"), format!("p50 {} p95 {} ({found} found)", ms(p50), ms(p95)));
    }
    say("search: all of these, p95", ms(percentile(&mut everything, 0.95)));
    for (name, query) in [
        ("all", query.clone()),
        ("errors with a word", LogQuery { level: Some(LogLevel::Error), ..text("refused") }),
    ] {
        let before = Instant::now();
        let counts = store.histogram(&query, 60).await.expect("counted");
        say(
            &format!("histogram: {name}"),
            format!("{} ({} lines)", ms(before.elapsed()), counts.iter().sum::<u64>()),
        );
    }
}
