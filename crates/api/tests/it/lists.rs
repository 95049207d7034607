//! Lists: whole, in order, without repetition; filters.

use std::collections::BTreeSet;

use engine::records::put;
use model::IncidentStatus;
use serde_json::Value;

use crate::things::incident;
use crate::world::World;

const COUNT: u32 = 250;

async fn world() -> World {
    let status = |n: u32| if n.is_multiple_of(10) { IncidentStatus::Open } else { IncidentStatus::Resolved };
    let world = World::new().await;
    // Behind the loop's back, which would diagnose the open ones anew.
    world.store.commit((0..COUNT).map(|n| put(&incident(n, status(n)))).collect()).await.unwrap();
    world
}

/// Every page of a list.
async fn walk(world: &World, token: &str, path: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    for _ in 0..1_000 {
        let page = world.get(&format!("{path}{cursor}")).token(token).send().await.is(200).json();
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
    panic!("{path} never ends");
}

#[tokio::test]
async fn pages_of_any_size_show_each_incident_once_and_the_newest_first() {
    let world = world().await;
    let admin = world.admin().await;
    for limit in [1, 7, 50, 249, 250, 1_000] {
        let all = walk(&world, &admin, &format!("/incidents?limit={limit}")).await;
        assert_eq!(all.len(), COUNT as usize, "limit {limit}");
        let ids: BTreeSet<&str> = all.iter().map(|i| i["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), COUNT as usize, "limit {limit} repeats");
        assert!(
            all.windows(2).all(|w| w[0]["opened_at"].as_str() >= w[1]["opened_at"].as_str()),
            "limit {limit}"
        );
    }
}

#[tokio::test]
async fn a_list_that_grows_meanwhile_repeats_and_skips_nothing() {
    let world = world().await;
    let admin = world.admin().await;
    let first = world.get("/incidents?limit=100").token(&admin).send().await.is(200).json();
    world
        .store
        .commit((1_000..1_010).map(|n| put(&incident(n, IncidentStatus::Resolved))).collect())
        .await
        .unwrap();
    let (mut rest, mut next) = (Vec::new(), first["next"].as_str().map(ToOwned::to_owned));
    while let Some(cursor) = next {
        let page = world
            .get(&format!("/incidents?limit=100&cursor={cursor}"))
            .token(&admin)
            .send()
            .await
            .is(200)
            .json();
        rest.extend(page["items"].as_array().unwrap().iter().map(|i| i["id"].clone()));
        next = page["next"].as_str().map(ToOwned::to_owned);
    }
    assert_eq!(rest.len(), 150, "newer ones come before the first page, not into the later ones");
    assert!(first["items"].as_array().unwrap().iter().all(|i| !rest.contains(&i["id"])));
}

#[tokio::test]
async fn filters_hold_alone_and_together() {
    let world = world().await;
    let admin = world.admin().await;
    let check = async |query: &str, wanted: &dyn Fn(u32) -> bool| {
        let all = walk(&world, &admin, &format!("/incidents?limit=40{query}")).await;
        let found: BTreeSet<String> = all.iter().map(|i| i["title"].as_str().unwrap().to_owned()).collect();
        let wanted: BTreeSet<String> =
            (0..COUNT).filter(|n| wanted(*n)).map(|n| format!("incident {n}")).collect();
        assert_eq!(found, wanted, "{query}");
        assert_eq!(all.len(), wanted.len(), "{query}");
    };
    check("", &|_| true).await;
    check("&status=open", &|n| n % 10 == 0).await;
    check("&status=active", &|n| n % 10 == 0).await;
    check("&status=resolved", &|n| n % 10 != 0).await;
    check("&status=verifying", &|_| false).await;
    check("&service=service-3", &|n| n % 5 == 3).await;
    check("&severity=high", &|n| n % 2 == 0).await;
    check("&severity=low&status=resolved&service=service-1", &|n| n % 2 == 1 && n % 5 == 1).await;
    check("&service=none", &|_| false).await;
    check("&service=%27%20OR%201%3D1", &|_| false).await;
}

#[tokio::test]
async fn the_overview_counts_what_the_list_shows() {
    let world = world().await;
    let admin = world.admin().await;
    let overview = world.get("/overview").token(&admin).send().await.is(200).json();
    assert_eq!(overview["incidents"]["open"], 25);
    assert_eq!(overview["incidents"]["by_severity"]["high"], 25);
    assert!(overview["recent"].as_array().unwrap().len() <= 30);
    assert_eq!(overview["environment"], "development");
}

#[tokio::test]
async fn the_audit_log_is_paged_from_its_newest_row() {
    let world = World::new().await;
    let admin = world.admin().await;
    for n in 0..23 {
        let body = serde_json::json!({"engaged": n % 2 == 0, "reason": format!("{n}")});
        world.put("/stop-switch").token(&admin).json(&body).send().await.is(200);
    }
    let all = walk(&world, &admin, "/audit?limit=5").await;
    let rows: Vec<u64> = all.iter().map(|r| r["sequence"].as_u64().unwrap()).collect();
    assert_eq!(rows, (1..=23).rev().collect::<Vec<_>>());
    let beyond = world.get("/audit?cursor=18446744073709551615").token(&admin).send().await;
    beyond.problem(api::Code::InvalidRequest);
}
