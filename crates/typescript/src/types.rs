//! Schemas as types.

mod intersection;

use openapi::api::{Additional, Array, Enum, Kind, Object, Schema, SchemaId};
use serde_json::Value;

use crate::plan::{Plan, Way};
use crate::ty::{Doc, Member, Moment, NULL, Object as ObjectType, STRING, Type, UNKNOWN};

/// Makes types of schemas for values that go one way.
#[derive(Clone, Copy)]
pub(crate) struct Types<'a> {
    pub(crate) plan: &'a Plan<'a>,
    pub(crate) way: Way,
    /// The named schema that is being written down.
    within: Option<SchemaId>,
    /// Whether a circle back to a name would have no object between.
    bare: bool,
    depth: usize,
    /// Whether times are `Date` here; in a path they stay what the URL holds.
    dates: bool,
}

/// How deep unnamed schemas are followed; documents made by programs can be deeper than any reader.
const DEPTH: usize = 64;

impl<'a> Types<'a> {
    pub(crate) fn new(plan: &'a Plan<'a>, way: Way) -> Self {
        let dates = plan.options.dates == crate::Dates::Dates;
        Self { plan, way, within: None, bare: false, depth: 0, dates }
    }

    /// The same, with dates as texts.
    pub(crate) fn with_texts(self) -> Self {
        Self { dates: false, ..self }
    }

    fn deeper(self) -> Self {
        Self { bare: false, depth: self.depth + 1, ..self }
    }

