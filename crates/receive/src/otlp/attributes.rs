//! Attribute values as text, and who a resource is.

use std::borrow::Cow;

use model::Labels;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde_json::Value;

use crate::limits;

/// Resource attributes put on each log record and span. Few and short, because a request names its
/// resource once and this repeats it.
const CARRIED: [&str; 5] =
    ["service.version", "service.namespace", "deployment.environment.name", "host.name", "k8s.pod.name"];

/// What a resource says of its service.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) service: String,
    pub(super) instance: Option<String>,
    /// Attributes for log records and spans, without `instance`.
    pub(super) carried: Vec<(&'static str, String)>,
}

impl Sender {
    /// Reads a resource. The error is the reason to refuse everything under it.
    pub(super) fn of(resource: Option<&Resource>) -> Result<Self, String> {
        let attributes = resource.map_or(&[][..], |r| r.attributes.as_slice());
        let named = |key: &str| {
            attributes
                .iter()
                .find(|a| a.key == key)
                .and_then(|a| a.value.as_ref())
                .map(|value| text(value).into_owned())
                .filter(|value| !value.is_empty())
        };
        let service = named("service.name").unwrap_or_default();
        let instance =
            named("service.instance.id").or_else(|| named("k8s.pod.name")).or_else(|| named("host.name"));
        for (key, value) in [("service.name", Some(&service)), ("service.instance.id", instance.as_ref())] {
            if value.is_some_and(|v| v.len() > limits::NAME_BYTES_MAX) {
                return Err(format!("{key} is longer than {} bytes", limits::NAME_BYTES_MAX));
            }
        }
        let carried = CARRIED
            .into_iter()
            .filter_map(|key| Some((key, limits::cut(&named(key)?, 256).into_owned())))
            .collect();
        Ok(Self { service, instance, carried })
    }

    /// Labels of a series. The error is the reason to refuse the data point.
    pub(super) fn labels(&self, attributes: &[KeyValue]) -> Result<Labels, String> {
        if attributes.len() > limits::LABELS_MAX {
            return Err(format!("more than {} attributes", limits::LABELS_MAX));
        }
        let mut labels = Labels::new();
        if let Some(instance) = &self.instance {
            labels.insert("instance".to_owned(), instance.clone());
        }
        for attribute in attributes {
            let key = match attribute.key.as_str() {
                "" | "__name__" => return Err(format!("attribute name {:?}", attribute.key)),
                "service" => "exported_service",
                "instance" if self.instance.is_some() => "exported_instance",
                key => key,
            };
            let value = attribute.value.as_ref().map_or(Cow::Borrowed(""), text);
            if key.len() > limits::NAME_BYTES_MAX || value.len() > limits::LABEL_VALUE_BYTES_MAX {
                return Err(format!(
                    "attribute name longer than {} or value longer than {} bytes",
                    limits::NAME_BYTES_MAX,
                    limits::LABEL_VALUE_BYTES_MAX
                ));
            }
            if !value.is_empty() {
                labels.insert(key.to_owned(), value.into_owned());
            }
        }
        Ok(labels)
    }

    /// Attributes of a log record or span: those of the resource, then its own, cut to the limits.
    pub(super) fn attributes(&self, attributes: &[KeyValue]) -> Labels {
        let mut labels: Labels =
            self.carried.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        for attribute in attributes.iter().filter(|a| !a.key.is_empty()) {
            if labels.len() >= limits::ATTRIBUTES_MAX {
                labels.insert("attributes_cut".to_owned(), "true".to_owned());
                break;
            }
            let key = match attribute.key.as_str() {
                "instance" if self.instance.is_some() => Cow::Borrowed("exported_instance"),
                key => limits::cut(key, limits::NAME_BYTES_MAX),
            };
            let value = attribute.value.as_ref().map_or(Cow::Borrowed(""), text);
            labels.insert(
                key.into_owned(),
                limits::cut(&value, limits::ATTRIBUTE_VALUE_BYTES_MAX).into_owned(),
            );
        }
        if let Some(instance) = &self.instance {
            labels.insert("instance".to_owned(), instance.clone());
        }
        labels
    }
}

/// Bytes of labels, about.
pub(super) fn size_bytes(labels: &Labels) -> usize {
    labels.iter().map(|(key, value)| key.len() + value.len() + 48).sum()
}

/// A value as text: strings as they are, structures as JSON, bytes as base64.
pub(super) fn text(value: &AnyValue) -> Cow<'_, str> {
    match &value.value {
        None => Cow::Borrowed(""),
        Some(Any::StringValue(text)) => Cow::Borrowed(text),
        Some(Any::BoolValue(flag)) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        Some(Any::IntValue(number)) => Cow::Owned(number.to_string()),
        Some(Any::DoubleValue(number)) => Cow::Owned(number.to_string()),
        Some(_) => match json(value, 0) {
            Value::String(text) => Cow::Owned(text),
            other => Cow::Owned(other.to_string()),
        },
    }
}

fn json(value: &AnyValue, depth: usize) -> Value {
    if depth > limits::DEPTH_MAX {
        return Value::String("…".to_owned());
    }
    match &value.value {
        // A string-table reference is meaningless outside profiles, where it cannot be resolved either.
        None | Some(Any::StringValueStrindex(_)) => Value::Null,
        Some(Any::StringValue(text)) => Value::String(text.clone()),
        Some(Any::BoolValue(flag)) => Value::Bool(*flag),
        Some(Any::IntValue(number)) => Value::from(*number),
        Some(Any::DoubleValue(number)) => {
            serde_json::Number::from_f64(*number).map_or_else(|| number.to_string().into(), Value::Number)
        }
        Some(Any::BytesValue(bytes)) => {
            use base64::Engine;
            Value::String(base64::engine::general_purpose::STANDARD.encode(bytes))
        }
        Some(Any::ArrayValue(list)) => list.values.iter().map(|v| json(v, depth + 1)).collect(),
        Some(Any::KvlistValue(list)) => list
            .values
            .iter()
            .map(|kv| {
                let value = kv.value.as_ref().map_or(Value::Null, |v| json(v, depth + 1));
                (kv.key.clone(), value)
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

/// Bytes as lower-case hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
