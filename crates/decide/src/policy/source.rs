//! Policy files as written: YAML with the line of everything. No meaning is checked here.

use std::collections::BTreeMap;

use model::Verdict;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{PolicyError, Setting};

/// A place in a file.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub(super) file: String,
    pub(super) line: u64,
}

impl At {
    pub(super) fn error(&self, problem: String, advice: impl Into<String>) -> PolicyError {
        PolicyError { file: self.file.clone(), line: self.line, problem, advice: advice.into() }
    }
}

/// A guard or a rule as written; what is not written is taken from the layer below.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) at: At,
    pub(super) why: Option<String>,
    pub(super) when: Option<(String, At)>,
    pub(super) verdict: Option<Verdict>,
    pub(super) clears_after_s: Option<(String, At)>,
    pub(super) enabled: bool,
}

impl Entry {
    /// A new condition without a new `clears_after_s` loses the old one, which belonged to the old condition.
    pub(super) fn replace_with(&mut self, newer: &Self) {
        let kept = if newer.when.is_some() { None } else { self.clears_after_s.take() };
        *self = Self {
            name: newer.name.clone(),
            at: newer.at.clone(),
            why: newer.why.clone().or(self.why.take()),
            when: newer.when.clone().or(self.when.take()),
            verdict: newer.verdict.or(self.verdict),
            clears_after_s: newer.clears_after_s.clone().or(kept),
            enabled: newer.enabled,
        };
    }
}

/// One file.
pub(super) struct Layer {
    pub(super) file: String,
    pub(super) extends: Option<(String, At)>,
    pub(super) summary: String,
    pub(super) settings: BTreeMap<String, (Setting, At)>,
    pub(super) guards: Vec<Entry>,
    pub(super) rules: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSource {
    #[serde(default)]
    extends: Option<Spanned<String>>,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    settings: BTreeMap<String, Spanned<SettingSource>>,
    #[serde(default)]
    guards: Vec<EntrySource>,
    #[serde(default)]
    rules: Vec<EntrySource>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SettingSource {
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntrySource {
    name: Spanned<String>,
    why: Option<String>,
    when: Option<Spanned<String>>,
    verdict: Option<Verdict>,
    clears_after_s: Option<Spanned<String>>,
    enabled: Option<bool>,
}

/// Larger files are a mistake or an attack.
const MAX_BYTES: usize = 1_000_000;

pub(super) fn read(index: usize, file: &str, text: &str) -> Result<Layer, PolicyError> {
    let at = |line: u64| At { file: file.to_owned(), line: line.max(1) };
    if text.len() > MAX_BYTES {
        return Err(
            at(1).error("the file is larger than 1 MB".to_owned(), "Split it or remove what is not policy")
        );
    }
    let source: FileSource = serde_saphyr::from_str(text).map_err(|error| {
        let line = error.location().map_or(1, |l| l.line());
        let shown = error.without_snippet().to_string();
        at(line).error(shown, "A policy file has summary, settings, guards and rules; each guard and rule has name, why, when and verdict")
    })?;
    let spanned = |s: Spanned<String>| {
        let place = at(s.referenced.line());
        (s.value, place)
    };
    let entry = |e: EntrySource| Entry {
        at: at(e.name.referenced.line()),
        name: e.name.value,
        why: e.why,
        when: e.when.map(spanned),
        verdict: e.verdict,
        clears_after_s: e.clears_after_s.map(spanned),
        enabled: e.enabled.unwrap_or(true),
    };
    let settings = source.settings.into_iter().map(|(name, s)| {
        let place = at(s.referenced.line());
        let value = match s.value {
            SettingSource::Bool(b) => Setting::Bool(b),
            SettingSource::Number(x) => Setting::Number(x),
            SettingSource::Text(t) => Setting::Text(t),
            SettingSource::List(items) => Setting::List(items),
        };
        (name, (value, place))
    });
    let layer = Layer {
        file: file.to_owned(),
        extends: source.extends.map(spanned),
        summary: source.summary,
        settings: settings.collect(),
        guards: source.guards.into_iter().map(entry).collect(),
        rules: source.rules.into_iter().map(entry).collect(),
    };
    match (index, &layer.extends) {
        (0, Some((name, place))) => Err(place
            .error(format!("extends `{name}`, but no file comes before it"), "Give the extended file first")),
        _ => Ok(layer),
    }
}

/// The first file is whole; each further one says what it extends.
pub(super) fn check_chain(layers: &[Layer]) -> Result<(), PolicyError> {
    let Some(first) = layers.first() else {
        let at = At { file: "policies".to_owned(), line: 1 };
        return Err(at.error("there is no policy file".to_owned(), "Copy policies/default.yaml there"));
    };
    if first.rules.is_empty() {
        let at = At { file: first.file.clone(), line: 1 };
        return Err(at.error(
            "there are no rules".to_owned(),
            "Without rules everything escalates; copy those of policies/default.yaml",
        ));
    }
    for (i, layer) in layers.iter().enumerate().skip(1) {
        let before: Vec<&str> = layers[..i].iter().map(|l| stem(&l.file)).collect();
        match &layer.extends {
            Some((name, _)) if before.contains(&stem(name)) => {}
            Some((name, at)) => {
                return Err(at.error(
                    format!("extends `{name}`, which was not given before it"),
                    format!("Files before it are {}", before.join(", ")),
                ));
            }
            None => {
                let at = At { file: layer.file.clone(), line: 1 };
                let advice = format!("Write `extends: {}`, or give only one whole policy", stem(&first.file));
                return Err(at.error("does not say what it extends".to_owned(), advice));
            }
        }
    }
    Ok(())
}

/// `policies/default.yaml` and `default` are one name.
fn stem(file: &str) -> &str {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")).unwrap_or(name)
}
