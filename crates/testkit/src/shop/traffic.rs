//! Requests: customers arrive in the shape of a day of ten minutes; each request travels through the services
//! that serve it, and leaves the spans and log lines that the real shop leaves.

use model::{InstanceState, Labels, LogLevel, Signal, Span, SpanKind, Timestamp};

use super::fault::{BAD_RELEASE, BAD_REVISION};
use super::{DISK_LIMIT, Fault, START_MS, STEP_MS, Shop};

/// Longest time a call may take.
const TIMEOUT_MS: f64 = 1_800.0;
const DAY_MS: f64 = 600_000.0;
const MEAN_RATE: f64 = 25.0;

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) enum Ask {
    List,
    Product(u64),
    Order,
    Charge,
    Recent,
}

impl Ask {
    fn route(self) -> &'static str {
        match self {
            Self::List => "GET /products",
            Self::Product(_) => "GET /products/{id}",
            Self::Order => "POST /orders",
            Self::Charge => "POST /charges",
            Self::Recent => "GET /orders/recent",
        }
    }
}

/// Where a request stands in its trace.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) trace: String,
    pub(super) parent: Option<String>,
    /// Start, in milliseconds of the simulation.
    pub(super) at: f64,
}

/// What came back: how long it took and the status; 0 for no answer.
type Answer = (f64, u16);

struct Call<'a> {
    service: &'a str,
    instance: &'a str,
    name: String,
    kind: SpanKind,
    place: &'a Place,
    id: String,
    took_ms: f64,
    error: bool,
    peer: Option<&'a str>,
}

impl Shop {
    /// Customers come, and the worker does its jobs.
    pub(super) fn trade(&mut self) {
        let day = std::f64::consts::TAU * self.ms as f64 / DAY_MS;
        let rate = MEAN_RATE * (1.0 + 0.5 * day.sin());
        for _ in 0..self.random.poisson(rate * STEP_MS as f64 / 1_000.0) {
            let at = (self.ms - STEP_MS) as f64 + self.random.between(0.0, STEP_MS as f64);
            let ask = match self.random.below(10) {
                0..=1 => Ask::Order,
                2..=4 => Ask::Product(1 + self.random.below(499)),
                _ => Ask::List,
            };
            let place = Place { trace: self.trace_id(), parent: None, at };
            let (_, status) = self.serve_at("gateway", ask, &place);
            self.failed += u64::from(status == 0 || status >= 500);
        }
        if self.ms % 10_000 == 0 {
            self.settle_orders();
        }
    }

    fn settle_orders(&mut self) {
        let Some(instance) = self.pick("worker") else { return };
        let place = Place { trace: self.trace_id(), parent: None, at: self.ms as f64 };
        let (took, status) = self.call(("worker", &instance), "checkout", Ask::Recent, &place);
        let data = if status == 200 {
            self.log_later("worker", &instance, LogLevel::Info, "settled 20 orders".into(), took, &place);
            "success"
        } else {
            let text = format!("job settle-orders failed after {took:.0} ms: checkout answered {status}");
            self.log_later("worker", &instance, LogLevel::Error, text, took, &place);
            "failure"
        };
        let data = serde_json::json!({"job": "settle-orders", "status": data, "duration_ms": took as u64, "instance": instance});
        self.event("worker", "dev.homeostat.job.finished", data);
    }

    fn pick(&mut self, service: &str) -> Option<String> {
        let unit = self.units.get_mut(service)?;
        let serving: Vec<&str> = unit
            .processes
            .iter()
            .filter(|p| p.state == InstanceState::Running && p.pid.is_some())
            .map(|p| p.name.as_str())
            .collect();
        unit.turn = unit.turn.wrapping_add(1);
        serving.get(unit.turn % serving.len().max(1)).map(|name| (*name).to_owned())
    }

