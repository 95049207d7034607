//! The body of a method: one call of the client.

use std::collections::{BTreeMap, HashSet};

use openapi::api::{In, Parameter, Requirement, Status, Style};

use super::File;
use super::schemas::CallSchemas;
use crate::code::Code;
use crate::operations::{BodyArgument, Codec, Form, Method, PathPart, Streams, query_style};
use crate::pagination::Paging;
use crate::print::{key, quoted};
use crate::words::{camel, is_reserved, words};

/// Writes `return this.client.request({ … });` and what it needs before.
pub(super) fn write(
    file: &mut File<'_, '_>,
    method: &Method<'_>,
    schemas: &CallSchemas,
    streams: Option<&Streams>,
    pages: Option<&Paging>,
) {
    let mut fields: Vec<(String, Code)> =
        vec![("method".to_owned(), text(&method.operation.method.to_uppercase()))];
    fields.push(("path".to_owned(), path(file, method)));
    let (before, parameters) = parameters(file, method);
    fields.extend(parameters);
    if let Some(body) = &method.body {
        fields.push(("body".to_owned(), body_code(file, body, streams)));
    }
    let form = streams.map_or(method.answer.form, |s| s.answer.form);
    let accept = streams.map_or(&method.accept, |s| &s.accept);
    let usual = match form {
        Form::Events => Some("text/event-stream"),
        Form::Lines => Some("application/x-ndjson"),
        _ => None,
    };
    if let Some(accept) = accept.as_deref().filter(|accept| Some(*accept) != usual) {
        fields.push(("accept".to_owned(), text(accept)));
    }
    match form {
        Form::Text => fields.push(("as".to_owned(), text("text"))),
        Form::Blob => fields.push(("as".to_owned(), text("blob"))),
        _ => {}
    }
    if !method.failures.is_empty() {
        fields.push((
            "errors".to_owned(),
            Code::List(method.failures.iter().map(|(s, _)| Code::Raw(status(*s))).collect()),
        ));
    }
    if let Some(security) = file.plan.security_of(method.operation) {
        fields.push(("security".to_owned(), alternatives(file, &security)));
    }
    if let Some(server) = file.plan.server_of(method.operation) {
        fields.push(("server".to_owned(), text(&server)));
    }
    if let Some(header) = method.idempotency_header() {
        fields.push(("idempotencyHeader".to_owned(), text(header)));
    }
    if let Some(pages) = pages {
        file.imports.value("../runtime/pagination.js", pages.function);
        fields.push(("pages".to_owned(), pages.code()));
    }
    fields.extend(checks(file, schemas, streams.is_some()));
    fields.push(("options".to_owned(), Code::raw("options")));
    if let Some(before) = before {
        file.out().line(4);
        file.out().push(&before);
    }
    let object = Code::Object(fields);
    let function = match form {
        Form::Events => Some(("../runtime/stream.js", "eventStream")),
        Form::Lines => Some(("../runtime/stream.js", "jsonLines")),
        _ if pages.is_some() => Some(("../runtime/pagination.js", "paginate")),
        _ => None,
    };
    let call = match function {
        None => Code::Call("this.client.request".to_owned(), vec![object]),
        Some((module, name)) => {
            file.imports.value(module, name);
            Code::Call(name.to_owned(), vec![Code::raw("this.client"), object])
        }
    };
    let out = file.out();
    out.line(4);
    out.push("return ");
    call.write(out, 4, 1);
    out.push(";");
}

/// What checks the parts of the call, and what converts the bodies of its failures.
fn checks(file: &mut File<'_, '_>, schemas: &CallSchemas, streams: bool) -> Vec<(String, Code)> {
    let mut found = Vec::new();
    let mut known = |name: &str| {
        file.imports.value("../schemas.js", name);
        Code::raw(name)
    };
    let parts = schemas.parts(streams);
    if !parts.is_empty() {
        let parts = parts.into_iter().map(|(part, name)| (part.to_owned(), known(name)));
        found.push(("schemas".to_owned(), Code::Object(parts.collect())));
    }
    if !schemas.failures.is_empty() {
        let failures = schemas.failures.iter().map(|(of, name)| (status(*of), known(name)));
        found.push(("failures".to_owned(), Code::Object(failures.collect())));
    }
    found
}

fn text(of: &str) -> Code {
    Code::Raw(quoted(of))
}

