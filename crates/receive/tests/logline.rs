//! Log lines as programs really write them.

use model::{LogLevel, LogRecord, Timestamp};
use proptest::prelude::*;
use receive::{Origin, limits, logline};

/// 2026-11-21T09:30:00Z.
const NOW: Timestamp = Timestamp::from_unix_ms(1_795_253_400_000);
const SECOND_BEFORE: &str = "2026-11-21T09:29:59.000Z";

fn read(line: &str) -> LogRecord {
    let origin = Origin { service: "shop".to_owned(), instance: Some("shop-1".to_owned()) };
    logline::parse(line.as_bytes(), &origin, NOW)
}

#[track_caller]
fn check(line: &str, at: &str, level: LogLevel, body: &str) -> LogRecord {
    let record = read(line);
    assert_eq!(
        (record.at.to_string().as_str(), record.level, record.body.as_str()),
        (at, level, body),
        "{line}"
    );
    assert_eq!((record.service.as_str(), record.attributes["instance"].as_str()), ("shop", "shop-1"));
    record
}

#[test]
fn json_lines_by_many_key_names() {
    for line in [
        r#"{"ts":"2026-11-21T09:29:59Z","level":"warn","msg":"slow"}"#,
        r#"{"@timestamp":"2026-11-21T10:29:59+01:00","log.level":"WARNING","message":"slow"}"#,
        r#"{"time":1795253399000,"level":40,"msg":"slow"}"#,
        r#"{"timestamp":1795253399.0,"severity":"Warning","body":"slow"}"#,
        r#"{"t":"2026-11-21 09:29:59,000","lvl":"wrn","event":"slow"}"#,
        r#"{"log":{"level":"warn"},"time":"1795253399000000000","message":"slow"}"#,
    ] {
        check(line, SECOND_BEFORE, LogLevel::Warn, "slow");
    }
}

#[test]
fn json_attributes_are_flat_text_and_traces_are_found() {
    let record = check(
        r#"{"level":"error","msg":"no","trace_id":"5B8EFFF798038103D269B633813FC60C","http":{"status":503,"ok":false},"tags":["a"],"none":null,"instance":"x"}"#,
        &NOW.to_string(),
        LogLevel::Error,
        "no",
    );
    assert_eq!(record.trace_id.as_deref(), Some("5b8efff798038103d269b633813fc60c"));
    let attributes: Vec<_> = record.attributes.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(
        attributes,
        ["exported_instance=x", "http.ok=false", "http.status=503", "instance=shop-1", "tags=[\"a\"]"]
    );
}

#[test]
fn json_without_message_keeps_its_line_and_odd_times_stay_attributes() {
    let line = r#"{"ts":12.5,"level":"loud","n":1}"#;
    let record = check(line, &NOW.to_string(), LogLevel::Info, line);
    assert_eq!((record.attributes["ts"].as_str(), record.attributes["level"].as_str()), ("12.5", "loud"));
    check("{\"broken\": ", &NOW.to_string(), LogLevel::Info, "{\"broken\":");
}

#[test]
fn logfmt_with_quotes_escapes_and_flags() {
    let record = check(
        r#"ts=2026-11-21T09:29:59Z level=error msg="cannot \"open\"\tfile" path=/a/b=c retry"#,
        SECOND_BEFORE,
        LogLevel::Error,
        "cannot \"open\"\tfile",
    );
    assert_eq!((record.attributes["path"].as_str(), record.attributes["retry"].as_str()), ("/a/b=c", "true"));
    check("set a=b for level=c", &NOW.to_string(), LogLevel::Info, "set a=b for level=c");
    check("a=1 b=\"open", &NOW.to_string(), LogLevel::Info, "a=1 b=\"open");
}

#[test]
fn plain_lines_with_instants_and_level_words() {
    let now = &NOW.to_string();
    check("2026-11-21T09:29:59Z ERROR db: gone", SECOND_BEFORE, LogLevel::Error, "ERROR db: gone");
    check("[2026-11-21T09:29:59.000+0000] [warn] slow\r\n", SECOND_BEFORE, LogLevel::Warn, "[warn] slow");
    check("2026/11/21 09:29:59 listening", SECOND_BEFORE, LogLevel::Info, "listening");
    check("2026-11-21 10:29:59,000+01 DEBUG x", SECOND_BEFORE, LogLevel::Debug, "DEBUG x");
    check("E1121 09:29:59.1 1 main.go:3] boom", now, LogLevel::Error, "E1121 09:29:59.1 1 main.go:3] boom");
    check("error: no such file", now, LogLevel::Error, "error: no such file");
    check("finished with no error at all", now, LogLevel::Info, "finished with no error at all");
    check(
        "thread 'main' panicked at src/main.rs:2",
        now,
        LogLevel::Error,
        "thread 'main' panicked at src/main.rs:2",
    );
    check("Traceback (most recent call last):", now, LogLevel::Error, "Traceback (most recent call last):");
    check("\u{1b}[31mERROR\u{1b}[0m red", now, LogLevel::Error, "ERROR red");
    check("1970-01-01T00:00:00Z x", now, LogLevel::Info, "1970-01-01T00:00:00Z x");
    check("2026-13-41T99:00:00Z x", now, LogLevel::Info, "2026-13-41T99:00:00Z x");
    check("", now, LogLevel::Info, "");
}

#[test]
fn a_long_line_is_cut_and_says_so() {
    let record = read(&format!("ERROR {}", "ä".repeat(limits::LOG_BODY_BYTES_MAX)));
    assert!(record.body.len() < limits::LOG_BODY_BYTES_MAX + 32);
    assert!(record.body.ends_with(limits::CUT_MARK));
    assert_eq!(record.level, LogLevel::Error);
    assert_eq!(record.attributes["cut_bytes"], (limits::LOG_BODY_BYTES_MAX + 6).to_string());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(line in prop::collection::vec(any::<u8>(), 0..200), text in "(\\PC|[{}=\"\\[\\]: \\\\\u{1b}]|2026-11-21T09:29:59){0,60}") {
        let _ = logline::parse(&line, &Origin::default(), NOW);
        let _ = logline::parse(text.as_bytes(), &Origin::default(), NOW);
    }

    #[test]
    fn a_json_message_comes_back_whole(body in "\\PC{0,60}", key in "[a-z]{1,8}x", value in "\\PC{0,20}") {
        let line = serde_json::json!({"msg": body, "level": "error", key.clone(): value}).to_string();
        let record = logline::parse(line.as_bytes(), &Origin::default(), NOW);
        prop_assert_eq!((record.body, record.level), (body, LogLevel::Error));
        prop_assert_eq!(&record.attributes[&key], &value);
    }
}
