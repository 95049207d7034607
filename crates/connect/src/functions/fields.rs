//! Reads the parameters of a call. Errors name the place and say what belongs there; what stood there may be a secret
//! and is never repeated.

use ports::{ActionFailure, FailureKind, Retry};
use serde_json::{Map, Value};

/// The call is wrong as it stands; the same call will fail again.
pub(crate) fn configuration(message: impl Into<String>) -> ActionFailure {
    ActionFailure::new(FailureKind::Configuration, Retry::Permanent, message)
}

/// An object of parameters, and where it stands.
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
    at: String,
}

impl<'a> Fields<'a> {
    /// The object at a place (`authentication.basic`).
    pub(crate) fn of(value: &'a Value, at: &str) -> Result<Self, ActionFailure> {
        let map = value
            .as_object()
            .ok_or_else(|| configuration(format!("{at} must be an object of parameters")))?;
        Ok(Self { map, at: at.to_owned() })
    }

    /// Refuses every name but these.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), ActionFailure> {
        match self.map.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(configuration(format!(
                "{} has no {:?}; it takes {}",
                self.at,
                receive::limits::cut(name, 80),
                known.join(", ")
            ))),
        }
    }

    /// Where a field stands.
    pub(crate) fn place(&self, name: &str) -> String {
        format!("{}.{name}", self.at)
    }

    /// A field as it is; null is the same as absent.
    pub(crate) fn value(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// A text. Numbers and booleans are taken as they are written: a password of digits is a number in YAML.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, ActionFailure> {
        self.value(name)
            .map(|value| {
                scalar(value).ok_or_else(|| configuration(format!("{} must be text", self.place(name))))
            })
            .transpose()
    }

    /// A text that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<String, ActionFailure> {
        self.text(name)?.ok_or_else(|| configuration(format!("{} is missing", self.place(name))))
    }

    /// A truth; false when absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ActionFailure> {
        match self.value(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(configuration(format!("{} must be true or false", self.place(name)))),
        }
    }

    /// An object; none when absent.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Fields<'a>>, ActionFailure> {
        self.value(name).map(|value| Fields::of(value, &self.place(name))).transpose()
    }

    /// A list of texts; empty when absent. One text alone is a list of one.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, ActionFailure> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let texts: Option<Vec<_>> = items.iter().map(scalar).collect();
        texts.ok_or_else(|| configuration(format!("{} must be a list of texts", self.place(name))))
    }

    /// The fields and their values, null ones left out.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.map.iter().filter(|(_, value)| !value.is_null())
    }
}

/// Text, a number or a boolean as text.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
