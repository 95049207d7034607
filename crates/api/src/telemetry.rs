//! Metrics and logs: what charts and searches show.

use axum::Json;
use axum::extract::State;
use engine::command::Role;
use model::{Labels, LogLevel, LogRecord, MetricKind, Point, TimeRange, Timestamp};
use ports::{LabelMatch, LogQuery, Order, Selector};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Page, Query, limit};
use crate::problem::Problem;

/// Which series to show, and when.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SeriesFilter {
    /// Metric name; several separated by commas.
    pub name: String,
    /// Service.
    pub service: Option<String>,
    /// Instance.
    pub instance: Option<String>,
    /// First instant; 15 minutes ago unless told.
    pub from: Option<Timestamp>,
    /// First instant after; now unless told.
    pub to: Option<Timestamp>,
    /// At most this many points a series, 2 to 2000; 300 unless told. Where there are more, each point is
    /// the mean of its part of the range.
    pub points: Option<usize>,
}

/// One series to draw.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DrawnSeries {
    /// Service.
    pub service: String,
    /// Metric name.
    pub name: String,
    /// What the numbers mean; a counter is drawn as its rate a second.
    pub kind: MetricKind,
    /// Other labels.
    pub labels: Labels,
    /// Pairs of milliseconds of Unix time and value.
    pub points: Vec<(i64, f64)>,
}

/// Series to draw.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Drawing {
    /// The series.
    pub series: Vec<DrawnSeries>,
}

/// A series that exists.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SeriesName {
    /// Service.
    pub service: String,
    /// Metric name.
    pub name: String,
    /// Other labels.
    pub labels: Labels,
}

/// Whose series to name.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NameFilter {
    /// Service.
    pub service: Option<String>,
}

/// Which log records to show.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogFilter {
    /// Service.
    pub service: Option<String>,
    /// Lowest level.
    pub level: Option<LogLevel>,
    /// Words the message must contain, case ignored.
    pub text: Option<String>,
    /// Only records of this trace.
    pub trace_id: Option<String>,
    /// First instant; 15 minutes ago unless told.
    pub from: Option<Timestamp>,
    /// First instant after; now unless told.
    pub to: Option<Timestamp>,
    /// `newest` (unless told) or `oldest` first.
    pub order: Option<String>,
    /// Parts of a histogram, 1 to 1000; 60 unless told.
    pub buckets: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most this many, 1 to 1000; 50 unless told.
    pub limit: Option<usize>,
}

/// How many records in each part of a range.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Histogram {
    /// First instant.
    pub from: Timestamp,
    /// First instant after.
    pub to: Timestamp,
    /// Counts, oldest first.
    pub counts: Vec<u64>,
}

/// Samples read for one drawing at most.
const MAX_POINTS: usize = 2_000_000;
const QUARTER_HOUR_MS: i64 = 900_000;

fn range(app: &App, from: Option<Timestamp>, to: Option<Timestamp>) -> Result<TimeRange, Problem> {
    let to = to.unwrap_or_else(|| app.engine.now().plus_ms(1));
    let from = from.unwrap_or_else(|| to.plus_ms(-QUARTER_HOUR_MS));
    if from < to {
        Ok(TimeRange { from, to })
    } else {
        Err(Problem::invalid("from", "from must be before to"))
    }
}

