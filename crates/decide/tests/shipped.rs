//! The shipped policies: every row of the table at its boundaries, every guard alone, and what must hold of
//! all of them together.

use decide::{Calibration, Facts, Parts, Policy, back_test, confidence, decide, history};
use model::{
    Autonomy, AutonomyGrant, BlastRadius, Disposition, FailureClass, Impact, Severity, Tier, Verdict,
};
use proptest::prelude::*;

const AUTO: Verdict = Verdict::AutoResolve;
const SCHEDULE: Verdict = Verdict::ScheduleMaintenance;
const PERSON: Verdict = Verdict::EscalateHuman;

fn file(name: &str, text: &str) -> (String, String) {
    (name.to_owned(), text.to_owned())
}

fn default() -> Policy {
    Policy::parse(&[file("default.yaml", include_str!("../../../policies/default.yaml"))]).unwrap()
}

fn demo() -> Policy {
    Policy::parse(&[
        file("default.yaml", include_str!("../../../policies/default.yaml")),
        file("demo.yaml", include_str!("../../../policies/demo.yaml")),
    ])
    .unwrap()
}

/// A clear case that no guard objects to.
fn clear(confidence: f64, severity: Severity, impact: Impact) -> Facts {
    Facts {
        confidence,
        raw_confidence: confidence,
        conclusive: true,
        severity,
        impact,
        service: "checkout".into(),
        class: FailureClass::Crash,
        runbook: "restart-service".into(),
        actions: vec!["process.restart".into()],
        ..Facts::default()
    }
}

#[track_caller]
fn check(facts: &Facts, expected: Verdict, rule: &str) {
    let ruling = decide(&default(), facts, &[]);
    assert_eq!(ruling.verdict, expected, "{}", ruling.summary);
    let decided: Vec<&str> = ruling.rules.iter().filter(|r| r.decided).map(|r| r.name.as_str()).collect();
    assert_eq!(decided, [rule], "{}", ruling.summary);
}

use Impact::{High as IHigh, Low as ILow, Medium as IMedium};
use Severity::{Critical as SCritical, High as SHigh, Low as SLow, Medium as SMedium};

#[test]
fn row_1_the_worst_is_for_a_person_however_certain() {
    check(&clear(1.0, SCritical, IHigh), PERSON, "critical-and-high");
}

#[test]
fn row_2_near_certainty_is_enough_below_high_impact() {
    for severity in [SLow, SMedium, SHigh] {
        for impact in [ILow, IMedium] {
            check(&clear(0.9, severity, impact), AUTO, "near-certain");
        }
    }
    check(&clear(0.8999, SHigh, IMedium), PERSON, "a-person");
    check(&clear(0.9, SHigh, IHigh), PERSON, "a-person");
}

#[test]
fn row_3_mild_faults_need_less() {
    for impact in [ILow, IMedium, IHigh] {
        check(&clear(0.8, SLow, impact), AUTO, "confident-and-mild");
        check(&clear(0.8, SMedium, impact), AUTO, "confident-and-mild");
    }
    check(&clear(0.7999, SMedium, IHigh), PERSON, "a-person");
    check(&clear(0.8, SHigh, IMedium), PERSON, "a-person");
}

#[test]
fn row_4_a_severe_fault_that_few_notice() {
    check(&clear(0.7, SHigh, ILow), AUTO, "severe-but-hardly-noticed");
    check(&clear(0.6999, SHigh, ILow), PERSON, "a-person");
}

#[test]
fn row_5_what_can_wait_waits() {
    check(&clear(0.6, SLow, IMedium), SCHEDULE, "wait-for-maintenance");
    check(&clear(0.7999, SMedium, IMedium), SCHEDULE, "wait-for-maintenance");
    check(&clear(0.5999, SMedium, IMedium), PERSON, "a-person");
    check(&clear(0.6, SMedium, ILow), PERSON, "a-person");
}

#[test]
fn row_6_everything_else_is_for_a_person() {
    check(&clear(0.0, SLow, ILow), PERSON, "a-person");
    // What is not a number cannot be compared: the careful answer.
    assert_eq!(decide(&default(), &clear(f64::NAN, SLow, ILow), &[]).verdict, PERSON);
}

