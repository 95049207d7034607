//! Which of the forms that lines of one shape have are the same message.
//!
//! All forms of a shape (same number of tokens, same separators) begin as one message and are split until each column
//! that still differs is a variable. A column is one when its words look like identifiers, when it holds values
//! besides words, or when it holds many words; otherwise the column with the fewest words splits first. What has too little
//! in common is split all the same. After IPLoM (Makanju et al., KDD 2009) and Brain (Yu et al., IEEE TSC 2023),
//! with the kind of a word as evidence.

use std::collections::BTreeMap;

use super::scan::VALUE;

/// So many different words in a column are a variable, whatever they look like.
const WORDS: usize = 5;
/// So many at the beginning of a line: what comes first names the message.
const FIRST_WORDS: usize = 20;
/// Share of identifiers among the words of a column that makes it a variable.
const IDENTIFIERS: f64 = 0.6;
/// Least share of columns that a message has in common.
const COMMON: f64 = 1.0 / 3.0;

/// One form: its tokens, and which of them are words rather than white space or separators.
pub(super) struct Row<'a> {
    pub(super) tokens: Vec<&'a str>,
    pub(super) id: u32,
}

/// The messages among the rows, as lists of their ids. `words[c]` says whether column `c` holds words.
pub(super) fn messages(rows: Vec<Row<'_>>, words: &[bool]) -> Vec<Vec<u32>> {
    let (mut open, mut done) = (vec![rows], Vec::new());
    while let Some(rows) = open.pop() {
        match split_at(&rows, words) {
            None => done.push(rows.into_iter().map(|row| row.id).collect()),
            Some(column) => {
                let mut parts: BTreeMap<&str, Vec<Row<'_>>> = BTreeMap::new();
                for row in rows {
                    parts.entry(row.tokens[column]).or_default().push(row);
                }
                open.extend(parts.into_values());
            }
        }
    }
    done
}

/// The column by which the rows must be split; none when they are one message.
fn split_at(rows: &[Row<'_>], words: &[bool]) -> Option<usize> {
    let first = words.iter().position(|w| *w);
    let mut fewest: Option<(usize, usize)> = None;
    let mut smallest: Option<(usize, usize)> = None;
    let mut differing = 0;
    for (column, _) in words.iter().enumerate().filter(|(_, w)| **w) {
        let mut values: Vec<&str> = rows.iter().map(|row| row.tokens[column]).collect();
        values.sort_unstable();
        values.dedup();
        if values.len() < 2 {
            continue;
        }
        differing += 1;
        let rank = (values.len(), column);
        smallest = Some(smallest.map_or(rank, |known| known.min(rank)));
        if !is_variable(&values, Some(column) == first) {
            fewest = Some(fewest.map_or(rank, |known| known.min(rank)));
        }
    }
    if let Some((_, column)) = fewest {
        return Some(column);
    }
    let columns = words.iter().filter(|w| **w).count();
    let common = (columns - differing) as f64;
    let too_little = common < COMMON * columns as f64;
    smallest.filter(|_| too_little).map(|(_, column)| column)
}

fn is_variable(values: &[&str], is_first: bool) -> bool {
    let has_value = values.contains(&VALUE);
    let literal = values.iter().filter(|v| **v != VALUE);
    let identifiers = literal.clone().filter(|v| is_identifier(v)).count();
    let literals = literal.count();
    if is_first {
        return identifiers == literals && (has_value || values.len() >= FIRST_WORDS);
    }
    has_value || values.len() >= WORDS || identifiers as f64 >= IDENTIFIERS * literals as f64
}

/// Whether it looks like a name that a machine gave: `a_b`, `camelCase`, `a.b`, `a-b`, one letter, or digits in it.
fn is_identifier(word: &str) -> bool {
    let bytes = word.as_bytes();
    let letters = bytes.iter().filter(|b| b.is_ascii_lowercase()).count();
    (bytes.contains(&b'_') && letters > 0)
        || bytes.iter().any(|b| matches!(b, b'$' | b'\\' | b'/' | b'.' | b'-'))
        || bytes.windows(2).any(|two| two[0].is_ascii_lowercase() && two[1].is_ascii_uppercase())
        || (bytes.len() == 1 && bytes[0].is_ascii_alphabetic())
        || word.contains(VALUE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(lines: &[&str]) -> Vec<Vec<u32>> {
        let rows: Vec<Row<'_>> = lines
            .iter()
            .enumerate()
            .map(|(id, line)| Row { tokens: line.split(' ').collect(), id: id as u32 })
            .collect();
        let words = vec![true; rows[0].tokens.len()];
        let mut messages = messages(rows, &words);
        for message in &mut messages {
            message.sort_unstable();
        }
        messages.sort_unstable();
        messages
    }

    #[test]
    fn a_few_words_name_messages_and_many_are_a_variable() {
        assert_eq!(split(&["data error interrupt", "instruction error interrupt"]), [[0], [1]]);
        let users = ["anna", "bert", "carl", "dora", "emil"].map(|user| format!("login of {user} failed"));
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        assert_eq!(split(&users), [vec![0, 1, 2, 3, 4]]);
        assert_eq!(split(&users[..2]), [[0], [1]]);
    }

    #[test]
    fn identifiers_and_values_are_variables_at_once_but_not_where_the_message_is_named() {
        assert_eq!(split(&["domain root_domain is gone", "domain usr_backup is gone"]), [[0, 1]]);
        assert_eq!(split(&["loading <*> now please", "loading pwd now please"]), [[0, 1]]);
        assert_eq!(split(&["tickTime set to", "maxTimeout set to"]), [[0], [1]]);
    }

    #[test]
    fn what_has_too_little_in_common_is_split() {
        assert_eq!(split(&["x a.b c.d", "x e.f g.h"]).len(), 1);
        assert_eq!(split(&["x a.b c.d e.f", "x g.h i.j k.l"]).len(), 2);
    }
}
