//! `mock.ts` (a server made of the document) and the tests that call every operation against it.

use openapi::api::{In, Kind, Status};

use crate::code::{Code, Imports};
use crate::names::Group;
use crate::operations::{Answer, Form, Method, PathPart, Streams};
use crate::plan::Plan;
use crate::print::{Out, key, quoted};
use crate::resource::plan_head;
use crate::security::Credentials;
use crate::ty::Type;
use crate::values::Values;
use crate::words::is_identifier;

/// The text of `src/mock.ts`.
pub(crate) fn mock(plan: &Plan<'_>, groups: &[(&Group, Vec<Method<'_>>)]) -> String {
    let mut out = Out::default();
    let mut imports = Imports::default();
    imports.value("./runtime/mock.js", "mock");
    imports.of_type("./runtime/mock.js", "Mock");
    imports.of_type("./runtime/mock.js", "MockRoute");
    out.text.push_str(&plan_head(plan));
    out.text.push_str(&imports.text());
    out.push(&format!(
        "/** A mock of {}: `new {}({{ fetch: createMock().fetch }})`. */",
        plan.name.title.replace("*/", ""),
        plan.name.class
    ));
    out.line(0);
    out.push("export function createMock(): Mock {");
    out.line(2);
    out.push("return mock(routes);");
    out.line(0);
    out.push("}");
    out.line(0);
    out.line(0);
    out.push("/** What the mock answers. */");
    out.line(0);
    out.push("export const routes: readonly MockRoute[] = ");
    let routes = groups.iter().flat_map(|(_, methods)| methods).map(|method| route(plan, method));
    Code::List(routes.collect()).write_open(&mut out, 0);
    out.push(";");
    out.line(0);
    out.text
}

fn route(plan: &Plan<'_>, method: &Method<'_>) -> Code {
    let operation = method.operation;
    let mut fields = vec![
        ("method".to_owned(), Code::Raw(quoted(&operation.method.to_uppercase()))),
        ("path".to_owned(), Code::Raw(quoted(&operation.path))),
    ];
    let names = |place: In| -> Vec<Code> {
        let needed = method.parameters.iter().filter(|p| p.required && p.parameter.place == place);
        // An object may be written without its own name.
        let by_name = needed.filter(|p| {
            !matches!(
                plan.schema(plan.api.resolve(p.parameter.schema)).kind,
                Kind::Object(_) | Kind::Array(_) | Kind::Union(_) | Kind::Intersection(_)
            )
        });
        by_name.map(|p| Code::Raw(quoted(&p.parameter.name))).collect()
    };
    for (name, place) in [("query", In::Query), ("headers", In::Header)] {
        let names = names(place);
        if !names.is_empty() {
            fields.push((name.to_owned(), Code::List(names)));
        }
    }
    if let Some(body) = method.body.as_ref().filter(|body| body.required) {
        let types = operation.body.iter().flat_map(|body| &body.contents).map(|content| {
            let plain = content.media_type.trim();
            Code::Raw(quoted(if plain.contains('*') || !plain.contains('/') { "*/*" } else { plain }))
        });
        let _ = body;
        fields.push(("body".to_owned(), Code::List(types.collect())));
    }
    let mut answers = vec![answer(plan, method, &method.answer)];
    answers.extend(method.streams.iter().map(|streams| answer(plan, method, &streams.answer)));
    fields.push(("answers".to_owned(), Code::List(answers)));
    Code::Object(fields)
}

fn answer(plan: &Plan<'_>, method: &Method<'_>, answer: &Answer) -> Code {
    let success = method.operation.responses.iter().find(|r| r.status.is_success());
    let status = match success.map(|r| r.status) {
        Some(Status::Exact(status)) => status,
        _ => 200,
    };
    let mut fields = vec![("status".to_owned(), Code::Raw(status.to_string()))];
    let streams = matches!(answer.form, Form::Events | Form::Lines);
    let content = success.iter().flat_map(|r| &r.contents).find(|content| {
        let stream =
            matches!(content.media, openapi::api::Media::EventStream | openapi::api::Media::JsonLines);
        stream == streams
    });
    let value = match &answer.of {
        Type::Word("void") => None,
        Type::Word("Blob") => Some(Code::raw("\"text\"")),
        Type::Union(types) if types.contains(&Type::Word("Blob")) => Some(Code::raw("\"text\"")),
        of => Values { plan, wire: true }.of(of),
    };
    if let Some(value) = value {
        let usual = match answer.form {
            Form::Events => "text/event-stream",
            Form::Lines => "application/x-ndjson",
            Form::Text => "text/plain",
            Form::Blob => "application/octet-stream",
            Form::Auto => "application/json",
        };
        let said = content.map(|content| content.media_type.trim()).filter(|said| {
            let json = matches!(openapi::api::Media::of(said), openapi::api::Media::Json);
            !said.contains('*') && said.contains('/') && (answer.form != Form::Auto || json)
        });
        fields.push(("type".to_owned(), Code::Raw(quoted(said.unwrap_or(usual)))));
        fields.push(("body".to_owned(), value));
    }
    Code::Object(fields)
}

