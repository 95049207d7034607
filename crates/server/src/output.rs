//! What commands print: tables for people, JSON for programs. Nothing else writes to standard output.

use comfy_table::{ContentArrangement, Table, presets::UTF8_BORDERS_ONLY};
use serde_json::Value;

/// Prints one line.
pub(crate) fn line(text: impl std::fmt::Display) {
    write(&format!("{text}\n"));
}

/// Prints JSON, indented.
pub(crate) fn json(value: &Value) {
    write(&format!("{value:#}\n"));
}

/// Prints a table; says so when it is empty.
pub(crate) fn table(head: &[&str], rows: Vec<Vec<String>>, empty: &str) {
    if rows.is_empty() {
        return line(empty);
    }
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_header(head);
    table.add_rows(rows);
    line(table);
}

/// Text of a JSON field, empty when it has none.
#[must_use]
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        Some(other) => other.to_string(),
    }
}

/// A reader that went away (`| head`) ends the program quietly, as every tool does.
fn write(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Prints an error for people, on standard error.
pub(crate) fn error(message: &str) {
    use std::io::Write;
    // Nobody is left to tell when standard error is gone.
    let _ = writeln!(std::io::stderr().lock(), "error: {message}");
}

/// Prints progress for people, on standard error, so that standard output stays for results.
pub(crate) fn progress(message: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "{message}");
}
