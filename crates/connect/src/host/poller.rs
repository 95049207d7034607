//! Senses all that a process host knows: its signals, services and metrics, and through its services the
//! probes, scrapes and log tails of every instance, which come and go with the instances.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use model::{Service, Signal};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::client::HostClient;
use super::logs::RemoteTail;
use super::targets::{Target, targets};
use crate::cursor::Cursors;
use crate::probe::Probe;
use crate::scrape::Scrape;
use crate::supervise::{Context, Failure, Pace, Poll, Pollers, Round};
use crate::tail::Tail;

/// Is told of the host's services whenever something about them changed.
pub type OnServices = Arc<dyn Fn(Vec<Service>) + Send + Sync>;

/// How a host and its instances are polled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostSettings {
    /// From one look at the services to the next, in milliseconds.
    pub services_interval_ms: u64,
    /// From one reading of the metrics to the next, in milliseconds.
    pub metrics_interval_ms: u64,
    /// How long the host may hold a request for signals, in milliseconds.
    pub signals_wait_ms: u64,
    /// From one probe of an instance to the next, in milliseconds.
    pub probe_interval_ms: u64,
    /// When a probe has failed, in milliseconds.
    pub probe_timeout_ms: u64,
    /// From one scrape of an instance to the next, in milliseconds.
    pub scrape_interval_ms: u64,
    /// When a scrape has failed, in milliseconds.
    pub scrape_timeout_ms: u64,
    /// From one look at a log file to the next, in milliseconds.
    pub tail_interval_ms: u64,
    /// Most time between two saved positions in a log file, in milliseconds.
    pub tail_save_ms: u64,
    /// How long a starting instance is not probed, in milliseconds.
    pub start_grace_ms: u64,
    /// Whether log files are read through the host's API, because it is on another machine.
    pub remote_logs: bool,
}

impl Default for HostSettings {
    fn default() -> Self {
        Self {
            services_interval_ms: 500,
            metrics_interval_ms: 1_000,
            signals_wait_ms: 10_000,
            probe_interval_ms: 500,
            probe_timeout_ms: 800,
            scrape_interval_ms: 1_000,
            scrape_timeout_ms: 1_000,
            tail_interval_ms: 200,
            tail_save_ms: 1_000,
            start_grace_ms: 5_000,
            remote_logs: false,
        }
    }
}

/// Most signals of one page.
const PAGE: usize = 500;

/// Keeps the pollers of one host.
pub struct HostPoller;

impl HostPoller {
    /// Starts the pollers `host/<name>/services`, `…/signals` and `…/metrics`; the first one starts and
    /// stops those of the instances. They end with `pollers`.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn start(
        name: &str,
        client: Arc<HostClient>,
        settings: HostSettings,
        cursors: Arc<dyn Cursors>,
        pollers: &Pollers,
        on_services: OnServices,
    ) -> Result<(), Failure> {
        let ms = Duration::from_millis;
        let poller = |part: &str| format!("host/{name}/{part}");
        let pace = |interval_ms: u64| Pace {
            // A host that was away for long is looked for often all the same: nothing works without it.
            quarantine: ms(2_000),
            ..Pace::backing_off(ms(interval_ms.max(10)), ms(2_000))
        };
        let signals = Signals {
            source: poller("signals"),
            client: Arc::clone(&client),
            cursors: Arc::clone(&cursors),
            wait: ms(settings.signals_wait_ms),
            after: None,
        };
        pollers.start(&poller("signals"), pace(100), signals);
        let metrics = Metrics { source: poller("metrics"), client: Arc::clone(&client) };
        pollers.start(&poller("metrics"), pace(settings.metrics_interval_ms), metrics);
        let services = Services {
            client,
            probe_client: crate::http::client(false)?,
            scrape_client: crate::http::client(true)?,
            cursors,
            pollers: pollers.clone(),
            on_services,
            told: None,
            polled: BTreeMap::new(),
            actions_known: false,
            settings: settings.clone(),
        };
        pollers.start(&poller("services"), pace(settings.services_interval_ms), services);
        Ok(())
    }
}

/// Long-polls the host's events and changes.
struct Signals {
    source: String,
    client: Arc<HostClient>,
    cursors: Arc<dyn Cursors>,
    wait: Duration,
    after: Option<u64>,
}

