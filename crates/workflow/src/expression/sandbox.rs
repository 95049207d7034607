//! jq within bounds: every program is rewritten before it is compiled so that it counts its steps.
//!
//! jaq (3.1) has no limit on steps, memory or stack. Loops in jq are recursion, generators (`range`), and
//! cartesian products; memory grows by building, joining and indexing values. So each definition, each output
//! that flows on, and each value built passes a counting filter which also measures the stack. A bomb ends
//! in an error instead of taking the process with it; the bound is exact and the same on every machine,
//! except the stack measure, which is far above what sensible programs use.

use std::cell::Cell;
use std::sync::OnceLock;

use jaq_core::data::{DataT, HasLut};
use jaq_core::load::lex::Lexer;
use jaq_core::load::parse::{Def, Parser, Term};
use jaq_core::load::{Arena, File, Loader};
use jaq_core::native::{Fun, bome, v};
use jaq_core::{Ctx, Cv, Error, Exn, Lut, Native, Vars, unwrap_valr};
use jaq_json::{Num, Val};
use serde_json::Value;

use super::mentions::Used;
use super::metering::{BUILT, INDEX, JOINED, METER, MULTIPLY, metered, metered_def};
use super::value::{Budget, MAX_VALUE_DEPTH, enter, leave};
use super::{MAX_OUTPUTS, MAX_STEPS};

/// Stack one evaluation may use; threads have at least 2 MiB.
const MAX_STACK_BYTES: usize = 512 * 1024;
/// Longest text or list that may be built.
const MAX_LENGTH: usize = 4 * 1024 * 1024;
/// Largest index that may be written or read.
const MAX_INDEX: f64 = 1_000_000.0;
/// Largest whole number, in bits.
const MAX_INTEGER_BITS: u64 = 4096;
/// Deepest nesting of terms in one program.
const MAX_TERM_DEPTH: usize = 256;
/// Sources above this length are compiled on a thread with a stack of their own.
const INLINE_SOURCE_BYTES: usize = 256;

const MAIN: &str = "__main";

/// Filters whose answer depends on more than the input: replaced by ours or absent.
const ABSENT: [&str; 9] =
    ["now", "env", "halt", "input", "inputs", "localtime", "strflocaltime", "debug_empty", "stderr_empty"];
const OURS: &str = "def now: $__now; def localtime: gmtime; def strflocaltime($f): strftime($f); def env: {};
    def debug: .; def debug(msgs): .; def stderr: .;";

/// Which kinds of value and data the interpreter works on.
pub(super) struct Jq;

impl DataT for Jq {
    type V<'a> = Val;
    type Data<'a> = Meter<'a>;
}

/// What one evaluation has used.
#[derive(Clone)]
pub(super) struct Meter<'a> {
    lut: &'a Lut<Jq>,
    left: &'a Cell<u64>,
    over: &'a Cell<Option<&'static str>>,
    stack_base: usize,
}

impl<'a> HasLut<'a, Jq> for Meter<'a> {
    fn lut(&self) -> &'a Lut<Jq> {
        self.lut
    }
}

impl Meter<'_> {
    fn charge(&self, steps: u64) -> Result<(), Error<Val>> {
        let left = self.left.get();
        if left < steps {
            self.left.set(0);
            return Err(self.refuse("takes too many steps; simplify it, or work on less data"));
        }
        self.left.set(left - steps);
        if self.stack_base.abs_diff(stack_now()) > MAX_STACK_BYTES {
            return Err(self.refuse("recurses too deeply"));
        }
        Ok(())
    }

    /// Remembers the first bound that was passed, so that a `try` in the program cannot hide it.
    fn refuse(&self, why: &'static str) -> Error<Val> {
        if self.over.get().is_none() {
            self.over.set(Some(why));
        }
        Error::str(why)
    }
}

#[inline(never)]
fn stack_now() -> usize {
    let here = 0_u8;
    std::ptr::addr_of!(here) as usize
}

