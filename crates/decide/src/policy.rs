//! A policy: settings, guards and rules, read from one or more files and checked as a whole.
//!
//! Files are laid over each other in the order given: a later one replaces settings, guards and rules of
//! the same name and adds new ones. Everything is compiled and type-checked here, so that a decision can
//! only fail on what it is decided upon, never on the policy.

mod source;

use std::collections::BTreeMap;

use model::{Autonomy, Verdict};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::condition::{Condition, Interpreter, Known, Scene, SettingValues, Wanted};
use crate::confidence::HistoryPrior;
use crate::facts::{FactType, FactValue, Facts};

use source::{At, Entry, Layer};

/// A policy file that cannot be used: where, what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}. {advice}")]
pub struct PolicyError {
    /// The file, as named by the caller.
    pub file: String,
    /// Line in it, from 1.
    pub line: u64,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub advice: String,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Setting {
    /// On or off.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
}

/// A guard: when its condition holds, the decision is at least as careful as its verdict.
#[derive(Debug, Serialize)]
pub struct Guard {
    /// Its name, unique among guards.
    pub name: String,
    /// Why it exists, one line.
    pub why: String,
    /// Its condition, as written.
    pub condition: String,
    /// The verdict it asks for at least.
    pub verdict: Verdict,
    /// Whether it is looked at.
    pub enabled: bool,
    /// Seconds after which it would no longer hold, as an expression; none when time alone does not help.
    pub clears_after_s: Option<String>,
    /// The file it comes from.
    pub file: String,
    #[serde(skip)]
    pub(crate) compiled: Condition,
    #[serde(skip)]
    pub(crate) clears: Option<Condition>,
}

/// A rule of the table: the first whose condition holds decides.
#[derive(Debug, Serialize)]
pub struct Rule {
    /// Its name, unique among rules.
    pub name: String,
    /// Why it exists, one line.
    pub why: String,
    /// Its condition, as written.
    pub condition: String,
    /// What it decides.
    pub verdict: Verdict,
    /// Whether it is looked at.
    pub enabled: bool,
    /// The file it comes from.
    pub file: String,
    #[serde(skip)]
    pub(crate) compiled: Condition,
}

/// Settings that mean something outside conditions. Those a policy does not set have these defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tuning {
    /// What is believed of a runbook before it has run here: settings `history_prior` (0.8) and
    /// `history_prior_weight` (4 outcomes).
    pub history_prior: HistoryPrior,
    /// How many outcomes the identity is worth in each bin of the calibration: `calibration_prior_weight` (20).
    pub calibration_prior_weight: f64,
    /// Autonomy where no grant speaks: `default_autonomy` (`propose`).
    pub default_autonomy: Autonomy,
    /// Successes in a row that lift autonomy by one level: `promote_after` (5).
    pub promote_after: u32,
    /// How far back incidents count as flaps, seconds: `flap_window_s` (3600).
    pub flap_window_s: f64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            history_prior: HistoryPrior::default(),
            calibration_prior_weight: 20.0,
            default_autonomy: Autonomy::Propose,
            promote_after: 5,
            flap_window_s: 3_600.0,
        }
    }
}

/// A whole, checked policy.
#[derive(Debug)]
pub struct Policy {
    version: String,
    summary: String,
    settings: BTreeMap<String, Setting>,
    guards: Vec<Guard>,
    rules: Vec<Rule>,
    tuning: Tuning,
    interpreter: Interpreter,
    values: SettingValues,
}

impl Policy {
    /// Reads and checks policy files: name and text of each, in the order in which they are laid over
    /// each other. The first is whole by itself; each further one says `extends:` and the name of the first.
    ///
    /// # Errors
    /// The first flaw found: file, line, what is wrong and what to do.
    pub fn parse(files: &[(String, String)]) -> Result<Self, PolicyError> {
        let layers = files.iter().enumerate().map(|(i, (name, text))| source::read(i, name, text));
        let layers = layers.collect::<Result<Vec<_>, _>>()?;
        source::check_chain(&layers)?;
        let summary = layers.last().map(|l| l.summary.clone()).unwrap_or_default();
        let settings = lay_settings(&layers)?;
        let interpreter = Interpreter::new();
        let kinds: BTreeMap<String, FactType> =
            settings.iter().map(|(name, (value, _))| (name.clone(), kind(value))).collect();
        let values = SettingValues::new(settings.iter().map(|(n, (v, _))| (n.as_str(), value(v))));
        let maker = Maker { interpreter: &interpreter, kinds: &kinds, values: &values };
        let guards = lay(&layers, "guard", |l| &l.guards)?.into_iter().map(|e| maker.guard(e));
        let guards = guards.collect::<Result<Vec<_>, _>>()?;
        let rules = lay(&layers, "rule", |l| &l.rules)?.into_iter().map(|e| maker.rule(e));
        let rules = rules.collect::<Result<Vec<_>, _>>()?;
        let tuning = tuning(&settings)?;
        let settings = settings.into_iter().map(|(name, (value, _))| (name, value)).collect();
        Ok(Self { version: version(files), summary, settings, guards, rules, tuning, interpreter, values })
    }

