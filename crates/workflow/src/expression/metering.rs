//! Rewrites a jq program so that everything that can loop or grow passes a counting filter.
//!
//! Which filters those are is told in `sandbox`, which carries them out; here is where they go. A tail position
//! gets none behind it, because that would turn tail recursion into stack.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::ops::Math;
use jaq_core::path::{Part, Path};

use super::mentions::SECRETS;

// Names that no program can write, because of the exclamation mark.
/// Counts one step.
pub(super) const METER: &str = "meter!";
/// Counts everything inside a value that was built.
pub(super) const BUILT: &str = "built!";
/// Checks the length of what was joined.
pub(super) const JOINED: &str = "joined!";
/// Checks an index.
pub(super) const INDEX: &str = "index!";
/// Multiplies within bounds.
pub(super) const MULTIPLY: &str = "multiply!";
/// The variable that holds the right side of `*=`.
const FACTOR: &str = "$factor!";

fn pipe<'s>(left: Term<&'s str>, right: Term<&'s str>) -> Term<&'s str> {
    Term::BinOp(Box::new(left), BinaryOp::Pipe(None), Box::new(right))
}

fn call(name: &str) -> Term<&str> {
    Term::Call(name, Vec::new())
}

pub(super) fn metered_def(def: Def<&str>) -> Def<&str> {
    Def { name: def.name, args: def.args, body: pipe(call(METER), metered(def.body)) }
}

/// A term whose outputs are counted. Not for tail positions: it would turn recursion into stack.
fn counted(term: Term<&str>) -> Term<&str> {
    match term {
        Term::Id | Term::Num(_) | Term::Var(_) | Term::Str(..) | Term::Arr(_) | Term::Obj(_) => metered(term),
        other => pipe(metered(other), call(METER)),
    }
}

fn boxed(term: Term<&str>) -> Box<Term<&str>> {
    Box::new(counted(term))
}

fn tail(term: Term<&str>) -> Box<Term<&str>> {
    Box::new(metered(term))
}

/// The same program, counting.
pub(super) fn metered(term: Term<&str>) -> Term<&str> {
    match term {
        Term::Id | Term::Num(_) | Term::Var(_) | Term::Break(_) => term,
        Term::Recurse => pipe(Term::Recurse, call(METER)),
        Term::Str(format, parts) => {
            let plain = parts.iter().all(|p| !matches!(p, StrPart::Term(_)));
            let parts = parts
                .into_iter()
                .map(|part| match part {
                    StrPart::Term(term) => StrPart::Term(counted(term)),
                    other => other,
                })
                .collect();
            let text = Term::Str(format, parts);
            if plain { text } else { pipe(text, call(JOINED)) }
        }
        Term::Arr(items) => pipe(Term::Arr(items.map(|t| boxed(*t))), call(BUILT)),
        Term::Obj(pairs) => {
            let pairs = pairs.into_iter().map(|(k, v)| match v {
                Some(v) => (counted(k), Some(counted(v))),
                None => (k, None),
            });
            pipe(Term::Obj(pairs.collect()), call(BUILT))
        }
        Term::Neg(inner) => Term::Neg(boxed(*inner)),
        Term::BinOp(left, op, right) => binary(*left, op, *right),
        Term::Label(name, body) => Term::Label(name, tail(*body)),
        Term::Fold(kind, source, pattern, args) => Term::Fold(
            kind,
            boxed(*source),
            metered_pattern(pattern),
            args.into_iter().map(counted).collect(),
        ),
        Term::TryCatch(body, handler) => Term::TryCatch(boxed(*body), handler.map(|t| tail(*t))),
        Term::IfThenElse(branches, otherwise) => {
            let branches = branches.into_iter().map(|(c, t)| (counted(c), metered(t)));
            Term::IfThenElse(branches.collect(), otherwise.map(|t| tail(*t)))
        }
        Term::Def(defs, body) => Term::Def(defs.into_iter().map(metered_def).collect(), tail(*body)),
        Term::Call(name, args) => Term::Call(name, args.into_iter().map(counted).collect()),
        Term::Path(base, Path(parts)) if matches!(*base, Term::Var(SECRETS)) => secret(parts),
        Term::Path(base, Path(parts)) => {
            let simple = parts.iter().all(|(part, _)| matches!(part, Part::Index(Term::Str(None, _))));
            let at = |term| pipe(counted(term), call(INDEX));
            let parts = parts.into_iter().map(|(part, opt)| {
                let part = match part {
                    Part::Index(Term::Str(None, text)) => Part::Index(metered(Term::Str(None, text))),
                    Part::Index(term) => Part::Index(at(term)),
                    Part::Range(from, to) => Part::Range(from.map(at), to.map(at)),
                };
                (part, opt)
            });
            let path = Term::Path(boxed(*base), Path(parts.collect()));
            if simple { path } else { pipe(path, call(METER)) }
        }
    }
}

