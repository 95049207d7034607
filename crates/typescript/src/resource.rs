//! `resources/*.ts`: a class for each group of operations, and the types of its arguments and answers.

mod call;
mod schemas;

use openapi::api::{In, Status};

use crate::Named;
use crate::code::Imports;
use crate::models::declare;
use crate::names::Group;
use crate::operations::{Answer, Form, Method, PathPart, Streams, parameter_doc};
use crate::plan::Plan;
use crate::print::{Out, WIDTH, flat, width};
use crate::schemas::Own;
use crate::ty::{Doc, Member, Object, Type};
use crate::words::{type_name, words};
use schemas::CallSchemas;

/// What a file is made of while it grows.
pub(super) struct File<'p, 'a> {
    pub(super) plan: &'p Plan<'a>,
    group: &'p Group,
    pub(super) imports: Imports,
    class: Out,
    /// Types after the class.
    types: Out,
    /// How the types that methods make are called.
    pub(super) named: Vec<Named>,
}

/// What became of a group.
pub(crate) struct Made {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) named: Vec<Named>,
    /// Schemas that only its methods use.
    pub(crate) schemas: Vec<Own>,
    /// By method: its types.
    pub(crate) types: Vec<MethodTypes>,
}

/// The types of a method's arguments, for others that call it.
#[derive(Debug, Default)]
pub(crate) struct MethodTypes {
    pub(crate) body: Option<Type>,
    pub(crate) params: Option<String>,
    /// Those that are in the file of the method.
    pub(crate) own: Vec<String>,
}

/// The file of a group.
pub(crate) fn resource(plan: &mut Plan<'_>, group: &Group, made: &[Method<'_>]) -> Made {
    // Names are claimed before anything is written, because claiming changes the plan.
    let mut names: Vec<TypeNamesOf> =
        made.iter().map(|method| TypeNamesOf::claim(plan, group, method)).collect();
    for (names, method) in names.iter_mut().zip(made) {
        names.schemas = CallSchemas::claim(plan, &stem(group, method), method, names);
    }
    let schemas = names.iter_mut().flat_map(|names| std::mem::take(&mut names.schemas.own)).collect();
    let mut file = File {
        plan,
        group,
        imports: Imports::default(),
        class: Out::default(),
        types: Out::default(),
        named: Vec::new(),
    };
    file.imports.value("../runtime/resource.js", "Resource");
    let doc = Doc { text: group.description.clone().unwrap_or_default(), tags: Vec::new() };
    file.class.doc(&doc, 0);
    file.class.push(&format!("export class {} extends Resource {{", group.class));
    for (index, (method, names)) in made.iter().zip(&names).enumerate() {
        if index > 0 {
            file.class.text.push('\n');
        }
        file.method(method, names);
    }
    file.class.line(0);
    file.class.push("}");
    file.class.line(0);
    let text =
        format!("{}{}{}{}", plan_head(file.plan), file.imports.text(), file.class.text, file.types.text);
    let types = made.iter().zip(&names).map(|(method, names)| names.types(method)).collect();
    Made { path: format!("src/resources/{}.ts", group.file), text, named: file.named, schemas, types }
}

/// The first line of generated files.
pub(crate) fn plan_head(plan: &Plan<'_>) -> String {
    let version = plan.api.info.version.split_whitespace().collect::<Vec<_>>().join(" ");
    let version = if version.is_empty() { String::new() } else { format!(" {version}") };
    let title = plan.name.title.replace("*/", "* /");
    format!(
        "// Generated from {title}{version}. Changes to this file are lost when it is generated again.\n\n"
    )
}

/// Names of the types that belong to a method.
#[derive(Debug, Default)]
pub(super) struct TypeNamesOf {
    params: Option<String>,
    body: Option<String>,
    answer: Option<String>,
    event: Option<String>,
    /// An item of a page.
    item: Option<String>,
    failure: Option<String>,
    /// By failure.
    failures: Vec<Option<String>>,
    schemas: CallSchemas,
}

/// What names of a method's types begin with.
fn stem(group: &Group, method: &Method<'_>) -> String {
    format!("{}{}", group.prefix, type_name_of(&method.name))
}

