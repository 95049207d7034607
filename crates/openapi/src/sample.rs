//! Example values of schemas: what the document gives if it fits, else the plainest value that is allowed. The same
//! schema gives the same value; schemas that hold themselves end where they may.

mod text;

use serde_json::{Map, Number, Value, json};

use crate::api::{Additional, Api, Array, Discriminator, Kind, Limits, Object, Schema, SchemaId};
use crate::check::{Checker, Way};

/// Deepest nesting at which what is optional is still given.
const DEPTH_FULL: usize = 6;
/// Deepest nesting at all.
const DEPTH_MAX: usize = 48;
/// Most values of one example.
const VALUES_MAX: usize = 8_000;
/// Most items that are made because a list must have them.
const ITEMS_MAX: u64 = 1_024;

/// An example of a schema, which [`crate::check`] takes wherever one can be made.
#[must_use]
pub fn sample(api: &Api, schema: SchemaId, way: Way) -> Value {
    let checker = Checker::new(api, way);
    let mut sampler = Sampler { api, checker: &checker, open: Vec::new(), left: VALUES_MAX };
    sampler.value(schema, 0, false).unwrap_or(Value::Null)
}

struct Sampler<'a> {
    api: &'a Api,
    checker: &'a Checker<'a>,
    /// The named schemas that the value is in.
    open: Vec<SchemaId>,
    left: usize,
}

impl<'a> Sampler<'a> {
    /// A value; nothing when there is none that ends. `nth` makes values of a list differ.
    fn value(&mut self, id: SchemaId, nth: usize, is_part: bool) -> Option<Value> {
        let schema = self.api.schema(id);
        if self.left == 0 || self.open.len() > DEPTH_MAX || self.open.contains(&id) {
            return schema.nullable.then_some(Value::Null);
        }
        self.left -= 1;
        if nth == 0
            && let Some(given) = self.given(id, schema)
        {
            return Some(given);
        }
        self.open.push(id);
        let made = self.made(id, schema, nth, is_part);
        self.open.pop();
        made.or_else(|| schema.nullable.then_some(Value::Null))
    }

    /// What the document gives: an example, or what it is by default.
    fn given(&self, id: SchemaId, schema: &Schema) -> Option<Value> {
        let examples = schema.more.iter().flat_map(|more| &more.examples).map(|data| data.value());
        let default = schema.default.as_deref().filter(|value| !value.is_null()).cloned();
        examples.chain(default).find(|value| !value.is_null() && self.checker.allows(id, value))
    }

    fn made(&mut self, id: SchemaId, schema: &'a Schema, nth: usize, is_part: bool) -> Option<Value> {
        let none = Limits::default();
        let limits = schema.limits.as_deref().unwrap_or(&none);
        match &schema.kind {
            Kind::Any => Some(json!("any")),
            Kind::Never => None,
            Kind::Null => Some(Value::Null),
            Kind::Boolean => Some(Value::Bool(nth.is_multiple_of(2))),
            Kind::Integer(_) => Some(number(limits, nth, true)),
            Kind::Number(_) => Some(number(limits, nth, false)),
            Kind::String(format) => Some(text::text(format.as_deref(), limits, nth).into()),
            Kind::Binary(_) => Some("bytes".into()),
            Kind::Enum(values) => {
                values.values.get(nth % values.values.len().max(1)).map(|known| known.value.clone())
            }
            Kind::Array(array) => self.array(array, limits, nth),
            Kind::Object(object) => {
                if let Some(heir) = schema.discriminator.as_deref().filter(|_| !is_part) {
                    return self.heir(heir).or_else(|| self.object(object, limits));
                }
                self.object(object, limits)
            }
            Kind::Union(union) => union.variants.iter().find_map(|variant| {
                let value = self.value(*variant, nth, false)?;
                Some(marked(value, schema.discriminator.as_deref(), *variant))
            }),
            Kind::Intersection(parts) => {
                if let Some(heir) = schema.discriminator.as_deref().filter(|_| !is_part)
                    && let Some(value) = self.heir(heir)
                {
                    return Some(value);
                }
                self.together(id, parts, nth)
            }
            Kind::Reference(target) => {
                let value = self.value(*target, nth, is_part)?;
                Some(marked(value, self.discriminator_of(*target), id))
            }
        }
    }

    /// What extends a schema and is told by its discriminator.
    fn heir(&mut self, discriminator: &Discriminator) -> Option<Value> {
        discriminator.mapping.iter().find_map(|(_, heir)| {
            let value = self.value(*heir, 0, false)?;
            Some(marked(value, Some(discriminator), *heir))
        })
    }

