//! The decision itself: guards, table, autonomy, and the report of all three.

use model::{Autonomy, AutonomyGrant, Disposition, GuardReport, RuleReport, Verdict};

use crate::autonomy::granted;
use crate::condition::Scene;
use crate::facts::Facts;
use crate::policy::{Guard, Policy};

/// What a policy says of one set of facts, with the reason for everything.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruling {
    /// What the policy says. Autonomy may still ask for a person's agreement: see `disposition`.
    pub verdict: Verdict,
    /// Every guard, in order.
    pub guards: Vec<GuardReport>,
    /// Every rule, in order.
    pub rules: Vec<RuleReport>,
    /// How far automation may go here.
    pub autonomy: Autonomy,
    /// Which grant said so.
    pub autonomy_reason: String,
    /// What follows from verdict and autonomy.
    pub disposition: Disposition,
    /// One sentence for people.
    pub summary: String,
    /// When only time stands in the way: seconds until it is worth deciding again.
    pub retry_after_s: Option<f64>,
    /// The facts, as stored with the decision.
    pub facts: serde_json::Value,
    /// Version of the policy.
    pub policy_version: String,
}

/// Decides.
///
/// Guards first, each of which can only make the verdict more careful; then the table, first match wins;
/// nothing matched means `escalate_human`. A condition that cannot be evaluated is taken as the careful
/// answer and says so.
#[must_use]
pub fn decide(policy: &Policy, facts: &Facts, grants: &[AutonomyGrant]) -> Ruling {
    let scene = policy.scene(facts);
    let guards: Vec<GuardReport> = policy.guards().iter().map(|g| ask(g, &scene)).collect();
    let (rules, by_table) = table(policy, &scene);
    let by_guards = guards.iter().filter_map(|g| g.verdict).max();
    let verdict = by_guards.map_or(by_table, |g| g.max(by_table));
    let (autonomy, autonomy_reason) =
        granted(grants, &facts.service, &facts.actions, policy.tuning().default_autonomy);
    let disposition = disposition(verdict, autonomy);
    Ruling {
        summary: summary(facts, verdict, by_table, &guards, &rules, disposition),
        retry_after_s: retry_after_s(policy, &scene, &guards, by_table),
        facts: serde_json::to_value(facts).unwrap_or_default(),
        policy_version: policy.version().to_owned(),
        verdict,
        guards,
        rules,
        autonomy,
        autonomy_reason,
        disposition,
    }
}

/// What [`decide`] says, without its reports.
fn verdict_of(policy: &Policy, scene: &Scene<'_>) -> Verdict {
    let mut verdict = Verdict::AutoResolve;
    for guard in policy.guards().iter().filter(|g| g.enabled && g.verdict > Verdict::AutoResolve) {
        if guard.verdict > verdict && guard.compiled.holds(scene) != Ok(false) {
            verdict = guard.verdict;
        }
        if verdict == Verdict::EscalateHuman {
            return verdict;
        }
    }
    let rule = policy.rules().iter().filter(|r| r.enabled).find_map(|r| match r.compiled.holds(scene) {
        Ok(false) => None,
        Ok(true) => Some(r.verdict),
        Err(_) => Some(Verdict::EscalateHuman),
    });
    verdict.max(rule.unwrap_or(Verdict::EscalateHuman))
}

fn ask(guard: &Guard, scene: &Scene<'_>) -> GuardReport {
    if !guard.enabled {
        let reason = format!("switched off: {}", guard.why);
        return GuardReport { name: guard.name.clone(), fired: false, verdict: None, reason };
    }
    let (fired, reason) = match guard.compiled.holds(scene) {
        Ok(fired) => {
            let text = guard.compiled.text();
            (
                fired,
                format!(
                    "{}: {text}, with {}",
                    if fired { "holds" } else { "does not hold" },
                    guard.compiled.seen(scene)
                ),
            )
        }
        Err(problem) => {
            (true, format!("{} cannot be evaluated ({problem}), so it counts", guard.compiled.text()))
        }
    };
    GuardReport { name: guard.name.clone(), fired, verdict: fired.then_some(guard.verdict), reason }
}

