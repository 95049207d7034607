//! Scores of templates against the true ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

const VALUE: &str = "<*>";
/// What joins a value to its neighbour without being part of a message.
const JOINED: [(&str, &str); 7] = [
    ("<*>.<*>", VALUE),
    ("<*><*>", VALUE),
    ("#<*>#", VALUE),
    ("<*>:<*>", VALUE),
    ("<*>#<*>", VALUE),
    ("<*>/<*>", VALUE),
    ("<*>@<*>", VALUE),
];

/// How well the lines of one log were grouped.
pub(super) struct Score {
    /// Share of lines whose group has exactly the lines of a true template.
    pub(super) ga: f64,
    /// F1 of such groups.
    pub(super) fga: f64,
    /// F1 of such groups whose template says the same as the true one.
    pub(super) fta: f64,
    pub(super) templates: usize,
    pub(super) found: usize,
}

impl Score {
    pub(super) fn to_json(&self) -> Value {
        let Self { ga, fga, fta, templates, found } = self;
        json!({"ga": ga, "fga": fga, "fta": fta, "templates": templates, "found": found})
    }
}

/// Scores what was found, line by line, as identity and template.
pub(super) fn score(truth: &[String], found: &[(Arc<str>, Arc<str>)]) -> Score {
    let mut true_groups: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    let mut groups: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (i, (truth, (id, _))) in truth.iter().zip(found).enumerate() {
        true_groups.entry(truth).or_default().insert(i);
        groups.entry(id).or_default().insert(i);
    }
    let by_lines: BTreeMap<&BTreeSet<usize>, &str> =
        true_groups.iter().map(|(template, lines)| (lines, *template)).collect();
    let (mut lines, mut right, mut same) = (0, 0, 0);
    for group in groups.values() {
        let Some(template) = by_lines.get(group) else { continue };
        lines += group.len();
        right += 1;
        let mined = group.first().map_or("", |i| &found[*i].1);
        same += usize::from(plain(template) == plain(mined));
    }
    // Harmonic mean of n / found and n / true.
    let f1 = |n: usize| 2.0 * n as f64 / ((groups.len() + true_groups.len()).max(1)) as f64;
    Score {
        ga: lines as f64 / truth.len().max(1) as f64,
        fga: f1(right),
        fta: f1(same),
        templates: true_groups.len(),
        found: groups.len(),
    }
}

/// A template by the conventions of Loghub-2.0, which are about how values are written and not about where they are: a
/// path, a number, a boolean and a word with a value in it are one value, and so are values that only a sign joins.
fn plain(template: &str) -> String {
    let spaced = template.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut text = pieces(&spaced, is_delimiter, |piece| {
        let is_path = piece.len() > 1 && piece.starts_with('/') && !piece.contains("//");
        if is_path { VALUE.to_owned() } else { piece.to_owned() }
    });
    text = pieces(
        &text,
        |c| is_delimiter(c) || ".-+@#$%&".contains(c),
        |piece| {
            let lower = piece.to_ascii_lowercase();
            let is_constant = ["true", "false", "null", "root"].contains(&lower.as_str());
            let is_number = !piece.is_empty() && piece.bytes().all(|b| b.is_ascii_digit());
            let holds_value = piece.contains(VALUE) && !piece.contains('/');
            if is_constant || is_number || holds_value { VALUE.to_owned() } else { piece.to_owned() }
        },
    );
    loop {
        let before = text.clone();
        for (joined, one) in JOINED {
            text = text.replace(joined, one);
        }
        text = text.replace(" \"<*>\" ", " <*> ").replace(" '<*>' ", " <*> ");
        if text == before {
            return text;
        }
    }
}

fn is_delimiter(c: char) -> bool {
    c.is_whitespace() || ",!;:=|\"'[](){}".contains(c)
}

/// The text with each piece between delimiters changed.
fn pieces(text: &str, is_delimiter: impl Fn(char) -> bool, change: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(&is_delimiter) {
        let end = piece
            .char_indices()
            .next_back()
            .filter(|(_, c)| is_delimiter(*c))
            .map_or(piece.len(), |(i, _)| i);
        out.push_str(&change(&piece[..end]));
        out.push_str(&piece[end..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(truth: &[&str], found: &[(&str, &str)]) -> Score {
        let truth: Vec<String> = truth.iter().map(|t| (*t).to_owned()).collect();
        let found: Vec<_> = found.iter().map(|(id, text)| ((*id).into(), (*text).into())).collect();
        score(&truth, &found)
    }

    #[test]
    fn only_whole_groups_count_and_only_equal_templates_count_fully() {
        let perfect = scored(&["a <*>", "a <*>", "b"], &[("1", "a <*>"), ("1", "a <*>"), ("2", "b")]);
        assert_eq!((perfect.ga, perfect.fga, perfect.fta), (1.0, 1.0, 1.0));
        let other = scored(&["a <*>", "a <*>", "b"], &[("1", "a x"), ("1", "a x"), ("2", "b")]);
        assert_eq!((other.ga, other.fga, other.fta), (1.0, 1.0, 0.5));
        let torn = scored(&["a <*>", "a <*>", "b"], &[("1", "a <*>"), ("3", "a <*>"), ("2", "b")]);
        assert_eq!((torn.ga, torn.fga, torn.fta), (1.0 / 3.0, 0.4, 0.4));
        let merged = scored(&["a", "b"], &[("1", "<*>"), ("1", "<*>")]);
        assert_eq!((merged.ga, merged.fga, merged.fta), (0.0, 0.0, 0.0));
    }

    #[test]
    fn conventions_of_writing_make_no_difference() {
        for (one, other) in [
            ("block blk_<*>  of <*>:<*>", "block <*> of <*>"),
            ("open /var/log/x", "open <*>"),
            ("is true at 17", "is <*> at <*>"),
            ("node-<*> is up", "node-<*> is up"),
            ("(core.<*>)", "(core.<*>)"),
        ] {
            assert_eq!(plain(one), plain(other));
        }
        assert_ne!(plain("a b"), plain("a <*>"));
    }
}