impl TypeNamesOf {
    fn claim(plan: &mut Plan<'_>, group: &Group, method: &Method<'_>) -> Self {
        let stem = stem(group, method);
        let mut claim = |suffix: &str| plan.names.claim(&format!("{stem}{suffix}"), "");
        Self {
            params: (!method.parameters.is_empty()).then(|| claim("Params")),
            body: method.body.as_ref().filter(|b| deserves_name(&b.of)).map(|_| claim("Body")),
            answer: deserves_name(&method.answer.of).then(|| {
                claim(if matches!(method.answer.form, Form::Events | Form::Lines) {
                    "Event"
                } else {
                    "Response"
                })
            }),
            event: method.streams.as_ref().filter(|s| deserves_name(&s.answer.of)).map(|_| claim("Event")),
            item: method.pages.as_ref().filter(|p| deserves_name(&p.item)).map(|_| claim("Item")),
            failure: (method.failures.len() > 1).then(|| claim("Failure")),
            failures: method
                .failures
                .iter()
                .map(|(status, body)| {
                    let body = body.as_ref().filter(|body| deserves_name(body));
                    body.map(|_| claim(&format!("{}Body", failure_name(*status))))
                })
                .collect(),
            schemas: CallSchemas::default(),
        }
    }
}

impl TypeNamesOf {
    fn types(&self, method: &Method<'_>) -> MethodTypes {
        let body = method.body.as_ref().map(|body| match &self.body {
            Some(name) => Type::Name(name.clone()),
            None => body.of.clone(),
        });
        let own = self.body.iter().chain(&self.params).cloned().collect();
        MethodTypes { body, params: self.params.clone(), own }
    }
}

/// What a failure is called in the names of types.
fn failure_name(status: Status) -> String {
    match status {
        Status::Exact(status) => match error_class(Status::Exact(status)) {
            "ApiError" => format!("Error{status}"),
            class => class.trim_end_matches("Error").to_owned(),
        },
        Status::Range(hundred) => format!("Error{hundred}xx"),
        Status::Default => "Error".to_owned(),
    }
}

/// The class of a failure.
fn error_class(status: Status) -> &'static str {
    match status {
        Status::Exact(400) => "BadRequestError",
        Status::Exact(401) => "UnauthorizedError",
        Status::Exact(403) => "ForbiddenError",
        Status::Exact(404) => "NotFoundError",
        Status::Exact(409) => "ConflictError",
        Status::Exact(422) => "UnprocessableEntityError",
        Status::Exact(429) => "RateLimitError",
        Status::Exact(500) => "InternalServerError",
        _ => "ApiError",
    }
}

fn type_name_of(method: &str) -> String {
    let name = type_name(method);
    if name.is_empty() { "Call".to_owned() } else { name }
}

/// Whether a type is easier to read, and to use elsewhere, with a name of its own.
fn deserves_name(of: &Type) -> bool {
    of.has_object() || matches!(of, Type::Union(types) if types.len() > 2 && !crate::print::fits(of, 50))
}

impl File<'_, '_> {
    fn method(&mut self, method: &Method<'_>, names: &TypeNamesOf) {
        let item = method.pages.as_ref().map(|pages| match &names.item {
            Some(name) => {
                self.declare(
                    name,
                    &Doc { text: format!("An item of `{}`.", method.name), tags: Vec::new() },
                    pages.item.clone(),
                );
                Type::Name(name.clone())
            }
            None => {
                self.import_names(&pages.item);
                pages.item.clone()
            }
        });
        let mut whole = method.answer.clone();
        if let (Some(pages), Some(Type::Name(name))) =
            (&method.pages, item.as_ref().filter(|_| names.item.is_some()))
        {
            whole.of.replace_items(&pages.item, name);
        }
        let answer = self.answer(&whole, names.answer.as_deref());
        let failure = self.failure(method, names);
        let body = method.body.as_ref().map(|body| match &names.body {
            Some(name) => {
                let doc = Doc { text: format!("What `{}` sends.", method.name), tags: Vec::new() };
                self.declare(name, &doc, body.of.clone());
                Type::Name(name.clone())
            }
            None => {
                self.import_names(&body.of);
                body.of.clone()
            }
        });
        if let Some(name) = &names.params {
            self.params(method, name);
        }
        let signature = Signature { names, body, answer, item, failure };
        self.write(method, &signature, None);
        if let Some(streams) = &method.streams {
            let item = self.answer(&streams.answer, names.event.as_deref());
            let signature = Signature { answer: item, ..signature };
            self.class.text.push('\n');
            self.write(method, &signature, Some(streams));
        }
    }

