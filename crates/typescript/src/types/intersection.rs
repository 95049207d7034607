//! `allOf`: several schemas at once as one type. What stands in the document itself becomes one object; named schemas are
//! extended by it.

use openapi::api::{Kind, SchemaId};

use super::{Types, doc, tag_member};
use crate::plan::Way;
use crate::ty::{Member, Object as ObjectType, Type};

impl Types<'_> {
    /// The parts of an intersection as one type.
    pub(super) fn intersection(self, id: SchemaId, parts: &[SchemaId]) -> Type {
        let mut others: Vec<(SchemaId, Type)> = Vec::new();
        let mut own = ObjectType::default();
        self.gather(parts, &mut others, &mut own);
        for (name, values) in self.plan.tags(id) {
            match own.members.iter_mut().find(|m| m.name == **name) {
                Some(member) if matches!(&member.of, Type::Word("string" | "unknown")) => {
                    *member = tag_member(name, values)
                }
                Some(_) => {}
                None => {
                    let known = self.plan.property(id, name).map(|(schema, _)| self.tag(schema, values));
                    match known {
                        Some(None) => {}
                        Some(Some(of)) => own.members.push(Member { of, ..tag_member(name, values) }),
                        None => own.members.push(tag_member(name, values)),
                    }
                }
            }
        }
        let mut types: Vec<Type> = Vec::new();
        for (schema, of) in others {
            // What contradicts is said by the schema that extends; both at once would be never.
            let against: Vec<String> = own
                .members
                .iter()
                .filter(|member| self.contradicts(schema, member))
                .map(|member| member.name.clone())
                .collect();
            types.push(if against.is_empty() { of } else { Type::Without(Box::new(of), against) });
        }
        if !own.members.is_empty() || own.index.is_some() || types.is_empty() {
            if types.is_empty() && own.members.is_empty() && own.index.is_none() {
                own.index = Some(Box::new(crate::ty::UNKNOWN));
            }
            types.push(Type::Object(own));
        }
        Type::intersection(types)
    }

    /// Takes parts apart: named ones and other kinds on one side, properties on the other.
    fn gather(self, parts: &[SchemaId], others: &mut Vec<(SchemaId, Type)>, own: &mut ObjectType) {
        for &part in parts {
            let schema = self.plan.schema(part);
            if schema.name.is_none() && self.depth < super::DEPTH {
                match &schema.kind {
                    Kind::Any => continue,
                    Kind::Intersection(inner) => {
                        self.still().gather(inner, others, own);
                        continue;
                    }
                    Kind::Object(object) => {
                        let made = self.deeper().object(part, object);
                        let implied: Vec<&str> =
                            object.properties.iter().filter(|p| p.implied).map(|p| &*p.name).collect();
                        for member in made.members {
                            if implied.contains(&member.name.as_str()) {
                                self.require(parts, &member.name, own);
                            } else {
                                add(own, member);
                            }
                        }
                        // An object that says nothing of other names restricts nothing here.
                        let says = !object.properties.is_empty()
                            || made.index.as_deref() != Some(&crate::ty::UNKNOWN);
                        if says && let Some(index) = made.index {
                            own.index = Some(match own.index.take() {
                                Some(before) => Box::new(Type::union([*before, *index])),
                                None => index,
                            });
                        }
                        continue;
                    }
                    _ => {}
                }
            }
            let of = self.of(part);
            if of != crate::ty::UNKNOWN {
                others.push((part, of));
            }
        }
        self.widen(own);
    }

    /// A map beside properties must allow what the properties hold.
    fn widen(self, own: &mut ObjectType) {
        if let Some(index) = own.index.take() {
            let optional = own.members.iter().any(|m| m.optional).then_some(Type::Word("undefined"));
            let members = own.members.iter().map(|m| m.of.clone());
            own.index = Some(Box::new(Type::union([*index].into_iter().chain(members).chain(optional))));
        }
    }

    /// A name that only `required` has: its type stands in another part.
    fn require(self, parts: &[SchemaId], name: &str, own: &mut ObjectType) {
        if let Some(member) = own.members.iter_mut().find(|m| m.name == name) {
            member.optional = false;
            return;
        }
        let found = parts.iter().find_map(|&part| self.plan.property(part, name));
        if let Some((schema, required)) = found
            && self.plan.is_there(schema, self.way)
        {
            let inline = parts.iter().any(|&part| {
                let part = self.plan.schema(part);
                part.name.is_none() && matches!(&part.kind, Kind::Object(o) if o.properties.iter().any(|p| &*p.name == name && !p.implied))
            });
            // In a later part of the same object, or required there already: nothing to add but that it is required.
            if !required || inline {
                own.members.push(Member {
                    name: name.to_owned(),
                    optional: false,
                    doc: doc(self.plan, schema),
                    of: self.deeper().of(schema),
                });
            }
        }
    }

    /// Whether a property that is written here cannot be what a schema says of it.
    fn contradicts(self, schema: SchemaId, member: &Member) -> bool {
        let Some((known, _)) = self.plan.property(schema, &member.name) else { return false };
        if !self.plan.is_there(known, self.way) {
            return false;
        }
        let before =
            Types { way: if self.way == Way::Read { Way::Read } else { Way::Write }, ..self }.shallow(known);
        disjoint(&before, &member.of)
    }

    /// The type of a schema with names followed, as far as telling types apart needs.
    fn shallow(self, id: SchemaId) -> Type {
        let id = self.plan.api.resolve(id);
        match &self.plan.schema(id).kind {
            Kind::Object(_) | Kind::Union(_) | Kind::Intersection(_) => Type::Name(String::new()),
            Kind::Array(_) => Type::array(crate::ty::UNKNOWN),
            _ => Self { within: None, bare: false, ..self }.definition(id),
        }
    }
}

/// Adds a property, or makes it both of what two parts say.
fn add(own: &mut ObjectType, member: Member) {
    let Some(before) = own.members.iter_mut().find(|m| m.name == member.name) else {
        own.members.push(member);
        return;
    };
    before.optional &= member.optional;
    if before.doc.is_empty() {
        before.doc = member.doc;
    }
    if before.of == member.of {
        return;
    }
    before.of = if disjoint(&before.of, &member.of) {
        member.of
    } else {
        Type::intersection(vec![before.of.clone(), member.of])
    };
}

/// Whether no value is of both types. When in doubt, it says no.
fn disjoint(left: &Type, right: &Type) -> bool {
    let variants = |of: &Type| match of {
        Type::Union(types) => types.clone(),
        other => vec![other.clone()],
    };
    let (left, right) = (variants(left), variants(right));
    left.iter().all(|a| right.iter().all(|b| apart(a, b)))
}

fn apart(a: &Type, b: &Type) -> bool {
    if a == b {
        return false;
    }
    match (class(a), class(b)) {
        (Some(x), Some(y)) if x != y => true,
        (Some(_), Some(_)) => {
            let exact = |t: &Type| matches!(t, Type::Text(_) | Type::Literal(_));
            exact(a) && exact(b)
        }
        _ => false,
    }
}

/// Which of JavaScript's types a type is; none when it can be several.
fn class(of: &Type) -> Option<&'static str> {
    Some(match of {
        Type::Word("string") | Type::Text(_) => "string",
        Type::Word("number") => "number",
        Type::Word("boolean") => "boolean",
        Type::Literal(text) if matches!(text.as_str(), "true" | "false") => "boolean",
        Type::Literal(_) => "number",
        Type::Word("null") => "null",
        Type::Array(_) | Type::Tuple(..) => "array",
        Type::Object(_) => "object",
        Type::Date(_) => "date",
        _ => return None,
    })
}
