//! All runbooks together: which one comes first for a failure class, and which one next.

use std::collections::BTreeSet;

use model::FailureClass;

use crate::{ManifestError, Runbook};

/// The runbooks in force.
#[derive(Clone, Debug, Default)]
pub struct Runbooks {
    all: Vec<Runbook>,
    /// Names of those that are of the people here.
    own: BTreeSet<String>,
}

impl Runbooks {
    /// Reads runbooks from files: names and texts. Names that do not end in `.md` are left out.
    ///
    /// # Errors
    /// Every file that is wrong, each with its first error, and every reference that leads nowhere.
    pub fn load<N: AsRef<str>, T: AsRef<str>>(files: &[(N, T)]) -> Result<Self, Vec<ManifestError>> {
        let mut all: Vec<Runbook> = Vec::new();
        let mut errors = Vec::new();
        for (file, text) in
            files.iter().map(|(n, t)| (n.as_ref(), t.as_ref())).filter(|(n, _)| n.ends_with(".md"))
        {
            match Runbook::parse(file, text) {
                Ok(runbook) => match all.iter().find(|r| r.name == runbook.name) {
                    Some(_) => errors.push(whole_file(
                        file,
                        format!("there is already a runbook `{}`; rename one of the two files", runbook.name),
                    )),
                    None => all.push(runbook),
                },
                Err(error) => errors.push(error),
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        if errors.is_empty() {
            let runbooks = Self { all, own: BTreeSet::new() };
            errors = runbooks.broken_references();
            if errors.is_empty() {
                return Ok(runbooks);
            }
        }
        Err(errors)
    }

    /// Notes which are of the people here and not shipped, by name.
    #[must_use]
    pub fn with_own(mut self, names: BTreeSet<String>) -> Self {
        self.own = names;
        self
    }

    /// Whether a runbook is of the people here.
    #[must_use]
    pub fn is_own(&self, name: &str) -> bool {
        self.own.contains(name)
    }

    fn broken_references(&self) -> Vec<ManifestError> {
        let mut errors = Vec::new();
        for runbook in &self.all {
            for handles in &runbook.handles {
                let Some(after) = &handles.after else { continue };
                let class = handles.class;
                if self.get(after).is_none_or(|r| r.handling(class).is_none()) {
                    let able =
                        self.all.iter().filter(|r| r.handling(class).is_some() && r.name != runbook.name);
                    let hint = workflow::yaml::suggest(after, able.map(|r| r.name.as_str())).map_or_else(
                        || "name a runbook that does".to_owned(),
                        |s| format!("did you mean `{s}`?"),
                    );
                    let message =
                        format!("`after: {after}` names no runbook that handles {}; {hint}", class.as_str());
                    errors.push(whole_file(&runbook.name, message));
                } else if self.circles(runbook, class) {
                    let message =
                        format!("`after` goes in a circle for {}; one must come first", class.as_str());
                    errors.push(whole_file(&runbook.name, message));
                }
            }
        }
        errors
    }

    /// Whether following `after` never ends.
    fn circles(&self, start: &Runbook, class: FailureClass) -> bool {
        let mut at = start;
        for _ in 0..=self.all.len() {
            match at.handling(class).and_then(|h| h.after.as_deref()).and_then(|a| self.get(a)) {
                Some(next) => at = next,
                None => return false,
            }
        }
        true
    }

    /// The runbook of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Runbook> {
        self.all.iter().find(|r| r.name == name)
    }

    /// Every runbook, by name.
    pub fn iter(&self) -> std::slice::Iter<'_, Runbook> {
        self.all.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Runbooks for a class, the one to try first in front. `failed` are the ones that were tried for this
    /// incident and did not hold: they are left out, and those that come only after them are let in.
    #[must_use]
    pub fn for_class(&self, class: FailureClass, failed: &[&str]) -> Vec<&Runbook> {
        let mut candidates: Vec<(u32, &Runbook)> = self
            .all
            .iter()
            .filter(|r| !failed.contains(&r.name.as_str()))
            .filter_map(|r| r.handling(class).map(|h| (h, r)))
            .filter(|(h, _)| h.after.as_deref().is_none_or(|a| failed.contains(&a)))
            .map(|(h, r)| (h.order, r))
            .collect();
        candidates.sort_by_key(|(order, _)| *order);
        candidates.into_iter().map(|(_, r)| r).collect()
    }
}

impl<'a> IntoIterator for &'a Runbooks {
    type Item = &'a Runbook;
    type IntoIter = std::slice::Iter<'a, Runbook>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn whole_file(file: &str, message: String) -> ManifestError {
    ManifestError { file: file.to_owned(), line: 1, column: 1, message }
}
