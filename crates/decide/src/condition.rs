//! CEL, wrapped: the only module that knows the interpreter. A condition is parsed and checked once and
//! evaluated often. Numbers are doubles throughout, so that `2` and `2.0` are the same thing to whoever
//! writes a policy.

mod check;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};
use cel::common::types::CelDouble;
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Env, Value};

use crate::facts::FactValue;

pub(crate) use check::{Known, Wanted};

/// What is wrong with a condition and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) problem: String,
    pub(crate) advice: String,
}

/// A checked expression.
#[derive(Debug)]
pub(crate) struct Condition {
    text: String,
    expression: IdedExpr,
    names: Vec<String>,
}

/// The interpreter's standard functions; made once for each policy.
#[derive(Clone)]
pub(crate) struct Interpreter(Arc<Env>);

impl std::fmt::Debug for Interpreter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Interpreter")
    }
}

impl Interpreter {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Env::stdlib()))
    }
}

/// No condition worth reading is longer; the parser recurses, so length bounds its depth too.
const MAX_CHARS: usize = 2_000;
const MAX_NESTING: usize = 40;

impl Condition {
    /// Parses and checks an expression.
    pub(crate) fn compile(
        interpreter: &Interpreter,
        text: &str,
        known: &Known<'_>,
        wanted: Wanted,
    ) -> Result<Self, Flaw> {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_CHARS || nesting(text) > MAX_NESTING {
            return Err(Flaw {
                problem:
                    "a condition must be there, be shorter than 2,000 characters and not nest deeper than 40"
                        .to_owned(),
                advice: "write a condition such as `confidence >= 0.9`, or split it into several rules"
                    .to_owned(),
            });
        }
        let mut expression = interpreter.0.parser().parse(text).map_err(|errors| Flaw {
            problem: format!("is not CEL: {}", first_error(&errors)),
            advice: "see https://cel.dev for the language; `==` compares, `&&` is and, `||` is or".to_owned(),
        })?;
        let names = check::check(&expression, known, wanted)?;
        numbers_as_doubles(&mut expression);
        Ok(Self { text: text.to_owned(), expression, names })
    }

    /// As written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn holds(&self, scene: &Scene<'_>) -> Result<bool, String> {
        match self.value(scene)? {
            Value::Bool(b) => Ok(b),
            other => Err(format!("gave {other:?} instead of true or false")),
        }
    }

    pub(crate) fn number(&self, scene: &Scene<'_>) -> Result<f64, String> {
        match self.value(scene)? {
            Value::Float(x) => Ok(x),
            Value::Int(x) => Ok(x as f64),
            other => Err(format!("gave {other:?} instead of a number")),
        }
    }

    fn value(&self, scene: &Scene<'_>) -> Result<Value, String> {
        let mut context = Context::with_env(Arc::clone(&scene.interpreter.0));
        context.set_variable_resolver(scene);
        Value::resolve(&self.expression, &context).map_err(|e| e.to_string())
    }

    /// The names it looks at with the values they have: `confidence = 0.81, settings.cooldown_s = 300`.
    pub(crate) fn seen(&self, scene: &Scene<'_>) -> String {
        let seen = self
            .names
            .iter()
            .filter_map(|n| scene.raw.get(n.as_str()).or_else(|| scene.settings.raw(n)).map(|v| (n, v)));
        seen.map(|(name, value)| format!("{name} = {}", show(value))).collect::<Vec<_>>().join(", ")
    }
}

/// Settings in the form the interpreter wants; made once for each policy.
#[derive(Debug, Default)]
pub(crate) struct SettingValues {
    raw: BTreeMap<String, FactValue>,
    values: BTreeMap<String, Box<dyn Val>>,
}

impl SettingValues {
    pub(crate) fn new<'a>(settings: impl Iterator<Item = (&'a str, FactValue)>) -> Self {
        let raw: BTreeMap<String, FactValue> = settings.map(|(n, v)| (format!("settings.{n}"), v)).collect();
        let values = raw.iter().map(|(name, value)| (name.clone(), to_val(value))).collect();
        Self { raw, values }
    }

    fn raw(&self, name: &str) -> Option<&FactValue> {
        self.raw.get(name)
    }
}

