//! Cuts a line into tokens and says of each what it is: a separator, a word, a value, or a word with digits in it.
//!
//! One pass over the bytes, into buffers that are used again. Values are what nobody would call part of a message:
//! numbers, addresses, paths, dates, identifiers in hexadecimal. A word with digits (`ssh2`, `node-17`) is kept aside:
//! only other lines tell whether it ever changes.

use serde::{Deserialize, Serialize};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Class {
    /// White space, one or more.
    Space,
    /// Brackets, quotes, punctuation, dotted leaders.
    Separator,
    /// Letters and signs.
    Word,
    /// A value.
    Value,
    /// Letters and few digits, or a path: its form has `<*>`, and it may yet be part of the message.
    Mixed,
}

/// Where a token is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) class: Class,
    /// Its form, in [`Scan::form`].
    pub(super) form: (u32, u32),
    /// Itself, in the line.
    pub(super) raw: (u32, u32),
    /// How many values in a row it stands for.
    pub(super) run: u16,
}

/// Stands for a value.
pub(super) const VALUE: &str = "<*>";
/// A line is read up to here, in bytes, and up to so many tokens.
const BYTES_MAX: usize = 4_096;
const TOKENS_MAX: usize = 200;
/// A word with more digits than this is a value whatever other lines say: identifiers are, versions are not.
pub(super) const DIGITS_MAX: usize = 3;

const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
const DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
const SIZES: [&[u8]; 5] = [b"B", b"KB", b"MB", b"GB", b"TB"];

/// A line, read. Made once and used for every line.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) form: Vec<u8>,
    pub(super) tokens: Vec<Token>,
}

/// The values of a line, in order: what its form has `<*>` for.
pub(crate) fn values(line: &str) -> Vec<String> {
    let mut scan = Scan::default();
    scan.read(line);
    let line = line.trim();
    let of = |token: &Token| line.get(token.raw.0 as usize..token.raw.1 as usize).map(str::to_owned);
    let is_value = |token: &&Token| matches!(token.class, Class::Value | Class::Mixed);
    scan.tokens.iter().filter(is_value).filter_map(of).collect()
}

fn is_separator(byte: u8) -> bool {
    matches!(
        byte,
        b'=' | b':'
            | b','
            | b';'
            | b'!'
            | b'|'
            | b'"'
            | b'\''
            | b'['
            | b']'
            | b'('
            | b')'
            | b'{'
            | b'}'
            | b'<'
            | b'>'
    )
}

fn joins(byte: u8) -> bool {
    matches!(byte, b'.' | b'-' | b'+' | b'@' | b'#' | b'$' | b'%' | b'&')
}

impl Scan {
    /// Reads a line.
    pub(super) fn read(&mut self, line: &str) {
        self.form.clear();
        self.tokens.clear();
        let mut end = line.len().min(BYTES_MAX);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        let line = line[..end].trim().as_bytes();
        let mut at = 0;
        while at < line.len() && self.tokens.len() < TOKENS_MAX {
            let start = at;
            at = self.token(line, at);
            debug_assert!(at > start);
        }
    }

    /// The form of a token.
    pub(super) fn text(&self, token: &Token) -> &str {
        std::str::from_utf8(&self.form[token.form.0 as usize..token.form.1 as usize]).unwrap_or_default()
    }

    fn push(&mut self, class: Class, raw: (usize, usize), form: &[u8]) {
        let from = self.form.len() as u32;
        self.form.extend_from_slice(form);
        let form = (from, self.form.len() as u32);
        self.add(class, raw, form);
    }

    fn add(&mut self, class: Class, raw: (usize, usize), form: (u32, u32)) {
        self.tokens.push(Token { class, form, raw: (raw.0 as u32, raw.1 as u32), run: 1 });
        let kept = self.joined();
        self.tokens.truncate(kept);
    }

    /// Reads the token at `at`; gives where the next one begins.
    fn token(&mut self, line: &[u8], at: usize) -> usize {
        let length = |is: fn(u8) -> bool| line[at..].iter().take_while(|b| is(**b)).count();
        if line[at].is_ascii_whitespace() {
            let end = at + length(|b| b.is_ascii_whitespace());
            self.push(Class::Space, (at, end), b" ");
            return end;
        }
        let dots = length(|b| b == b'.');
        let separators = if dots >= 2 { dots } else { length(is_separator) };
        if separators > 0 {
            let end = at + separators;
            self.push(Class::Separator, (at, end), &line[at..end]);
            return end;
        }
        if let Some(end) = date(line, at).or_else(|| pairs(line, at)) {
            self.push(Class::Value, (at, end), VALUE.as_bytes());
            return end;
        }
        let mut end = at + length(|b| !b.is_ascii_whitespace() && !is_separator(b));
        if let Some(leader) = line[at..end].windows(2).position(|two| two == b"..").filter(|p| *p > 0) {
            end = at + leader;
        }
        // A full stop is no part of a word.
        let word_end = if end - at > 1 && matches!(line[end - 1], b'.' | b'?') { end - 1 } else { end };
        self.word(&line[at..word_end], at);
        if word_end < end {
            self.push(Class::Separator, (word_end, end), &line[word_end..end]);
        }
        end
    }