#[async_trait]
impl Poll for Signals {
    async fn poll(&mut self, context: &Context) -> Result<Round, Failure> {
        let after = match self.after {
            Some(after) => after,
            None => {
                let saved = self.cursors.load(&self.source).await?;
                saved.and_then(|cursor| cursor.get("after")?.as_u64()).unwrap_or(0)
            }
        };
        self.after = Some(after);
        let page = self.client.signals(after, self.wait, PAGE).await?;
        let waited = page.items.is_empty();
        let signals: Vec<Signal> = page.items.into_iter().map(|item| item.signal).collect();
        context.deliver(&self.source, signals).await?;
        // A host that began a new journal answers with a smaller number: its word counts.
        if page.next != after {
            self.cursors.save(&self.source, json!({ "after": page.next })).await?;
            self.after = Some(page.next);
        }
        // An empty answer came after a long wait, unless the host does not wait: then the interval does.
        Ok(if waited { Round::Done } else { Round::More })
    }
}

/// Reads the host's metrics.
struct Metrics {
    source: String,
    client: Arc<HostClient>,
}

#[async_trait]
impl Poll for Metrics {
    async fn poll(&mut self, context: &Context) -> Result<Round, Failure> {
        let series = self.client.metrics().await?;
        context.deliver(&self.source, series.into_iter().map(Signal::Metric).collect()).await?;
        Ok(Round::Done)
    }
}

/// Watches the services, and starts and stops the pollers of their instances.
struct Services {
    client: Arc<HostClient>,
    probe_client: reqwest::Client,
    scrape_client: reqwest::Client,
    cursors: Arc<dyn Cursors>,
    pollers: Pollers,
    on_services: OnServices,
    settings: HostSettings,
    told: Option<Vec<Service>>,
    polled: BTreeMap<String, Target>,
    actions_known: bool,
}

#[async_trait]
impl Poll for Services {
    async fn poll(&mut self, context: &Context) -> Result<Round, Failure> {
        if !self.actions_known {
            self.client.load_actions().await?;
            self.actions_known = true;
        }
        let services = self.client.services().await.inspect_err(|_| {
            // It may come back as another version.
            self.actions_known = false;
        })?;
        let services: Vec<Service> = services
            .into_iter()
            .map(|service| {
                let host = service.host.clone().or_else(|| Some(self.client.base_url().to_owned()));
                Service { host, ..service }
            })
            .collect();
        self.follow(targets(&services, context.now(), Duration::from_millis(self.settings.start_grace_ms)));
        if self.told.as_ref() != Some(&services) {
            (self.on_services)(services.clone());
            self.told = Some(services);
        }
        Ok(Round::Done)
    }

    async fn close(&mut self, _context: &Context) {
        self.follow(BTreeMap::new());
    }
}

impl Services {
    /// Starts what is new or altered, stops what is gone.
    fn follow(&mut self, wanted: BTreeMap<String, Target>) {
        for name in self.polled.keys().filter(|name| !wanted.contains_key(*name)) {
            self.pollers.stop(name);
        }
        for (name, target) in &wanted {
            if self.polled.get(name) != Some(target) {
                self.start(name, target.clone());
            }
        }
        self.polled = wanted;
    }

    fn start(&self, name: &str, target: Target) {
        let (settings, ms) = (&self.settings, Duration::from_millis);
        match target {
            Target::Probe(target) => {
                let poll = Probe::new(target, ms(settings.probe_timeout_ms), self.probe_client.clone());
                self.pollers.start(name, Pace::steady(ms(settings.probe_interval_ms.max(10))), poll);
            }
            Target::Scrape(target) => {
                let poll = Scrape::new(target, ms(settings.scrape_timeout_ms), self.scrape_client.clone());
                self.pollers.start(name, Pace::steady(ms(settings.scrape_interval_ms.max(10))), poll);
            }
            Target::Tail(target) => {
                let pace = Pace::backing_off(ms(settings.tail_interval_ms.max(10)), ms(2_000));
                let pace = Pace { quarantine: ms(5_000), ..pace };
                let (cursors, save_every) = (Arc::clone(&self.cursors), ms(settings.tail_save_ms));
                if settings.remote_logs {
                    let client = Arc::clone(&self.client);
                    self.pollers.start(name, pace, RemoteTail::new(target, client, cursors, save_every));
                } else {
                    self.pollers.start(name, pace, Tail::new(target, cursors, save_every));
                }
            }
        }
    }
}