    fn write(&mut self, method: &Method<'_>, signature: &Signature<'_>, streams: Option<&Streams>) {
        let form = streams.map_or(method.answer.form, |s| s.answer.form);
        let pages = method.pages.as_ref().filter(|_| streams.is_none());
        let name = if streams.is_some() { format!("{}Stream", method.name) } else { method.name.clone() };
        self.class.line(2);
        self.class.doc(&method_doc(self.plan, method), 2);
        let promise = self.promise(form, signature, pages.is_some());
        let arguments = self.arguments(method, signature, streams);
        self.imports.of_type("../runtime/client.js", "RequestOptions");
        self.signature(&name, &arguments, &promise);
        self.named.push(Named {
            resource: self.group.property.clone(),
            method: name,
            http_method: method.operation.method.to_uppercase(),
            path: method.operation.path.clone(),
            operation_id: method.operation.id.clone(),
        });
        call::write(self, method, &signature.names.schemas, streams, pages);
        self.class.line(2);
        self.class.push("}");
    }

    /// The type that a method returns.
    fn promise(&mut self, form: Form, signature: &Signature<'_>, pages: bool) -> Vec<Type> {
        let (module, name) = match form {
            Form::Events | Form::Lines => ("../runtime/stream.js", "StreamPromise"),
            _ if pages => ("../runtime/pagination.js", "PagePromise"),
            _ => ("../runtime/promise.js", "ApiPromise"),
        };
        self.imports.of_type(module, name);
        let mut types = vec![Type::Name(name.to_owned()), signature.answer.clone()];
        types.extend(signature.item.clone().filter(|_| pages));
        types.extend(signature.failure.clone());
        types
    }

    fn signature(&mut self, name: &str, arguments: &[String], promise: &[Type]) {
        let parts: Vec<String> = promise[1..].iter().map(flat).collect();
        let returns = format!("{}<{}>", flat(&promise[0]), parts.join(", "));
        let line = format!("{}({}): {returns} {{", crate::print::key(name), arguments.join(", "));
        if 2 + width(&line) <= WIDTH {
            self.class.push(&line);
            return;
        }
        self.class.push(&format!("{}(", crate::print::key(name)));
        for argument in arguments {
            self.class.line(4);
            self.class.push(argument);
            self.class.push(",");
        }
        self.class.line(2);
        if 2 + 3 + width(&returns) + 2 <= WIDTH {
            self.class.push(&format!("): {returns} {{"));
            return;
        }
        self.class.push(&format!("): {}<", flat(&promise[0])));
        for (index, part) in promise[1..].iter().enumerate() {
            self.class.line(4);
            self.class.of(part, 4, 1);
            if index + 2 < promise.len() {
                self.class.push(",");
            }
        }
        self.class.line(2);
        self.class.push("> {");
    }

