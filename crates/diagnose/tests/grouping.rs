//! What becomes one incident and what stays two.

#[path = "support/shop.rs"]
mod shop;

use model::FindingKind::{
    CpuSaturation, DiskFilling, ErrorRate, Latency, MemoryLeak, ProbeFailure, ProcessExit,
};
use model::{ChangeKind, Direction, FindingState};
use shop::{Shop, ahead, finding, traffic};

fn check(shop: &Shop, expected: &[&[&str]]) {
    assert_eq!(shop.incidents(), expected);
}

#[test]
fn faults_of_siblings_are_two_incidents() {
    let shop = Shop::new()
        .see_with(ahead(0, "catalog", MemoryLeak, 20_000))
        .see(500, "checkout", ProcessExit, "ended")
        .see(900, "gateway", ErrorRate, "errors 33 %")
        .see(1_200, "worker", ErrorRate, "errors");
    check(
        &shop,
        &[&["catalog MemoryLeak"], &["checkout ProcessExit", "gateway ErrorRate", "worker ErrorRate"]],
    );
}

#[test]
fn disk_of_checkout_and_slow_payments_are_two() {
    let shop = Shop::new()
        .see_with(ahead(0, "checkout", DiskFilling, 40_000))
        .see(1_000, "payments", Latency, "p95 700 ms")
        .see(1_200, "checkout", Latency, "p95 700 ms");
    let incidents = shop.incidents();
    assert_eq!(incidents.len(), 2, "{incidents:#?}");
}

#[test]
fn a_fault_of_its_own_at_a_victim_is_a_second_incident() {
    let shop = Shop::new()
        .see(0, "payments", Latency, "p95 700 ms")
        .see(300, "checkout", Latency, "p95 710 ms")
        .see(400, "gateway", Latency, "p95 720 ms")
        .see_with(ahead(5_000, "checkout", DiskFilling, 40_000));
    check(&shop, &[&["payments Latency", "checkout Latency", "gateway Latency"], &["checkout DiskFilling"]]);
}

#[test]
fn a_changed_caller_is_not_blamed_on_a_leaking_callee() {
    let shop = Shop::new()
        .change(4_000, "gateway", ChangeKind::Config, "ops")
        .see_with(ahead(0, "catalog", MemoryLeak, 20_000))
        .see(5_000, "gateway", ErrorRate, "errors 68 %");
    check(&shop, &[&["catalog MemoryLeak"], &["gateway ErrorRate"]]);
}

#[test]
fn symptoms_seen_first_are_joined_by_their_cause() {
    let shop = Shop::new()
        .see(0, "gateway", Latency, "p95 700 ms")
        .see(300, "checkout", Latency, "p95 700 ms")
        .see(600, "payments", Latency, "p95 700 ms");
    check(&shop, &[&["gateway Latency", "checkout Latency", "payments Latency"]]);
}

#[test]
fn lost_traffic_belongs_to_the_trouble_that_took_it() {
    let shop = Shop::new()
        .see(0, "gateway", ErrorRate, "errors 68 %")
        .see_with(traffic(800, "catalog", Direction::Down))
        .see_with(traffic(900, "payments", Direction::Down));
    check(&shop, &[&["gateway ErrorRate", "catalog MetricAnomaly", "payments MetricAnomaly"]]);
}

#[test]
fn unconnected_services_stay_apart() {
    let mut shop = Shop::new().see(0, "billing", ProcessExit, "ended").see(10, "search", ErrorRate, "errors");
    shop.graph = model::ServiceGraph::default();
    check(&shop, &[&["billing ProcessExit"], &["search ErrorRate"]]);
}

#[test]
fn what_is_long_over_gathers_nothing_new() {
    let mut over = finding(0, "checkout", ErrorRate, "errors");
    over.state = FindingState::Cleared;
    let shop = Shop::new().see_with(over).see(400_000, "gateway", ErrorRate, "errors");
    check(&shop, &[&["checkout ErrorRate"], &["gateway ErrorRate"]]);
}

#[test]
fn one_rollout_over_two_services_is_one_incident() {
    let mut shop = Shop::new()
        .change(0, "catalog", ChangeKind::Deploy, "ci")
        .change(10, "payments", ChangeKind::Deploy, "ci")
        .see(1_000, "catalog", ErrorRate, "errors")
        .see(1_100, "payments", ErrorRate, "errors");
    for (i, change) in shop.changes.iter_mut().enumerate() {
        change.to = Some("2.0.0".into());
        shop.findings[i].change = Some(change.id.clone());
    }
    check(&shop, &[&["catalog ErrorRate", "payments ErrorRate"]]);
}

#[test]
fn a_busy_neighbour_explains_mild_slowness_and_only_that() {
    let mut mild = finding(500, "gateway", Latency, "p95 90 ms");
    mild.observed = Some(90.0);
    let shop = Shop::new().see(0, "worker", CpuSaturation, "200 %").see_with(mild);
    check(&shop, &[&["worker CpuSaturation", "gateway Latency"]]);
    let shop =
        Shop::new().see(0, "worker", CpuSaturation, "200 %").see(500, "payments", Latency, "p95 750 ms");
    check(&shop, &[&["worker CpuSaturation"], &["payments Latency"]]);
}

#[test]
fn cycles_do_not_hold_grouping_up() {
    let shop = Shop::new()
        .edge("payments", "gateway", 0.0, 3.0)
        .see(0, "gateway", ProbeFailure, "timed out")
        .see(100, "payments", ErrorRate, "errors")
        .see(200, "checkout", ErrorRate, "errors");
    assert_eq!(shop.incidents().len(), 1);
}
