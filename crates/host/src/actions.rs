//! The actions the host offers: their specifications and planners. Pure: a planner turns parameters and a
//! snapshot into a plan and touches nothing. A new action is one entry in [`all`] and one planner.

use model::{ActionSpec, BlastRadius};
use serde_json::{Map, Value, json};

use crate::plan::{Plan, Snapshot};
use crate::problem::Problem;

mod data;
mod deploy;
mod process;

/// Plans an action: parameters, the service as it is, and the idempotency key (names derived from it are the
/// same when the planning is repeated).
type Planner = fn(&Parameters, &Snapshot, &str) -> Result<Plan, Problem>;

/// One action.
pub(crate) struct Action {
    pub spec: ActionSpec,
    pub plan: Planner,
}

/// Every action.
pub(crate) fn all() -> Vec<Action> {
    use BlastRadius::{Instance, Service};
    let instance =
        || json!({"instance": {"type": "string", "description": "One instance; all when absent."}});
    let trash =
        || json!({"trash": {"type": "string", "description": "Id given by the action that moved the data."}});
    vec![
        action(
            "process.start",
            "Starts stopped or ended instances.",
            instance(),
            &[],
            Some("process.stop"),
            Instance,
            process::start,
        ),
        action(
            "process.stop",
            "Stops instances and keeps them stopped.",
            instance(),
            &[],
            Some("process.start"),
            Instance,
            process::stop,
        ),
        action(
            "process.restart",
            "Restarts instances one by one.",
            instance(),
            &[],
            None,
            Instance,
            process::restart,
        ),
        action(
            "process.scale",
            "Adds or removes instances until there are as many as asked for.",
            json!({"instances": {"type": "integer", "minimum": 0, "maximum": 64}}),
            &["instances"],
            Some("process.scale"),
            Service,
            process::scale,
        ),
        action(
            "deploy.release",
            "Puts a release in place and restarts the instances one by one.",
            json!({"release": {"type": "string"}}),
            &["release"],
            Some("deploy.release"),
            Service,
            deploy::release,
        ),
        action(
            "deploy.config",
            "Puts a configuration in place, an existing revision or new values, and restarts the instances.",
            json!({"revision": {"type": "string"}, "values": {"type": "object"}}),
            &[],
            Some("deploy.config"),
            Service,
            deploy::config,
        ),
        action(
            "deploy.rollback",
            "Undoes the newest change of release or configuration.",
            json!({"to": {"type": "string", "description": "Release or revision to go to instead."}}),
            &[],
            Some("deploy.release"),
            Service,
            deploy::rollback,
        ),
        action(
            "data.reclaim",
            "Moves expendable files out of the data folder.",
            json!({}),
            &[],
            Some("data.restore"),
            Service,
            data::reclaim,
        ),
        action(
            "data.reset",
            "Moves the state folder aside and restarts the instances.",
            json!({}),
            &[],
            Some("data.restore"),
            Service,
            data::reset,
        ),
        action(
            "data.restore",
            "Brings moved data back from the trash.",
            trash(),
            &["trash"],
            None,
            Service,
            data::restore,
        ),
    ]
}

fn action(
    name: &str,
    summary: &str,
    mut properties: Value,
    required: &[&str],
    inverse: Option<&str>,
    blast_radius: BlastRadius,
    plan: Planner,
) -> Action {
    if let Some(map) = properties.as_object_mut() {
        map.insert("service".to_owned(), json!({"type": "string"}));
    }
    let required: Vec<&str> = ["service"].iter().chain(required).copied().collect();
    let spec = ActionSpec {
        name: name.to_owned(),
        summary: summary.to_owned(),
        parameters: json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false}),
        inverse: inverse.map(str::to_owned),
        blast_radius,
        // A restart without a key restarts again, and a rollback goes further back.
        repeatable: !matches!(name, "process.restart" | "deploy.rollback" | "data.reset" | "data.reclaim"),
        deploys: name.starts_with("deploy."),
    };
    Action { spec, plan }
}

/// The parameters of a call, checked against the action: nothing unknown, nothing missing.
pub(crate) struct Parameters(Map<String, Value>);

impl Parameters {
    /// # Errors
    /// They are not an object, or a name is unknown or missing.
    pub(crate) fn check(spec: &ActionSpec, given: &Value) -> Result<Self, Problem> {
        let Some(map) = given.as_object() else {
            return Err(Problem::invalid("the body must be a JSON object of parameters"));
        };
        let known = &spec.parameters["properties"];
        if let Some(name) = map.keys().find(|name| known.get(name.as_str()).is_none()) {
            let names: Vec<_> =
                known.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
            return Err(Problem::invalid(format!(
                "{} knows no parameter {name:?}; it takes {}",
                spec.name,
                names.join(", ")
            )));
        }
        let required = spec.parameters["required"].as_array();
        if let Some(name) =
            required.into_iter().flatten().filter_map(Value::as_str).find(|n| !map.contains_key(*n))
        {
            return Err(Problem::invalid(format!("{} needs the parameter {name:?}", spec.name)));
        }
        Ok(Self(map.clone()))
    }

    /// A text parameter.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Problem::invalid(format!("parameter {name:?} must be text, got {other}"))),
        }
    }

    /// A text parameter that must be there.
    pub(crate) fn required_text(&self, name: &str) -> Result<&str, Problem> {
        self.text(name)?.ok_or_else(|| Problem::invalid(format!("parameter {name:?} is missing")))
    }

    /// A parameter as it is.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|v| !v.is_null())
    }
}

#[cfg(test)]
mod tests;