    fn word(&mut self, word: &[u8], at: usize) {
        let raw = (at, at + word.len());
        let digits = word.iter().filter(|b| b.is_ascii_digit()).count();
        if word.len() > 2 && word.starts_with(b"//") {
            // What follows the scheme of a URL.
            self.push(Class::Value, raw, b"//<*>");
        } else if is_path(word) {
            let class = if digits > DIGITS_MAX { Class::Value } else { Class::Mixed };
            self.push(class, raw, VALUE.as_bytes());
        } else if digits > 0 && (is_number(word) || word.contains(&b'/')) {
            self.push(Class::Value, raw, VALUE.as_bytes());
        } else if digits == 0 {
            self.push(Class::Word, raw, word);
        } else {
            let from = self.form.len();
            self.mixed(word);
            let form = (from as u32, self.form.len() as u32);
            let class = if digits > DIGITS_MAX && &self.form[from..] == VALUE.as_bytes() {
                Class::Value
            } else {
                Class::Mixed
            };
            self.add(class, raw, form);
        }
    }

    /// Writes `<*>` for each part that holds a digit; parts that dots alone join become one.
    fn mixed(&mut self, word: &[u8]) {
        if word.windows(2).any(|two| two == b"_-") {
            self.form.extend_from_slice(VALUE.as_bytes());
            return;
        }
        let from = self.form.len();
        for part in word.chunk_by(|a, b| joins(*a) == joins(*b)) {
            if part.iter().any(u8::is_ascii_digit) {
                if self.form[from..].ends_with(b"<*>.") {
                    self.form.truncate(self.form.len() - 1);
                } else {
                    self.form.extend_from_slice(VALUE.as_bytes());
                }
            } else {
                self.form.extend_from_slice(part);
            }
        }
    }

    /// Joins what is one value in several tokens: `host:port`, `12 KB`, and lists of values. Gives how many are left.
    fn joined(&mut self) -> usize {
        let kept = self.tokens.len();
        let [.., before, middle, last] = self.tokens.as_mut_slice() else { return kept };
        let of = |t: &Token| &self.form[t.form.0 as usize..t.form.1 as usize];
        let (first, between, after) = (of(before), of(middle), of(last));
        let is_value = last.class == Class::Value;
        if between == b":" && is_value && (first.ends_with(b"<*>") || is_host(before.class, first)) {
            before.raw.1 = last.raw.1;
            if before.class != Class::Value {
                before.class = Class::Value;
                before.form = last.form;
            }
            return kept - 2;
        }
        let before_is_value = before.class == Class::Value;
        if between == b" " && before_is_value && last.class == Class::Word && SIZES.contains(&after) {
            before.raw.1 = last.raw.1;
            return kept - 2;
        }
        if before_is_value && is_value && (between == b" " || between == b",") {
            before.raw.1 = last.raw.1;
            before.run = before.run.saturating_add(last.run);
            return kept - 2;
        }
        kept
    }
}

/// `a.example.com`, when a port follows.
fn is_host(class: Class, word: &[u8]) -> bool {
    matches!(class, Class::Word | Class::Mixed)
        && word.contains(&b'.')
        && word.split(|b| *b == b'.').all(|label| !label.is_empty())
        && word.iter().all(|b| b.is_ascii_alphanumeric() || b".-_<*>".contains(b))
}

fn is_path(word: &[u8]) -> bool {
    let rest = word.strip_prefix(b".").unwrap_or(word);
    rest.len() > 1 && rest[0] == b'/' && rest[1] != b'/'
}

