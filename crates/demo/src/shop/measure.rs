//! Measures of a service in the Prometheus text format.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;

use super::app::App;

/// Upper bounds of the duration buckets, in seconds.
const BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// What is counted.
#[derive(Default)]
pub(super) struct Measures {
    requests: Mutex<BTreeMap<(String, u16), Durations>>,
    jobs: Mutex<BTreeMap<(String, &'static str), u64>>,
    pub orders: AtomicU64,
    pub queue_depth: AtomicI64,
}

#[derive(Default)]
struct Durations {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum_s: f64,
}

impl Measures {
    pub(super) fn request(&self, route: &str, status: u16, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let durations = requests.entry((route.to_owned(), status)).or_default();
        let took_s = took.as_secs_f64();
        for (bucket, _) in durations.buckets.iter_mut().zip(BUCKETS).filter(|(_, bound)| took_s <= *bound) {
            *bucket += 1;
        }
        durations.count += 1;
        durations.sum_s += took_s;
    }

    pub(super) fn job(&self, job: &str, status: &'static str) {
        *self
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry((job.to_owned(), status))
            .or_default() += 1;
    }

    fn render(&self, service: &str, spans_dropped: u64) -> String {
        let mut text = String::from(
            "# TYPE http_requests_total counter\n# TYPE http_request_duration_seconds histogram\n",
        );
        let put = |text: &mut String, line: std::fmt::Arguments<'_>| _ = text.write_fmt(line);
        for ((route, status), d) in &*self.requests.lock().unwrap_or_else(PoisonError::into_inner) {
            let labels = format!("route=\"{route}\",status=\"{status}\"");
            put(&mut text, format_args!("http_requests_total{{{labels}}} {}\n", d.count));
            for (bucket, bound) in d.buckets.iter().zip(BUCKETS) {
                put(
                    &mut text,
                    format_args!(
                        "http_request_duration_seconds_bucket{{{labels},le=\"{bound}\"}} {bucket}\n"
                    ),
                );
            }
            put(
                &mut text,
                format_args!("http_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} {}\n", d.count),
            );
            put(&mut text, format_args!("http_request_duration_seconds_sum{{{labels}}} {:.6}\n", d.sum_s));
            put(&mut text, format_args!("http_request_duration_seconds_count{{{labels}}} {}\n", d.count));
        }
        if service == "checkout" {
            put(
                &mut text,
                format_args!(
                    "# TYPE orders_total counter\norders_total {}\n",
                    self.orders.load(Ordering::Relaxed)
                ),
            );
        }
        if service == "worker" {
            put(
                &mut text,
                format_args!(
                    "# TYPE queue_depth gauge\nqueue_depth {}\n# TYPE jobs_total counter\n",
                    self.queue_depth.load(Ordering::Relaxed)
                ),
            );
            for ((job, status), count) in &*self.jobs.lock().unwrap_or_else(PoisonError::into_inner) {
                put(&mut text, format_args!("jobs_total{{job=\"{job}\",status=\"{status}\"}} {count}\n"));
            }
        }
        put(
            &mut text,
            format_args!("# TYPE spans_dropped_total counter\nspans_dropped_total {spans_dropped}\n"),
        );
        text
    }
}

pub(super) async fn show(State(app): State<Arc<App>>) -> ([(&'static str, &'static str); 1], String) {
    ([("content-type", "text/plain; version=0.0.4")], app.measures.render(&app.service, app.tracer.dropped()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let measures = Measures::default();
        measures.request("/orders", 201, Duration::from_millis(30));
        measures.request("/orders", 201, Duration::from_secs(9));
        let text = measures.render("checkout", 3);
        for line in [
            "http_requests_total{route=\"/orders\",status=\"201\"} 2",
            "http_request_duration_seconds_bucket{route=\"/orders\",status=\"201\",le=\"0.025\"} 0",
            "http_request_duration_seconds_bucket{route=\"/orders\",status=\"201\",le=\"0.05\"} 1",
            "http_request_duration_seconds_bucket{route=\"/orders\",status=\"201\",le=\"+Inf\"} 2",
            "orders_total 0",
            "spans_dropped_total 3",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
    }
}
