//! Operations: what can be asked for, found in a document of any version.

use serde_json::Value;

use crate::document::{Document, Node};
use crate::error::{Error, clip};

/// The methods of a path item.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
/// Ids that are named when one is not there.
const SIMILAR_MAX: usize = 5;

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
    /// In a cookie.
    Cookie,
}

/// How lists and objects are written (OpenAPI 3.1, "Style Values"; the last is of 2.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `a,b`.
    Simple,
    /// `.a.b`.
    Label,
    /// `;x=a;x=b`.
    Matrix,
    /// `x=a&x=b`.
    Form,
    /// `x=a b`.
    SpaceDelimited,
    /// `x=a|b`.
    PipeDelimited,
    /// `x=a` and `b` with a tab between them.
    TabDelimited,
    /// `x[a]=b`.
    DeepObject,
}

/// A parameter, or a field of a form.
#[derive(Clone, Debug)]
pub struct Parameter<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it stands; form fields count as query.
    pub location: Location,
    /// Whether it must be given.
    pub required: bool,
    /// How it is written.
    pub style: Style,
    /// Whether each item of a list is written with the name.
    pub explode: bool,
    /// Whether characters with a meaning in URLs stay as they are.
    pub allow_reserved: bool,
    /// The media type it is written as, when it is not written in a style.
    pub content: Option<&'a str>,
    /// Its schema.
    pub schema: Option<Node<'a>>,
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Body<'a> {
    /// Whether it must be given.
    pub required: bool,
    /// The name it has as a parameter in 2.0.
    pub name: Option<&'a str>,
    /// One of these.
    pub content: Vec<Content<'a>>,
}

/// A media type and what it holds.
#[derive(Clone, Debug)]
pub struct Content<'a> {
    /// `application/json`.
    pub media_type: &'a str,
    /// What it holds.
    pub shape: Shape<'a>,
    /// How fields of a form are written: names to Encoding Objects.
    pub encoding: Option<Node<'a>>,
}

/// What a body holds.
#[derive(Clone, Debug)]
pub enum Shape<'a> {
    /// What the schema says; references are not followed.
    Schema(Option<Node<'a>>),
    /// The form fields of 2.0.
    Fields(Vec<Parameter<'a>>),
}

/// What may come back.
#[derive(Clone, Debug)]
pub struct Response<'a> {
    /// `200`, `4XX`, `default`.
    pub status: &'a str,
    /// One of these; empty when nothing comes back.
    pub content: Vec<Content<'a>>,
}

/// Where requests go.
#[derive(Clone, Debug)]
pub struct Server<'a> {
    /// A URL, perhaps relative, with `{variables}`.
    pub url: &'a str,
    /// The file it stands in.
    pub file: &'a str,
    /// Its variables.
    pub variables: Vec<Variable<'a>>,
}

/// A variable of a server.
#[derive(Clone, Debug)]
pub struct Variable<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is when nothing is said.
    pub default: Option<&'a str>,
    /// What it may be; anything when empty.
    pub values: Vec<&'a str>,
}

/// A key that proves who asks and is sent like a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The name it is sent with.
    pub name: &'a str,
    /// Where.
    pub location: Location,
}

/// One thing that can be asked for.
#[derive(Clone, Debug)]
pub struct Operation<'a> {
    /// Its id.
    pub id: Option<&'a str>,
    /// Method, in small letters.
    pub method: &'static str,
    /// Path with `{parameters}`.
    pub path: &'a str,
    /// One line for people.
    pub summary: Option<&'a str>,
    /// Whether it should not be used any more.
    pub deprecated: bool,
    /// Its parameters, those of the path among them.
    pub parameters: Vec<Parameter<'a>>,
    /// What is sent.
    pub body: Option<Body<'a>>,
    /// What may come back, in the document's order.
    pub responses: Vec<Response<'a>>,
    /// Where requests go; the first is taken.
    pub servers: Vec<Server<'a>>,
    /// The keys that its security schemes ask for.
    pub keys: Vec<Key<'a>>,
}

