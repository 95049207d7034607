//! Where findings go: by rules, by hand, by structure, by correlation; and what is kept quiet.

use std::collections::BTreeMap;
use std::sync::Arc;

use decide::triage::Triage;
use engine::command::{Asker, Command, Refusal, Reply, Role};
use engine::grouping::{CorrelationMemory, Regroup, Silence, rehearse};
use engine::observation::Observations;
use engine::situation::{Effects, Rules, Situation, Stored};
use model::{
    Actor, CorrelationId, Finding, FindingId, FindingKind, FindingState, Incident, IncidentId, Labels,
    Priority, ServiceGraph, Severity, SilenceId, Subject, Timestamp,
};
use ports::Op;

/// The loop with what it wrote.
struct Play {
    situation: Situation,
    now: Timestamp,
    incidents: BTreeMap<IncidentId, Incident>,
    findings: BTreeMap<FindingId, Finding>,
    memory: Option<CorrelationMemory>,
}

fn start() -> Timestamp {
    Timestamp::parse("2026-11-21T09:00:00Z").unwrap()
}

fn person() -> Asker {
    Asker { actor: Actor::User("ada".into()), role: Role::Operator }
}

fn with_triage(text: &str) -> Rules {
    let triage = Triage::parse(&[("triage.yaml".into(), text.into())]).unwrap();
    Rules { triage: Arc::new(triage), ..crate::bed::rules() }
}

impl Play {
    fn new(rules: Rules) -> Self {
        Self::resumed(rules, Stored::default(), start())
    }

    fn resumed(rules: Rules, stored: Stored, now: Timestamp) -> Self {
        let (situation, effects) = Situation::resume(rules, stored, now);
        let (incidents, findings) = (BTreeMap::new(), BTreeMap::new());
        let mut play = Self { situation, now, incidents, findings, memory: None };
        play.write(effects);
        play
    }

    fn write(&mut self, effects: Effects) {
        for op in effects.ops {
            let Op::Put { kind, body, .. } = op else { continue };
            match kind {
                "incident" => {
                    let incident: Incident = serde_json::from_value(body).unwrap();
                    self.incidents.insert(incident.id.clone(), incident);
                }
                "finding" => {
                    let finding: Finding = serde_json::from_value(body).unwrap();
                    self.findings.insert(finding.id.clone(), finding);
                }
                "correlation" => self.memory = Some(serde_json::from_value(body).unwrap()),
                _ => {}
            }
        }
    }

    /// Lets time pass in ticks of 100 ms.
    fn wait(&mut self, ms: i64) {
        for _ in 0..ms / 100 {
            self.now = self.now.plus_ms(100);
            let effects = self.situation.tick(self.now);
            self.write(effects);
        }
    }

    fn observe(&mut self, seen: Observations) {
        let effects = self.situation.observe(self.now, seen);
        self.write(effects);
    }

    fn calls(&mut self, pairs: &[(&str, &str)]) {
        let mut graph = ServiceGraph::default();
        for (from, to) in pairs {
            graph.declare(from, to);
        }
        self.observe(Observations { graph: Some(graph), ..Observations::default() });
    }

    fn fires(&mut self, mut finding: Finding) -> FindingId {
        finding.started_at = self.now;
        finding.detected_at = self.now;
        finding.last_seen_at = self.now;
        finding.id = FindingId::derive(self.now, &[&finding.detector, &finding.service, &finding.summary]);
        let id = finding.id.clone();
        self.observe(Observations { findings: vec![finding], ..Observations::default() });
        id
    }

    fn clears(&mut self, id: &FindingId) {
        let mut finding = self.findings[id].clone();
        finding.state = FindingState::Cleared;
        finding.last_seen_at = self.now;
        self.observe(Observations { findings: vec![finding], ..Observations::default() });
    }

    fn ask(&mut self, command: Command) -> Result<Reply, Refusal> {
        let (reply, effects) = self.situation.command(self.now, &person(), command)?;
        self.write(effects);
        Ok(reply)
    }

    /// The incident that a finding belongs to.
    fn home(&self, id: &FindingId) -> Option<&Incident> {
        self.incidents.values().find(|i| i.findings.contains(id))
    }

    fn open(&self) -> Vec<&Incident> {
        self.incidents.values().filter(|i| i.is_open()).collect()
    }
}

fn finding(kind: FindingKind, service: &str, subject: Subject) -> Finding {
    Finding {
        id: FindingId::derive(start(), &["replaced"]),
        kind,
        detector: "test".into(),
        service: service.into(),
        instance: None,
        subject,
        state: FindingState::Firing,
        severity: Severity::High,
        score: 0.99,
        direction: None,
        observed: None,
        expected: None,
        started_at: start(),
        detected_at: start(),
        last_seen_at: start(),
        summary: format!("{service} is in trouble"),
        samples: Vec::new(),
        time_to_limit_ms: None,
        quieted: None,
        change: None,
        correlation_id: CorrelationId::derive(start(), &["test"]),
    }
}

