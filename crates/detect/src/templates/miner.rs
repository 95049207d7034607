//! The templates of one source of lines.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::scan::{Class, DIGITS_MAX, Scan, Token, VALUE};
use super::split::{Row, messages};

/// A shape with more forms than this is split anew only when it has grown by an eighth.
const SMALL: usize = 64;
/// Most forms of one shape; the one used least recently goes first.
const FORMS_MAX: usize = 512;

/// What the miner says of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Identity of its template: stable over restarts and nodes, whatever the template widens to later.
    pub id: Arc<str>,
    /// The template as it is known now, `<*>` where lines differ.
    pub template: Arc<str>,
    /// Its form, for [`Miner::current`].
    pub form: u64,
}

/// A token of a form.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Part {
    class: Class,
    text: Box<str>,
    /// What stood there while it was always the same; only for words with digits.
    same: Option<Box<str>>,
    /// How many values in a row; 0 when lines differ in that.
    run: u16,
}

/// Lines that are equal but for their values.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Form {
    hash: u64,
    shape: u64,
    parts: Vec<Part>,
    lines: u64,
    /// The line that it was seen first and last with.
    born: u64,
    used: u64,
    /// The message it belongs to: hash of that one's first form.
    message: u64,
}

/// Lines that mean the same.
#[derive(Clone, Debug)]
struct Message {
    id: Arc<str>,
    template: Arc<str>,
    /// Its forms, in the order they were born.
    forms: Vec<u64>,
    /// What all of them have in each column; none where they differ.
    columns: Vec<Option<Box<str>>>,
}

/// Forms of one shape.
#[derive(Clone, Debug, Default)]
struct Shape {
    /// In the order they were born.
    forms: Vec<u64>,
    messages: Vec<u64>,
    /// How many there were when they were split last.
    split_at: usize,
}

/// What is kept of a miner.
#[derive(Serialize, Deserialize)]
struct Kept {
    source: String,
    max_forms: usize,
    lines: u64,
    forms: Vec<Form>,
}

/// Mines templates from lines as they come. Bounded: of more than `max_forms` forms, those used least recently go.
#[derive(Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct Miner {
    source: String,
    max_forms: usize,
    lines: u64,
    forms: BTreeMap<u64, Form>,
    shapes: BTreeMap<u64, Shape>,
    messages: BTreeMap<u64, Message>,
    scan: Scan,
}

impl Clone for Miner {
    fn clone(&self) -> Self {
        Self::from(Kept::from(self))
    }
}

impl std::fmt::Debug for Miner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Miner").field("source", &self.source).field("forms", &self.forms.len()).finish()
    }
}

impl From<&Miner> for Kept {
    fn from(miner: &Miner) -> Self {
        let forms = miner.forms.values().cloned().collect();
        Self { source: miner.source.clone(), max_forms: miner.max_forms, lines: miner.lines, forms }
    }
}

impl From<Miner> for Kept {
    fn from(miner: Miner) -> Self {
        Self::from(&miner)
    }
}

impl From<Kept> for Miner {
    fn from(kept: Kept) -> Self {
        let mut miner = Self::new(&kept.source, kept.max_forms);
        miner.lines = kept.lines;
        let mut forms = kept.forms;
        forms.sort_by_key(|form| form.born);
        for form in forms {
            let shape = miner.shapes.entry(form.shape).or_default();
            shape.forms.push(form.hash);
            shape.split_at += 1;
            miner.forms.insert(form.hash, form);
        }
        let shapes: Vec<u64> = miner.shapes.keys().copied().collect();
        for shape in shapes {
            let forms = miner.shapes[&shape].forms.clone();
            let of = |miner: &Self, hash: u64| miner.forms.get(&hash).map_or(hash, |form| form.message);
            let placed = forms.iter().map(|hash| (*hash, of(&miner, *hash))).collect();
            miner.place(shape, placed);
        }
        miner
    }
}

impl Miner {
    /// For the lines of one source, whose name makes ids of its templates its own.
    #[must_use]
    pub fn new(source: &str, max_forms: usize) -> Self {
        Self {
            source: source.to_owned(),
            max_forms: max_forms.max(8),
            lines: 0,
            forms: BTreeMap::new(),
            shapes: BTreeMap::new(),
            messages: BTreeMap::new(),
            scan: Scan::default(),
        }
    }

    /// Forms that are known now; memory goes with them.
    #[must_use]
    pub fn forms(&self) -> usize {
        self.forms.len()
    }