/// The text of `test/operations.test.ts`: each operation once.
pub(crate) fn tests(plan: &Plan<'_>, groups: &[(&Group, Vec<Method<'_>>)]) -> String {
    let class = &plan.name.class;
    let mut out = Out::default();
    let mut imports = Imports::default();
    imports.value("../src/client.js", class);
    imports.value("./support.js", "local");
    let all = || groups.iter().flat_map(|(_, methods)| methods);
    let stream = |form: Form| matches!(form, Form::Events | Form::Lines);
    if all().any(|method| !stream(method.answer.form)) {
        imports.value("./support.js", "roundTrip");
    }
    if all().any(|method| stream(method.answer.form) || method.streams.is_some()) {
        imports.value("./support.js", "streamTrip");
    }
    out.text.push_str(&plan_head(plan));
    out.text.push_str(&imports.text());
    out.push(&format!("function {}(): {class} {{", plan.name.variable));
    out.line(2);
    out.push("return ");
    let mut options = vec![("...local()".to_owned(), Code::raw("...local()"))];
    options.extend(
        plan.credentials.iter().flat_map(Credentials::names).map(|name| (name, Code::raw("\"test\""))),
    );
    Code::Call(format!("new {class}"), vec![Code::Object(options)]).write(&mut out, 2, 1);
    out.push(";");
    out.line(0);
    out.push("}");
    out.line(0);
    for (group, methods) in groups {
        out.line(0);
        for method in methods {
            test(plan, group, method, None, &mut out);
            if let Some(streams) = &method.streams {
                test(plan, group, method, Some(streams), &mut out);
            }
        }
    }
    out.text
}

fn test(plan: &Plan<'_>, group: &Group, method: &Method<'_>, streams: Option<&Streams>, out: &mut Out) {
    let route = quoted(&format!("{} {}", method.operation.method.to_uppercase(), method.operation.path));
    let name = if streams.is_some() { format!("{}Stream", method.name) } else { method.name.clone() };
    let mut arguments = example_arguments(plan, method, streams);
    arguments.push(Code::raw("options"));
    let call = Code::Call(
        format!("{}(){}{}", plan.name.variable, access(&group.property), access(&name)),
        arguments,
    );
    let form = streams.map_or(method.answer.form, |s| s.answer.form);
    let stream = matches!(form, Form::Events | Form::Lines);
    let arrow = Code::Arrow("options".to_owned(), Box::new(call));
    let (function, mut whole) =
        if stream { ("streamTrip", vec![Code::Raw(route)]) } else { ("roundTrip", vec![Code::Raw(route)]) };
    whole.push(arrow);
    Code::Call(function.to_owned(), whole).write(out, 0, 1);
    out.push(";");
    out.line(0);
}

/// `.name`, or `["na-me"]`.
fn access(name: &str) -> String {
    if is_identifier(name) || !key(name).starts_with(['"', '\'']) {
        format!(".{name}")
    } else {
        format!("[{}]", quoted(name))
    }
}

/// Arguments that a method can be called with: no more than it needs.
pub(crate) fn example_arguments(
    plan: &Plan<'_>,
    method: &Method<'_>,
    streams: Option<&Streams>,
) -> Vec<Code> {
    let values = Values { plan, wire: false };
    let never = || Code::raw("undefined as never");
    let mut arguments: Vec<Code> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for part in &method.path {
        if let PathPart::Argument { name, of, .. } = part
            && !seen.contains(&name.as_str())
        {
            seen.push(name);
            // Where anything may stand in a path, an object is not what is meant.
            let value = values.of(of).filter(|value| value.flat() != "{}");
            let plain =
                if value.is_none() && !matches!(of, Type::Word(_)) { Code::raw("\"text\"") } else { never() };
            arguments.push(value.unwrap_or(plain));
        }
    }
    if let Some(body) = &method.body {
        let of = match streams {
            Some(streams) if streams.by_property => {
                Type::Without(Box::new(body.of.clone()), vec!["stream".to_owned()])
            }
            _ => body.of.clone(),
        };
        arguments.push(if body.required {
            values.of(&of).unwrap_or_else(never)
        } else {
            Code::raw("undefined")
        });
    }
    if !method.parameters.is_empty() {
        let needed = method.parameters.iter().filter(|p| p.required);
        let fields = needed.map(|p| {
            // Of an object that may hold anything, nothing would be sent.
            let any = matches!(plan.schema(plan.api.resolve(p.parameter.schema)).kind, Kind::Any);
            let value = if any { Code::raw("\"text\"") } else { values.of(&p.of).unwrap_or_else(never) };
            (p.name.clone(), value)
        });
        arguments.push(Code::Object(fields.collect()));
    }
    arguments
}
