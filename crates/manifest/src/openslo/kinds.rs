//! The objects of OpenSLO as written. Unknown fields are refused.

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Document {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) metadata: Metadata,
    pub(super) spec: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) display_name: Option<String>,
    #[serde(rename = "labels")]
    _labels: Option<Value>,
    #[serde(rename = "annotations")]
    _annotations: Option<Value>,
}

pub(super) struct Slo {
    pub(super) metadata: Metadata,
    pub(super) spec: SloSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SloSpec {
    #[serde(rename = "description")]
    _description: Option<String>,
    pub(super) service: String,
    pub(super) indicator: Option<InlineIndicator>,
    pub(super) indicator_ref: Option<String>,
    pub(super) time_window: Vec<TimeWindow>,
    pub(super) budgeting_method: String,
    pub(super) objectives: Vec<ObjectiveSpec>,
    pub(super) alert_policies: Option<Vec<PolicyEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InlineIndicator {
    #[serde(rename = "metadata")]
    _metadata: Option<Value>,
    pub(super) spec: Indicator,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TimeWindow {
    pub(super) duration: String,
    #[serde(rename = "isRolling")]
    _is_rolling: Option<bool>,
    #[serde(rename = "calendar")]
    _calendar: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ObjectiveSpec {
    pub(super) display_name: Option<String>,
    pub(super) op: Option<String>,
    pub(super) value: Option<f64>,
    pub(super) target: Option<f64>,
    pub(super) target_percent: Option<f64>,
    pub(super) time_slice_target: Option<f64>,
    pub(super) time_slice_window: Option<String>,
    #[serde(rename = "compositeWeight")]
    _composite_weight: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Indicator {
    #[serde(rename = "description")]
    _description: Option<String>,
    pub(super) threshold_metric: Option<Metric>,
    pub(super) ratio_metric: Option<Ratio>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Ratio {
    /// Prometheus names say it, and samples show it.
    #[serde(rename = "counter")]
    _counter: Option<bool>,
    pub(super) good: Option<Metric>,
    pub(super) bad: Option<Metric>,
    pub(super) total: Option<Metric>,
    pub(super) raw: Option<Metric>,
    pub(super) raw_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Metric {
    pub(super) metric_source: Source,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    #[serde(rename = "metricSourceRef")]
    pub(super) reference: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) spec: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DataSource {
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(rename = "connectionDetails")]
    _connection_details: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(super) enum PolicyEntry {
    Reference { alert_policy_ref: String },
    Inline { spec: Policy },
    Name(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Policy {
    pub(super) conditions: Vec<ConditionEntry>,
}

#[derive(Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(super) enum ConditionEntry {
    Reference { condition_ref: String },
    Inline { spec: Condition },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    #[serde(rename = "description")]
    _description: Option<String>,
    pub(super) severity: String,
    pub(super) condition: BurnRate,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BurnRate {
    pub(super) kind: Option<String>,
    #[serde(rename = "op")]
    _op: Option<String>,
    pub(super) threshold: f64,
    pub(super) lookback_window: String,
    #[serde(rename = "alertAfter")]
    _alert_after: Option<String>,
}
