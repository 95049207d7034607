//! Shell commands and scripts that behave, and the ledger of what was run.

use std::fs;
use std::path::Path;
use std::time::Duration;

use connect::functions::run::{RunKind, RunPolicy};
use ports::{Actuator, FailureKind, Retry};
use serde_json::{Value, json};

use super::world::{World, call, output, policy, running, until};

/// The fields of a task with more beside them.
fn with(fields: &Value, more: Value) -> Value {
    let mut all = fields.clone();
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    all
}

/// The example of the DSL reference, "Shell Process".
#[tokio::test]
async fn a_shell_command_gets_its_input_and_arguments() {
    let world = World::new();
    let functions = world.open(policy()).await;
    let shell = json!({
        "stdin": "Hello World",
        "command": "input=$(cat)\necho \"STDIN was: $input\"\necho \"ARGS are $1 $2\"\n",
        "arguments": ["Foo", "Bar"]
    });
    let said = output(&functions, "run.shell", "k", shell.clone()).await.unwrap();
    assert_eq!(said, "STDIN was: Hello World\nARGS are Foo Bar\n");
}

#[tokio::test]
async fn each_return_gives_its_part() {
    let world = World::new();
    let functions = world.open(policy()).await;
    let shell = json!({"command": "echo out; echo err >&2; exit $1", "arguments": [0]});
    for (returns, expected) in [
        ("stdout", json!("out\n")),
        ("stderr", json!("err\n")),
        ("code", json!(0)),
        ("all", json!({"code": 0, "stdout": "out\n", "stderr": "err\n"})),
        ("none", Value::Null),
    ] {
        let parameters = with(&shell, json!({"return": returns}));
        assert_eq!(output(&functions, "run.shell", returns, parameters).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_program_that_fails_is_a_failure_unless_its_code_was_asked_for() {
    let world = World::new();
    let functions = world.open(policy()).await;
    let shell = json!({"command": "echo no such table >&2; exit 3"});
    let failure = output(&functions, "run.shell", "a", shell.clone()).await.unwrap_err();
    assert_eq!((failure.kind, failure.status, failure.retry), (FailureKind::Runtime, 500, Retry::Permanent));
    assert_eq!(failure.message, "the program ended with code 3: no such table");
    let code = output(&functions, "run.shell", "b", with(&shell, json!({"return": "code"}))).await;
    assert_eq!(code.unwrap(), 3);
    let killed = json!({"command": "kill -9 $$", "return": "code"});
    assert_eq!(output(&functions, "run.shell", "c", killed).await.unwrap(), 128 + 9);
}

#[tokio::test]
async fn scripts_run_in_both_languages_inline_and_from_a_resource() {
    let world = World::new();
    let functions = world.open(policy()).await;
    // The example of the DSL reference, "Script Process".
    let javascript = "const [_, __, arg0, arg1] = process.argv;\nconsole.log('arg > ', arg0, arg1)\n";
    let script = json!({"language": "javascript", "code": javascript, "arguments": ["hello", "world"]});
    let said = output(&functions, "run.script", "js", script).await.unwrap();
    assert_eq!(said, "arg >  hello world\n");

    let python = "import os, sys\nprint(sys.argv[1], sys.stdin.read().upper(), os.environ['WHERE'])\n";
    let source = json!({"endpoint": "https://scripts.example/greet.py", "content": python});
    let script = json!({
        "language": "python", "source": source, "arguments": [7], "stdin": "quiet", "environment": {"WHERE": "here"}
    });
    let said = output(&functions, "run.script", "py", script).await.unwrap();
    assert_eq!(said, "7 QUIET here\n");

    let script = json!({"language": "js", "code": "process.stdin.on('data', d => process.stdout.write(d))", "stdin": {"a": 1}});
    assert_eq!(output(&functions, "run.script", "json", script).await.unwrap(), "{\"a\":1}");
}

#[tokio::test]
async fn a_program_sees_nothing_of_ours() {
    let world = World::new();
    let functions = world.open(policy()).await;
    // As a careless supervisor would leave one open for us.
    let left_open = fs::File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&left_open, rustix::io::FdFlags::empty()).unwrap();
    let command = format!(
        "env | grep -v '^PWD=' | sort; ls /proc/self/fd | wc -l; test -r {} && echo readable; cat; id -u; umask; \
         echo x > made; ls; grep NoNewPrivs /proc/self/status",
        world.folder.path().join("data").display()
    );
    let shell = json!({"command": command, "environment": {"GIVEN": "yes"}});
    let said = output(&functions, "run.shell", "k", shell.clone()).await.unwrap();
    let lines: Vec<_> = said.as_str().unwrap().lines().collect();
    let is_root = rustix::process::geteuid().is_root();
    let user = if is_root { "65534".to_owned() } else { rustix::process::geteuid().as_raw().to_string() };
    let mut expected = vec!["GIVEN=yes", "PATH=/usr/bin:/bin"];
    // `ls` has the folder that it lists open, beside standard input, output and error.
    expected.push("4");
    if !is_root {
        expected.push("readable");
    }
    expected.extend([user.as_str(), "0077", "made", "NoNewPrivs:\t1"]);
    assert_eq!(lines, expected);
    assert_eq!(fs::read_dir(world.programs()).unwrap().count(), 0, "its folder is gone");
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_before_anything_is_noted() {
    let world = World::new();
    let functions = world.open(RunPolicy { user: policy().user, ..RunPolicy::default() }).await;
    let shell = json!({"command": "true"});
    let failure = output(&functions, "run.shell", "k", shell.clone()).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.status, failure.retry),
        (FailureKind::Authorization, 403, Retry::Permanent)
    );
    assert!(failure.message.contains("`functions.run.allow`"), "{failure}");
    assert_eq!(functions.dry_run(&call("run.shell", "k", shell.clone())).await.unwrap_err(), failure);
    // Somebody allows it: the same call may go on.
    drop(functions);
    let functions = world.open(policy()).await;
    assert_eq!(output(&functions, "run.shell", "k", shell).await.unwrap(), "");
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let world = World::new();
    let functions = world.open(policy()).await;
    for (action, parameters, word) in [
        ("run.shell", json!({"command": "true", "colour": "red"}), "colour"),
        ("run.shell", json!({"language": "js", "code": ""}), "language"),
        ("run.shell", json!({"command": ["hidden-word"]}), "expected a string"),
        ("run.script", json!({"language": "perl", "code": ""}), "perl"),
        ("run.script", json!({"language": "js"}), "`code` or `source`"),
        ("run.shell", json!({"command": "true", "environment": {"A=B": 1}}), "A=B"),
        ("run.shell", json!({"command": "true", "arguments": [{}]}), "argument 1"),
        ("run.shell", json!({"command": "true", "arguments": ["a\u{0}b"]}), "zero byte"),
        ("run.container", json!({"image": "a", "lifetime": {"cleanup": "eventually"}}), "lifetime.after"),
        ("run.container", json!({"image": "a", "ports": {"80": "x"}}), "\"x\""),
    ] {
        let failure = output(&functions, action, "k", parameters.clone()).await.unwrap_err();
        assert_eq!(
            (failure.kind, failure.retry),
            (FailureKind::Validation, Retry::Permanent),
            "{parameters}"
        );
        assert!(failure.message.contains(word), "{parameters}: {failure}");
        assert!(!failure.message.contains("hidden-word"), "{failure}");
    }
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_shows_no_value() {
    let world = World::new();
    let functions = world.open(policy()).await;
    let shell = json!({"command": "login", "arguments": ["hunter2"], "environment": {"TOKEN": "hunter2"}});
    let would = functions.dry_run(&call("run.shell", "k", shell)).await.unwrap();
    assert_eq!(would, "run the shell command `login` with 1 argument");
    let script = json!({"language": "python", "code": "print(1)", "await": false});
    let would = functions.dry_run(&call("run.script", "k", script)).await.unwrap();
    assert_eq!(would, "run a Python script of 8 bytes, without waiting for its end");
}

#[tokio::test]
async fn a_second_call_with_the_same_key_gives_the_first_result() {
    let world = World::new();
    let file = world.shared().join("count");
    let shell =
        json!({"command": "echo x >> \"$1\"; wc -l < \"$1\"", "arguments": [file.display().to_string()]});
    let functions = world.open(policy()).await;
    let (first, second) = tokio::join!(
        output(&functions, "run.shell", "k", shell.clone()),
        output(&functions, "run.shell", "k", shell.clone())
    );
    assert_eq!(first.unwrap(), second.unwrap());
    drop(functions);
    let functions = world.open(policy()).await;
    assert_eq!(output(&functions, "run.shell", "k", shell.clone()).await.unwrap(), "1\n");
    assert_eq!(fs::read_to_string(&file).unwrap(), "x\n");
    // A failure is a result too.
    let fails = json!({"command": "echo x >> \"$1\"; exit 1", "arguments": [file.display().to_string()]});
    for _ in 0..2 {
        let failure = output(&functions, "run.shell", "f", fails.clone()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Runtime);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "x\nx\n");
    let other = output(&functions, "run.shell", "k", fails).await.unwrap_err();
    assert!(other.message.contains("another request"), "{other}");
}

/// A runtime that goes away takes its tasks with it at once, as a crash does: nothing more is noted.
fn crash_while(world: &World, parameters: Value, begun: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let functions = world.open(policy()).await;
        let call = call("run.shell", "k", parameters);
        let work = tokio::spawn(async move { functions.execute(&call).await });
        until("the program began", || begun.exists()).await;
        // Not dropped: a crash does not tidy up.
        std::mem::forget(work);
    });
    runtime.shutdown_timeout(Duration::ZERO);
}

