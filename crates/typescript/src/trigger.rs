//! `trigger/`: a task of Trigger.dev for each operation, and the setting of a project that runs them.

use std::collections::HashSet;

use crate::code::{Code, Imports};
use crate::names::{Group, unique};
use crate::operations::{Codec, Form, Method, PathPart};
use crate::plan::Plan;
use crate::print::{Out, quoted};
use crate::resource::{MethodTypes, plan_head};
use crate::ty::{Doc, Member, Object, Type};
use crate::words::{camel, is_reserved, kebab, words};
use crate::{File, Note};

/// The files: one for each resource, what they share, and a project's setting as an example.
pub(crate) fn files(
    plan: &Plan<'_>,
    groups: &[(&Group, Vec<Method<'_>>)],
    types: &[Vec<MethodTypes>],
    notes: &mut Vec<Note>,
) -> Vec<File> {
    let mut used: HashSet<String> = ["client", "setClient"].map(str::to_owned).into();
    let mut files = vec![File { path: "src/trigger/client.ts".to_owned(), text: client(plan) }];
    let mut index = plan_head(plan);
    index.push_str("export { setClient } from \"./client.js\";\n");
    let mut names: Vec<&str> = Vec::new();
    for ((group, methods), types) in groups.iter().zip(types) {
        let calls = methods.iter().zip(types);
        if let Some(text) = tasks(plan, group, calls, &mut used, notes) {
            files.push(File { path: format!("src/trigger/{}.ts", file_of(group)), text });
            names.push(file_of(group));
        }
    }
    names.sort_unstable();
    for name in names {
        index.push_str(&format!("export * from \"./{name}.js\";\n"));
    }
    files.push(File { path: "src/trigger/index.ts".to_owned(), text: index });
    files.push(File { path: "trigger.config.example.ts".to_owned(), text: config(plan) });
    files
}

fn file_of(group: &Group) -> &str {
    match group.file.as_str() {
        "client" => "client-tasks",
        "index" => "index-tasks",
        file => file,
    }
}

fn client(plan: &Plan<'_>) -> String {
    let class = &plan.name.class;
    format!(
        "{}import {{ {class} }} from \"../client.js\";\n\nlet known: {class} | undefined;\n\n\
         /** The client of all tasks; its credentials come from the environment unless `setClient` was called. */\n\
         export function client(): {class} {{\n  known ??= new {class}();\n  return known;\n}}\n\n\
         /** Gives all tasks another client. */\n\
         export function setClient(client: {class}): void {{\n  known = client;\n}}\n",
        plan_head(plan)
    )
}

fn config(plan: &Plan<'_>) -> String {
    format!(
        "/**\n * The setting of a Trigger.dev project that runs these tasks: copy it to `trigger.config.ts` of yours.\n \
         * A file `trigger/{file}.ts` there with `export * from {tasks};` is all that is needed beside it.\n */\n\n\
         import {{ defineConfig }} from \"@trigger.dev/sdk\";\n\nexport default defineConfig({{\n  // On the page of the project's settings.\n  \
         project: \"proj_…\",\n  dirs: [\"./trigger\"],\n  // How long a task may run, in seconds.\n  maxDuration: 300,\n}});\n",
        file = kebab(&words(&plan.name.class)),
        tasks = quoted(&format!("{}/trigger", plan.package())),
    )
}

fn tasks<'m, 'a: 'm>(
    plan: &Plan<'_>,
    group: &Group,
    calls: impl Iterator<Item = (&'m Method<'a>, &'m MethodTypes)>,
    used: &mut HashSet<String>,
    notes: &mut Vec<Note>,
) -> Option<String> {
    let mut imports = Imports::default();
    let mut out = Out::default();
    let mut any = false;
    for (method, types) in calls {
        if let Some(why) = refused(plan, method) {
            let message = format!(
                "{} {}: no task of Trigger.dev, because {why} cannot be kept by a queue",
                method.operation.method.to_uppercase(),
                method.operation.path
            );
            notes.push(Note::at(plan.api, method.operation.at, "no-task", message));
            continue;
        }
        if any {
            out.line(0);
        }
        any = true;
        let words_of = [&group.words[..], &words(&method.name)].concat();
        let name = camel(&words_of);
        let name = if is_reserved(&name) { format!("{name}Task") } else { name };
        let name = unique(&name, used, "");
        let mut one = Task { plan, group, method, imports: &mut imports };
        one.write(&name, types, &mut out);
    }
    imports.value("./client.js", "client");
    any.then(|| {
        format!(
            "{}import {{ task }} from \"@trigger.dev/sdk\";\n\n{}// The client tries again by itself, and knows what is safe to repeat: a task is tried once.\n\n{}",
            plan_head(plan),
            imports.text(),
            out.text
        )
    })
}

/// What of an operation is no JSON: payloads and results of tasks are kept as that.
fn refused(plan: &Plan<'_>, method: &Method<'_>) -> Option<&'static str> {
    let body = method.body.as_ref();
    if body.is_some_and(|body| {
        body.codec == Codec::Binary || body.content.schema.is_some_and(|id| plan.has_bytes(id))
    }) {
        return Some("what it sends");
    }
    if matches!(method.answer.form, Form::Blob | Form::Events | Form::Lines) {
        return Some("what it answers");
    }
    None
}

/// A task while it is written.
struct Task<'t, 'm, 'a> {
    plan: &'t Plan<'t>,
    group: &'t Group,
    method: &'m Method<'a>,
    imports: &'t mut Imports,
}

