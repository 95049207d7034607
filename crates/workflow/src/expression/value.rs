//! Between JSON values of the engine and values of the jq interpreter, counting what passes.

use jaq_json::{Num, Val};
use serde_json::{Map, Number, Value};

use super::MAX_VALUES;

/// Deepest nesting that leaves or enters the interpreter.
pub(super) const MAX_VALUE_DEPTH: usize = 256;
/// Largest whole number that every JSON reader keeps exactly.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Counts values down; nothing passes once it is empty.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn new() -> Self {
        Self(MAX_VALUES)
    }

    fn take(&mut self) -> Result<(), String> {
        self.0 = self.0.checked_sub(1).ok_or_else(|| {
            format!("the data has more than {MAX_VALUES} values; narrow it with `input.from` or `output.as`")
        })?;
        Ok(())
    }
}

/// Into the interpreter.
pub(super) fn enter(value: &Value, budget: &mut Budget) -> Result<Val, String> {
    budget.take()?;
    Ok(match value {
        Value::Null => Val::Null,
        Value::Bool(b) => Val::Bool(*b),
        Value::Number(n) => Val::Num(match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => Num::from_integral(i),
            (None, Some(u)) => Num::from_integral(u),
            (None, None) => Num::Float(n.as_f64().unwrap_or(f64::NAN)),
        }),
        Value::String(s) => Val::from(s.clone()),
        Value::Array(items) => {
            Val::Arr(items.iter().map(|i| enter(i, budget)).collect::<Result<Vec<_>, _>>()?.into())
        }
        Value::Object(map) => Val::obj(
            map.iter()
                .map(|(k, v)| Ok((Val::from(k.clone()), enter(v, budget)?)))
                .collect::<Result<jaq_json::Map, String>>()?,
        ),
    })
}

/// Out of the interpreter. Whole floating-point numbers become integers, NaN becomes `null` (as jq prints it),
/// bytes that are not UTF-8 are replaced.
pub(super) fn leave(value: &Val, depth: usize, budget: &mut Budget) -> Result<Value, String> {
    budget.take()?;
    if depth > MAX_VALUE_DEPTH {
        return Err(format!("the result nests deeper than {MAX_VALUE_DEPTH}"));
    }
    Ok(match value {
        Val::Null => Value::Null,
        Val::Bool(b) => Value::Bool(*b),
        Val::Num(n) => number(n),
        Val::BStr(bytes) | Val::TStr(bytes) => Value::String(String::from_utf8_lossy(bytes).into_owned()),
        Val::Arr(items) => {
            Value::Array(items.iter().map(|i| leave(i, depth + 1, budget)).collect::<Result<_, _>>()?)
        }
        Val::Obj(map) => {
            let mut object = Map::new();
            for (key, item) in map.iter() {
                let key = match key {
                    Val::BStr(bytes) | Val::TStr(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    other => return Err(format!("keys must be text, not {other}")),
                };
                object.insert(key, leave(item, depth + 1, budget)?);
            }
            Value::Object(object)
        }
    })
}

fn number(n: &Num) -> Value {
    let text = n.to_string();
    if let Ok(i) = text.parse::<i64>() {
        return i.into();
    }
    if let Ok(u) = text.parse::<u64>() {
        return u.into();
    }
    let float = match n {
        Num::Float(f) => *f,
        _ => text.parse().unwrap_or(f64::NAN),
    };
    if float.fract() == 0.0 && float.abs() < MAX_EXACT {
        return (float as i64).into();
    }
    let finite = float.clamp(f64::MIN, f64::MAX);
    Number::from_f64(finite).map_or(Value::Null, Value::Number)
}
