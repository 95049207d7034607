//! Who may do what: every operation against every kind of caller, generated from the OpenAPI document.

use serde_json::{Value, json};

use crate::world::World;

struct Operation {
    method: String,
    path: String,
    role: String,
    has_body: bool,
}

fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(api::openapi()).unwrap();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let role = operation["x-required-role"].as_str();
            let role = role.unwrap_or_else(|| panic!("{method} {path} does not say x-required-role"));
            all.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                role: role.to_owned(),
                has_body: !operation["requestBody"].is_null(),
            });
        }
    }
    all
}

/// A path that leads to nothing, so that an allowed request changes nothing.
fn filled(path: &str) -> String {
    path.replace("{id}", "inc_00000000000000000000000000").replace("{name}", "nothing")
}

async fn status(world: &World, operation: &Operation, token: Option<&str>) -> u16 {
    let mut ask = world.ask(&operation.method, &format!("/api/v1{}", filled(&operation.path)));
    if let Some(token) = token {
        ask = ask.token(token);
    }
    if operation.has_body {
        ask = ask.json(&json!({"nothing": "that fits"}));
    }
    ask.open().await.status().as_u16()
}

#[tokio::test]
async fn every_operation_is_open_to_its_role_and_those_above_alone() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    let ladder = [
        ("viewer", &tokens.viewer),
        ("operator", &tokens.operator),
        ("approver", &tokens.approver),
        ("admin", &tokens.admin),
    ];
    let mut wrong = Vec::new();
    for operation in operations() {
        let mut check = |who: &str, found: u16, wanted: &str| {
            let ok = match wanted {
                "in" => !matches!(found, 401 | 403),
                code => found.to_string() == code,
            };
            if !ok {
                wrong
                    .push(format!("{} {} by {who}: {found}, not {wanted}", operation.method, operation.path));
            }
        };
        let nobody = if operation.role == "none" { "in" } else { "401" };
        check("nobody", status(&world, &operation, None).await, nobody);
        check("a wrong token", status(&world, &operation, Some("hs_wrong")).await, nobody);
        let ingest = match operation.role.as_str() {
            "none" | "ingest" => "in",
            "session" => "401",
            _ => "403",
        };
        check("ingest", status(&world, &operation, Some(&tokens.ingest)).await, ingest);
        let needs = match operation.role.as_str() {
            "none" => Some(0),
            "ingest" => Some(1),
            "session" => None,
            role => Some(ladder.iter().position(|(name, _)| *name == role).expect("a known role")),
        };
        for (rank, (name, token)) in ladder.iter().enumerate() {
            let wanted = match needs {
                None => "401",
                Some(needs) if rank >= needs => "in",
                Some(_) => "403",
            };
            check(name, status(&world, &operation, Some(token)).await, wanted);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_list_of_operations_is_known() {
    let lines: Vec<String> =
        operations().iter().map(|o| format!("{:6} {:34} {}", o.method, o.path, o.role)).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn receivers_and_metrics_have_their_roles_too() {
    let world = World::new().await;
    let tokens = world.tokens().await;
    for path in ["/v1/traces", "/v1/metrics", "/v1/logs"] {
        let check = async |token: Option<&str>, wanted: u16| {
            let mut ask = world.ask("POST", path).json(&json!({}));
            if let Some(token) = token {
                ask = ask.token(token);
            }
            let answer = ask.send().await;
            assert_eq!(answer.status, wanted, "{path} {}", answer.text());
        };
        check(None, 401).await;
        check(Some(&tokens.viewer), 403).await;
        check(Some(&tokens.ingest), 200).await;
        check(Some(&tokens.operator), 200).await;
    }
    world.ask("GET", "/metrics").send().await.is(401);
    world.ask("GET", "/metrics").token(&tokens.ingest).send().await.is(403);
    world.ask("GET", "/metrics").token(&tokens.viewer).send().await.is(200);
}

#[tokio::test]
async fn allowed_actions_say_what_the_asker_may_do_and_why_not() {
    let (incident, decision) = crate::things::proposal(1);
    let path = format!("/incidents/{}", incident.id);
    let ops = vec![engine::records::put(&incident), engine::records::put(&decision)];
    let world = World::with(ops).await;
    let tokens = world.tokens().await;
    let allowed = async |token: &str| -> Vec<(String, bool)> {
        let detail: Value = world.get(&path).token(token).send().await.is(200).json();
        let actions = detail["allowed_actions"].as_array().unwrap().clone();
        for action in &actions {
            assert_eq!(action["allowed"] == false, action["reason"].is_string(), "{action}");
        }
        actions.iter().map(|a| (a["name"].as_str().unwrap().to_owned(), a["allowed"] == true)).collect()
    };
    let named = |flags: [bool; 7]| -> Vec<(String, bool)> {
        ["acknowledge", "resolve", "merge", "split", "explain", "approve", "reject"]
            .map(str::to_owned)
            .into_iter()
            .zip(flags)
            .collect()
    };
    assert_eq!(allowed(&tokens.viewer).await, named([false; 7]));
    assert_eq!(allowed(&tokens.operator).await, named([true, true, true, false, false, false, false]));
    assert_eq!(allowed(&tokens.approver).await, named([true, true, true, false, false, true, true]));
}
