//! The customers: requests at the gateway, arriving at random in the shape of a day.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use host::Host;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::random::Random;

/// How long a customer waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// Most requests under way; more arrivals are turned away and count as failed.
const MOST_OPEN: usize = 300;

/// What the customers asked for and got since the world began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// Requests sent and ended.
    pub requests: u64,
    /// Of these, how many the customer saw fail: status 5xx, no answer in 2 s, or no connection.
    pub failures: u64,
    /// Of these, orders.
    pub orders: u64,
    /// The rate the load aims at now, in requests a second.
    pub target_rate: f64,
}

pub(super) struct Load {
    host: Host,
    client: reqwest::Client,
    random: Random,
    requests: AtomicU64,
    failures: AtomicU64,
    orders: AtomicU64,
    target_millirate: AtomicU64,
    open: AtomicUsize,
    stopped: AtomicBool,
}

/// Rate at a time of the day: half as much at night, half as much again at noon.
fn rate(mean: f64, day_s: u64, elapsed_s: f64) -> f64 {
    mean * (1.0 + 0.5 * (std::f64::consts::TAU * elapsed_s / day_s as f64).sin())
}

impl Load {
    pub(super) fn new(host: Host, client: reqwest::Client) -> Self {
        let zero = AtomicU64::default;
        Self {
            host,
            client,
            random: Random::new(),
            requests: zero(),
            failures: zero(),
            orders: zero(),
            target_millirate: zero(),
            open: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            requests: self.requests.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            orders: self.orders.load(Ordering::Relaxed),
            target_rate: self.target_millirate.load(Ordering::Relaxed) as f64 / 1_000.0,
        }
    }

    pub(super) async fn run(self: Arc<Self>, mean: f64, day_s: u64) {
        let began = Instant::now();
        let mut next = tokio::time::Instant::now();
        while !self.stopped.load(Ordering::Relaxed) {
            let rate = rate(mean, day_s, began.elapsed().as_secs_f64());
            self.target_millirate.store((rate * 1_000.0) as u64, Ordering::Relaxed);
            next += Duration::from_secs_f64(self.random.arrival_s(rate).min(10.0));
            tokio::time::sleep_until(next).await;
            if self.open.fetch_add(1, Ordering::Relaxed) >= MOST_OPEN {
                self.ended(false);
                continue;
            }
            let load = Arc::clone(&self);
            tokio::spawn(async move {
                let ok = load.visit().await;
                load.ended(ok);
            });
        }
    }

    fn ended(&self, ok: bool) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        if self.stopped.load(Ordering::Relaxed) {
            return;
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.failures.fetch_add(u64::from(!ok), Ordering::Relaxed);
    }

    /// One request of a customer; true when it was served, a declined card included.
    async fn visit(&self) -> bool {
        let Some(address) =
            self.host.service("gateway").and_then(|s| s.instances.into_iter().find_map(|i| i.address))
        else {
            return false;
        };
        let request = match self.random.between(0, 10) {
            0..=1 => {
                self.orders.fetch_add(1, Ordering::Relaxed);
                let body = json!({"customer": self.random.between(1_000, 9_999), "cents": self.random.between(990, 19_900)});
                self.client.post(format!("http://{address}/orders")).json(&body)
            }
            2..=4 => self.client.get(format!("http://{address}/products/{}", self.random.between(1, 500))),
            _ => self.client.get(format!("http://{address}/products")),
        };
        match request.timeout(PATIENCE).send().await {
            Ok(response) => response.status().as_u16() < 500 && response.bytes().await.is_ok(),
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_has_a_noon_and_a_night_around_the_mean() {
        assert_eq!(
            (rate(20.0, 600, 0.0), rate(20.0, 600, 150.0), rate(20.0, 600, 450.0)),
            (20.0, 30.0, 10.0)
        );
    }
}
