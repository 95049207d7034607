//! Detection: what it says, how good that is by people's word, where it drifts, and what it would say under other settings.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use engine::command::{AllowedAction, Asker, Command, Role, action};
use engine::detect::{Drift, Member, Settings};
use engine::records::{Record, name_of};
use engine::replay::compare;
use model::{
    AuditEntry, Feedback, Finding, FindingId, FindingState, Judgement, ObjectiveStatus, Signal, TimeRange,
    Timestamp,
};
use ports::{Direction, Filter, Index, Query as StoreQuery};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Caller;
use crate::page::{Body, Page, Path, Query, check_prose, limit};
use crate::problem::Problem;

/// Findings that an overview counts at most.
const MAX_COUNTED: usize = 20_000;
const PAGE: usize = 1_000;
/// How long both halves of a replay may take together.
const PATIENCE: Duration = Duration::from_secs(24);
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Conditions on findings.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FindingFilter {
    /// Service.
    pub service: Option<String>,
    /// Whether they still fire: `firing` or `cleared`.
    pub state: Option<FindingState>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most this many, 1 to 1000; 50 unless told.
    pub limit: Option<usize>,
}

/// A finding with what people said of it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FindingView {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// A person's word on it.
    pub feedback: Option<Feedback>,
    /// What the asker could do.
    pub allowed_actions: Vec<AllowedAction>,
}

/// A person's word on a finding.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackRequest {
    /// What is said.
    pub judgement: Judgement,
    /// Why; may be empty.
    #[serde(default)]
    pub note: String,
}

/// How far back an overview looks.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Window {
    /// Hours, 1 to 720; 168 unless told.
    pub hours: Option<u32>,
}

/// What one detector said.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DetectorQuality {
    /// The detector: `metric_anomaly`.
    pub name: String,
    /// Findings in the window.
    pub raised: u32,
    /// Of those, that still fire.
    pub firing: u32,
    /// Of those, that a person called an anomaly.
    pub confirmed: u32,
    /// Of those, that a person called normal.
    pub dismissed: u32,
    /// Share of the judged ones that were confirmed, 0 to 1; none while nobody judged.
    pub precision: Option<f64>,
}

/// What was said on one day.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DayCount {
    /// Midnight, UTC.
    pub day: Timestamp,
    /// Findings that began on it.
    pub raised: u32,
    /// Of those, that a person called normal.
    pub dismissed: u32,
}

/// Who says what is expected of a series.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EnsembleMember {
    /// `level`, `day` or `week`.
    pub name: String,
    /// Its share of the say, 0 to 1; all together 1.
    pub weight: f64,
    /// Its mean error lately, in the unit of the series.
    pub error: f64,
}

/// A series that is outside its band more often than it should be.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DriftView {
    /// The service it speaks of.
    pub service: String,
    /// Metric name.
    pub metric: String,
    /// Every other label.
    pub labels: model::Labels,
    /// Points taken in so far.
    pub points: u32,
    /// Share of the points lately that were outside the 99 % band, 0 to 1; 0.01 when all is as it was.
    pub outside: f64,
    /// Who says what is expected of it.
    pub members: Vec<EnsembleMember>,
}

/// How detection is doing.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DetectionView {
    /// First instant of the window.
    pub from: Timestamp,
    /// First instant after it.
    pub to: Timestamp,
    /// Every detector, also those that said nothing.
    pub detectors: Vec<DetectorQuality>,
    /// Days of the window, oldest first.
    pub days: Vec<DayCount>,
    /// Metric series that are watched.
    pub series: u64,
    /// Things that people called normal and that are not said for thirty days.
    pub dismissed: u64,
    /// The series that drift most.
    pub drifting: Vec<DriftView>,
    /// The settings in force.
    #[schema(value_type = Object)]
    pub settings: Value,
    /// What the asker could do.
    pub allowed_actions: Vec<AllowedAction>,
}

/// What to work again.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// First instant.
    pub from: Timestamp,
    /// First instant after.
    pub to: Timestamp,
    /// Settings that differ from those in force, by name.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub settings: Value,
}

