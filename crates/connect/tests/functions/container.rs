//! Containers on an engine that answers as Docker does.

use std::time::Duration;

use connect::functions::run::{RunFunctions, RunPolicy};
use ports::{Actuator, FailureKind, Retry};
use serde_json::{Value, json};

use super::engine::{Engine, long_ago};
use super::world::{World, call, output, policy, until};

async fn with_engine() -> (World, Engine, RunFunctions) {
    let world = World::new();
    let engine = Engine::start(world.folder.path());
    let functions = world.open(settings(&engine)).await;
    (world, engine, functions)
}

fn settings(engine: &Engine) -> RunPolicy {
    RunPolicy { container_socket: engine.socket.display().to_string(), ..policy() }
}

/// The example of the DSL reference, "Container Process".
#[tokio::test]
async fn a_container_gets_its_input_and_arguments() {
    let (_world, engine, functions) = with_engine().await;
    engine.state.lock().unwrap().registry.push("alpine".into());
    let parameters = json!({
        "image": "alpine",
        "stdin": "Hello World",
        "command": "input=$(cat)\necho \"STDIN was: $input\"\necho \"ARGS are $1 $2\"; echo $WHERE >&2\n",
        "arguments": ["Foo", "Bar"],
        "environment": {"WHERE": "inside"},
        "pullPolicy": "always"
    });
    let mut all = parameters.clone();
    all["return"] = json!("all");
    let said = output(&functions, "run.container", "k", all).await.unwrap();
    let expected =
        json!({"code": 0, "stdout": "STDIN was: Hello World\nARGS are Foo Bar\n", "stderr": "inside\n"});
    assert_eq!(said, expected);
    assert_eq!(engine.state.lock().unwrap().pulls, ["alpine:latest"]);
    engine.only(|made| assert_eq!((made.status, made.starts), ("exited", 1)));
}

#[tokio::test]
async fn what_is_asked_for_is_what_is_created_within_limits() {
    let (_world, engine, functions) = with_engine().await;
    drop(functions);
    let world = World::new();
    let policy = RunPolicy {
        volumes: vec!["/srv".into(), "cache".into()],
        memory_bytes: 1_000_000,
        ..settings(&engine)
    };
    let functions = world.open(policy).await;
    let parameters = json!({
        "image": "alpine",
        "name": "shop-1.test-report",
        "arguments": ["echo", "hi"],
        "ports": {"8080": 80, "8081": "80", "53": "53/udp"},
        "volumes": {"/srv/data": "/data:ro", "cache": "/cache"},
        "lifetime": {"cleanup": "eventually", "after": {"minutes": 30}}
    });
    assert_eq!(output(&functions, "run.container", "k", parameters).await.unwrap(), "hi\n");
    engine.only(|made| {
        assert_eq!(made.name, "shop-1.test-report");
        assert_eq!(made.body["Cmd"], json!(["echo", "hi"]));
        assert_eq!(made.body["Entrypoint"], Value::Null, "the image's own stays");
        let host = &made.body["HostConfig"];
        assert_eq!(host["Binds"], json!(["/srv/data:/data:ro", "cache:/cache"]));
        let loopback = |port: &str| json!({"HostIp": "127.0.0.1", "HostPort": port});
        assert_eq!(host["PortBindings"]["80/tcp"], json!([loopback("8080"), loopback("8081")]));
        assert_eq!(host["PortBindings"]["53/udp"], json!([loopback("53")]));
        assert_eq!((&host["Memory"], &host["PidsLimit"]), (&json!(1_000_000), &json!(64)));
        assert_eq!(host["SecurityOpt"], json!(["no-new-privileges"]));
        assert_eq!(made.body["Labels"]["dev.homeostat.keep_ms"], "1800000");
    });
}