    /// Arguments: what the path needs, the body, other parameters, options.
    fn arguments(
        &mut self,
        method: &Method<'_>,
        signature: &Signature<'_>,
        streams: Option<&Streams>,
    ) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for part in &method.path {
            if let PathPart::Argument { name, of, .. } = part
                && !seen.contains(&name.as_str())
            {
                self.import_names(of);
                found.push(format!("{name}: {}", flat(of)));
                seen.push(name);
            }
        }
        let params_required = method.parameters.iter().any(|p| p.required);
        if let (Some(body), Some(of)) = (&method.body, &signature.body) {
            let of = match streams {
                Some(streams) if streams.by_property => {
                    Type::Without(Box::new(of.clone()), vec!["stream".to_owned()])
                }
                _ => of.clone(),
            };
            found.push(if body.required {
                format!("body: {}", flat(&of))
            } else if params_required {
                format!("body: {}", flat(&Type::union([of, Type::Word("undefined")])))
            } else {
                format!("body?: {}", flat(&of))
            });
        }
        if let Some(name) = &signature.names.params {
            found.push(if params_required {
                format!("params: {name}")
            } else {
                format!("params: {name} = {{}}")
            });
        }
        found.push("options?: RequestOptions".to_owned());
        found
    }

    fn answer(&mut self, answer: &Answer, name: Option<&str>) -> Type {
        if let Some(name) = name {
            self.declare(name, &Doc::default(), answer.of.clone());
            return Type::Name(name.to_owned());
        }
        self.import_names(&answer.of);
        answer.of.clone()
    }

    /// The failures that the document tells of.
    fn failure(&mut self, method: &Method<'_>, names: &TypeNamesOf) -> Option<Type> {
        let mut types: Vec<Type> = Vec::new();
        for ((status, body), name) in method.failures.iter().zip(&names.failures) {
            let body = match (body, name) {
                (Some(body), Some(name)) => {
                    self.declare(name, &Doc::default(), body.clone());
                    Some(Type::Name(name.clone()))
                }
                (body, _) => body.clone(),
            };
            types.push(self.failure_type(*status, body.as_ref()));
        }
        let name = match &names.failure {
            Some(name) if types.len() > 1 => name,
            _ => return types.into_iter().next(),
        };
        let of = Type::union(types);
        let doc = Doc { text: format!("What `{}` fails with.", method.name), tags: Vec::new() };
        self.declare(name, &doc, of);
        Some(Type::Name(name.clone()))
    }

    fn failure_type(&mut self, status: Status, body: Option<&Type>) -> Type {
        let class = error_class(status);
        self.imports.of_type("../runtime/errors.js", class);
        let mut arguments: Vec<String> = Vec::new();
        match status {
            _ if class != "ApiError" => {}
            Status::Exact(status) => arguments.push(status.to_string()),
            _ if body.is_some() => arguments.push("number".to_owned()),
            _ => {}
        }
        if let Some(body) = body.filter(|body| **body != crate::ty::UNKNOWN) {
            self.import_names(body);
            arguments.push(flat(body));
        }
        Type::Name(if arguments.is_empty() {
            class.to_owned()
        } else {
            format!("{class}<{}>", arguments.join(", "))
        })
    }

    fn params(&mut self, method: &Method<'_>, name: &str) {
        let members = method
            .parameters
            .iter()
            .map(|argument| Member {
                name: argument.name.clone(),
                optional: !argument.required,
                doc: parameter_doc(self.plan, argument.parameter),
                of: argument.of.clone(),
            })
            .collect();
        let places = [(In::Query, "query"), (In::Header, "headers"), (In::Cookie, "cookies")];
        let used: Vec<&str> = places
            .iter()
            .filter(|(place, _)| method.parameters.iter().any(|p| p.parameter.place == *place))
            .map(|(_, word)| *word)
            .collect();
        let text = match used.as_slice() {
            ["query"] | [] => String::new(),
            several => format!("Parameters in {}.", several.join(" and ")),
        };
        self.declare(name, &Doc { text, tags: Vec::new() }, Type::Object(Object { members, index: None }));
    }

    /// Writes a type after the class.
    fn declare(&mut self, name: &str, doc: &Doc, of: Type) {
        self.import_names(&of);
        self.types.text.push('\n');
        declare(&mut self.types, self.plan, None, name, doc, of);
    }

    /// Imports what a type names.
    pub(super) fn import_names(&mut self, of: &Type) {
        let mut names = Vec::new();
        of.names(&mut names);
        for name in names {
            if name == "Upload" {
                self.imports.of_type("../runtime/body.js", "Upload");
            } else if self.plan.is_model(&name) {
                self.imports.of_type("../models.js", &name);
            }
        }
    }

    pub(super) fn out(&mut self) -> &mut Out {
        &mut self.class
    }
}

/// The types of a method's signature.
struct Signature<'s> {
    names: &'s TypeNamesOf,
    body: Option<Type>,
    answer: Type,
    item: Option<Type>,
    failure: Option<Type>,
}

fn method_doc(plan: &Plan<'_>, method: &Method<'_>) -> Doc {
    let operation = method.operation;
    let summary = operation.summary.as_deref().unwrap_or_default().trim();
    let description = operation.description.as_deref().unwrap_or_default().trim();
    let mut text = match (summary, description) {
        (one, "") | ("", one) => one.to_owned(),
        (a, b) if same_words(a, b) => b.to_owned(),
        (a, b) => format!("{a}\n\n{b}"),
    };
    let mut tags = Vec::new();
    for part in &method.path {
        if let PathPart::Argument { name, parameter, .. } = part {
            let said = parameter_doc(plan, parameter).text;
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            let tag = format!("@param {name} - {said}");
            if !said.is_empty() && !tags.contains(&tag) {
                tags.push(tag);
            }
        }
    }
    if let Some(docs) = operation.external_docs.as_ref().filter(|docs| !docs.url.trim().is_empty()) {
        tags.push(format!("@see {}", docs.url.trim()));
    }
    if operation.deprecated {
        tags.push("@deprecated".to_owned());
    }
    if text.is_empty() {
        text = format!("`{} {}`", operation.method.to_uppercase(), operation.path);
    }
    Doc { text, tags }
}

fn same_words(a: &str, b: &str) -> bool {
    words(a) == words(b)
}
