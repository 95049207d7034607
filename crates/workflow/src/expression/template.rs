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
    /// Text with expressions in it.
    Text(Vec<Piece>),
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

impl Template {
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

/// The expression, when the text is one as a whole.
fn whole(text: &str) -> Option<&str> {
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
        assert!(Template::text("${ .a", &[]).unwrap_err().contains("not closed"));
    }
}
