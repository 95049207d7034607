//! The names of things in a line: `blk_-3814`, `req-550e8400-…`, `container_1445_0020_01`. Not addresses, not paths, not
//! plain numbers, which measure more often than they name.

/// Most names taken from one line, and bytes of the line that are read.
const MOST: usize = 32;
const BYTES_MAX: usize = 4_096;
/// A name has at least so many digits; without a word in it, it is hexadecimal of at least so many.
const DIGITS: usize = 3;
const HEXADECIMAL: usize = 12;

/// A name of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier<'l> {
    /// What names of its kind look like: `blk_#`.
    pub kind: String,
    /// The name itself.
    pub name: &'l str,
}

/// The names in a line, in order, each once.
#[must_use]
pub fn identifiers(line: &str) -> Vec<Identifier<'_>> {
    let mut end = line.len().min(BYTES_MAX);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let mut found: Vec<Identifier<'_>> = Vec::new();
    let words = line[..end].split(|c: char| c.is_whitespace() || "=:,;!|\"'[](){}<>?&".contains(c));
    for word in words {
        let name = word.trim_end_matches('.');
        if found.len() < MOST
            && found.iter().all(|known| known.name != name)
            && let Some(kind) = kind(name)
        {
            found.push(Identifier { kind, name });
        }
    }
    found
}

fn kind(name: &str) -> Option<String> {
    let bytes = name.as_bytes();
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if digits < DIGITS || bytes.len() > 200 || !bytes.iter().all(plain) {
        return None;
    }
    let is_hexadecimal = |part: &str| part.len() >= 4 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let mut kind = String::with_capacity(name.len());
    let (mut words, mut hexadecimal) = (0, 0);
    for part in name.split_inclusive(['_', '-']) {
        let (word, joint) = match part.strip_suffix(['_', '-']) {
            Some(word) => (word, &part[word.len()..]),
            None => (part, ""),
        };
        if is_hexadecimal(word) && word.bytes().any(|b| b.is_ascii_digit())
            || word.bytes().all(|b| b.is_ascii_digit())
        {
            hexadecimal += word.len();
            kind.push_str(if word.is_empty() { "" } else { "#" });
        } else {
            words += usize::from(word.bytes().any(|b| b.is_ascii_alphabetic()));
            kind.extend(word.chars().filter(|c| !c.is_ascii_digit()));
            kind.push_str(if word.bytes().any(|b| b.is_ascii_digit()) { "#" } else { "" });
        }
        // A sign before a number is part of it.
        if !(joint == "-" && kind.ends_with(['_', '-'])) {
            kind.push_str(joint);
        }
    }
    let joined = name.contains(['_', '-']);
    let letters = bytes.iter().any(u8::is_ascii_alphabetic);
    let names = if words > 0 { joined } else { hexadecimal >= HEXADECIMAL && letters };
    names.then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_measures_addresses_and_paths() {
        for (line, expect) in [
            ("Receiving block blk_-1608 src: /10.250.19.102:54106", vec![("blk_#", "blk_-1608")]),
            ("blk_38 ok, blk_3814 and blk_3814.", vec![("blk_#", "blk_3814")]),
            ("took 12345 ms at 10.0.0.1:443", vec![]),
            (
                "[instance: b9000564-fe1a-409b-b8cc-1e88b294cd1d] up",
                vec![("#-#-#-#-#", "b9000564-fe1a-409b-b8cc-1e88b294cd1d")],
            ),
            (
                "container_1445062781478_0011_01 ends",
                vec![("container_#_#_#", "container_1445062781478_0011_01")],
            ),
            ("open /var/log/x-123.log", vec![]),
            ("2024-01-02 is a day", vec![]),
        ] {
            let got: Vec<_> = identifiers(line).into_iter().map(|i| (i.kind, i.name)).collect();
            let expect: Vec<_> = expect.into_iter().map(|(k, n)| (k.to_owned(), n)).collect();
            assert_eq!(got, expect, "{line}");
        }
    }
}
