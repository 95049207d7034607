//! What a schema allows by itself: its types, and what each type says of its parts.

use super::super::reader::{Reader, clip};
use super::super::spot::Spot;
use super::ANYTHING;
use crate::api::{Additional, Array, Kind, Object, Property, Schema, SchemaId, Union};
use crate::diagnostic::Severity;
use crate::words;

/// A type, as JSON Schema has them, and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Boolean,
    Integer,
    Number,
    String,
    Binary,
    Array,
    Object,
}

/// The types that a schema names.
#[derive(Clone, Debug, Default)]
pub(super) struct Types {
    pub(super) types: Vec<Type>,
    pub(super) null: bool,
    /// Whether they are named, and not only seen from other keywords.
    pub(super) said: bool,
    /// The format that the word for the type stands for (`"type": "float"`).
    format: Option<&'static str>,
}

/// What words for types mean; the second are in no version of the standard.
fn meaning(word: &str) -> Option<(Type, Option<&'static str>, bool)> {
    let plain = |kind| Some((kind, None, true));
    let other = |kind, format| Some((kind, format, false));
    match word {
        "boolean" => plain(Type::Boolean),
        "integer" => plain(Type::Integer),
        "number" => plain(Type::Number),
        "string" => plain(Type::String),
        "array" => plain(Type::Array),
        "object" => plain(Type::Object),
        "file" => plain(Type::Binary),
        "binary" | "bytes" | "blob" => other(Type::Binary, None),
        "bool" | "Boolean" => other(Type::Boolean, None),
        "int" | "Integer" | "long" | "bigint" | "timestamp" => other(Type::Integer, None),
        "int32" => other(Type::Integer, Some("int32")),
        "int64" => other(Type::Integer, Some("int64")),
        "float" => other(Type::Number, Some("float")),
        "double" => other(Type::Number, Some("double")),
        "decimal" | "Number" | "numeric" => other(Type::Number, None),
        "str" | "text" | "String" | "char" => other(Type::String, None),
        "date" => other(Type::String, Some("date")),
        "date-time" | "datetime" | "DateTime" => other(Type::String, Some("date-time")),
        "time" => other(Type::String, Some("time")),
        "uuid" | "UUID" => other(Type::String, Some("uuid")),
        "uri" | "url" => other(Type::String, Some("uri")),
        "email" => other(Type::String, Some("email")),
        "byte" => other(Type::String, Some("byte")),
        "list" | "Array" | "List" => other(Type::Array, None),
        "map" | "dict" | "hash" | "struct" | "Object" | "json" => other(Type::Object, None),
        _ => None,
    }
}

impl<'t> Reader<'t> {
    /// The types of a schema: those it names, else those that its other keywords are about.
    pub(super) fn types(&mut self, spot: Spot<'t>) -> Types {
        let mut found = Types::default();
        for one in spot.get(words::TYPE).into_iter().flat_map(Spot::list) {
            let Some(word) = one.node.text() else {
                self.warn("type-unknown", one.at(), "a type must be text; it is left out", "name a type");
                continue;
            };
            if matches!(word, "null" | "none" | "None") {
                (found.null, found.said) = (true, true);
                continue;
            }
            let Some((kind, format, standard)) = meaning(word) else {
                if !matches!(word, "any" | "mixed" | "Any" | "") {
                    let message = format!("the type {:?} is not known; it counts as anything", clip(word));
                    self.warn("type-unknown", one.at(), message, "use a type of JSON Schema");
                }
                return Types { said: true, ..Types::default() };
            };
            if !standard {
                let message = format!("the type {:?} is not of the standard; it is understood", clip(word));
                self.warn("type-unknown", one.at(), message, "use a type of JSON Schema and a format");
            }
            found.said = true;
            found.format = format;
            if !found.types.contains(&kind) {
                found.types.push(kind);
            }
        }
        if !found.said {
            found.types.extend(seen(spot));
        }
        // Every integer is a number.
        if found.types.contains(&Type::Number) {
            found.types.retain(|kind| *kind != Type::Integer);
        }
        found
    }