/// Where an operation stands, before it is read.
struct Place<'a> {
    path: &'a str,
    method: &'static str,
    item: Node<'a>,
    node: Node<'a>,
}

impl Document {
    /// Every operation, in the document's order.
    ///
    /// # Errors
    /// A part of the document is broken, or is in a file that is not there.
    pub fn operations(&self) -> Result<Vec<Operation<'_>>, Error> {
        self.places()?.iter().map(|place| self.build(place)).collect()
    }

    /// The operation with this id; `get /pets/{id}` names one by method and path.
    ///
    /// # Errors
    /// There is none or more than one, it is broken, or it is in a file that is not there.
    pub fn operation(&self, id: &str) -> Result<Operation<'_>, Error> {
        let places = self.places()?;
        let matching: Vec<_> =
            places.iter().filter(|place| place.node.text("operationId") == Some(id)).collect();
        if let [_, _, ..] = matching.as_slice() {
            let places =
                matching.iter().take(SIMILAR_MAX).map(|p| format!("`{} {}`", p.method, p.path)).collect();
            return Err(Error::AmbiguousOperation { id: clip(id), places });
        }
        let by_place = || {
            let (method, path) = id.trim().split_once(' ')?;
            places.iter().find(|p| p.method.eq_ignore_ascii_case(method) && p.path == path.trim())
        };
        match matching.first().copied().or_else(by_place) {
            Some(place) => self.build(place),
            None => Err(Error::UnknownOperation { id: clip(id), similar: similar(&places, id) }),
        }
    }

    fn places(&self) -> Result<Vec<Place<'_>>, Error> {
        let mut places = Vec::new();
        let mut missing = Vec::new();
        let Some(paths) = self.root().get("paths") else { return Ok(places) };
        for (path, item) in self.follow(paths)?.entries() {
            let item = match self.follow(item) {
                Ok(item) => item,
                // All are told at once, so that they can be fetched at once.
                Err(Error::Missing { documents }) => {
                    missing.extend(documents);
                    continue;
                }
                Err(error) => return Err(error),
            };
            for method in METHODS {
                if let Some(node) = item.get(method) {
                    places.push(Place { path, method, item, node });
                }
            }
        }
        if missing.is_empty() {
            return Ok(places);
        }
        missing.sort();
        missing.dedup();
        Err(Error::Missing { documents: missing })
    }

    fn build<'a>(&'a self, place: &Place<'a>) -> Result<Operation<'a>, Error> {
        let node = self.follow(place.node)?;
        let (mut parameters, mut fields) = (Vec::new(), Vec::new());
        let mut whole = None;
        for given in self.parameters(place, node)? {
            match given.text("in") {
                Some("body") => whole = Some(given),
                Some("formData") => fields.push(self.parameter(given, Location::Query)?),
                Some("path") => parameters.push(self.parameter(given, Location::Path)?),
                Some("query") => parameters.push(self.parameter(given, Location::Query)?),
                Some("header") => parameters.push(self.parameter(given, Location::Header)?),
                Some("cookie") => parameters.push(self.parameter(given, Location::Cookie)?),
                _ => return Err(malformed(place, "has a parameter without a known `in`")),
            }
        }
        let body = match node.get("requestBody") {
            Some(body) => Some(self.request_body(body)?),
            None => self.old_body(node, whole, fields),
        };
        Ok(Operation {
            id: node.text("operationId"),
            method: place.method,
            path: place.path,
            summary: node.text("summary"),
            deprecated: node.flag("deprecated"),
            parameters,
            body,
            responses: self.responses(node)?,
            servers: self.servers(place, node),
            keys: self.keys(node)?,
        })
    }

    /// Parameters of the operation and of its path; the operation's stand for those of the path with the same name.
    fn parameters<'a>(&'a self, place: &Place<'a>, node: Node<'a>) -> Result<Vec<Node<'a>>, Error> {
        let mut found: Vec<Node<'a>> = Vec::new();
        for holder in [node, place.item] {
            for given in holder.get("parameters").into_iter().flat_map(Node::items) {
                let given = self.follow(given)?;
                let same = |known: &&Node<'a>| {
                    known.text("name") == given.text("name") && known.text("in") == given.text("in")
                };
                if found.iter().find(same).is_none() {
                    found.push(given);
                }
            }
        }
        Ok(found)
    }

    fn parameter<'a>(&'a self, node: Node<'a>, location: Location) -> Result<Parameter<'a>, Error> {
        let why = "is a parameter without a name";
        let name = node.text("name").ok_or_else(|| Error::Malformed {
            place: format!("{:?} in {}", location, clip(node.file)),
            why,
        })?;
        let style = match node.text("style") {
            Some("label") => Style::Label,
            Some("matrix") => Style::Matrix,
            Some("form") => Style::Form,
            Some("spaceDelimited") => Style::SpaceDelimited,
            Some("pipeDelimited") => Style::PipeDelimited,
            Some("tabDelimited") => Style::TabDelimited,
            Some("deepObject") => Style::DeepObject,
            Some("simple") => Style::Simple,
            _ if matches!(location, Location::Path | Location::Header) => Style::Simple,
            _ => Style::Form,
        };
        let explode = node.value.get("explode").and_then(Value::as_bool).unwrap_or(style == Style::Form);
        let content = node.get("content").and_then(|content| content.entries().next());
        Ok(Parameter {
            name,
            location,
            required: node.flag("required") || location == Location::Path,
            style,
            explode,
            allow_reserved: node.flag("allowReserved"),
            content: content.map(|(media_type, _)| media_type),
            schema: node.get("schema").or_else(|| content?.1.get("schema")),
        })
    }

    fn request_body<'a>(&'a self, node: Node<'a>) -> Result<Body<'a>, Error> {
        let node = self.follow(node)?;
        Ok(Body { required: node.flag("required"), name: None, content: contents(node) })
    }

    /// Body and form parameters of 2.0.
    fn old_body<'a>(
        &'a self,
        node: Node<'a>,
        whole: Option<Node<'a>>,
        fields: Vec<Parameter<'a>>,
    ) -> Option<Body<'a>> {
        let consumes = self.media_types(node, "consumes");
        if let Some(whole) = whole {
            let types = if consumes.is_empty() { vec!["application/json"] } else { consumes };
            let content = |media_type| Content {
                media_type,
                shape: Shape::Schema(whole.get("schema")),
                encoding: None,
            };
            return Some(Body {
                required: whole.flag("required"),
                name: whole.text("name"),
                content: types.into_iter().map(content).collect(),
            });
        }
        if fields.is_empty() {
            return None;
        }
        let is_file = |field: &Parameter<'_>| {
            field.schema.is_some_and(|schema| schema.text("format") == Some("binary"))
        };
        let mut types: Vec<_> = consumes
            .into_iter()
            .filter(|kind| kind.starts_with("multipart/") || *kind == "application/x-www-form-urlencoded")
            .collect();
        if types.is_empty() {
            types.push(if fields.iter().any(is_file) {
                "multipart/form-data"
            } else {
                "application/x-www-form-urlencoded"
            });
        }
        let content =
            |media_type| Content { media_type, shape: Shape::Fields(fields.clone()), encoding: None };
        Some(Body {
            required: fields.iter().any(|field| field.required),
            name: None,
            content: types.into_iter().map(content).collect(),
        })
    }

    /// `consumes` or `produces` of 2.0: the operation's, else the document's.
    fn media_types<'a>(&'a self, node: Node<'a>, name: &str) -> Vec<&'a str> {
        let list = node.get(name).or_else(|| self.root().get(name));
        list.into_iter().flat_map(Node::items).filter_map(|item| item.value.as_str()).collect()
    }

    fn responses<'a>(&'a self, node: Node<'a>) -> Result<Vec<Response<'a>>, Error> {
        let mut responses = Vec::new();
        for (status, response) in node.get("responses").into_iter().flat_map(Node::entries) {
            let response = self.follow(response)?;
            let mut content = contents(response);
            if let Some(schema) = response.get("schema") {
                let mut produces = self.media_types(node, "produces");
                if produces.is_empty() {
                    produces.push("application/json");
                }
                let one =
                    |media_type| Content { media_type, shape: Shape::Schema(Some(schema)), encoding: None };
                content = produces.into_iter().map(one).collect();
            }
            responses.push(Response { status, content });
        }
        Ok(responses)
    }

    fn servers<'a>(&'a self, place: &Place<'a>, node: Node<'a>) -> Vec<Server<'a>> {
        let holders = [node, place.item, self.root()];
        let lists = holders.into_iter().filter_map(|holder| holder.get("servers"));
        let mut servers = lists.map(|list| list.items().filter_map(server).collect::<Vec<_>>());
        let found = servers.find(|servers| !servers.is_empty());
        found.unwrap_or_else(|| vec![Server { url: "/", file: self.uri(), variables: Vec::new() }])
    }

    fn keys<'a>(&'a self, node: Node<'a>) -> Result<Vec<Key<'a>>, Error> {
        let mut keys = Vec::new();
        let asked = node.get("security").or_else(|| self.root().get("security"));
        let schemes = self.root().get("components").and_then(|components| components.get("securitySchemes"));
        let Some(schemes) = schemes else { return Ok(keys) };
        for (name, _) in asked.into_iter().flat_map(Node::items).flat_map(Node::entries) {
            let Some(scheme) = schemes.get(name) else { continue };
            let scheme = self.follow(scheme)?;
            let location = match (scheme.text("type"), scheme.text("in")) {
                (Some("apiKey"), Some("query")) => Location::Query,
                (Some("apiKey"), Some("header")) => Location::Header,
                (Some("apiKey"), Some("cookie")) => Location::Cookie,
                _ => continue,
            };
            if let Some(key) = scheme.text("name").map(|name| Key { name, location })
                && !keys.contains(&key)
            {
                keys.push(key);
            }
        }
        Ok(keys)
    }
}

