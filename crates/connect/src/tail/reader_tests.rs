//! What happens to log files.

use std::fs::{self, OpenOptions};
use std::io::Write;

use super::*;

struct Log {
    folder: tempfile::TempDir,
    reader: Reader,
}

impl Log {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let reader = Reader::new(folder.path().join("app.log"));
        Self { folder, reader }
    }

    fn append(&self, text: &str) {
        let path = self.folder.path().join("app.log");
        OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, to: &str) {
        fs::rename(self.folder.path().join("app.log"), self.folder.path().join(to)).unwrap();
    }

    /// Reads and delivers until nothing is left: two quiet rounds, as a rotated file gets a second chance.
    fn lines(&mut self) -> Vec<String> {
        let (mut lines, mut quiet) = (Vec::new(), 0);
        while quiet < 2 {
            let chunk = self.reader.read().unwrap();
            lines.extend(chunk.lines().map(|line| String::from_utf8_lossy(line).into_owned()));
            quiet = if chunk.more || chunk.next.is_some() { 0 } else { quiet + 1 };
            if chunk.next.is_some() {
                self.reader.resume(chunk.next);
            }
        }
        lines
    }

    /// Ends the process and starts it again with the saved position.
    fn restart(&mut self) {
        let saved = serde_json::to_string(&self.reader.position).unwrap();
        self.reader = Reader::new(self.folder.path().join("app.log"));
        self.reader.resume(serde_json::from_str(&saved).unwrap());
    }
}

#[test]
fn lines_come_once_they_are_complete() {
    let mut log = Log::new();
    assert_eq!(log.reader.read().unwrap_err().kind(), io::ErrorKind::NotFound);
    log.append("a\nb");
    assert_eq!(log.lines(), ["a"]);
    log.append("c\n\nd\n");
    assert_eq!(log.lines(), ["bc", "d"]);
    log.restart();
    assert!(log.lines().is_empty());
}

#[test]
fn what_was_not_delivered_is_read_again() {
    let mut log = Log::new();
    log.append("a\nb\n");
    assert_eq!(log.reader.read().unwrap().lines().count(), 2);
    assert_eq!(log.lines(), ["a", "b"]);
}

#[test]
fn rotation_loses_nothing_and_ends_a_half_line() {
    let mut log = Log::new();
    log.append("a\n");
    assert_eq!(log.lines(), ["a"]);
    log.append("b\nhalf");
    log.rename("app.log.1");
    log.append("c\n");
    assert_eq!(log.lines(), ["b", "half", "c"]);
}

#[test]
fn rotations_while_away_are_read_in_order() {
    let mut log = Log::new();
    log.append("a\n");
    assert_eq!(log.lines(), ["a"]);
    log.append("b\n");
    for (name, line) in [("app.log.10", "c\n"), ("app.log.20", "d\n"), ("app.log-20261121", "e\n")] {
        log.rename(name);
        // Kernel clocks tick in milliseconds: give each file an age of its own.
        let before = fs::metadata(log.folder.path().join(name)).unwrap().modified().unwrap();
        log.append(line);
        let path = log.folder.path().join("app.log");
        while fs::metadata(&path).unwrap().modified().unwrap() <= before {
            let file = OpenOptions::new().append(true).open(&path).unwrap();
            file.set_modified(std::time::SystemTime::now()).unwrap();
        }
    }
    // Packed files are not log files any more.
    fs::write(log.folder.path().join("app.log.2.gz"), "packed\n").unwrap();
    log.restart();
    assert_eq!(log.lines(), ["b", "c", "d", "e"]);
}

#[test]
fn truncation_is_seen_even_when_the_file_grew_again() {
    let mut log = Log::new();
    log.append("first\nsecond\n");
    assert_eq!(log.lines(), ["first", "second"]);
    fs::write(log.folder.path().join("app.log"), "x\n").unwrap();
    assert_eq!(log.lines(), ["x"]);
    fs::write(log.folder.path().join("app.log"), "much longer than before\n").unwrap();
    assert_eq!(log.lines(), ["much longer than before"]);
}

#[test]
fn an_endless_line_is_cut_and_the_next_one_is_whole() {
    let mut log = Log::new();
    log.append(&"x".repeat(CHUNK_BYTES * 2 + 10));
    let lines = log.lines();
    assert_eq!((lines.len(), lines[0].len()), (1, CHUNK_BYTES));
    log.append("tail of it\nnext\n");
    assert_eq!(log.lines(), ["next"]);
}

#[test]
fn a_huge_file_never_read_before_is_read_from_its_last_part() {
    let mut log = Log::new();
    let line = format!("{}\n", "y".repeat(1_023));
    log.append(&line.repeat(17 * 1_024));
    let lines = log.lines();
    assert!(lines.iter().all(|line| line.len() == 1_023));
    assert_eq!(lines.len(), 16 * 1_024 - 1, "all but the line it began in");
}

#[test]
fn a_removed_file_is_read_to_its_end() {
    let mut log = Log::new();
    log.append("a\n");
    assert_eq!(log.lines(), ["a"]);
    log.append("b\n");
    fs::remove_file(log.folder.path().join("app.log")).unwrap();
    assert_eq!(log.lines(), ["b"]);
    log.append("c\n");
    assert_eq!(log.lines(), ["c"]);
}
