//! Programs that want to stay, to fill the machine, or to drown us: they end, whole, and we stay well.

use std::time::{Duration, Instant};

use connect::functions::run::RunPolicy;
use ports::{Actuator, FailureKind, Retry};
use serde_json::{Value, json};

use super::world::{World, call, output, policy, running, until};

/// A number that only processes of this test have in their command line.
fn marker(n: u64) -> String {
    (100_000_000 * n + u64::from(std::process::id())).to_string()
}

fn shell(command: &str, marker: &str) -> Value {
    json!({"command": command, "arguments": [marker]})
}

async fn ends(policy: RunPolicy, parameters: Value, marker: &str, kind: FailureKind, word: &str) {
    let world = World::new();
    let functions = world.open(policy).await;
    let since = Instant::now();
    let failure = output(&functions, "run.shell", "k", parameters).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (kind, Retry::Permanent), "{failure}");
    assert!(failure.message.contains(word), "{failure}");
    assert!(since.elapsed() < Duration::from_secs(40), "{:?}", since.elapsed());
    assert_eq!(running(marker), 0, "nothing of it is left when the call returns");
    assert_eq!(std::fs::read_dir(world.programs()).unwrap().count(), 0);
}

#[tokio::test]
async fn one_that_ignores_sigterm_and_takes_too_long() {
    let marker = marker(2);
    let program = shell("trap '' TERM INT HUP; while :; do sleep \"$1\"; done", &marker);
    let policy = RunPolicy { wall_ms: 300, ..policy() };
    ends(policy, program, &marker, FailureKind::Timeout, "functions.run.wall_ms").await;
}

#[tokio::test]
async fn one_that_ends_in_order_when_told_to() {
    let world = World::new();
    let functions = world.open(RunPolicy { wall_ms: 300, grace_ms: 20_000, ..policy() }).await;
    let file = world.shared().join("tidied");
    let command = "trap 'echo > \"$1\"; exit 0' TERM; while :; do sleep 0.05; done";
    let parameters = shell(command, &file.display().to_string());
    let failure = output(&functions, "run.shell", "k", parameters).await.unwrap_err();
    assert_eq!(
        (failure.kind, file.exists()),
        (FailureKind::Timeout, true),
        "it could tidy up before its end"
    );
}

#[tokio::test]
async fn one_whose_children_leave_its_session_and_outlive_it() {
    let world = World::new();
    let functions = world.open(policy()).await;
    let marker = marker(3);
    // Forks twice, changes session and group, ignores signals, holds our pipes open.
    let command = "(setsid sh -c 'trap \"\" TERM HUP; (setsid sleep '$1' & setsid sleep '$1' &) ; sleep '$1'' &) ; echo out";
    let said = output(&functions, "run.shell", "k", shell(command, &marker)).await.unwrap();
    assert_eq!((said, running(&marker)), (json!("out\n"), 0));
}

#[tokio::test]
async fn one_that_always_moves_on_to_a_new_process() {
    let world = World::new();
    let functions = world.open(RunPolicy { wall_ms: 500, ..policy() }).await;
    let marker = marker(4);
    let chain = "import os, sys\nwhile True:\n  if os.fork(): os._exit(0)\n  os.setsid()\n";
    let command = "python3 -c \"$2\" \"$1\"; sleep 5";
    let parameters = json!({"command": command, "arguments": [marker, chain]});
    let failure = output(&functions, "run.shell", "k", parameters).await.unwrap_err();
    assert_eq!((failure.kind, running(&marker)), (FailureKind::Timeout, 0), "{failure}");
}

#[tokio::test]
async fn a_flood_of_output() {
    for (n, stream) in [(5, "1"), (6, "2")] {
        let marker = marker(n);
        let policy = RunPolicy { output_bytes: 100_000, ..policy() };
        let program = shell(&format!("yes \"$1\" >&{stream}"), &marker);
        ends(policy, program, &marker, FailureKind::Runtime, "functions.run.output_bytes").await;
    }
}

