//! Types of TypeScript as a tree, and how they simplify. Knows nothing of schemas.

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// `string`, `unknown`, `null`, `Blob`, ….
    Word(&'static str),
    /// A text as a type: `"a"`.
    Text(String),
    /// Another literal as it is written: `1`, `true`.
    Literal(String),
    /// A type with a name.
    Name(String),
    /// `Date`, and what it is on the wire.
    Date(Moment),
    /// `Omit<T, "a" | "b">`.
    Without(Box<Type>, Vec<String>),
    /// `T[]`.
    Array(Box<Type>),
    /// `[A, B, ...C[]]`.
    Tuple(Vec<Type>, Option<Box<Type>>),
    /// `{ … }`.
    Object(Object),
    /// `A | B`.
    Union(Vec<Type>),
    /// `A & B`.
    Intersection(Vec<Type>),
}

/// What a `Date` is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A date with a time.
    Time,
    /// A date.
    Day,
}

/// An object type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) members: Vec<Member>,
    /// What other names hold.
    pub(crate) index: Option<Box<Type>>,
}

/// A property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) optional: bool,
    pub(crate) doc: Doc,
    pub(crate) of: Type,
}

/// What stands in a comment before a declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doc {
    /// Markdown.
    pub(crate) text: String,
    /// Lines after it: `@deprecated`, `@default 20`.
    pub(crate) tags: Vec<String>,
}

impl Doc {
    pub(crate) fn is_empty(&self) -> bool {
        self.text.trim().is_empty() && self.tags.is_empty()
    }
}

pub(crate) const UNKNOWN: Type = Type::Word("unknown");
pub(crate) const STRING: Type = Type::Word("string");
pub(crate) const NULL: Type = Type::Word("null");
pub(crate) const VOID: Type = Type::Word("void");

impl Type {
    /// A union without what says nothing: unions in it, doubles, `never`, literals beside their own type. Literals beside
    /// `string` stay, for editors to offer, and `string` becomes `string & {}`.
    pub(crate) fn union(types: impl IntoIterator<Item = Type>) -> Self {
        let mut flat: Vec<Type> = Vec::new();
        let mut null = false;
        for each in types {
            match each {
                Type::Union(inner) => inner.into_iter().for_each(|t| push_new(&mut flat, t, &mut null)),
                other => push_new(&mut flat, other, &mut null),
            }
        }
        if flat.contains(&UNKNOWN) {
            return UNKNOWN;
        }
        let has = |word: &'static str, flat: &[Type]| flat.contains(&Type::Word(word));
        if has("number", &flat) {
            flat.retain(|t| !matches!(t, Type::Literal(l) if !matches!(l.as_str(), "true" | "false")));
        }
        if has("boolean", &flat) {
            flat.retain(|t| !matches!(t, Type::Literal(l) if l == "true" || l == "false"));
        }
        if has("string", &flat) && flat.iter().any(|t| matches!(t, Type::Text(_))) {
            flat.retain(|t| *t != STRING);
            flat.push(Type::Intersection(vec![STRING, Type::Object(Object::default())]));
        }
        if null {
            flat.push(NULL);
        }
        match flat.len() {
            0 => Type::Word("never"),
            1 => flat.remove(0),
            _ => Type::Union(flat),
        }
    }

    /// `T | null`.
    pub(crate) fn or_null(self) -> Self {
        Type::union([self, NULL])
    }

    /// An intersection without what says nothing.
    pub(crate) fn intersection(types: Vec<Type>) -> Self {
        let mut flat: Vec<Type> = Vec::new();
        for each in types {
            match each {
                Type::Intersection(inner) if !inner.contains(&STRING) => flat.extend(inner),
                Type::Word("unknown") => {}
                other if flat.contains(&other) => {}
                other => flat.push(other),
            }
        }
        match flat.len() {
            0 => UNKNOWN,
            1 => flat.remove(0),
            _ => Type::Intersection(flat),
        }
    }

    /// An array.
    pub(crate) fn array(of: Type) -> Self {
        Type::Array(Box::new(of))
    }

    /// Whether an object with properties or a map stands in it, so that a name of its own makes it easier to read.
    pub(crate) fn has_object(&self) -> bool {
        match self {
            Type::Object(object) => !object.members.is_empty(),
            Type::Array(of) => of.has_object(),
            Type::Tuple(items, rest) => {
                items.iter().any(Type::has_object) || rest.as_ref().is_some_and(|r| r.has_object())
            }
            Type::Union(types) | Type::Intersection(types) => types.iter().any(Type::has_object),
            _ => false,
        }
    }

    /// Gives the items of lists that are of a type a name instead.
    pub(crate) fn replace_items(&mut self, item: &Type, name: &str) {
        match self {
            Type::Array(of) if **of == *item => **of = Type::Name(name.to_owned()),
            Type::Array(of) => of.replace_items(item, name),
            Type::Object(object) => object.members.iter_mut().for_each(|m| m.of.replace_items(item, name)),
            Type::Union(types) | Type::Intersection(types) => {
                types.iter_mut().for_each(|t| t.replace_items(item, name))
            }
            _ => {}
        }
    }

    /// Every name in it.
    pub(crate) fn names(&self, found: &mut Vec<String>) {
        match self {
            Type::Name(name) => found.push(name.clone()),
            Type::Word(word) => found.push((*word).to_owned()),
            Type::Text(_) | Type::Literal(_) | Type::Date(_) => {}
            Type::Without(of, _) | Type::Array(of) => of.names(found),
            Type::Tuple(items, rest) => {
                items.iter().for_each(|t| t.names(found));
                rest.iter().for_each(|t| t.names(found));
            }
            Type::Object(object) => {
                object.members.iter().for_each(|m| m.of.names(found));
                object.index.iter().for_each(|t| t.names(found));
            }
            Type::Union(types) | Type::Intersection(types) => types.iter().for_each(|t| t.names(found)),
        }
    }
}

fn push_new(flat: &mut Vec<Type>, each: Type, null: &mut bool) {
    match each {
        Type::Word("null") => *null = true,
        Type::Word("never") => {}
        // Only small types are compared with all others: comparing thousands of variants would take their square.
        Type::Date(_) if flat.iter().any(|each| matches!(each, Type::Date(_))) => {}
        Type::Word(_) | Type::Text(_) | Type::Literal(_) | Type::Name(_)
            if flat.len() < 200 && flat.contains(&each) => {}
        other if flat.len() < 50 && flat.contains(&other) => {}
        other => flat.push(other),
    }
}
