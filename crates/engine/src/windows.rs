//! What metrics did around the start of an incident: which of them are wanted, and how they are cut.
//!
//! The situation asks ([`ReadWindows`], an effect like a call), the driver reads the series and answers with a message;
//! until then, and when the series cannot be read, findings alone decide. The situation itself reads nothing.

use diagnose::{Measure, Topology, Window};
use model::{FindingKind, IncidentId, MetricKind, Point, TimeRange, Timestamp};
use ports::{LabelMatch, Selector, Series, SeriesData};

use crate::situation::{Effects, Open, Situation};

/// How much of the time before the start is usual.
const BEFORE_MS: i64 = 600_000;
/// Starts are estimates: what lies so short before one counts as neither.
const GAP_MS: i64 = 5_000;
/// After this much of an incident, later points change little.
const AFTER_MS: i64 = 600_000;
/// Series are read anew at most this often,
const PACE_MS: i64 = 2_000;
/// and, while nothing new is found, when the incident has grown older by this part.
const OLDER_BY: i64 = 4;
/// Services whose series are read: those of the incident first, then those nearest below them.
const MAX_SERVICES: usize = 60;
/// Points of one service; a service with more is left out.
const MAX_POINTS: usize = 40_000;
/// Series of one incident that are kept.
const MAX_SERIES: usize = 400;
/// Points of each part of a series that are kept: more are put together, several into their mean.
const KEPT_POINTS: usize = 200;

/// A wish of the situation: series of these services around the start of this incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadWindows {
    /// The incident.
    pub incident: IncidentId,
    /// The services.
    pub services: Vec<String>,
    /// When the trouble began, as far as known.
    pub started_at: Timestamp,
    /// Up to when.
    pub to: Timestamp,
}

/// One series of a service, before and since.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    service: String,
    metric: String,
    measure: Measure,
    before: Vec<Point>,
    after: Vec<Point>,
}

impl Measured {
    /// As diagnosis takes it.
    pub(crate) fn window(&self) -> Window<'_> {
        Window {
            service: &self.service,
            metric: &self.metric,
            measure: self.measure,
            before: &self.before,
            after: &self.after,
        }
    }
}

impl ReadWindows {
    /// The time that is looked at.
    #[must_use]
    pub fn range(&self) -> TimeRange {
        let to = self.to.max(self.started_at).plus_ms(1);
        TimeRange { from: self.started_at.plus_ms(-BEFORE_MS), to }
    }

    /// Cuts the series of one service at the start. What measures nothing that is known is left out; a running total
    /// becomes its growth a second.
    #[must_use]
    pub fn cut(&self, series: Vec<SeriesData>) -> Vec<Measured> {
        let known = series.into_iter().map(|s| (Measure::of(&s.name), s));
        let known = known.filter(|(measure, s)| *measure != Measure::Other && !s.labels.contains_key("le"));
        let cut = known.map(|(measure, series)| {
            let points =
                if series.kind == MetricKind::Counter { growth(&series.points) } else { series.points };
            let usual = self.started_at.plus_ms(-GAP_MS);
            let before: Vec<Point> = points.iter().filter(|p| p.at < usual).copied().collect();
            let after: Vec<Point> = points.into_iter().filter(|p| p.at >= self.started_at).collect();
            let (before, after) = (thin(&before), thin(&after));
            Measured { service: series.service, metric: series.name, measure, before, after }
        });
        cut.collect()
    }
}

/// Growth a second from one point to the next; a total that fell started over.
fn growth(points: &[Point]) -> Vec<Point> {
    let pairs = points.windows(2).filter_map(|pair| {
        let seconds = pair[1].at.since_ms(pair[0].at) as f64 / 1_000.0;
        let grown = pair[1].value - pair[0].value;
        (seconds > 0.0 && grown >= 0.0).then(|| Point { at: pair[1].at, value: grown / seconds })
    });
    pairs.collect()
}

/// At most [`KEPT_POINTS`] points: the mean of as many in a row as are too many, at the time of the first of them.
fn thin(points: &[Point]) -> Vec<Point> {
    let together = points.len().div_ceil(KEPT_POINTS).max(1);
    let means = points.chunks(together).map(|some| {
        let value = some.iter().map(|p| p.value).sum::<f64>() / some.len() as f64;
        Point { at: some[0].at, value }
    });
    means.collect()
}

/// Reads what is wished; a service whose series cannot be read is left out.
pub(crate) async fn read(series: &dyn Series, wanted: &ReadWindows) -> Vec<Measured> {
    let mut measured = Vec::new();
    for service in &wanted.services {
        let selector =
            Selector { name: None, labels: vec![LabelMatch::Equal("service".to_owned(), service.clone())] };
        match series.query(&selector, wanted.range(), MAX_POINTS).await {
            Ok(found) => {
                measured.extend(wanted.cut(found));
                if measured.len() >= MAX_SERIES {
                    measured.truncate(MAX_SERIES);
                    break;
                }
            }
            Err(error) => {
                tracing::warn!(service.name = service, %error, "Could not read metrics for a diagnosis; diagnosing without them.");
            }
        }
    }
    measured
}

