//! What Homeostat adds to documents, in metadata under `homeostat`: how runs are limited, which service they touch.

use serde_json::Value;

use crate::expression::Template;

/// What the document says of how its runs are operated (document metadata `homeostat`).
#[derive(Clone, Debug, Default)]
pub struct Operations {
    pub(crate) concurrency: Option<Concurrency>,
    pub(crate) service: Option<Template>,
    pub(crate) by_dependencies: bool,
}

/// How many runs of a workflow may go at once (document metadata `homeostat.concurrency`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// Most runs at once.
    pub limit: u32,
    /// Runs of what.
    pub by: ConcurrencyBy,
}

/// Which runs are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConcurrencyBy {
    /// All runs of the workflow.
    Workflow,
    /// Runs of the workflow that touch the same service.
    Service,
}

impl Operations {
    /// How many runs may go at once; none when nothing is said.
    #[must_use]
    pub fn concurrency(&self) -> Option<Concurrency> {
        self.concurrency
    }

    /// Whether runs of several services are ordered so that a service is worked on after those it depends on
    /// (`order: dependencies`).
    #[must_use]
    pub fn by_dependencies(&self) -> bool {
        self.by_dependencies
    }

    /// The service a run with this input touches; none when the document does not say.
    ///
    /// # Errors
    /// The expression failed, or gave something that is no name.
    pub fn service(&self, input: &Value) -> Result<Option<String>, String> {
        let Some(service) = &self.service else { return Ok(None) };
        let variable = |name: &str| if name == "$input" { input.clone() } else { Value::Null };
        match service.evaluate(input, &variable)? {
            Value::Null => Ok(None),
            Value::String(name) => Ok(Some(name)),
            other => Err(format!(
                "`homeostat.service` must give the name of a service, not {}",
                crate::yaml::clip(&other.to_string())
            )),
        }
    }
}
