//! JSON with expressions in it: what `set`, `with`, `raise` and data-flow properties hold.
//!
//! Strict mode of the specification: text is an expression only inside `${ }`. A text that is one expression as
//! a whole gives the expression's value, of any type; expressions inside longer text are put in as text.

use serde_json::{Map, Value};

use super::Expression;

/// JSON whose texts may hold expressions.
#[derive(Clone, Debug)]
pub enum Template {
    /// Nothing to evaluate.
    Constant(Value),
    /// One expression; its value as it is.
    Expression(Expression),
    /// An expression of mode `loose`: when it fails, its text is the value.
    Loose(Expression, String),
    /// Text with expressions in it.
    Text(Vec<Piece>),
    /// A URI template: `{name}` is replaced by that property of the input.
    Uri(Vec<UriPiece>),
    /// A list.
    List(Vec<Template>),
    /// A mapping.
    Mapping(Vec<(String, Template)>),
}

/// A part of a text.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Literal text.
    Literal(String),
    /// An expression put in as text.
    Expression(Expression),
}

/// A part of a URI template.
#[derive(Clone, Debug)]
pub enum UriPiece {
    /// Literal text.
    Literal(String),
    /// The property of the input with this name.
    Property(String),
}

impl Template {
    /// Text as a URI template (DSL reference, "URI Template"): only RFC 6570 simple expansion, and names are
    /// taken as they stand. Text with expressions in it is what [`Template::text`] makes of it.
    ///
    /// # Errors
    /// A brace is not closed, or an expression is wrong.
    pub fn uri(text: &str, variables: &[&str]) -> Result<Self, String> {
        if text.contains("${") || !text.contains('{') {
            return Self::text(text, variables);
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            let end = rest[start..].find('}').ok_or("`{` of the URI template is not closed by `}`")? + start;
            pieces.push(UriPiece::Literal(rest[..start].to_owned()));
            pieces.push(UriPiece::Property(rest[start + 1..end].trim().to_owned()));
            rest = &rest[end + 1..];
        }
        pieces.push(UriPiece::Literal(rest.to_owned()));
        Ok(Self::Uri(pieces))
    }

    /// Whether one of its expressions is like this.
    pub(crate) fn any(&self, like: &dyn Fn(&Expression) -> bool) -> bool {
        match self {
            Self::Constant(_) | Self::Uri(_) => false,
            Self::Expression(expression) | Self::Loose(expression, _) => like(expression),
            Self::Text(pieces) => pieces.iter().any(|p| matches!(p, Piece::Expression(e) if like(e))),
            Self::List(items) => items.iter().any(|t| t.any(like)),
            Self::Mapping(pairs) => pairs.iter().any(|(_, t)| t.any(like)),
        }
    }

    /// The template of a property of a mapping, at any depth.
    pub(crate) fn property(&self, path: &[&str]) -> Option<Self> {
        let [first, rest @ ..] = path else { return Some(self.clone()) };
        match self {
            Self::Mapping(pairs) => pairs.iter().find(|(k, _)| k == first)?.1.property(rest),
            Self::Constant(value) => Self::Constant(value.get(first)?.clone()).property(rest),
            _ => None,
        }
    }

    /// Compiles text of mode `loose` (DSL reference, "Evaluate"): what is an expression is one, with or without
    /// `${ }`; all else is text.
    #[must_use]
    pub fn loose(text: &str, variables: &[&str]) -> Self {
        if let Ok(template) = Self::text(text, variables)
            && !matches!(template, Self::Constant(_))
        {
            return match template {
                Self::Expression(expression) => Self::Loose(expression, text.to_owned()),
                other => other,
            };
        }
        match Expression::compile(text, variables) {
            Ok(expression) => Self::Loose(expression, text.to_owned()),
            Err(_) => Self::Constant(Value::String(text.to_owned())),
        }
    }

    /// Compiles text: an expression, text with expressions, or plain text.
    ///
    /// # Errors
    /// An expression in it is wrong or not closed.
    pub fn text(text: &str, variables: &[&str]) -> Result<Self, String> {
        if let Some(source) = whole(text) {
            return Ok(Self::Expression(Expression::compile(source, variables)?));
        }
        if !text.contains("${") {
            return Ok(Self::Constant(Value::String(text.to_owned())));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let length = interpolation(&rest[start..]).ok_or("`${` is not closed by `}`")?;
            if start > 0 {
                pieces.push(Piece::Literal(rest[..start].to_owned()));
            }
            let source = &rest[start + 2..start + length - 1];
            pieces.push(Piece::Expression(Expression::compile(source.trim(), variables)?));
            rest = &rest[start + length..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        Ok(Self::Text(pieces))
    }

    /// Compiles text that is an expression with or without `${ }`, as conditions and `from`/`as` are.
    ///
    /// # Errors
    /// The expression is wrong.
    pub fn condition(text: &str, variables: &[&str]) -> Result<Expression, String> {
        Expression::compile(whole(text).unwrap_or(text), variables)
    }

    /// Evaluates every expression on `input`.
    ///
    /// # Errors
    /// An expression failed.
    pub fn evaluate(&self, input: &Value, variable: &dyn Fn(&str) -> Value) -> Result<Value, String> {
        Ok(match self {
            Self::Constant(value) => value.clone(),
            Self::Expression(expression) => expression.evaluate(input, variable)?,
            Self::Loose(expression, text) => match expression.evaluate(input, variable) {
                Ok(value) => value,
                Err(_) => Value::String(text.clone()),
            },
            Self::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Literal(literal) => text.push_str(literal),
                        Piece::Expression(expression) => match expression.evaluate(input, variable)? {
                            Value::String(s) => text.push_str(&s),
                            other => text.push_str(&other.to_string()),
                        },
                    }
                }
                Value::String(text)
            }
            Self::Uri(pieces) => Value::String(expand(pieces, input)?),
            Self::List(items) => {
                Value::Array(items.iter().map(|i| i.evaluate(input, variable)).collect::<Result<_, _>>()?)
            }
            Self::Mapping(pairs) => {
                let pairs = pairs.iter().map(|(k, t)| Ok((k.clone(), t.evaluate(input, variable)?)));
                Value::Object(pairs.collect::<Result<Map<_, _>, String>>()?)
            }
        })
    }
}