/// A change to a clear case that makes exactly one guard speak up.
fn guard_cases() -> Vec<(&'static str, Verdict, Facts)> {
    let base = || clear(0.93, SMedium, ILow);
    vec![
        ("stop-switch", PERSON, Facts { stop_switch: true, ..base() }),
        ("nothing-to-do", PERSON, Facts { actions: vec![], ..base() }),
        ("inconclusive", PERSON, Facts { conclusive: false, ..base() }),
        ("unknown-class", PERSON, Facts { class: FailureClass::Unknown, ..base() }),
        ("critical-severity", PERSON, Facts { severity: SCritical, ..base() }),
        ("critical-service", PERSON, Facts { service: "payment".into(), ..base() }),
        ("critical-service", PERSON, Facts { tier: Tier::Critical, ..base() }),
        ("cooldown", PERSON, Facts { seconds_since_last_action: Some(299.9), ..base() }),
        ("deployment-limit", PERSON, Facts { deploys: true, deploys_last_hour: 5, ..base() }),
        ("concurrency", PERSON, Facts { running_actions: 3, ..base() }),
        ("blast-radius", PERSON, Facts { blast_radius: BlastRadius::System, ..base() }),
        ("affected-services", PERSON, Facts { affected_services: 6, ..base() }),
        ("change-freeze", PERSON, Facts { frozen: true, ..base() }),
        ("business-hours", SCHEDULE, Facts { business_hours: true, deploys: true, ..base() }),
        ("flapping", PERSON, Facts { flaps: 3, ..base() }),
        ("circuit-breaker", PERSON, Facts { failed_runs_in_a_row: 2, ..base() }),
        ("already-failed", PERSON, Facts { repeated: true, ..base() }),
    ]
}

#[test]
fn each_guard_alone_holds_a_clear_case_back() {
    let policy = default();
    let calm = decide(&policy, &clear(0.93, SMedium, ILow), &[]);
    assert_eq!(calm.verdict, AUTO);
    assert!(calm.guards.iter().all(|g| !g.fired));
    for (name, verdict, facts) in guard_cases() {
        let ruling = decide(&policy, &facts, &[]);
        let fired: Vec<&str> = ruling.guards.iter().filter(|g| g.fired).map(|g| g.name.as_str()).collect();
        assert_eq!(fired, [name], "{}", ruling.summary);
        assert_eq!(ruling.verdict, verdict, "{}", ruling.summary);
        assert!(ruling.summary.contains(name), "{}", ruling.summary);
    }
    let tested: Vec<&str> = guard_cases().iter().map(|(name, ..)| *name).collect();
    for guard in policy.guards() {
        assert!(tested.contains(&guard.name.as_str()), "the guard {} has no test", guard.name);
        assert!(!guard.why.is_empty());
    }
}

#[test]
fn just_below_its_limit_no_guard_speaks() {
    let facts = Facts {
        seconds_since_last_action: Some(300.0),
        deploys: true,
        deploys_last_hour: 4,
        running_actions: 2,
        blast_radius: BlastRadius::Service,
        affected_services: 5,
        flaps: 2,
        failed_runs_in_a_row: 1,
        service: "payment".into(),
        confidence: 0.95,
        ..clear(0.95, SMedium, ILow)
    };
    let ruling = decide(&default(), &facts, &[]);
    assert!(ruling.guards.iter().all(|g| !g.fired), "{}", ruling.summary);
}

#[test]
fn reasons_show_the_numbers_that_were_seen() {
    let facts = Facts { seconds_since_last_action: Some(12.0), ..clear(0.93, SMedium, ILow) };
    let ruling = decide(&default(), &facts, &[]);
    let cooldown = ruling.guards.iter().find(|g| g.name == "cooldown").unwrap();
    assert_eq!(
        cooldown.reason,
        "holds: seconds_since_last_action < settings.cooldown_s, with seconds_since_last_action = 12, \
         settings.cooldown_s = 300"
    );
    assert_eq!(ruling.retry_after_s, Some(288.0), "only time stands in the way");
    let both = decide(&default(), &Facts { stop_switch: true, ..facts }, &[]);
    assert_eq!(both.retry_after_s, None, "time alone does not lift the stop switch");
    assert_eq!(ruling.facts["seconds_since_last_action"], 12.0);
}

