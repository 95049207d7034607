//! `homeostat silence` and `homeostat triage`.

use ports::{Clock, SystemClock};
use serde_json::{Value, json as object};

use crate::cli::{Output, Silence, Triage};
use crate::client::{Client, ClientError};
use crate::output::{json, line, table, text};

/// Lists, makes and ends silences.
///
/// # Errors
/// The server does not answer or refuses.
pub(crate) async fn run(command: Silence, output: &Output) -> Result<(), ClientError> {
    let client = Client::new(output)?;
    match command {
        Silence::List { limit } => {
            let page = client.get("/silences", &[("limit", &limit.to_string())]).await?;
            if output.json {
                json(&page);
                return Ok(());
            }
            let cells = |s: &Value| {
                let cell = |at: &str| text(s, at);
                vec![
                    cell("/id"),
                    cell("/state"),
                    s["matching"].to_string(),
                    cell("/when"),
                    cell("/ends_at"),
                    cell("/reason"),
                ]
            };
            let rows = page["items"].as_array().into_iter().flatten().map(cells).collect();
            table(&["silence", "state", "matches", "when", "until", "reason"], rows, "Nothing is silenced.");
        }
        Silence::Add { when, lasts, reason, dry_run } => {
            let lasts = duration(&lasts)?;
            if dry_run {
                let found = client.post("/silences/preview", &object!({"when": when})).await?;
                if output.json {
                    json(&found);
                    return Ok(());
                }
                let cells = |f: &Value| vec![text(f, "/id"), text(f, "/service"), text(f, "/summary")];
                let rows = found["matching"].as_array().into_iter().flatten().map(cells).collect();
                table(&["finding", "service", "says"], rows, "It means nothing that fires now.");
                return Ok(());
            }
            let ends_at = SystemClock.now().plus_ms(lasts);
            let body = object!({"when": when, "ends_at": ends_at.to_string(), "reason": reason});
            let made = client.post("/silences", &body).await?;
            if output.json {
                json(&made);
            } else {
                let (id, until) = (text(&made, "/id"), text(&made, "/ends_at"));
                line(format!("{id} holds until {until}; it means {} findings now.", made["matching"]));
            }
        }
        Silence::End { id } => {
            client.post(&format!("/silences/{id}/end"), &object!({})).await?;
            line("Ended. What still fires gets its place within a second.");
        }
    }
    Ok(())
}

/// Shows the rules in force, or tries others.
///
/// # Errors
/// The file cannot be read; the server does not answer or refuses.
pub(crate) async fn triage(command: Triage, output: &Output) -> Result<(), ClientError> {
    let client = Client::new(output)?;
    match command {
        Triage::Show => {
            let rules = client.get("/triage", &[]).await?;
            if output.json {
                json(&rules);
                return Ok(());
            }
            let cells =
                |r: &Value| vec![text(r, "/kind"), text(r, "/name"), text(r, "/condition"), text(r, "/why")];
            let rows = rules["rules"].as_array().into_iter().flatten().map(cells).collect();
            table(&["does", "rule", "when", "why"], rows, "No triage file is set: see [rules] triage.");
        }
        Triage::Test { file, hours } => {
            let source = std::fs::read_to_string(&file)
                .map_err(|error| ClientError::Usage(format!("cannot read {}: {error}", file.display())))?;
            let tried =
                client.post("/triage/test", &object!({"source": source, "since_hours": hours})).await?;
            if output.json {
                json(&tried);
                return Ok(());
            }
            line(format!(
                "{} findings: {} incidents with the rules in force, {} with these; {} findings would open none.",
                tried["findings"], tried["incidents_before"], tried["incidents_after"], tried["quieted"]
            ));
            let number = |v: &Value| v.as_u64().map_or_else(|| "none".to_owned(), |n| n.to_string());
            let cells = |p: &Value| {
                vec![
                    text(p, "/service"),
                    text(p, "/summary"),
                    number(&p["was"]),
                    number(&p["becomes"]),
                    text(p, "/why"),
                ]
            };
            let rows = tried["changed"].as_array().into_iter().flatten().map(cells).collect();
            table(
                &["service", "finding", "was in", "goes to", "why"],
                rows,
                "No finding changes its company.",
            );
        }
    }
    Ok(())
}

/// `30m`, `2h`, `7d`, `1h30m`, in milliseconds.
fn duration(text: &str) -> Result<i64, ClientError> {
    let bad = || ClientError::Usage(format!("{text:?} is no duration; write 30m, 2h or 7d"));
    let (mut total, mut number) = (0_u64, String::new());
    for c in text.trim().chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(bad()),
        };
        let count: u64 = std::mem::take(&mut number).parse().map_err(|_| bad())?;
        total = total.saturating_add(count.saturating_mul(unit));
    }
    // A year is the most that the server takes.
    if total == 0 || !number.is_empty() || total > 366 * 86_400 {
        return Err(bad());
    }
    Ok(total as i64 * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let seconds = |text: &str| duration(text).ok().map(|ms| ms / 1_000);
        assert_eq!(seconds("30m"), Some(1_800));
        assert_eq!(seconds("1h30m"), Some(5_400));
        assert_eq!(seconds("7d"), Some(604_800));
        for wrong in ["", "5", "h", "2 weeks", "0m", "9999d", "99999999999999999999d"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
