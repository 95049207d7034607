//! Values of types: examples that the type checker accepts, whatever the document's own examples are worth.

use crate::code::Code;
use crate::plan::Plan;
use crate::print::quoted;
use crate::ty::{Object, Type};
use crate::types::Types;

/// How deep values are made; what is needed below that cannot be made.
const DEPTH: usize = 24;

/// Makes values for what goes one way.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) plan: &'a Plan<'a>,
}

impl Values<'_> {
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
            Type::Name(name) if name == "Upload" => Code::raw("new Blob([\"text\"])"),
            Type::Name(name) => {
                let (id, way) = self.plan.model_of(name)?;
                return self.within(&Types::new(self.plan, way).definition(id), depth);
            }
            Type::Without(of, names) => match self.within(of, depth)? {
                Code::Object(mut fields) => {
                    fields.retain(|(name, _)| !names.contains(name));
                    Code::Object(fields)
                }
                other => other,
            },
            // An empty list is a value of each list, but says less.
            Type::Array(item) => Code::List(self.within(item, depth.min(4)).into_iter().collect()),
            Type::Tuple(items, _) => Code::List(items.iter().map(|item| self.within(item, depth)).collect::<Option<_>>()?),
            Type::Object(object) => self.object(object, depth)?,
            Type::Union(types) => return self.union(types, depth),
            Type::Intersection(types) => {
                let mut fields: Vec<(String, Code)> = Vec::new();
                for each in types {
                    if *each == Type::Object(Object::default()) {
                        continue;
                    }
                    match self.within(each, depth)? {
                        // What comes later says more: it is what extends.
                        Code::Object(more) => {
                            for (name, value) in more {
                                match fields.iter_mut().find(|(known, _)| *known == name) {
                                    Some(known) => known.1 = value,
                                    None => fields.push((name, value)),
                                }
                            }
                        }
                        other if types.len() == 2 => return Some(other),
                        _ => return None,
                    }
                }
                Code::Object(fields)
            }
        })
    }

    fn object(self, object: &Object, depth: usize) -> Option<Code> {
        let needed = object.members.iter().filter(|member| !member.optional);
        let fields: Option<Vec<(String, Code)>> =
            needed.map(|member| Some((member.name.clone(), self.within(&member.of, depth)?))).collect();
        fields.map(Code::Object)
    }

    /// The simplest variant that can be made.
    fn union(self, types: &[Type], depth: usize) -> Option<Code> {
        let simple = types.iter().filter(|t| matches!(t, Type::Word(_) | Type::Text(_) | Type::Literal(_)) && **t != Type::Word("null"));
        let rest = types.iter().filter(|t| !matches!(t, Type::Word(_) | Type::Text(_) | Type::Literal(_)));
        simple.chain(rest).find_map(|each| self.within(each, depth)).or_else(|| types.contains(&Type::Word("null")).then(|| Code::raw("null")))
    }
}

