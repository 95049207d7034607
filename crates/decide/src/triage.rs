//! Triage: what happens to a finding before anything is decided. People's rules, as data with CEL conditions.
//!
//! Five kinds of rule: `mute` keeps findings from opening incidents, `inhibit` does so while something else fires,
//! `group` puts findings together that the learned grouping would not, `separate` keeps them apart that it would not,
//! `priority` says what comes first. A [`Matcher`] is one condition by itself: a silence of a person.
//!
//! Pure: no clock, no files. A condition that cannot be evaluated counts as not holding, so that a flaw never
//! silences anything.

mod facts;
mod source;

use std::collections::BTreeMap;

use model::{Finding, Impact, Labels, Priority, Severity, Tier, Timestamp, TriageKind};

use crate::condition::{Condition, Interpreter, Known, Scene, SettingValues, Wanted};
use crate::facts::FactSpec;
use crate::policy::{PolicyError, capitalise, version};
pub use facts::{FINDING_FACTS, INCIDENT_FACTS};

/// A finding with what its record does not say.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// Tier of its service.
    pub tier: Tier,
    /// Who owns its service; empty when nobody is known.
    pub owner: &'a str,
}

/// What a rule of priority looks at.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The service at fault, or the first with a finding.
    pub service: &'a str,
    /// Its tier.
    pub tier: Tier,
    /// Who owns it.
    pub owner: &'a str,
    /// How bad for the services.
    pub severity: Severity,
    /// How bad for the business.
    pub impact: Impact,
    /// Services with findings.
    pub affected_services: usize,
}

/// A rule with a condition on one finding.
#[derive(Debug)]
pub struct Rule {
    /// Its name, unique among all rules of the file.
    pub name: String,
    /// Why it exists, one line.
    pub why: String,
    when: Condition,
}

impl Rule {
    /// Its condition, as written.
    #[must_use]
    pub fn condition(&self) -> &str {
        self.when.text()
    }
}

/// Puts findings together, or keeps them apart.
#[derive(Debug)]
pub struct Grouping {
    /// Name, reason and condition.
    pub rule: Rule,
    /// Facts or labels whose values must be equal.
    by: Vec<String>,
    /// Milliseconds between a finding and the newest of an incident that it may join.
    pub within_ms: i64,
}

#[derive(Debug)]
struct Inhibition {
    target: Rule,
    source: Condition,
    equal: Vec<String>,
}

#[derive(Debug)]
struct Mute {
    rule: Rule,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

#[derive(Debug)]
struct Ranking {
    rule: Rule,
    priority: Priority,
}

/// The rules of one or more files, checked as a whole.
#[derive(Debug)]
pub struct Triage {
    version: String,
    mutes: Vec<Mute>,
    inhibitions: Vec<Inhibition>,
    groups: Vec<Grouping>,
    separate: Vec<Grouping>,
    rankings: Vec<Ranking>,
    terms: Terms,
}

impl Default for Triage {
    fn default() -> Self {
        Self {
            version: version(&[]),
            mutes: Vec::new(),
            inhibitions: Vec::new(),
            groups: Vec::new(),
            separate: Vec::new(),
            rankings: Vec::new(),
            terms: Terms::new(),
        }
    }
}

/// What conditions are read and evaluated with.
#[derive(Clone, Debug)]
struct Terms {
    interpreter: Interpreter,
    settings: std::sync::Arc<SettingValues>,
}

impl Terms {
    fn new() -> Self {
        Self { interpreter: Interpreter::new(), settings: std::sync::Arc::default() }
    }

    fn compile(&self, text: &str, facts: &[FactSpec], labels: bool) -> Result<Condition, (String, String)> {
        let known = Known { facts, settings: None, labels };
        Condition::compile(&self.interpreter, text, &known, Wanted::Bool)
            .map_err(|flaw| (flaw.problem, capitalise(&flaw.advice)))
    }

    fn scene(&self, subject: Subject<'_>, at: Timestamp) -> Scene<'_> {
        Scene::new(
            &self.interpreter,
            &self.settings,
            facts::of_finding(subject, at),
            facts::labels(subject.finding),
        )
    }
}

/// One condition on findings, by itself.
#[derive(Debug)]
pub struct Matcher {
    when: Condition,
    terms: Terms,
}

impl Matcher {
    /// Reads a condition.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub fn compile(text: &str) -> Result<Self, String> {
        let terms = Terms::new();
        let when = terms.compile(text, FINDING_FACTS, true);
        let when = when.map_err(|(problem, advice)| format!("the condition {problem}. {advice}"))?;
        Ok(Self { when, terms })
    }

    /// As written.
    #[must_use]
    pub fn text(&self) -> &str {
        self.when.text()
    }

    /// Whether it holds; false when it cannot be told.
    #[must_use]
    pub fn holds(&self, subject: Subject<'_>, at: Timestamp) -> bool {
        self.when.holds(&self.terms.scene(subject, at)).unwrap_or(false)
    }
}

/// What people's rules say of where a finding belongs.
#[derive(Debug)]
pub struct Placing<'a> {
    /// The first rule that puts it together with others.
    pub group: Option<&'a Grouping>,
    /// Every rule that keeps it apart from others.
    pub separate: Vec<&'a Grouping>,
}