/// What would have been said.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReplayView {
    /// First instant worked.
    pub from: Timestamp,
    /// First instant not worked: earlier than asked when time ran out.
    pub to: Timestamp,
    /// Whether less was worked than asked.
    pub cut: bool,
    /// Signals worked.
    pub signals: u64,
    /// Said under both settings.
    pub both: Vec<Finding>,
    /// Said under the settings in force alone.
    pub only_now: Vec<Finding>,
    /// Said under the other settings alone.
    pub only_then: Vec<Finding>,
}

/// Lists findings, newest first.
#[utoipa::path(get, path = "/findings", operation_id = "list_findings", tag = "detection", params(FindingFilter),
    responses((status = 200, body = Page<FindingView>)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<FindingFilter>,
) -> Result<Json<Page<FindingView>>, Problem> {
    let asker = caller.require(Role::Viewer)?;
    let mut query = StoreQuery::of(Finding::KIND)
        .order("last_seen_at", Direction::Descending)
        .limit(limit(filter.limit)?)
        .cursor(filter.cursor);
    if let Some(service) = filter.service {
        query = query.filter(Filter::In("service", vec![Index::Text(service)]));
    }
    if let Some(state) = filter.state {
        query = query.filter(Filter::In("state", vec![Index::Text(name_of(&state))]));
    }
    let page = app.engine.records().list::<Finding>(&query).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for finding in page.items {
        items.push(view(&app, finding, asker.role).await?);
    }
    Ok(Json(Page { items, next: page.next }))
}

/// One finding.
#[utoipa::path(get, path = "/findings/{id}", operation_id = "get_finding", tag = "detection",
    params(("id" = String, Path)), responses((status = 200, body = FindingView)),
    extensions(("x-required-role" = json!("viewer"))))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<FindingView>, Problem> {
    let asker = caller.require(Role::Viewer)?;
    let finding = find(&app, &id).await?;
    Ok(Json(view(&app, finding, asker.role).await?))
}

/// Says what a finding was. Learned in the order of the signals: what is called normal is cleared, and the same again,
/// no further out, is not said for thirty days.
#[utoipa::path(post, path = "/findings/{id}/feedback", operation_id = "judge_finding", tag = "detection",
    params(("id" = String, Path)), request_body = FeedbackRequest, responses((status = 202, body = Feedback)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn judge(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(wanted): Body<FeedbackRequest>,
) -> Result<(StatusCode, Json<Feedback>), Problem> {
    let asker = caller.require(Role::Operator)?;
    check_prose("/note", &wanted.note)?;
    let finding = find(&app, &id).await?;
    if wanted.judgement == Judgement::NotAnomaly
        && let Some(reason) = refuse_dismiss(&finding)
    {
        return Err(Problem::new(crate::problem::Code::Conflict, reason));
    }
    let feedback = Feedback {
        finding: finding.id,
        detector: finding.detector,
        service: finding.service,
        judgement: wanted.judgement,
        note: wanted.note,
        by: asker.actor.clone(),
        at: app.engine.now(),
    };
    app.engine.ask(asker.clone(), Command::Audit(audit_line(&asker, &feedback))).await?;
    app.engine.intake().accept("feedback", vec![Signal::Feedback(feedback.clone())]).await?;
    Ok((StatusCode::ACCEPTED, Json(feedback)))
}

fn audit_line(asker: &Asker, feedback: &Feedback) -> AuditEntry {
    AuditEntry {
        at: feedback.at,
        actor: asker.actor.clone(),
        action: "finding.judged".to_owned(),
        subject: feedback.finding.to_string(),
        details: json!({"judgement": feedback.judgement, "note": feedback.note}),
        correlation_id: None,
    }
}

/// Objectives and how they stand.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ObjectivesView {
    /// In the order of the files.
    pub items: Vec<ObjectiveStatus>,
}

