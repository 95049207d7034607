//! Which parts of a call go through a schema, and what those schemas are called.

use openapi::api::{In, Status};

use super::TypeNamesOf;
use crate::operations::Method;
use crate::plan::{Plan, Way};
use crate::schemas::Own;
use crate::ty::{Doc, Member, Object, Type};

/// The schemas of a method.
#[derive(Debug, Default)]
pub(super) struct CallSchemas {
    /// By part of the call: the name of its schema.
    sent: Vec<(&'static str, String)>,
    answer: Option<String>,
    event: Option<String>,
    /// Schemas that convert the bodies of failures.
    pub(super) failures: Vec<(Status, String)>,
    /// Those that are no schema of a model.
    pub(super) own: Vec<Own>,
}

impl CallSchemas {
    pub(super) fn claim(plan: &mut Plan<'_>, stem: &str, method: &Method<'_>, names: &TypeNamesOf) -> Self {
        let mut found = Self::default();
        if !plan.has_schemas() {
            return found;
        }
        for (part, place, suffix) in [
            ("query", In::Query, "Query"),
            ("headers", In::Header, "Headers"),
            ("cookies", In::Cookie, "Cookies"),
        ] {
            let members: Vec<Member> = method
                .parameters
                .iter()
                .filter(|p| p.parameter.place == place)
                .map(|p| Member {
                    name: p.parameter.name.clone(),
                    optional: !p.required,
                    doc: Doc::default(),
                    of: p.of.clone(),
                })
                .collect();
            if !members.is_empty() {
                let of = Type::Object(Object { members, index: None });
                let name = found.one(plan, stem, suffix, &of, Way::Write, None);
                found.sent.extend(name.map(|name| (part, name)));
            }
        }
        if let Some(body) = &method.body {
            let name = found.one(plan, stem, "Body", &body.of, Way::Write, names.body.as_deref());
            found.sent.extend(name.map(|name| ("body", name)));
        }
        found.answer =
            found.one(plan, stem, "Response", &method.answer.of, Way::Read, names.answer.as_deref());
        if let Some(streams) = &method.streams {
            found.event =
                found.one(plan, stem, "Event", &streams.answer.of, Way::Read, names.event.as_deref());
        }
        if plan.options.dates == crate::Dates::Dates {
            for ((status, body), typed) in method.failures.iter().zip(&names.failures) {
                if let Some(body) = body.as_ref().filter(|body| plan.has_dates(body)) {
                    let name = found.one(plan, stem, "Failure", body, Way::Read, typed.as_deref());
                    found.failures.extend(name.map(|name| (*status, name)));
                }
            }
        }
        found
    }

    /// The name of the schema of a part, if it has one: a model's, or one of its own.
    fn one(
        &mut self,
        plan: &mut Plan<'_>,
        stem: &str,
        suffix: &str,
        of: &Type,
        way: Way,
        typed: Option<&str>,
    ) -> Option<String> {
        let of = without_undefined(of);
        if !plan.wants_schema(&of) {
            return None;
        }
        if let Type::Name(model) = &of
            && let (Some(name), Some((id, _))) = (plan.model_schema(&of, way), plan.model_of(model))
        {
            plan.schema_roots.borrow_mut().insert((id, way));
            return Some(name.to_owned());
        }
        let wished = typed.map_or_else(|| format!("{stem}{suffix}Schema"), |typed| format!("{typed}Schema"));
        let name = plan.names.claim(&wished, "");
        self.own.push(Own { name: name.clone(), of, way, typed: typed.map(str::to_owned) });
        Some(name)
    }

    /// Parts with their schemas, in the order in which a call has them.
    pub(super) fn parts(&self, streams: bool) -> Vec<(&'static str, &str)> {
        let answer = if streams { &self.event } else { &self.answer };
        let sent = self.sent.iter().map(|(part, name)| (*part, name.as_str()));
        sent.chain(answer.iter().map(|name| ("data", name.as_str()))).collect()
    }
}

/// That nothing came back is no matter of a schema.
fn without_undefined(of: &Type) -> Type {
    match of {
        Type::Union(types) => {
            Type::union(types.iter().filter(|each| **each != Type::Word("undefined")).cloned())
        }
        of => of.clone(),
    }
}