#[tokio::test]
async fn after_a_crash_nothing_is_run_again_in_silence_and_nothing_is_left_running() {
    let world = World::new();
    let begun = world.shared().join("begun");
    let marker = format!("{}", 100_000_000 + u64::from(std::process::id()));
    let command = "echo x >> \"$1\"; sleep \"$2\"";
    let shell = json!({"command": command, "arguments": [begun.display().to_string(), marker.clone()]});
    let (crashed, parameters, file) = (world, shell.clone(), begun.clone());
    let world = tokio::task::spawn_blocking(move || {
        crash_while(&crashed, parameters, &file);
        crashed
    });
    let world = world.await.unwrap();
    until("its processes are gone", || running(&marker) == 0).await;
    let functions = world.open(policy()).await;
    for _ in 0..2 {
        let failure = output(&functions, "run.shell", "k", shell.clone()).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry), (FailureKind::Runtime, Retry::Permanent));
        assert!(failure.message.contains("not known"), "{failure}");
    }
    assert_eq!(fs::read_to_string(&begun).unwrap(), "x\n");
    assert_eq!(fs::read_dir(world.programs()).unwrap().count(), 0, "what the crash left is gone");
}

#[tokio::test]
async fn nobody_waits_for_a_program_that_is_not_awaited() {
    let world = World::new();
    let functions = world.open(policy()).await;
    let go = world.shared().join("go");
    let done = world.shared().join("done");
    let arguments = json!([go.display().to_string(), done.display().to_string()]);
    let command = "until test -e \"$1\"; do sleep 0.02; done; echo > \"$2\"";
    let parameters = json!({"command": command, "arguments": arguments, "await": false});
    // It cannot end before this call returns.
    assert_eq!(output(&functions, "run.shell", "k", parameters).await.unwrap(), Value::Null);
    assert!(!done.exists());
    fs::write(&go, "").unwrap();
    until("it ran to its end", || done.exists()).await;
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_said_to() {
    let world = World::new();
    let functions = world.open(RunPolicy { python: "python-of-nobody".to_owned(), ..policy() }).await;
    let script = json!({"language": "python", "code": ""});
    let failure = output(&functions, "run.script", "k", script).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Configuration);
    assert!(failure.message.contains("python-of-nobody"), "{failure}");
}

#[tokio::test]
async fn a_large_input_goes_through_and_an_unread_one_hangs_nobody() {
    let world = World::new();
    let functions = world.open(policy()).await;
    let large = "x".repeat(3_000_000);
    let counted = json!({"command": "wc -c", "stdin": large.clone()});
    assert_eq!(output(&functions, "run.shell", "a", counted).await.unwrap(), "3000000\n");
    let unread = json!({"command": "echo done", "stdin": large});
    assert_eq!(output(&functions, "run.shell", "b", unread).await.unwrap(), "done\n");
}

#[tokio::test]
async fn only_allowed_kinds_run() {
    let world = World::new();
    let functions = world.open(RunPolicy { allow: vec![RunKind::Python], ..policy() }).await;
    let python = json!({"language": "python", "code": "print(1)"});
    assert_eq!(output(&functions, "run.script", "a", python).await.unwrap(), "1\n");
    let javascript = json!({"language": "js", "code": "console.log(1)"});
    let failure = output(&functions, "run.script", "b", javascript).await.unwrap_err();
    assert!(failure.message.contains("javascript"), "{failure}");
}