#[tokio::test]
async fn images_are_pulled_as_the_policy_of_the_task_says() {
    let (_world, engine, functions) = with_engine().await;
    engine.state.lock().unwrap().registry.push("registry.example:5000/team/tool".into());
    let image = "registry.example:5000/team/tool";
    let run = |key: &'static str, pull: &'static str| {
        output(&functions, "run.container", key, json!({"image": image, "pullPolicy": pull}))
    };
    let failure = run("a", "never").await.unwrap_err();
    assert!(failure.message.contains("No such image"), "{failure}");
    run("b", "ifNotPresent").await.unwrap();
    run("c", "ifNotPresent").await.unwrap();
    assert_eq!(engine.state.lock().unwrap().pulls, [format!("{image}:latest")]);
    run("d", "always").await.unwrap();
    assert_eq!(engine.state.lock().unwrap().pulls.len(), 2);
    let failure = output(&functions, "run.container", "e", json!({"image": "nothere"})).await.unwrap_err();
    assert!(failure.message.contains("pull access denied"), "{failure}");
}

#[tokio::test]
async fn a_container_is_removed_when_it_should_be() {
    let (_world, engine, functions) = with_engine().await;
    for (key, lifetime, kept) in [
        ("a", json!({"cleanup": "always"}), 0),
        ("b", json!({"cleanup": "never"}), 1),
        ("c", json!({"cleanup": "eventually", "after": "PT1H"}), 2),
    ] {
        let parameters = json!({"image": "alpine", "lifetime": lifetime});
        let said = output(&functions, "run.container", key, parameters).await.unwrap();
        assert_eq!(said, "the image's own command\n");
        assert_eq!(engine.state.lock().unwrap().containers.len(), kept, "{key}");
    }
    // Its hour goes by; whoever opens the functions next looks for such containers.
    for made in engine.state.lock().unwrap().containers.values_mut() {
        made.finished_at = long_ago();
    }
    drop(functions);
    let world = World::new();
    let _functions = world.open(settings(&engine)).await;
    until("the one that is over is removed", || engine.state.lock().unwrap().containers.len() == 1).await;
    engine.only(|made| assert_eq!(made.body["Labels"]["dev.homeostat.keep_ms"], Value::Null));
}

#[tokio::test]
async fn a_container_that_fails_takes_too_long_or_prints_too_much() {
    let (_world, engine, functions) = with_engine().await;
    drop(functions);
    let world = World::new();
    let policy = RunPolicy { wall_ms: 1_500, output_bytes: 10_000, ..settings(&engine) };
    let functions = world.open(policy).await;
    for (key, command, kind, word) in [
        ("a", "echo no such table >&2; exit 3", FailureKind::Runtime, "code 3: no such table"),
        ("b", "sleep 1000", FailureKind::Timeout, "functions.run.wall_ms"),
        ("c", "yes", FailureKind::Runtime, "functions.run.output_bytes"),
    ] {
        let parameters = json!({"image": "alpine", "command": command});
        let failure = output(&functions, "run.container", key, parameters).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry), (kind, Retry::Permanent), "{failure}");
        assert!(failure.message.contains(word), "{failure}");
    }
    until("all of them ended", || {
        engine.state.lock().unwrap().containers.values().all(|c| c.status == "exited")
    })
    .await;
}

/// As a crash does: what was awaited is gone and nothing more is noted.
async fn crash_while(
    world: World,
    engine_socket: String,
    parameters: Value,
    begun: impl Fn() -> bool + Send + 'static,
) -> World {
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let functions = world.open(RunPolicy { container_socket: engine_socket, ..policy() }).await;
            let work =
                tokio::spawn(async move { functions.execute(&call("run.container", "k", parameters)).await });
            until("it began", begun).await;
            std::mem::forget(work);
        });
        runtime.shutdown_timeout(Duration::ZERO);
        world
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn after_a_crash_the_same_container_is_found_again_and_its_result_is_the_first() {
    let world = World::new();
    let engine = Engine::start(world.folder.path());
    let go = world.shared().join("go");
    let command = "until test -e \"$1\"; do sleep 0.02; done; echo done";
    let parameters = json!({
        "image": "alpine", "command": command, "arguments": [go.display().to_string()], "lifetime": {"cleanup": "always"}
    });
    let state = std::sync::Arc::clone(&engine.state);
    let running = move || state.lock().unwrap().containers.values().any(|c| c.status == "running");
    let world = crash_while(world, engine.socket.display().to_string(), parameters.clone(), running).await;
    engine.only(|made| assert_eq!(made.status, "running", "a container outlives us"));
    let functions = world.open(settings(&engine)).await;
    std::fs::write(&go, "").unwrap();
    assert_eq!(output(&functions, "run.container", "k", parameters.clone()).await.unwrap(), "done\n");
    assert_eq!(engine.state.lock().unwrap().removed.len(), 1);
    // And again, now that the container is gone.
    assert_eq!(output(&functions, "run.container", "k", parameters).await.unwrap(), "done\n");
    assert_eq!(engine.state.lock().unwrap().removed.len(), 1);
}