/// `$secrets.name.field` is the placeholder of a secret (`model::secret`): the value of `$secrets` begins it, the
/// names follow, escaped.
fn secret(parts: Vec<(Part<Term<&str>>, jaq_core::path::Opt)>) -> Term<&str> {
    let mut text = vec![StrPart::Term(Term::Var(SECRETS))];
    for (i, (part, _)) in parts.into_iter().enumerate() {
        if i > 0 {
            text.push(StrPart::Str("."));
        }
        let Part::Index(Term::Str(None, names)) = part else { continue };
        for name in names {
            let StrPart::Str(name) = name else { continue };
            for piece in name.split_inclusive(['_', '.']) {
                let plain = piece.trim_end_matches(['_', '.']);
                text.push(StrPart::Str(plain));
                match &piece[plain.len()..] {
                    "_" => text.push(StrPart::Str("_5f")),
                    "." => text.push(StrPart::Str("_2e")),
                    _ => {}
                }
            }
        }
    }
    text.push(StrPart::Str("~"));
    Term::Str(None, text)
}

fn binary<'s>(left: Term<&'s str>, op: BinaryOp<&'s str>, right: Term<&'s str>) -> Term<&'s str> {
    let after = |term, name| pipe(term, call(name));
    match op {
        BinaryOp::Pipe(pattern) => {
            Term::BinOp(boxed(left), BinaryOp::Pipe(pattern.map(metered_pattern)), tail(right))
        }
        BinaryOp::Comma => Term::BinOp(tail(left), op, tail(right)),
        BinaryOp::Alt => Term::BinOp(boxed(left), op, tail(right)),
        BinaryOp::Math(Math::Mul) => after(Term::Call(MULTIPLY, vec![counted(left), counted(right)]), METER),
        BinaryOp::Math(_) => after(Term::BinOp(boxed(left), op, boxed(right)), JOINED),
        BinaryOp::Or | BinaryOp::And | BinaryOp::Cmp(_) => {
            after(Term::BinOp(boxed(left), op, boxed(right)), METER)
        }
        // `l *= r` is `r as $factor! | l |= multiply!(.; $factor!)`.
        BinaryOp::UpdateMath(Math::Mul) => {
            let product = Term::Call(MULTIPLY, vec![Term::Id, Term::Var(FACTOR)]);
            let update = Term::BinOp(boxed(left), BinaryOp::Update, Box::new(product));
            let bind = BinaryOp::Pipe(Some(Pattern::Var(FACTOR)));
            after(Term::BinOp(boxed(right), bind, Box::new(update)), BUILT)
        }
        BinaryOp::UpdateMath(_) => {
            let update = Term::BinOp(boxed(left), op, boxed(right));
            after(after(update, JOINED), BUILT)
        }
        BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateAlt => {
            after(Term::BinOp(boxed(left), op, boxed(right)), BUILT)
        }
    }
}

fn metered_pattern(pattern: Pattern<&str>) -> Pattern<&str> {
    match pattern {
        Pattern::Var(name) => Pattern::Var(name),
        Pattern::Arr(items) => Pattern::Arr(items.into_iter().map(metered_pattern).collect()),
        Pattern::Obj(pairs) => {
            Pattern::Obj(pairs.into_iter().map(|(key, p)| (counted(key), metered_pattern(p))).collect())
        }
    }
}
