//! Finds the parts of a Markdown page that machines read: front matter and one fenced workflow.
//!
//! Not a Markdown parser: headings, lists and text are for people and stay as they are.

use crate::ManifestError;

/// Info string of the fenced block that holds the workflow.
const FENCE: &str = "yaml workflow";

/// The parts of a page.
pub(crate) struct Page<'a> {
    pub(crate) front_matter: &'a str,
    pub(crate) front_matter_line: u32,
    pub(crate) workflow: &'a str,
    pub(crate) workflow_line: u32,
}

fn error(file: &str, line: usize, message: impl Into<String>) -> ManifestError {
    let line = u32::try_from(line).unwrap_or(u32::MAX);
    ManifestError { file: file.to_owned(), line, column: 1, message: message.into() }
}

/// Lines with the place where each begins and its number, from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, usize, &str)> {
    let mut start = 0;
    text.split_inclusive('\n').enumerate().map(move |(i, line)| {
        let at = start;
        start += line.len();
        (i + 1, at, line.trim_end_matches(['\n', '\r']))
    })
}

pub(crate) fn split<'a>(file: &str, text: &'a str) -> Result<Page<'a>, ManifestError> {
    if text.len() > workflow::yaml::MAX_DOCUMENT_BYTES {
        let message = format!(
            "the page has {} bytes; at most {} are read",
            text.len(),
            workflow::yaml::MAX_DOCUMENT_BYTES
        );
        return Err(error(file, 1, message));
    }
    let mut rest = lines(text);
    if rest.next().is_none_or(|(.., line)| line != "---") {
        return Err(error(
            file,
            1,
            "a runbook begins with front matter: a line `---`, YAML, and a line `---`",
        ));
    }
    let end = rest.find(|(.., line)| *line == "---");
    let Some((_, front_end, _)) = end else {
        return Err(error(file, 1, "the front matter is not closed; end it with a line `---`"));
    };
    let front_start = text.find('\n').map_or(text.len(), |i| i + 1);
    // A block opened by some fence ends at a fence of the same kind that is at least as long (CommonMark 4.5).
    let mut open: Option<(usize, usize, char, usize, bool)> = None;
    let mut found: Option<(usize, usize, usize)> = None;
    for (number, at, line) in rest {
        let mark = line.chars().next().filter(|c| *c == '`' || *c == '~');
        let length = mark.map_or(0, |m| line.chars().take_while(|c| *c == m).count());
        match open {
            None if length >= 3 => {
                let info = line[length..].trim();
                let words = info.split_whitespace().collect::<Vec<_>>().join(" ");
                let ours = words == FENCE;
                if ours && let Some((_, _, first)) = found {
                    let message =
                        format!("there is already a workflow on line {first}; a runbook has exactly one");
                    return Err(error(file, number, message));
                }
                let begin = (at + line.len() + 1).min(text.len());
                open = Some((number, begin, mark.unwrap_or('`'), length, ours));
            }
            Some((opened, begin, kind, minimum, ours))
                if mark == Some(kind) && length >= minimum && line[length..].trim().is_empty() =>
            {
                if ours {
                    found = Some((begin.min(at), at, opened));
                }
                open = None;
            }
            _ => {}
        }
    }
    if let Some((number, ..)) = open {
        return Err(error(file, number, "the block opened here is not closed; end it with a line ```"));
    }
    let Some((begin, end, opened)) = found else {
        let message =
            format!("a runbook carries its workflow in a block that begins with ```{FENCE}; there is none");
        return Err(error(file, 1, message));
    };
    Ok(Page {
        front_matter: &text[front_start..front_end],
        front_matter_line: 2,
        workflow: &text[begin..end],
        workflow_line: u32::try_from(opened + 1).unwrap_or(u32::MAX),
    })
}