/// A number, an address, or hexadecimal of at least six digits.
fn is_number(word: &[u8]) -> bool {
    let plain = word.strip_prefix(b"-").or_else(|| word.strip_prefix(b"+")).unwrap_or(word);
    let begins = plain.first().is_some_and(u8::is_ascii_digit);
    if begins && plain.iter().all(|b| b.is_ascii_digit() || *b == b'.') {
        return true;
    }
    if word.starts_with(b"0x") && word.len() > 2 && word[2..].iter().all(u8::is_ascii_hexdigit) {
        return true;
    }
    let hexadecimal = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_hexdigit);
    if word.len() >= 6 && hexadecimal(word) {
        return true;
    }
    // RFC 9562: 8-4-4-4-12.
    word.len() == 36
        && word.split(|b| *b == b'-').map(<[u8]>::len).eq([8, 4, 4, 4, 12])
        && word.split(|b| *b == b'-').all(hexadecimal)
}

/// At least three pairs of hexadecimal digits with colons between them, as in the address of a network card.
fn pairs(line: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    let mut count = 0;
    while line.len() >= end + 2 && line[end..end + 2].iter().all(u8::is_ascii_hexdigit) {
        count += 1;
        end += 2;
        if line.get(end) != Some(&b':') || line.len() < end + 3 || !line[end + 1].is_ascii_hexdigit() {
            break;
        }
        end += 1;
    }
    let ends = line.get(end).is_none_or(|b| !b.is_ascii_alphanumeric() && *b != b':' && *b != b'_');
    (count >= 3 && ends).then_some(end)
}

/// A date in words: `Jul 29 17:41:44`, perhaps with a day of the week before, and zone and year after.
fn date(line: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    if DAYS.iter().any(|day| line[at..].starts_with(day)) {
        end = after_word(line, at)?;
    }
    if !MONTHS.iter().any(|month| line[end..].starts_with(month)) {
        return None;
    }
    end = after_word(line, end)?;
    let digits = |from: usize| line[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let day = digits(end);
    if !(1..=2).contains(&day) || line.get(end + day) != Some(&b' ') {
        return None;
    }
    end += day + 1;
    let clock = line.get(end..end + 8)?;
    let is_clock = clock.iter().enumerate().all(|(i, b)| match i {
        2 | 5 => *b == b':',
        _ => b.is_ascii_digit(),
    });
    if !is_clock {
        return None;
    }
    end += 8;
    let upper = |from: usize| line[from..].iter().take_while(|b| b.is_ascii_uppercase()).count();
    if line.get(end) == Some(&b' ') && (3..=4).contains(&upper(end + 1)) {
        end += 1 + upper(end + 1);
    }
    if line.get(end) == Some(&b' ') && digits(end + 1) == 4 {
        end += 5;
    }
    Some(end)
}

/// Where the next word begins after a word of letters and one or more spaces.
fn after_word(line: &[u8], at: usize) -> Option<usize> {
    let letters = line[at..].iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let spaces = line[at + letters..].iter().take_while(|b| **b == b' ').count();
    (spaces > 0).then_some(at + letters + spaces)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(line: &str) -> String {
        let mut scan = Scan::default();
        scan.read(line);
        scan.tokens.iter().map(|t| scan.text(t)).collect()
    }

    #[test]
    fn values_are_found_in_every_usual_shape() {
        for (line, expected) in [
            ("took 12 ms, 1.5 KB", "took <*> ms, <*>"),
            ("from 10.0.0.1:443 to db.example.com:5432", "from <*> to <*>"),
            ("id 0xdeadbeef 7f3a9c21 550e8400-e29b-41d4-a716-446655440000", "id <*>"),
            ("card 00:1A:2B:3C:4D:5E is up", "card <*> is up"),
            ("at Fri Jul  1 17:41:44 PDT 2005 it fell", "at <*> it fell"),
            ("open /var/log/x failed", "open <*> failed"),
            ("GET http://127.0.0.1:8080/x of hdfs://a/b", "GET http://<*> of hdfs://<*>"),
            ("block blk_-3814 of node-17 by ssh2.", "block <*> of node-<*> by <*>."),
            ("illegal instruction......0", "illegal instruction......<*>"),
            ("application_1445144423722_0020 ended", "<*> ended"),
            ("no value here", "no value here"),
            (&format!("delete {}", "blk_3814 ".repeat(150)), "delete <*>"),
            ("", ""),
            ("ärger mit ÖL 5", "ärger mit ÖL <*>"),
        ] {
            assert_eq!(form(line), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn every_text_is_read_and_bounded(line in "\\PC{0,600}") {
            let mut scan = Scan::default();
            scan.read(&line);
            prop_assert!(scan.tokens.len() <= TOKENS_MAX);
        }

        #[test]
        fn numbers_never_change_a_form(a in 0_u32..1_000_000, b in 0_u32..1_000_000) {
            prop_assert_eq!(form(&format!("took {a} ms")), form(&format!("took {b} ms")));
        }
    }
}
