//! What each operation becomes: arguments, body, answer, failures. Nothing is written here.

use std::collections::HashSet;

use openapi::api::{Content, In, Kind, Media, Operation, Parameter, Piece, SchemaId, Status, Style};

use crate::Note;
use crate::names::Group;
use crate::pagination::{Paging, detect};
use crate::plan::{Plan, Way};
use crate::ty::{Doc, STRING, Type, UNKNOWN, VOID};
use crate::types::{Types, schema_doc};
use crate::words::{camel, is_reserved, words};

/// An operation as a method.
#[derive(Debug)]
pub(crate) struct Method<'a> {
    pub(crate) operation: &'a Operation,
    pub(crate) name: String,
    pub(crate) path: Vec<PathPart<'a>>,
    pub(crate) body: Option<BodyArgument<'a>>,
    pub(crate) parameters: Vec<Argument<'a>>,
    pub(crate) answer: Answer,
    pub(crate) accept: Option<String>,
    pub(crate) failures: Vec<(Status, Option<Type>)>,
    /// A second method that streams, where the operation can do both.
    pub(crate) streams: Option<Streams>,
    pub(crate) pages: Option<Paging>,
}

impl Method<'_> {
    /// The header that takes an idempotency key, if there is one.
    pub(crate) fn idempotency_header(&self) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        let header = parameters.find(|argument| is_idempotency_key(self.operation, argument.parameter))?;
        Some(&header.parameter.name)
    }
}

/// A piece of a path.
#[derive(Debug)]
pub(crate) enum PathPart<'a> {
    Text(&'a str),
    Argument { name: String, of: Type, parameter: &'a Parameter },
}

/// A parameter of query, header or cookie.
#[derive(Debug)]
pub(crate) struct Argument<'a> {
    /// Its name on the wire, or with the place where it stands if another has that name too.
    pub(crate) name: String,
    pub(crate) of: Type,
    pub(crate) required: bool,
    pub(crate) parameter: &'a Parameter,
}

/// What is sent.
#[derive(Debug)]
pub(crate) struct BodyArgument<'a> {
    pub(crate) required: bool,
    pub(crate) of: Type,
    pub(crate) content: &'a Content,
    pub(crate) codec: Codec,
}

/// The function of `body.ts` that writes a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Json,
    Form,
    Multipart,
    Text,
    Binary,
}

/// What comes back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) of: Type,
    pub(crate) form: Form,
}

/// How an answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// By its content type; JSON is expected.
    Auto,
    Text,
    Blob,
    Events,
    Lines,
}

/// How an operation streams that can also answer at once.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    pub(crate) answer: Answer,
    pub(crate) accept: Option<String>,
    /// Whether the body has a property `stream` that asks for it.
    pub(crate) by_property: bool,
}

/// Plans the methods of a group.
pub(crate) fn methods<'a>(plan: &Plan<'a>, group: &Group, notes: &mut Vec<Note>) -> Vec<Method<'a>> {
    group
        .operations
        .iter()
        .map(|(index, name)| method(plan, &plan.api.operations[*index], name, notes))
        .collect()
}

fn method<'a>(plan: &Plan<'a>, operation: &'a Operation, name: &str, notes: &mut Vec<Note>) -> Method<'a> {
    if matches!(operation.method.as_str(), "trace" | "connect") {
        let message = format!(
            "`fetch` refuses the method {}; set another `fetch` to use it",
            operation.method.to_uppercase()
        );
        notes.push(Note::at(plan.api, operation.at, "method-not-sendable", message));
    }
    let path = path_parts(plan, operation);
    let body = body(plan, operation, notes);
    let successes = successes(operation);
    let (answer, accept) = answer(plan, &successes);
    let streams = streams(plan, operation, &successes, &answer);
    let documented: Vec<Status> = successes.iter().map(|(status, _)| *status).collect();
    let failures = operation
        .responses
        .iter()
        .filter(|response| !documented.contains(&response.status) && is_failure(response.status))
        .map(|response| {
            let content = preferred(&response.contents);
            (response.status, content.map(|content| content_type(plan, content).of))
        })
        .collect();
    let pages = (answer.form == Form::Auto).then(|| detect(plan, operation, notes)).flatten();
    Method {
        operation,
        name: name.to_owned(),
        path,
        body,
        parameters: arguments(plan, operation),
        answer,
        accept,
        failures,
        streams,
        pages,
    }
}