    fn still(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    /// What a named schema is, to be written behind its name.
    pub(crate) fn definition(self, id: SchemaId) -> Type {
        let inner = Self { within: Some(id), bare: true, ..self };
        inner.nullable(inner.kind(id), self.plan.schema(id))
    }

    /// The type of a schema: its name, or what it is.
    pub(crate) fn of(self, id: SchemaId) -> Type {
        if let Some(name) = self.plan.model(id, self.way) {
            if self.bare && self.plan.is_cut(self.within, id) {
                return UNKNOWN;
            }
            return Type::Name(name.to_owned());
        }
        if self.depth >= DEPTH {
            return UNKNOWN;
        }
        self.nullable(self.kind(id), self.plan.schema(id))
    }

    fn nullable(self, of: Type, schema: &Schema) -> Type {
        if schema.nullable { of.or_null() } else { of }
    }

    fn kind(self, id: SchemaId) -> Type {
        let schema = self.plan.schema(id);
        match &schema.kind {
            Kind::Any => UNKNOWN,
            Kind::Never => Type::Word("never"),
            Kind::Null => NULL,
            Kind::Boolean => Type::Word("boolean"),
            Kind::Integer(_) | Kind::Number(_) => Type::Word("number"),
            Kind::String(format) => match moment(format.as_deref()).filter(|_| self.dates) {
                Some(moment) => Type::Date(moment),
                None => STRING,
            },
            Kind::Binary(_) if self.way == Way::Write => {
                Type::union([Type::Name("Upload".to_owned()), STRING])
            }
            Kind::Binary(_) => STRING,
            Kind::Enum(values) => enumeration(values),
            Kind::Array(array) => self.deeper().array(array),
            Kind::Object(object) => Type::Object(self.deeper().object(id, object)),
            Kind::Union(union) => Type::union(union.variants.iter().map(|&variant| self.still().of(variant))),
            Kind::Intersection(parts) => self.still().intersection(id, parts),
            Kind::Reference(to) => self.still().of(*to),
        }
    }

    fn array(self, array: &Array) -> Type {
        let closed = matches!(self.plan.schema(array.items).kind, Kind::Never);
        if array.prefix.is_empty() {
            return if closed { Type::Tuple(Vec::new(), None) } else { Type::array(self.of(array.items)) };
        }
        let items = array.prefix.iter().map(|&item| self.of(item)).collect();
        Type::Tuple(items, (!closed).then(|| Box::new(self.of(array.items))))
    }

    /// The type of an object, with what discriminators say of its properties.
    pub(crate) fn object(self, id: SchemaId, object: &Object) -> ObjectType {
        let mut members: Vec<Member> = Vec::with_capacity(object.properties.len());
        let tags = self.plan.tags(id);
        for property in &object.properties {
            if !self.plan.is_there(property.schema, self.way) {
                continue;
            }
            let tag = tags.iter().find(|(name, _)| *name == property.name);
            let of = tag.and_then(|(_, values)| self.tag(property.schema, values));
            members.push(Member {
                name: property.name.to_string(),
                optional: !property.required && of.is_none(),
                doc: doc(self.plan, property.schema),
                of: of.unwrap_or_else(|| self.of(property.schema)),
            });
        }
        for (name, values) in tags {
            if !object.properties.iter().any(|p| p.name == *name) {
                members.push(tag_member(name, values));
            }
        }
        ObjectType { index: self.index(object, &members), members }
    }

    /// The type of a property whose values a discriminator says, unless the schema says otherwise.
    fn tag(self, schema: SchemaId, values: &[Box<str>]) -> Option<Type> {
        match &self.plan.schema(self.plan.api.resolve(schema)).kind {
            Kind::Any | Kind::String(_) => Some(texts(values)),
            Kind::Enum(known) => {
                let both: Vec<Box<str>> = values
                    .iter()
                    .filter(|value| known.values.iter().any(|k| k.value.as_str() == Some(&***value)))
                    .cloned()
                    .collect();
                (!both.is_empty()).then(|| texts(&both))
            }
            _ => None,
        }
    }

    /// What names hold that are no properties; in TypeScript that must include what the properties hold.
    fn index(self, object: &Object, members: &[Member]) -> Option<Box<Type>> {
        let mut types: Vec<Type> = object.patterns.iter().map(|(_, id)| self.of(*id)).collect();
        match object.additional {
            Additional::Schema(id) => types.push(self.of(id)),
            Additional::Any => types.push(UNKNOWN),
            Additional::Unsaid if members.is_empty() && object.properties.is_empty() && types.is_empty() => {
                types.push(UNKNOWN)
            }
            Additional::None if members.is_empty() && types.is_empty() => types.push(Type::Word("never")),
            Additional::Unsaid | Additional::None => {}
        }
        if types.is_empty() {
            return None;
        }
        types.extend(members.iter().map(|member| member.of.clone()));
        if members.iter().any(|member| member.optional) {
            types.push(Type::Word("undefined"));
        }
        Some(Box::new(Type::union(types)))
    }
}

/// What of a format is a time or a date.
pub(crate) fn moment(format: Option<&str>) -> Option<Moment> {
    match format? {
        "date-time" => Some(Moment::Time),
        "date" => Some(Moment::Day),
        _ => None,
    }
}

/// The member that a discriminator adds.
fn tag_member(name: &str, values: &[Box<str>]) -> Member {
    Member { name: name.to_owned(), optional: false, doc: Doc::default(), of: texts(values) }
}

fn texts(values: &[Box<str>]) -> Type {
    Type::union(values.iter().map(|value| Type::Text(value.to_string())))
}

fn enumeration(values: &Enum) -> Type {
    let known = values.values.iter().map(|each| value(&each.value));
    if values.open { Type::union(known.chain([STRING])) } else { Type::union(known) }
}

/// A value as a type.
fn value(of: &Value) -> Type {
    match of {
        Value::Null => NULL,
        Value::Bool(truth) => Type::Literal(truth.to_string()),
        Value::Number(number) => number_literal(number),
        Value::String(text) => Type::Text(text.clone()),
        Value::Array(items) => Type::Tuple(items.iter().map(value).collect(), None),
        Value::Object(fields) => Type::Object(ObjectType {
            members: fields
                .iter()
                .map(|(name, each)| Member {
                    name: name.clone(),
                    optional: false,
                    doc: Doc::default(),
                    of: value(each),
                })
                .collect(),
            index: None,
        }),
    }
}

/// A number as a literal: written as TypeScript and Prettier write it.
fn number_literal(number: &serde_json::Number) -> Type {
    let text = number.to_string();
    match number.as_f64() {
        // Beyond that a literal would not be the number that it says.
        Some(float) if float.is_finite() && float.abs() < 9e15 => {
            if float.fract() == 0.0 {
                Type::Literal(format!("{}", float as i64))
            } else {
                Type::Literal(format!("{float}"))
            }
        }
        _ if text.is_empty() => UNKNOWN,
        _ => Type::Word("number"),
    }
}

/// The comment of a property or a type: what its schema says, and what the schema behind a reference does not say itself.
pub(crate) fn doc(plan: &Plan<'_>, id: SchemaId) -> Doc {
    let schema = plan.schema(id);
    // A property that is a named type needs no copy of that type's comment.
    if schema.name.is_some() {
        let tags = if schema.deprecated { vec!["@deprecated".to_owned()] } else { Vec::new() };
        return Doc { text: String::new(), tags };
    }
    schema_doc(schema)
}

/// The comment of a schema.
pub(crate) fn schema_doc(schema: &Schema) -> Doc {
    let text = schema.description.as_deref().or(schema.title.as_deref()).unwrap_or_default();
    let mut tags = Vec::new();
    if let Kind::String(Some(format)) = &schema.kind
        && matches!(
            &**format,
            "date-time" | "date" | "time" | "duration" | "byte" | "uuid" | "email" | "uri" | "json-string"
        )
    {
        tags.push(format!("@format {format}"));
    }
    if let Kind::Integer(Some(format)) = &schema.kind
        && matches!(&**format, "int64" | "uint64")
    {
        tags.push(format!("@format {format}"));
    }
    if let Some(default) = &schema.default {
        let printed = default.to_string();
        if printed.len() <= 60 && !default.is_null() {
            tags.push(format!("@default {printed}"));
        }
    }
    if schema.deprecated {
        tags.push("@deprecated".to_owned());
    }
    Doc { text: text.to_owned(), tags }
}
