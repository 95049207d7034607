//! Values of types: examples that the type checker accepts, whatever the document's own examples are worth.

use crate::code::Code;
use crate::plan::Plan;
use crate::print::quoted;
use crate::ty::{Doc, Member, Moment, Object, Type};
use crate::types::Types;

/// How deep values are made; what is needed below that cannot be made.
const DEPTH: usize = 24;

/// Makes values.
#[derive(Clone, Copy)]
pub(crate) struct Values<'p, 'a> {
    pub(crate) plan: &'p Plan<'a>,
    /// Whether dates are written as they go over the wire.
    pub(crate) wire: bool,
}

/// A property of one or more types at once.
struct Field {
    name: String,
    required: bool,
    types: Vec<Type>,
}

impl Values<'_, '_> {
    /// A value of a type, as small as it can be. Nothing where there is none.
    pub(crate) fn of(self, of: &Type) -> Option<Code> {
        self.within(of, DEPTH)
    }

    fn within(self, of: &Type, depth: usize) -> Option<Code> {
        let depth = depth.checked_sub(1)?;
        Some(match of {
            Type::Word("string") => Code::raw("\"text\""),
            Type::Word("number") => Code::raw("1"),
            Type::Word("boolean") => Code::raw("true"),
            Type::Word("null") => Code::raw("null"),
            Type::Word("undefined" | "void") => Code::raw("undefined"),
            Type::Word("unknown") => Code::Object(Vec::new()),
            Type::Word("Blob") => Code::raw("new Blob([\"text\"])"),
            Type::Word(_) => return None,
            Type::Text(text) => Code::Raw(quoted(text)),
            Type::Literal(literal) => Code::raw(literal.clone()),
            Type::Date(moment) => date(*moment, self.wire),
            Type::Name(name) if name == "Upload" => Code::raw("new Blob([\"text\"])"),
            Type::Name(name) => return self.within(&self.definition(name)?, depth),
            // An empty list is a value of each list, but says less.
            Type::Array(item) => Code::List(self.within(item, depth.min(9)).into_iter().collect()),
            Type::Tuple(items, _) => {
                Code::List(items.iter().map(|item| self.within(item, depth)).collect::<Option<_>>()?)
            }
            Type::Object(_) | Type::Without(..) => self.object(self.fields(of, depth)?, depth)?,
            Type::Union(types) => return self.union(types, depth),
            Type::Intersection(types) => return self.all(types, depth),
        })
    }

    fn definition(self, name: &str) -> Option<Type> {
        let (id, way) = self.plan.model_of(name)?;
        Some(Types::new(self.plan, way).definition(id))
    }

    fn object(self, fields: Vec<Field>, depth: usize) -> Option<Code> {
        let needed = fields.into_iter().filter(|field| field.required);
        let made: Option<Vec<(String, Code)>> =
            needed.map(|field| Some((field.name, self.all(&field.types, depth)?))).collect();
        made.map(Code::Object)
    }

    /// A type as one object with properties; nothing where it is none.
    pub(crate) fn object_type(self, of: &Type) -> Option<Object> {
        let members = self.fields(of, DEPTH)?.into_iter().map(|field| Member {
            name: field.name,
            optional: !field.required,
            doc: Doc::default(),
            of: Type::intersection(field.types),
        });
        Some(Object { members: members.collect(), index: None })
    }

    /// The properties of an object type; nothing for other types.
    fn fields(self, of: &Type, depth: usize) -> Option<Vec<Field>> {
        let depth = depth.checked_sub(1)?;
        match of {
            Type::Object(Object { members, .. }) => Some(
                members
                    .iter()
                    .map(|m| Field { name: m.name.clone(), required: !m.optional, types: vec![m.of.clone()] })
                    .collect(),
            ),
            Type::Name(name) => self.fields(&self.definition(name)?, depth),
            Type::Without(of, names) => {
                let mut fields = self.fields(of, depth)?;
                fields.retain(|field| !names.contains(&field.name));
                Some(fields)
            }
            Type::Intersection(types) => {
                let mut all: Vec<Field> = Vec::new();
                for each in types {
                    for field in self.fields(each, depth)? {
                        match all.iter_mut().find(|known| known.name == field.name) {
                            Some(known) => {
                                known.required |= field.required;
                                known.types.extend(field.types);
                            }
                            None => all.push(field),
                        }
                    }
                }
                Some(all)
            }
            // One of the variants that are objects will do.
            Type::Union(types) => types.iter().find_map(|each| {
                let fields = self.fields(each, depth)?;
                let made =
                    fields.iter().all(|field| !field.required || self.all(&field.types, depth).is_some());
                made.then_some(fields)
            }),
            _ => None,
        }
    }

    /// A value of all types at once.
    fn all(self, types: &[Type], depth: usize) -> Option<Code> {
        let depth = depth.checked_sub(1)?;
        if let [one] = types {
            return self.within(one, depth);
        }
        let types: Vec<&Type> = types
            .iter()
            .filter(|t| **t != Type::Word("unknown") && **t != Type::Object(Object::default()))
            .collect();
        match types.as_slice() {
            [] => return Some(Code::Object(Vec::new())),
            [one] => return self.within(one, depth),
            _ => {}
        }
        let whole = Type::Intersection(types.iter().map(|t| (*t).clone()).collect());
        if let Some(fields) = self.fields(&whole, depth) {
            return self.object(fields, depth);
        }
        // Literals that all of them allow, else a value of the type that says most.
        let lists: Vec<Vec<String>> = types.iter().filter_map(|each| self.literals(each, depth)).collect();
        if let Some((first, rest)) = lists.split_first()
            && let Some(shared) = first.iter().find(|literal| rest.iter().all(|list| list.contains(literal)))
        {
            return Some(Code::raw(shared.clone()));
        }
        types
            .iter()
            .find(|t| !matches!(t, Type::Word(_)))
            .or(types.first())
            .and_then(|each| self.within(each, depth))
    }

    /// The literals that a type consists of; nothing if it allows more.
    fn literals(self, of: &Type, depth: usize) -> Option<Vec<String>> {
        let depth = depth.checked_sub(1)?;
        match of {
            Type::Text(text) => Some(vec![quoted(text)]),
            Type::Literal(literal) => Some(vec![literal.clone()]),
            Type::Name(name) => self.literals(&self.definition(name)?, depth),
            Type::Union(types) => {
                let lists: Option<Vec<Vec<String>>> =
                    types.iter().map(|each| self.literals(each, depth)).collect();
                lists.map(|lists| lists.concat())
            }
            _ => None,
        }
    }

    /// The simplest variant that can be made.
    fn union(self, types: &[Type], depth: usize) -> Option<Code> {
        let plain = |t: &&Type| matches!(t, Type::Word(_) | Type::Text(_) | Type::Literal(_));
        let empty = |t: &&Type| {
            matches!(t, Type::Word("null" | "undefined")) || matches!(t, Type::Text(text) if text.is_empty())
        };
        let simple = types.iter().filter(|t| plain(t) && !empty(t));
        let rest = types.iter().filter(|t| !plain(t));
        simple.chain(rest).chain(types.iter().filter(empty)).find_map(|each| self.within(each, depth))
    }
}

/// A moment that nothing says more of.
fn date(moment: Moment, wire: bool) -> Code {
    let text = match moment {
        Moment::Time => "2026-01-31T12:00:00.000Z",
        Moment::Day => "2026-01-31",
    };
    Code::Raw(if wire { quoted(text) } else { format!("new Date({})", quoted(text)) })
}