/// What services promise, how much of the error budget is left, and how fast it is spent.
#[utoipa::path(get, path = "/objectives", operation_id = "list_objectives", tag = "detection",
    responses((status = 200, body = ObjectivesView)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn objectives(State(app): State<App>, caller: Caller) -> Result<Json<ObjectivesView>, Problem> {
    caller.require(Role::Viewer)?;
    Ok(Json(ObjectivesView { items: app.engine.detection().objectives.clone() }))
}

/// How good detection is by people's word, and where what it learned holds no longer.
#[utoipa::path(get, path = "/detection", operation_id = "get_detection", tag = "detection", params(Window),
    responses((status = 200, body = DetectionView)), extensions(("x-required-role" = json!("viewer"))))]
pub async fn overview(
    State(app): State<App>,
    caller: Caller,
    Query(window): Query<Window>,
) -> Result<Json<DetectionView>, Problem> {
    let asker = caller.require(Role::Viewer)?;
    let hours = match window.hours.unwrap_or(168) {
        hours @ 1..=720 => i64::from(hours),
        hours => return Err(Problem::invalid("hours", format!("hours must be 1 to 720, not {hours}"))),
    };
    let to = app.engine.now();
    let from = to.plus_ms(-hours * HOUR_MS);
    let report = app.engine.detection();
    let judged = judgements(&app, from).await?;
    let mut detectors: BTreeMap<String, DetectorQuality> =
        report.detectors.iter().map(|name| (name.clone(), DetectorQuality::default())).collect();
    let mut days = days(from, to);
    for finding in since(&app, from).await? {
        let quality = detectors.entry(finding.detector.clone()).or_default();
        quality.raised += 1;
        quality.firing += u32::from(finding.state == FindingState::Firing);
        let said = judged.get(&finding.id).copied();
        quality.confirmed += u32::from(said == Some(Judgement::Anomaly));
        quality.dismissed += u32::from(said == Some(Judgement::NotAnomaly));
        if let Some(day) = days.iter_mut().rev().find(|d| d.day <= finding.detected_at) {
            day.raised += 1;
            day.dismissed += u32::from(said == Some(Judgement::NotAnomaly));
        }
    }
    let settings = serde_json::to_value(app.engine.detection_settings()).unwrap_or_default();
    let replay = action(
        "replay",
        "Replay under other settings",
        "/detection/replay".into(),
        asker.role,
        Role::Operator,
        None,
    );
    Ok(Json(DetectionView {
        from,
        to,
        detectors: detectors.into_iter().map(|(name, q)| finished(name, q)).collect(),
        days,
        series: report.series as u64,
        dismissed: report.dismissed as u64,
        drifting: report.drifting.iter().map(drift_view).collect(),
        settings,
        allowed_actions: vec![replay],
    }))
}

/// Works stored metrics, logs and spans of a time again, under the settings in force and under others, and compares
/// what is said.
#[utoipa::path(post, path = "/detection/replay", operation_id = "replay_detection", tag = "detection",
    request_body = ReplayRequest, responses((status = 200, body = ReplayView)),
    extensions(("x-required-role" = json!("operator"))))]
pub async fn replay(
    State(app): State<App>,
    caller: Caller,
    Body(wanted): Body<ReplayRequest>,
) -> Result<Json<ReplayView>, Problem> {
    caller.require(Role::Operator)?;
    let range = TimeRange { from: wanted.from, to: wanted.to };
    if range.from >= range.to || range.to.since_ms(range.from) > DAY_MS {
        return Err(Problem::invalid("/to", "to must lie after from, by at most 24 hours"));
    }
    let now = app.engine.detection_settings().clone();
    let then = merged(&now, &wanted.settings)?;
    let second = app.engine.replay(then, range, PATIENCE / 2).await?;
    let first = app.engine.replay(now, second.range, PATIENCE / 2).await?;
    // Only what both have worked can be compared.
    let to = first.range.to;
    let until = |found: Vec<Finding>| found.into_iter().filter(|f| f.detected_at < to).collect();
    let compared = compare(until(first.findings), until(second.findings));
    Ok(Json(ReplayView {
        from: range.from,
        to,
        cut: to < range.to,
        signals: first.signals as u64,
        both: compared.both,
        only_now: compared.only_before,
        only_then: compared.only_after,
    }))
}