    /// One service calls another.
    fn call(&mut self, (from, instance): (&str, &str), peer: &str, ask: Ask, place: &Place) -> Answer {
        let id = self.span_id();
        let lost = self
            .units
            .get(from)
            .is_some_and(|u| u.revision == BAD_REVISION && u.depends_on.first() == Some(&peer));
        let inner = Place { trace: place.trace.clone(), parent: Some(id.clone()), at: place.at + 0.5 };
        let (took, status) = if lost { (1.0, 0) } else { self.serve_at(peer, ask, &inner) };
        let (took, status) = if took > TIMEOUT_MS { (TIMEOUT_MS, 0) } else { (took + 1.0, status) };
        let error = status == 0 || status >= 500;
        let name = format!("{} {peer}", ask.route().split(' ').next().unwrap_or_default());
        let (kind, peer) = (SpanKind::Client, Some(peer));
        self.span(Call { service: from, instance, name, kind, place, id, took_ms: took, error, peer });
        (took, status)
    }

    fn serve_at(&mut self, service: &str, ask: Ask, place: &Place) -> Answer {
        let Some(instance) = self.pick(service) else { return (0.5, 0) };
        let unit = &self.units[service];
        let process = unit.processes.iter().find(|p| p.name == instance);
        if process.is_some_and(|p| p.has(Fault::Hang)) {
            return (f64::INFINITY, 0);
        }
        let slow = process.is_some_and(|p| p.has(Fault::SlowDependency));
        let wrong = unit.release == BAD_RELEASE || process.is_some_and(|p| p.has(Fault::Errors));
        let fails = wrong && self.random.ratio() < 0.4;
        let id = self.span_id();
        let inner = Place { trace: place.trace.clone(), parent: Some(id.clone()), at: place.at + 1.0 };
        let (own_ms, status) = self.work(service, &instance, ask, fails, &inner);
        let took = own_ms + if slow { self.random.between(650.0, 780.0) } else { 0.0 };
        self.span(Call {
            service,
            instance: &instance,
            name: ask.route().to_owned(),
            kind: SpanKind::Server,
            place,
            id,
            took_ms: took,
            error: status >= 500,
            peer: None,
        });
        let process =
            self.units.get_mut(service).and_then(|u| u.processes.iter_mut().find(|p| p.name == instance));
        if let Some(process) = process {
            process.requests += 1.0;
            process.failures += f64::from(u8::from(status >= 500));
        }
        (took, status)
    }

    fn work(&mut self, service: &str, instance: &str, ask: Ask, fails: bool, place: &Place) -> Answer {
        match service {
            "gateway" => self.forward(instance, ask, place),
            "catalog" => {
                let took = self.random.between(2.0, 8.0);
                let (level, text) = match (fails, ask) {
                    (true, _) => (
                        LogLevel::Error,
                        "listing failed: column \"rank\" does not exist in product index".to_owned(),
                    ),
                    (_, Ask::Product(id)) => (LogLevel::Info, format!("product {id} read")),
                    _ => (LogLevel::Info, format!("listed 12 products of page {}", self.random.below(10))),
                };
                self.log_later(service, instance, level, text, took, place);
                (took, if fails { 500 } else { 200 })
            }
            "checkout" => self.order(instance, ask, fails, place),
            _ => {
                let took = self.random.between(12.0, 35.0);
                let order = self.random.below(1 << 32);
                let (level, text) = if fails {
                    (
                        LogLevel::Error,
                        format!(
                            "charge for order ord_{order:08x} failed: acquirer message version 3 is not supported"
                        ),
                    )
                } else {
                    (
                        LogLevel::Info,
                        format!(
                            "charge of {}.90 EUR for order ord_{order:08x} approved by acquirer north in {took:.0} ms",
                            order % 199
                        ),
                    )
                };
                self.log_later(service, instance, level, text, took, place);
                (took, if fails { 500 } else { 201 })
            }
        }
    }

