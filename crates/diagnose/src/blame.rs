//! From departures of metrics to the services that they began in.
//!
//! What is wrong with a request adds up along the calls: the seconds that a caller takes longer are seconds that it
//! waits for a callee, the requests that fail at it are requests that failed below. So a caller's excess, times its
//! requests, is put to the account of its callees as far as theirs cover it, and what nobody covers stays with it
//! (the self time of a trace, over totals). Blame starts where trouble was noticed and flows down such accounts; it
//! ends where callees are as usual (Chen et al., CauseInfer, INFOCOM 2014, ask the same without amounts).
//! Without calls nothing flows, and the size of departures decides (as in BARO).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::Timestamp;

use crate::departure::{Departure, mean_at};
use crate::topology::{Node, Topology};
use crate::windows::{Measure, Symptom, Window};

/// Accounts are rough (waiting in parallel, retries): callees that cover two thirds cover all.
const COVERS: f64 = 1.5;
/// A callee whose own time or errors are not measured, but who departed otherwise, may cover so much.
const UNMEASURED: f64 = 0.5;
/// Followed along at most this many calls.
const MAX_HOPS: usize = 8;
/// Less blame than this is not followed.
const LEAST_BLAME: f64 = 1e-3;
/// In spreads: what a place must have departed by to be named, when somebody noticed where it hurts.
const SURE: f64 = 4.0;
/// The same when all series of all services were looked through, of which some always depart a little.
const SURE_OF_MANY: f64 = 6.0;
/// In spreads: what the symptom must show itself at the least.
const SHOWN: f64 = 0.75;
/// Share of the symptom's excess that the place named must cover.
const LEAST_SHARE: f64 = 0.25;

/// A service and what its metrics say of it.
#[derive(Clone, Debug)]
pub(crate) struct Suspect<'a> {
    pub(crate) service: &'a str,
    /// Share of the blame that ends here, 0 to 1.
    pub(crate) blame: f64,
    /// The departure that shows it best.
    pub(crate) main: Departure<'a>,
    /// Share of the symptom's excess that it covers, when both are measured; may pass 1.
    pub(crate) covers: Option<f64>,
}

/// What metrics say of who is at fault.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blame<'a> {
    /// Every service with a metric, the most suspected first.
    pub(crate) suspects: Vec<Suspect<'a>>,
    /// Whether the first stands out from what happens by itself.
    pub(crate) is_sure: bool,
}

impl<'a> Blame<'a> {
    /// Ranks the services that have metrics.
    pub(crate) fn of(windows: &[Window<'a>], symptoms: &[Symptom<'a>], topology: &Topology) -> Self {
        let scene = Scene::new(windows, topology);
        let starts: Vec<&Departure<'a>> = symptoms.iter().filter_map(|s| scene.find(s)).collect();
        if symptoms.is_empty() { scene.without_symptom() } else { scene.from(&starts) }
    }

    /// What is known of a service.
    pub(crate) fn suspect(&self, service: &str) -> Option<&Suspect<'a>> {
        self.suspects.iter().find(|s| s.service == service)
    }
}

/// One service with everything that its metrics show.
struct Place<'a> {
    service: &'a str,
    node: Option<Node>,
    departures: Vec<Departure<'a>>,
    traffic: Option<Window<'a>>,
}

struct Scene<'a, 't> {
    places: Vec<Place<'a>>,
    by_node: BTreeMap<Node, usize>,
    topology: &'t Topology,
}

/// What is followed: one measure, at the instants at which the symptom was worst.
struct Account<'d, 'a> {
    symptom: &'d Departure<'a>,
    measure: Measure,
    near_ms: i64,
    /// Asked often, on many ways.
    told: RefCell<HashMap<usize, Told>>,
}

/// What one service says to an account.
#[derive(Clone, Copy)]
struct Told {
    /// What it shows more than usual, and how sure that is; none when it is not measured.
    excess: Option<(f64, f64)>,
    /// Its requests.
    requests: Option<f64>,
}

impl<'d, 'a> Account<'d, 'a> {
    fn of(symptom: &'d Departure<'a>) -> Option<Self> {
        let measure = symptom.window.measure.told_as();
        let (near_ms, told) = (symptom.pace_ms() / 2, RefCell::default());
        measure.is_of_requests().then_some(Self { symptom, measure, near_ms, told })
    }

    fn at(&self) -> &[Timestamp] {
        &self.symptom.worst
    }
}

