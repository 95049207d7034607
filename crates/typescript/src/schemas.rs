//! `schemas.ts`: what checks values and converts dates in them. It is made of the same types as the package's own, so that both
//! say the same. Limits of numbers and texts are no part of it.

use std::collections::{BTreeSet, HashMap, HashSet};

use openapi::api::SchemaId;

use crate::code::Code;
use crate::options::{Dates, Validation};
use crate::plan::{Plan, Way};
use crate::print::Out;
use crate::resource::plan_head;
use crate::ty::{Moment, Object, Type};
use crate::types::Types;
use crate::values::Values;

/// A schema that belongs to one operation.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    /// `BooksListResponseSchema`.
    pub(crate) name: String,
    /// What it is of.
    pub(crate) of: Type,
    pub(crate) way: Way,
    /// What the type is called, if it has a name.
    pub(crate) typed: Option<String>,
}

/// Names of the schemas of models, by the way that values go.
#[derive(Debug, Default)]
pub(crate) struct SchemaNames {
    models: HashMap<(SchemaId, Way), String>,
}

impl SchemaNames {
    /// Names a schema of every model: one, or one for each way where the ways differ.
    pub(crate) fn claim(plan: &mut Plan<'_>) -> Self {
        let mut found = Self::default();
        if !plan.has_schemas() {
            return found;
        }
        for &id in plan.api.named() {
            let forms: Vec<(Way, String)> =
                plan.forms(id).into_iter().map(|(way, name)| (way, name.to_owned())).collect();
            for (way, name) in &forms {
                let name = plan.names.claim(&format!("{name}Schema"), "");
                found.models.insert((id, *way), name);
            }
            if let [(way, name)] = forms.as_slice() {
                let other = if *way == Way::Read { Way::Write } else { Way::Read };
                let name = if plan.is_dated(id) {
                    plan.names.claim(&format!("{name}InputSchema"), "")
                } else {
                    found.models[&(id, *way)].clone()
                };
                found.models.insert((id, other), name);
            }
        }
        found
    }
}

impl Plan<'_> {
    /// Whether the package has schemas.
    pub(crate) fn has_schemas(&self) -> bool {
        self.options.validation != Validation::None || self.options.dates == Dates::Dates
    }

    /// Whether a value of a type goes through a schema: because it is checked, or because a date is in it.
    pub(crate) fn wants_schema(&self, of: &Type) -> bool {
        match self.options.validation {
            Validation::None => self.has_dates(of),
            _ => says_something(of),
        }
    }

    /// Whether a date is in a type.
    pub(crate) fn has_dates(&self, of: &Type) -> bool {
        match of {
            Type::Date(_) => true,
            Type::Name(name) => self.model_of(name).is_some_and(|(id, _)| self.is_dated(id)),
            Type::Word(_) | Type::Text(_) | Type::Literal(_) => false,
            Type::Without(of, _) | Type::Array(of) => self.has_dates(of),
            Type::Tuple(items, rest) => {
                items.iter().any(|each| self.has_dates(each)) || rest.iter().any(|each| self.has_dates(each))
            }
            Type::Object(object) => {
                object.members.iter().any(|member| self.has_dates(&member.of))
                    || object.index.iter().any(|each| self.has_dates(each))
            }
            Type::Union(types) | Type::Intersection(types) => types.iter().any(|each| self.has_dates(each)),
        }
    }

    /// The schema of a model, for values that go one way.
    pub(crate) fn model_schema(&self, of: &Type, way: Way) -> Option<&str> {
        let Type::Name(name) = of else { return None };
        let (id, _) = self.model_of(name)?;
        self.schema_names.models.get(&(id, way)).map(String::as_str)
    }
}

/// Whether a schema of a type refuses anything.
fn says_something(of: &Type) -> bool {
    match of {
        Type::Word(word) => !matches!(*word, "unknown" | "void" | "undefined" | "Blob"),
        Type::Name(name) => name != "Upload",
        Type::Union(types) => types.iter().all(says_something),
        _ => true,
    }
}

