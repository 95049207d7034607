//! What a session of log lines usually looks like, and how one departs from it.
//!
//! A session is the lines that name the same thing: a block, a request, an order. Learned without labels, and from a
//! past that held trouble too: only what nearly all sessions have in common is held against one. Four kinds of evidence,
//! after the invariants of Lou et al. (USENIX ATC 2010) and event counts: templates that sessions do not have, counts
//! that are always the same, counts that are always equal to each other, and which of two comes first. What is still to
//! come is not missing: each template has the time by which it is usually there.

mod identify;
mod model;
mod session;

pub use identify::{Identifier, identifiers};
pub use model::{Evidence, SessionModel};
pub use session::Session;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn session(steps: &str) -> Session {
        let mut session = Session::default();
        steps.split_whitespace().enumerate().for_each(|(i, step)| session.note(step, i as i64 * 1_000));
        session
    }

    fn model() -> SessionModel {
        let mut model = SessionModel::default();
        for i in 0..400 {
            // Reads come any number of times; one session in fifty fails and is learned like the others.
            let reads = "read ".repeat(i % 5);
            let steps =
                if i % 50 == 7 { "open fail".to_owned() } else { format!("open write write {reads} close") };
            model.learn(&session(&steps));
        }
        model
    }

    fn check(steps: &str, elapsed_ms: Option<i64>, expect: &[&str]) {
        let mut names: Vec<String> = model()
            .judge(&session(steps), elapsed_ms)
            .iter()
            .map(|e| match e {
                Evidence::Template { template, .. } => format!("template {template}"),
                Evidence::Count { template, count, .. } => format!("count {template} {count}"),
                Evidence::Flood { template, .. } => format!("flood {template}"),
                Evidence::Unequal { templates, .. } => format!("unequal {}", templates.join(" ")),
                Evidence::Order { templates } => format!("order {}", templates.join(" ")),
            })
            .collect();
        names.sort();
        assert_eq!(names, expect, "{steps}");
    }

    #[test]
    fn each_kind_of_departure_is_told() {
        check("open write write close", None, &[]);
        check("open write write read read read close", None, &[]);
        check(
            "open write write read read read read read read read read read read read close",
            None,
            &["flood read"],
        );
        check("open write close", None, &["count write 1"]);
        check("open write write format close", None, &["template format"]);
        check("open close write write", None, &["order close write"]);
        check(
            "open fail",
            None,
            &["count close 0", "count fail 1", "count write 0", "template fail", "unequal open close"],
        );
    }

    #[test]
    fn what_is_still_to_come_is_not_missing() {
        check("open write write", Some(3_000), &[]);
        check("open write write", Some(60_000), &["count close 0", "unequal open close"]);
    }

    proptest! {
        #[test]
        fn hostile_sessions_are_bounded(
            sessions in prop::collection::vec(prop::collection::vec(("[a-f]{1,3}", any::<i64>()), 0..40), 0..60),
            elapsed in any::<Option<i64>>(),
        ) {
            let mut model = SessionModel::default();
            for lines in &sessions {
                let mut session = Session::default();
                lines.iter().for_each(|(template, at)| session.note(template, *at));
                let evidence = model.judge(&session, elapsed);
                prop_assert!(evidence.len() < 10_000);
                model.learn(&session);
            }
            prop_assert!(model.templates() <= 512);
        }

        #[test]
        fn names_are_found_in_any_text(line in "\\PC{0,300}") {
            for found in identifiers(&line) {
                prop_assert!(line.contains(found.name) && !found.kind.is_empty());
            }
        }
    }
}