/// 404 as it is, 4 for all of 4xx, 0 for all.
fn status(of: Status) -> String {
    match of {
        Status::Exact(status) => status.to_string(),
        Status::Range(hundred) => hundred.to_string(),
        Status::Default => "0".to_owned(),
    }
}

fn path(file: &mut File<'_, '_>, method: &Method<'_>) -> Code {
    let fixed = method.operation.fixed_query().map(|query| format!("?{query}")).unwrap_or_default();
    if !method.path.iter().any(|part| matches!(part, PathPart::Argument { .. })) {
        let whole: String = method
            .path
            .iter()
            .map(|part| match part {
                PathPart::Text(text) => *text,
                PathPart::Argument { .. } => "",
            })
            .collect();
        return text(&format!("{whole}{fixed}"));
    }
    file.imports.value("../runtime/url.js", "path");
    let mut template = String::from("path`");
    for part in &method.path {
        match part {
            PathPart::Text(text) => template.push_str(&escaped(text)),
            PathPart::Argument { name, parameter, .. } => {
                let value = argument(file, name, parameter);
                template.push_str(&format!("${{{value}}}"));
            }
        }
    }
    template.push_str(&escaped(&fixed));
    template.push('`');
    Code::Raw(template)
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('`', "\\`").replace("${", "\\${").replace(['\n', '\r'], " ")
}

fn argument(file: &mut File<'_, '_>, name: &str, parameter: &Parameter) -> String {
    let style = match parameter.style {
        Style::Label => "label",
        Style::Matrix => "matrix",
        Style::Simple if parameter.explode && parameter.content.is_none() && is_object(file, parameter) => {
            "simple"
        }
        _ if is_day(file, parameter) => {
            file.imports.value("../runtime/url.js", "day");
            return format!("day({name})");
        }
        _ => return name.to_owned(),
    };
    file.imports.value("../runtime/url.js", "styled");
    format!("styled({}, {}, {}, {name})", quoted(style), quoted(&parameter.name), parameter.explode)
}

/// Whether a parameter is a `Date` that goes over the wire without its time.
fn is_day(file: &File<'_, '_>, parameter: &Parameter) -> bool {
    let plan = file.plan;
    plan.options.dates == crate::Dates::Dates
        && matches!(&plan.schema(plan.api.resolve(parameter.schema)).kind,
            openapi::api::Kind::String(Some(format)) if &**format == "date")
}

fn is_object(file: &File<'_, '_>, parameter: &Parameter) -> bool {
    let plan = file.plan;
    matches!(plan.schema(plan.api.resolve(parameter.schema)).kind, openapi::api::Kind::Object(_))
}

/// Query, headers and cookies, and the line before the call that takes them apart if there are several.
fn parameters(file: &File<'_, '_>, method: &Method<'_>) -> (Option<String>, Vec<(String, Code)>) {
    let of = |place: In| method.parameters.iter().filter(move |p| p.parameter.place == place);
    let place_of = |place: In| match place {
        In::Header => "headers",
        In::Cookie => "cookies",
        _ => "query",
    };
    let mut places: Vec<&str> = method.parameters.iter().map(|p| place_of(p.parameter.place)).collect();
    places.sort_unstable();
    places.dedup();
    let mut styles: BTreeMap<&str, &str> = BTreeMap::new();
    for argument in of(In::Query).chain(of(In::QueryString)) {
        if let Some(style) = query_style(file.plan, argument.parameter) {
            styles.insert(&argument.parameter.name, style);
        }
    }
    let mut order: Vec<(String, Code)> = Vec::new();
    let styles = (!styles.is_empty()).then(|| {
        let fields = styles.iter().map(|(name, style)| ((*name).to_owned(), text(style))).collect();
        ("styles".to_owned(), Code::Object(fields))
    });
    let renamed = method.parameters.iter().any(|p| p.name != p.parameter.name);
    if places.len() <= 1 && !renamed {
        if let Some(place) = places.first() {
            order.push(((*place).to_owned(), Code::raw("params")));
        }
        order.extend(styles);
        return (None, order);
    }
    // `const { "X-Trace": xTrace, ...query } = params;`
    let mut used: HashSet<String> =
        ["params", "query", "body", "options", "path", "this"].map(str::to_owned).into();
    for part in &method.path {
        if let PathPart::Argument { name, .. } = part {
            used.insert(name.clone());
        }
    }
    let mut taken: Vec<String> = Vec::new();
    let mut moved: BTreeMap<&str, Vec<(String, Code)>> = BTreeMap::new();
    for argument in &method.parameters {
        let place = place_of(argument.parameter.place);
        if place == "query" && argument.name == argument.parameter.name {
            continue;
        }
        let mut local = camel(&words(&argument.name));
        if local.is_empty() || is_reserved(&local) {
            local.push_str("Value");
        }
        let local = crate::names::unique(&local, &mut used, "");
        taken.push(if local == argument.name {
            local.clone()
        } else {
            format!("{}: {local}", key(&argument.name))
        });
        moved.entry(place).or_default().push((argument.parameter.name.clone(), Code::Raw(local)));
    }
    let rest = of(In::Query).chain(of(In::QueryString)).any(|p| p.name == p.parameter.name);
    let before = crate::resource::call::destructured(&taken, rest);
    if rest {
        order.push((
            "query".to_owned(),
            match moved.remove("query") {
                None => Code::raw("query"),
                Some(more) => Code::Object(
                    std::iter::once(("...query".to_owned(), Code::raw("...query"))).chain(more).collect(),
                ),
            },
        ));
    } else if let Some(more) = moved.remove("query") {
        order.push(("query".to_owned(), Code::Object(more)));
    }
    order.extend(styles);
    for place in ["headers", "cookies"] {
        if let Some(fields) = moved.remove(place) {
            order.push((place.to_owned(), Code::Object(fields)));
        }
    }
    (Some(before), order)
}