impl<'a, 't> Scene<'a, 't> {
    fn new(windows: &[Window<'a>], topology: &'t Topology) -> Self {
        let mut by_service: BTreeMap<&'a str, Vec<Window<'a>>> = BTreeMap::new();
        for window in windows {
            by_service.entry(window.service).or_default().push(*window);
        }
        let place = |(service, mut windows): (&'a str, Vec<Window<'a>>)| {
            windows.sort_by(|a, b| a.metric.cmp(b.metric));
            let traffic = windows.iter().find(|w| w.measure == Measure::Traffic).copied();
            let requests = traffic.and_then(|t| median(t.before));
            let of_trouble = windows.into_iter().filter(|w| w.measure != Measure::Traffic);
            let departures = of_trouble.filter_map(|w| Departure::of(w, requests)).collect();
            Place { service, node: topology.find(service), departures, traffic }
        };
        let places: Vec<Place<'a>> = by_service.into_iter().map(place).collect();
        let by_node = places.iter().enumerate().filter_map(|(i, p)| Some((p.node?, i))).collect();
        Self { places, by_node, topology }
    }

    fn find(&self, symptom: &Symptom<'a>) -> Option<&Departure<'a>> {
        let place = self.places.iter().find(|p| p.service == symptom.service)?;
        place.departures.iter().find(|d| d.window.metric == symptom.metric)
    }

    /// Blame starts at the symptoms.
    fn from(&self, symptoms: &[&Departure<'a>]) -> Blame<'a> {
        let mut blame = vec![0.0; self.places.len()];
        for symptom in symptoms {
            self.start(symptom, 1.0 / symptoms.len() as f64, &mut blame);
        }
        let worst = symptoms
            .iter()
            .max_by(|a, b| a.size.total_cmp(&b.size).then(b.window.service.cmp(a.window.service)));
        let suspects = self.ranked(&blame, worst.copied());
        let shown = worst.is_some_and(|w| w.size >= SHOWN);
        let is_sure = suspects.first().is_some_and(|first| {
            shown
                && first.blame > 0.0
                && first.main.size >= SURE
                && first.covers.is_none_or(|share| share >= LEAST_SHARE)
        });
        Blame { suspects, is_sure }
    }

    /// Nobody noticed where it hurts: every service starts with what it shows itself.
    fn without_symptom(&self) -> Blame<'a> {
        let worst = |p: &Place<'a>| p.departures.iter().map(|d| d.size).fold(0.0, f64::max);
        let total: f64 = self.places.iter().map(worst).sum::<f64>().max(f64::MIN_POSITIVE);
        let mut blame = vec![0.0; self.places.len()];
        for place in &self.places {
            if let Some(main) = place.main(None) {
                self.start(main, main.size.max(0.0) / total, &mut blame);
            }
        }
        let suspects = self.ranked(&blame, None);
        let is_sure = suspects.first().is_some_and(|first| first.main.size >= SURE_OF_MANY);
        Blame { suspects, is_sure }
    }

    fn start(&self, symptom: &Departure<'a>, mass: f64, blame: &mut [f64]) {
        let Some(place) = self.places.iter().position(|p| p.service == symptom.window.service) else {
            return;
        };
        let Some(account) = Account::of(symptom) else {
            blame[place] += mass;
            return;
        };
        self.flow(&account, place, mass, &mut BTreeSet::new(), blame);
    }

    /// Hands blame down to the callees that cover it; the rest stays.
    fn flow(
        &self,
        account: &Account<'_, 'a>,
        at: usize,
        mass: f64,
        way: &mut BTreeSet<usize>,
        blame: &mut [f64],
    ) {
        if mass < LEAST_BLAME || way.len() >= MAX_HOPS {
            blame[at] += mass;
            return;
        }
        way.insert(at);
        let covered = self.covered(account, at, way);
        let total: f64 = covered.iter().map(|(_, share)| share).sum();
        let whole = (1.0 / COVERS).max(total);
        blame[at] += mass * (1.0 - total / whole);
        for (callee, share) in covered {
            self.flow(account, callee, mass * share / whole, way, blame);
        }
        way.remove(&at);
    }

    /// Which callees cover which share of a caller's excess.
    fn covered(&self, account: &Account<'_, 'a>, caller: usize, way: &BTreeSet<usize>) -> Vec<(usize, f64)> {
        let Some(node) = self.places[caller].node else { return Vec::new() };
        let callees = self.topology.callees(node).iter().filter_map(|node| self.by_node.get(node).copied());
        let callees: Vec<usize> = callees.filter(|c| !way.contains(c)).collect();
        let own = self.amount(account, caller, caller).map_or(0.0, |(amount, _)| amount);
        let measured: Vec<(usize, f64)> = callees
            .iter()
            .filter_map(|&c| self.amount(account, c, caller).map(|(amount, sure)| (c, amount * sure)))
            .collect();
        let sum: f64 = measured.iter().map(|(_, amount)| amount).sum();
        // A caller that shows nothing itself hands on by what its callees show.
        let whole = if own > 0.0 { own } else { sum };
        let shares = measured.iter().filter(|_| whole > 0.0).map(|(c, amount)| (*c, amount / whole));
        let silent = callees.iter().filter(|c| self.amount(account, **c, caller).is_none());
        let silent = silent.filter_map(|&c| Some((c, UNMEASURED * self.places[c].main(None)?.doubtless())));
        shares.chain(silent).filter(|(_, share)| *share > 0.0).collect()
    }

    /// What a service shows more than usual of the measure that is followed, times its requests, and how sure that
    /// is; none when it is not measured. Where its requests are not known, it is asked as often as the caller.
    fn amount(&self, account: &Account<'_, 'a>, of: usize, caller: usize) -> Option<(f64, f64)> {
        let (excess, certainty) = self.told(account, of).excess?;
        let times = match self.told(account, caller).requests {
            Some(callers) => self.told(account, of).requests.unwrap_or(callers),
            None => 1.0,
        };
        let amount = excess * times;
        amount.is_finite().then_some((amount, certainty))
    }

    fn told(&self, account: &Account<'_, 'a>, of: usize) -> Told {
        *account.told.borrow_mut().entry(of).or_insert_with(|| {
            let place = &self.places[of];
            let excess = place.measured(account).map(|departure| {
                let excess = departure.excess(account.at(), account.near_ms).unwrap_or(0.0).max(0.0);
                (excess, departure.certainty())
            });
            let requests = place.traffic.and_then(|t| mean_at(t.after, account.at(), account.near_ms));
            Told { excess, requests: requests.filter(|r| *r >= 0.0) }
        })
    }

    fn ranked(&self, blame: &[f64], symptom: Option<&Departure<'a>>) -> Vec<Suspect<'a>> {
        let account = symptom.and_then(Account::of);
        let start = symptom.and_then(|s| self.places.iter().position(|p| p.service == s.window.service));
        let suspects = self.places.iter().enumerate().filter_map(|(i, place)| {
            let main = place.main(account.as_ref().filter(|_| blame[i] > 0.0))?.clone();
            let covers = account.as_ref().zip(start).and_then(|(account, start)| {
                let (own, _) = self.amount(account, start, start).filter(|(own, _)| *own > 0.0)?;
                Some(self.amount(account, i, start)?.0 / own)
            });
            Some(Suspect { service: place.service, blame: blame[i].min(1.0), main, covers })
        });
        let mut suspects: Vec<Suspect<'a>> = suspects.collect();
        suspects.sort_by(|a, b| {
            let by_size = || b.main.size.total_cmp(&a.main.size).then(a.service.cmp(b.service));
            b.blame.total_cmp(&a.blame).then_with(by_size)
        });
        suspects
    }
}

impl<'a> Place<'a> {
    /// The series in which a measure is followed: of the same name as the symptom's, else the one that departed most.
    fn measured(&self, account: &Account<'_, 'a>) -> Option<&Departure<'a>> {
        let same = |d: &&Departure<'a>| d.window.measure.told_as() == account.measure;
        let named =
            self.departures.iter().filter(same).find(|d| d.window.metric == account.symptom.window.metric);
        named.or_else(|| largest(self.departures.iter().filter(same)))
    }

    /// The departure that shows best what is wrong: of the measure followed when it departed, else the largest.
    fn main(&self, account: Option<&Account<'_, 'a>>) -> Option<&Departure<'a>> {
        account.and_then(|account| self.measured(account)).or_else(|| largest(self.departures.iter()))
    }
}

impl Departure<'_> {
    /// Certainty, but nothing below what counts as departed.
    fn doubtless(&self) -> f64 {
        if self.size >= SURE { self.certainty() } else { 0.0 }
    }
}

fn largest<'d, 'a: 'd>(departures: impl Iterator<Item = &'d Departure<'a>>) -> Option<&'d Departure<'a>> {
    departures.max_by(|a, b| a.size.total_cmp(&b.size).then_with(|| b.window.metric.cmp(a.window.metric)))
}

fn median(points: &[model::Point]) -> Option<f64> {
    let mut values: Vec<f64> = points.iter().map(|p| p.value).filter(|v| v.is_finite()).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
