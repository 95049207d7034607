//! Measures one diagnosis with 200 troubled services and 401 findings.
//! Run: `cargo run --release -p diagnose --example diagnose_speed`.
#![allow(clippy::print_stdout)]

#[path = "../tests/support/shop.rs"]
mod shop;

use std::time::Instant;

use model::FindingKind::{ErrorRate, Latency, ProcessExit};
use shop::{Shop, edge, service};

fn main() {
    let mut shop = Shop::new();
    for i in 0..190 {
        for k in 0..3 {
            let to = (i / 10 + 1) * 10 + (i * 7 + k * 3) % 10;
            shop.graph.put(edge(&format!("s{i}"), &format!("s{to}"), 0.0, 10.0));
        }
    }
    shop.services = (0..200).map(|i| service(&format!("s{i}"))).collect();
    for i in 0..200 {
        let name = format!("s{i}");
        shop = shop.see(1_000 + i, &name, ErrorRate, "errors").see(1_100, &name, Latency, "slow");
    }
    shop = shop.see(0, "s195", ProcessExit, "ended by signal 9");
    let mut times_ms: Vec<f64> = (0..200)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(shop.diagnose());
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times_ms.sort_by(f64::total_cmp);
    println!("diagnose: p50 {:.2} ms, p99 {:.2} ms", times_ms[100], times_ms[198]);
}