    /// Finds or makes the template of a line.
    pub fn mine(&mut self, line: &str) -> Line {
        self.lines += 1;
        let mut scan = std::mem::take(&mut self.scan);
        scan.read(line);
        let (hash, shape) = hashes(&self.source, &scan);
        let changed = match self.forms.get_mut(&hash) {
            Some(form) => {
                form.used = self.lines;
                form.note(&scan, line.trim())
            }
            None => {
                self.add(hash, shape, &scan, line.trim());
                false
            }
        };
        self.scan = scan;
        let message = self.forms.get(&hash).map_or(hash, |form| form.message);
        if changed && let Some(forms) = self.messages.get(&message).map(|known| known.forms.clone()) {
            self.render(message, forms);
        }
        self.line(message, hash)
    }

    /// The template that the lines of a form have now; none when it was forgotten.
    #[must_use]
    pub fn current(&self, form: u64) -> Option<Line> {
        let message = self.forms.get(&form)?.message;
        Some(self.line(message, form))
    }

    fn line(&self, message: u64, form: u64) -> Line {
        let known = self.messages.get(&message).expect("every message of a form is rendered");
        Line { id: Arc::clone(&known.id), template: Arc::clone(&known.template), form }
    }

    fn add(&mut self, hash: u64, shape: u64, scan: &Scan, line: &str) {
        if self.forms.len() >= self.max_forms {
            self.forget();
        }
        let form = Form::new((hash, shape), self.lines, scan, line);
        let known = self.shapes.entry(shape).or_default();
        known.forms.push(hash);
        let crowded = known.forms.len() > FORMS_MAX;
        self.forms.insert(hash, form);
        if crowded {
            self.thin(shape);
        }
        let known = &self.shapes[&shape];
        let due = known.forms.len() <= SMALL || known.forms.len() * 8 >= known.split_at * 9;
        let home = if due { None } else { self.home(shape, hash) };
        match home {
            Some(message) => {
                if let Some(form) = self.forms.get_mut(&hash) {
                    form.message = message;
                }
                let mut forms = self.messages.get(&message).map(|m| m.forms.clone()).unwrap_or_default();
                forms.push(hash);
                self.render(message, forms);
            }
            None if due => self.split(shape),
            None => {
                if let Some(known) = self.shapes.get_mut(&shape) {
                    known.messages.push(hash);
                }
                self.render(hash, vec![hash]);
            }
        }
    }

    /// The message of a shape that a form fits without any other column becoming a variable.
    fn home(&self, shape: u64, hash: u64) -> Option<u64> {
        let form = self.forms.get(&hash)?;
        let fits = |message: &&u64| {
            self.messages.get(message).is_some_and(|known| {
                let all = form.parts.iter().zip(&known.columns);
                all.into_iter().all(|(part, column)| column.as_ref().is_none_or(|text| *text == part.text))
            })
        };
        self.shapes.get(&shape)?.messages.iter().find(fits).copied()
    }

    /// Finds the messages of a shape anew. Each keeps the id of its oldest form.
    fn split(&mut self, shape: u64) {
        let Some(known) = self.shapes.get_mut(&shape) else { return };
        known.split_at = known.forms.len();
        let forms: Vec<&Form> = known.forms.iter().filter_map(|hash| self.forms.get(hash)).collect();
        let Some(first) = forms.first() else { return };
        let words: Vec<bool> =
            first.parts.iter().map(|p| !matches!(p.class, Class::Space | Class::Separator)).collect();
        let rows = forms
            .iter()
            .enumerate()
            .map(|(i, form)| Row { tokens: form.parts.iter().map(|p| &*p.text).collect(), id: i as u32 });
        let mut lists = messages(rows.collect(), &words);
        lists.iter_mut().for_each(|list| list.sort_unstable());
        lists.sort_unstable();
        let mut taken = BTreeSet::new();
        let mut placed = Vec::with_capacity(forms.len());
        for list in &lists {
            let oldest = forms[list[0] as usize];
            let id = if taken.contains(&oldest.message) { oldest.hash } else { oldest.message };
            taken.insert(id);
            placed.extend(list.iter().map(|i| (forms[*i as usize].hash, id)));
        }
        self.place(shape, placed);
    }

    /// Puts the forms of a shape into messages.
    fn place(&mut self, shape: u64, placed: Vec<(u64, u64)>) {
        let mut lists: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (hash, message) in placed {
            if let Some(form) = self.forms.get_mut(&hash) {
                form.message = message;
                lists.entry(message).or_default().push(hash);
            }
        }
        let Some(known) = self.shapes.get_mut(&shape) else { return };
        for gone in std::mem::replace(&mut known.messages, lists.keys().copied().collect()) {
            self.messages.remove(&gone);
        }
        for (message, forms) in lists {
            self.render(message, forms);
        }
    }