#[test]
fn autonomy_keeps_a_person_in_the_loop_until_it_is_granted() {
    let policy = default();
    let sure = clear(0.93, SMedium, ILow);
    let with = |level| {
        let grants = [AutonomyGrant { service: "checkout".into(), action: "*".into(), level }];
        decide(&policy, &sure, &grants).disposition
    };
    assert_eq!(decide(&policy, &sure, &[]).disposition, Disposition::Proposed, "the default");
    assert_eq!(with(Autonomy::Observe), Disposition::Noted);
    assert_eq!(with(Autonomy::Approve), Disposition::Proposed);
    assert_eq!(with(Autonomy::Auto), Disposition::Started);
    let unsure = decide(&policy, &clear(0.1, SMedium, ILow), &[]);
    assert_eq!(unsure.disposition, Disposition::Escalated, "autonomy never lifts a verdict");
    let auto = [AutonomyGrant { service: "*".into(), action: "*".into(), level: Autonomy::Auto }];
    assert_eq!(decide(&policy, &clear(0.7, SMedium, IMedium), &auto).disposition, Disposition::Scheduled);
}

/// A first repair in the demo: what diagnosis gives at least, fresh history, services that show symptoms.
fn demo_case(class: FailureClass, severity: Severity, impact: Impact, services: u32, deploys: bool) -> Facts {
    let tuning = demo().tuning();
    let parts = Parts {
        analysis: 0.9,
        history: history(None, tuning.history_prior),
        history_count: 0,
        affected_services: services,
        impact,
    };
    let report = confidence(&parts, &Calibration::default());
    Facts {
        confidence: report.calibrated,
        class,
        affected_services: services,
        deploys,
        blast_radius: BlastRadius::Service,
        ..clear(report.raw, severity, impact)
    }
}

#[test]
fn the_demo_repairs_all_ten_faults_the_first_time() {
    use FailureClass::{
        BadConfig, BadRelease, CpuSpin, Crash, CrashLoop, DiskFull, Hang, LogFlood, MemoryLeak,
        SlowDependency,
    };
    let cases = [
        demo_case(Crash, SCritical, IMedium, 3, false),
        demo_case(CrashLoop, SCritical, ILow, 1, false),
        demo_case(Hang, SCritical, IHigh, 3, false),
        demo_case(MemoryLeak, SHigh, ILow, 1, false),
        demo_case(CpuSpin, SHigh, IMedium, 3, false),
        demo_case(SlowDependency, SHigh, IMedium, 3, false),
        demo_case(BadRelease, SHigh, IMedium, 3, true),
        demo_case(BadConfig, SCritical, IHigh, 3, true),
        demo_case(DiskFull, SCritical, IMedium, 3, false),
        demo_case(LogFlood, SMedium, ILow, 3, false),
    ];
    for facts in cases {
        let ruling = decide(&demo(), &facts, &[]);
        assert_eq!(ruling.disposition, Disposition::Started, "{:?}: {}", facts.class, ruling.summary);
    }
}

#[test]
fn the_demo_keeps_its_brakes() {
    let demo = demo();
    let hang = demo_case(FailureClass::Hang, SCritical, IHigh, 3, false);
    for (what, facts) in [
        ("stop", Facts { stop_switch: true, ..hang.clone() }),
        ("failed before", Facts { repeated: true, ..hang.clone() }),
        ("failed in a row", Facts { failed_runs_in_a_row: 2, ..hang.clone() }),
        ("marked critical", Facts { tier: Tier::Critical, ..hang.clone() }),
        ("inconclusive", Facts { conclusive: false, ..hang.clone() }),
        ("just done", Facts { seconds_since_last_action: Some(19.0), ..hang.clone() }),
        ("unlikely", Facts { confidence: 0.5, ..hang.clone() }),
    ] {
        assert_eq!(decide(&demo, &facts, &[]).verdict, PERSON, "{what}");
    }
    // The default policy leaves this one to a person whatever it believes.
    assert_eq!(decide(&default(), &Facts { confidence: 1.0, ..hang }, &[]).verdict, PERSON);
}