impl Triage {
    /// Reads and checks files: name and text of each. Rules of later files come after those of earlier ones.
    ///
    /// # Errors
    /// The first flaw found: file, line, what is wrong and what to do.
    pub fn parse(files: &[(String, String)]) -> Result<Self, PolicyError> {
        let mut triage = Self { version: version(files), ..Self::default() };
        let mut names = BTreeMap::new();
        for (file, text) in files {
            source::read(file, text, &mut triage, &mut names)?;
        }
        Ok(triage)
    }

    /// A digest of names and texts of the files.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.mutes.len()
            + self.inhibitions.len()
            + self.groups.len()
            + self.separate.len()
            + self.rankings.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every rule, by kind and in the order in which they are asked.
    pub fn rules(&self) -> impl Iterator<Item = (TriageKind, &Rule)> {
        let mutes = self.mutes.iter().map(|m| (TriageKind::Mute, &m.rule));
        let inhibitions = self.inhibitions.iter().map(|i| (TriageKind::Inhibit, &i.target));
        let groups = self.groups.iter().map(|g| (TriageKind::Group, &g.rule));
        let separate = self.separate.iter().map(|g| (TriageKind::Separate, &g.rule));
        let rankings = self.rankings.iter().map(|r| (TriageKind::Priority, &r.rule));
        mutes.chain(inhibitions).chain(groups).chain(separate).chain(rankings)
    }

    /// The rule that mutes a finding now, if any does.
    #[must_use]
    pub fn muted(&self, subject: Subject<'_>, at: Timestamp) -> Option<&Rule> {
        if self.mutes.is_empty() {
            return None;
        }
        let scene = self.terms.scene(subject, at);
        let open = self
            .mutes
            .iter()
            .filter(|m| m.from.is_none_or(|from| from <= at) && m.until.is_none_or(|until| at < until));
        open.map(|m| &m.rule).find(|rule| rule.when.holds(&scene).unwrap_or(false))
    }

    /// The rule that silences a finding because one of those that fire is what it follows from, and that one.
    pub fn inhibited<'a>(
        &self,
        target: Subject<'_>,
        firing: impl Iterator<Item = Subject<'a>> + Clone,
        at: Timestamp,
    ) -> Option<(&Rule, &'a Finding)> {
        if self.inhibitions.is_empty() {
            return None;
        }
        let scene = self.terms.scene(target, at);
        let over = self.inhibitions.iter().filter(|i| i.target.when.holds(&scene).unwrap_or(false));
        for inhibition in over {
            let mine = facts::values(target, &inhibition.equal);
            let source = firing.clone().find(|source| {
                // What inhibits itself would never be heard.
                source.finding.id != target.finding.id
                    && facts::values(*source, &inhibition.equal) == mine
                    && inhibition.source.holds(&self.terms.scene(*source, at)).unwrap_or(false)
            });
            if let Some(source) = source {
                return Some((&inhibition.target, source.finding));
            }
        }
        None
    }

    /// What rules say of where a finding belongs.
    #[must_use]
    pub fn placing(&self, subject: Subject<'_>, at: Timestamp) -> Placing<'_> {
        if self.groups.is_empty() && self.separate.is_empty() {
            return Placing { group: None, separate: Vec::new() };
        }
        let scene = self.terms.scene(subject, at);
        let holds = |g: &&Grouping| g.rule.when.holds(&scene).unwrap_or(false);
        Placing {
            group: self.groups.iter().find(holds),
            separate: self.separate.iter().filter(holds).collect(),
        }
    }

    /// How urgent an incident is: the first rule that holds, else severity and impact together.
    #[must_use]
    pub fn priority(&self, about: About<'_>) -> Priority {
        let usual = Priority::of(about.severity, about.impact);
        if self.rankings.is_empty() {
            return usual;
        }
        let scene = Scene::new(
            &self.terms.interpreter,
            &self.terms.settings,
            facts::of_incident(about),
            &Labels::new(),
        );
        let first = self.rankings.iter().find(|r| r.rule.when.holds(&scene).unwrap_or(false));
        first.map_or(usual, |r| r.priority)
    }
}

impl Grouping {
    /// Whether another finding is one that this rule means too, with equal values: together they go together, or are
    /// kept apart.
    #[must_use]
    pub fn joins(&self, triage: &Triage, one: Subject<'_>, other: Subject<'_>, at: Timestamp) -> bool {
        self.rule.when.holds(&triage.terms.scene(other, at)).unwrap_or(false) && self.equal(one, other)
    }

    /// Whether the values named in `by` are equal.
    #[must_use]
    pub fn equal(&self, one: Subject<'_>, other: Subject<'_>) -> bool {
        facts::values(one, &self.by) == facts::values(other, &self.by)
    }
}