/// The text of `schemas.ts`; nothing when nothing is checked.
pub(crate) fn file(plan: &Plan<'_>, own: &[Own]) -> Option<String> {
    if !plan.has_schemas() || own.is_empty() && plan.schema_roots.borrow().is_empty() {
        return None;
    }
    let mut writer = Writer { plan, open: plan.schema_roots.borrow().iter().copied().collect() };
    let mut operations = Out::default();
    for each in own {
        writer.declare(&mut operations, &each.name, each.typed.as_deref(), &each.of, each.way);
    }
    let mut models: HashMap<(SchemaId, Way), Out> = HashMap::new();
    // Where both ways are the same, both have the same name.
    let mut written: HashSet<String> = HashSet::new();
    while let Some(next) = writer.open.pop_first() {
        let (id, way) = next;
        let name = plan.schema_names.models.get(&next).cloned().unwrap_or_default();
        if !written.insert(name.clone()) {
            continue;
        }
        let mut out = Out::default();
        let of = Types::new(plan, way).definition(id);
        let typed = plan.model(id, way).map(str::to_owned);
        writer.declare(&mut out, &name, typed.as_deref(), &of, way);
        models.insert(next, out);
    }
    let mut text = plan_head(plan);
    text.push_str(match plan.options.validation {
        Validation::Zod => "import { z } from \"zod\";\n\nimport type * as api from \"./index.js\";\n",
        _ => "import type * as api from \"./index.js\";\n",
    });
    text.push_str(match plan.options.validation {
        Validation::Zod => "import * as s from \"./runtime/zod.js\";\n",
        _ => "import * as s from \"./runtime/schema.js\";\n",
    });
    for &id in plan.api.named() {
        for way in [Way::Read, Way::Write] {
            if let Some(out) = models.get(&(id, way)) {
                text.push('\n');
                text.push_str(&out.text);
            }
        }
    }
    if !operations.text.is_empty() {
        text.push('\n');
        text.push_str(&operations.text);
    }
    Some(text)
}

/// Writes schemas, and remembers the models that they refer to.
struct Writer<'p, 'a> {
    plan: &'p Plan<'a>,
    open: BTreeSet<(SchemaId, Way)>,
}

impl Writer<'_, '_> {
    /// `export const BookSchema: s.Schema<api.Book> = s.schema(() => …);`
    fn declare(&mut self, out: &mut Out, name: &str, typed: Option<&str>, of: &Type, way: Way) {
        let zod = self.plan.options.validation == Validation::Zod;
        let base = if zod { "z.ZodType" } else { "s.Schema" };
        let dated = self.plan.has_dates(of);
        let annotation = match typed {
            None if zod => base.to_owned(),
            None => format!("{base}<unknown>"),
            Some(of) => match (dated, way == Way::Read, zod) {
                (false, ..) | (true, true, true) => format!("{base}<api.{of}>"),
                (true, false, true) => format!("{base}<unknown, api.{of}>"),
                (true, true, false) => format!("{base}<unknown, api.{of}>"),
                (true, false, false) => format!("{base}<api.{of}, unknown>"),
            },
        };
        let function = match self.plan.options.validation {
            Validation::None => "s.conversion",
            _ => "s.schema",
        };
        let rule = self.rule(of, way);
        if !out.text.is_empty() {
            out.line(0);
        }
        out.push(&format!("export const {name}: {annotation} = "));
        let made = Code::Arrow(String::new(), Box::new(rule));
        Code::Call(function.to_owned(), vec![made]).write(out, 0, 1);
        out.push(";");
        out.line(0);
    }

