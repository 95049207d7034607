//! Autonomy: how far automation may go for a service and an action, and how that is earned and lost.

use model::{Autonomy, AutonomyGrant, OutcomeKind, Track};

/// The level that grants give for one service and all of these actions, and which grant said so.
///
/// For each action the most specific grant counts; of two alike, the more careful. Of several actions the
/// most careful counts. Where no grant speaks, `default` holds.
#[must_use]
pub fn granted(
    grants: &[AutonomyGrant],
    service: &str,
    actions: &[String],
    default: Autonomy,
) -> (Autonomy, String) {
    let each = actions.iter().map(|action| for_action(grants, service, action, default));
    each.min_by_key(|(level, _)| *level)
        .unwrap_or_else(|| (default, "no action is proposed; the policy's default holds".to_owned()))
}

fn for_action(
    grants: &[AutonomyGrant],
    service: &str,
    action: &str,
    default: Autonomy,
) -> (Autonomy, String) {
    let fits = |pattern: &str, name: &str| pattern == "*" || pattern == name;
    let specific = |g: &AutonomyGrant| usize::from(g.service != "*") + usize::from(g.action != "*");
    let best = grants
        .iter()
        .filter(|g| fits(&g.service, service) && fits(&g.action, action))
        .max_by_key(|g| (specific(g), std::cmp::Reverse(g.level)));
    match best {
        Some(g) => (
            g.level,
            format!(
                "{} for {action} on {service}: grant service {}, action {}",
                name(g.level),
                g.service,
                g.action
            ),
        ),
        None => {
            (default, format!("{} for {action} on {service}: no grant, the policy's default", name(default)))
        }
    }
}

/// The level after an outcome: demotion is immediate, promotion is earned by successes.
///
/// A failure or an override takes `auto` down to `approve` and leaves lower levels alone: below, a person
/// agrees to each run anyway. `promote_after` successes without a failure in between lift by one level, at
/// most to `auto`; `observe` is a person's choice and is never lifted.
#[must_use]
pub fn autonomy_after(
    current: Autonomy,
    outcome: OutcomeKind,
    track: &Track,
    promote_after: u32,
) -> Autonomy {
    let held = outcome == OutcomeKind::Held;
    match current {
        Autonomy::Auto if !held => Autonomy::Approve,
        Autonomy::Propose | Autonomy::Approve
            if held && track.consecutive_failures == 0 && promote_after > 0 && track.held >= promote_after
                // Exactly at the threshold and its multiples: each further level is earned anew.
                && track.held.is_multiple_of(promote_after) =>
        {
            if current == Autonomy::Propose {
                Autonomy::Approve
            } else {
                Autonomy::Auto
            }
        }
        other => other,
    }
}

fn name(level: Autonomy) -> &'static str {
    match level {
        Autonomy::Observe => "observe",
        Autonomy::Propose => "propose",
        Autonomy::Approve => "approve",
        Autonomy::Auto => "auto",
    }
}

#[cfg(test)]
mod tests {
    use model::{FailureClass, Timestamp};

    use super::*;

    fn grant(service: &str, action: &str, level: Autonomy) -> AutonomyGrant {
        AutonomyGrant { service: service.into(), action: action.into(), level }
    }

    #[test]
    fn the_most_specific_grant_wins_and_of_equals_the_more_careful() {
        let grants = [
            grant("*", "*", Autonomy::Propose),
            grant("checkout", "*", Autonomy::Auto),
            grant("*", "process.restart", Autonomy::Approve),
            grant("payments", "process.restart", Autonomy::Auto),
        ];
        let level = |service: &str, actions: &[&str]| {
            let actions: Vec<String> = actions.iter().map(|a| (*a).to_owned()).collect();
            granted(&grants, service, &actions, Autonomy::Observe).0
        };
        assert_eq!(level("catalog", &["deploy.rollback"]), Autonomy::Propose);
        assert_eq!(level("checkout", &["deploy.rollback"]), Autonomy::Auto);
        assert_eq!(level("checkout", &["process.restart"]), Autonomy::Approve);
        assert_eq!(level("payments", &["process.restart"]), Autonomy::Auto);
        assert_eq!(level("payments", &["process.restart", "deploy.rollback"]), Autonomy::Propose);
        assert_eq!(granted(&[], "a", &["b".into()], Autonomy::Observe).0, Autonomy::Observe);
        assert_eq!(granted(&grants, "a", &[], Autonomy::Approve).0, Autonomy::Approve);
    }

    #[test]
    fn trust_is_lost_at_once_and_earned_slowly() {
        let track = |held, consecutive_failures| Track {
            class: FailureClass::Crash,
            runbook: "r".into(),
            held,
            failed: 0,
            consecutive_failures,
            updated_at: Timestamp::ZERO,
        };
        let after = |level, kind, held, failures| autonomy_after(level, kind, &track(held, failures), 5);
        assert_eq!(after(Autonomy::Auto, OutcomeKind::Undone, 100, 1), Autonomy::Approve);
        assert_eq!(after(Autonomy::Auto, OutcomeKind::Overridden, 100, 0), Autonomy::Approve);
        assert_eq!(after(Autonomy::Approve, OutcomeKind::Held, 4, 0), Autonomy::Approve);
        assert_eq!(after(Autonomy::Approve, OutcomeKind::Held, 5, 0), Autonomy::Auto);
        assert_eq!(after(Autonomy::Propose, OutcomeKind::Held, 5, 0), Autonomy::Approve);
        assert_eq!(after(Autonomy::Observe, OutcomeKind::Held, 50, 0), Autonomy::Observe);
        assert_eq!(after(Autonomy::Approve, OutcomeKind::Failed, 5, 1), Autonomy::Approve);
    }
}
