//! Values: `enum`, `const`, and variants that are nothing but values.

use serde_json::Value;

use super::super::reader::Reader;
use super::super::spot::Spot;
use super::kinds::{Type, Types};
use crate::api::{Enum, EnumValue, ScalarType};
use crate::tree::{Word, number};
use crate::words;

impl<'t> Reader<'t> {
    /// The values of a schema, and whether null is one of them.
    pub(super) fn values(&mut self, spot: Spot<'t>, types: &Types) -> Option<(Enum, bool)> {
        if let Some(constant) = spot.node.field(words::CONST) {
            let value = constant.value();
            let is_null = value.is_null();
            let values =
                if is_null { Vec::new() } else { vec![EnumValue { value, name: None, description: None }] };
            return Some((finished(values, false, true), is_null));
        }
        let given = spot.get(words::ENUM)?;
        let (names, descriptions) = (labels(spot, &NAMES), labels(spot, &DESCRIPTIONS));
        let mut values: Vec<EnumValue> = Vec::new();
        let mut null = false;
        let mut changed = false;
        for (at, item) in given.list().enumerate() {
            if item.node.is_null() {
                null = true;
                continue;
            }
            let (value, other) = fitted(item, types);
            changed |= other;
            if values.iter().any(|known| known.value == value) && values.len() < 1_000 {
                continue;
            }
            let label = |labels: &Labels<'t>| match labels {
                Labels::None => None,
                Labels::Listed(list) => list.get(at).copied(),
                Labels::Keyed(map) => item.node.scalar().and_then(|key| map.named(key)?.node.text()),
            };
            values.push(EnumValue {
                name: label(&names).map(Into::into),
                description: label(&descriptions).map(Into::into),
                value,
            });
        }
        if changed {
            let message = "values of the enum are not of its type; they are taken as that type";
            self.warn("enum-value-type", given.at(), message, "put texts in quotes, numbers without");
        }
        if values.is_empty() && !null {
            self.warn("enum-empty", given.at(), "the enum has no values; it is left out", "add values");
            return None;
        }
        self.more_labels(spot, &mut values);
        let open = spot.node.any_name(|name| name == "x-extensible-enum") || models_as_string(spot);
        Some((finished(values, open, false), null))
    }

    /// `x-ms-enum: {values: [{value, name, description}]}`.
    fn more_labels(&self, spot: Spot<'t>, values: &mut [EnumValue]) {
        let listed = spot.get(words::X_MS_ENUM).and_then(|said| said.get(words::VALUES));
        for said in listed.into_iter().flat_map(Spot::items) {
            let Some(value) = said.get(words::VALUE).map(|value| value.node.value()) else { continue };
            let Some(known) = values.iter_mut().find(|known| known.value == value) else { continue };
            known.name = known.name.take().or_else(|| said.text(words::NAME).map(Into::into));
            known.description =
                known.description.take().or_else(|| said.text(words::DESCRIPTION).map(Into::into));
        }
    }

    /// Variants that are each one value, with a title perhaps: an enum with names.
    pub(super) fn folded(&self, variants: &[Spot<'t>]) -> Option<Enum> {
        let mut values: Vec<EnumValue> = Vec::with_capacity(variants.len());
        for variant in variants {
            let plain = variant.node.entries().all(|(name, _)| {
                matches!(name, "const" | "enum" | "type" | "title" | "description") || name.starts_with("x-")
            });
            let value = variant.node.field(words::CONST).or_else(|| {
                let given = variant.get(words::ENUM)?;
                (given.node.len() == 1).then(|| given.node.items().next()).flatten()
            });
            let value = value.filter(|value| plain && !value.is_null())?;
            values.push(EnumValue {
                value: value.value(),
                name: variant.text(words::TITLE).map(Into::into),
                description: variant.text(words::DESCRIPTION).map(Into::into),
            });
        }
        (values.len() > 1).then(|| finished(values, false, false))
    }
}

const NAMES: [Word; 3] = [words::X_ENUM_VARNAMES, words::X_ENUM_NAMES, words::X_ENUM_VARNAMES_2];
const DESCRIPTIONS: [Word; 2] = [words::X_ENUM_DESCRIPTIONS, words::X_ENUM_DESCRIPTIONS_2];

enum Labels<'t> {
    None,
    Listed(Vec<&'t str>),
    Keyed(Spot<'t>),
}

fn labels<'t>(spot: Spot<'t>, words: &[Word]) -> Labels<'t> {
    match words.iter().find_map(|word| spot.get(*word)) {
        None => Labels::None,
        Some(said) if said.node.is_object() => Labels::Keyed(said),
        Some(said) => Labels::Listed(said.items().map(|item| item.node.text().unwrap_or_default()).collect()),
    }
}

fn models_as_string(spot: Spot<'_>) -> bool {
    spot.get(words::X_MS_ENUM).and_then(|said| said.named("modelAsString")?.node.truth()) == Some(true)
}

fn finished(values: Vec<EnumValue>, open: bool, constant: bool) -> Enum {
    let base = |value: &Value| match value {
        Value::Bool(_) => Some(ScalarType::Boolean),
        Value::Number(number) if number.is_f64() => Some(ScalarType::Number),
        Value::Number(_) => Some(ScalarType::Integer),
        Value::String(_) => Some(ScalarType::String),
        _ => None,
    };
    let mut kinds = values.iter().map(|known| base(&known.value));
    let both = |kind: Option<ScalarType>, other: Option<ScalarType>| match (kind?, other?) {
        (a, b) if a == b => Some(a),
        (ScalarType::Integer | ScalarType::Number, ScalarType::Integer | ScalarType::Number) => {
            Some(ScalarType::Number)
        }
        _ => None,
    };
    let first = kinds.next().flatten();
    let same = kinds.fold(first, both);
    Enum { values, base: same, open, constant }
}

/// A value as the type of its schema has it: YAML takes `1` and `true` without quotes for what they are not.
fn fitted(item: Spot<'_>, types: &Types) -> (Value, bool) {
    let value = item.node.value();
    match (types.types.as_slice(), &value) {
        ([Type::String], Value::Number(_) | Value::Bool(_)) => {
            (Value::String(item.node.scalar().unwrap_or_default().to_owned()), true)
        }
        ([Type::Integer | Type::Number], Value::String(text)) => match number(text) {
            number @ Value::Number(_) => (number, true),
            _ => (value, false),
        },
        ([Type::Boolean], Value::String(text)) if text == "true" || text == "false" => {
            (Value::Bool(text == "true"), true)
        }
        _ => (value, false),
    }
}