    /// A digest of names and texts of the files: the same files, the same version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What the last file says of itself.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// Every setting after laying the files over each other.
    #[must_use]
    pub fn settings(&self) -> &BTreeMap<String, Setting> {
        &self.settings
    }

    /// Every guard, in order.
    #[must_use]
    pub fn guards(&self) -> &[Guard] {
        &self.guards
    }

    /// Every rule, in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Settings that mean something outside conditions.
    #[must_use]
    pub fn tuning(&self) -> Tuning {
        self.tuning
    }

    pub(crate) fn scene(&self, facts: &Facts) -> Scene<'_> {
        Scene::new(&self.interpreter, &self.values, facts.named(), &model::Labels::new())
    }
}

pub(crate) fn version(files: &[(String, String)]) -> String {
    let mut hash = Sha256::new();
    for (name, text) in files {
        for part in [name, text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect()
}

type Settings = BTreeMap<String, (Setting, At)>;

fn lay_settings(layers: &[Layer]) -> Result<Settings, PolicyError> {
    let mut settings = Settings::new();
    for (i, layer) in layers.iter().enumerate() {
        for (name, (value, at)) in &layer.settings {
            if i > 0 {
                let Some((known, _)) = settings.get(name) else {
                    let names = settings.keys().map(String::as_str);
                    let near = crate::suggest::nearest(name, names);
                    let advice = near.map_or_else(
                        || "Set it in the file that is extended first".to_owned(),
                        |n| format!("Did you mean `{n}`?"),
                    );
                    return Err(at.error(format!("the setting `{name}` is not known"), advice));
                };
                if kind(known) != kind(value) {
                    let was = describe(known);
                    return Err(at.error(
                        format!("the setting `{name}` is {}, but was {was}", describe(value)),
                        format!("Give {was}"),
                    ));
                }
            }
            settings.insert(name.clone(), (value.clone(), at.clone()));
        }
    }
    Ok(settings)
}

/// Lays guards or rules of the files over each other, by name.
fn lay<'a>(
    layers: &'a [Layer],
    what: &str,
    pick: impl Fn(&'a Layer) -> &'a Vec<Entry>,
) -> Result<Vec<Entry>, PolicyError> {
    let mut all: Vec<Entry> = Vec::new();
    for layer in layers {
        let mut seen: Vec<&str> = Vec::new();
        for entry in pick(layer) {
            if seen.contains(&entry.name.as_str()) {
                return Err(entry.at.error(
                    format!("the {what} `{}` is there twice", entry.name),
                    "Give each a name of its own",
                ));
            }
            seen.push(&entry.name);
            match all.iter_mut().find(|known| known.name == entry.name) {
                Some(known) => known.replace_with(entry),
                None => all.push(entry.clone()),
            }
        }
    }
    Ok(all)
}

struct Maker<'a> {
    interpreter: &'a Interpreter,
    kinds: &'a BTreeMap<String, FactType>,
    values: &'a SettingValues,
}

impl Maker<'_> {
    fn guard(&self, entry: Entry) -> Result<Guard, PolicyError> {
        let (why, verdict, compiled) = self.common(&entry, "guard")?;
        if verdict == Verdict::AutoResolve {
            return Err(entry.at.error(
                format!("the guard `{}` asks for auto_resolve, which is never more careful", entry.name),
                "Use schedule_maintenance or escalate_human, or make it a rule",
            ));
        }
        let clears = entry.clears_after_s.as_ref();
        let clears =
            clears.map(|(text, at)| self.compile(text, at, &entry.name, Wanted::Number)).transpose()?;
        Ok(Guard {
            why,
            condition: compiled.text().to_owned(),
            verdict,
            enabled: entry.enabled,
            clears_after_s: clears.as_ref().map(|c| c.text().to_owned()),
            file: entry.at.file.clone(),
            compiled,
            clears,
            name: entry.name,
        })
    }

    fn rule(&self, entry: Entry) -> Result<Rule, PolicyError> {
        let (why, verdict, compiled) = self.common(&entry, "rule")?;
        if let Some((_, at)) = &entry.clears_after_s {
            return Err(at.error("only guards clear".to_owned(), "Remove clears_after_s"));
        }
        Ok(Rule {
            why,
            condition: compiled.text().to_owned(),
            verdict,
            enabled: entry.enabled,
            file: entry.at.file.clone(),
            compiled,
            name: entry.name,
        })
    }

    fn common(&self, entry: &Entry, what: &str) -> Result<(String, Verdict, Condition), PolicyError> {
        let lacks = |field: &str, advice: &str| {
            entry.at.error(format!("the {what} `{}` has no `{field}`", entry.name), advice)
        };
        let why = entry.why.clone().ok_or_else(|| lacks("why", "Say in one line why it exists"))?;
        let verdict = entry.verdict.ok_or_else(|| {
            lacks("verdict", "Give one of auto_resolve, schedule_maintenance, escalate_human")
        })?;
        let (text, at) = entry
            .when
            .as_ref()
            .ok_or_else(|| lacks("when", "Give a condition such as `confidence >= 0.9`"))?;
        let compiled = self.compile(text, at, &entry.name, Wanted::Bool)?;
        Ok((why, verdict, compiled))
    }

    fn compile(&self, text: &str, at: &At, name: &str, wanted: Wanted) -> Result<Condition, PolicyError> {
        let known = Known { facts: Facts::SPECS, settings: Some(self.kinds), labels: false };
        let compiled = Condition::compile(self.interpreter, text, &known, wanted).map_err(|flaw| {
            at.error(format!("the condition of `{name}` {}", flaw.problem), capitalise(&flaw.advice))
        })?;
        // What the types let through, a trial run may still find.
        for facts in [Facts::sample(), Facts::default()] {
            let scene = Scene::new(self.interpreter, self.values, facts.named(), &model::Labels::new());
            let tried = match wanted {
                Wanted::Bool => compiled.holds(&scene).map(|_| ()),
                Wanted::Number => compiled.number(&scene).map(|_| ()),
            };
            tried.map_err(|problem| {
                at.error(
                    format!("the condition of `{name}` cannot be evaluated: {problem}"),
                    "Compare numbers with numbers and text with text; an index must exist",
                )
            })?;
        }
        Ok(compiled)
    }
}