    fn forward(&mut self, instance: &str, ask: Ask, place: &Place) -> Answer {
        let peer = if matches!(ask, Ask::Order) { "checkout" } else { "catalog" };
        let (took, status) = self.call(("gateway", instance), peer, ask, place);
        let route = match ask {
            Ask::Product(id) => format!("GET /products/{id}"),
            _ => ask.route().to_owned(),
        };
        let (level, text, answer) = match status {
            0 if took >= TIMEOUT_MS => (
                LogLevel::Error,
                format!("{route} failed: {peer} at http://{peer}-1.test did not answer: timeout"),
                504,
            ),
            0 if self.units["gateway"].revision == BAD_REVISION => (
                LogLevel::Error,
                format!("{route} failed: {peer} at http://127.0.0.1:9 did not answer: connection_refused"),
                504,
            ),
            0 => (LogLevel::Error, format!("{route} failed: no instance of {peer} is serving"), 504),
            500.. => (
                LogLevel::Error,
                format!("{route} failed: {peer} answered {status}: no reason given"),
                if status == 507 { 507 } else { 502 },
            ),
            _ => (LogLevel::Info, format!("{route} answered {status} in {took:.0} ms"), status),
        };
        self.log_later("gateway", instance, level, text, took, place);
        (took + 1.0, answer)
    }

    fn order(&mut self, instance: &str, ask: Ask, fails: bool, place: &Place) -> Answer {
        if matches!(ask, Ask::Recent) {
            return (self.random.between(1.0, 4.0), 200);
        }
        let own = self.random.between(2.0, 6.0);
        let (order, customer) = (self.random.below(1 << 32), 1_000 + self.random.below(8_999));
        let head = format!("order ord_{order:08x} of customer {customer}");
        if fails {
            let text = format!("{head} failed: price rule v2 returned no currency for 4990 cents");
            self.log_later("checkout", instance, LogLevel::Error, text, own, place);
            return (own, 500);
        }
        let later = Place { at: place.at + own, ..place.clone() };
        let (paid, status) = self.call(("checkout", instance), "payments", Ask::Charge, &later);
        let took = own + paid + 1.0;
        let full = self.units["checkout"].data_bytes(self.ms) >= DISK_LIMIT;
        let (level, text, answer) = match status {
            0 => (LogLevel::Error, format!("{head} failed: no instance of payments is serving"), 504),
            500.. => (LogLevel::Error, format!("{head} failed: payments answered {status}"), 502),
            _ if full => {
                let why = "cannot write orders.jsonl: no space left in the data folder (quota reached)";
                (LogLevel::Error, format!("{head} failed: {why}"), 507)
            }
            _ => (LogLevel::Info, format!("{head} accepted, total 4990 cents"), 201),
        };
        self.log_later("checkout", instance, level, text, took, place);
        if let Some(unit) = self.units.get_mut("checkout").filter(|_| answer == 201) {
            unit.orders += 1.0;
        }
        (took, answer)
    }

    fn trace_id(&mut self) -> String {
        format!("{:016x}{:016x}", self.random.bits(), self.random.bits())
    }

    fn span_id(&mut self) -> String {
        format!("{:016x}", self.random.bits())
    }

    /// A span is sent when it has ended.
    fn span(&mut self, call: Call<'_>) {
        let ended_ms = (call.place.at + call.took_ms).min(self.ms as f64 + 10_000.0);
        let mut attributes = Labels::from([("instance".to_owned(), call.instance.to_owned())]);
        if let Some(peer) = call.peer {
            attributes.insert("peer.service".into(), peer.to_owned());
        }
        let span = Span {
            service: call.service.to_owned(),
            name: call.name,
            kind: call.kind,
            trace_id: call.place.trace.clone(),
            span_id: call.id,
            parent_span_id: call.place.parent.clone(),
            started_at: Timestamp::from_unix_ms(START_MS + call.place.at as i64),
            duration_us: ((ended_ms - call.place.at).max(0.0) * 1_000.0) as u64,
            error: call.error,
            attributes,
        };
        self.send_at(ended_ms as i64 + 100, Signal::Span(span));
    }

    fn log_later(
        &mut self,
        service: &str,
        instance: &str,
        level: LogLevel,
        text: String,
        took_ms: f64,
        place: &Place,
    ) {
        let at = (place.at + took_ms) as i64;
        self.log_at(at, service, instance, level, text, Some(place.trace.clone()));
    }
}
