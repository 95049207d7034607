//! The function `verify`: what must be true of telemetry, and for how long.
//!
//! A workflow calls it after it acted:
//!
//! ```yaml
//! call: verify
//! with:
//!   service: checkout
//!   window: { seconds: 30 }        # or PT30S; 30 seconds when left out
//!   conditions:
//!     - healthy                    # probes answer, every instance runs, none exits in the window
//!     - no_firing_findings         # no finding of the service fires at the end of the window
//!     - no_firing_findings: { kinds: [memory_leak, latency] }
//!     - metric: { name: request_error_ratio, op: "<", value: 0.05 }
//! ```
//!
//! It succeeds when the window is over and every condition holds, and fails as soon as one cannot hold any more.
//! Only the words are defined here; the engine watches.

use model::FindingKind;
use serde_json::{Map, Value};
use workflow::yaml::{clip, suggest};

/// Name of the function.
pub const VERIFY: &str = "verify";
/// Longest window, in milliseconds: one day.
pub const MAX_WINDOW_MS: u64 = 24 * 3600 * 1000;
const DEFAULT_WINDOW_MS: u64 = 30_000;
const MAX_CONDITIONS: usize = 32;

/// What to verify.
#[derive(Clone, Debug, PartialEq)]
pub struct Verify {
    /// The service that is watched.
    pub service: String,
    /// How long, in milliseconds.
    pub window_ms: u64,
    /// What must be true; never empty.
    pub conditions: Vec<Condition>,
}

