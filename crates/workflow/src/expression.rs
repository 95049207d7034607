//! Runtime expressions: full jq (through jaq), compiled once, evaluated within hard bounds.
//!
//! jaq has no fuel and no limits of its own; `sandbox` rewrites each program so that every step is counted.
//! Time is an argument (`now` is the time of the event being worked); the environment, other inputs and
//! exits are absent, so the same input always gives the same output.

mod mentions;
mod metering;
mod sandbox;
pub(crate) mod template;
mod value;

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

pub use template::Template;

/// Most bytes one expression may have.
pub const MAX_EXPRESSION_BYTES: usize = 8 * 1024;
/// Deepest nesting of brackets in one expression.
pub const MAX_EXPRESSION_DEPTH: usize = 64;
/// Steps one evaluation may take: calls, iterations, pipe stages, and values built.
pub const MAX_STEPS: u64 = 500_000;
/// Most outputs one evaluation may give.
pub const MAX_OUTPUTS: usize = 10_000;
/// Most values (scalars, lists, mappings) in the input or output of one evaluation.
pub const MAX_VALUES: usize = 200_000;

/// A compiled jq program.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    program: Arc<sandbox::Program>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${{ {} }}", self.source)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.variables() == other.variables()
    }
}

impl Expression {
    /// Compiles jq. `variables` are the names it may use, with their `$`.
    ///
    /// # Errors
    /// It is too long or too deep, not jq, or uses a filter or variable that is not there.
    pub fn compile(source: &str, variables: &[&str]) -> Result<Self, String> {
        if source.len() > MAX_EXPRESSION_BYTES {
            return Err(format!(
                "the expression has {} bytes; at most {MAX_EXPRESSION_BYTES} are taken. Split it over several tasks",
                source.len()
            ));
        }
        let depth = source.bytes().scan(0_usize, |depth, byte| {
            match byte {
                b'(' | b'[' | b'{' => *depth += 1,
                b')' | b']' | b'}' => *depth = depth.saturating_sub(1),
                _ => {}
            }
            Some(*depth)
        });
        if depth.max().unwrap_or(0) > MAX_EXPRESSION_DEPTH {
            return Err(format!(
                "the expression nests brackets deeper than {MAX_EXPRESSION_DEPTH}; simplify it"
            ));
        }
        let program = sandbox::Program::compile(source, variables)?;
        Ok(Self { source: source.into(), program: Arc::new(program) })
    }

    /// The jq text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Names of the variables it uses, with their `$`.
    #[must_use]
    pub fn variables(&self) -> &[String] {
        self.program.variables()
    }

    /// Names of the secrets it uses.
    pub(crate) fn secrets(&self) -> &[String] {
        self.program.secrets()
    }

    /// Evaluates it on `input`. `variable` gives the value of a name such as `$context`; it is asked only for
    /// names the expression uses. No output is `null`, several are a list.
    ///
    /// # Errors
    /// The program failed, or went over a bound; the text says which.
    pub fn evaluate(&self, input: &Value, variable: &dyn Fn(&str) -> Value) -> Result<Value, String> {
        self.program.run(input, variable)
    }
}

