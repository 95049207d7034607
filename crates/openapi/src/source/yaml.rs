//! YAML 1.2 into a tree, with what documents use of 1.1: merge keys. Aliases are written out; a bomb of them is too large.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span};

use super::Wrong;
use crate::tree::{Builder, DEPTH_MAX, FaultKind, Packed, Text, TooLarge};

/// Reads a text that should be YAML; only its first document.
pub(super) fn read(text: &str, nodes_max: usize) -> Result<Packed, Wrong> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut reader = Reader {
        builder: Builder::new(text, nodes_max),
        source: text,
        anchors: HashMap::new(),
        open: Vec::new(),
        skipping: 0,
    };
    let mut documents = 0;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| {
            let offset = error.marker().byte_offset().unwrap_or_default();
            Wrong { offset, why: error.to_string() }
        })?;
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
            if documents > 1 {
                break;
            }
        }
        let offset = span.start.byte_offset().unwrap_or_default();
        reader.event(event, &span, offset).map_err(|why| match why {
            Refused::TooLarge => Wrong::too_large(offset),
            Refused::TooDeep => Wrong { offset, why: "it is nested too deeply".to_owned() },
        })?;
    }
    Ok(reader.builder.finish())
}

enum Refused {
    TooLarge,
    TooDeep,
}

impl From<TooLarge> for Refused {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge
    }
}

struct Reader<'s> {
    builder: Builder<'s>,
    source: &'s str,
    /// What anchors name; nothing while it is still open.
    anchors: HashMap<usize, Option<u32>>,
    open: Vec<Open>,
    /// Depth in a key that is a list or an object, which no name can be made of.
    skipping: usize,
}

struct Open {
    node: u32,
    anchor: usize,
    /// What `<<` named; it goes in where the object ends.
    merges: Vec<u32>,
    /// Whether the next value is that of `<<`.
    merging: bool,
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, span: &Span, offset: usize) -> Result<(), Refused> {
        if self.skipping > 0 {
            match event {
                Event::SequenceStart(..) | Event::MappingStart(..) => self.skipping += 1,
                Event::SequenceEnd | Event::MappingEnd => {
                    self.skipping -= 1;
                    if self.skipping == 0 {
                        let key = self.builder.kept("");
                        self.builder.key(key);
                    }
                }
                _ => {}
            }
            return Ok(());
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix() == "str");
                self.scalar(&text, is_text, anchor, span, offset)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(offset, anchor, false),
            Event::MappingStart(_, anchor, _) => self.begin(offset, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, offset),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, offset: usize, anchor: usize, is_object: bool) -> Result<(), Refused> {
        if self.builder.wants_key() {
            self.builder.fault(FaultKind::KeyNotText, offset);
            self.skipping = 1;
            return Ok(());
        }
        if self.builder.depth() >= DEPTH_MAX {
            return Err(Refused::TooDeep);
        }
        let node = self.builder.begin(offset, is_object)?;
        if anchor > 0 {
            self.anchors.insert(anchor, None);
        }
        self.open.push(Open { node, anchor, merges: Vec::new(), merging: false });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Refused> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        for merge in open.merges {
            self.builder.merge(merge)?;
        }
        self.builder.end();
        if open.anchor > 0 {
            self.anchors.insert(open.anchor, Some(open.node));
        }
        self.merged(open.node);
        Ok(())
    }

    /// Notes a finished value that is that of `<<`.
    fn merged(&mut self, node: u32) {
        if let Some(open) = self.open.last_mut()
            && open.merging
        {
            open.merging = false;
            open.merges.push(node);
            self.builder.drop_last_field();
        }
    }

    fn alias(&mut self, anchor: usize, offset: usize) -> Result<(), Refused> {
        let named = self.anchors.get(&anchor).copied().flatten();
        if self.builder.wants_key() {
            let text = named.and_then(|node| self.builder.leaf(node));
            let key = text.unwrap_or_else(|| self.builder.kept(""));
            self.builder.key(key);
            return Ok(());
        }
        let node = match named {
            Some(node) => self.builder.copy(node)?,
            None => {
                self.builder.fault(FaultKind::AliasInItself, offset);
                self.builder.null(offset)?
            }
        };
        self.merged(node);
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        is_text: bool,
        anchor: usize,
        span: &Span,
        offset: usize,
    ) -> Result<(), Refused> {
        let kept = self.keep(text, span);
        if self.builder.wants_key() {
            if !is_text && text == "<<" {
                let open = self.open.last_mut();
                open.into_iter().for_each(|open| open.merging = true);
            }
            self.builder.key(kept);
            return Ok(());
        }
        let node = if is_text { self.builder.text(offset, kept)? } else { self.plain(text, kept, offset)? };
        if anchor > 0 {
            self.anchors.insert(anchor, Some(node));
        }
        self.merged(node);
        Ok(())
    }

    /// A text, as it is written if it is.
    fn keep(&mut self, text: &str, span: &Span) -> Text {
        let range = span.byte_range().filter(|range| self.source.get(range.clone()) == Some(text));
        match range {
            Some(range) => Builder::slice(range),
            None => self.builder.kept(text),
        }
    }

    /// A scalar without quotes (YAML 1.2.2, 10.3.2; of truths and nothing all spellings).
    fn plain(&mut self, text: &str, kept: Text, offset: usize) -> Result<u32, TooLarge> {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => self.builder.null(offset),
            "true" | "True" | "TRUE" => self.builder.boolean(offset, true),
            "false" | "False" | "FALSE" => self.builder.boolean(offset, false),
            _ => match number(text) {
                None => self.builder.text(offset, kept),
                Some(Cow::Borrowed(_)) => self.builder.number(offset, kept),
                Some(Cow::Owned(digits)) => {
                    let digits = self.builder.kept(&digits);
                    self.builder.number(offset, digits)
                }
            },
        }
    }
}

/// A number as JSON writes it.
fn number(text: &str) -> Option<Cow<'_, str>> {
    let first = *text.as_bytes().first()?;
    if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
        return None;
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            return u64::from_str_radix(digits, radix).ok().filter(|_| all).map(|n| n.to_string().into());
        }
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        None => (unsigned, None),
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
    };
    let (whole, fraction) =
        mantissa.split_once('.').map_or((mantissa, None), |(whole, rest)| (whole, Some(rest)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let empty = |text: Option<&str>| text.is_none_or(str::is_empty);
    let right = (digits(whole) || whole.is_empty() && !empty(fraction))
        && (empty(fraction) || fraction.is_some_and(digits))
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)));
    if !right {
        return None;
    }
    let zeros = whole.len() > 1 && whole.starts_with('0');
    let strict = !zeros && !whole.is_empty() && fraction != Some("") && first != b'+';
    if strict {
        return Some(Cow::Borrowed(text));
    }
    let sign = if first == b'-' { "-" } else { "" };
    let whole = whole.trim_start_matches('0');
    let mut out = format!("{sign}{}", if whole.is_empty() { "0" } else { whole });
    if let Some(fraction) = fraction.filter(|fraction| !fraction.is_empty()) {
        out = format!("{out}.{fraction}");
    }
    Some(exponent.map_or(out.clone(), |exponent| format!("{out}e{exponent}")).into())
}