impl Task<'_, '_, '_> {
    fn write(&mut self, name: &str, types: &MethodTypes, out: &mut Out) {
        let method = self.method;
        let prefix = kebab(&words(&self.plan.name.class));
        let id = format!("{prefix}.{}.{}", self.group.file, kebab(&words(&method.name)));
        let (payload, mut arguments) = self.payload(types);
        let operation = method.operation;
        let told = operation.summary.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let text = told.map_or_else(
            || format!("`{} {}`", operation.method.to_uppercase(), operation.path),
            str::to_owned,
        );
        let tags = if operation.deprecated { vec!["@deprecated".to_owned()] } else { Vec::new() };
        out.doc(&Doc { text, tags }, 0);
        out.push(&format!("export const {name} = task({{"));
        out.line(2);
        out.push(&format!("id: {},", quoted(&id)));
        out.line(2);
        out.push("retry: { maxAttempts: 1 },");
        out.line(2);
        let keyed = method.idempotency_header().is_some();
        let context = if keyed { "{ ctx, signal }" } else { "{ signal }" };
        match &payload {
            Some(object) => {
                out.push("run: async (payload: ");
                out.of(&Type::Object(object.clone()), 2, context.len() + 6);
                out.push(&format!(", {context}) =>"));
            }
            None => out.push(&format!("run: async (_payload: void, {context}) =>")),
        }
        let mut options = vec![("signal".to_owned(), Code::raw("signal"))];
        if keyed {
            // A run that is begun again is the same call.
            options.push(("idempotencyKey".to_owned(), Code::raw("ctx.run.id")));
        }
        arguments.push(Code::Object(options));
        let call = format!("client().{}.{}", self.group.property, method.name);
        out.line(4);
        Code::Call(call, arguments).write(out, 4, 1);
        out.push(",");
        out.line(0);
        out.push("});");
        out.line(0);
    }

    /// What a task takes, as one object, and the arguments that a method is called with.
    fn payload(&mut self, types: &MethodTypes) -> (Option<Object>, Vec<Code>) {
        let method = self.method;
        let mut members: Vec<Member> = Vec::new();
        for part in &method.path {
            if let PathPart::Argument { name, of, .. } = part
                && !members.iter().any(|member| member.name == *name)
            {
                members.push(member(name, of.clone(), false));
            }
        }
        if let (Some(body), Some(of)) = (&method.body, &types.body) {
            members.push(member("body", of.clone(), !body.required));
        }
        if let Some(params) = &types.params {
            let optional = !method.parameters.iter().any(|p| p.required);
            members.push(member("params", Type::Name(params.clone()), optional));
        }
        let mut names = Vec::new();
        members.iter().for_each(|member| member.of.names(&mut names));
        for name in names {
            if self.plan.is_model(&name) {
                self.imports.of_type("../models.js", &name);
            } else if types.own.contains(&name) {
                self.imports.of_type(&format!("../resources/{}.js", self.group.file), &name);
            }
        }
        let arguments = members.iter().map(|member| Code::Raw(format!("payload.{}", member.name))).collect();
        ((!members.is_empty()).then_some(Object { members, index: None }), arguments)
    }
}

fn member(name: &str, of: Type, optional: bool) -> Member {
    Member { name: name.to_owned(), optional, doc: Doc::default(), of }
}
