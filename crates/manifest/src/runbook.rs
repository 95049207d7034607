//! A runbook: a Markdown page that carries a workflow, and when to use it.

use std::sync::Arc;

use decide::HistoryPrior;
use model::{BlastRadius, FailureClass};
use workflow::Definition;
use workflow::yaml::{self, Fields, Located, Node, at};

use crate::verify::{VERIFY, Verify};
use crate::{ManifestError, markdown};

/// Order of a runbook for a class when the page names none.
const DEFAULT_ORDER: u32 = 100;
/// How many outcomes a prior is worth when the page does not say.
const DEFAULT_WEIGHT: f64 = 4.0;

/// A runbook.
#[derive(Clone, Debug)]
pub struct Runbook {
    /// Its name: the file name without `.md`.
    pub name: String,
    /// Title for people.
    pub title: String,
    /// One line for people.
    pub summary: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Failure classes it fixes. None: it is never chosen for an incident, only people, schedules and other
    /// workflows start it.
    pub handles: Vec<Handles>,
    /// How likely it is believed to help before it has run here.
    pub prior: HistoryPrior,
    /// Why that is believed; empty when it handles nothing and the page does not say.
    pub prior_reason: String,
    /// How much it touches, when the page says so; else the widest of its actions.
    pub blast_radius: Option<BlastRadius>,
    /// Actions it calls, in order of appearance; `verify` is not one.
    pub actions: Vec<String>,
    /// Its workflow, ready to run.
    pub definition: Arc<Definition>,
    /// Its workflow as text.
    pub workflow: String,
    /// Line of the page on which the workflow begins.
    pub workflow_line: u32,
    /// The whole page.
    pub markdown: String,
}

/// One failure class a runbook fixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handles {
    /// The class.
    pub class: FailureClass,
    /// Lower comes first among the runbooks of a class.
    pub order: u32,
    /// Only once this runbook was tried and did not hold.
    pub after: Option<String>,
}

impl Runbook {
    /// Reads a runbook. `file` is its path; the name comes from it.
    ///
    /// # Errors
    /// The page or its workflow is wrong; file, line and column say where.
    pub fn parse(file: &str, text: &str) -> Result<Self, ManifestError> {
        let page = markdown::split(file, text)?;
        let front = yaml::read(file, page.front_matter, page.front_matter_line)?;
        let mut fields = Fields::open(file, "the front matter", &front)?;
        let title = fields.require_text("title")?.to_owned();
        let summary = fields.require_text("summary")?.to_owned();
        let owner = fields.text("owner")?.map(str::to_owned);
        let handles = fields.get("handles").map(|p| handles(file, p)).transpose()?.unwrap_or_default();
        let (prior, prior_reason) = match fields.get("prior") {
            None if handles.is_empty() => Default::default(),
            None => prior(file, fields.require("prior")?)?,
            Some(place) => prior(file, place)?,
        };
        let blast_radius =
            fields.get("blast_radius").map(|p| one_of(file, p, &RADII, "blast_radius")).transpose()?;
        fields.finish()?;

        let definition = Definition::parse_at(file, page.workflow, page.workflow_line)?;
        let verified = check_verifications(file, &page, &definition)?;
        if !verified && !handles.is_empty() {
            return Err(unverified(file, page.workflow_line));
        }
        let actions =
            definition.functions().into_iter().filter(|f| *f != VERIFY).map(str::to_owned).collect();
        let stem = file.rsplit(['/', '\\']).next().unwrap_or(file);
        Ok(Self {
            name: stem.strip_suffix(".md").unwrap_or(stem).to_owned(),
            title,
            summary,
            owner,
            handles,
            prior,
            prior_reason,
            blast_radius,
            actions,
            definition: Arc::new(definition),
            workflow: page.workflow.to_owned(),
            workflow_line: page.workflow_line,
            markdown: text.to_owned(),
        })
    }

    /// How it handles a class, if it does.
    #[must_use]
    pub fn handling(&self, class: FailureClass) -> Option<&Handles> {
        self.handles.iter().find(|h| h.class == class)
    }
}

const RADII: [(&str, BlastRadius); 3] =
    [("instance", BlastRadius::Instance), ("service", BlastRadius::Service), ("system", BlastRadius::System)];

fn one_of<T: Copy>(file: &str, place: &Located, known: &[(&str, T)], what: &str) -> Result<T, ManifestError> {
    let text = yaml::text(file, &format!("`{what}`"), place)?;
    if let Some((_, value)) = known.iter().find(|(name, _)| *name == text) {
        return Ok(*value);
    }
    let names: Vec<&str> = known.iter().map(|(n, _)| *n).collect();
    let hint = yaml::suggest(text, names.iter().copied())
        .map_or_else(|| format!("use one of {}", names.join(", ")), |s| format!("did you mean `{s}`?"));
    Err(at(file, place, format!("`{what}` cannot be `{}`; {hint}", yaml::clip(text))))
}

