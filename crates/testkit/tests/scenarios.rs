//! Every script in `scenarios/` plays as its golden transcript says. `UPDATE_GOLDEN=1` writes the transcripts anew.

use std::path::{Path, PathBuf};

use testkit::{Script, demo_patience, play, rules};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(name: &str) -> Script {
    let file = root().join(format!("scenarios/{name}.txt"));
    let text =
        std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("cannot read {}: {e}", file.display()));
    Script::parse(&format!("scenarios/{name}.txt"), &text).unwrap_or_else(|e| panic!("{e}"))
}

fn check(name: &str) {
    let script = read(name);
    let rules = rules(&root(), &script.policies, script.autonomy, demo_patience()).unwrap();
    let played = play(&script, &rules);
    let told = format!("# {}\n{}", script.title, played.transcript);
    let golden = root().join(format!("scenarios/{name}.golden"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &told).unwrap();
    }
    assert!(played.broken.is_empty(), "{name}: {:#?}\n{told}", played.broken);
    let expect = std::fs::read_to_string(&golden).unwrap_or_default();
    let first = expect.lines().zip(told.lines()).position(|(a, b)| a != b);
    assert!(
        expect == told,
        "{name} plays differently from line {} on (UPDATE_GOLDEN=1 writes it anew):\n{told}",
        first.unwrap_or(expect.lines().count().min(told.lines().count())) + 1
    );
}

macro_rules! scenarios {
    ($($test:ident = $name:literal;)*) => {
        $(#[test] fn $test() { check($name); })*

        #[test]
        fn every_script_is_played() {
            let played = [$($name),*];
            let folder = std::fs::read_dir(root().join("scenarios")).unwrap();
            let mut forgotten: Vec<String> = folder
                .map(|e| e.unwrap().file_name().into_string().unwrap())
                .filter(|f| f.ends_with(".txt") && !played.contains(&f.trim_end_matches(".txt")))
                .collect();
            forgotten.sort();
            assert!(forgotten.is_empty(), "add these to the list in this file: {forgotten:?}");
        }
    };
}

scenarios! {
    crash = "crash";
    crash_loop = "crash-loop";
    hang = "hang";
    memory_leak = "memory-leak";
    cpu_spin = "cpu-spin";
    slow_dependency = "slow-dependency";
    bad_release = "bad-release";
    bad_config = "bad-config";
    disk_full = "disk-full";
    log_flood = "log-flood";
    two_faults_at_once = "two-faults";
    a_proposal_waits_for_a_person = "propose";
    a_refused_proposal_is_a_persons_to_fix = "reject";
    the_stop_switch_stops_automation = "stop-switch";
    the_same_fault_soon_again_waits_for_the_cooldown = "cooldown";
    a_fix_that_does_not_hold_leads_to_the_next_then_to_a_person = "stubborn";
    a_kill_while_the_cooldown_holds_a_repair_back = "restart-in-cooldown";
    a_kill_in_the_middle_of_a_run = "restart";
    a_kill_between_deciding_and_calling = "restart-before-call";
    a_kill_between_calling_and_the_answer = "restart-after-call";
    a_host_that_does_not_answer_at_first = "host-away";
    a_healthy_hour = "healthy-hour";
    an_unclear_cause_calls_a_person = "inconclusive";
    a_small_oddity_wakes_nobody = "small-oddity";
}

#[test]
fn a_script_that_cannot_be_read_says_where() {
    let say = |text: &str| Script::parse("x.txt", text).unwrap_err().to_string();
    assert_eq!(say("at 3s fault crsh on checkout\nrun until 9s"), "x.txt:1: there is no fault \"crsh\"");
    assert_eq!(say("# nothing\n"), "x.txt:1: the script never ends: say `run until 120s`");
    assert_eq!(say("run until 9.01s"), "x.txt:1: \"9.01s\" is not a multiple of 50ms");
}