/// Whether a value counts as true where jq asks for a condition: everything but `null` and `false`.
#[must_use]
pub fn truthy(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn eval(source: &str, input: Value) -> Result<Value, String> {
        let expression = Expression::compile(source, &["$context", "$__now"])?;
        expression.evaluate(&input, &|name| match name {
            "$context" => json!({"who": "me"}),
            "$__now" => json!(1_700_000_000.5),
            _ => Value::Null,
        })
    }

    #[test]
    fn jq_works_as_documented() {
        for (source, input, expect) in [
            (".a.b", json!({"a": {"b": 2}}), json!(2)),
            (".missing", json!({}), Value::Null),
            ("$context.who", json!(null), json!("me")),
            ("[.[] | select(. > 1)] | length", json!([1, 2, 3]), json!(2)),
            (".[]", json!([1, 2]), json!([1, 2])),
            ("empty", json!(1), Value::Null),
            ("{a, b: (.a + 1)}", json!({"a": 1}), json!({"a": 1, "b": 2})),
            ("\"hi \\(.name)\"", json!({"name": "Ann"}), json!("hi Ann")),
            (".a += 1 | .b *= 3", json!({"a": 1, "b": 2}), json!({"a": 2, "b": 6})),
            ("del(.a) | .b = [0] | .b[0] = 1", json!({"a": 1}), json!({"b": [1]})),
            ("to_entries | map(.key) | join(\",\")", json!({"x": 1, "y": 2}), json!("x,y")),
            ("[paths]", json!({"a": [1]}), json!([["a"], ["a", 0]])),
            ("walk(if type == \"number\" then . + 1 end)", json!([1, [2]]), json!([2, [3]])),
            ("now", json!(null), json!(1_700_000_000.5)),
            ("1700000000 | todate", json!(null), json!("2023-11-14T22:13:20Z")),
            ("[limit(3; repeat(1))]", json!(null), json!([1, 1, 1])),
            ("first(range(10; 0; -1))", json!(null), json!(10)),
            ("reduce range(1000) as $i (0; . + $i)", json!(null), json!(499_500)),
            ("0 | until(. >= 20000; . + 1)", json!(null), json!(20_000)),
            ("[range(3) as $a | range(2) | . * $a]", json!(null), json!([0, 0, 0, 1, 0, 2])),
            ("try error(\"x\") catch .", json!(null), json!("x")),
            ("label $out | 1, break $out, 2", json!(null), json!(1)),
            ("\"[1,2]\" | fromjson", json!(null), json!([1, 2])),
            ("def f(g): g * 2; f(.a)", json!({"a": 4}), json!(8)),
            ("\"ab\" * 2", json!(null), json!("abab")),
            ("[.[] as [$a, {b: $c}] | $a + $c]", json!([[1, {"b": 2}]]), json!([3])),
            ("6 / 2", json!(null), json!(3)),
            ("\"a-b\" | test(\"^a\")", json!(null), json!(true)),
            ("env", json!(null), json!({})),
            ("[splits(\", *\")]", json!("a, b,c"), json!(["a", "b", "c"])),
            ("group_by(.k) | map(length)", json!([{"k": 1}, {"k": 2}, {"k": 1}]), json!([2, 1])),
            ("getpath([\"a\",\"b\"])", json!({"a": {"b": 7}}), json!(7)),
            ("with_entries(.value += 1)", json!({"a": 1}), json!({"a": 2})),
            ("any(.[]; . > 2)", json!([1, 3]), json!(true)),
            (".a // \"none\"", json!({"a": null}), json!("none")),
            ("18446744073709551615", json!(null), json!(u64::MAX)),
        ] {
            assert_eq!(eval(source, input), Ok(expect), "{source}");
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        for (source, part) in [
            (".a[", "closing bracket"),
            ("1 +", "expected"),
            ("nosuch(1)", "`nosuch/1`"),
            ("$nosuch", "`$nosuch`"),
            ("input", "`input/0`"),
            ("halt", "`halt/0`"),
            ("$ENV", "`$ENV`"),
            ("", "expected"),
            ("{} + 1", "cannot"),
        ] {
            let error = eval(source, json!(null)).expect_err(source);
            assert!(error.contains(part), "{source}: {error}");
        }
    }

    /// Each of these would run forever, fill the memory or overflow the stack in plain jaq.
    #[test]
    fn bombs_end_with_an_error() {
        for source in [
            "def f: f; f",
            "def f: 1 + f; f",
            "def f: [f]; f",
            "def f: f, f; [f]",
            "[range(1e15)]",
            "last(range(1e15))",
            "reduce range(1e15) as $i (0; .)",
            "range(1e15) as $x | empty",
            "if range(1e15) then empty else empty end",
            "range(1e15) + empty",
            "range(1e15) and empty",
            "[repeat(1)]",
            "isempty(range(1e15) | empty)",
            "first(range(1e15) | select(. < 0))",
            "try range(1e15) catch 1 | empty",
            "\"x\" * 1e12",
            "reduce range(60) as $i (\"x\"; . + .)",
            "reduce range(60) as $i ([1]; . + .)",
            "reduce range(60) as $i ([1]; [., .])",
            "reduce range(60) as $i (10; . * .)",
            "reduce range(1e6) as $i (0; [.])",
            "reduce range(1e6) as $i ([]; .[0] = .)",
            "reduce range(1e6) as $i (null; {a: .})",
            ".[1e9] = 1",
            "[] | setpath([1e9]; 1)",
            "\"[\" * 100000 | fromjson",
            "\"9\" * 100000 | tonumber",
            "[[range(10)] | combinations(12)] | length",
            "(0,1) as $a | (0,1) as $b | [[(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)+(0,1)]]",
            "def f: try f catch f; f",
            "def f: .[0] |= f; [[]] | f",
            "[.[range(1e15)]?]",
            "path(range(1e15) | empty)",
            "\"\\(range(1e15))\\(empty)\"",
            "[recurse(. + 1)]",
            "{(range(1e15) | tostring): 1} | empty",
            "limit(1e15; range(1e15)) | empty",
            "while(true; .) | empty",
        ] {
            let started = std::time::Instant::now();
            let got = eval(source, json!(null));
            assert!(got.is_err(), "{source} gave {got:?}");
            assert!(started.elapsed().as_secs() < 20, "{source} took {:?}", started.elapsed());
        }
    }

    #[test]
    fn hostile_sources_are_refused_or_compiled_without_harm() {
        assert!(eval(&"(".repeat(100_000), json!(1)).unwrap_err().contains("bytes"));
        assert!(
            eval(&format!("{}1{}", "(".repeat(200), ")".repeat(200)), json!(1))
                .unwrap_err()
                .contains("brackets")
        );
        assert!(eval(&"x".repeat(1 << 20), json!(1)).unwrap_err().contains("bytes"));
        for unit in [
            "-",
            ".|",
            "try ",
            "1+",
            "if . then ",
            "def f: ",
            ". as $x|",
            "reduce ",
            ".a",
            "1,",
            "not|",
            "\"\\(",
            "..,",
        ] {
            let source = format!("{}1", unit.repeat(MAX_EXPRESSION_BYTES / unit.len() - 1));
            let _either = eval(&source, json!({}));
        }
    }

    #[test]
    fn large_inputs_are_refused() {
        let large = Value::Array(vec![Value::Null; MAX_VALUES + 1]);
        assert!(eval("length", large).unwrap_err().contains("values"));
    }
}
