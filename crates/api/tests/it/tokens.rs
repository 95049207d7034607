//! API tokens.

use api::Code;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_token_is_shown_once_works_and_can_be_revoked() {
    let world = World::new().await;
    let admin = world.admin().await;
    let ask = json!({"name": " ci ", "role": "operator"});
    let made = world.post("/tokens").token(&admin).json(&ask).send().await.is(201).json();
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("hs_") && secret.len() >= 32, "{secret}");
    assert_eq!(made["token"]["name"], "ci");
    assert!(made["token"]["hash"].is_null());
    world.get("/overview").token(secret).send().await.is(200);

    let list = world.get("/tokens").token(&admin).send().await.is(200);
    assert!(!list.text().contains(secret));
    let id = made["token"]["id"].as_str().unwrap();
    let mine = list.json()["items"].as_array().unwrap().iter().find(|t| t["id"] == id).cloned().unwrap();
    assert!(mine["hash"].is_null(), "{mine}");

    world.delete(&format!("/tokens/{id}")).token(&admin).send().await.is(204);
    world.get("/overview").token(secret).send().await.problem(Code::Unauthenticated);
    world.delete(&format!("/tokens/{id}")).token(&admin).send().await.problem(Code::NotFound);
}

#[tokio::test]
async fn a_token_ends_when_it_says_so() {
    let world = World::new().await;
    let admin = world.admin().await;
    let at = world.app.engine.now().plus_ms(60_000);
    let ask = json!({"name": "short", "role": "viewer", "expires_at": at});
    let made = world.post("/tokens").token(&admin).json(&ask).send().await.is(201).json();
    let secret = made["secret"].as_str().unwrap();
    world.get("/overview").token(secret).send().await.is(200);
    world.advance(60_001);
    world.get("/overview").token(secret).send().await.problem(Code::Unauthenticated);
}

#[tokio::test]
async fn a_token_that_makes_no_sense_is_refused_with_the_place() {
    let world = World::new().await;
    let admin = world.admin().await;
    let check = async |body: Value, at: &str| {
        let problem =
            world.post("/tokens").token(&admin).json(&body).send().await.problem(Code::InvalidRequest);
        assert_eq!(problem["at"], at, "{problem}");
    };
    check(json!({"name": "", "role": "viewer"}), "/name").await;
    check(json!({"name": "x".repeat(101), "role": "viewer"}), "/name").await;
    check(json!({"name": "a\u{7}b\nc", "role": "viewer"}), "/name").await;
    check(json!({"name": "x"}), "/role").await;
    check(json!({"name": "x", "role": "root"}), "/role").await;
    check(json!({"name": "x", "role": "viewer", "expires_at": "2001-01-01T00:00:00Z"}), "/expires_at").await;
    check(json!({"name": "x", "role": "viewer", "expires_at": "soon"}), "/expires_at").await;
    let umlauts = json!({"name": "ü".repeat(100), "role": "viewer"});
    world.post("/tokens").token(&admin).json(&umlauts).send().await.is(201);
}
