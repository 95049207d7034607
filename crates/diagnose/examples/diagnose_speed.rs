//! Measures what diagnosis costs where much runs and little moves: 2,000 services, 200 findings.
//! Run: `cargo run --release -p diagnose --example diagnose_speed`.
#![allow(clippy::print_stdout)]

#[path = "../tests/support/shop.rs"]
mod shop;

use std::time::Instant;

use shop::Shop;

const RUNS: usize = 200;

fn main() {
    let shop = Shop::spread(2_000, 200);
    let topology = shop.topology();
    measure("make the topology", || shop.topology());
    measure("place one finding among 200", || shop.place_last(&topology));
    measure("place 200 findings, one after the other", || shop.grouped().len());
    measure("rank the causes of 200 findings", || shop.diagnose());
}

fn measure<T>(what: &str, work: impl Fn() -> T) {
    let mut times_ms: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(work());
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times_ms.sort_by(f64::total_cmp);
    println!("{what}: p50 {:.3} ms, p99 {:.3} ms", times_ms[RUNS / 2], times_ms[RUNS * 99 / 100]);
}