fn contents(node: Node<'_>) -> Vec<Content<'_>> {
    let entries = node.get("content").into_iter().flat_map(Node::entries);
    entries
        .map(|(media_type, content)| Content {
            media_type,
            shape: Shape::Schema(content.get("schema")),
            encoding: content.get("encoding"),
        })
        .collect()
}

fn server(node: Node<'_>) -> Option<Server<'_>> {
    let variables =
        node.get("variables").into_iter().flat_map(Node::entries).map(|(name, variable)| Variable {
            name,
            default: variable.text("default"),
            values: variable
                .get("enum")
                .into_iter()
                .flat_map(Node::items)
                .filter_map(|v| v.value.as_str())
                .collect(),
        });
    Some(Server { url: node.text("url")?, file: node.file, variables: variables.collect() })
}

fn similar(places: &[Place<'_>], id: &str) -> Vec<String> {
    let wanted = id.to_ascii_lowercase();
    let ids = || places.iter().filter_map(|place| place.node.text("operationId"));
    let close = ids().filter(|known| {
        let known = known.to_ascii_lowercase();
        known.contains(&wanted)
            || wanted.contains(&known)
            || (wanted.len() > 3 && known.starts_with(wanted.get(..4).unwrap_or(&wanted)))
    });
    let mut similar: Vec<_> = close.take(SIMILAR_MAX).map(clip).collect();
    if similar.is_empty() {
        similar = ids().take(SIMILAR_MAX).map(clip).collect();
    }
    if similar.is_empty() {
        similar =
            places.iter().take(SIMILAR_MAX).map(|p| format!("`{} {}`", p.method, clip(p.path))).collect();
    }
    similar
}

fn malformed(place: &Place<'_>, why: &'static str) -> Error {
    Error::Malformed { place: format!("{} {}", place.method, clip(place.path)), why }
}