/// `const { a, ...query } = params;`, over several lines where one is not enough.
pub(super) fn destructured(taken: &[String], rest: bool) -> String {
    let mut parts: Vec<&str> = taken.iter().map(String::as_str).collect();
    if rest {
        parts.push("...query");
    }
    let line = format!("const {{ {} }} = params;", parts.join(", "));
    if 4 + crate::print::width(&line) <= crate::print::WIDTH {
        return line;
    }
    let comma = if rest { "" } else { "," };
    format!("const {{\n      {}{comma}\n    }} = params;", parts.join(",\n      "))
}

fn body_code(file: &mut File<'_, '_>, body: &BodyArgument<'_>, streams: Option<&Streams>) -> Code {
    let media_type = body.content.media_type.trim();
    let (function, usual) = match body.codec {
        Codec::Json => ("json", "application/json"),
        Codec::Form => ("form", ""),
        Codec::Multipart => ("multipart", ""),
        Codec::Text => ("textBody", "text/plain"),
        Codec::Binary => ("binary", "application/octet-stream"),
    };
    file.imports.value("../runtime/body.js", function);
    let value = match streams {
        Some(streams) if streams.by_property => Code::raw("{ ...body, stream: true }"),
        _ => Code::raw("body"),
    };
    let mut arguments = vec![value];
    match body.codec {
        Codec::Json | Codec::Text | Codec::Binary => {
            let plain = media_type.split(';').next().unwrap_or_default().trim();
            if !plain.eq_ignore_ascii_case(usual) && !plain.contains('*') && plain.contains('/') {
                arguments.push(text(media_type));
            }
        }
        Codec::Form => {
            let styles = form_styles(body);
            if !styles.is_empty() {
                arguments.push(Code::Object(styles));
            }
        }
        Codec::Multipart => {
            let types: Vec<(String, Code)> = body
                .content
                .encodings
                .iter()
                .filter_map(|(name, encoding)| {
                    let first = encoding.content_type.as_deref()?.split(',').next()?.trim();
                    (!first.is_empty() && !first.contains('*')).then(|| (name.to_string(), text(first)))
                })
                .collect();
            if !types.is_empty() {
                arguments.push(Code::Object(types));
            }
        }
    }
    Code::Call(function.to_owned(), arguments)
}

fn form_styles(body: &BodyArgument<'_>) -> Vec<(String, Code)> {
    let encodings = body.content.encodings.iter();
    encodings
        .filter_map(|(name, encoding)| {
            let json = encoding.content_type.as_deref().is_some_and(|t| t.contains("json"));
            let style = match encoding.style {
                _ if json => "json",
                Some(Style::DeepObject) => "deepObject",
                Some(Style::SpaceDelimited) => "spaceDelimited",
                Some(Style::PipeDelimited) => "pipeDelimited",
                Some(Style::TabDelimited) => "tabDelimited",
                _ if encoding.explode == Some(false) => "csv",
                _ => return None,
            };
            Some((name.to_string(), text(style)))
        })
        .collect()
}

fn alternatives(file: &File<'_, '_>, requirements: &[Requirement]) -> Code {
    file.plan.alternatives(requirements)
}
