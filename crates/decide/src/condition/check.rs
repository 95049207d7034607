//! The types of conditions: unknown names, impossible comparisons and misspelt words are refused when a
//! policy is read, not when an incident needs it. CEL itself would only find them when it gets there.

use std::collections::{BTreeMap, BTreeSet};

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators};

use super::Flaw;
use crate::facts::{FactSpec, FactType};
use crate::suggest::nearest;

/// What an expression must give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Bool,
    Number,
}

/// What a condition may name.
pub(crate) struct Known<'a> {
    /// The facts.
    pub(crate) facts: &'a [FactSpec],
    /// The settings, with their types; none: there are no settings.
    pub(crate) settings: Option<&'a BTreeMap<String, FactType>>,
    /// Whether `labels.` and any name may be asked for; what is not there is empty text.
    pub(crate) labels: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Type {
    Bool,
    Number,
    /// Text; when words are given, one of them.
    Text(&'static [&'static str]),
    /// Text that is written in the condition.
    Word(String),
    List(Box<Type>),
    /// Not known before it is evaluated.
    Any,
}

impl Type {
    fn name(&self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text(_) | Self::Word(_) => "text",
            Self::List(_) => "a list",
            Self::Any => "anything",
        }
    }

    fn fits(&self, other: &Self) -> bool {
        let any = matches!(self, Self::Any) || matches!(other, Self::Any);
        any || self.name() == other.name()
    }
}

/// Checks an expression; gives the names it looks at.
pub(crate) fn check(expression: &IdedExpr, known: &Known<'_>, wanted: Wanted) -> Result<Vec<String>, Flaw> {
    let mut checker = Checker { known, locals: BTreeMap::new(), names: BTreeSet::new() };
    let found = checker.check(expression)?;
    let right = match wanted {
        Wanted::Bool => matches!(found, Type::Bool | Type::Any),
        Wanted::Number => matches!(found, Type::Number | Type::Any),
    };
    if !right {
        let wanted = if wanted == Wanted::Bool { "true or false" } else { "a number" };
        return flaw(
            format!("gives {}, not {wanted}", found.name()),
            "compare it with something, for example `confidence >= 0.9`",
        );
    }
    Ok(checker.names.into_iter().collect())
}

fn flaw<T>(problem: String, advice: impl Into<String>) -> Result<T, Flaw> {
    Err(Flaw { problem, advice: advice.into() })
}

struct Checker<'a> {
    known: &'a Known<'a>,
    locals: BTreeMap<String, Type>,
    names: BTreeSet<String>,
}