/// The settings in force with some of them changed.
fn merged(now: &Settings, changes: &Value) -> Result<Settings, Problem> {
    let mut all = serde_json::to_value(now).unwrap_or_default();
    match changes {
        Value::Null => {}
        Value::Object(changes) => {
            for (name, value) in changes {
                let Some(known) = all.get_mut(name) else {
                    let at = format!("/settings/{name}");
                    return Err(Problem::invalid(&at, format!("there is no setting {name}")));
                };
                *known = value.clone();
            }
        }
        _ => return Err(Problem::invalid("/settings", "settings must be an object")),
    }
    serde_json::from_value(all).map_err(|e| Problem::invalid("/settings", e.to_string()))
}

async fn find(app: &App, id: &str) -> Result<Finding, Problem> {
    app.engine.records().get::<Finding>(id).await?.ok_or_else(|| Problem::not_found("finding", id))
}

fn refuse_dismiss(finding: &Finding) -> Option<String> {
    (!finding.kind.is_learned())
        .then(|| "it states a fact; nothing is learned that could be wrong".to_owned())
}

/// A finding as people see it.
pub(crate) async fn view(app: &App, finding: Finding, role: Role) -> Result<FindingView, Problem> {
    let feedback = app.engine.records().get::<Feedback>(finding.id.as_str()).await?;
    let path = format!("/findings/{}/feedback", finding.id);
    let said = feedback.as_ref().map(|f| f.judgement);
    let twice = |judgement| (said == Some(judgement)).then(|| "it was said already".to_owned());
    let offer =
        |name: &str, title: &str, refused| action(name, title, path.clone(), role, Role::Operator, refused);
    let allowed_actions = vec![
        offer("anomaly", "Was worth saying", twice(Judgement::Anomaly)),
        offer("not_anomaly", "Not an anomaly", refuse_dismiss(&finding).or(twice(Judgement::NotAnomaly))),
    ];
    Ok(FindingView { finding, feedback, allowed_actions })
}

/// Findings seen since an instant, newest first, at most [`MAX_COUNTED`].
async fn since(app: &App, from: Timestamp) -> Result<Vec<Finding>, Problem> {
    let (mut found, mut cursor) = (Vec::new(), None);
    while found.len() < MAX_COUNTED {
        let query = StoreQuery::of(Finding::KIND)
            .filter(Filter::AtLeast("last_seen_at", Index::Int(from.as_unix_ms())))
            .order("last_seen_at", Direction::Descending)
            .limit(PAGE)
            .cursor(cursor);
        let page = app.engine.records().list::<Finding>(&query).await?;
        found.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(found)
}

/// What people said of findings since an instant.
async fn judgements(app: &App, from: Timestamp) -> Result<BTreeMap<FindingId, Judgement>, Problem> {
    let query = StoreQuery::of(Feedback::KIND)
        .filter(Filter::AtLeast("at", Index::Int(from.as_unix_ms())))
        .order("at", Direction::Descending)
        .limit(PAGE);
    let page = app.engine.records().list::<Feedback>(&query).await?;
    Ok(page.items.into_iter().map(|f| (f.finding, f.judgement)).collect())
}

fn days(from: Timestamp, to: Timestamp) -> Vec<DayCount> {
    let first = from.as_unix_ms().div_euclid(DAY_MS);
    let last = to.as_unix_ms().div_euclid(DAY_MS);
    let day = |n| DayCount { day: Timestamp::from_unix_ms(n * DAY_MS), raised: 0, dismissed: 0 };
    (first..=last).map(day).collect()
}

fn finished(name: String, quality: DetectorQuality) -> DetectorQuality {
    let judged = quality.confirmed + quality.dismissed;
    let precision = (judged > 0).then(|| f64::from(quality.confirmed) / f64::from(judged));
    DetectorQuality { name, precision, ..quality }
}

fn drift_view(drift: &Drift) -> DriftView {
    let member = |m: &Member| EnsembleMember { name: m.name.clone(), weight: m.weight, error: m.error };
    DriftView {
        service: drift.service.clone(),
        metric: drift.metric.clone(),
        labels: drift.labels.clone(),
        points: drift.points,
        outside: drift.outside,
        members: drift.members.iter().map(member).collect(),
    }
}
