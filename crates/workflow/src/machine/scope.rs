//! What expressions see: the arguments of the specification and the variables of loops and catches.

use model::Timestamp;
use serde_json::{Value, json};

use super::Machine;
use crate::definition::{Kind, Transform};
use crate::duration::{DurationSpec, milliseconds};
use crate::error::WorkflowError;
use crate::expression::{Expression, Template};
use crate::plan::dry;
use crate::state::NodeId;

/// Values beyond those the node itself has.
#[derive(Clone, Copy, Default)]
pub(super) struct Extra<'a> {
    /// Output before `output.as`.
    pub(super) raw_output: Option<&'a Value>,
    /// Output after it.
    pub(super) output: Option<&'a Value>,
    /// One more variable: the error of a catch, the item of a loop.
    pub(super) variable: Option<(&'a str, &'a Value)>,
}

impl Machine<'_> {
    pub(super) fn value(&self, node: NodeId, extra: Extra<'_>, name: &str) -> Value {
        let state = &self.state;
        let active = state.nodes.get(&node);
        match name {
            "$context" => state.context.clone(),
            "$input" => active.map_or(Value::Null, |n| n.input.clone()),
            "$output" => extra.output.cloned().unwrap_or(Value::Null),
            "$authorization" => self.authorization(node),
            // What a placeholder begins with; expressions name the secret after it.
            "$secrets" => Value::String(start_of_secrets(&state.nonce())),
            "$runtime" => json!({"name": "homeostat", "version": env!("CARGO_PKG_VERSION"), "metadata": {}}),
            "$workflow" => json!({
                "id": state.run,
                "definition": self.definition.source,
                "input": state.input,
                "startedAt": date_time(state.started_at),
            }),
            "$task" => {
                let Some((active, task)) = active.and_then(|n| n.task.map(|t| (n, self.definition.task(t))))
                else {
                    return Value::Null;
                };
                json!({
                    "name": task.name,
                    "reference": task.path,
                    "definition": self.definition.task_json(task),
                    "input": active.raw,
                    "output": extra.raw_output,
                    "startedAt": date_time(active.started_at),
                })
            }
            "$__now" => json!(state.now.as_unix_ms() as f64 / 1000.0),
            local => match extra.variable {
                Some((name, value)) if name == local => value.clone(),
                _ => active
                    .and_then(|n| n.variables.iter().rev().find(|(n, _)| n == local))
                    .map_or(Value::Null, |(_, v)| v.clone()),
            },
        }
    }

    /// The specification's authorization descriptor, as far as it is known before a call is made: tokens that are
    /// fetched for the call do not come into the journal.
    fn authorization(&self, node: NodeId) -> Value {
        let Some(active) = self.state.nodes.get(&node) else { return Value::Null };
        let with = match active.task.map(|t| &self.definition.task(t).kind) {
            Some(Kind::Call(call)) => &call.with,
            Some(Kind::Listen(listen)) => match &listen.subscription {
                Some(subscription) => &subscription.with,
                None => return Value::Null,
            },
            _ => return Value::Null,
        };
        let Some(policy) = AUTHENTICATIONS.iter().find_map(|path| with.property(path)) else {
            return Value::Null;
        };
        let variable = |name: &str| match name {
            "$authorization" => Value::Null,
            name => self.value(node, Extra::default(), name),
        };
        let policy = policy.evaluate(&active.input, &variable).unwrap_or(Value::Null);
        let Some((kind, of)) = policy.as_object().and_then(|p| p.iter().next()) else { return Value::Null };
        let secret = start_of_secrets(&self.state.nonce());
        let (scheme, parameter) = match kind.as_str() {
            "basic" => ("Basic", basic(of, &secret)),
            "digest" => ("Digest", Value::Null),
            _ => ("Bearer", of["token"].clone()),
        };
        json!({"scheme": scheme, "parameter": parameter})
    }

    /// Evaluates a template for a node.
    pub(super) fn evaluate(
        &self,
        node: NodeId,
        template: &Template,
        on: &Value,
        extra: Extra<'_>,
    ) -> Result<Value, WorkflowError> {
        let variable = |name: &str| self.value(node, extra, name);
        let value = match self.watch.dry {
            Some(_) => dry::template(template, on, &variable),
            None => template.evaluate(on, &variable),
        };
        value.map_err(WorkflowError::expression)
    }

    /// Evaluates a condition for a node.
    pub(super) fn holds(
        &self,
        node: NodeId,
        condition: &Expression,
        on: &Value,
        extra: Extra<'_>,
    ) -> Result<bool, WorkflowError> {
        let variable = |name: &str| self.value(node, extra, name);
        let holds = match self.watch.dry {
            Some(dry) => dry.holds(&self.path(node), condition, on, &variable),
            None => condition.evaluate(on, &variable).map(|v| crate::expression::truthy(&v)),
        };
        holds.map_err(WorkflowError::expression)
    }

    /// Evaluates a lone expression for a node.
    pub(super) fn evaluate_expression(
        &self,
        node: NodeId,
        expression: &Expression,
        on: &Value,
    ) -> Result<Value, WorkflowError> {
        let variable = |name: &str| self.value(node, Extra::default(), name);
        let value = match self.watch.dry {
            Some(_) => dry::expression(expression, on, &variable),
            None => expression.evaluate(on, &variable),
        };
        value.map_err(WorkflowError::expression)
    }

    /// Transforms data, keeping it when there is no transformation. Inputs are checked before, outputs after.
    pub(super) fn transform(
        &self,
        node: NodeId,
        transform: &Transform,
        value: Value,
        extra: Extra<'_>,
        check_before: bool,
    ) -> Result<Value, WorkflowError> {
        let check = |value: &Value| match &transform.schema {
            // Of an answer that is not known one cannot say whether it fits.
            Some(_) if self.watch.dry.is_some() && !dry::depends_on(value).is_empty() => Ok(()),
            Some(schema) => schema.check(value).map_err(WorkflowError::validation),
            None => Ok(()),
        };
        if check_before {
            check(&value)?;
        }
        let result = match &transform.template {
            Some(template) => self.evaluate(node, template, &value, extra)?,
            None => value,
        };
        if !check_before {
            check(&result)?;
        }
        Ok(result)
    }

    /// Milliseconds of a duration.
    pub(super) fn duration_ms(&self, node: NodeId, duration: &DurationSpec) -> Result<i64, WorkflowError> {
        match duration {
            DurationSpec::Fixed(ms) => Ok(*ms),
            DurationSpec::Computed(template) => {
                let input = self.node(node).input.clone();
                let value = self.evaluate(node, template, &input, Extra::default())?;
                if self.watch.dry.is_some() && !dry::depends_on(&value).is_empty() {
                    return Ok(0);
                }
                milliseconds(&value).map_err(WorkflowError::expression)
            }
        }
    }
}

/// Where calls have their authentication.
const AUTHENTICATIONS: [&[&str]; 5] = [
    &["authentication"],
    &["endpoint", "authentication"],
    &["service", "authentication"],
    &["server", "authentication"],
    &["transport", "http", "endpoint", "authentication"],
];

/// What every placeholder of a run begins with.
fn start_of_secrets(nonce: &str) -> String {
    let mut start = model::secret::placeholder(nonce, "", &[""; 0]);
    start.pop();
    start
}

/// The parameter of HTTP basic authentication (RFC 7617), when neither part is a secret.
fn basic(of: &Value, secret: &str) -> Value {
    use base64::Engine as _;
    match (of["username"].as_str(), of["password"].as_str()) {
        (Some(name), Some(password)) if !name.contains(secret) && !password.contains(secret) => {
            base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}")).into()
        }
        _ => Value::Null,
    }
}

/// The specification's date-time descriptor.
fn date_time(at: Timestamp) -> Value {
    let ms = at.as_unix_ms();
    json!({"iso8601": at.to_string(), "epoch": {"seconds": ms.div_euclid(1000), "milliseconds": ms}})
}