impl Situation {
    /// Asks for the metrics around the start of an incident whose requests are slow or fail.
    pub(crate) fn want_windows(&mut self, id: &IncidentId, effects: &mut Effects) {
        let now = self.now;
        let Some(open) = self.incidents.get(id).filter(|open| self.is_worth_reading(open)) else { return };
        let topology = Topology::new(&self.observed, &self.services);
        let services = topology.below(open.incident.services.iter().map(String::as_str), MAX_SERVICES);
        let started_at = open.incident.started_at;
        effects.reads.push(ReadWindows {
            incident: id.clone(),
            services,
            started_at,
            to: now.min(started_at.plus_ms(AFTER_MS)),
        });
        if let Some(open) = self.incidents.get_mut(id) {
            open.read_at = Some(now);
            open.read_findings = open.incident.findings.len();
        }
    }

    fn is_worth_reading(&self, open: &Open) -> bool {
        if open.incident.firing == 0 || open.verified_at.is_some() || self.run_of(&open.incident.id).is_some()
        {
            return false;
        }
        let due = open.read_at.is_none_or(|at| {
            let age_ms = at.since_ms(open.incident.started_at).clamp(0, AFTER_MS);
            let anew = open.read_findings != open.incident.findings.len();
            let pace_ms = if anew { PACE_MS } else { PACE_MS.max(age_ms / OLDER_BY) };
            let grows = anew || age_ms < AFTER_MS;
            grows && self.now.since_ms(at) >= pace_ms
        });
        let shows = |id| {
            let kind = self.findings.get(id).map(|f| f.kind);
            matches!(kind, Some(FindingKind::Latency | FindingKind::ErrorRate))
        };
        due && open.incident.findings.iter().any(shows)
    }

    /// Takes the metrics that were asked for; the causes are ranked again with them.
    #[must_use]
    pub fn measured(&mut self, now: Timestamp, id: &IncidentId, measured: Vec<Measured>) -> Effects {
        self.set_now(now);
        let mut effects = Effects::default();
        if let Some(open) = self.incidents.get_mut(id) {
            open.measured = measured;
            open.stale = true;
            self.rediagnose(id, &mut effects);
            self.finish(&mut effects);
        }
        effects
    }
}

#[cfg(test)]
mod tests {
    use model::Labels;

    use super::*;

    fn series(name: &str, kind: MetricKind, values: &[(i64, f64)]) -> SeriesData {
        let points = values.iter().map(|(s, value)| Point { at: at(*s), value: *value }).collect();
        SeriesData { service: "payments".into(), name: name.into(), kind, labels: Labels::new(), points }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(seconds * 1_000)
    }

    fn wanted() -> ReadWindows {
        let incident = IncidentId::derive(at(0), &["test"]);
        ReadWindows { incident, services: vec!["payments".into()], started_at: at(1_000), to: at(1_060) }
    }

    #[test]
    fn a_series_is_cut_at_the_start_with_a_gap_before_it() {
        let cut = wanted().cut(vec![
            series("request_duration_p95_ms", MetricKind::Gauge, &[(990, 1.0), (997, 2.0), (1_000, 3.0)]),
            series("queue_depth", MetricKind::Gauge, &[(990, 1.0)]),
        ]);
        assert_eq!(cut.len(), 1, "what measures nothing known is left out");
        let window = cut[0].window();
        assert_eq!((window.service, window.measure), ("payments", Measure::Latency));
        assert_eq!(window.before, [Point { at: at(990), value: 1.0 }]);
        assert_eq!(window.after, [Point { at: at(1_000), value: 3.0 }]);
    }

    #[test]
    fn a_running_total_becomes_its_growth_a_second_also_over_a_restart() {
        let total = [(980, 10.0), (982, 14.0), (984, 1.0), (986, 3.0)];
        let cut = wanted().cut(vec![series("process_cpu_seconds_total", MetricKind::Counter, &total)]);
        assert_eq!(cut[0].before, [Point { at: at(982), value: 2.0 }, Point { at: at(986), value: 1.0 }]);
    }

    #[test]
    fn long_series_are_kept_as_means() {
        let long: Vec<(i64, f64)> = (0..900).map(|s| (s, (s % 2) as f64)).collect();
        let cut = wanted().cut(vec![series("request_rate", MetricKind::Gauge, &long)]);
        assert!(cut[0].before.len() <= KEPT_POINTS, "{}", cut[0].before.len());
        assert!((cut[0].before.iter().map(|p| p.value).sum::<f64>() / 180.0 - 0.5).abs() < 0.01);
    }
}