#[tokio::test]
async fn a_container_that_somebody_removed_is_not_run_again_in_silence() {
    let world = World::new();
    let engine = Engine::start(world.folder.path());
    let parameters = json!({"image": "alpine", "command": "sleep 1000"});
    let state = std::sync::Arc::clone(&engine.state);
    let running = move || state.lock().unwrap().containers.values().any(|c| c.status == "running");
    let world = crash_while(world, engine.socket.display().to_string(), parameters.clone(), running).await;
    engine.state.lock().unwrap().containers.clear();
    let functions = world.open(settings(&engine)).await;
    let failure = output(&functions, "run.container", "k", parameters).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (FailureKind::Runtime, Retry::Permanent));
    assert!(failure.message.contains("not known"), "{failure}");
    assert!(engine.state.lock().unwrap().containers.is_empty());
}

#[tokio::test]
async fn an_engine_that_is_not_there_or_refuses_says_so_and_may_be_asked_again() {
    let world = World::new();
    let socket = world.folder.path().join("nothing.sock");
    let functions =
        world.open(RunPolicy { container_socket: socket.display().to_string(), ..policy() }).await;
    let parameters = json!({"image": "alpine"});
    let failure = output(&functions, "run.container", "k", parameters.clone()).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (FailureKind::Communication, Retry::Temporary));
    assert!(failure.message.contains("functions.run.container_socket"), "{failure}");
    drop(functions);

    let engine = Engine::start(world.folder.path());
    let functions = world.open(settings(&engine)).await;
    engine.state.lock().unwrap().instead.push(("POST /v1.47/containers/create", 500, "garbage".into()));
    let failure = output(&functions, "run.container", "k", parameters.clone()).await.unwrap_err();
    assert_eq!((failure.kind, failure.retry), (FailureKind::Runtime, Retry::Temporary), "{failure}");
    assert!(
        output(&functions, "run.container", "k", parameters).await.is_ok(),
        "the same key, once it works again"
    );
    engine.only(|made| assert_eq!(made.starts, 1));
}

#[tokio::test]
async fn an_engine_of_another_age_is_told_apart() {
    let world = World::new();
    let engine = Engine::start(world.folder.path());
    engine.state.lock().unwrap().api_version = Some("1.24");
    let functions = world.open(settings(&engine)).await;
    let failure = output(&functions, "run.container", "k", json!({"image": "alpine"})).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Configuration);
    assert!(failure.message.contains("1.24"), "{failure}");
}

#[tokio::test]
async fn what_is_not_allowed_reaches_no_engine() {
    let world = World::new();
    let functions = world.open(RunPolicy { images: vec!["alpine(:.*)?".into()], ..policy() }).await;
    for (fields, word) in [
        (json!({"image": "alpine.evil"}), "functions.run.images"),
        (json!({"image": "alpine", "volumes": {"/etc": "/etc"}}), "functions.run.volumes"),
    ] {
        let failure = output(&functions, "run.container", "k", fields).await.unwrap_err();
        assert_eq!((failure.kind, failure.retry), (FailureKind::Authorization, Retry::Permanent));
        assert!(failure.message.contains(word), "{failure}");
    }
    let would =
        functions.dry_run(&call("run.container", "k", json!({"image": "alpine:3.20"}))).await.unwrap();
    assert_eq!(would, "run a container of the image alpine:3.20, pulled if it is not there");
}