fn table(policy: &Policy, scene: &Scene<'_>) -> (Vec<RuleReport>, Verdict) {
    let mut by_table = None;
    let reports = policy.rules().iter().map(|rule| {
        let held = if rule.enabled { rule.compiled.holds(scene) } else { Ok(false) };
        let matched = held == Ok(true);
        let decided = by_table.is_none() && held != Ok(false);
        if decided {
            // Whether this rule comes first cannot be known when it cannot be evaluated.
            by_table = Some(if matched { rule.verdict } else { Verdict::EscalateHuman });
        }
        RuleReport {
            name: rule.name.clone(),
            condition: rule.condition.clone(),
            matched,
            decided,
            verdict: rule.verdict,
        }
    });
    let reports: Vec<RuleReport> = reports.collect();
    (reports, by_table.unwrap_or(Verdict::EscalateHuman))
}

fn disposition(verdict: Verdict, autonomy: Autonomy) -> Disposition {
    match (verdict, autonomy) {
        (Verdict::EscalateHuman, _) => Disposition::Escalated,
        (_, Autonomy::Observe) => Disposition::Noted,
        (_, Autonomy::Propose | Autonomy::Approve) => Disposition::Proposed,
        (Verdict::ScheduleMaintenance, Autonomy::Auto) => Disposition::Scheduled,
        (Verdict::AutoResolve, Autonomy::Auto) => Disposition::Started,
    }
}

/// Waiting helps when every guard that holds the decision back clears with time.
fn retry_after_s(
    policy: &Policy,
    scene: &Scene<'_>,
    reports: &[GuardReport],
    by_table: Verdict,
) -> Option<f64> {
    let holding =
        policy.guards().iter().zip(reports).filter(|(_, r)| r.verdict.is_some_and(|v| v > by_table));
    let mut longest = None;
    for (guard, _) in holding {
        let seconds = guard.clears.as_ref()?.number(scene).ok().filter(|s| s.is_finite())?;
        longest = Some(seconds.max(0.0).max(longest.unwrap_or(0.0)));
    }
    longest
}

fn summary(
    facts: &Facts,
    verdict: Verdict,
    by_table: Verdict,
    guards: &[GuardReport],
    rules: &[RuleReport],
    disposition: Disposition,
) -> String {
    let what = match disposition {
        Disposition::Started => "Fix it now",
        Disposition::Scheduled => "Fix it in the next maintenance window",
        Disposition::Proposed => "Propose the fix and wait for a person to agree",
        Disposition::Noted => "Only note what would be done",
        _ => "Call a person",
    };
    let numbers = format!(
        "confidence {:.2}, severity {}, impact {}",
        facts.confidence,
        word(&facts.severity),
        word(&facts.impact)
    );
    let held_back: Vec<&str> =
        guards.iter().filter(|g| g.verdict.is_some_and(|v| v > by_table)).map(|g| g.name.as_str()).collect();
    if !held_back.is_empty() {
        let s = if held_back.len() == 1 { "guard" } else { "guards" };
        return format!("{what}: held back by {s} {} ({numbers})", held_back.join(", "));
    }
    match rules.iter().find(|r| r.decided) {
        Some(rule) if rule.matched => format!("{what}: rule {} ({numbers})", rule.name),
        Some(rule) => format!("{what}: rule {} cannot be evaluated ({numbers})", rule.name),
        None => format!(
            "{what}: no rule allows {} ({numbers})",
            if verdict == Verdict::EscalateHuman { "more" } else { "it" }
        ),
    }
}

fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A past decision that another policy would have made differently.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Position in the input.
    pub index: usize,
    /// The verdict then.
    pub was: Verdict,
    /// The ruling now.
    pub now: Ruling,
}

/// Replays past facts against a policy before it is armed: every verdict that would have differed.
#[must_use]
pub fn back_test<'a>(
    policy: &Policy,
    past: impl IntoIterator<Item = (&'a Facts, Verdict)>,
) -> Vec<Difference> {
    let mut differing = Vec::new();
    for (index, (facts, was)) in past.into_iter().enumerate() {
        // Reports are only written for what differs: most does not.
        if verdict_of(policy, &policy.scene(facts)) != was {
            differing.push(Difference { index, was, now: decide(policy, facts, &[]) });
        }
    }
    differing
}