/// A fault that nobody else explains.
fn own(service: &str) -> Finding {
    finding(FindingKind::ProcessExit, service, Subject::Process { instance: format!("{service}-1") })
}

fn alert(service: &str, name: &str, labels: &[(&str, &str)]) -> Finding {
    let labels: Labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let subject = Subject::Alert { source: "alertmanager".into(), name: name.into(), labels, url: None };
    let mut alert = finding(FindingKind::Alert, service, subject);
    alert.summary = format!("{name} of {service}");
    alert
}

fn silence_id() -> SilenceId {
    SilenceId::derive(start(), &["s1"])
}

fn silence(when: &str, from: Timestamp, ms: i64) -> Silence {
    Silence {
        id: silence_id(),
        when: when.into(),
        starts_at: from,
        ends_at: from.plus_ms(ms),
        reason: "the disks are replaced".into(),
        by: Actor::User("ada".into()),
        created_at: from,
    }
}

#[test]
fn alerts_of_one_moment_along_a_call_are_one_incident_and_later_ones_another() {
    let mut play = Play::new(crate::bed::rules());
    play.calls(&[("shop", "db"), ("mail", "queue")]);
    let first = play.fires(alert("db", "HighLatency", &[]));
    play.wait(200);
    let second = play.fires(alert("shop", "HighErrorRate", &[]));
    assert!(play.home(&first).is_none(), "alerts are weighed for a moment");
    play.wait(2_500);
    let home = play.home(&first).expect("weighed by now").id.clone();
    assert_eq!(play.home(&second).map(|i| &i.id), Some(&home), "one moment, one call apart");
    assert_eq!(play.home(&second).unwrap().grouping.len(), 2, "each place has its reason");
    // Nothing clears, yet something else begins minutes later on other things.
    play.wait(300_000);
    let third = play.fires(alert("queue", "DiskFull", &[]));
    play.wait(2_500);
    assert_ne!(play.home(&third).map(|i| &i.id), Some(&home));
    assert_eq!(play.open().len(), 2);
}

#[test]
fn an_alert_and_what_was_detected_here_on_one_service_are_one_incident() {
    let mut play = Play::new(crate::bed::rules());
    let own = play.fires(own("db"));
    play.wait(500);
    let alert = play.fires(alert("db", "InstanceDown", &[]));
    play.wait(2_500);
    assert_eq!(play.home(&alert).map(|i| &i.id), play.home(&own).map(|i| &i.id));
    assert_eq!(play.open().len(), 1);
}

#[test]
fn a_silence_keeps_an_incident_from_opening_until_it_ends() {
    let mut play = Play::new(crate::bed::rules());
    let now = play.now;
    play.ask(Command::AddSilence(silence("service == 'db'", now, 60_000))).unwrap();
    let quiet = play.fires(own("db"));
    let loud = play.fires(own("shop"));
    assert!(play.home(&quiet).is_none() && play.home(&loud).is_some());
    let reason = play.findings[&quiet].quieted.clone().unwrap();
    assert!(reason.contains("the disks are replaced"), "{reason}");
    play.wait(58_000);
    assert!(play.home(&quiet).is_none());
    play.wait(4_000);
    assert!(play.home(&quiet).is_some(), "it still fires when the silence ends");
    assert_eq!(play.findings[&quiet].quieted, None);
}

#[test]
fn a_silence_survives_a_restart_and_can_be_ended_early() {
    let stored = Stored { silences: vec![silence("service == 'db'", start(), 600_000)], ..Stored::default() };
    let mut play = Play::resumed(crate::bed::rules(), stored, start());
    let quiet = play.fires(own("db"));
    play.wait(2_000);
    assert!(play.home(&quiet).is_none());
    play.ask(Command::EndSilence(silence_id())).unwrap();
    play.wait(2_000);
    assert!(play.home(&quiet).is_some());
    let again = play.ask(Command::EndSilence(silence_id())).unwrap_err();
    assert!(matches!(again, Refusal::NotFound(_)), "{again}");
}

