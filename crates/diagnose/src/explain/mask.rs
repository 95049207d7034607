//! Takes out of a text what is probably a secret or a person's address, before it is given to a model that may be
//! somebody else's. It knows the usual shapes and is no proof: what must not leave the house is kept in by a model
//! that runs in it.

/// What stands in the place of a secret.
const HIDDEN: &str = "[hidden]";
/// Names after which a secret comes.
const NAMES: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "authorization",
    "cookie",
    "credential",
    "private_key",
];
/// Beginnings of keys of well-known services, and how long such a key is at least.
const BEGINNINGS: [(&str, usize); 14] = [
    ("AKIA", 16),
    ("ASIA", 16),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("github_pat_", 20),
    ("glpat-", 20),
    ("xoxb-", 16),
    ("xoxp-", 16),
    ("xoxa-", 16),
    ("sk-", 20),
    ("sk_live_", 16),
    ("hs_", 16),
    ("eyJ", 30),
];
/// Shortest text of mixed characters that is taken for a key.
const MIXED_BYTES_MIN: usize = 32;

/// The text without what is probably secret.
pub(crate) fn masked(text: &str) -> String {
    if let Some(at) = text.find("-----BEGIN").filter(|at| text[*at..].contains("PRIVATE KEY")) {
        return format!("{}{HIDDEN}", masked(&text[..at]));
    }
    let mut out = String::with_capacity(text.len());
    let mut next = Next::Free;
    for part in parts(text) {
        match part {
            Part::Between(separator) => {
                // What follows another statement is no value of the name before.
                if separator.contains([',', ';', '&', '}']) {
                    next = Next::Free;
                }
                out.push_str(separator);
            }
            Part::Word(word) => next = put(word, next, &mut out),
        }
    }
    out
}

/// What the next word is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Nothing of note.
    Free,
    /// The value of a secret, if a sign comes first: its bare name was seen.
    Named,
    /// The value of a secret.
    Secret,
}

/// Adds a word, or what stands in its place, and tells what comes next.
fn put(word: &str, next: Next, out: &mut String) -> Next {
    if next == Next::Named && word.starts_with([':', '=']) {
        out.push_str(&word[..1]);
        return if word.len() == 1 { Next::Secret } else { put(&word[1..], Next::Secret, out) };
    }
    if next == Next::Secret {
        let before = ["bearer", "basic", "digest", "token", "is", "was", "=", ":"];
        if before.iter().any(|s| word.eq_ignore_ascii_case(s)) {
            out.push_str(word);
            return Next::Secret;
        }
        out.push_str(HIDDEN);
        return Next::Free;
    }
    if let Some((scheme, rest)) = word.split_once("://") {
        out.push_str(scheme);
        out.push_str("://");
        let host = rest.find('/').unwrap_or(rest.len());
        match rest[..host].rfind('@') {
            Some(at) => {
                out.push_str(HIDDEN);
                put_value(&rest[at..], out);
            }
            None => put_value(rest, out),
        }
        return Next::Free;
    }
    if let Some(at) = word.find(['=', ':'])
        && is_name(&word[..at])
    {
        out.push_str(&word[..=at]);
        if at + 1 < word.len() {
            out.push_str(HIDDEN);
            return Next::Free;
        }
        return Next::Secret;
    }
    put_value(word, out);
    match word {
        w if w.eq_ignore_ascii_case("bearer") => Next::Secret,
        w if is_name(w) && w.starts_with("--") => Next::Secret,
        w if is_name(w) => Next::Named,
        _ => Next::Free,
    }
}

fn put_value(word: &str, out: &mut String) {
    let (name, value) = word.split_once('=').map_or(("", word), |(name, value)| (name, value));
    let named = is_name(name.rsplit(['?', '/']).next().unwrap_or_default());
    let hidden = named || is_key(value) || is_key(word) || is_address(word);
    match (hidden, name) {
        (false, _) => out.push_str(word),
        (true, "") => out.push_str(HIDDEN),
        (true, name) => {
            out.push_str(name);
            out.push('=');
            out.push_str(HIDDEN);
        }
    }
}

fn is_name(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    NAMES.iter().any(|name| lower.contains(name))
}

fn is_key(word: &str) -> bool {
    let known = |(start, least): &(&str, usize)| word.starts_with(start) && word.len() >= *least;
    if BEGINNINGS.iter().any(known) {
        return true;
    }
    let key_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'_' | b'-' | b'=');
    let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
    word.len() >= MIXED_BYTES_MIN
        && word.bytes().all(key_byte)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
}

/// Whether it is an address of e-mail: `somebody@example.com`.
fn is_address(word: &str) -> bool {
    word.split_once('@').is_some_and(|(who, place)| {
        !who.is_empty() && place.contains('.') && !place.starts_with('.') && !place.contains(['/', '@'])
    })
}

enum Part<'a> {
    Word(&'a str),
    Between(&'a str),
}

/// Words and what is between them, in order; together they are the text.
fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let between = |c: char| c.is_whitespace() || "\"'`,;(){}[]<>&|".contains(c);
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let separates = between(first);
        let end = rest.find(|c| between(c) != separates).unwrap_or(rest.len());
        let (part, left) = rest.split_at(end);
        rest = left;
        Some(if separates { Part::Between(part) } else { Part::Word(part) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_their_usual_shapes_are_taken_out() {
        for (text, expect) in [
            ("login failed password=hunter2 user=bob", "login failed password=[hidden] user=bob"),
            (r#"{"api_key": "abc", "n": 1}"#, r#"{"api_key": "[hidden]", "n": 1}"#),
            ("Authorization: Bearer abc.def", "Authorization: Bearer [hidden]"),
            ("got bearer xyz back", "got bearer [hidden] back"),
            ("connect postgres://app:pw@db:5432/x", "connect postgres://[hidden]@db:5432/x"),
            ("key AKIAIOSFODNN7EXAMPLE is old", "key [hidden] is old"),
            ("mail to ada@example.com bounced", "mail to [hidden] bounced"),
            ("sig=Zm9vYmFyQmF6MTIzNDU2Nzg5MEFCQ0RFRkdISUpL", "sig=[hidden]"),
            ("x -----BEGIN RSA PRIVATE KEY----- MIIE", "x [hidden]"),
            (r#"{"password":17,"user":"bob"}"#, r#"{"password":[hidden],"user":"bob"}"#),
            ("GET http://a/x?token=abc&n=1", "GET http://a/x?token=[hidden]&n=1"),
            ("mysql --password hunter2", "mysql --password [hidden]"),
        ] {
            assert_eq!(masked(text), expect, "{text}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "payments answers slowly (p95 latency 812 ms, expected 40 to 90)",
            "commit 3f786850e387550fdab836ed7e6dc881de23001b deployed",
            "http://127.0.0.1:7102/healthz timed out",
            "tokens 812 of 8000",
            "the token is invalid, try again",
            "GET /orders/17 500 @ 12:00:01",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
