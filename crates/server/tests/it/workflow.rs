//! `homeostat workflow` as people and programs meet it: against a real server, by what it prints and ends with.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Server, binary, free_port, http, wait_for};

/// Waits for a person, tells people, keeps what it was given.
const ASKS: &str = "do:
  - ask: {call: approve, with: {message: 'Shall I go on?', self_approval: true}}
  - tell: {call: notify, with: {message: 'went on'}}
";
const BREAKS: &str = r#"do:
  - check: {set: {fine: '${ if .broken then error("it is broken") else true end }'}}
  - last: {set: {ended: true}}
"#;

/// What a command printed, and the code it ended with.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    #[track_caller]
    fn json(self) -> Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    /// It failed, and says so on standard error only.
    #[track_caller]
    fn failed(self, code: i32, why: &str) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(self.err.contains(why), "{}", self.err);
    }
}

struct World {
    server: Server,
    dir: TempDir,
}

impl World {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut server = Server::new(dir.path(), free_port(), "");
        server.start();
        server.wait_ready();
        Self { server, dir }
    }

    fn say(&self, arguments: &[&str]) -> Said {
        self.say_with(arguments, "")
    }

    fn say_with(&self, arguments: &[&str], input: &str) -> Said {
        let mut child = binary()
            .arg("workflow")
            .args(arguments)
            .env("XDG_STATE_HOME", self.dir.path().join("state"))
            .current_dir(self.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn write(&self, name: &str, version: &str, rest: &str) -> PathBuf {
        let text = format!(
            "document: {{dsl: '1.0.3', namespace: mine, name: {name}, version: '{version}'}}\n{rest}"
        );
        let file = self.dir.path().join(format!("{name}.yaml"));
        std::fs::write(&file, text).unwrap();
        file
    }

    fn save(&self, name: &str, version: &str, rest: &str) {
        let file = self.write(name, version, rest);
        let text = self.say(&["save", path(&file)]).ok();
        assert!(text.contains(&format!("Stored mine.{name}:{version}")), "{text}");
    }

    /// Starts a run and gives its id.
    fn begin(&self, name: &str, input: &Value) -> String {
        let started = self.say(&["run", name, "--input", &input.to_string(), "--json"]).json();
        started["id"].as_str().unwrap().to_owned()
    }

    fn until(&self, run: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait_for("a run to be as wanted", Duration::from_secs(30), || {
            let detail = self.say(&["show", run, "--json"]).json();
            wanted(&detail).then_some(detail)
        })
    }
}

fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}

#[test]
fn documents_are_checked_drawn_stored_and_listed() {
    let world = World::start();
    let good = world.write("asks", "1.0.0", ASKS);
    let bad = world.write("bad", "1.0.0", "do:\n  - one:\n      sett: {x: 1}\n");
    assert!(world.say(&["validate", path(&good)]).ok().contains("mine.asks:1.0.0 is fine, 2 tasks"));
    let both = world.say(&["validate", path(&good), path(&bad)]);
    assert!(both.out.contains("is fine"), "the good one is told of too: {}", both.out);
    both.failed(1, "bad.yaml:4:7: ");
    world.say(&["validate", path(&bad)]).failed(1, "did you mean `set`?");
    let told = world.say(&["validate", "--json", path(&good)]).json();
    assert_eq!((&told[0]["valid"], &told[0]["workflow"]), (&json!(true), &json!("mine.asks:1.0.0")));
    let read = std::fs::read_to_string(&good).unwrap();
    assert!(world.say_with(&["validate", "-"], &read).ok().contains("is fine"));
    world.say(&["validate"]).failed(2, "<FILES>");
    world.say(&["validate", "none.yaml"]).failed(1, "none.yaml");

    assert!(world.say(&["diagram", path(&good)]).ok().starts_with("flowchart"));
    assert!(world.say(&["diagram", "restart-service"]).ok().contains("process.restart"));
    let graph = world.say(&["diagram", path(&good), "--json"]).json();
    assert!(graph["nodes"].as_array().is_some_and(|n| n.len() >= 2), "{graph}");

    world.save("asks", "1.0.0", ASKS);
    world.save("asks", "1.1.0", ASKS);
    let clash = world.write("asks", "1.1.0", "do: []\n");
    world.say(&["save", path(&clash)]).failed(1, "raise `version`");
    world.say(&["save", path(&bad)]).failed(1, "bad.yaml:4:7");
    let list = world.say(&["list"]).ok();
    assert!(list.contains("mine.asks") && list.contains("restart-service"), "{list}");
    let list = world.say(&["list", "--json"]).json();
    let own = list["items"].as_array().unwrap().iter().find(|w| w["id"] == "mine.asks").unwrap();
    assert_eq!((&own["version"], &own["versions"]), (&json!("1.1.0"), &json!(2)));
    assert!(world.say(&["show", "mine.asks:1.0.0"]).ok().contains("version: '1.0.0'"));
    assert!(world.say(&["show", "restart-service"]).ok().contains("```yaml workflow"));
    world.say(&["show", "mine.none"]).failed(1, "there is no workflow \"mine.none\"");
    world.say(&["show", "../../healthz?x"]).failed(1, "there is no workflow");
    assert!(world.say(&["delete", "mine.asks"]).ok().contains("Deleted"));
    world.say(&["delete", "restart-service"]).failed(1, "nobody wrote");
}

