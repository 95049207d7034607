//! Scenario scripts: a timeline, and what must be true at the end.
//!
//! One line, one thing. `#` begins a comment.
//!
//! ```text
//! title A leak is repaired before the limit
//! policies default demo            # default: default demo
//! autonomy auto                    # observe, propose, approve, auto
//! seed 7
//! at 30s fault memory-leak on catalog
//! at 30s fault hang on catalog sticky   # comes back in every new process
//! at 45s approve                   # the newest proposal
//! at 45s reject not now
//! at 45s acknowledge
//! at 10s stop-switch on somebody works here
//! at 40s restart-homeostat
//! when calling process.start restart-homeostat   # decided and stored, not called yet
//! when called process.start restart-homeostat    # called, the answer never arrives
//! at 20s fail process.restart 2 times
//! run until 120s
//! expect incidents 1
//! expect cause catalog memory_leak
//! expect resolved
//! expect verified
//! expect needs-person
//! expect healthy                   # really, in the world
//! expect called process.restart 1
//! expect within 20s                # from the first fault to the end of the last incident
//! ```

use model::Autonomy;

use crate::shop::Fault;

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// A fault is made.
    Fault {
        /// Which.
        fault: Fault,
        /// Where.
        service: String,
        /// Whether it comes back in every new process.
        sticky: bool,
    },
    /// A person agrees to the newest proposal.
    Approve,
    /// A person refuses the newest proposal.
    Reject(String),
    /// A person takes every open incident.
    Acknowledge,
    /// The stop switch is set.
    StopSwitch(bool, String),
    /// Homeostat is killed and started again.
    RestartHomeostat,
    /// Calls of an action fail so many times.
    Fail(String, u32),
}

/// When it happens.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// At a time, in milliseconds.
    At(i64),
    /// When the first call of an action was stored, before it is made.
    Calling(String),
    /// When the first call of an action was made, before its answer.
    Called(String),
}

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When.
    pub when: When,
    /// What.
    pub what: Happening,
}

/// What must be true at the end.
#[derive(Clone, Debug, PartialEq)]
pub enum Expectation {
    /// So many incidents were opened.
    Incidents(usize),
    /// An incident was decided on, the last time, for this service and class.
    Cause(String, String),
    /// An incident was decided on, the first time, for this service and class.
    FirstCause(String, String),
    /// Every incident is over.
    Resolved,
    /// Every incident ended with a verified fix.
    Verified,
    /// An open incident calls a person.
    NeedsPerson,
    /// The shop is well.
    Healthy,
    /// An action was carried out so many times.
    Called(String, u32),
    /// The last incident was over so many milliseconds after the first fault.
    Within(i64),
}

/// A scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// What it shows, one line.
    pub title: String,
    /// Policy files, without `.yaml`.
    pub policies: Vec<String>,
    /// How far automation may go.
    pub autonomy: Autonomy,
    /// Seed of the world.
    pub seed: u64,
    /// What happens.
    pub steps: Vec<Step>,
    /// When it ends, in milliseconds.
    pub until_ms: i64,
    /// What must be true then.
    pub expectations: Vec<Expectation>,
}

