//! How values are written into URLs, headers and cookies (OpenAPI 3.1, "Style Values"; RFC 6570).

use serde_json::{Map, Value};

use crate::api::Style;
use crate::error::Error;

/// What is written, and how.
pub(crate) struct Written<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a Value,
    pub(crate) style: Style,
    pub(crate) explode: bool,
}

/// Which characters stay as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escape {
    /// Only those without a meaning (RFC 3986, "unreserved").
    All,
    /// Those with a meaning too, but what would end the value.
    Little,
    /// Everything; for headers.
    Nothing,
}

impl Escape {
    pub(crate) fn text(self, text: &str) -> String {
        let stays = |byte: u8| match self {
            Self::Nothing => true,
            _ if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => true,
            Self::All => false,
            Self::Little => b":/?[]@!$'()*,;=".contains(&byte),
        };
        if self == Self::Nothing {
            return text.to_owned();
        }
        text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
            if stays(byte) {
                out.push(char::from(byte));
            } else {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                out.push('%');
                out.push(char::from(DIGITS[usize::from(byte >> 4)]));
                out.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
            out
        })
    }
}

/// A text, a number or a boolean.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn wrong(name: &str, why: &str) -> Error {
    Error::Parameter { name: crate::error::clip(name), why: why.to_owned() }
}

fn flat(name: &str, value: &Value, escape: Escape) -> Result<String, Error> {
    let text = scalar(value).ok_or_else(|| {
        wrong(
            name,
            "holds a list or an object inside another, which this style cannot write; give texts or numbers",
        )
    })?;
    Ok(escape.text(&text))
}

fn items(name: &str, items: &[Value], escape: Escape) -> Result<Vec<String>, Error> {
    items.iter().filter(|item| !item.is_null()).map(|item| flat(name, item, escape)).collect()
}

fn fields(name: &str, map: &Map<String, Value>, escape: Escape) -> Result<Vec<(String, String)>, Error> {
    let given = map.iter().filter(|(_, value)| !value.is_null());
    given.map(|(key, value)| Ok((escape.text(key), flat(name, value, escape)?))).collect()
}

/// Keys and values one after the other, or paired.
fn listed(pairs: Vec<(String, String)>, paired: bool) -> Vec<String> {
    if paired {
        pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect()
    } else {
        pairs.into_iter().flat_map(|(key, value)| [key, value]).collect()
    }
}

/// For a path or a header: one text.
pub(crate) fn one(written: &Written<'_>, escape: Escape) -> Result<String, Error> {
    let Written { name, value, style, explode } = *written;
    let (lead, separator) = match style {
        Style::Label => (".", if explode { "." } else { "," }),
        Style::Matrix => (";", if explode { ";" } else { "," }),
        _ => ("", ","),
    };
    let named = escape.text(name);
    Ok(match value {
        Value::Array(list) => {
            let list = items(name, list, escape)?;
            match (style, explode) {
                (Style::Matrix, true) => list.iter().map(|item| format!(";{named}={item}")).collect(),
                (Style::Matrix, false) => format!(";{named}={}", list.join(separator)),
                _ => format!("{lead}{}", list.join(separator)),
            }
        }
        Value::Object(map) => {
            let list = listed(fields(name, map, escape)?, explode);
            match (style, explode) {
                (Style::Matrix, false) => format!(";{named}={}", list.join(separator)),
                _ => format!("{lead}{}", list.join(separator)),
            }
        }
        single => {
            let text = flat(name, single, escape)?;
            if style == Style::Matrix { format!(";{named}={text}") } else { format!("{lead}{text}") }
        }
    })
}

/// For a query, a form or a cookie: names and values, both escaped.
pub(crate) fn pairs(written: &Written<'_>, escape: Escape) -> Result<Vec<(String, String)>, Error> {
    let Written { name, value, style, explode } = *written;
    let named = || Escape::All.text(name);
    let separator = match style {
        Style::SpaceDelimited => "%20",
        Style::PipeDelimited => "%7C",
        Style::TabDelimited => "%09",
        _ => ",",
    };
    Ok(match value {
        Value::Array(list) if style == Style::DeepObject => {
            let mut found = Vec::new();
            deep(&named(), &Value::Array(list.clone()), escape, &mut found)?;
            found
        }
        Value::Array(list) => {
            let list = items(name, list, escape)?;
            if list.is_empty() {
                Vec::new()
            } else if explode {
                list.into_iter().map(|item| (named(), item)).collect()
            } else {
                vec![(named(), list.join(separator))]
            }
        }
        Value::Object(_) if style == Style::DeepObject => {
            let mut found = Vec::new();
            deep(&named(), value, escape, &mut found)?;
            found
        }
        Value::Object(map) => {
            let list = fields(name, map, escape)?;
            if list.is_empty() {
                Vec::new()
            } else if explode {
                list
            } else {
                vec![(named(), listed(list, false).join(separator))]
            }
        }
        single => vec![(named(), flat(name, single, escape)?)],
    })
}

