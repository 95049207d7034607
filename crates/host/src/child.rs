//! What a supervised process does for its host: end when the host ends, and report events.
//! It is for the inside of the child; the host's side is `process.rs`.

use std::io::Read;

use serde_json::{Value, json};

/// Ends this process when its host ends, even when the host was killed with SIGKILL.
///
/// The host holds the write end of a pipe that is this process's standard input and never writes to it; the
/// kernel closes it with the host, the read ends, and so does this process. Call it once, at the start, and
/// only when the host started the process ([`is_supervised`]).
pub fn exit_with_parent() {
    std::thread::Builder::new()
        .name("parent-watch".to_owned())
        .stack_size(64 * 1024)
        .spawn(|| {
            let mut stdin = std::io::stdin().lock();
            let mut ignored = [0_u8; 64];
            loop {
                match stdin.read(&mut ignored) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            std::process::exit(0);
        })
        .expect("a process that just started can start one thread");
}

/// Whether a host started this process.
#[must_use]
pub fn is_supervised() -> bool {
    std::env::var_os("HOMEOSTAT_INSTANCE").is_some()
}

/// The line that makes the host journal an event when the process prints it on standard output, for example
/// `dev.homeostat.job.finished`. At most 20 a second for each instance are taken.
#[must_use]
pub fn event_line(kind: &str, data: &Value) -> String {
    json!({"event": {"type": kind, "data": data}}).to_string()
}

/// The event of a line, if it is one: a JSON object with `event: {type, data}`.
pub(crate) fn parse_event(line: &[u8]) -> Option<(String, Value)> {
    let mut value: Value = serde_json::from_slice(line).ok()?;
    let event = value.get_mut("event")?;
    let kind = event.get("type")?.as_str()?.to_owned();
    Some((kind, event.get_mut("data").map(Value::take).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_line_is_read_back_and_other_lines_are_none() {
        let line = event_line("dev.homeostat.job.finished", &json!({"job": "settle"}));
        assert_eq!(
            parse_event(line.as_bytes()),
            Some(("dev.homeostat.job.finished".into(), json!({"job": "settle"})))
        );
        for other in ["", "plain text", "{}", r#"{"event":"x"}"#, r#"{"event":{"type":1}}"#, r#"{"event":"#] {
            assert_eq!(parse_event(other.as_bytes()), None, "{other}");
        }
    }
}