fn path_parts<'a>(plan: &Plan<'a>, operation: &'a Operation) -> Vec<PathPart<'a>> {
    let mut used: HashSet<String> = ["body", "params", "options", "query", "path"].map(str::to_owned).into();
    let mut known: Vec<(usize, String)> = Vec::new();
    operation
        .pieces()
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => PathPart::Text(text),
            Piece::Parameter { index, .. } => {
                let parameter = &operation.parameters[index];
                let name = match known.iter().find(|(at, _)| *at == index) {
                    Some((_, name)) => name.clone(),
                    None => {
                        let name = argument_name(&parameter.name, &mut used);
                        known.push((index, name.clone()));
                        name
                    }
                };
                let types = Types::new(plan, Way::Write);
                // Inside of lists and objects in a path, dates are the texts that they are there.
                let plain = matches!(plan.schema(plan.api.resolve(parameter.schema)).kind, Kind::String(_));
                let types = if plain { types } else { types.with_texts() };
                let of = match types.of(parameter.schema) {
                    Type::Word("unknown") => Type::Union(vec![STRING, Type::Word("number")]),
                    of => of,
                };
                PathPart::Argument { name, of, parameter }
            }
        })
        .collect()
}

fn argument_name(name: &str, used: &mut HashSet<String>) -> String {
    let mut found = camel(&words(name));
    if found.is_empty() {
        found = "parameter".to_owned();
    }
    if is_reserved(&found) || used.contains(&found) {
        found.push_str("Parameter");
    }
    crate::names::unique(&found, used, "")
}

fn arguments<'a>(plan: &Plan<'a>, operation: &'a Operation) -> Vec<Argument<'a>> {
    let mut used: HashSet<String> = HashSet::new();
    // What the path itself says is no argument.
    let fixed: Vec<&str> = operation
        .fixed_query()
        .unwrap_or_default()
        .split('&')
        .map(|pair| pair.split('=').next().unwrap_or(pair))
        .collect();
    let is_query =
        |p: &&Parameter| matches!(p.place, In::Query | In::QueryString) && !fixed.contains(&p.name.as_str());
    // Names of the query stay what they are; others make way.
    let query = operation.parameters.iter().filter(is_query);
    let others = operation
        .parameters
        .iter()
        .filter(|p| matches!(p.place, In::Header | In::Cookie) && !is_own_header(p));
    query
        .chain(others)
        .map(|parameter| {
            let place = match parameter.place {
                In::Header => "header",
                In::Cookie => "cookie",
                _ => "query",
            };
            let name = if used.insert(parameter.name.clone()) {
                parameter.name.clone()
            } else {
                crate::names::unique(&format!("{}_{place}", parameter.name), &mut used, "_")
            };
            let required = parameter.required && !is_idempotency_key(operation, parameter);
            Argument { name, of: Types::new(plan, Way::Write).of(parameter.schema), required, parameter }
        })
        .collect()
}

/// Whether a header takes a key that makes an operation safe to repeat. The client makes one where none is given.
fn is_idempotency_key(operation: &Operation, parameter: &Parameter) -> bool {
    let name = parameter.name.to_ascii_lowercase().replace(['-', '_'], "");
    parameter.place == In::Header
        && matches!(name.as_str(), "idempotencykey" | "xidempotencykey")
        && matches!(operation.method.as_str(), "post" | "patch")
}

/// Headers that the client writes itself (OpenAPI: such parameters shall be ignored).
fn is_own_header(parameter: &Parameter) -> bool {
    parameter.place == In::Header
        && matches!(
            parameter.name.to_ascii_lowercase().as_str(),
            "accept" | "content-type" | "authorization" | "content-length"
        )
}

