//! Log lines and metrics unlike those before: gone, out of sequence, with unusual values, as before past incidents, and
//! metrics that no longer move together. Each said once it is plain, none of them in normal life.

use detect::{Detection, Output, Settings};
use model::{
    CorrelationId, Event, Finding, FindingKind, Labels, LogLevel, LogRecord, MetricKind, MetricSeries, Point,
    Signal, Timestamp,
};

use crate::world::{Rng, START_MS};

/// Detection that is fed second by second.
struct Feed {
    detection: Detection,
    findings: Vec<Finding>,
    second: i64,
    batch: Vec<Signal>,
}

impl Feed {
    fn new() -> Self {
        Self {
            detection: Detection::new(Settings::default()),
            findings: Vec::new(),
            second: 0,
            batch: Vec::new(),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(START_MS + self.second * 1_000)
    }

    fn log(&mut self, body: &str) {
        self.batch.push(Signal::Log(LogRecord {
            service: "store".to_owned(),
            at: self.now(),
            level: LogLevel::Info,
            body: body.to_owned(),
            attributes: Labels::new(),
            trace_id: None,
        }));
    }

    fn gauge(&mut self, name: &str, value: f64) {
        self.batch.push(Signal::Metric(MetricSeries {
            service: "store".to_owned(),
            name: name.to_owned(),
            kind: MetricKind::Gauge,
            labels: Labels::new(),
            points: vec![Point { at: self.now(), value }],
        }));
    }

    fn incident(&mut self) {
        self.batch.push(Signal::Event(Event {
            id: self.second.to_string(),
            source: "homeostat".to_owned(),
            kind: "dev.homeostat.incident.opened".to_owned(),
            service: "store".to_owned(),
            at: self.now(),
            data: serde_json::Value::Null,
            attributes: Default::default(),
        }));
    }

    /// Ends the second.
    fn end(&mut self) {
        let mut out = Output::default();
        let correlation = CorrelationId::derive(self.now(), &["t"]);
        let batch = std::mem::take(&mut self.batch);
        self.detection.observe(self.now(), &correlation, &batch, &mut out);
        self.detection.tick(self.now(), &mut out);
        self.findings.append(&mut out.findings);
        self.second += 1;
    }

    fn said(&self, detector: &str) -> Vec<&Finding> {
        self.findings.iter().filter(|f| f.detector == detector).collect()
    }

    fn quiet(&self) {
        let said: Vec<_> = self.findings.iter().map(|f| (&f.detector, &f.summary)).collect();
        assert!(said.is_empty(), "{said:#?}");
    }
}

#[test]
fn a_steady_template_that_stops_is_gone_until_it_comes_again() {
    let mut feed = Feed::new();
    let run = |feed: &mut Feed, seconds: i64, beats: bool| {
        for _ in 0..seconds {
            feed.log(&format!("request {} served", feed.second));
            if beats && feed.second % 3 == 0 {
                feed.log("heartbeat of the ledger");
            }
            feed.end();
        }
    };
    run(&mut feed, 1_500, true);
    feed.quiet();
    run(&mut feed, 50, false);
    feed.quiet();
    run(&mut feed, 30, false);
    let said = feed.said("log_vanished");
    assert!(said.first().is_some_and(|first| said.iter().all(|f| f.id == first.id)), "{said:#?}");
    assert!(
        said[0].kind == FindingKind::LogAnomaly && said[0].summary.contains("heartbeat of the ledger"),
        "{said:#?}"
    );
    run(&mut feed, 10, true);
    assert_eq!(feed.said("log_vanished").last().map(|f| f.state), Some(model::FindingState::Cleared));
}

#[test]
fn sessions_that_miss_a_step_are_told_with_the_step() {
    let mut feed = Feed::new();
    let session = |feed: &mut Feed, whole: bool| {
        let id = format!("job_{:06}", feed.second * 7 + 100_000);
        feed.log(&format!("accepted {id} from the queue"));
        feed.log(&format!("worker took {id} now"));
        if whole {
            feed.log(&format!("finished {id} and stored its result"));
        }
    };
    for _ in 0..900 {
        // One in a hundred is cut short in normal life too.
        let whole = feed.second % 100 != 50;
        session(&mut feed, whole);
        feed.end();
    }
    feed.quiet();
    for _ in 0..180 {
        let whole = feed.second % 2 == 0;
        session(&mut feed, whole);
        feed.end();
    }
    let said = feed.said("log_sequence");
    assert!(!said.is_empty());
    assert!(said[0].summary.contains("job_#") && said[0].summary.contains("finished"), "{}", said[0].summary);
}

#[test]
fn a_value_far_beyond_all_before_and_a_word_never_seen_are_told_when_they_last() {
    let mut rng = Rng(5);
    let mut feed = Feed::new();
    let mut run = |feed: &mut Feed, seconds: i64, jobs: f64, code: &str| {
        for _ in 0..seconds {
            let n = (rng.unit() * jobs) as u32;
            feed.log(&format!("queue holds {n} jobs"));
            feed.log(&format!("mirror answered {code} again"));
            feed.end();
        }
    };
    run(&mut feed, 1_500, 40.0, "200");
    feed.quiet();
    run(&mut feed, 20, 90_000.0, "200");
    run(&mut feed, 100, 40.0, "200");
    feed.quiet();
    run(&mut feed, 200, 90_000.0, "503");
    let said: Vec<_> = feed.said("log_value").iter().map(|f| f.summary.clone()).collect();
    assert!(said.iter().any(|s| s.contains("queue holds") && s.contains("usually at most 39")), "{said:#?}");
    assert!(said.iter().any(|s| s.contains("is 503, usually 200")), "{said:#?}");
}

#[test]
fn what_came_before_two_incidents_warns_the_third_time() {
    let mut feed = Feed::new();
    for episode in 0..4 {
        for second in 0..1_200 {
            feed.log("request served");
            if second == 700 {
                feed.log(&format!("replica {episode} lags behind"));
            }
            if second == 760 && episode < 2 {
                feed.incident();
            }
            feed.end();
            let warned =
                feed.said("log_precursor").iter().filter(|f| f.state == model::FindingState::Firing).count();
            assert_eq!(warned > 0, episode > 2 || (episode == 2 && second >= 700), "{episode} {second}");
        }
    }
    let said = feed.said("log_precursor");
    assert!(said[0].summary.contains("2 of 2 times") && said[0].summary.contains("lags behind"), "{said:#?}");
}

#[test]
fn metrics_that_stop_moving_together_are_told_with_the_one_that_does() {
    let mut rng = Rng(9);
    let mut feed = Feed::new();
    let mut run = |feed: &mut Feed, seconds: i64, broken: bool| {
        for _ in 0..seconds {
            if feed.second % 10 == 0 {
                let load = 50.0 + 30.0 * (feed.second as f64 / 500.0).sin();
                for (i, name) in ["sessions", "cache_reads", "queries", "bytes_sent"].iter().enumerate() {
                    let own = load * (1.0 + i as f64) + rng.unit();
                    let value = if broken && i == 2 { (100.0 - load) * 3.0 } else { own };
                    feed.gauge(name, value);
                }
            }
            feed.end();
        }
    };
    run(&mut feed, 12_000, false);
    assert!(feed.said("service_metrics").is_empty(), "{:#?}", feed.findings);
    run(&mut feed, 600, true);
    let said = feed.said("service_metrics");
    assert!(said.first().is_some_and(|f| f.summary.contains("contributing: queries")), "{said:#?}");
}
