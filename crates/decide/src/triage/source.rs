//! Triage files as written: YAML with the line of everything.

use std::collections::BTreeMap;

use model::{Priority, Timestamp};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{FINDING_FACTS, Grouping, INCIDENT_FACTS, Inhibition, Mute, Ranking, Rule, Triage, facts};
use crate::condition::Condition;
use crate::facts::FactSpec;
use crate::policy::PolicyError;

/// Larger files are a mistake or an attack.
const MAX_BYTES: usize = 1_000_000;
const MAX_RULES: usize = 1_000;
/// How far apart in time findings may be that a rule puts together, in seconds, unless it says.
const WITHIN_S: u64 = 1_800;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSource {
    #[serde(default, rename = "summary")]
    _summary: String,
    #[serde(default)]
    mute: Vec<MuteSource>,
    #[serde(default)]
    inhibit: Vec<InhibitSource>,
    #[serde(default)]
    group: Vec<GroupSource>,
    #[serde(default)]
    separate: Vec<GroupSource>,
    #[serde(default)]
    priority: Vec<PrioritySource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MuteSource {
    name: Spanned<String>,
    why: String,
    when: Spanned<String>,
    from: Option<Spanned<String>>,
    until: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InhibitSource {
    name: Spanned<String>,
    why: String,
    source: Spanned<String>,
    target: Spanned<String>,
    #[serde(default)]
    equal: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupSource {
    name: Spanned<String>,
    why: String,
    when: Spanned<String>,
    #[serde(default)]
    by: Vec<Spanned<String>>,
    within_s: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrioritySource {
    name: Spanned<String>,
    why: String,
    when: Spanned<String>,
    is: Priority,
}

/// Reads one file and adds its rules. `names` are those of all files so far.
pub(super) fn read(
    file: &str,
    text: &str,
    triage: &mut Triage,
    names: &mut BTreeMap<String, u64>,
) -> Result<(), PolicyError> {
    let reader = Reader { file };
    if text.len() > MAX_BYTES {
        return reader.fail(1, "the file is larger than 1 MB", "Split it, or remove what is no rule");
    }
    let source: FileSource = serde_saphyr::from_str(text).map_err(|error| PolicyError {
        file: file.to_owned(),
        line: error.location().map_or(1, |l| l.line()).max(1),
        problem: error.without_snippet().to_string(),
        advice: "A triage file has the lists mute, inhibit, group, separate and priority; each rule has name, why \
                 and its conditions"
            .to_owned(),
    })?;
    for mute in source.mute {
        let (from, until) = (reader.time(mute.from.as_ref())?, reader.time(mute.until.as_ref())?);
        let rule = reader.rule(mute.name, mute.why, &mute.when, FINDING_FACTS, triage, names)?;
        triage.mutes.push(Mute { rule, from, until });
    }
    for inhibit in source.inhibit {
        let source = reader.condition(&inhibit.source, &inhibit.name.value, FINDING_FACTS, triage)?;
        let equal = reader.comparable(inhibit.equal)?;
        let target = reader.rule(inhibit.name, inhibit.why, &inhibit.target, FINDING_FACTS, triage, names)?;
        triage.inhibitions.push(Inhibition { target, source, equal });
    }
    for group in source.group {
        let grouping = reader.grouping(group, triage, names)?;
        triage.groups.push(grouping);
    }
    for group in source.separate {
        let grouping = reader.grouping(group, triage, names)?;
        triage.separate.push(grouping);
    }
    for ranking in source.priority {
        let rule = reader.rule(ranking.name, ranking.why, &ranking.when, INCIDENT_FACTS, triage, names)?;
        triage.rankings.push(Ranking { rule, priority: ranking.is });
    }
    if triage.len() > MAX_RULES {
        return reader.fail(
            1,
            "there are more than 1,000 rules",
            "Join rules that differ in one word with `in [...]`",
        );
    }
    Ok(())
}

struct Reader<'a> {
    file: &'a str,
}

impl Reader<'_> {
    fn fail<T>(
        &self,
        line: u64,
        problem: impl Into<String>,
        advice: impl Into<String>,
    ) -> Result<T, PolicyError> {
        Err(PolicyError {
            file: self.file.to_owned(),
            line: line.max(1),
            problem: problem.into(),
            advice: advice.into(),
        })
    }

    fn rule(
        &self,
        name: Spanned<String>,
        why: String,
        when: &Spanned<String>,
        facts: &[FactSpec],
        triage: &Triage,
        names: &mut BTreeMap<String, u64>,
    ) -> Result<Rule, PolicyError> {
        let line = name.referenced.line();
        if let Some(first) = names.insert(name.value.clone(), line) {
            let problem = format!("the rule `{}` is there twice, first at line {first}", name.value);
            return self.fail(line, problem, "Give each a name of its own");
        }
        let when = self.condition(when, &name.value, facts, triage)?;
        Ok(Rule { name: name.value, why, when })
    }

    fn condition(
        &self,
        text: &Spanned<String>,
        name: &str,
        facts: &[FactSpec],
        triage: &Triage,
    ) -> Result<Condition, PolicyError> {
        let labels = std::ptr::eq(facts, FINDING_FACTS);
        triage.terms.compile(&text.value, facts, labels).or_else(|(problem, advice)| {
            self.fail(text.referenced.line(), format!("the condition of `{name}` {problem}"), advice)
        })
    }

    fn grouping(
        &self,
        group: GroupSource,
        triage: &Triage,
        names: &mut BTreeMap<String, u64>,
    ) -> Result<Grouping, PolicyError> {
        let by = self.comparable(group.by)?;
        let within_ms =
            i64::try_from(group.within_s.unwrap_or(WITHIN_S).min(86_400) * 1_000).unwrap_or(i64::MAX);
        let rule = self.rule(group.name, group.why, &group.when, FINDING_FACTS, triage, names)?;
        Ok(Grouping { rule, by, within_ms })
    }

    fn comparable(&self, names: Vec<Spanned<String>>) -> Result<Vec<String>, PolicyError> {
        let mut checked = Vec::with_capacity(names.len());
        for name in names {
            if !facts::is_comparable(&name.value) {
                return self.fail(
                    name.referenced.line(),
                    format!("`{}` cannot be compared", name.value),
                    "Give service, tier, owner, instance, kind, subject, source, or `labels.` and a name",
                );
            }
            checked.push(name.value);
        }
        Ok(checked)
    }

    fn time(&self, text: Option<&Spanned<String>>) -> Result<Option<Timestamp>, PolicyError> {
        let Some(text) = text else { return Ok(None) };
        Timestamp::parse(&text.value).map(Some).or_else(|_| {
            self.fail(
                text.referenced.line(),
                format!("`{}` is no time", text.value),
                "Write RFC 3339 in quotes: \"2026-12-24T00:00:00Z\"",
            )
        })
    }
}