/// A compiled and metered program.
pub(super) struct Program {
    filter: jaq_core::Filter<Jq>,
    variables: Vec<String>,
    secrets: Vec<String>,
}

impl Program {
    pub(super) fn compile(source: &str, variables: &[&str]) -> Result<Self, String> {
        if source.len() <= INLINE_SOURCE_BYTES {
            return Self::compile_here(source, variables);
        }
        std::thread::scope(|scope| {
            let build = std::thread::Builder::new().stack_size(64 << 20);
            match build.spawn_scoped(scope, || Self::compile_here(source, variables)) {
                Ok(thread) => thread.join().unwrap_or_else(|_| Err("cannot be compiled".into())),
                Err(error) => Err(format!("cannot be compiled now: {error}")),
            }
        })
    }

    fn compile_here(source: &str, variables: &[&str]) -> Result<Self, String> {
        let term = parse(source)?;
        let mut used = Used::default();
        used.term(&term);
        if used.deepest > MAX_TERM_DEPTH {
            return Err(format!(
                "the expression nests deeper than {MAX_TERM_DEPTH}; split it over several tasks"
            ));
        }
        if used.nameless {
            return Err("`$secrets` must be followed by the name of a secret, as in `$secrets.name`".into());
        }
        let secrets = used.secrets.iter().map(|s| (*s).to_owned()).collect();
        let library = library();
        let mut wanted = vec![false; library.len()];
        used.close(library, &mut wanted);
        let known: Vec<&str> = variables.iter().copied().filter(|v| used.variables.contains(v)).collect();

        let chosen = library.iter().zip(&wanted).filter(|(_, w)| **w).map(|(def, _)| def.clone());
        let main = Def { name: MAIN, args: Vec::new(), body: metered(term) };
        let arena = Arena::default();
        let loader: Loader<&str, (), _> = Loader::new(chosen.chain([main]));
        let modules = loader
            .load(&arena, File { code: MAIN, path: () })
            .map_err(|_| "cannot be loaded; it imports modules, which are not available".to_owned())?;
        let filter = jaq_core::Compiler::default()
            .with_funs(natives())
            .with_global_vars(known.iter().copied())
            .compile(modules)
            .map_err(|errors| undefined(&errors))?;
        Ok(Self { filter, variables: known.into_iter().map(str::to_owned).collect(), secrets })
    }

    pub(super) fn variables(&self) -> &[String] {
        &self.variables
    }

    pub(super) fn secrets(&self) -> &[String] {
        &self.secrets
    }

    pub(super) fn run(&self, input: &Value, variable: &dyn Fn(&str) -> Value) -> Result<Value, String> {
        // A defect in the interpreter must fail one task, not the process that runs all of them.
        let evaluation = std::panic::AssertUnwindSafe(|| self.run_here(input, variable));
        std::panic::catch_unwind(evaluation)
            .unwrap_or_else(|_| Err("the jq interpreter failed on this expression".into()))
    }

    fn run_here(&self, input: &Value, variable: &dyn Fn(&str) -> Value) -> Result<Value, String> {
        let mut budget = Budget::new();
        let input = enter(input, &mut budget)?;
        let values = self
            .variables
            .iter()
            .map(|name| enter(&variable(name), &mut budget))
            .collect::<Result<Vec<_>, _>>()?;
        let left = Cell::new(MAX_STEPS);
        let over = Cell::new(None);
        let meter = Meter { lut: &self.filter.lut, left: &left, over: &over, stack_base: stack_now() };
        let context = Ctx::<Jq>::new(meter, Vars::new(values));
        let mut outputs = Vec::new();
        let mut budget = Budget::new();
        for output in self.filter.id.run((context, input)).map(unwrap_valr) {
            let output = output.map_err(|e| {
                over.get().map_or_else(|| e.to_string(), |why| format!("the expression {why}"))
            })?;
            if outputs.len() >= MAX_OUTPUTS {
                return Err(format!("the expression gives more than {MAX_OUTPUTS} results; collect fewer"));
            }
            outputs.push(leave(&output, 0, &mut budget)?);
        }
        if let Some(why) = over.get() {
            return Err(format!("the expression {why}"));
        }
        Ok(match outputs.len() {
            0 => Value::Null,
            1 => outputs.remove(0),
            _ => Value::Array(outputs),
        })
    }
}

