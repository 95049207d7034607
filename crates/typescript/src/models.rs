//! `models.ts`: every named schema of the document.

use std::collections::HashSet;

use openapi::api::{Kind, SchemaId};

use crate::plan::{Plan, Way};
use crate::print::{Out, WIDTH, fits, flat};
use crate::ty::{Doc, Member, Type};
use crate::types::{Types, schema_doc};

/// The file's text without its head, and whether it uses `Upload`. Nothing when the document names no schema.
pub(crate) fn models(plan: &Plan<'_>) -> Option<Out> {
    let mut out = Out::default();
    for &id in plan.api.named() {
        for (way, name) in plan.forms(id) {
            if !out.text.is_empty() {
                out.line(0);
            }
            let mut doc = schema_doc(plan.schema(id));
            // The other form of a schema says what it is.
            if way == Way::Write && plan.forms(id).len() > 1 && doc.text.is_empty() {
                doc.text = format!("What is sent of a `{}`.", plan.names.models[&id]);
            }
            let of = Types::new(plan, way).definition(id);
            declare(&mut out, plan, Some((id, way)), name, &doc, of);
        }
    }
    (!out.text.is_empty()).then_some(out)
}

/// `export interface` where it can be one, `export type` elsewhere; with a line break at the end.
pub(crate) fn declare(
    out: &mut Out,
    plan: &Plan<'_>,
    of_model: Option<(SchemaId, Way)>,
    name: &str,
    doc: &Doc,
    of: Type,
) {
    out.doc(doc, 0);
    match of {
        Type::Object(object) if !(object.members.is_empty() && object.index.is_some()) => {
            out.push(&format!("export interface {name} "));
            out.object(&object, 0);
        }
        Type::Intersection(types) if of_model.is_some_and(|(id, way)| extends(plan, id, way, &types)) => {
            heirs(out, name, types);
        }
        of => alias(out, name, &of),
    }
    out.line(0);
}

/// `export type Name = …;`
fn alias(out: &mut Out, name: &str, of: &Type) {
    out.push(&format!("export type {name} ="));
    let lhs = format!("export type {name} =").len();
    let simple =
        matches!(of, Type::Word(_) | Type::Name(_) | Type::Text(_) | Type::Literal(_) | Type::Date(_));
    let array_of_name = matches!(of, Type::Array(inner) if matches!(**inner, Type::Word(_) | Type::Name(_)));
    let first = match of {
        Type::Intersection(types) if !fits(of, WIDTH.saturating_sub(lhs + 2)) => {
            let opens = matches!(types.get(1), Some(Type::Object(_)));
            types
                .first()
                .filter(|t| !matches!(t, Type::Object(_)))
                .map(|t| flat(t).len() + if opens { 4 } else { 2 })
        }
        _ => None,
    };
    if (simple || array_of_name) && !fits(of, WIDTH.saturating_sub(lhs + 2))
        || first.is_some_and(|first| lhs + 1 + first > WIDTH)
    {
        out.line(2);
        out.of(of, 2, 1);
    } else {
        out.after_sign(of, 0);
    }
    out.push(";");
}

/// `export interface Name extends A, B { … }`
fn heirs(out: &mut Out, name: &str, types: Vec<Type>) {
    let (mut parents, mut own) = (Vec::new(), None);
    for each in types {
        match each {
            Type::Name(parent) => parents.push(parent),
            Type::Object(object) => own = Some(object),
            _ => {}
        }
    }
    let head = format!("export interface {name} extends {}", parents.join(", "));
    if head.len() + 2 <= WIDTH {
        out.push(&head);
        out.push(" ");
    } else if parents.len() == 1 {
        out.push(&format!("export interface {name} extends {} ", parents[0]));
    } else {
        out.push(&format!("export interface {name}"));
        out.line(2);
        out.push("extends");
        for (index, parent) in parents.iter().enumerate() {
            out.line(4);
            out.push(parent);
            if index + 1 < parents.len() {
                out.push(",");
            }
        }
        out.line(0);
    }
    out.object(&own.unwrap_or_default(), 0);
}

/// Whether an intersection can be an interface that extends others: all named parts are interfaces without a map, and no
/// property is said twice.
fn extends(plan: &Plan<'_>, id: SchemaId, way: Way, types: &[Type]) -> bool {
    let schema = plan.schema(id);
    if schema.nullable || types.iter().any(|t| !matches!(t, Type::Name(_) | Type::Object(_))) {
        return false;
    }
    if types.iter().any(|t| matches!(t, Type::Object(object) if object.index.is_some())) {
        return false;
    }
    interface_members(plan, id, way, 16).is_some()
}

/// The properties of what will be an interface; nothing for what will be an alias.
fn interface_members(plan: &Plan<'_>, id: SchemaId, way: Way, depth: usize) -> Option<HashSet<String>> {
    let depth = depth.checked_sub(1)?;
    let schema = plan.schema(id);
    if schema.nullable {
        return None;
    }
    match &schema.kind {
        Kind::Object(object) => {
            let made = Types::new(plan, way).object(id, object);
            made.index.is_none().then(|| made.members.into_iter().map(|m| m.name).collect())
        }
        Kind::Intersection(_) => {
            let Type::Intersection(types) = Types::new(plan, way).definition(id) else { return None };
            let mut all: HashSet<String> = HashSet::new();
            let mut own: Vec<Member> = Vec::new();
            for each in types {
                match each {
                    Type::Name(name) => {
                        let parent =
                            parts(plan, id).into_iter().find(|&p| plan.model(p, way) == Some(&name))?;
                        for member in interface_members(plan, parent, way, depth)? {
                            if !all.insert(member) {
                                return None;
                            }
                        }
                    }
                    Type::Object(object) if object.index.is_none() => own = object.members,
                    _ => return None,
                }
            }
            let told: Vec<&str> = plan.tags(id).iter().map(|(name, _)| &**name).collect();
            for member in own {
                // A discriminator's value is one of what the parent allows.
                if !all.insert(member.name.clone()) && !told.contains(&member.name.as_str()) {
                    return None;
                }
            }
            Some(all)
        }
        _ => None,
    }
}

/// Named schemas among the parts of an intersection, through unnamed intersections.
fn parts(plan: &Plan<'_>, id: SchemaId) -> Vec<SchemaId> {
    let mut found = Vec::new();
    let mut open = vec![id];
    let mut first = true;
    while let Some(each) = open.pop() {
        if !std::mem::take(&mut first) && plan.schema(each).name.is_some() {
            found.push(each);
        } else if let Kind::Intersection(inner) = &plan.schema(each).kind {
            open.extend(inner);
        }
    }
    found
}

/// The file `models.ts`.
pub(crate) fn file(plan: &Plan<'_>) -> Option<String> {
    let out = models(plan)?;
    let mut imports = crate::code::Imports::default();
    let uploads = plan.api.named().iter().any(|&id| plan.forms(id).iter().any(|(way, _)| *way == Way::Write));
    if uploads && out.text.contains("Upload | string") {
        imports.of_type("./runtime/body.js", "Upload");
    }
    Some(format!("{}{}{}", crate::resource::plan_head(plan), imports.text(), out.text))
}