/// `a[b][c]=d`. OpenAPI leaves deeper levels open; this is what PHP, Rails, Stripe and the `qs` library read.
fn deep(at: &str, value: &Value, escape: Escape, found: &mut Vec<(String, String)>) -> Result<(), Error> {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (key, value) in map {
                deep(&format!("{at}[{}]", Escape::All.text(key)), value, escape, found)?;
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                deep(&format!("{at}[{index}]"), value, escape, found)?;
            }
        }
        single => found.push((at.to_owned(), flat(at, single, escape)?)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written<'a>(value: &'a Value, style: Style, explode: bool) -> Written<'a> {
        Written { name: "color", value, style, explode }
    }

    /// The table "Style Examples" of OpenAPI 3.1.1.
    #[test]
    fn the_examples_of_the_standard_come_out() {
        let (text, list) = (json!("blue"), json!(["blue", "black", "brown"]));
        let object = json!({"R": 100, "G": 200, "B": 150});
        for (style, explode, expect) in [
            (Style::Matrix, false, [";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"]),
            (
                Style::Matrix,
                true,
                [";color=blue", ";color=blue;color=black;color=brown", ";R=100;G=200;B=150"],
            ),
            (Style::Label, false, [".blue", ".blue,black,brown", ".R,100,G,200,B,150"]),
            (Style::Label, true, [".blue", ".blue.black.brown", ".R=100.G=200.B=150"]),
            (Style::Simple, false, ["blue", "blue,black,brown", "R,100,G,200,B,150"]),
            (Style::Simple, true, ["blue", "blue,black,brown", "R=100,G=200,B=150"]),
        ] {
            for (value, expect) in [&text, &list, &object].into_iter().zip(expect) {
                assert_eq!(one(&written(value, style, explode), Escape::All).unwrap(), expect);
            }
        }
        let query = |value: &Value, style, explode| {
            let pairs = pairs(&written(value, style, explode), Escape::All).unwrap();
            pairs.into_iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("&")
        };
        assert_eq!(query(&text, Style::Form, false), "color=blue");
        assert_eq!(query(&list, Style::Form, false), "color=blue,black,brown");
        assert_eq!(query(&list, Style::Form, true), "color=blue&color=black&color=brown");
        assert_eq!(query(&object, Style::Form, false), "color=R,100,G,200,B,150");
        assert_eq!(query(&object, Style::Form, true), "R=100&G=200&B=150");
        assert_eq!(query(&list, Style::SpaceDelimited, false), "color=blue%20black%20brown");
        assert_eq!(query(&object, Style::SpaceDelimited, false), "color=R%20100%20G%20200%20B%20150");
        assert_eq!(query(&list, Style::PipeDelimited, false), "color=blue%7Cblack%7Cbrown");
        assert_eq!(query(&object, Style::DeepObject, true), "color[R]=100&color[G]=200&color[B]=150");
        assert_eq!(query(&json!({"a": [{"b": 1}], "n": null}), Style::DeepObject, true), "color[a][0][b]=1");
        assert_eq!(query(&json!([]), Style::Form, true), "");
        assert_eq!(query(&json!("a b&c=d/é"), Style::Form, true), "color=a%20b%26c%3Dd%2F%C3%A9");
    }

    #[test]
    fn what_a_style_cannot_write_is_named() {
        let nested = json!([["a"]]);
        for error in [
            one(&written(&nested, Style::Simple, false), Escape::All).unwrap_err(),
            pairs(&written(&nested, Style::Form, true), Escape::All).unwrap_err(),
        ] {
            assert!(error.to_string().starts_with("parameter \"color\" holds a list"), "{error}");
        }
    }

    #[test]
    fn reserved_characters_stay_where_they_may_and_never_end_a_value() {
        assert_eq!(Escape::Little.text("/a?b&c#d=e%"), "/a?b%26c%23d=e%25");
    }
}