#[tokio::test]
async fn a_fork_bomb() {
    let marker = marker(7);
    let policy = RunPolicy { processes: 40, wall_ms: 2_000, ..policy() };
    let program = shell("bomb() { bomb \"$1\" | bomb \"$1\" & }; bomb \"$1\"; sleep \"$1\"", &marker);
    let world = World::new();
    let functions = world.open(policy).await;
    let failure = output(&functions, "run.shell", "k", program).await.unwrap_err();
    // It is ended by whichever comes first: the count of processes or the time.
    assert!(matches!(failure.kind, FailureKind::Timeout | FailureKind::Runtime), "{failure}");
    assert_eq!(running(&marker), 0);
}

#[tokio::test]
async fn one_that_takes_memory_in_one_process_and_one_that_takes_it_in_many() {
    let world = World::new();
    let functions = world.open(RunPolicy { memory_bytes: 100_000_000, ..policy() }).await;
    let script = json!({"language": "python", "code": "x = bytearray(300_000_000)\nprint(len(x))"});
    let failure = output(&functions, "run.script", "a", script).await.unwrap_err();
    assert!(failure.message.contains("MemoryError"), "{failure}");
    let many = "import os, time\nfor _ in range(8): os.fork()\nx = bytearray(30_000_000)\ntime.sleep(60)\n";
    let script = json!({"language": "python", "code": many.replace("range(8)", "range(3)")});
    let failure = output(&functions, "run.script", "b", script).await.unwrap_err();
    assert!(failure.message.contains("functions.run.memory_bytes"), "{failure}");
}

#[tokio::test]
async fn one_that_burns_cpu_time_alone_and_one_with_many_children() {
    let marker = marker(8);
    let policy = RunPolicy { cpu_s: 1, wall_ms: 120_000, ..policy() };
    let alone = shell("while :; do :; done", &marker);
    ends(policy.clone(), alone, &marker, FailureKind::Runtime, "functions.run.cpu_s").await;
    // Each child stays below the limit; together they do not.
    let many = shell("i=0; while :; do (j=0; while test $j -lt 20000; do j=$((j+1)); done); done", &marker);
    ends(policy, many, &marker, FailureKind::Runtime, "functions.run.cpu_s").await;
}

#[tokio::test]
async fn one_that_writes_a_large_file_or_opens_many() {
    let world = World::new();
    let functions = world.open(RunPolicy { file_bytes: 10_000, open_files: 20, ..policy() }).await;
    let large = json!({"command": "head -c 1000000 /dev/zero > f; stat -c %s f"});
    assert_eq!(output(&functions, "run.shell", "a", large).await.unwrap(), "10000\n");
    let many = json!({"language": "python", "code": "f = [open('/dev/null') for _ in range(100)]"});
    let failure = output(&functions, "run.script", "b", many).await.unwrap_err();
    assert!(failure.message.contains("Too many open files"), "{failure}");
}

#[tokio::test]
async fn one_that_nobody_waits_for_any_more() {
    let world = World::new();
    let functions = std::sync::Arc::new(world.open(policy()).await);
    let marker = marker(9);
    let call = call("run.shell", "k", shell("sleep \"$1\"", &marker));
    let work = {
        let (functions, call) = (std::sync::Arc::clone(&functions), call.clone());
        tokio::spawn(async move { functions.execute(&call).await })
    };
    until("it runs", || running(&marker) > 0).await;
    work.abort();
    // The second call waits for the end of the first and hears how it ended.
    let failure = functions.execute(&call).await.unwrap_err();
    assert!(failure.message.contains("nobody waited"), "{failure}");
    assert_eq!(running(&marker), 0);
}

#[tokio::test]
async fn what_it_leaves_in_its_folder_is_removed_whatever_it_is() {
    let world = World::new();
    let functions = world.open(policy()).await;
    let command = "mkdir -p a/b; ln -s / a/root; chmod 000 a/b; chmod 000 a; \
                   i=0; while test $i -lt 400; do mkdir d && cd d; i=$((i+1)); done; echo \"$1\"";
    assert_eq!(output(&functions, "run.shell", "k", shell(command, "x")).await.unwrap(), "x\n");
    assert_eq!(std::fs::read_dir(world.programs()).unwrap().count(), 0);
}