/// Series to draw, at most `points` points each.
#[utoipa::path(get, path = "/series", operation_id = "query_series", tag = "telemetry", params(SeriesFilter),
    responses((status = 200, body = Drawing)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn series(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<SeriesFilter>,
) -> Result<Json<Drawing>, Problem> {
    caller.require(Role::Viewer)?;
    let points = filter.points.unwrap_or(300);
    if !(2..=2_000).contains(&points) {
        return Err(Problem::invalid("points", "points must be between 2 and 2000"));
    }
    let range = range(&app, filter.from, filter.to)?;
    let mut labels = Vec::new();
    labels.extend(filter.service.map(|s| LabelMatch::Equal("service".into(), s)));
    labels.extend(filter.instance.map(|i| LabelMatch::Equal("instance".into(), i)));
    let names: Vec<&str> = filter.name.split(',').map(str::trim).filter(|n| !n.is_empty()).collect();
    if !(1..=20).contains(&names.len()) {
        return Err(Problem::invalid("name", format!("ask for 1 to 20 metric names, not {}", names.len())));
    }
    let mut series = Vec::new();
    for name in names {
        let selector = Selector { name: Some(name.to_owned()), labels: labels.clone() };
        for found in app.engine.series().query(&selector, range, MAX_POINTS).await? {
            let values = if found.kind == MetricKind::Counter { rates(&found.points) } else { found.points };
            series.push(DrawnSeries {
                service: found.service,
                name: found.name,
                kind: found.kind,
                labels: found.labels,
                points: thin(&values, range, points),
            });
        }
    }
    Ok(Json(Drawing { series }))
}

/// Series that exist.
#[utoipa::path(get, path = "/series/names", operation_id = "list_series_names", tag = "telemetry", params(NameFilter),
    responses((status = 200, body = Page<SeriesName>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn names(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<NameFilter>,
) -> Result<Json<Page<SeriesName>>, Problem> {
    caller.require(Role::Viewer)?;
    let labels = filter.service.map(|s| LabelMatch::Equal("service".into(), s)).into_iter().collect();
    let found = app.engine.series().list(&Selector { name: None, labels }, 5_000).await?;
    let items = found
        .into_iter()
        .map(|s| SeriesName { service: s.service, name: s.name, labels: s.labels })
        .collect();
    Ok(Json(Page::whole(items)))
}

/// Log records.
#[utoipa::path(get, path = "/logs", operation_id = "search_logs", tag = "telemetry", params(LogFilter),
    responses((status = 200, body = Page<LogRecord>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn logs(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<LogFilter>,
) -> Result<Json<Page<LogRecord>>, Problem> {
    caller.require(Role::Viewer)?;
    let query = log_query(&app, filter)?;
    let page = app.engine.logs().search(&query).await?;
    Ok(Json(Page { items: page.items, next: page.next.map(|next| cursor(query.range, &next)) }))
}

/// How many log records over time.
#[utoipa::path(get, path = "/logs/histogram", operation_id = "count_logs", tag = "telemetry", params(LogFilter),
    responses((status = 200, body = Histogram)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn histogram(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<LogFilter>,
) -> Result<Json<Histogram>, Problem> {
    caller.require(Role::Viewer)?;
    let buckets = filter.buckets.unwrap_or(60);
    if !(1..=1_000).contains(&buckets) {
        return Err(Problem::invalid(
            "buckets",
            format!("buckets must be between 1 and 1000, not {buckets}"),
        ));
    }
    let query = log_query(&app, filter)?;
    let counts = app.engine.logs().histogram(&query, buckets).await?;
    Ok(Json(Histogram { from: query.range.from, to: query.range.to, counts }))
}

/// A range that was not told ends now. The pages after the first must go on in that same range, so the cursor
/// carries it.
fn cursor(range: TimeRange, inner: &str) -> String {
    format!("{}_{}_{inner}", range.from.as_unix_ms(), range.to.as_unix_ms())
}

fn read_cursor(cursor: &str) -> Option<(TimeRange, String)> {
    let mut parts = cursor.splitn(3, '_');
    let mut instant = || parts.next()?.parse().ok().map(Timestamp::from_unix_ms);
    let range = TimeRange { from: instant()?, to: instant()? };
    Some((range, parts.next()?.to_owned()))
}

fn log_query(app: &App, filter: LogFilter) -> Result<LogQuery, Problem> {
    let (range, cursor) = match &filter.cursor {
        None => (range(app, filter.from, filter.to)?, None),
        Some(cursor) => {
            let (range, inner) = read_cursor(cursor)
                .filter(|(range, _)| {
                    filter.from.is_none_or(|at| at == range.from) && filter.to.is_none_or(|at| at == range.to)
                })
                .ok_or_else(|| {
                    Problem::invalid("cursor", "this cursor is of another list; begin again without it")
                })?;
            (range, Some(inner))
        }
    };
    let order = match filter.order.as_deref() {
        None | Some("newest") => Order::NewestFirst,
        Some("oldest") => Order::OldestFirst,
        Some(_) => return Err(Problem::invalid("order", "order is newest or oldest")),
    };
    Ok(LogQuery {
        service: filter.service.filter(|s| !s.is_empty()),
        level: filter.level,
        text: filter.text.unwrap_or_default(),
        attributes: filter.trace_id.map(|t| ("trace_id".to_owned(), t)).into_iter().collect(),
        range,
        order,
        cursor,
        limit: limit(filter.limit)?,
    })
}

/// The rate a second between samples of a counter; a fall is a restart from zero.
fn rates(points: &[Point]) -> Vec<Point> {
    points
        .windows(2)
        .filter_map(|w| {
            let seconds = w[1].at.since_ms(w[0].at) as f64 / 1_000.0;
            let grown = if w[1].value >= w[0].value { w[1].value - w[0].value } else { w[1].value };
            (seconds > 0.0).then(|| Point { at: w[1].at, value: grown / seconds })
        })
        .collect()
}

fn thin(points: &[Point], range: TimeRange, most: usize) -> Vec<(i64, f64)> {
    let finite = points.iter().filter(|p| p.value.is_finite());
    if points.len() <= most {
        return finite.map(|p| (p.at.as_unix_ms(), p.value)).collect();
    }
    let span = range.to.since_ms(range.from).max(1);
    let mut parts: Vec<(i64, f64, u32)> = Vec::with_capacity(most);
    let mut current = usize::MAX;
    for p in finite {
        let part = usize::try_from(p.at.since_ms(range.from) * most as i64 / span).unwrap_or(0);
        if part != current {
            current = part;
            parts.push((p.at.as_unix_ms(), 0.0, 0));
        }
        if let Some(last) = parts.last_mut() {
            last.1 += p.value;
            last.2 += 1;
        }
    }
    parts.into_iter().map(|(at, sum, n)| (at, sum / f64::from(n.max(1)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_carries_its_range() {
        let range = TimeRange { from: Timestamp::from_unix_ms(-5), to: Timestamp::from_unix_ms(7) };
        assert_eq!(read_cursor(&cursor(range, "a_b")), Some((range, "a_b".to_owned())));
        assert_eq!(read_cursor("00ff"), None);
    }

    fn points(values: &[(i64, f64)]) -> Vec<Point> {
        values.iter().map(|(ms, value)| Point { at: Timestamp::from_unix_ms(*ms), value: *value }).collect()
    }

    #[test]
    fn a_counter_is_drawn_as_its_rate_and_survives_a_restart() {
        let drawn = rates(&points(&[(0, 10.0), (1_000, 14.0), (2_000, 3.0)]));
        assert_eq!(drawn.iter().map(|p| p.value).collect::<Vec<_>>(), [4.0, 3.0]);
    }

    #[test]
    fn thinning_keeps_the_mean_and_the_limit() {
        let many = points(&(0..1_000).map(|i| (i, 5.0)).collect::<Vec<_>>());
        let range = TimeRange { from: Timestamp::ZERO, to: Timestamp::from_unix_ms(1_000) };
        let thin = thin(&many, range, 10);
        assert_eq!(thin.len(), 10);
        assert!(thin.iter().all(|(_, v)| (*v - 5.0).abs() < 1e-9));
    }
}