/// One thing that must be true.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Every instance runs and answers its probe, and none exits by itself during the window.
    Healthy,
    /// No finding of the service fires at the end of the window.
    NoFiringFindings {
        /// Only these kinds count; all when empty.
        kinds: Vec<FindingKind>,
    },
    /// The newest sample of a metric of the service, taken after the window began, compares so.
    Metric {
        /// Metric name.
        name: String,
        /// How it is compared.
        op: Operator,
        /// With what.
        value: f64,
    },
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Operator {
    const ALL: [(&'static str, Self); 4] =
        [("<", Self::Less), ("<=", Self::LessOrEqual), (">", Self::Greater), (">=", Self::GreaterOrEqual)];

    /// As files write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether `seen` compares so with `value`. Nothing holds for NaN.
    #[must_use]
    pub fn holds(self, seen: f64, value: f64) -> bool {
        match self {
            Self::Less => seen < value,
            Self::LessOrEqual => seen <= value,
            Self::Greater => seen > value,
            Self::GreaterOrEqual => seen >= value,
        }
    }
}

impl Verify {
    /// Reads the parameters of a call, expressions evaluated.
    ///
    /// # Errors
    /// They are not what the module describes; the text says what to write.
    pub fn parse(parameters: &Value) -> Result<Self, String> {
        let map =
            parameters.as_object().ok_or("`with` must be a mapping of service, window and conditions")?;
        known(map, &["service", "window", "conditions"], "`verify`")?;
        let service = map.get("service").and_then(Value::as_str).filter(|s| !s.is_empty());
        let service = service.ok_or("`service` must name the service to watch")?.to_owned();
        let window_ms = match map.get("window") {
            None | Some(Value::Null) => DEFAULT_WINDOW_MS,
            Some(window) => workflow::duration_ms(window)?.unsigned_abs(),
        };
        if !(1..=MAX_WINDOW_MS).contains(&window_ms) {
            return Err("`window` must be longer than nothing and at most a day".into());
        }
        let conditions =
            map.get("conditions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if conditions.is_empty() || conditions.len() > MAX_CONDITIONS {
            return Err(format!(
                "`conditions` must be a list of 1 to {MAX_CONDITIONS} conditions, such as `healthy`"
            ));
        }
        let conditions = conditions.iter().map(condition).collect::<Result<_, _>>()?;
        Ok(Self { service, window_ms, conditions })
    }

    /// Checks parameters as a document writes them, before expressions are evaluated: what an expression will
    /// give is taken as right.
    pub(crate) fn check(written: &Value) -> Result<(), String> {
        fn computed(value: &Value) -> bool {
            match value {
                Value::String(s) => s.contains("${"),
                Value::Array(items) => items.iter().any(computed),
                Value::Object(map) => map.values().any(computed),
                _ => false,
            }
        }
        let mut parameters = written.clone();
        if let Some(map) = parameters.as_object_mut() {
            for (key, stand_in) in [("service", Value::from("service")), ("window", Value::from("PT1S"))] {
                if map.get(key).is_some_and(computed) {
                    map.insert(key.to_owned(), stand_in);
                }
            }
            if let Some(conditions) = map.get_mut("conditions") {
                match conditions {
                    Value::Array(items) => {
                        items.iter_mut().filter(|i| computed(i)).for_each(|i| *i = Value::from("healthy"));
                    }
                    other if computed(other) => *other = serde_json::json!(["healthy"]),
                    _ => {}
                }
            }
        }
        if computed(&parameters) {
            return Ok(());
        }
        Self::parse(&parameters).map(|_| ())
    }
}

fn known(map: &Map<String, Value>, names: &[&str], what: &str) -> Result<(), String> {
    match map.keys().find(|k| !names.contains(&k.as_str())) {
        None => Ok(()),
        Some(stray) => {
            let hint = suggest(stray, names.iter().copied())
                .map_or_else(|| format!("known: {}", names.join(", ")), |s| format!("did you mean `{s}`?"));
            Err(format!("{what} has no `{}`; {hint}", clip(stray)))
        }
    }
}

fn condition(value: &Value) -> Result<Condition, String> {
    const NAMES: [&str; 3] = ["healthy", "no_firing_findings", "metric"];
    let empty = Value::Object(Map::new());
    let (name, body) = match value {
        Value::String(name) => (name.as_str(), &empty),
        Value::Object(map) if map.len() == 1 => {
            let (name, body) = map.iter().next().expect("it has one entry");
            (name.as_str(), if body.is_null() { &empty } else { body })
        }
        _ => {
            return Err(format!(
                "a condition is one of {}, not {}",
                NAMES.join(", "),
                clip(&value.to_string())
            ));
        }
    };
    let map = body.as_object().ok_or_else(|| format!("`{}` takes a mapping", clip(name)))?;
    match name {
        "healthy" => {
            known(map, &[], "`healthy`").map_err(|_| "`healthy` takes nothing".to_owned())?;
            Ok(Condition::Healthy)
        }
        "no_firing_findings" => {
            known(map, &["kinds"], "`no_firing_findings`")?;
            let kinds = match map.get("kinds") {
                None => Vec::new(),
                Some(Value::Array(kinds)) => kinds.iter().map(kind).collect::<Result<_, _>>()?,
                Some(_) => return Err("`kinds` must be a list of kinds of finding".into()),
            };
            Ok(Condition::NoFiringFindings { kinds })
        }
        "metric" => {
            known(map, &["name", "op", "value"], "`metric`")?;
            let name = map.get("name").and_then(Value::as_str).filter(|n| !n.is_empty());
            let name =
                name.ok_or("`name` of `metric` must name a metric, such as request_error_ratio")?.to_owned();
            let op = map
                .get("op")
                .and_then(Value::as_str)
                .and_then(|op| Operator::ALL.iter().find(|(n, _)| *n == op));
            let (_, op) = op.ok_or("`op` of `metric` must be one of <, <=, >, >= (in quotes)")?;
            let value = map.get("value").and_then(Value::as_f64);
            let value = value.ok_or("`value` of `metric` must be a number")?;
            Ok(Condition::Metric { name, op: *op, value })
        }
        other => {
            let hint = suggest(other, NAMES.into_iter())
                .map_or_else(|| format!("known: {}", NAMES.join(", ")), |s| format!("did you mean `{s}`?"));
            Err(format!("there is no condition `{}`; {hint}", clip(other)))
        }
    }
}

fn kind(value: &Value) -> Result<FindingKind, String> {
    serde_json::from_value(value.clone()).map_err(|_| {
        let names: Vec<String> = FindingKind::ALL
            .iter()
            .filter_map(|k| serde_json::to_value(k).ok()?.as_str().map(str::to_owned))
            .collect();
        let given = value.as_str().unwrap_or_default();
        let hint = suggest(given, names.iter().map(String::as_str))
            .map_or_else(|| format!("known: {}", names.join(", ")), |s| format!("did you mean `{s}`?"));
        format!("there is no kind of finding {}; {hint}", clip(&value.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_read_or_refused_with_advice() {
        let fine = json!({
            "service": "checkout",
            "window": {"seconds": 5},
            "conditions": [
                "healthy", {"no_firing_findings": {"kinds": ["memory_leak"]}}, {"no_firing_findings": null},
                {"metric": {"name": "request_error_ratio", "op": "<", "value": 0.05}},
            ],
        });
        let verify = Verify::parse(&fine).unwrap();
        assert_eq!(verify.window_ms, 5000);
        assert_eq!(
            verify.conditions[1],
            Condition::NoFiringFindings { kinds: vec![FindingKind::MemoryLeak] }
        );
        assert_eq!(verify.conditions.len(), 4);
        for (parameters, part) in [
            (json!({"conditions": ["healthy"]}), "`service`"),
            (json!({"service": "a", "conditions": []}), "1 to 32"),
            (json!({"service": "a", "conditions": ["helthy"]}), "did you mean `healthy`"),
            (json!({"service": "a", "window": "5s", "conditions": ["healthy"]}), "ISO 8601"),
            (json!({"service": "a", "window": "P2D", "conditions": ["healthy"]}), "at most a day"),
            (json!({"service": "a", "windows": 1, "conditions": ["healthy"]}), "did you mean `window`"),
            (
                json!({"service": "a", "conditions": [{"metric": {"name": "m", "op": "=", "value": 1}}]}),
                "<, <=, >, >=",
            ),
            (
                json!({"service": "a", "conditions": [{"no_firing_findings": {"kinds": ["memory_leek"]}}]}),
                "did you mean `memory_leak`",
            ),
            (json!([]), "mapping"),
        ] {
            let error = Verify::parse(&parameters).expect_err(&parameters.to_string());
            assert!(error.contains(part), "{parameters}: {error}");
        }
    }

    #[test]
    fn what_expressions_will_give_is_taken_as_right() {
        let written =
            json!({"service": "${ .s }", "window": {"seconds": "${ .n }"}, "conditions": ["healthy"]});
        assert_eq!(Verify::check(&written), Ok(()));
        let wrong = json!({"service": "${ .s }", "conditions": ["sane"]});
        assert!(Verify::check(&wrong).is_err());
    }
}
