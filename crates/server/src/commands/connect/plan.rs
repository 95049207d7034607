//! What is to be done to a folder so that it holds a package: a function of what is there, what was written last, and
//! what is to be. Nothing is done here.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest::Manifest;

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Files that are not there yet.
    pub(super) create: Vec<String>,
    /// Files that say something else now.
    pub(super) update: Vec<String>,
    /// Generated files that are no more.
    pub(super) delete: Vec<String>,
    /// Files that are as they should be.
    pub(super) same: Vec<String>,
    /// Generated files that were edited, or are someone else's, and would be overwritten or deleted.
    pub(super) conflicts: Vec<Conflict>,
}

/// A file that is not as we left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conflict {
    pub(super) path: String,
    pub(super) why: Why,
}

/// Why it is not ours to overwrite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// We wrote it, and it was edited since.
    Edited,
    /// The same, and it is no longer generated.
    EditedAndOver,
    /// It was there before.
    Foreign,
}

impl Why {
    /// For people.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Edited => "edited since it was generated",
            Self::EditedAndOver => "edited since it was generated, and no longer part of the package",
            Self::Foreign => "was not written by homeostat",
        }
    }
}

/// What to do about conflicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conflicts {
    /// Nothing is done while there are any.
    Refuse,
    /// They are overwritten.
    Overwrite,
    /// They stay as they are.
    Keep,
}

/// Hashes of files by their path.
pub(super) type Hashes = BTreeMap<String, String>;

/// Plans. `there` has what is in the folder of the paths in `old` and `new`.
pub(super) fn plan(old: &Manifest, new: &Hashes, there: &Hashes, conflicts: Conflicts) -> Plan {
    let mut plan = Plan::default();
    let disputed = |plan: &mut Plan, path: &String, why| match (conflicts, why) {
        (Conflicts::Overwrite, Why::EditedAndOver) => plan.delete.push(path.clone()),
        (Conflicts::Overwrite, _) => plan.update.push(path.clone()),
        (Conflicts::Refuse | Conflicts::Keep, _) => {
            plan.conflicts.push(Conflict { path: path.clone(), why });
        }
    };
    for (path, wanted) in new {
        match there.get(path) {
            None => plan.create.push(path.clone()),
            Some(now) if now == wanted => plan.same.push(path.clone()),
            Some(now) if old.wrote(path, now) => plan.update.push(path.clone()),
            Some(_) if old.files.contains_key(path) => disputed(&mut plan, path, Why::Edited),
            Some(_) => disputed(&mut plan, path, Why::Foreign),
        }
    }
    let known: BTreeSet<&String> = old.files.keys().chain(old.pending.keys()).collect();
    for path in known.into_iter().filter(|path| !new.contains_key(*path)) {
        match there.get(path) {
            None => {}
            Some(now) if old.wrote(path, now) => plan.delete.push(path.clone()),
            Some(_) => disputed(&mut plan, path, Why::EditedAndOver),
        }
    }
    plan
}

/// The files that are ours once the plan is carried out, with what they are then; and before that, what is there now
/// and what is about to be.
pub(super) fn manifests(
    old: &Manifest,
    new: &Hashes,
    there: &Hashes,
    plan: &Plan,
) -> (Hashes, Hashes, Hashes) {
    let kept: BTreeSet<&String> = plan.conflicts.iter().map(|conflict| &conflict.path).collect();
    let mut after = Hashes::new();
    for (path, hash) in new {
        if !kept.contains(path) {
            after.insert(path.clone(), hash.clone());
        } else if let Some(last) = old.files.get(path) {
            // Still an edited one the next time.
            after.insert(path.clone(), last.clone());
        }
    }
    let now = there.iter().filter(|(path, hash)| old.wrote(path, hash)).map(own).collect::<Hashes>();
    let before = old.files.iter().map(own).chain(now).collect();
    let writes = plan.create.iter().chain(&plan.update);
    let pending = writes.filter_map(|path| Some((path.clone(), new.get(path)?.clone()))).collect();
    (before, pending, after)
}