fn handles(file: &str, place: &Located) -> Result<Vec<Handles>, ManifestError> {
    let classes: Vec<(&str, FailureClass)> = FailureClass::ALL.iter().map(|c| (c.as_str(), *c)).collect();
    let mut handles: Vec<Handles> = Vec::new();
    for item in yaml::list(file, "`handles`", place)? {
        let entry = match &item.value {
            Node::Text(_) => {
                Handles { class: one_of(file, item, &classes, "class")?, order: DEFAULT_ORDER, after: None }
            }
            _ => {
                let mut fields = Fields::open(file, "an entry of `handles`", item)?;
                let class = one_of(file, fields.require("class")?, &classes, "class")?;
                let order = match fields.get("order") {
                    Some(place) => number(file, place, "`order`", 0.0..=1_000_000.0)? as u32,
                    None => DEFAULT_ORDER,
                };
                let after = fields.text("after")?.map(str::to_owned);
                fields.finish()?;
                Handles { class, order, after }
            }
        };
        if handles.iter().any(|h| h.class == entry.class) {
            return Err(at(
                file,
                item,
                format!("`{}` is handled twice here; keep one entry", entry.class.as_str()),
            ));
        }
        handles.push(entry);
    }
    if handles.is_empty() {
        let message = "`handles` names no failure class; name at least one, or leave `handles` out when the \
                       runbook is for people and schedules only";
        return Err(at(file, place, message));
    }
    Ok(handles)
}

fn number(
    file: &str,
    place: &Located,
    what: &str,
    range: std::ops::RangeInclusive<f64>,
) -> Result<f64, ManifestError> {
    let number = match &place.value {
        Node::Number(n) => n.as_f64().filter(|n| range.contains(n)),
        _ => None,
    };
    let message = || format!("{what} must be a number from {} to {}", range.start(), range.end());
    number.ok_or_else(|| at(file, place, message()))
}

fn prior(file: &str, place: &Located) -> Result<(HistoryPrior, String), ManifestError> {
    let mut fields = Fields::open(file, "`prior`", place)?;
    let success = number(file, fields.require("success")?, "`success`", 0.0..=1.0)?;
    let weight = match fields.get("weight") {
        Some(place) => number(file, place, "`weight`", 0.0..=1000.0)?,
        None => DEFAULT_WEIGHT,
    };
    let because = fields.require_text("because")?.to_owned();
    fields.finish()?;
    Ok((HistoryPrior { success, weight }, because))
}

/// Whether it verifies at all. A verification that cannot be read is refused.
fn check_verifications(
    file: &str,
    page: &markdown::Page<'_>,
    definition: &Definition,
) -> Result<bool, ManifestError> {
    let place = |path: &str| {
        // The document was read once already, so reading it again for the place cannot fail.
        let root = yaml::read(file, page.workflow, page.workflow_line).ok()?;
        locate(&root, path).map(|l| (l.line, l.column))
    };
    let mut verified = false;
    for (path, name, _, function) in definition.tasks() {
        if function != Some(VERIFY) {
            continue;
        }
        verified = true;
        let pointer = format!("{path}/with");
        let with = definition.to_json().pointer(&pointer).cloned().unwrap_or_default();
        if let Err(message) = Verify::check(&with) {
            let (line, column) = place(&pointer).or_else(|| place(path)).unwrap_or((page.workflow_line, 1));
            let message = format!("task `{name}`: {message}");
            return Err(ManifestError { file: file.to_owned(), line, column, message });
        }
    }
    Ok(verified)
}

/// A repair that cannot tell whether it helped is refused.
fn unverified(file: &str, workflow_line: u32) -> ManifestError {
    ManifestError {
        file: file.to_owned(),
        line: workflow_line,
        column: 1,
        message: "the workflow never calls `verify`, so nobody would know whether it helped; end it with a \
                  `call: verify` (see docs/guide/runbooks.md), or leave `handles` out when it repairs nothing"
            .to_owned(),
    }
}

/// The value at a JSON pointer.
fn locate<'a>(root: &'a Located, pointer: &str) -> Option<&'a Located> {
    pointer.split('/').skip(1).try_fold(root, |at, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        match &at.value {
            Node::Sequence(items) => items.get(step.parse::<usize>().ok()?),
            Node::Mapping(entries) => entries.iter().find(|e| e.key == step).map(|e| &e.value),
            _ => None,
        }
    })
}