/// A script that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct ScriptError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// The first line that cannot be read.
    pub fn parse(file: &str, text: &str) -> Result<Self, ScriptError> {
        let mut script = Self {
            title: String::new(),
            policies: vec!["default".to_owned(), "demo".to_owned()],
            autonomy: Autonomy::Auto,
            seed: 1,
            steps: Vec::new(),
            until_ms: 0,
            expectations: Vec::new(),
        };
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split_once('#').map_or(line, |(before, _)| before).trim();
            if !line.is_empty() {
                script.take(line).map_err(|reason| ScriptError {
                    file: file.to_owned(),
                    line: number,
                    reason,
                })?;
            }
        }
        if script.until_ms == 0 {
            let reason = "the script never ends: say `run until 120s`".to_owned();
            return Err(ScriptError { file: file.to_owned(), line: text.lines().count().max(1), reason });
        }
        Ok(script)
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["title", ..] => self.title = line["title".len()..].trim().to_owned(),
            ["policies", names @ ..] => self.policies = names.iter().map(|n| (*n).to_owned()).collect(),
            ["autonomy", level] => self.autonomy = autonomy(level)?,
            ["seed", seed] => self.seed = seed.parse().map_err(|_| format!("{seed:?} is not a seed"))?,
            ["at", time, rest @ ..] => {
                self.steps.push(Step { when: When::At(ms(time)?), what: happening(rest)? })
            }
            ["when", "calling", action, rest @ ..] => {
                self.steps.push(Step { when: When::Calling((*action).to_owned()), what: happening(rest)? });
            }
            ["when", "called", action, rest @ ..] => {
                self.steps.push(Step { when: When::Called((*action).to_owned()), what: happening(rest)? });
            }
            ["run", "until", time] => self.until_ms = ms(time)?,
            ["expect", rest @ ..] => self.expectations.push(expectation(rest)?),
            _ => return Err(format!("cannot read {line:?}")),
        }
        Ok(())
    }
}

fn autonomy(level: &str) -> Result<Autonomy, String> {
    match level {
        "observe" => Ok(Autonomy::Observe),
        "propose" => Ok(Autonomy::Propose),
        "approve" => Ok(Autonomy::Approve),
        "auto" => Ok(Autonomy::Auto),
        _ => Err(format!("{level:?} is not a level of autonomy")),
    }
}

/// `1.5s`, `2m` or `250ms`, in whole steps of the world.
fn ms(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is not a time such as 30s, 2m or 250ms");
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?);
    let scale = match unit {
        "ms" => 1.0,
        "s" => 1_000.0,
        "m" => 60_000.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let ms = (number * scale) as i64;
    if ms % crate::shop::STEP_MS == 0 { Ok(ms) } else { Err(format!("{text:?} is not a multiple of 50ms")) }
}

fn happening(words: &[&str]) -> Result<Happening, String> {
    Ok(match words {
        ["fault", name, "on", service, rest @ ..] => Happening::Fault {
            fault: Fault::parse(name).ok_or_else(|| format!("there is no fault {name:?}"))?,
            service: (*service).to_owned(),
            sticky: match rest {
                [] => false,
                ["sticky"] => true,
                _ => return Err(format!("cannot read {rest:?}")),
            },
        },
        ["approve"] => Happening::Approve,
        ["reject", reason @ ..] => Happening::Reject(reason.join(" ")),
        ["acknowledge"] => Happening::Acknowledge,
        ["stop-switch", state @ ("on" | "off"), reason @ ..] => {
            Happening::StopSwitch(*state == "on", reason.join(" "))
        }
        ["restart-homeostat"] => Happening::RestartHomeostat,
        ["fail", action, times, "times"] => Happening::Fail(
            (*action).to_owned(),
            times.parse().map_err(|_| format!("{times:?} is not a number"))?,
        ),
        _ => return Err(format!("nobody can do {:?}", words.join(" "))),
    })
}

fn expectation(words: &[&str]) -> Result<Expectation, String> {
    let number = |text: &str| text.parse::<u32>().map_err(|_| format!("{text:?} is not a number"));
    Ok(match words {
        ["incidents", count] => Expectation::Incidents(number(count)? as usize),
        ["cause", service, class] => Expectation::Cause((*service).to_owned(), (*class).to_owned()),
        ["first", "cause", service, class] => {
            Expectation::FirstCause((*service).to_owned(), (*class).to_owned())
        }
        ["resolved"] => Expectation::Resolved,
        ["verified"] => Expectation::Verified,
        ["needs-person"] => Expectation::NeedsPerson,
        ["healthy"] => Expectation::Healthy,
        ["called", action, times] => Expectation::Called((*action).to_owned(), number(times)?),
        ["within", time] => Expectation::Within(ms(time)?),
        _ => return Err(format!("cannot expect {:?}", words.join(" "))),
    })
}