fn parse(source: &str) -> Result<Term<&str>, String> {
    let place = |part: &str| {
        let at = jaq_core::load::span(source, part).start;
        let column = source.get(..at).map_or(at, |s| s.chars().count()) + 1;
        format!("at character {column} of the expression")
    };
    let tokens = Lexer::new(source).lex().map_err(|errors| match errors.first() {
        Some((expected, rest)) => format!("not jq: expected {} {}", expected.as_str(), place(rest)),
        None => "not jq".into(),
    })?;
    Parser::new(&tokens).parse(|p| p.term()).map_err(|errors| match errors.first() {
        Some((expected, Some(token))) => {
            format!(
                "not jq: expected {}, found `{}` {}",
                expected.as_str(),
                crate::yaml::clip(token.0),
                place(token.0)
            )
        }
        Some((expected, None)) => {
            format!("not jq: expected {} at the end of the expression", expected.as_str())
        }
        None => "not jq".into(),
    })
}

fn undefined(errors: &jaq_core::compile::Errors<&str, ()>) -> String {
    let first = errors.iter().flat_map(|(_, errors)| errors).next();
    first.map_or_else(
        || "cannot be compiled".into(),
        |(name, kind)| match kind {
            jaq_core::compile::Undefined::Filter(arity) => format!("there is no filter `{name}/{arity}`"),
            other => format!("there is no {} `{name}`", other.as_str()),
        },
    )
}

/// The metered library: jq's own definitions and ours, in order of definition.
fn library() -> &'static [Def<&'static str>] {
    static LIBRARY: OnceLock<Vec<Def<&'static str>>> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let ours = jaq_core::load::parse(OURS, |p| p.defs()).expect("our own definitions are jq");
        let absent = ["debug", "stderr", "halt", "halt_error"];
        let theirs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        theirs.filter(|d| !absent.contains(&d.name)).chain(ours).map(metered_def).collect()
    })
}

/// A filter that gives its input on, in every position (value, path, update), once `check` agreed.
macro_rules! pass_on {
    ($check:expr) => {
        Native::new(|cv| bome($check(cv.0.data(), &cv.1).map(|()| cv.1)))
            .with_paths(|cv| {
                let checked = $check(cv.0.data(), &cv.1.0);
                Box::new(std::iter::once(checked.map(|()| cv.1).map_err(Exn::from)))
            })
            .with_update(|cv, update| match $check(cv.0.data(), &cv.1) {
                Ok(()) => update(cv.1),
                Err(error) => bome(Err(error)),
            })
    };
}

