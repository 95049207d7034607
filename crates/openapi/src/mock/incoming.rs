//! A request held against its operation: credentials, parameters, body.

use serde_json::{Map, Value};

use super::{Fault, MockRequest};
use crate::api::{
    Additional, Api, ApiKeyIn, Body, Content, In, Kind, Media, Operation, Parameter, Property, Requirement,
    SchemaId, Scheme, Style,
};
use crate::check::{Checker, Way};
use crate::{style, uri};

/// Most fields of a query or form that are looked at.
const FIELDS_MAX: usize = 10_000;

pub(super) struct Incoming<'a> {
    api: &'a Api,
    operation: &'a Operation,
    request: &'a MockRequest,
    query: Vec<(String, String)>,
    raw_query: &'a str,
    path: &'a [(String, String)],
    checker: Checker<'a>,
}

type Refusal = (u16, &'static str, Vec<Fault>);

impl<'a> Incoming<'a> {
    pub(super) fn new(
        api: &'a Api,
        operation: &'a Operation,
        request: &'a MockRequest,
        query: &'a str,
        path: &'a [(String, String)],
    ) -> Self {
        let checker = Checker::new(api, Way::Request);
        Self { api, operation, request, query: pairs(query), raw_query: query, path, checker }
    }

    /// What is wrong: a status, a title and the faults.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        if let Some(fault) = self.unproven() {
            return Some((401, "Nothing proves who asks.", vec![fault]));
        }
        let mut faults = Vec::new();
        for parameter in &self.operation.parameters {
            self.parameter(parameter, &mut faults);
        }
        if !faults.is_empty() {
            return Some((400, "A parameter is wrong.", faults));
        }
        let body = self.operation.body.as_ref()?;
        self.body(body)
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        let found = self.request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.header("cookie")?;
        let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| uri::decode(value))
    }

    // Credentials: that there are some, not whose they are.

    fn unproven(&self) -> Option<Fault> {
        let alternatives = &self.operation.security;
        if alternatives.is_empty() || alternatives.iter().any(|one| self.proves(one)) {
            return None;
        }
        let names =
            alternatives.first()?.schemes.iter().filter_map(|(at, _)| self.api.security_schemes.get(*at));
        let names: Vec<_> = names.map(|scheme| scheme.name.as_str()).collect();
        Some(Fault {
            place: "security",
            name: names.join(", "),
            message: "is missing; send what the document asks for".to_owned(),
        })
    }

    fn proves(&self, requirement: &Requirement) -> bool {
        requirement.schemes.iter().all(|(at, _)| {
            let Some(scheme) = self.api.security_schemes.get(*at) else { return true };
            let begins = |word: &str| {
                let given = self
                    .request
                    .headers
                    .iter()
                    .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
                given
                    .map(|(_, value)| value.split(' ').next().unwrap_or_default())
                    .any(|s| s.eq_ignore_ascii_case(word))
            };
            match &scheme.scheme {
                Scheme::ApiKey { name, place: ApiKeyIn::Header } => self.header(name).is_some(),
                Scheme::ApiKey { name, place: ApiKeyIn::Query } => {
                    self.query.iter().any(|(known, _)| known == name)
                }
                Scheme::ApiKey { name, place: ApiKeyIn::Cookie } => self.cookie(name).is_some(),
                Scheme::Http { scheme, .. } => begins(scheme),
                Scheme::OAuth2 { .. } | Scheme::OpenIdConnect { .. } => begins("bearer"),
                Scheme::MutualTls | Scheme::Other(_) => true,
            }
        })
    }

    /// Whether the values of the path are those of this operation.
    pub(super) fn fits_path(&self) -> bool {
        let mut faults = Vec::new();
        let parameters = self.operation.parameters.iter().filter(|parameter| parameter.place == In::Path);
        parameters.for_each(|parameter| self.parameter(parameter, &mut faults));
        faults.is_empty()
    }

    // Parameters.

    fn parameter(&self, parameter: &Parameter, faults: &mut Vec<Fault>) {
        let place = match parameter.place {
            In::Path => "path",
            In::Query | In::QueryString => "query",
            In::Header => "header",
            In::Cookie => "cookie",
        };
        let ignored = ["accept", "content-type", "authorization"];
        if parameter.place == In::Header
            && ignored.iter().any(|name| parameter.name.eq_ignore_ascii_case(name))
        {
            return;
        }
        let Some(value) = self.given(parameter) else {
            if parameter.required {
                let message = "is missing".to_owned();
                faults.push(Fault { place, name: parameter.name.clone(), message });
            }
            return;
        };
        for violation in self.checker.check(parameter.schema, &value) {
            let message = format!(
                "{}{}{}",
                violation.pointer,
                if violation.pointer.is_empty() { "" } else { " " },
                violation.message
            );
            faults.push(Fault { place, name: parameter.name.clone(), message });
        }
    }

    fn given(&self, parameter: &Parameter) -> Option<Value> {
        let name = &parameter.name;
        if parameter.place == In::QueryString {
            let text = uri::decode(self.raw_query);
            return (!text.is_empty())
                .then(|| serde_json::from_str(&text).unwrap_or_else(|_| object(self.query.clone())));
        }
        let alone = match parameter.place {
            In::Path => self.path.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
            In::Header => self.header(name).map(str::to_owned),
            In::Cookie => self.cookie(name),
            In::Query | In::QueryString => None,
        };
        if parameter.content.is_some() {
            let text = alone.or_else(|| self.of_query(name).next())?;
            return Some(serde_json::from_str(&text).unwrap_or(Value::String(text)));
        }
        if parameter.place != In::Query {
            let text = alone?;
            return Some(self.read_one(parameter, &text));
        }
        self.read_query(parameter)
    }

    fn of_query<'s>(&'s self, name: &'s str) -> impl Iterator<Item = String> + 's {
        self.query.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.clone())
    }

    fn read_query(&self, parameter: &Parameter) -> Option<Value> {
        let schema = self.api.resolve(parameter.schema);
        let Kind::Union(union) = &self.api.schema(schema).kind else {
            return self.read_query_as(parameter, schema);
        };
        // The variant that it reads as.
        let read = |variant: &SchemaId| {
            let value = self.read_query_as(parameter, self.api.resolve(*variant))?;
            self.checker.allows(*variant, &value).then_some(value)
        };
        union.variants.iter().find_map(read).or_else(|| self.read_query_as(parameter, schema))
    }

    fn read_query_as(&self, parameter: &Parameter, schema: SchemaId) -> Option<Value> {
        let name = &parameter.name;
        if parameter.style == Style::DeepObject {
            let map = deep(&self.query, name);
            return (!map.is_empty()).then(|| self.typed(schema, map.into()));
        }
        let separator = match parameter.style {
            Style::SpaceDelimited => ' ',
            Style::PipeDelimited => '|',
            Style::TabDelimited => '\t',
            _ => ',',
        };
        let mut values: Vec<String> = self.of_query(name).collect();
        // Some clients add brackets to the names of lists.
        values.extend(self.of_query(&format!("{name}[]")));
        match self.shape(schema) {
            Shape::List if values.is_empty() => None,
            Shape::List => {
                let items = if parameter.explode || values.len() > 1 {
                    values
                } else {
                    values[0].split(separator).map(str::to_owned).collect()
                };
                Some(self.typed(schema, items.into_iter().map(Value::String).collect()))
            }
            Shape::Object if parameter.explode && values.is_empty() => {
                let own = |field: &str| self.operation.parameters.iter().any(|known| known.name == field);
                let properties = self.api.possible_properties(schema);
                let known = |field: &str| properties.iter().any(|p| *p.name == *field) || !own(field);
                let fields: Vec<_> = self.query.iter().filter(|(field, _)| known(field)).cloned().collect();
                (!fields.is_empty()).then(|| self.typed(schema, object(fields)))
            }
            Shape::Object => {
                let text = values.into_iter().next()?;
                let parts: Vec<_> = text.split(separator).map(str::to_owned).collect();
                let fields =
                    parts.chunks(2).map(|pair| (pair[0].clone(), pair.get(1).cloned().unwrap_or_default()));
                Some(self.typed(schema, object(fields.collect())))
            }
            Shape::Scalar => values.into_iter().next().map(|text| self.typed(schema, text.into())),
        }
    }

    /// A path segment, a header or a cookie.
    fn read_one(&self, parameter: &Parameter, text: &str) -> Value {
        let schema = parameter.schema;
        let (text, separator) = match parameter.style {
            Style::Label => {
                (text.strip_prefix('.').unwrap_or(text), if parameter.explode { '.' } else { ',' })
            }
            Style::Matrix => {
                let bare = text.strip_prefix(';').unwrap_or(text);
                let named = format!("{}=", parameter.name);
                let exploded = parameter.explode && self.shape(schema) != Shape::Object;
                let bare = if exploded { bare } else { bare.strip_prefix(&named).unwrap_or(bare) };
                (bare, if parameter.explode { ';' } else { ',' })
            }
            _ => (text, ','),
        };
        let prefix = format!("{}=", parameter.name);
        let plain = |item: &str| match parameter.style {
            Style::Matrix => item.strip_prefix(&prefix).unwrap_or(item).to_owned(),
            _ => item.to_owned(),
        };
        let value = match self.shape(schema) {
            Shape::Scalar => Value::String(plain(text)),
            Shape::List => {
                text.split(separator).map(|item| Value::String(plain(item).trim().to_owned())).collect()
            }
            Shape::Object if parameter.explode => object(
                text.split(separator)
                    .filter_map(|pair| pair.split_once('='))
                    .map(|(n, v)| (n.to_owned(), v.to_owned()))
                    .collect(),
            ),
            Shape::Object => {
                let parts: Vec<_> = text.split(',').collect();
                let pair =
                    |pair: &[&str]| (pair[0].to_owned(), pair.get(1).copied().unwrap_or_default().to_owned());
                object(parts.chunks(2).map(pair).collect())
            }
        };
        self.typed(schema, value)
    }

    fn shape(&self, id: SchemaId) -> Shape {
        match &self.api.schema(self.api.resolve(id)).kind {
            Kind::Array(_) => Shape::List,
            Kind::Object(_) => Shape::Object,
            Kind::Union(union) => union
                .variants
                .iter()
                .map(|id| self.shape(*id))
                .find(|s| *s != Shape::Scalar)
                .unwrap_or(Shape::Scalar),
            Kind::Intersection(parts) => {
                parts.iter().map(|id| self.shape(*id)).find(|s| *s != Shape::Scalar).unwrap_or(Shape::Scalar)
            }
            _ => Shape::Scalar,
        }
    }

    /// Texts as what the schema has: what comes in a URL is always text.
    fn typed(&self, id: SchemaId, value: Value) -> Value {
        self.typed_at(id, value, 0)
    }

    fn typed_at(&self, id: SchemaId, value: Value, depth: usize) -> Value {
        let id = self.api.resolve(id);
        if depth > 16 {
            return value;
        }
        match (&self.api.schema(id).kind, value) {
            (Kind::Union(union), value) => {
                let tried =
                    union.variants.iter().map(|variant| self.typed_at(*variant, value.clone(), depth + 1));
                let fitting =
                    tried.zip(&union.variants).find(|(value, variant)| self.checker.allows(**variant, value));
                fitting.map_or(value, |(value, _)| value)
            }
            (Kind::Intersection(parts), value) => {
                parts.iter().fold(value, |value, part| self.typed_at(*part, value, depth + 1))
            }
            (Kind::Array(array), Value::Array(items)) => {
                let schema = |at: usize| array.prefix.get(at).copied().unwrap_or(array.items);
                items
                    .into_iter()
                    .enumerate()
                    .map(|(at, item)| self.typed_at(schema(at), item, depth + 1))
                    .collect()
            }
            // A list of one looks like its item.
            (Kind::Array(array), text @ Value::String(_)) => {
                Value::Array(vec![self.typed_at(array.items, text, depth + 1)])
            }
            (Kind::Object(object), Value::Object(map)) => {
                let other =
                    if let Additional::Schema(schema) = object.additional { Some(schema) } else { None };
                let of = |name: &str| {
                    object.properties.iter().find(|known| *known.name == *name).map(|p: &Property| p.schema)
                };
                map.into_iter()
                    .map(|(name, value)| {
                        let value = match of(&name).or(other) {
                            Some(schema) => self.typed_at(schema, value, depth + 1),
                            None => value,
                        };
                        (name, value)
                    })
                    .collect::<Map<_, _>>()
                    .into()
            }
            (Kind::Integer(_) | Kind::Number(_) | Kind::Boolean | Kind::Null, Value::String(text)) => {
                match serde_json::from_str(&text) {
                    Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => value,
                    _ => Value::String(text),
                }
            }
            (Kind::Enum(values), Value::String(text)) => {
                let known = values
                    .values
                    .iter()
                    .find(|known| style::scalar(&known.value).is_some_and(|known| known == text));
                known.map_or(Value::String(text), |known| known.value.clone())
            }
            (_, value) => value,
        }
    }

    // The body.

    fn body(&self, body: &Body) -> Option<Refusal> {
        let bytes = &self.request.body;
        if bytes.is_empty() {
            let fault = || Fault { place: "body", name: String::new(), message: "is missing".to_owned() };
            return body.required.then(|| (400, "The body is missing.", vec![fault()]));
        }
        if body.contents.is_empty() {
            return None;
        }
        let told = self.header("content-type").unwrap_or_default();
        let Some(content) = body.contents.iter().find(|content| fits(&content.media_type, told)) else {
            let offered: Vec<_> =
                body.contents.iter().map(|content| content.media_type.as_str()).take(8).collect();
            let message = format!("is {told:?}; the operation takes {}", offered.join(", "));
            let fault = Fault { place: "header", name: "content-type".to_owned(), message };
            return Some((415, "The body is of another media type.", vec![fault]));
        };
        let faults = self.content(content, told);
        (!faults.is_empty()).then_some((400, "The body is wrong.", faults))
    }

    fn content(&self, content: &Content, told: &str) -> Vec<Fault> {
        let wrong =
            |message: &str| vec![Fault { place: "body", name: String::new(), message: message.to_owned() }];
        let Some(schema) = content.schema else { return Vec::new() };
        let value = match Media::of(told) {
            Media::Json => match serde_json::from_slice(&self.request.body) {
                Ok(value) => value,
                Err(error) => return wrong(&format!("is no JSON: {error}")),
            },
            Media::Form => {
                let text = String::from_utf8_lossy(&self.request.body);
                self.typed(schema, form(&pairs(&text)))
            }
            Media::Multipart => {
                let Some(names) = part_names(told, &self.request.body) else {
                    return wrong("has no boundary");
                };
                return self.parts(schema, &names);
            }
            _ => return Vec::new(),
        };
        let violations = self.checker.check(schema, &value);
        violations
            .into_iter()
            .map(|violation| Fault { place: "body", name: violation.pointer, message: violation.message })
            .collect()
    }

    /// Of parts only the names are looked at: what they hold has types of its own.
    fn parts(&self, schema: SchemaId, names: &[String]) -> Vec<Fault> {
        let properties = self.api.properties(schema);
        let lacks = |property: &&Property| {
            property.required
                && self.checker.travels(property.schema)
                && !names.iter().any(|name| **name == *property.name)
        };
        properties
            .iter()
            .filter(lacks)
            .map(|property| Fault {
                place: "body",
                name: format!("/{}", property.name),
                message: "is missing".to_owned(),
            })
            .collect()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Scalar,
    List,
    Object,
}