#[test]
fn a_wrong_silence_is_refused_with_what_to_do() {
    let mut play = Play::new(crate::bed::rules());
    let now = play.now;
    let mut refused = |silence: Silence, word: &str| {
        let error = play.ask(Command::AddSilence(silence)).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    refused(silence("sevice == 'db'", now, 60_000), "Did you mean `service`?");
    refused(silence("service == 'db'", now, 0), "ends_at");
    refused(silence("service == 'db'", now, 400 * 86_400_000), "a year");
    refused(Silence { reason: " ".into(), ..silence("service == 'db'", now, 1_000) }, "say why");
}

#[test]
fn rules_mute_inhibit_group_and_keep_apart() {
    let mut play = Play::new(with_triage(
        "inhibit:
  - {name: node, why: what runs there is down too, source: subject == 'NodeDown', target: subject != 'NodeDown', equal: [labels.node]}
mute:
  - {name: lab, why: nobody uses it, when: labels.env == 'lab'}
group:
  - {name: cluster, why: one cluster fails as one, when: service.startsWith('shard-'), by: [labels.cluster]}
separate:
  - {name: batch, why: jobs are no shop, when: labels.kind == 'batch'}
priority:
  - {name: money, why: payments first, when: service == 'payments', is: p1}
",
    ));
    let node = play.fires(alert("node-a", "NodeDown", &[("node", "a")]));
    let follows = play.fires(alert("shop", "Down", &[("node", "a")]));
    let lab = play.fires(alert("toy", "Down", &[("env", "lab")]));
    play.wait(3_000);
    assert!(play.home(&node).is_some());
    for quiet in [&follows, &lab] {
        assert!(play.home(quiet).is_none() && play.findings[quiet].quieted.is_some());
    }
    let one = play.fires(alert("shard-1", "Slow", &[("cluster", "x")]));
    play.wait(100_000);
    let two = play.fires(alert("shard-2", "Full", &[("cluster", "x")]));
    play.wait(3_000);
    let home = play.home(&one).unwrap().id.clone();
    assert_eq!(play.home(&two).map(|i| &i.id), Some(&home));
    assert!(play.home(&two).unwrap().grouping.iter().any(|why| why.contains("rule cluster")));
    // What is one service to the structure is two incidents by rule.
    let shop = play.fires(own("report"));
    let mut job = own("report");
    job.kind = FindingKind::MetricAnomaly;
    job.subject = Subject::Metric { name: "lag".into(), labels: [("kind".into(), "batch".into())].into() };
    job.summary = "late".into();
    let job = play.fires(job);
    assert_ne!(play.home(&shop).map(|i| &i.id), play.home(&job).map(|i| &i.id));
    let money = play.fires(own("payments"));
    play.wait(1_000);
    assert_eq!(play.home(&money).unwrap().priority, Priority::P1);
}

#[test]
fn what_people_merge_goes_together_the_next_time() {
    let mut play = Play::new(crate::bed::rules());
    let (a, b) = (play.fires(own("db")), play.fires(own("mail")));
    let (from, into) = (play.home(&b).unwrap().id.clone(), play.home(&a).unwrap().id.clone());
    assert_ne!(from, into, "nothing connects them");
    let merge = Command::Regroup(Regroup::Merge { from: from.clone(), into: into.clone() });
    assert_eq!(play.ask(merge.clone()).unwrap(), Reply::Incident(into.clone()));
    assert_eq!(play.home(&b).unwrap().id, into);
    let merged = &play.incidents[&from];
    assert!(!merged.is_open() && merged.findings.is_empty());
    assert_eq!(merged.merged_into.as_ref(), Some(&into));
    let again = play.ask(merge).unwrap_err();
    assert!(matches!(again, Refusal::NotFound(_)), "{again}");
    // The next time, after a restart.
    let memory = play.memory.clone();
    assert!(memory.is_some(), "what was learned is kept");
    let stored = Stored { correlation: memory, ..Stored::default() };
    let mut play = Play::resumed(crate::bed::rules(), stored, play.now.plus_ms(3_600_000));
    let (a, b) = (play.fires(own("db")), play.fires(own("mail")));
    assert_eq!(play.home(&a).unwrap().id, play.home(&b).unwrap().id);
    assert!(play.home(&b).unwrap().grouping[1].contains("people put such findings together"));
}

#[test]
fn what_people_split_stays_apart_the_next_time() {
    let mut play = Play::new(crate::bed::rules());
    play.calls(&[("shop", "db")]);
    let slow = |service: &str| {
        let name = "request_duration_p95_ms".into();
        finding(FindingKind::Latency, service, Subject::Metric { name, labels: Labels::new() })
    };
    let (db, shop) = (play.fires(slow("db")), play.fires(slow("shop")));
    let home = play.home(&db).unwrap().id.clone();
    assert_eq!(play.home(&shop).unwrap().id, home, "slowness travels up");
    let split = |findings| Command::Regroup(Regroup::Split { incident: home.clone(), findings });
    let Reply::Incident(new) = play.ask(split(vec![shop.clone()])).unwrap() else { panic!("no incident") };
    assert_ne!(new, home);
    assert_eq!(play.home(&shop).unwrap().id, new);
    assert_eq!(play.home(&db).unwrap().findings, std::slice::from_ref(&db));
    let all = play.ask(split(vec![db.clone()])).unwrap_err();
    assert!(matches!(all, Refusal::Invalid(_)), "{all}");
    play.clears(&db);
    play.clears(&shop);
    play.wait(30_000);
    assert!(play.open().is_empty());
    let (db, shop) = (play.fires(slow("db")), play.fires(slow("shop")));
    assert_ne!(play.home(&db).unwrap().id, play.home(&shop).unwrap().id);
}

#[test]
fn a_finding_is_moved_and_an_incident_without_findings_is_over() {
    let mut play = Play::new(crate::bed::rules());
    let (a, b) = (play.fires(own("db")), play.fires(own("mail")));
    let (from, to) = (play.home(&b).unwrap().id.clone(), play.home(&a).unwrap().id.clone());
    play.ask(Command::Regroup(Regroup::Move { findings: vec![b.clone()], to: to.clone() })).unwrap();
    assert_eq!(play.home(&b).unwrap().id, to);
    assert_eq!(play.incidents[&from].merged_into.as_ref(), Some(&to));
    let unknown = FindingId::derive(start(), &["nobody"]);
    let error = play.ask(Command::Regroup(Regroup::Move { findings: vec![unknown], to })).unwrap_err();
    assert!(matches!(error, Refusal::NotFound(_)), "{error}");
}

#[test]
fn what_comes_and_goes_is_one_incident_that_ends_after_a_longer_quiet() {
    let mut play = Play::new(crate::bed::rules());
    for _ in 0..3 {
        let id = play.fires(own("db"));
        play.wait(2_000);
        play.clears(&id);
        play.wait(15_000);
        assert!(play.open().is_empty(), "quiet for ten seconds is over");
    }
    let fourth = play.fires(own("db"));
    play.wait(2_000);
    play.clears(&fourth);
    play.wait(60_000);
    let home = play.home(&fourth).unwrap();
    assert!(home.is_open() && home.flapping_since.is_some(), "{home:?}");
    let fifth = play.fires(own("db"));
    assert_eq!(play.home(&fifth).unwrap().id, play.home(&fourth).unwrap().id);
    play.wait(1_000);
    play.clears(&fifth);
    play.wait(130_000);
    assert!(play.open().is_empty());
}

#[test]
fn a_storm_opens_a_bounded_number_of_incidents() {
    let mut play = Play::new(crate::bed::rules());
    for n in 0..200 {
        play.fires(own(&format!("service-{n}")));
    }
    assert_eq!(play.open().len(), 50);
    let most = play.open().into_iter().map(|i| i.findings.len()).max();
    assert_eq!(most, Some(151), "one incident takes the rest");
    // Calm again: the next is an incident of its own.
    play.wait(61_000);
    let later = play.fires(own("late"));
    assert_eq!(play.home(&later).unwrap().findings.len(), 1);
}

#[test]
fn rules_are_rehearsed_on_what_was_before_they_are_armed() {
    let mut play = Play::new(crate::bed::rules());
    let a = play.fires(alert("shard-1", "Slow", &[("cluster", "x")]));
    play.wait(100_000);
    let b = play.fires(alert("shard-2", "Full", &[("cluster", "x")]));
    play.wait(100_000);
    let lab = play.fires(alert("toy", "Down", &[("env", "lab")]));
    play.wait(3_000);
    let findings: Vec<Finding> = play.findings.values().cloned().collect();
    let rules = "group:\n  - {name: cluster, why: one, when: labels.cluster != '', by: [labels.cluster]}\n\
                 mute:\n  - {name: lab, why: nobody uses it, when: labels.env == 'lab'}\n";
    let tried = Triage::parse(&[("new.yaml".into(), rules.into())]).unwrap();
    let rehearsal =
        rehearse(&crate::bed::rules(), Arc::new(tried), Vec::new(), &ServiceGraph::default(), &findings);
    assert_eq!((rehearsal.findings, rehearsal.quieted), (3, 1));
    assert_eq!(rehearsal.incidents_before - rehearsal.incidents_after, 2, "{rehearsal:?}");
    let of = |id: &FindingId| rehearsal.changed.iter().find(|p| p.finding == *id).unwrap();
    assert_eq!(of(&a).becomes, of(&b).becomes);
    assert_ne!(of(&a).was, of(&b).was);
    assert_eq!(of(&lab).becomes, None);
    assert!(of(&lab).why.contains("nobody uses it") && of(&b).why.contains("rule cluster"));
}
