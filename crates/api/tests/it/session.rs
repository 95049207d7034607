//! Signing in and out.

use api::Code;
use engine::command::Role;
use serde_json::{Value, json};

use crate::world::{Answer, PASSWORD, World};

const MINUTE_MS: i64 = 60_000;

async fn sign_in(world: &World, body: &Value) -> Answer {
    world.post("/session").json(body).send().await
}

fn right() -> Value {
    json!({"username": "admin", "password": PASSWORD})
}

fn wrong(name: &str) -> Value {
    json!({"username": name, "password": "guess"})
}

/// Cookie and CSRF token of an answer.
fn keys(answer: &Answer) -> (String, String) {
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    (cookie, answer.json()["csrf_token"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_password_opens_a_session_until_sign_out() {
    let world = World::new().await;
    let answer = sign_in(&world, &right()).await.is(200);
    assert_eq!(answer.json()["user"], json!({"name": "admin", "role": "admin"}));
    let may = answer.json()["permissions"].as_array().unwrap().clone();
    assert!(may.contains(&json!("update_workflow")) && may.contains(&json!("get_run")), "{may:?}");
    let set = answer.header("set-cookie").to_owned();
    for flag in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
        assert!(set.contains(flag), "{set}");
    }
    let (cookie, csrf) = keys(&answer);
    let seen = world.get("/session").header("cookie", &cookie).send().await.is(200).json();
    assert_eq!(seen["csrf_token"], csrf);
    world.get("/overview").header("cookie", format!("other=1; {cookie}; more=2")).send().await.is(200);

    world.delete("/session").header("cookie", &cookie).send().await.problem(Code::CsrfFailed);
    let gone =
        world.delete("/session").header("cookie", &cookie).header("x-csrf-token", &csrf).send().await.is(204);
    assert!(gone.header("set-cookie").contains("Max-Age=0"));
    world.get("/session").header("cookie", &cookie).send().await.problem(Code::Unauthenticated);
    world.get("/overview").header("cookie", &cookie).send().await.problem(Code::Unauthenticated);
}

#[tokio::test]
async fn a_mutation_with_a_cookie_needs_its_csrf_token_and_one_with_a_token_does_not() {
    let world = World::new().await;
    let (cookie, csrf) = keys(&sign_in(&world, &right()).await.is(200));
    let (_, other_csrf) = keys(&sign_in(&world, &right()).await.is(200));
    let body = json!({"engaged": true, "reason": "test"});
    let ask = || world.put("/stop-switch").json(&body);
    ask().header("cookie", &cookie).send().await.problem(Code::CsrfFailed);
    ask().header("cookie", &cookie).header("x-csrf-token", "").send().await.problem(Code::CsrfFailed);
    ask()
        .header("cookie", &cookie)
        .header("x-csrf-token", &other_csrf)
        .send()
        .await
        .problem(Code::CsrfFailed);
    ask().header("cookie", &cookie).header("x-csrf-token", &csrf).send().await.is(200);
    ask().token(&world.admin().await).send().await.is(200);
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_look_alike() {
    let world = World::new().await;
    let detail = |answer: Answer| answer.problem(Code::Unauthenticated)["detail"].clone();
    let known = detail(sign_in(&world, &wrong("admin")).await);
    let unknown = detail(sign_in(&world, &wrong("nobody")).await);
    assert_eq!(known, unknown);
}

#[tokio::test]
async fn guessing_must_wait_longer_each_time_and_success_forgives() {
    let world = World::new().await;
    for _ in 0..5 {
        sign_in(&world, &wrong("admin")).await.problem(Code::Unauthenticated);
    }
    for wait_s in [1, 2, 4, 8] {
        world.advance(wait_s * 1_000);
        sign_in(&world, &wrong("admin")).await.problem(Code::Unauthenticated);
    }
    let refused = sign_in(&world, &right()).await;
    let problem = refused.problem(Code::TooManyAttempts);
    let retry_after: i64 = refused.header("retry-after").parse().unwrap();
    assert!((2..=16).contains(&retry_after), "{retry_after}");
    assert_eq!(problem["retry_after_s"], retry_after);
    world.advance(retry_after * 1_000);
    sign_in(&world, &right()).await.is(200);
    sign_in(&world, &wrong("admin")).await.problem(Code::Unauthenticated);
    sign_in(&world, &right()).await.is(200);
}

#[tokio::test]
async fn guesses_sent_at_once_do_not_get_around_the_wait() {
    let world = World::new().await;
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let ask = world.post("/session").json(&wrong("admin"));
        all.spawn(async move { ask.send().await.status });
    }
    let answers = all.join_all().await;
    let guesses = answers.iter().filter(|s| **s == 401).count();
    assert!((5..=7).contains(&guesses), "{guesses} guesses were looked at: {answers:?}");
    assert!(answers.iter().all(|s| matches!(s, 401 | 429)), "{answers:?}");
}

#[tokio::test]
async fn the_same_person_may_sign_in_many_times_at_once() {
    let world = World::new().await;
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let ask = world.post("/session").json(&right());
        all.spawn(async move { ask.send().await.is(200).header("set-cookie").to_owned() });
    }
    let cookies: std::collections::BTreeSet<String> = all.join_all().await.into_iter().collect();
    assert_eq!(cookies.len(), 12, "each has a session of its own");
}

#[tokio::test]
async fn a_session_ends_by_itself_and_is_swept() {
    let world = World::new().await;
    let (cookie, _) = keys(&sign_in(&world, &right()).await.is(200));
    world.advance(12 * 60 * MINUTE_MS - 5_000);
    world.get("/session").header("cookie", &cookie).send().await.is(200);
    world.advance(10_000);
    world.get("/session").header("cookie", &cookie).send().await.problem(Code::Unauthenticated);
    world.get("/overview").header("cookie", &cookie).send().await.problem(Code::Unauthenticated);
    world.app.auth.sweep(world.app.engine.now()).await.unwrap();
    assert_eq!(world.store.count(&ports::Query::of("session")).await.unwrap(), 0);
}

#[tokio::test]
async fn a_ticket_works_once_and_not_for_long() {
    let world = World::new().await;
    let now = world.app.engine.now();
    let ticket = world.app.auth.ticket("admin", now);
    sign_in(&world, &json!({"ticket": ticket})).await.is(200);
    sign_in(&world, &json!({"ticket": ticket})).await.problem(Code::Unauthenticated);
    let late = world.app.auth.ticket("admin", now);
    world.advance(15 * MINUTE_MS + 1);
    sign_in(&world, &json!({"ticket": late})).await.problem(Code::Unauthenticated);
}

#[tokio::test]
async fn a_sign_in_that_is_none_says_what_is_missing() {
    let world = World::new().await;
    let check = async |body: Value, wanted: &str| {
        let problem = sign_in(&world, &body).await.problem(Code::InvalidRequest);
        assert!(problem["detail"].as_str().unwrap().contains(wanted), "{problem}");
        assert!(problem["at"].is_string(), "{problem}");
    };
    check(json!({"username": "admin"}), "the password is missing").await;
    check(json!({"password": "x"}), "the username is missing").await;
    check(json!({}), "either username and password, or a ticket").await;
    check(json!({"username": "admin", "password": "x", "ticket": "y"}), "either username").await;
    check(json!({"username": 5, "password": "x"}), "invalid type").await;
    check(json!([]), "").await;
}

#[tokio::test]
async fn hostile_names_are_refused_like_any_other_and_are_not_written_down() {
    let world = World::new().await;
    let token = world.admin().await;
    for name in
        ["n".repeat(500_000), "ad\u{0}min\n\u{1b}[31m".into(), "hunter2-typed-as-name".into(), String::new()]
    {
        sign_in(&world, &wrong(&name)).await.problem(Code::Unauthenticated);
    }
    sign_in(&world, &json!({"username": "admin", "password": "p".repeat(500_000)}))
        .await
        .problem(Code::Unauthenticated);
    let audit = world.get("/audit").token(&token).send().await.is(200).text();
    assert!(!audit.contains("hunter2") && !audit.contains("nnnn") && !audit.contains("min\\n"), "{audit}");
    assert!(audit.contains("session.refused") && audit.contains("unknown"), "{audit}");
}

#[tokio::test]
async fn no_answer_and_no_audit_row_shows_a_secret() {
    let world = World::new().await;
    let admin = world.admin().await;
    let signed_in = sign_in(&world, &right()).await.is(200);
    let (cookie, csrf) = keys(&signed_in);
    let cookie_value = cookie.split_once('=').unwrap().1.to_owned();
    assert!(!signed_in.text().contains(&cookie_value), "the cookie is for the browser alone");
    sign_in(&world, &json!({"username": "admin", "password": "wrong-secret"})).await.is(401);
    let made = world
        .post("/tokens")
        .token(&admin)
        .json(&json!({"name": "ci", "role": "viewer"}))
        .send()
        .await
        .is(201);
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    let mut seen = String::new();
    for path in
        ["/audit?limit=1000", "/tokens", "/overview", "/status", "/policy", "/autonomy", "/stop-switch"]
    {
        seen += &world.get(path).token(&admin).send().await.is(200).text();
    }
    seen += &world.ask("GET", "/metrics").token(&admin).send().await.is(200).text();
    for secret in [PASSWORD, "wrong-secret", &cookie_value, &csrf, &secret, &admin, "argon2", "\"hash\":\"\""]
    {
        assert!(!seen.contains(secret), "{secret} is in an answer");
    }
    let feed = world.store.changes(0, 1_000).await.unwrap();
    assert!(
        !feed.iter().any(|c| c.id.contains(&secret) || c.id.contains(&cookie_value)),
        "ids hold hashes only"
    );
}

#[tokio::test]
async fn an_account_that_is_gone_ends_its_sessions() {
    let world = World::new().await;
    let now = world.app.engine.now();
    world.app.auth.set_user("eve", Role::Viewer, "pass-of-eve", now).await.unwrap();
    let body = json!({"username": "eve", "password": "pass-of-eve"});
    let (cookie, _) = keys(&sign_in(&world, &body).await.is(200));
    let gone = ports::Op::Delete { kind: "user", id: "eve".into(), expected: ports::Expected::Any };
    world.store.commit(vec![gone]).await.unwrap();
    world.get("/session").header("cookie", &cookie).send().await.problem(Code::Unauthenticated);
}