#[test]
fn runs_are_started_looked_at_and_followed() {
    let world = World::start();
    world.save("breaks", "1.0.0", BREAKS);
    let plan = world.say(&["run", "restart-service", "--dry-run", "--input", r#"{"service": "shop"}"#]).ok();
    assert!(plan.contains("process.restart") && plan.contains("verify"), "{plan}");
    assert!(world.say(&["runs"]).ok().contains("No runs."), "a dry run starts nothing");

    let good = world.say(&["run", "mine.breaks", "--wait"]).ok();
    assert!(good.contains("completed") && good.contains(r#"output: {"ended":true}"#), "{good}");
    let bad = world.say(&["run", "mine.breaks", "--wait", "--input", r#"{"broken": true}"#]);
    assert!(bad.out.contains("faulted") && bad.out.contains("it is broken"), "{}", bad.out);
    bad.failed(1, "is faulted, not completed; `homeostat workflow show run_");
    let machine = world.say(&["run", "mine.breaks", "--wait", "--json"]).json();
    assert_eq!((&machine["status"], &machine["output"]), (&json!("completed"), &json!({"ended": true})));

    std::fs::write(world.dir.path().join("input.json"), r#"{"n": 7}"#).unwrap();
    let once = ["run", "mine.breaks", "--input", "@input.json", "--key", "nightly", "--json"];
    let first = world.say(&once).json();
    assert_eq!(world.say(&once).json(), first, "equal keys start one run");
    let id = first["id"].as_str().unwrap();
    let shown = world.until(id, |d| d["status"] == "completed");
    assert_eq!(shown["input"]["n"], 7);
    let early = world.say(&["show", id, "--at", "1", "--json"]).json();
    assert_eq!((&early["at"], &early["steps"]), (&json!(1), &json!([])));
    let logs = world.say(&["logs", id, "--follow"]).ok();
    assert!(logs.lines().count() >= 1 && logs.lines().all(|line| line.starts_with("     ")), "{logs}");
    assert!(logs.lines().next().unwrap().starts_with("     2  "), "numbers end in one column: {logs}");
    for line in world.say(&["logs", id, "--json"]).ok().lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap()["sequence"].is_u64(), "{line}");
    }

    let page = world.say(&["runs", "--status", "faulted", "--json"]).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    let some = world.say(&["runs", "--limit", "2"]);
    assert!(some.err.contains("There are more"), "{}", some.err);
    world.say(&["runs", "--status", "sleeping"]).failed(1, "sleeping");
    world.say(&["run", "mine.none"]).failed(1, "`homeostat workflow list` shows what there is");
    world.say(&["run", "mine.breaks", "--input", "{"]).failed(1, "--input is no JSON");
    world.say(&["run", "mine.breaks", "--input", "[1]"]).failed(1, "must be a JSON object");
    world.say(&["show", "run_00000000008z6rxppe80vgsyka"]).failed(1, "`GET /api/v1/runs` lists runs");
    world.say(&["logs", "run_00000000008z6rxppe80vgsyka"]).failed(1, "there is no run");
    world.say(&["list", "--url", "http://127.0.0.1:1"]).failed(1, "is it running?");
    world.say(&["list", "--token", "hs_wrong"]).failed(1, "unauthenticated");
}

#[test]
fn runs_are_steered() {
    let world = World::start();
    world.save("asks", "1.0.0", ASKS);
    world.save("breaks", "1.0.0", BREAKS);
    let asks = |d: &Value| d["waits_for"] == "a person's approval";

    let run = world.begin("mine.asks", &json!({"service": "shop"}));
    world.until(&run, asks);
    assert!(world.say(&["show", &run]).ok().contains("homeostat workflow approvals"));
    assert!(world.say(&["pause", &run, "--reason", "look"]).ok().contains("Held before its next call."));
    world.until(&run, |d| d["status"] == "suspended");
    world.say(&["pause", &run]).failed(1, "already");
    assert_eq!(world.say(&["resume", &run, "--json"]).json(), json!({"done": true}));
    let table = world.say(&["approvals"]).ok();
    assert!(table.contains("Shall I go on?"), "{table}");
    let approvals = world.say(&["approvals", "--json"]).json();
    let question = approvals["items"][0]["id"].as_str().unwrap();
    assert!(world.say(&["approve", question, "--note", "yes"]).ok().contains("Approved."));
    world.until(&run, |d| d["status"] == "completed");
    world.say(&["reject", question]).failed(1, "already");
    assert!(world.say(&["approvals"]).ok().contains("No run waits for an answer."));
    assert!(world.say(&["approvals", "--all"]).ok().contains("approved"));

    let refused = world.begin("mine.asks", &json!({}));
    world.until(&refused, asks);
    let approvals = world.say(&["approvals", "--json"]).json();
    let question = approvals["items"][0]["id"].as_str().unwrap();
    world.say(&["reject", question, "--note", "not now"]).ok();
    world.until(&refused, |d| d["status"] == "faulted" && d["error"].as_str().unwrap().contains("not now"));

    let broken = world.begin("mine.breaks", &json!({"broken": true}));
    world.until(&broken, |d| d["status"] == "faulted");
    world.say(&["retry", &broken]).ok();
    world.until(&broken, |d| d["status"] == "faulted" && d["steps"].as_array().unwrap().len() == 2);
    world.say(&["skip", &broken]).failed(2, "--reason");
    world.say(&["retry", &broken, "--step", "77"]).failed(1, "77");
    world.say(&["skip", &broken, "--reason", "harmless"]).ok();
    world.until(&broken, |d| d["status"] == "completed");

    let old = world.begin("mine.asks", &json!({}));
    world.until(&old, asks);
    world.save("asks", "2.0.0", ASKS);
    world.say(&["migrate", &old, "--to", "9.9.9"]).failed(1, "there is no workflow");
    world.say(&["migrate", &old]).ok();
    world.until(&old, |d| d["version"] == "2.0.0");
    assert!(world.say(&["cancel", &old]).ok().contains("being undone"));
    world.until(&old, |d| d["status"] == "cancelled");
    world.say(&["cancel", &old]).failed(1, "it is over");
}

#[test]
fn everything_of_a_scope_is_held_and_schedules_rest() {
    let world = World::start();
    world.save("asks", "1.0.0", ASKS);
    world.save("nightly", "1.0.0", "schedule: {cron: '0 3 * * *'}\ndo: [one: {set: {x: 1}}]\n");
    assert!(world.say(&["holds"]).ok().contains("Nothing is held."));
    world.say(&["pause"]).failed(2, "<ID");
    world.say(&["pause", "--workflow", "mine.asks", "--reason", "drill"]).ok();
    let holds = world.say(&["holds"]).ok();
    assert!(holds.contains("mine.asks") && holds.contains("drill"), "{holds}");
    let run = world.begin("mine.asks", &json!({"service": "shop"}));
    world.until(&run, |d| {
        d["waits_for"].as_str().is_some_and(|w| w.contains("the hold on") && w.contains("drill"))
    });
    world.say(&["resume", "--workflow", "mine.asks"]).ok();
    world.until(&run, |d| d["waits_for"] == "a person's approval");
    let other = world.begin("mine.asks", &json!({"service": "shop"}));
    world.until(&other, |d| d["waits_for"] == "a person's approval");
    world.say(&["runs", "--then", "cancel"]).failed(1, "say which runs");
    let told = world.say(&["runs", "--service", "shop", "--then", "cancel", "--reason", "drill"]).ok();
    assert!(told.contains("2 of 2 done, 0 refused."), "{told}");
    world.until(&other, |d| d["status"] == "cancelled");
    let told = world.say(&["runs", "--service", "shop", "--then", "pause"]).ok();
    assert!(told.contains("0 of 2 done, 2 refused.") && told.contains("it is over"), "{told}");

    let table = world.say(&["schedules"]).ok();
    assert!(table.contains("mine.nightly") && table.contains("0 3 * * *"), "{table}");
    assert!(world.say(&["schedules", "mine.nightly", "--enabled", "false"]).ok().contains("No run is due."));
    let on = world.say(&["schedules", "mine.nightly", "--enabled", "true", "--json"]).json();
    assert!(on["next"].is_string(), "{on}");
    world.say(&["schedules", "mine.none", "--enabled", "true"]).failed(1, "there is no schedule");
    world.say(&["schedules", "--enabled", "true"]).failed(2, "WORKFLOW");

    let viewer = http()
        .post(format!("{}/api/v1/tokens", world.server.url()))
        .header("authorization", format!("Bearer {}", world.server.token()))
        .header("content-type", "application/json")
        .send(json!({"name": "looks", "role": "viewer", "ingest": false}).to_string());
    let made: Value = serde_json::from_str(&viewer.unwrap().body_mut().read_to_string().unwrap()).unwrap();
    let token = made["secret"].as_str().unwrap_or_else(|| panic!("{made}"));
    world.say(&["runs", "--token", token]).ok();
    world.say(&["pause", "--all", "--token", token]).failed(1, "code forbidden");
}
