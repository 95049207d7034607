//! Cursors: the position of a page's last document and a fingerprint of the question it answered.
//!
//! They hold no secret and need no key: one that was tampered with gives another position in the same
//! list, or is refused.

use std::fmt::Write;

use ports::{Error, Index, Query, Result};
use serde::{Deserialize, Serialize};

/// A place in the order of a list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Position {
    /// Value of the field the list is ordered by; none when it is ordered by id.
    pub(super) value: Option<Index>,
    /// Id of the document.
    pub(super) id: String,
}

#[derive(Serialize, Deserialize)]
struct Form {
    /// Fingerprint of the query.
    q: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    i: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    t: Option<String>,
    id: String,
}

/// The cursor of a page that ended at `position`.
pub(super) fn encode(query: &Query, position: Position) -> String {
    let (i, t) = match position.value {
        None => (None, None),
        Some(Index::Int(n)) => (Some(n), None),
        Some(Index::Text(text)) => (None, Some(text)),
    };
    let form = Form { q: fingerprint(query), i, t, id: position.id };
    let json = serde_json::to_vec(&form).expect("a struct of numbers and text is always JSON");
    json.iter().fold(String::with_capacity(json.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Where the page before ended; none for the first page. Refuses the cursor of another question.
pub(super) fn decode(query: &Query) -> Result<Option<Position>> {
    let Some(cursor) = &query.cursor else { return Ok(None) };
    let form: Form = bytes(cursor)
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or_else(|| Error::Invalid("this cursor is not one of ours; start again without it".to_owned()))?;
    let value = match (form.i, form.t) {
        (Some(n), None) => Some(Index::Int(n)),
        (None, Some(text)) => Some(Index::Text(text)),
        _ => None,
    };
    if form.q != fingerprint(query) || value.is_some() != query.order_by.is_some() {
        let why = "this cursor belongs to a list with another filter or order; start again without it";
        return Err(Error::Invalid(why.to_owned()));
    }
    Ok(Some(Position { value, id: form.id }))
}

/// Tells one question from another. The limit may change from page to page.
fn fingerprint(query: &Query) -> u32 {
    let question = format!("{:?}", (query.kind, &query.filters, query.order_by, query.direction));
    crc32fast::hash(question.as_bytes())
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return None;
    }
    (0..hex.len()).step_by(2).map(|n| u8::from_str_radix(&hex[n..n + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use ports::Direction;

    use super::*;

    #[track_caller]
    fn check_refused(query: &Query, cursor: &str) {
        let error = decode(&query.clone().cursor(Some(cursor.to_owned()))).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error}");
    }

    #[test]
    fn reads_back_what_it_wrote() {
        let query = Query::of("incident").order("opened_at", Direction::Descending);
        for value in [Index::Int(i64::MIN), Index::Text("ü\0\"".to_owned())] {
            let position = Position { value: Some(value), id: "inc_'1".to_owned() };
            let cursor = encode(&query, position.clone());
            assert_eq!(decode(&query.clone().cursor(Some(cursor)).limit(7)).unwrap(), Some(position));
        }
    }

    #[test]
    fn refuses_noise() {
        let query = Query::of("incident");
        for cursor in ["", "0", "zz", "é1", "7b7d", "+1+1", &"00".repeat(100_000)] {
            check_refused(&query, cursor);
        }
    }

    #[test]
    fn refuses_the_cursor_of_another_question() {
        let query = Query::of("incident");
        let cursor = encode(&query, Position { value: None, id: "inc_1".to_owned() });
        check_refused(&Query::of("run"), &cursor);
        check_refused(&query.order("opened_at", Direction::Ascending), &cursor);
    }
}
