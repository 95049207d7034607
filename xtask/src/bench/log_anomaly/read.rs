//! Labelled sessions from folders, in two layouts: raw lines as CSV (`timestamp`, `message`) beside a CSV of labels
//! (`seq_id`, `anomaly`); and sequences of event numbers, `NAME_train`, `NAME_test_normal`, `NAME_test_abnormal`, each line
//! `session,event event …`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use detect::sessions::{Session, identifiers};
use detect::templates::Miner;

use crate::bench::packed;

/// Forms that a miner keeps.
const FORMS: usize = 10_000;

/// A later session.
pub(super) struct Judged {
    pub(super) name: String,
    pub(super) session: Session,
    pub(super) is_bad: bool,
}

/// One labelled set.
pub(super) struct Set {
    pub(super) name: String,
    pub(super) earlier: Vec<Session>,
    pub(super) later: Vec<Judged>,
    /// Time of the last line of all; none when sessions are known to be over.
    pub(super) ends_ms: Option<i64>,
}

/// Every labelled set below a folder, in order.
///
/// # Errors
/// A file cannot be read.
pub(super) fn sets(data: &Path) -> Result<Vec<Set>, String> {
    let files = packed::files(data)?;
    let mut folders: BTreeMap<&Path, Vec<&PathBuf>> = BTreeMap::new();
    for file in &files {
        folders.entry(file.parent().unwrap_or(data)).or_default().push(file);
    }
    let mut sets = Vec::new();
    for files in folders.values() {
        sets.extend(lines(files)?);
        sets.extend(sequences(files)?);
    }
    Ok(sets)
}

fn sequences(files: &[&PathBuf]) -> Result<Vec<Set>, String> {
    let stem = |path: &Path| packed::name(path).trim_end_matches(".csv").trim_end_matches(".txt").to_owned();
    let mut sets = Vec::new();
    for train in files {
        let Some(name) = stem(train).strip_suffix("_train").map(str::to_owned) else { continue };
        let abnormal = format!("{name}_test_abnormal");
        let whole: Vec<_> = files.iter().filter(|f| stem(f) == abnormal).collect();
        let parts: Vec<_> = files.iter().filter(|f| stem(f).starts_with(&format!("{abnormal}_"))).collect();
        let normal: Vec<_> = files.iter().filter(|f| stem(f) == format!("{name}_test_normal")).collect();
        // The parts say again, by cause, what the whole holds.
        let bad = if whole.is_empty() { parts } else { whole };
        if bad.is_empty() {
            continue;
        }
        let mut later = Vec::new();
        for (files, is_bad) in [(normal, false), (bad, true)] {
            for file in files {
                later.extend(numbered(file)?.into_iter().map(|(name, session)| Judged {
                    name,
                    session,
                    is_bad,
                }));
            }
        }
        let earlier = numbered(train)?.into_iter().map(|(_, session)| session).collect();
        sets.push(Set { name, earlier, later, ends_ms: None });
    }
    Ok(sets)
}

fn numbered(path: &Path) -> Result<Vec<(String, Session)>, String> {
    let text = packed::text(path)?;
    let of = |(i, line): (usize, &str)| {
        let (name, events) = line.split_once(',').map_or((i.to_string(), line), |(n, e)| (n.to_owned(), e));
        let mut session = Session::default();
        events.split_whitespace().for_each(|event| session.note(event, 0));
        (name, session)
    };
    Ok(text.lines().filter(|l| !l.trim().is_empty()).enumerate().map(of).collect())
}

struct Line {
    at_ms: i64,
    message: String,
}

/// The lines of a folder, cut into sessions by what they name, half of them learned.
fn lines(files: &[&PathBuf]) -> Result<Option<Set>, String> {
    let (mut lines, mut labels) = (Vec::new(), BTreeMap::new());
    for file in files.iter().filter(|f| packed::name(f).ends_with(".csv")) {
        table(file, &mut lines, &mut labels)?;
    }
    if lines.is_empty() || labels.is_empty() {
        return Ok(None);
    }
    lines.sort_by_key(|line| line.at_ms);
    let mut miner = Miner::new("bench", FORMS);
    // Templates as they are at the end: stored lines keep their form.
    let mined: Vec<_> = lines.iter().map(|line| miner.mine(&line.message)).collect();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for found in lines.iter().flat_map(|line| identifiers(&line.message)) {
        *kinds.entry(found.kind).or_default() += 1;
    }
    let Some((kind, _)) = kinds.into_iter().max_by_key(|(_, n)| *n) else { return Ok(None) };
    let mut sessions: BTreeMap<&str, Session> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    for (line, mined) in lines.iter().zip(mined) {
        let id = miner.current(mined.form).map_or(mined.id, |now| now.id);
        for found in identifiers(&line.message).into_iter().filter(|found| found.kind == kind) {
            let session = sessions.entry(found.name).or_insert_with(|| {
                order.push(found.name);
                Session::default()
            });
            session.note(&id, line.at_ms);
        }
    }
    let ends_ms = lines.last().map(|line| line.at_ms);
    order.retain(|name| labels.contains_key(*name));
    let half = order.len() / 2;
    let earlier = order[..half].iter().filter_map(|name| sessions.remove(*name)).collect();
    let later = order[half..].iter().filter_map(|name| {
        let session = sessions.remove(*name)?;
        Some(Judged { name: (*name).to_owned(), session, is_bad: labels[*name] })
    });
    let later = later.collect();
    Ok(Some(Set { name: packed::folder(files[0]), earlier, later, ends_ms }))
}

/// Reads a CSV as lines or as labels, by its columns; another is passed over.
fn table(file: &Path, lines: &mut Vec<Line>, labels: &mut BTreeMap<String, bool>) -> Result<(), String> {
    let text = packed::text(file)?;
    let wrong = |e: csv::Error| format!("{}: {e}", file.display());
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(wrong)?.clone();
    let column =
        |names: &[&str]| headers.iter().position(|h| names.iter().any(|name| h.eq_ignore_ascii_case(name)));
    let session = column(&["seq_id", "BlockId", "session"]);
    let label = column(&["anomaly", "Label", "anomalous"]);
    let (at, message) =
        (column(&["timestamp", "m_timestamp", "time"]), column(&["message", "m_message", "Content"]));
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        let cell = |i: usize| record.get(i).unwrap_or_default();
        if let (Some(at), Some(message)) = (at, message) {
            if let Some(at_ms) = milliseconds(cell(at)) {
                lines.push(Line { at_ms, message: cell(message).to_owned() });
            }
        } else if let (Some(session), Some(label)) = (session, label) {
            let bad = ["1", "true", "anomaly", "abnormal"];
            let is_bad = bad.iter().any(|word| cell(label).eq_ignore_ascii_case(word));
            labels.insert(cell(session).to_owned(), is_bad);
        }
    }
    Ok(())
}

/// `2008-11-09T20:35:30`, with a blank or a fraction too, as milliseconds of our epoch.
fn milliseconds(text: &str) -> Option<i64> {
    let mut text = text.trim().trim_end_matches('Z').replacen(' ', "T", 1);
    text.push('Z');
    let at = model::Timestamp::parse(&text).ok()?;
    Some(at.as_unix_ms())
}
