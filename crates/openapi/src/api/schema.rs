//! Schemas: a closed set of kinds, annotations, and limits that types do not say.

use serde_json::{Number, Value};

use super::{At, Data, Extensions, ExternalDocs};

/// A schema of an [`super::Api`], by its place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SchemaId(u32);

impl SchemaId {
    pub(crate) const FIRST: Self = Self(0);

    pub(crate) fn new(index: usize) -> Self {
        // The table is bounded far below.
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Its place in the table: `0..Api::schemas().len()`.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A schema.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The name that others refer to it by: the key under `components`, or one made from where it stands when a reference
    /// leads there. Every schema that a reference leads to has one, so a circle always passes a name. Unique in the API;
    /// any text.
    pub name: Option<Box<str>>,
    /// What it allows.
    pub kind: Kind,
    /// Whether null is allowed beside what [`Schema::kind`] says, however the document says it (`nullable`, a list of types,
    /// a variant or a value that is null). [`Kind::Null`] stands only where nothing else is allowed, and is never a
    /// variant of a [`Union`]; null is never a value of an [`Enum`].
    pub nullable: bool,
    /// Servers send it, callers do not.
    pub read_only: bool,
    /// Callers send it, servers do not.
    pub write_only: bool,
    /// Whether it should not be used any more.
    pub deprecated: bool,
    /// A short name for people.
    pub title: Option<Box<str>>,
    /// Markdown.
    pub description: Option<Box<str>>,
    /// What it is when it is absent.
    pub default: Option<Box<Value>>,
    /// What a type cannot say; for checks at run time.
    pub limits: Option<Box<Limits>>,
    /// Which variant a value is, told by a property. On a [`Kind::Union`] it tells among its variants; on anything else
    /// among the schemas that extend this one by `allOf` (inheritance of 2.0 and 3.0).
    pub discriminator: Option<Box<Discriminator>>,
    /// What is seldom there.
    pub more: Option<Box<More>>,
    /// Where it stands.
    pub at: At,
}

/// What few schemas have.
#[derive(Clone, Debug, Default)]
pub struct More {
    /// Examples, in order.
    pub examples: Vec<Data>,
    /// Where more is written.
    pub external_docs: Option<ExternalDocs>,
    /// Extensions (`x-…`).
    pub extensions: Extensions,
    /// A comment for who writes the document (`$comment`).
    pub comment: Option<Box<str>>,
}

/// What a schema allows, null apart.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Anything.
    Any,
    /// Nothing.
    Never,
    /// Null alone.
    Null,
    /// A truth.
    Boolean,
    /// A whole number, with its `format` (`int32`, `int64`, …).
    Integer(Option<Box<str>>),
    /// A number, with its `format` (`float`, `double`, …).
    Number(Option<Box<str>>),
    /// Text, with its `format` (`date-time`, `uuid`, `byte`, …). JSON inside text has the format `json-string` when the
    /// document says so by `contentMediaType`.
    String(Option<Box<str>>),
    /// Bytes (`format: binary`, `type: file` of 2.0, `contentMediaType` without `contentEncoding`), with their media type.
    Binary(Option<Box<str>>),
    /// One of these values; a `const` is one value.
    Enum(Box<Enum>),
    /// A list.
    Array(Box<Array>),
    /// An object.
    Object(Box<Object>),
    /// One of several.
    Union(Box<Union>),
    /// All of several at once; at least two.
    Intersection(Vec<SchemaId>),
    /// Another schema, which has a name. It stands where the reference has more beside it (a description, that it is
    /// nullable or read-only, …), and where a component is nothing but a reference; plain references are the id itself.
    Reference(SchemaId),
}

/// Values.
#[derive(Clone, Debug)]
pub struct Enum {
    /// The values, without null; never empty.
    pub values: Vec<EnumValue>,
    /// What all values are; none when they differ.
    pub base: Option<ScalarType>,
    /// Whether the document says that there may come others (`x-extensible-enum`).
    pub open: bool,
    /// Whether it is a `const`.
    pub constant: bool,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub struct EnumValue {
    /// Of any type, but not null.
    pub value: Value,
    /// What it is called (`x-enum-varnames`, `x-enumNames`, `x-ms-enum`, `title` of a `const` in a `oneOf`).
    pub name: Option<Box<str>>,
    /// What it means.
    pub description: Option<Box<str>>,
}

/// Types without parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarType {
    /// Truths.
    Boolean,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Number,
    /// Texts.
    String,
}

/// A list.
#[derive(Clone, Debug)]
pub struct Array {
    /// What stands at its first places (`prefixItems`, a list of `items`).
    pub prefix: Vec<SchemaId>,
    /// What stands after them; [`Kind::Never`] closes a tuple.
    pub items: SchemaId,
}

/// An object.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its properties in order; each name is there once.
    pub properties: Vec<Property>,
    /// What other names hold.
    pub additional: Additional,
    /// What names hold that match an expression (ECMA-262).
    pub patterns: Vec<(Box<str>, SchemaId)>,
}

/// A property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Its name.
    pub name: Box<str>,
    /// What it holds.
    pub schema: SchemaId,
    /// Whether it must be there.
    pub required: bool,
    /// Named by `required` alone: this schema does not describe it, and `schema` is [`Kind::Any`]. In an
    /// [`Kind::Intersection`] another part usually does.
    pub implied: bool,
}

/// What names without a property of their own hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Additional {
    /// The document does not say; anything may come, nothing is meant.
    Unsaid,
    /// Anything, on purpose (`additionalProperties: true`).
    Any,
    /// There are none.
    None,
    /// What this schema says: the object is a map, perhaps beside its properties.
    Schema(SchemaId),
}

/// One of several.
#[derive(Clone, Debug)]
pub struct Union {
    /// The variants; none is null, none is there twice. At least two, but for one variant with a discriminator.
    pub variants: Vec<SchemaId>,
    /// Whether exactly one fits (`oneOf`), or at least one (`anyOf`, a list of types).
    pub exclusive: bool,
}

/// A property that tells which schema a value is of.
#[derive(Clone, Debug)]
pub struct Discriminator {
    /// The property.
    pub property: Box<str>,
    /// Values and what they mean: those of `mapping` first, then the names of variants that it leaves out. Complete, and
    /// each value is there once; a schema may be there with several values.
    pub mapping: Vec<(Box<str>, SchemaId)>,
    /// What other values mean (3.2).
    pub fallback: Option<SchemaId>,
}

/// What a type cannot say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Least number.
    pub minimum: Option<Number>,
    /// Greatest number.
    pub maximum: Option<Number>,
    /// A number that it must be above.
    pub exclusive_minimum: Option<Number>,
    /// A number that it must be below.
    pub exclusive_maximum: Option<Number>,
    /// What it is a multiple of.
    pub multiple_of: Option<Number>,
    /// Fewest characters.
    pub min_length: Option<u64>,
    /// Most characters.
    pub max_length: Option<u64>,
    /// An expression (ECMA-262) that matches somewhere in it.
    pub pattern: Option<Box<str>>,
    /// Fewest items.
    pub min_items: Option<u64>,
    /// Most items.
    pub max_items: Option<u64>,
    /// Whether no item may be there twice.
    pub unique_items: bool,
    /// Fewest properties.
    pub min_properties: Option<u64>,
    /// Most properties.
    pub max_properties: Option<u64>,
    /// What it must not be.
    pub not: Option<SchemaId>,
}
