//! Prometheus scrapes of one target, with the series `up` and `scrape_duration_seconds` that Prometheus
//! adds too.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use model::{Labels, MetricKind, MetricSeries, Point, Signal, Timestamp};
use receive::Origin;
use receive::prometheus::{self, Format};
use tokio::time::timeout;

use crate::http;
use crate::supervise::{Context, Failure, Poll, Round};

/// Largest exposition that is read.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What to scrape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrapeTarget {
    /// The service it belongs to.
    pub service: String,
    /// The instance, when one is known.
    pub instance: Option<String>,
    /// Where its metrics are.
    pub url: String,
}

/// Scrapes one target.
pub struct Scrape {
    target: ScrapeTarget,
    timeout: Duration,
    client: reqwest::Client,
    source: String,
}

impl Scrape {
    /// A scraper. `client` comes from [`crate::client`]; scrapers share it.
    #[must_use]
    pub fn new(target: ScrapeTarget, timeout: Duration, client: reqwest::Client) -> Self {
        let instance = target.instance.as_deref().unwrap_or("-");
        let source = format!("scrape/{}/{instance}", target.service);
        Self { target, timeout, client, source }
    }

    async fn scrape(&self, now: Timestamp) -> Result<Vec<MetricSeries>, String> {
        let request = self.client.get(&self.target.url).header("accept", prometheus::ACCEPT);
        let mut response = request.send().await.map_err(|error| http::reason(&error))?;
        if !response.status().is_success() {
            return Err(format!("status {}", response.status().as_u16()));
        }
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let format = Format::of(content_type.unwrap_or_default());
        let body = http::body(&mut response, BODY_BYTES_MAX).await?;
        let origin = Origin { service: self.target.service.clone(), instance: self.target.instance.clone() };
        prometheus::parse(&body, format, &origin, now).map_err(|error| error.to_string())
    }

    fn own(&self, name: &str, value: f64, at: Timestamp) -> Signal {
        let instance = self.target.instance.iter().map(|i| ("instance".to_owned(), i.clone()));
        Signal::Metric(MetricSeries {
            service: self.target.service.clone(),
            name: name.to_owned(),
            kind: MetricKind::Gauge,
            labels: instance.collect::<Labels>(),
            points: vec![Point { at, value }],
        })
    }
}

#[async_trait]
impl Poll for Scrape {
    async fn poll(&mut self, context: &Context) -> Result<Round, Failure> {
        let (started, now) = (Instant::now(), context.now());
        let scraped = timeout(self.timeout, self.scrape(now)).await;
        let scraped = scraped.unwrap_or_else(|_| Err("timeout".to_owned()));
        let up = if scraped.is_ok() { 1.0 } else { 0.0 };
        let mut signals = vec![
            self.own("up", up, now),
            self.own("scrape_duration_seconds", started.elapsed().as_secs_f64(), now),
        ];
        let failure = match scraped {
            Ok(series) => {
                signals.extend(series.into_iter().map(Signal::Metric));
                None
            }
            Err(reason) => Some(Failure::temporary(reason)),
        };
        context.deliver(&self.source, signals).await?;
        failure.map_or(Ok(Round::Done), Err)
    }
}