fn tuning(settings: &Settings) -> Result<Tuning, PolicyError> {
    let default = Tuning::default();
    let number = |name: &str, otherwise: f64, low: f64, high: f64| match settings.get(name) {
        None => Ok(otherwise),
        Some((Setting::Number(x), _)) if (low..=high).contains(x) => Ok(*x),
        Some((_, at)) => Err(at.error(
            format!("the setting `{name}` must be a number from {low} to {high}"),
            format!("{otherwise} is the default"),
        )),
    };
    let default_autonomy = match settings.get("default_autonomy") {
        None => default.default_autonomy,
        Some((Setting::Text(text), at)) => {
            let parsed = serde_json::from_value(serde_json::Value::String(text.clone()));
            parsed.map_err(|_| {
                let problem = format!("the setting `default_autonomy` is `{text}`");
                at.error(problem, "Give one of observe, propose, approve, auto")
            })?
        }
        Some((_, at)) => {
            return Err(at.error(
                "the setting `default_autonomy` must be text".to_owned(),
                "Give one of observe, propose, approve, auto",
            ));
        }
    };
    Ok(Tuning {
        history_prior: HistoryPrior {
            success: number("history_prior", default.history_prior.success, 0.0, 1.0)?,
            weight: number("history_prior_weight", default.history_prior.weight, 0.0, 1e6)?,
        },
        calibration_prior_weight: number(
            "calibration_prior_weight",
            default.calibration_prior_weight,
            0.1,
            1e6,
        )?,
        default_autonomy,
        promote_after: number("promote_after", f64::from(default.promote_after), 1.0, 1e6)? as u32,
        flap_window_s: number("flap_window_s", default.flap_window_s, 1.0, 1e9)?,
    })
}

fn kind(setting: &Setting) -> FactType {
    match setting {
        Setting::Bool(_) => FactType::Bool,
        Setting::Number(_) => FactType::Number,
        Setting::Text(_) => FactType::Text(&[]),
        Setting::List(_) => FactType::List,
    }
}

fn describe(setting: &Setting) -> &'static str {
    match setting {
        Setting::Bool(_) => "true or false",
        Setting::Number(_) => "a number",
        Setting::Text(_) => "a text",
        Setting::List(_) => "a list of texts",
    }
}

fn value(setting: &Setting) -> FactValue {
    match setting {
        Setting::Bool(b) => FactValue::Bool(*b),
        Setting::Number(x) => FactValue::Number(*x),
        Setting::Text(t) => FactValue::Text(t.clone()),
        Setting::List(items) => FactValue::List(items.clone()),
    }
}

pub(crate) fn capitalise(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