fn body<'a>(plan: &Plan<'a>, operation: &'a Operation, notes: &mut Vec<Note>) -> Option<BodyArgument<'a>> {
    let body = operation.body.as_ref()?;
    if matches!(operation.method.as_str(), "get" | "head" | "trace") {
        notes.push(Note::at(
            plan.api,
            operation.at,
            "body-not-sendable",
            format!(
                "{} {} has a body; `fetch` sends none with this method, so the method takes none",
                operation.method.to_uppercase(),
                operation.path
            ),
        ));
        return None;
    }
    let content = [
        Media::Json,
        Media::Multipart,
        Media::Form,
        Media::JsonLines,
        Media::Text,
        Media::Xml,
        Media::Binary,
        Media::EventStream,
    ]
    .into_iter()
    .find_map(|media| body.contents.iter().find(|content| content.media == media))?;
    let schema = content.schema.map(|id| &plan.schema(plan.api.resolve(id)).kind);
    let codec = match content.media {
        // `application/json` with bytes in it is a file whatever it says.
        Media::Json if matches!(schema, Some(Kind::Binary(_))) => Codec::Binary,
        Media::Json => Codec::Json,
        Media::Multipart if is_object(plan, content.schema) => Codec::Multipart,
        Media::Form if is_object(plan, content.schema) => Codec::Form,
        Media::Text | Media::Xml | Media::JsonLines | Media::EventStream | Media::Form => Codec::Text,
        Media::Binary | Media::Multipart => Codec::Binary,
    };
    let of = match codec {
        Codec::Json | Codec::Form | Codec::Multipart => {
            content.schema.map_or(UNKNOWN, |id| Types::new(plan, Way::Write).of(id))
        }
        Codec::Text => STRING,
        Codec::Binary => Type::Union(vec![Type::Name("Upload".to_owned()), STRING]),
    };
    let of = match (codec, of) {
        (Codec::Form | Codec::Multipart, Type::Word(_)) => {
            Type::Object(crate::ty::Object { members: Vec::new(), index: Some(Box::new(UNKNOWN)) })
        }
        (_, of) => of,
    };
    Some(BodyArgument { required: body.required, of, content, codec })
}

/// Whether the fields of a form are known, or nothing is known of them.
fn is_object(plan: &Plan<'_>, schema: Option<SchemaId>) -> bool {
    schema.is_none_or(|id| {
        matches!(
            plan.schema(plan.api.resolve(id)).kind,
            Kind::Object(_) | Kind::Intersection(_) | Kind::Union(_) | Kind::Any
        )
    })
}

fn is_failure(status: Status) -> bool {
    matches!(status, Status::Exact(400..) | Status::Range(4..) | Status::Default)
}

/// The answers of success; the default answer where there is no other.
fn successes(operation: &Operation) -> Vec<(Status, &[Content])> {
    let found: Vec<(Status, &[Content])> = operation
        .responses
        .iter()
        .filter(|r| r.status.is_success())
        .map(|r| (r.status, r.contents.as_slice()))
        .collect();
    if !found.is_empty() {
        return found;
    }
    let failures =
        operation.responses.iter().any(|r| matches!(r.status, Status::Exact(_) | Status::Range(_)));
    let default = operation.responses.iter().find(|r| r.status == Status::Default);
    // A default beside nothing else, or beside failures only, is what comes back when all is well.
    match default {
        Some(response) if !failures || !response.contents.is_empty() => {
            vec![(response.status, response.contents.as_slice())]
        }
        _ => Vec::new(),
    }
}

fn answer(plan: &Plan<'_>, successes: &[(Status, &[Content])]) -> (Answer, Option<String>) {
    let mut types: Vec<Type> = Vec::new();
    let mut forms: Vec<Form> = Vec::new();
    let mut accept: Option<String> = None;
    let mut first = true;
    for (_, contents) in successes {
        match preferred(contents) {
            None => types.push(Type::Word("undefined")),
            Some(content) => {
                let answer = content_type(plan, content);
                if std::mem::take(&mut first) {
                    accept = accepted(&content.media_type);
                }
                types.push(answer.of);
                if !forms.contains(&answer.form) {
                    forms.push(answer.form);
                }
            }
        }
    }
    let of = match Type::union(types) {
        Type::Word("never" | "undefined") => VOID,
        Type::Union(mut types) if types.contains(&Type::Word("undefined")) => {
            types.retain(|t| *t != Type::Word("undefined"));
            types.push(Type::Word("undefined"));
            Type::Union(types)
        }
        of => of,
    };
    let form = if forms.len() == 1 { forms[0] } else { Form::Auto };
    (Answer { of, form }, accept)
}