impl Checker<'_> {
    fn check(&mut self, expression: &IdedExpr) -> Result<Type, Flaw> {
        match &expression.expr {
            Expr::Ident(name) => self.ident(name),
            Expr::Select(select) => self.select(select),
            Expr::Literal(literal) => Ok(literal_type(literal)),
            Expr::List(list) => {
                let mut item = Type::Any;
                for element in &list.elements {
                    let found = self.check(element)?;
                    if !found.fits(&item) {
                        return flaw("mixes types in one list".to_owned(), "keep one type in a list");
                    }
                    item = found;
                }
                Ok(Type::List(Box::new(item)))
            }
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(c) => self.comprehension(c),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => flaw(
                "uses maps or messages".to_owned(),
                "conditions know numbers, texts, lists and true or false",
            ),
        }
    }

    fn ident(&mut self, name: &str) -> Result<Type, Flaw> {
        if let Some(local) = self.locals.get(name) {
            return Ok(local.clone());
        }
        let name = name.strip_prefix('.').unwrap_or(name);
        if let Some(spec) = self.known.facts.iter().find(|s| s.name == name) {
            self.names.insert(name.to_owned());
            return Ok(of_fact(spec.kind));
        }
        if name == "settings" && self.known.settings.is_some() {
            return flaw(
                "names `settings` without a field".to_owned(),
                "write `settings.` and the setting's name",
            );
        }
        if name == "labels" && self.known.labels {
            return flaw("names `labels` without a name".to_owned(), "write `labels.` and the label's name");
        }
        let facts = self.known.facts.iter().map(|s| s.name);
        flaw(format!("names `{name}`, which is no fact"), did_you_mean(name, facts, "facts are"))
    }

    fn select(&mut self, select: &SelectExpr) -> Result<Type, Flaw> {
        let of = |wanted: &str| matches!(&select.operand.expr, Expr::Ident(name) if name == wanted);
        if self.known.labels && of("labels") {
            self.names.insert(format!("labels.{}", select.field));
            return Ok(if select.test { Type::Bool } else { Type::Text(&[]) });
        }
        let Some(settings) = self.known.settings.filter(|_| of("settings")) else {
            let operand = self.check(&select.operand)?;
            return flaw(
                format!("asks {} for a field `{}`", operand.name(), select.field),
                if self.known.labels { "only `labels` has fields" } else { "only `settings` has fields" },
            );
        };
        let Some(kind) = settings.get(&select.field) else {
            let settings = settings.keys().map(String::as_str);
            return flaw(
                format!("names `settings.{}`, which is not set", select.field),
                did_you_mean(&select.field, settings, "settings are"),
            );
        };
        self.names.insert(format!("settings.{}", select.field));
        Ok(if select.test { Type::Bool } else { of_fact(*kind) })
    }

    fn call(&mut self, call: &CallExpr) -> Result<Type, Flaw> {
        let target = call.target.as_ref().map(|t| self.check(t)).transpose()?;
        let args = call.args.iter().map(|a| self.check(a)).collect::<Result<Vec<_>, _>>()?;
        let name = call.func_name.as_str();
        match (name, target, args.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, None, args) => {
                all(args, &Type::Bool, "`&&` and `||` join conditions")?;
                Ok(Type::Bool)
            }
            (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, None, args) => {
                all(args, &Type::Bool, "`!` turns a condition round")?;
                Ok(Type::Bool)
            }
            (operators::CONDITIONAL, None, [condition, yes, no]) => {
                all(std::slice::from_ref(condition), &Type::Bool, "before `?` stands a condition")?;
                same(yes, no)?;
                Ok(yes.clone())
            }
            (operators::EQUALS | operators::NOT_EQUALS, None, [a, b]) => {
                same(a, b)?;
                Ok(Type::Bool)
            }
            (
                operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
                None,
                args,
            ) => {
                let advice =
                    "only numbers have an order here; for words write `severity in ['high', 'critical']`";
                all(args, &Type::Number, advice)?;
                Ok(Type::Bool)
            }
            (
                operators::ADD
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::NEGATE,
                None,
                args,
            ) => {
                all(args, &Type::Number, "only numbers can be reckoned with")?;
                Ok(Type::Number)
            }
            (operators::IN, None, [item, list]) => is_in(item, list),
            (operators::INDEX, None, [Type::List(item), Type::Number]) => Ok((**item).clone()),
            ("size", None, [one]) if is_sized(one) => Ok(Type::Number),
            ("size", Some(ref one), []) if is_sized(one) => Ok(Type::Number),
            ("contains" | "startsWith" | "endsWith", Some(ref text), [part])
                if text.fits(&Type::Text(&[])) && part.fits(&Type::Text(&[])) =>
            {
                Ok(Type::Bool)
            }
            _ => flaw(
                format!("uses `{}` in a way that conditions do not know", name.trim_matches(['_', '@'])),
                "conditions know == != < <= > >= && || ! ?: in + - * /, size(), contains(), startsWith(), \
                 endsWith(), exists() and all()",
            ),
        }
    }

    /// What `exists` and `all` become.
    fn comprehension(&mut self, c: &ComprehensionExpr) -> Result<Type, Flaw> {
        let item = match self.check(&c.iter_range)? {
            Type::List(item) => *item,
            Type::Any => Type::Any,
            other => {
                return flaw(format!("looks for items in {}", other.name()), "only lists have items");
            }
        };
        let outer = self.locals.clone();
        self.locals.insert(c.iter_var.clone(), item);
        let accumulator = self.check(&c.accu_init)?;
        self.locals.insert(c.accu_var.clone(), accumulator);
        let step = self.check(&c.loop_cond).and_then(|_| self.check(&c.loop_step));
        let result = step.and_then(|_| self.check(&c.result));
        self.locals = outer;
        result
    }
}

fn literal_type(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_) => Type::Number,
        LiteralValue::String(text) => Type::Word(text.inner().to_owned()),
        LiteralValue::Bytes(_) | LiteralValue::Null => Type::Any,
    }
}

fn of_fact(kind: FactType) -> Type {
    match kind {
        FactType::Bool => Type::Bool,
        FactType::Number => Type::Number,
        FactType::Text(words) => Type::Text(words),
        FactType::List => Type::List(Box::new(Type::Text(&[]))),
    }
}

fn is_sized(one: &Type) -> bool {
    matches!(one, Type::List(_) | Type::Text(_) | Type::Any)
}

fn all(args: &[Type], wanted: &Type, advice: &str) -> Result<(), Flaw> {
    match args.iter().find(|a| !a.fits(wanted)) {
        Some(wrong) => flaw(format!("has {} where {} is needed", wrong.name(), wanted.name()), advice),
        None => Ok(()),
    }
}

fn same(a: &Type, b: &Type) -> Result<(), Flaw> {
    if !a.fits(b) {
        return flaw(
            format!("compares {} with {}", a.name(), b.name()),
            "compare like with like; text is written in quotes",
        );
    }
    match (a, b) {
        (Type::Text(words), Type::Word(word)) | (Type::Word(word), Type::Text(words)) => is_word(word, words),
        _ => Ok(()),
    }
}

fn is_word(word: &str, words: &'static [&'static str]) -> Result<(), Flaw> {
    if words.is_empty() || words.contains(&word) {
        return Ok(());
    }
    flaw(
        format!("compares with '{word}', which never occurs"),
        did_you_mean(word, words.iter().copied(), "possible are"),
    )
}

fn is_in(item: &Type, list: &Type) -> Result<Type, Flaw> {
    match list {
        Type::List(inner) => same(item, inner)?,
        Type::Any => {}
        other => {
            return flaw(
                format!("looks for an item in {}", other.name()),
                "`in` wants a list, for example `impact in ['low', 'medium']`",
            );
        }
    }
    Ok(Type::Bool)
}

fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>, are: &str) -> String {
    let known: Vec<&str> = known.collect();
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{are} {}", known.join(", ")),
    }
}