fn expand(pieces: &[UriPiece], input: &Value) -> Result<String, String> {
    use std::fmt::Write as _;
    let mut uri = String::new();
    for piece in pieces {
        let text = match piece {
            UriPiece::Literal(literal) => {
                uri.push_str(literal);
                continue;
            }
            UriPiece::Property(name) => match input.get(name) {
                None | Some(Value::Null) => continue,
                Some(Value::String(text)) => text.clone(),
                Some(other @ (Value::Bool(_) | Value::Number(_))) => other.to_string(),
                Some(_) => {
                    return Err(format!(
                        "`{{{}}}` of the URI template is a list or a mapping; only text, numbers and booleans fit",
                        crate::yaml::clip(name)
                    ));
                }
            },
        };
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                uri.push(char::from(byte));
            } else {
                let _infallible = write!(uri, "%{byte:02X}");
            }
        }
    }
    Ok(uri)
}

/// The expression, when the text is one as a whole.
pub(crate) fn whole(text: &str) -> Option<&str> {
    let trimmed = text.trim();
    let length = interpolation(trimmed)?;
    (length == trimmed.len()).then(|| trimmed[2..length - 1].trim())
}

/// Length in bytes of the `${ … }` at the start of the text, quotes and nested braces respected.
fn interpolation(text: &str) -> Option<usize> {
    if !text.starts_with("${") {
        return None;
    }
    let bytes = text.as_bytes();
    // One entry for each open brace, parenthesis of `\( )`, or quote.
    let mut open = vec![b'{'];
    let mut at = 2;
    while at < bytes.len() {
        let byte = bytes[at];
        if open.last() == Some(&b'"') {
            match byte {
                b'"' => {
                    open.pop();
                }
                b'\\' => {
                    if bytes.get(at + 1) == Some(&b'(') {
                        open.push(b'(');
                    }
                    at += 1;
                }
                _ => {}
            }
        } else {
            match byte {
                b'"' | b'{' | b'(' => open.push(byte),
                b'}' | b')' => {
                    let opener = if byte == b'}' { b'{' } else { b'(' };
                    if open.pop() != Some(opener) {
                        return None;
                    }
                    if open.is_empty() {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_expressions_keep_their_type_and_text_takes_them_in() {
        for (text, expect) in [
            ("${ .n }", json!(5)),
            ("n is ${ .n } of ${ \"}\" }", json!("n is 5 of }")),
            ("${ {a: .n} }", json!({"a": 5})),
            ("${ \"x\\(.n)}\" }", json!("x5}")),
            ("plain", json!("plain")),
            ("$5 {x}", json!("$5 {x}")),
            ("${.n}${.n}", json!("55")),
        ] {
            let template = Template::text(text, &[]).expect(text);
            assert_eq!(template.evaluate(&json!({"n": 5}), &|_| Value::Null), Ok(expect), "{text}");
        }
        for (text, expect) in [
            ("https://a/{id}/{ n }?x={none}", Ok("https://a/a%2Fb%20%C3%A9/5?x=")),
            ("{a.b}", Ok("yes")),
            ("https://a/${ .n }/{n}", Ok("https://a/5/{n}")),
            ("https://a", Ok("https://a")),
            ("{list}", Err("a list or a mapping")),
        ] {
            let template = Template::uri(text, &[]).expect(text);
            let input = json!({"id": "a/b \u{e9}", "n": 5, "none": null, "a.b": "yes", "list": [1]});
            match (template.evaluate(&input, &|_| Value::Null), expect) {
                (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{text}"),
                (Err(message), Err(part)) => assert!(message.contains(part), "{text}: {message}"),
                (got, expected) => panic!("{text}: {got:?}, expected {expected:?}"),
            }
        }
        assert!(Template::uri("https://a/{id", &[]).unwrap_err().contains("not closed"));
        assert!(Template::text("${ .a", &[]).unwrap_err().contains("not closed"));
    }
}