/// The header `Accept` for a media type, where it is not the usual one.
fn accepted(media_type: &str) -> Option<String> {
    let plain = media_type.split(';').next().unwrap_or_default().trim();
    let usual = plain.eq_ignore_ascii_case("application/json") || plain.contains('*') || !plain.contains('/');
    (!usual).then(|| media_type.trim().to_owned())
}

/// The content that is asked for: JSON if there is any, else the first; streams last.
fn preferred(contents: &[Content]) -> Option<&Content> {
    let is_stream = |content: &&Content| matches!(content.media, Media::EventStream | Media::JsonLines);
    let exact = |content: &&Content| content.media == Media::Json && !content.media_type.contains('*');
    contents
        .iter()
        .find(exact)
        .or_else(|| contents.iter().find(|c| c.media == Media::Json))
        .or_else(|| contents.iter().find(|c| !is_stream(c)))
        .or_else(|| contents.first())
}

fn content_type(plan: &Plan<'_>, content: &Content) -> Answer {
    let types = Types::new(plan, Way::Read);
    let kind = content.schema.map(|id| &plan.schema(plan.api.resolve(id)).kind);
    match content.media {
        _ if matches!(kind, Some(Kind::Binary(_))) && !matches!(content.media, Media::Text | Media::Xml) => {
            Answer { of: Type::Word("Blob"), form: Form::Blob }
        }
        Media::Json => Answer { of: content.schema.map_or(UNKNOWN, |id| types.of(id)), form: Form::Auto },
        Media::EventStream | Media::JsonLines => {
            let item = content.item_schema.or(content.schema);
            let form = if content.media == Media::EventStream { Form::Events } else { Form::Lines };
            Answer { of: item.map_or(UNKNOWN, |id| types.of(id)), form }
        }
        Media::Text | Media::Xml | Media::Form => Answer { of: STRING, form: Form::Text },
        Media::Binary | Media::Multipart => Answer { of: Type::Word("Blob"), form: Form::Blob },
    }
}

/// How an operation streams that also answers at once.
fn streams(
    plan: &Plan<'_>,
    operation: &Operation,
    successes: &[(Status, &[Content])],
    answer: &Answer,
) -> Option<Streams> {
    if matches!(answer.form, Form::Events | Form::Lines) {
        return None;
    }
    let content = successes
        .iter()
        .flat_map(|(_, contents)| *contents)
        .find(|content| matches!(content.media, Media::EventStream | Media::JsonLines))?;
    let asked =
        operation.body.as_ref().and_then(|body| preferred(&body.contents)).and_then(|content| content.schema);
    let by_property = asked.and_then(|id| plan.property(id, "stream")).is_some_and(|(schema, _)| {
        matches!(&plan.schema(plan.api.resolve(schema)).kind, Kind::Boolean | Kind::Enum(_))
    });
    Some(Streams { answer: content_type(plan, content), accept: accepted(&content.media_type), by_property })
}

/// How a parameter of the query is written, where it is not written as usual.
pub(crate) fn query_style(plan: &Plan<'_>, parameter: &Parameter) -> Option<&'static str> {
    if parameter.content.is_some() {
        return Some("json");
    }
    let kind = &plan.schema(plan.api.resolve(parameter.schema)).kind;
    let parts =
        matches!(kind, Kind::Array(_) | Kind::Object(_) | Kind::Union(_) | Kind::Intersection(_) | Kind::Any);
    match parameter.style {
        Style::DeepObject => Some("deepObject"),
        Style::SpaceDelimited if !parameter.explode => Some("spaceDelimited"),
        Style::PipeDelimited if !parameter.explode => Some("pipeDelimited"),
        Style::TabDelimited => Some("tabDelimited"),
        _ if parts && !parameter.explode => Some("csv"),
        _ if parameter.allow_reserved => Some("reserved"),
        _ => None,
    }
}

/// The comment of a parameter.
pub(crate) fn parameter_doc(plan: &Plan<'_>, parameter: &Parameter) -> Doc {
    let schema = plan.schema(parameter.schema);
    let mut doc = if schema.name.is_none() { schema_doc(schema) } else { Doc::default() };
    if let Some(text) = parameter.description.as_deref().filter(|text| !text.trim().is_empty()) {
        text.clone_into(&mut doc.text);
    }
    if parameter.deprecated && !doc.tags.iter().any(|tag| tag == "@deprecated") {
        doc.tags.push("@deprecated".to_owned());
    }
    doc
}