    /// What the types allow, with the parts that are said of them.
    pub(super) fn own(&mut self, id: SchemaId, spot: Spot<'t>, types: &Types) -> Kind {
        match types.types.as_slice() {
            [] if types.null => Kind::Null,
            [] => Kind::Any,
            [one] => self.of_type(id, spot, *one, types),
            several => {
                let mut variants = Vec::new();
                for one in several {
                    let mut schema = Schema::empty(spot.at());
                    schema.kind = self.of_type(id, spot, *one, types);
                    schema.limits = self.limits(spot);
                    variants.push(self.push(schema));
                }
                Kind::Union(Box::new(Union { variants, exclusive: false }))
            }
        }
    }

    fn of_type(&mut self, id: SchemaId, spot: Spot<'t>, kind: Type, types: &Types) -> Kind {
        let format =
            || spot.text(words::FORMAT).filter(|text| !text.is_empty()).or(types.format).map(Box::from);
        match kind {
            Type::Boolean => Kind::Boolean,
            Type::Integer => Kind::Integer(format()),
            Type::Number => Kind::Number(format()),
            Type::Binary => Kind::Binary(spot.text(words::CONTENT_MEDIA_TYPE).map(Into::into)),
            Type::String => text(spot, format()),
            Type::Array => self.array(spot),
            Type::Object => self.object(id, spot),
        }
    }

    fn array(&mut self, spot: Spot<'t>) -> Kind {
        let mut prefix: Vec<_> = spot.get(words::PREFIX_ITEMS).into_iter().flat_map(Spot::items).collect();
        let mut rest = spot.node.field(words::ITEMS).map(|node| Spot { file: spot.file, node });
        if let Some(list) = rest.filter(|items| items.node.is_array()) {
            // A tuple before 2020-12; some write a list where they mean its one item.
            let items: Vec<_> = list.items().collect();
            let alone = items.len() == 1 && !spot.node.any_name(|name| name == "additionalItems");
            rest = if alone { items.first().copied() } else { spot.named("additionalItems") };
            if !alone {
                prefix = items;
            }
            let message = "`items` is a list; this version has no tuples so";
            self.say("items-list", Severity::Note, list.at(), message, "use `prefixItems` of 3.1");
        }
        let rest = rest.filter(|items| !items.node.is_null());
        if rest.is_none() && prefix.is_empty() {
            let message = "the list does not say what its items are; they count as anything";
            self.say("items-missing", Severity::Note, spot.at(), message, "add `items`");
        }
        let prefix = prefix.into_iter().map(|item| self.schema(item)).collect();
        let items = rest.map_or(ANYTHING, |items| self.schema(items));
        Kind::Array(Box::new(Array { prefix, items }))
    }

    fn object(&mut self, id: SchemaId, spot: Spot<'t>) -> Kind {
        let mut properties = self.properties(spot);
        self.require(spot, &mut properties);
        let additional = self.additional(spot);
        let mut patterns = Vec::new();
        for (pattern, value) in spot.get(words::PATTERN_PROPERTIES).into_iter().flat_map(Spot::all) {
            patterns.push((pattern.into(), self.schema(value)));
        }
        let _of = id;
        Kind::Object(Box::new(Object { properties, additional, patterns }))
    }

    fn properties(&mut self, spot: Spot<'t>) -> Vec<Property> {
        let Some(given) = spot.get(words::PROPERTIES) else { return Vec::new() };
        // Some put a reference in the place of the whole map.
        let given = if given.node.len() == 1 && given.reference().is_some() {
            match self.follow(given) {
                Some(target) => target.get(words::PROPERTIES).unwrap_or(target),
                None => return Vec::new(),
            }
        } else {
            given
        };
        if !given.node.is_object() {
            let suggestion = "write names and schemas";
            self.warn("properties-not-object", given.at(), "`properties` is no object", suggestion);
        }
        let mut properties = Vec::with_capacity(given.node.len());
        for (name, value) in given.all() {
            let schema = self.schema(value);
            let mut required = false;
            if let Some(said) = value.node.get(words::REQUIRED).and_then(|said| said.truth()) {
                required = said;
                let message =
                    format!("`required` of {:?} is a truth; it is a list beside `properties`", clip(name));
                self.warn("required-not-list", value.at(), message, "put the name into that list");
            }
            properties.push(Property { name: name.into(), schema, required, implied: false });
        }
        properties
    }