#[test]
fn a_back_test_shows_what_another_policy_would_change() {
    let past = [clear(0.75, SHigh, IMedium), clear(0.95, SLow, ILow), clear(0.1, SLow, ILow)];
    let was: Vec<Verdict> = past.iter().map(|f| decide(&default(), f, &[]).verdict).collect();
    let differing = back_test(&demo(), past.iter().zip(was));
    assert_eq!(differing.len(), 1);
    assert_eq!((differing[0].index, differing[0].was, differing[0].now.verdict), (0, PERSON, AUTO));
}

#[test]
fn versions_follow_the_text() {
    assert_eq!(default().version(), default().version());
    assert_ne!(default().version(), demo().version());
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let severities = prop_oneof![Just(SLow), Just(SMedium), Just(SHigh), Just(SCritical)];
    let impacts = prop_oneof![Just(ILow), Just(IMedium), Just(IHigh)];
    let flags = any::<[bool; 7]>();
    (0.0f64..=1.0, severities, impacts, flags, 0u32..8, proptest::option::of(0.0f64..1000.0)).prop_map(
        |(confidence, severity, impact, flag, n, last)| Facts {
            stop_switch: flag[0] && flag[1],
            conclusive: flag[2] || flag[3],
            frozen: flag[1] && flag[4],
            deploys: flag[5],
            business_hours: flag[6],
            tier: if flag[0] { Tier::Critical } else { Tier::Standard },
            affected_services: n,
            flaps: n / 2,
            seconds_since_last_action: last,
            ..clear(confidence, severity, impact)
        },
    )
}

/// Facts with one more guard speaking.
fn with_guard(facts: &Facts, guard: usize) -> Facts {
    let mut more = facts.clone();
    match guard {
        0 => more.stop_switch = true,
        1 => more.frozen = true,
        2 => more.repeated = true,
        3 => more.failed_runs_in_a_row = 9,
        4 => more.flaps = 99,
        5 => more.running_actions = 99,
        6 => more.seconds_since_last_action = Some(0.0),
        7 => more.conclusive = false,
        8 => more.blast_radius = BlastRadius::System,
        9 => more.affected_services = 99,
        10 => (more.deploys, more.deploys_last_hour) = (true, 99),
        _ => (more.deploys, more.business_hours) = (true, true),
    }
    more
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn one_more_guard_never_makes_a_decision_less_careful(facts in any_facts(), guard in 0usize..12) {
        for policy in [default(), demo()] {
            let before = decide(&policy, &facts, &[]);
            let after = decide(&policy, &with_guard(&facts, guard), &[]);
            prop_assert!(after.verdict >= before.verdict, "{} became {}", before.summary, after.summary);
            for fired in after.guards.iter().filter_map(|g| g.verdict) {
                prop_assert!(after.verdict >= fired);
            }
        }
    }

    #[test]
    fn a_back_test_agrees_with_deciding_anew(facts in any_facts()) {
        for policy in [default(), demo()] {
            let verdict = decide(&policy, &facts, &[]).verdict;
            prop_assert!(back_test(&policy, [(&facts, verdict)]).is_empty());
        }
    }

    #[test]
    fn more_confidence_never_makes_a_decision_more_careful(facts in any_facts(), other in 0.0f64..=1.0) {
        for policy in [default(), demo()] {
            let (low, high) = (facts.confidence.min(other), facts.confidence.max(other));
            let careful = decide(&policy, &Facts { confidence: low, ..facts.clone() }, &[]);
            let bold = decide(&policy, &Facts { confidence: high, ..facts.clone() }, &[]);
            prop_assert!(bold.verdict <= careful.verdict, "{} became {}", careful.summary, bold.summary);
        }
    }
}