fn natives() -> impl Iterator<Item = Fun<Jq>> {
    let theirs = jaq_core::funs::<Jq>().chain(jaq_std::funs::<Jq>()).chain(jaq_json::funs::<Jq>());
    let theirs = theirs.filter(|(name, ..)| !ABSENT.contains(name) && *name != "fromjson");
    let ours: [Fun<Jq>; 6] = [
        (METER, v(0), pass_on!(|meter: &Meter<'_>, _: &Val| meter.charge(1))),
        (BUILT, v(0), pass_on!(built)),
        (JOINED, v(0), pass_on!(joined)),
        (INDEX, v(0), pass_on!(index)),
        (MULTIPLY, v(2), Native::new(|cv| bome(multiply(cv)))),
        ("fromjson", v(0), Native::new(|cv| bome(from_json(&cv)))),
    ];
    theirs.chain(ours)
}

/// A list, mapping or updated value: counts everything inside, so that neither depth nor sharing can explode.
fn built(meter: &Meter<'_>, value: &Val) -> Result<(), Error<Val>> {
    fn walk(meter: &Meter<'_>, value: &Val, depth: usize) -> Result<(), Error<Val>> {
        if depth > MAX_VALUE_DEPTH {
            return Err(meter.refuse("builds a value that nests too deeply"));
        }
        match value {
            Val::Arr(items) => {
                meter.charge(1 + items.len() as u64)?;
                items.iter().try_for_each(|item| walk(meter, item, depth + 1))
            }
            Val::Obj(map) => {
                meter.charge(1 + map.len() as u64)?;
                map.values().try_for_each(|item| walk(meter, item, depth + 1))
            }
            _ => Ok(()),
        }
    }
    meter.charge(1)?;
    walk(meter, value, 0)
}

/// The result of an operator or of text with insertions: must not be too long.
fn joined(meter: &Meter<'_>, value: &Val) -> Result<(), Error<Val>> {
    let length = match value {
        Val::TStr(bytes) | Val::BStr(bytes) => bytes.len(),
        Val::Arr(items) => items.len(),
        Val::Obj(map) => map.len(),
        Val::Num(Num::BigInt(i)) if i.bits() > MAX_INTEGER_BITS => {
            return Err(meter.refuse("computes a number of more than a thousand digits"));
        }
        _ => 0,
    };
    if length > MAX_LENGTH {
        return Err(meter.refuse("builds a text or list that is too long"));
    }
    meter.charge(1 + (length / 64) as u64)
}

/// An index: lists grow to the index that is written.
fn index(meter: &Meter<'_>, value: &Val) -> Result<(), Error<Val>> {
    meter.charge(1)?;
    match value {
        Val::Num(n) if number(n).is_some_and(|n| n.abs() > MAX_INDEX) => {
            Err(meter.refuse("uses an index above a million"))
        }
        _ => Ok(()),
    }
}

fn number(n: &Num) -> Option<f64> {
    match n {
        Num::Int(i) => Some(*i as f64),
        Num::Float(f) => Some(*f),
        other => other.to_string().parse().ok(),
    }
}

fn multiply(mut cv: Cv<'_, Jq>) -> Result<Val, Error<Val>> {
    let right = cv.0.pop_var();
    let left = cv.0.pop_var();
    let meter = cv.0.data();
    let length = |text: &Val, factor: &Val| match (text, factor) {
        (Val::TStr(bytes) | Val::BStr(bytes), Val::Num(n)) => number(n).map(|n| n * bytes.len() as f64),
        _ => None,
    };
    let product = length(&left, &right).or_else(|| length(&right, &left));
    if product.is_some_and(|p| p > MAX_LENGTH as f64) {
        return Err(meter.refuse("builds a text or list that is too long"));
    }
    let value = (left * right)?;
    joined(meter, &value)?;
    Ok(value)
}

/// Text as JSON, where neither brackets nor digits pile up.
fn from_json(cv: &Cv<'_, Jq>) -> Result<Val, Error<Val>> {
    let meter = cv.0.data();
    let (Val::TStr(bytes) | Val::BStr(bytes)) = &cv.1 else {
        return Err(Error::str("fromjson works on text"));
    };
    if bytes.len() > MAX_LENGTH {
        return Err(meter.refuse("reads a text that is too long"));
    }
    meter.charge(1 + (bytes.len() / 16) as u64)?;
    let (mut depth, mut digits) = (0_usize, 0_usize);
    for byte in bytes.iter() {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_VALUE_DEPTH || digits > 1000 {
            return Err(meter.refuse("reads JSON that nests too deeply or has too long numbers"));
        }
    }
    jaq_json::read::parse_single(bytes).map_err(|e| Error::str(format!("not JSON: {e}")))
}