    fn rule(&mut self, of: &Type, way: Way) -> Code {
        let zod = self.plan.options.validation == Validation::Zod;
        let call = |own: &str, zods: &str, arguments: Vec<Code>| {
            Code::Call(if zod { format!("z.{zods}") } else { format!("s.{own}") }, arguments)
        };
        let word =
            |own: &str, zods: &str| Code::Raw(if zod { format!("z.{zods}()") } else { format!("s.{own}") });
        match of {
            Type::Word("string") => word("string", "string"),
            Type::Word("number") => word("number", "number"),
            Type::Word("boolean") => word("boolean", "boolean"),
            Type::Word("never") => word("never", "never"),
            Type::Word("null") => call("literal", "literal", vec![Code::raw("null")]),
            Type::Word(_) => word("unknown", "unknown"),
            Type::Text(text) => call("literal", "literal", vec![Code::Raw(crate::print::quoted(text))]),
            Type::Literal(literal) => call("literal", "literal", vec![Code::raw(literal.clone())]),
            Type::Name(name) => match self.plan.model_of(name) {
                Some((id, _)) => {
                    self.open.insert((id, way));
                    Code::Raw(self.plan.schema_names.models.get(&(id, way)).cloned().unwrap_or_default())
                }
                None => word("unknown", "unknown"),
            },
            Type::Date(moment) => Code::raw(match (moment, way) {
                (Moment::Time, Way::Read) => "s.dateFromTime",
                (Moment::Day, Way::Read) => "s.dateFromDay",
                (Moment::Time, Way::Write) => "s.timeOfDate",
                (Moment::Day, Way::Write) => "s.dayOfDate",
            }),
            // What is left of it when the names are taken away, as an object of its own.
            Type::Without(..) => match (Values { plan: self.plan, wire: false }).object_type(of) {
                Some(object) => self.object(&object, way),
                None => word("unknown", "unknown"),
            },
            Type::Array(item) => call("array", "array", vec![self.rule(item, way)]),
            Type::Tuple(items, rest) => {
                let mut arguments = vec![Code::List(items.iter().map(|item| self.rule(item, way)).collect())];
                arguments.extend(rest.as_ref().map(|rest| self.rule(rest, way)));
                call("tuple", "tuple", arguments)
            }
            Type::Object(object) => self.object(object, way),
            Type::Union(types) => self.union(types, way),
            Type::Intersection(types) if types.contains(&crate::ty::STRING) => word("string", "string"),
            // zod cannot put parts together that one of them has changed.
            Type::Intersection(_)
                if zod
                    && self.plan.has_dates(of)
                    && let Some(object) = (Values { plan: self.plan, wire: false }).object_type(of) =>
            {
                self.object(&object, way)
            }
            Type::Intersection(types) => {
                let parts: Vec<Code> = types.iter().map(|each| self.rule(each, way)).collect();
                if !zod {
                    return Code::Call("s.all".to_owned(), parts);
                }
                parts
                    .into_iter()
                    .reduce(|left, right| Code::Call("z.intersection".to_owned(), vec![left, right]))
                    .unwrap_or_else(|| word("unknown", "unknown"))
            }
        }
    }

    fn object(&mut self, object: &Object, way: Way) -> Code {
        let zod = self.plan.options.validation == Validation::Zod;
        let optional = if zod { "z.optional" } else { "s.optional" };
        let fields: Vec<(String, Code)> = object
            .members
            .iter()
            .map(|member| {
                let rule = self.rule(&member.of, way);
                let rule = if member.optional { Code::Call(optional.to_owned(), vec![rule]) } else { rule };
                (member.name.clone(), rule)
            })
            .collect();
        let rest = object.index.as_ref().map(|index| self.rule(index, way));
        match (zod, fields.is_empty(), rest) {
            (true, true, Some(rest)) => {
                Code::Call("z.record".to_owned(), vec![Code::raw("z.string()"), rest])
            }
            (true, _, None) => Code::Call("z.looseObject".to_owned(), vec![Code::Object(fields)]),
            (true, false, Some(rest)) => {
                Code::Call("s.withRest".to_owned(), vec![rest, Code::Object(fields)])
            }
            (false, true, Some(rest)) => Code::Call("s.record".to_owned(), vec![rest]),
            (false, false, Some(rest)) => {
                Code::Call("s.withRest".to_owned(), vec![rest, Code::Object(fields)])
            }
            (false, _, None) => Code::Call("s.object".to_owned(), vec![Code::Object(fields)]),
        }
    }

    fn union(&mut self, types: &[Type], way: Way) -> Code {
        let zod = self.plan.options.validation == Validation::Zod;
        let prefix = if zod { "z." } else { "s." };
        let null = types.contains(&crate::ty::NULL);
        let rest: Vec<&Type> = types
            .iter()
            .filter(|each| **each != crate::ty::NULL && **each != Type::Word("undefined"))
            .collect();
        let literals: Option<Vec<Code>> = rest
            .iter()
            .map(|each| match each {
                Type::Text(text) => Some(Code::Raw(crate::print::quoted(text))),
                Type::Literal(literal) => Some(Code::raw(literal.clone())),
                _ => None,
            })
            .collect();
        let inner = match (literals, rest.as_slice()) {
            (_, [one]) => self.rule(one, way),
            (Some(literals), _) if zod => Code::Call("z.literal".to_owned(), vec![Code::List(literals)]),
            (Some(literals), _) => Code::Call("s.literal".to_owned(), literals),
            (None, several) => {
                let rules: Vec<Code> = several.iter().map(|each| self.rule(each, way)).collect();
                if zod {
                    Code::Call("z.union".to_owned(), vec![Code::List(rules)])
                } else {
                    Code::Call("s.union".to_owned(), rules)
                }
            }
        };
        if null { Code::Call(format!("{prefix}nullable"), vec![inner]) } else { inner }
    }
}