    /// Writes the template of a message from its forms.
    fn render(&mut self, message: u64, forms: Vec<u64>) {
        let members: Vec<&Form> = forms.iter().filter_map(|hash| self.forms.get(hash)).collect();
        let Some(first) = members.first() else { return };
        let lines: u64 = members.iter().map(|form| form.lines).sum();
        let mut text = String::new();
        let mut columns = Vec::with_capacity(first.parts.len());
        for (column, part) in first.parts.iter().enumerate() {
            let all = |holds: &dyn Fn(&Part) -> bool| members.iter().all(|form| holds(&form.parts[column]));
            let equal = all(&|p| p.text == part.text);
            columns.push(equal.then(|| part.text.clone()));
            if !equal {
                text.push_str(VALUE);
            } else if let Some(same) =
                part.same.as_deref().filter(|_| lines > 1 && all(&|p| p.same == part.same))
            {
                text.push_str(same);
            } else {
                text.push_str(&part.text);
                let run = if all(&|p| p.run == part.run) { part.run } else { 0 };
                (1..run).for_each(|_| {
                    text.push(' ');
                    text.push_str(VALUE);
                });
            }
        }
        let id: Arc<str> = format!("tpl_{message:016x}").into();
        self.messages.insert(message, Message { id, template: text.into(), forms, columns });
    }

    /// Lets a quarter of the forms go, those used least recently.
    fn forget(&mut self) {
        let mut by_use: Vec<(u64, u64)> = self.forms.values().map(|form| (form.used, form.hash)).collect();
        by_use.sort_unstable();
        by_use.truncate((self.max_forms / 4).max(1));
        self.remove(by_use.into_iter().map(|(_, hash)| hash));
    }

    /// Lets the form of a shape go that was used least recently.
    fn thin(&mut self, shape: u64) {
        let forms = self.shapes[&shape].forms.iter().filter_map(|hash| self.forms.get(hash));
        if let Some(oldest) = forms.min_by_key(|form| form.used).map(|form| form.hash) {
            self.remove([oldest]);
        }
    }

    fn remove(&mut self, hashes: impl IntoIterator<Item = u64>) {
        for hash in hashes {
            let Some(form) = self.forms.remove(&hash) else { continue };
            let Some(shape) = self.shapes.get_mut(&form.shape) else { continue };
            shape.forms.retain(|known| *known != hash);
            if let Some(message) = self.messages.get_mut(&form.message) {
                message.forms.retain(|known| *known != hash);
                if message.forms.is_empty() {
                    self.messages.remove(&form.message);
                    shape.messages.retain(|known| *known != form.message);
                }
            }
            if shape.forms.is_empty() {
                self.shapes.remove(&form.shape);
            }
        }
    }
}

impl Form {
    fn new((hash, shape): (u64, u64), line_number: u64, scan: &Scan, line: &str) -> Self {
        let parts = scan.tokens.iter().map(|token| Part {
            class: token.class,
            text: scan.text(token).into(),
            same: same(token, line).map(Into::into),
            run: token.run,
        });
        Self {
            hash,
            shape,
            parts: parts.collect(),
            lines: 1,
            born: line_number,
            used: line_number,
            message: hash,
        }
    }

    /// Takes note of another line of this form; whether its template may look different now.
    fn note(&mut self, scan: &Scan, line: &str) -> bool {
        self.lines += 1;
        let mut changed = self.lines == 2;
        for (part, token) in self.parts.iter_mut().zip(&scan.tokens) {
            if part.same.is_some() && part.same.as_deref() != same(token, line) {
                part.same = None;
                changed = true;
            }
            if part.run != 0 && part.run != token.run {
                part.run = 0;
                changed = true;
            }
        }
        changed
    }
}

/// The word itself, when only other lines can tell whether it is part of the message: it has digits, but few.
fn same<'l>(token: &Token, line: &'l str) -> Option<&'l str> {
    let word =
        (token.class == Class::Mixed).then(|| line.get(token.raw.0 as usize..token.raw.1 as usize))??;
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    (digits <= DIGITS_MAX && word.bytes().any(|b| b.is_ascii_alphabetic())).then_some(word)
}

/// Hash of the form and of the shape; FNV-1a, fixed for ever: ids are stored and must not depend on the process.
fn hashes(source: &str, scan: &Scan) -> (u64, u64) {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    let start = source.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    let (mut form, mut shape) = (step(start, 0x1f), step(start, 0x1e));
    for token in &scan.tokens {
        let text = &scan.form[token.form.0 as usize..token.form.1 as usize];
        form = step(text.iter().fold(form, |hash, byte| step(hash, *byte)), 0x1f);
        shape = match token.class {
            Class::Space => step(shape, 0x20),
            Class::Separator => text.iter().fold(shape, |hash, byte| step(hash, *byte)),
            _ => step(shape, 0x01),
        };
    }
    (form, shape)
}
