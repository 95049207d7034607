//! What a jq program mentions: which definitions of the library and which variables it needs, and how deep it nests.

use std::collections::BTreeSet;

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::path::{Part, Path};

/// The variable that holds secrets.
pub(super) const SECRETS: &str = "$secrets";

/// `name` and `field` of `$secrets.name.field`, when they are plain.
pub(super) fn secret_names<S: AsRef<str>>(
    parts: &[(Part<Term<S>>, jaq_core::path::Opt)],
) -> Option<Vec<&str>> {
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    };
    parts
        .iter()
        .map(|(part, _)| match part {
            Part::Index(Term::Str(None, text)) => match text.as_slice() {
                [StrPart::Str(name)] if plain(name.as_ref()) => Some(name.as_ref()),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

/// What a program mentions.
#[derive(Default)]
pub(super) struct Used<'t> {
    filters: BTreeSet<(&'t str, usize)>,
    pub(super) variables: BTreeSet<&'t str>,
    /// Names of the secrets.
    pub(super) secrets: BTreeSet<&'t str>,
    /// Whether `$secrets` stands there without the name of a secret.
    pub(super) nameless: bool,
    depth: usize,
    /// Deepest nesting of terms, side by side counted as nesting.
    pub(super) deepest: usize,
}

impl<'t> Used<'t> {
    /// Marks the definitions that are needed, and what they mention in turn.
    pub(super) fn close(&mut self, library: &'t [Def<&'static str>], wanted: &mut [bool]) {
        loop {
            let before = wanted.iter().filter(|w| **w).count();
            // Backwards: a definition may only use those before it, and itself.
            for (i, def) in library.iter().enumerate().rev() {
                if !wanted[i] && self.filters.contains(&(def.name, def.args.len())) {
                    wanted[i] = true;
                    self.term(&def.body);
                }
            }
            if wanted.iter().filter(|w| **w).count() == before {
                return;
            }
        }
    }

    pub(super) fn term(&mut self, term: &'t Term<&'t str>) {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        self.inside(term);
        self.depth -= 1;
    }

    /// Parts that stand side by side become nesting when they are evaluated.
    fn wide(&mut self, parts: usize) {
        self.deepest = self.deepest.max(self.depth + parts);
    }

    fn inside(&mut self, term: &'t Term<&'t str>) {
        match term {
            Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) => {}
            Term::Str(format, parts) => {
                // Formats such as `@base64` are filters without arguments; the plain one is `tostring`.
                self.filters.insert((format.unwrap_or("tostring"), 0));
                self.wide(parts.len());
                for part in parts {
                    if let StrPart::Term(term) = part {
                        self.term(term);
                    }
                }
            }
            Term::Arr(inner) => inner.iter().for_each(|t| self.term(t)),
            Term::Obj(pairs) => {
                self.wide(pairs.len());
                for (key, value) in pairs {
                    self.term(key);
                    value.iter().for_each(|t| self.term(t));
                }
            }
            Term::Neg(inner) | Term::Label(_, inner) => self.term(inner),
            Term::BinOp(left, op, right) => {
                self.term(left);
                if let BinaryOp::Pipe(Some(pattern)) = op {
                    self.pattern(pattern);
                }
                self.term(right);
            }
            Term::Fold(_, source, pattern, args) => {
                self.term(source);
                self.pattern(pattern);
                args.iter().for_each(|t| self.term(t));
            }
            Term::TryCatch(body, handler) => {
                self.term(body);
                handler.iter().for_each(|t| self.term(t));
            }
            Term::IfThenElse(branches, otherwise) => {
                self.wide(branches.len());
                for (condition, then) in branches {
                    self.term(condition);
                    self.term(then);
                }
                otherwise.iter().for_each(|t| self.term(t));
            }
            Term::Def(defs, body) => {
                defs.iter().for_each(|d| self.term(&d.body));
                self.term(body);
            }
            Term::Call(name, args) => {
                self.filters.insert((name, args.len()));
                self.wide(args.len());
                args.iter().for_each(|t| self.term(t));
            }
            Term::Var(name) => {
                self.nameless |= *name == SECRETS;
                self.variables.insert(name);
            }
            Term::Path(base, Path(parts)) => {
                if matches!(**base, Term::Var(SECRETS)) {
                    match secret_names(parts).as_deref() {
                        Some([name, ..]) => {
                            self.secrets.insert(name);
                        }
                        _ => self.nameless = true,
                    }
                    self.variables.insert(SECRETS);
                    return;
                }
                self.term(base);
                self.wide(parts.len());
                for (part, _) in parts {
                    match part {
                        Part::Index(term) => self.term(term),
                        Part::Range(from, to) => from.iter().chain(to).for_each(|t| self.term(t)),
                    }
                }
            }
        }
    }

    fn pattern(&mut self, pattern: &'t Pattern<&'t str>) {
        match pattern {
            Pattern::Var(_) => {}
            Pattern::Arr(items) => items.iter().for_each(|p| self.pattern(p)),
            Pattern::Obj(pairs) => {
                for (key, pattern) in pairs {
                    self.term(key);
                    self.pattern(pattern);
                }
            }
        }
    }
}
