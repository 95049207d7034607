//! JSON (RFC 8259) into a tree. Raw control characters in texts and half surrogates are taken, as in many documents.

use super::Wrong;
use crate::tree::{Builder, DEPTH_MAX, Packed, Text};

/// Reads a text that should be JSON.
pub(super) fn read(text: &str, nodes_max: usize) -> Result<Packed, Wrong> {
    let mut reader = Reader { builder: Builder::new(text, nodes_max), source: text, at: 0 };
    reader.document()?;
    Ok(reader.builder.finish())
}

struct Reader<'s> {
    builder: Builder<'s>,
    source: &'s str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.source.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn wrong<T>(&self, why: &str) -> Result<T, Wrong> {
        Err(Wrong { offset: self.at, why: why.to_owned() })
    }

    fn document(&mut self) -> Result<(), Wrong> {
        if self.source.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        self.space();
        loop {
            if self.builder.wants_key() {
                self.key()?;
            }
            // What was only opened has its first key or value next.
            if self.value()? && self.after()? {
                break;
            }
        }
        self.space();
        match self.peek() {
            None => Ok(()),
            Some(_) => self.wrong("something follows the end"),
        }
    }

    /// What follows a value: the end of what it is in, or a comma. True at the very end.
    fn after(&mut self) -> Result<bool, Wrong> {
        while self.builder.depth() > 0 {
            self.space();
            match (self.peek(), self.builder.wants_key()) {
                (Some(b','), _) => {
                    self.at += 1;
                    self.space();
                    return Ok(false);
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    self.at += 1;
                    self.builder.end();
                }
                (None, _) => return self.wrong("it ends in the middle"),
                (Some(_), true) => return self.wrong("a comma or `}` is missing"),
                (Some(_), false) => return self.wrong("a comma or `]` is missing"),
            }
        }
        Ok(true)
    }

    fn key(&mut self) -> Result<(), Wrong> {
        if self.peek() != Some(b'"') {
            return self.wrong("a name in quotes is missing");
        }
        let key = self.string()?;
        self.builder.key(key);
        self.space();
        if self.peek() != Some(b':') {
            return self.wrong("a colon is missing");
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    /// Reads a value; false when it was only opened.
    fn value(&mut self) -> Result<bool, Wrong> {
        let offset = self.at;
        let added = match self.peek() {
            Some(open @ (b'{' | b'[')) => return self.open(open == b'{'),
            Some(b'"') => {
                let text = self.string()?;
                self.builder.text(offset, text)
            }
            Some(b'-' | b'0'..=b'9') => {
                let text = self.number()?;
                self.builder.number(offset, text)
            }
            Some(b't') if self.word("true") => self.builder.boolean(offset, true),
            Some(b'f') if self.word("false") => self.builder.boolean(offset, false),
            Some(b'n') if self.word("null") => self.builder.null(offset),
            None => return self.wrong("it ends in the middle"),
            Some(_) => return self.wrong("this is no value"),
        };
        added.map(|_| true).map_err(|_| Wrong::too_large(offset))
    }

    fn open(&mut self, is_object: bool) -> Result<bool, Wrong> {
        if self.builder.depth() >= DEPTH_MAX {
            return self.wrong("it is nested too deeply");
        }
        self.builder.begin(self.at, is_object).map_err(|_| Wrong::too_large(self.at))?;
        self.at += 1;
        self.space();
        let empty = self.peek() == Some(if is_object { b'}' } else { b']' });
        if empty {
            self.at += 1;
            self.builder.end();
        }
        Ok(empty)
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.source[self.at..].starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn number(&mut self) -> Result<Text, Wrong> {
        let start = self.at;
        let bytes = self.source.as_bytes();
        let mut at = start + usize::from(bytes[start] == b'-');
        let digits = |at: &mut usize| {
            let from = *at;
            while bytes.get(*at).is_some_and(u8::is_ascii_digit) {
                *at += 1;
            }
            *at > from
        };
        let zero = bytes.get(at) == Some(&b'0');
        let whole = at;
        let mut right = digits(&mut at) && !(zero && at > whole + 1);
        if bytes.get(at) == Some(&b'.') {
            at += 1;
            right &= digits(&mut at);
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            at += 1;
            if let Some(b'+' | b'-') = bytes.get(at) {
                at += 1;
            }
            right &= digits(&mut at);
        }
        if !right {
            return self.wrong("this is no number");
        }
        self.at = at;
        Ok(Builder::slice(start..at))
    }

    fn string(&mut self) -> Result<Text, Wrong> {
        let start = self.at + 1;
        let bytes = self.source.as_bytes();
        match memchr::memchr2(b'"', b'\\', &bytes[start..]) {
            None => self.wrong("a text does not end"),
            Some(len) if bytes[start + len] == b'"' => {
                self.at = start + len + 1;
                Ok(Builder::slice(start..start + len))
            }
            Some(len) => {
                let (text, end) = match unescaped(self.source, start, start + len) {
                    Ok(done) => done,
                    Err(at) => {
                        self.at = at;
                        return self.wrong("an escape is wrong, or a text does not end");
                    }
                };
                self.at = end;
                Ok(self.builder.kept(&text))
            }
        }
    }
}

/// The text from `start` with escapes, of which the first is at `first`, and where it ends; or where it is wrong.
fn unescaped(source: &str, start: usize, first: usize) -> Result<(String, usize), usize> {
    let bytes = source.as_bytes();
    let mut text = String::with_capacity(first - start + 64);
    text.push_str(&source[start..first]);
    let mut at = first;
    loop {
        let from = at;
        at += memchr::memchr2(b'"', b'\\', &bytes[at..]).ok_or(from)?;
        text.push_str(&source[from..at]);
        if bytes[at] == b'"' {
            return Ok((text, at + 1));
        }
        let escape = bytes.get(at + 1).copied().ok_or(at)?;
        at += 2;
        text.push(match escape {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'"' | b'\\' | b'/' => char::from(escape),
            b'u' => {
                let unit = hex(source, at).ok_or(at)?;
                at += 4;
                let low = (0xD800..0xDC00).contains(&unit) && bytes[at..].starts_with(b"\\u");
                let low = low.then(|| hex(source, at + 2)).flatten().filter(|u| (0xDC00..0xE000).contains(u));
                let code = match low {
                    Some(low) => {
                        at += 6;
                        0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
                    }
                    None => unit,
                };
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err(at - 2),
        });
    }
}

fn hex(source: &str, at: usize) -> Option<u32> {
    let digits = source.get(at..at + 4)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}