/// Names and values of a query or a form, decoded.
fn pairs(text: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| uri::decode(&text.replace('+', " "));
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .take(FIELDS_MAX)
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

fn object(fields: Vec<(String, String)>) -> Value {
    fields.into_iter().map(|(name, value)| (name, Value::String(value))).collect::<Map<_, _>>().into()
}

/// The fields of a form: repeated names are lists, brackets are objects.
fn form(pairs: &[(String, String)]) -> Value {
    let mut map = Map::new();
    for (name, value) in pairs {
        let value = Value::String(value.clone());
        let bare = name.split_once('[').map_or(name.as_str(), |(bare, _)| bare);
        if bare.len() < name.len() && name.ends_with(']') {
            put(&mut map, bare, &name[bare.len()..], value);
            continue;
        }
        match map.get_mut(name) {
            Some(Value::Array(items)) => items.push(value),
            Some(known) => *known = Value::Array(vec![known.take(), value]),
            None => drop(map.insert(name.clone(), value)),
        }
    }
    map.into_iter().map(|(name, value)| (name, lists(value, 0))).collect::<Map<_, _>>().into()
}

/// `name[a][b]=c` of a query.
fn deep(pairs: &[(String, String)], name: &str) -> Map<String, Value> {
    let mut map = Map::new();
    for (field, value) in pairs {
        let Some(steps) = field.strip_prefix(name).filter(|rest| rest.starts_with('[')) else { continue };
        put(&mut map, name, steps, Value::String(value.clone()));
    }
    match map.remove(name).map(|value| lists(value, 0)) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

fn put(map: &mut Map<String, Value>, name: &str, steps: &str, value: Value) {
    let mut at = map.entry(name).or_insert_with(|| Value::Object(Map::new()));
    for step in steps.split('[').skip(1).take(16) {
        let step = step.trim_end_matches(']');
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Some(fields) = at.as_object_mut() else { return };
        // `a[]=1&a[]=2` counts up.
        let step = if step.is_empty() { fields.len().to_string() } else { step.to_owned() };
        at = fields.entry(step).or_insert(Value::Null);
    }
    *at = value;
}

/// Objects whose names are 0, 1, 2, … are lists.
fn lists(value: Value, depth: usize) -> Value {
    let Value::Object(map) = value else { return value };
    let counted = !map.is_empty() && map.keys().enumerate().all(|(at, name)| *name == at.to_string());
    let values =
        map.into_iter().map(|(name, value)| (name, if depth < 32 { lists(value, depth + 1) } else { value }));
    if counted { values.map(|(_, value)| value).collect() } else { values.collect::<Map<_, _>>().into() }
}

fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether an offered media type, perhaps a range, takes another.
pub(super) fn fits(offered: &str, wanted: &str) -> bool {
    let (offered, wanted) = (essence(offered), essence(wanted));
    let family = offered.strip_suffix("/*").is_some_and(|family| wanted.split('/').next() == Some(family));
    offered == wanted || matches!(offered.as_str(), "*/*" | "*") || family
}

/// The names of the parts of a form (RFC 7578).
fn part_names(content_type: &str, body: &[u8]) -> Option<Vec<String>> {
    let boundary =
        content_type.split(';').filter_map(|parameter| parameter.trim().strip_prefix("boundary=")).next()?;
    let boundary = format!("--{}", boundary.trim_matches('"'));
    let mut names = Vec::new();
    let text = String::from_utf8_lossy(body);
    for part in text.split(boundary.as_str()).skip(1).take(FIELDS_MAX) {
        let head = part.split_once("\r\n\r\n").map_or(part, |(head, _)| head);
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"));
        let name = line.and_then(|line| {
            let (_, rest) = line.split_once(" name=\"").or_else(|| line.split_once(";name=\""))?;
            rest.split('"').next()
        });
        names.extend(name.map(str::to_owned));
    }
    Some(names)
}