    fn require(&mut self, spot: Spot<'t>, properties: &mut Vec<Property>) {
        let Some(required) = spot.get(words::REQUIRED) else { return };
        if required.node.truth().is_some() {
            // It says of the property that it is in; whoever reads that one looks.
            return;
        }
        let index: std::collections::HashMap<Box<str>, usize> =
            properties.iter().enumerate().map(|(at, property)| (property.name.clone(), at)).collect();
        let known = properties.len();
        for name in required.list() {
            let Some(text) = name.node.scalar() else {
                let message = "a name in `required` is no text; it is left out";
                self.warn("required-not-list", name.at(), message, "write names of properties");
                continue;
            };
            match index.get(text) {
                Some(at) => properties[*at].required = true,
                None if properties[known..].iter().any(|property| &*property.name == text) => {}
                None => properties.push(Property {
                    name: text.into(),
                    schema: ANYTHING,
                    required: true,
                    implied: true,
                }),
            }
        }
    }

    fn additional(&mut self, spot: Spot<'t>) -> Additional {
        let closed = spot.truth(words::UNEVALUATED_PROPERTIES) == Some(false);
        let Some(said) = spot.get(words::ADDITIONAL_PROPERTIES) else {
            return if closed { Additional::None } else { Additional::Unsaid };
        };
        match spot.truth(words::ADDITIONAL_PROPERTIES) {
            Some(true) => Additional::Any,
            Some(false) => Additional::None,
            None if said.node.is_object() && said.node.len() == 0 => Additional::Any,
            None => Additional::Schema(self.schema(said)),
        }
    }
}

/// The type that keywords are about when none is named.
fn seen(spot: Spot<'_>) -> Option<Type> {
    let has = |word| spot.get(word).is_some();
    let required = || spot.get(words::REQUIRED).is_some_and(|required| required.node.is_array());
    if has(words::PROPERTIES)
        || has(words::ADDITIONAL_PROPERTIES)
        || has(words::PATTERN_PROPERTIES)
        || required()
    {
        return Some(Type::Object);
    }
    if has(words::ITEMS) || has(words::PREFIX_ITEMS) {
        return Some(Type::Array);
    }
    if has(words::CONTENT_MEDIA_TYPE) || has(words::CONTENT_ENCODING) {
        return Some(Type::String);
    }
    match spot.text(words::FORMAT)? {
        "binary" => Some(Type::Binary),
        "int32" | "int64" => Some(Type::Integer),
        "float" | "double" => Some(Type::Number),
        "date" | "date-time" | "uuid" | "uri" | "email" | "byte" | "password" | "hostname" | "ipv4"
        | "ipv6" => Some(Type::String),
        _ => None,
    }
}

fn text(spot: Spot<'_>, format: Option<Box<str>>) -> Kind {
    let media_type = spot.text(words::CONTENT_MEDIA_TYPE);
    match (spot.text(words::CONTENT_ENCODING), media_type, format.as_deref()) {
        (_, _, Some("binary")) => Kind::Binary(media_type.map(Into::into)),
        (Some("binary"), _, _) => Kind::Binary(media_type.map(Into::into)),
        (Some("base64" | "base64url"), _, None) => Kind::String(Some("byte".into())),
        (None, Some("application/json"), None) => Kind::String(Some("json-string".into())),
        (None, Some(kind), None) if !kind.starts_with("text/") => Kind::Binary(Some(kind.into())),
        _ => Kind::String(format),
    }
}