/// What conditions see during one decision.
pub(crate) struct Scene<'a> {
    interpreter: &'a Interpreter,
    settings: &'a SettingValues,
    raw: BTreeMap<Cow<'static, str>, FactValue>,
    values: BTreeMap<Cow<'static, str>, Box<dyn Val>>,
    /// What a label that is not there is.
    no_label: Box<dyn Val>,
}

/// What names of labels begin with.
const LABELS: &str = "labels.";

impl<'a> Scene<'a> {
    /// `labels` are what `labels.` names; empty where a condition may not ask for them.
    pub(crate) fn new(
        interpreter: &'a Interpreter,
        settings: &'a SettingValues,
        facts: impl Iterator<Item = (&'static str, FactValue)>,
        labels: &model::Labels,
    ) -> Self {
        let mut raw: BTreeMap<Cow<'static, str>, FactValue> =
            facts.map(|(name, value)| (name.into(), value)).collect();
        let named = |(name, value): (&String, &String)| {
            (format!("{LABELS}{name}").into(), FactValue::Text(value.clone()))
        };
        raw.extend(labels.iter().map(named));
        let values = raw.iter().map(|(name, value)| (name.clone(), to_val(value))).collect();
        Self { interpreter, settings, raw, values, no_label: to_val(&FactValue::Text(String::new())) }
    }
}

impl VariableResolver for Scene<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let known = self.values.get(variable).or_else(|| self.settings.values.get(variable));
        let value = known.or_else(|| variable.starts_with(LABELS).then_some(&self.no_label))?;
        Some(CowVal::Borrowed(value.as_ref()))
    }
}

fn to_val(value: &FactValue) -> Box<dyn Val> {
    let value: Value = match value {
        FactValue::Bool(b) => (*b).into(),
        FactValue::Number(x) => Value::Float(*x),
        FactValue::Text(t) => t.clone().into(),
        FactValue::List(items) => items.clone().into(),
    };
    value.try_into().expect("bool, double, string and list of strings are values of the interpreter")
}

fn show(value: &FactValue) -> String {
    match value {
        FactValue::Bool(b) => b.to_string(),
        FactValue::Number(x) if *x == crate::facts::NEVER_S => "never".to_owned(),
        FactValue::Number(x) if x.fract() == 0.0 => format!("{x:.0}"),
        FactValue::Number(x) => format!("{x:.3}"),
        FactValue::Text(t) => format!("'{t}'"),
        FactValue::List(items) => format!("[{}]", items.join(", ")),
    }
}

fn first_error(errors: &cel::ParseErrors) -> String {
    errors
        .errors
        .first()
        .map_or_else(|| "cannot be read".to_owned(), |e| format!("{} (column {})", e.msg, e.pos.1))
}

/// How deep brackets nest; those in text count too, which is harmless.
fn nesting(text: &str) -> usize {
    let mut depth: usize = 0;
    let mut deepest = 0;
    let mut signs = 0;
    for c in text.chars() {
        match c {
            '(' | '[' | '{' | '?' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            // `!!!!…` and `----…` recurse as well.
            '!' | '-' => signs += 1,
            _ => signs = 0,
        }
        deepest = deepest.max(depth + signs);
    }
    deepest
}

fn numbers_as_doubles(expression: &mut IdedExpr) {
    match &mut expression.expr {
        Expr::Literal(literal) => {
            if let LiteralValue::Int(i) = literal {
                *literal = LiteralValue::Double(CelDouble::from(*i.inner() as f64));
            }
        }
        Expr::Call(call) => {
            // An index stays a whole number.
            let keep = call.func_name == operators::INDEX;
            call.target.iter_mut().for_each(|t| numbers_as_doubles(t));
            call.args.iter_mut().skip(usize::from(keep)).filter(|_| !keep).for_each(numbers_as_doubles);
            if keep && let Some(first) = call.args.first_mut() {
                numbers_as_doubles(first);
            }
        }
        Expr::List(list) => list.elements.iter_mut().for_each(numbers_as_doubles),
        Expr::Select(select) => numbers_as_doubles(&mut select.operand),
        Expr::Comprehension(c) => {
            for part in [&mut c.iter_range, &mut c.loop_cond, &mut c.loop_step, &mut c.result] {
                numbers_as_doubles(part);
            }
        }
        Expr::Unspecified | Expr::Ident(_) | Expr::Map(_) | Expr::Struct(_) => {}
    }
}
