//! Errors of a run, as Problem Details (RFC 9457) with the standard types of the specification.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where the standard error types live (DSL reference, "Standard Error Types").
const BASE: &str = "https://serverlessworkflow.io/spec/1.0.0/errors/";

/// An error raised in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct WorkflowError {
    /// URI of the kind of error.
    #[serde(rename = "type")]
    pub kind: String,
    /// Status code, after HTTP.
    pub status: u16,
    /// A short summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What happened this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// JSON pointer of the task it comes from; set by the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

impl WorkflowError {
    /// An error of one of the standard types: `configuration`, `validation`, `expression`, `authentication`,
    /// `authorization`, `timeout`, `communication`, `runtime`.
    #[must_use]
    pub fn standard(name: &str, status: u16, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("{BASE}{name}"),
            status,
            title: Some(title.to_owned()),
            detail: Some(detail.into()),
            instance: None,
        }
    }

    /// The configuration is wrong: an unknown function, say.
    #[must_use]
    pub fn configuration(detail: impl Into<String>) -> Self {
        Self::standard("configuration", 400, "Configuration Error", detail)
    }

    /// Data does not fit its schema.
    #[must_use]
    pub fn validation(detail: impl Into<String>) -> Self {
        Self::standard("validation", 400, "Validation Error", detail)
    }

    /// An expression could not be evaluated.
    #[must_use]
    pub fn expression(detail: impl Into<String>) -> Self {
        Self::standard("expression", 400, "Expression Error", detail)
    }

    /// Something may not be used: a secret, say.
    #[must_use]
    pub fn authorization(detail: impl Into<String>) -> Self {
        Self::standard("authorization", 403, "Authorization Error", detail)
    }

    /// It took too long.
    #[must_use]
    pub fn timeout(detail: impl Into<String>) -> Self {
        Self::standard("timeout", 408, "Timeout", detail)
    }

    /// A service could not be reached or gave a useless answer.
    #[must_use]
    pub fn communication(status: u16, detail: impl Into<String>) -> Self {
        Self::standard("communication", status, "Communication Error", detail)
    }

    /// A call was not carried out.
    #[must_use]
    pub fn call_failed(detail: impl Into<String>) -> Self {
        Self::communication(500, detail)
    }

    /// A `verify` did not hold.
    #[must_use]
    pub fn verification(detail: impl Into<String>) -> Self {
        Self {
            kind: "https://homeostat.dev/errors/verification".to_owned(),
            status: 417,
            title: Some("Verification Failed".to_owned()),
            detail: Some(detail.into()),
            instance: None,
        }
    }

    /// Something else went wrong while running.
    #[must_use]
    pub fn runtime(detail: impl Into<String>) -> Self {
        Self::standard("runtime", 500, "Runtime Error", detail)
    }

    /// One sentence for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        match (&self.title, &self.detail) {
            (Some(title), Some(detail)) => format!("{title}: {detail}"),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => format!("{} ({})", self.kind, self.status),
        }
    }

    /// The error as expressions see it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        map.insert("type".into(), self.kind.clone().into());
        map.insert("status".into(), self.status.into());
        for (name, value) in [("title", &self.title), ("detail", &self.detail), ("instance", &self.instance)]
        {
            if let Some(text) = value {
                map.insert(name.into(), text.clone().into());
            }
        }
        Value::Object(map)
    }
}