    fn discriminator_of(&self, id: SchemaId) -> Option<&'a Discriminator> {
        self.api.schema(self.api.resolve(id)).discriminator.as_deref()
    }

    fn array(&mut self, array: &Array, limits: &Limits, nth: usize) -> Option<Value> {
        let least = limits.min_items.unwrap_or(0).min(ITEMS_MAX) as usize;
        let most = limits.max_items.unwrap_or(u64::MAX);
        let wanted = if most == 0 { 0 } else { least.max(1).max(array.prefix.len()) };
        let mut items = Vec::new();
        for at in 0..wanted {
            let schema = array.prefix.get(at).copied().unwrap_or(array.items);
            match self.value(schema, if limits.unique_items { nth + at } else { nth }, false) {
                Some(item) => items.push(item),
                None if at >= least => break,
                None => return None,
            }
        }
        Some(items.into())
    }

    fn object(&mut self, object: &Object, limits: &Limits) -> Option<Value> {
        let mut map = Map::new();
        let full = self.open.len() <= DEPTH_FULL;
        let most = usize::try_from(limits.max_properties.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let required = object.properties.iter().filter(|property| property.required).count();
        let mut optional = most.saturating_sub(required);
        for property in &object.properties {
            if !property.required && optional == 0 {
                continue;
            }
            if !self.checker.travels(property.schema) || !(property.required || full) {
                continue;
            }
            match self.value(property.schema, 0, false) {
                Some(value) => {
                    optional -= usize::from(!property.required);
                    map.insert(property.name.to_string(), value);
                }
                None if property.required => return None,
                None => {}
            }
        }
        let least = limits.min_properties.unwrap_or(0).min(ITEMS_MAX) as usize;
        let wanted = least.max(usize::from(object.properties.is_empty() && full));
        if let Additional::Schema(schema) = object.additional {
            while map.len() < wanted {
                let at = map.len();
                match self.value(schema, at, false) {
                    Some(value) => drop(map.insert(format!("key{}", at + 1), value)),
                    None => break,
                }
            }
        }
        while map.len() < least && matches!(object.additional, Additional::Any | Additional::Unsaid) {
            map.insert(format!("key{}", map.len() + 1), json!("any"));
        }
        Some(map.into())
    }

    /// All parts of one value.
    fn together(&mut self, id: SchemaId, parts: &[SchemaId], nth: usize) -> Option<Value> {
        let mut whole: Option<Value> = None;
        let mut marks = Vec::new();
        for part in parts {
            let value = self.value(*part, nth, true)?;
            marks.extend(self.discriminator_of(*part));
            match (&mut whole, value) {
                (Some(Value::Object(map)), Value::Object(more)) => {
                    self.merge(id, map, more);
                }
                (known @ None, value) => *known = Some(value),
                // Of values that cannot be put together the one that all allow.
                (Some(known), value) => {
                    if !self.checker.allows(id, known) && self.checker.allows(id, &value) {
                        *known = value;
                    }
                }
            }
        }
        whole.map(|value| marks.into_iter().fold(value, |value, mark| marked(value, Some(mark), id)))
    }
}

impl Sampler<'_> {
    /// Puts properties into an object; of two values for one property the one that all parts allow.
    fn merge(&self, id: SchemaId, map: &mut Map<String, Value>, more: Map<String, Value>) {
        for (name, value) in more {
            let Some(known) = map.get(&name).filter(|known| **known != value).cloned() else {
                map.insert(name, value);
                continue;
            };
            // What a part only names, another describes.
            if known == json!("any") {
                map.insert(name, value);
                continue;
            }
            let candidates = match (&known, &value) {
                (Value::Object(a), Value::Object(b)) => {
                    let both: Map<_, _> =
                        a.iter().chain(b).map(|(name, v)| (name.clone(), v.clone())).collect();
                    let other: Map<_, _> =
                        b.iter().chain(a).map(|(name, v)| (name.clone(), v.clone())).collect();
                    vec![both.into(), other.into(), known, value]
                }
                _ => vec![known, value],
            };
            let chosen = candidates.iter().find(|candidate| {
                let trial: Value = Map::from_iter([(name.clone(), (*candidate).clone())]).into();
                let below = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
                !self.checker.check(id, &trial).iter().any(|violation| violation.pointer.starts_with(&below))
            });
            let chosen = chosen.unwrap_or(&candidates[0]).clone();
            map.insert(name, chosen);
        }
    }
}

/// The value with the property that tells which schema it is of.
fn marked(value: Value, discriminator: Option<&Discriminator>, id: SchemaId) -> Value {
    let Some(discriminator) = discriminator else { return value };
    let told = discriminator.mapping.iter().find(|(_, known)| *known == id);
    match (value, told) {
        (Value::Object(mut map), Some((told, _))) => {
            map.insert(discriminator.property.to_string(), told.to_string().into());
            map.into()
        }
        (value, _) => value,
    }
}

/// A number within its limits, small and round where it can be.
fn number(limits: &Limits, nth: usize, whole: bool) -> Value {
    let bound = |limit: &Option<Number>| limit.as_ref().and_then(Number::as_f64);
    let step = bound(&limits.multiple_of).filter(|step| *step > 0.0);
    let unit = step.unwrap_or(if whole { 1.0 } else { 0.5 });
    let mut least = bound(&limits.minimum);
    if let Some(above) = bound(&limits.exclusive_minimum) {
        least = Some(least.map_or(above + unit, |least| least.max(above + unit)));
    }
    let mut most = bound(&limits.maximum);
    if let Some(below) = bound(&limits.exclusive_maximum) {
        most = Some(most.map_or(below - unit, |most| most.min(below - unit)));
    }
    let mut number = (if whole { 1.0 } else { 1.5 }) + nth as f64;
    number = least.map_or(number, |least| number.max(least + nth as f64 * unit));
    number = most.map_or(number, |most| number.min(most));
    if let Some(step) = step {
        number = (number / step).round() * step;
        if least.is_some_and(|least| number < least) {
            number += step;
        }
    } else if whole {
        number = if most.is_some_and(|most| number.ceil() > most) { number.floor() } else { number.ceil() };
    }
    if number.fract() == 0.0 && number.abs() < 9e15 {
        return json!(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}