fn own((path, hash): (&String, &String)) -> (String, String) {
    (path.clone(), hash.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(pairs: &[(&str, &str)]) -> Hashes {
        pairs.iter().map(|(path, hash)| ((*path).to_owned(), (*hash).to_owned())).collect()
    }

    fn manifest(files: &[(&str, &str)], pending: &[(&str, &str)]) -> Manifest {
        Manifest { files: hashes(files), pending: hashes(pending), ..Manifest::default() }
    }

    #[test]
    fn what_we_wrote_is_ours_and_nothing_else() {
        let old = manifest(
            &[("same", "1"), ("newer", "1"), ("edited", "1"), ("over", "1"), ("gone", "1"), ("late", "1")],
            &[],
        );
        let new = hashes(&[
            ("same", "1"),
            ("newer", "2"),
            ("edited", "2"),
            ("first", "1"),
            ("theirs", "1"),
            ("alike", "1"),
        ]);
        let there = hashes(&[
            ("same", "1"),
            ("newer", "1"),
            ("edited", "x"),
            ("over", "1"),
            ("late", "x"),
            ("theirs", "x"),
            ("alike", "1"),
        ]);
        let made = plan(&old, &new, &there, Conflicts::Refuse);
        assert_eq!(made.create, ["first"]);
        assert_eq!(made.update, ["newer"]);
        assert_eq!(made.delete, ["over"]);
        assert_eq!(made.same, ["alike", "same"]);
        let why: Vec<_> = made.conflicts.iter().map(|c| (c.path.as_str(), c.why)).collect();
        assert_eq!(why, [("edited", Why::Edited), ("theirs", Why::Foreign), ("late", Why::EditedAndOver)]);
        let forced = plan(&old, &new, &there, Conflicts::Overwrite);
        assert_eq!(
            (forced.update, forced.delete),
            (vec!["edited".into(), "newer".into(), "theirs".into()], vec!["late".into(), "over".into()])
        );
    }

    #[test]
    fn a_kept_file_is_still_an_edited_one_the_next_time() {
        let old = manifest(&[("a", "1")], &[]);
        let (new, there) = (hashes(&[("a", "2")]), hashes(&[("a", "x")]));
        let kept = plan(&old, &new, &there, Conflicts::Keep);
        let (_, pending, after) = manifests(&old, &new, &there, &kept);
        assert_eq!((pending, after), (Hashes::new(), hashes(&[("a", "1")])));
        // One that was never ours stays so.
        let nothing = manifest(&[], &[]);
        let kept = plan(&nothing, &new, &there, Conflicts::Keep);
        assert_eq!(manifests(&nothing, &new, &there, &kept).2, Hashes::new());
    }

    /// Writing may end after any file, and a later document may come then: no file of ours is ever taken for an edited one.
    #[test]
    fn whatever_was_written_before_a_kill_is_known_afterwards() {
        let versions = [
            hashes(&[("a", "1"), ("b", "1"), ("c", "1")]),
            hashes(&[("a", "2"), ("b", "2"), ("d", "2")]),
            hashes(&[("a", "3"), ("c", "3"), ("d", "3")]),
        ];
        for ends in 0..64 {
            let (mut old, mut there) = (Manifest::default(), Hashes::new());
            for (at, new) in versions.iter().enumerate() {
                let made = plan(&old, new, &there, Conflicts::Refuse);
                assert_eq!(made.conflicts, [], "killed after {ends:b} steps");
                let (before, pending, after) = manifests(&old, new, &there, &made);
                old = Manifest { files: before, pending, ..Manifest::default() };
                // How many steps are done before the kill; all of them is no kill.
                let steps = made.create.len() + made.update.len() + made.delete.len();
                let done = if at == 2 { steps } else { (ends >> (3 * at) & 7).min(steps) };
                let writes = made.create.iter().chain(&made.update).map(|path| (path, true));
                for (path, write) in writes.chain(made.delete.iter().map(|path| (path, false))).take(done) {
                    if write {
                        there.insert(path.clone(), new[path].clone())
                    } else {
                        there.remove(path)
                    };
                }
                if done == steps {
                    old = Manifest { files: after, ..Manifest::default() };
                }
            }
            assert_eq!(there, versions[2], "the last run completes what others began ({ends:b})");
        }
    }
}
