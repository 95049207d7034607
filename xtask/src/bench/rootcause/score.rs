//! Which services the diagnosis of a case names, and how often the right one is among the first.

use std::collections::BTreeMap;

use diagnose::{Input, Measure, Settings, Symptom, Topology, Window, World, diagnose};
use model::{IncidentId, ServiceGraph, Timestamp};
use serde_json::{Map, Value, json};

use super::read::{AllSeries, Case};

/// Services named for a case, the most probable first; none when the diagnosis names nothing.
pub(super) fn judge(case: &Case) -> Vec<String> {
    named(&case.series, &case.calls, case.symptom.as_ref())
}

/// As the product diagnoses, without findings.
pub(super) fn named(
    series: &AllSeries,
    calls: &[(String, String)],
    symptom: Option<&(String, String)>,
) -> Vec<String> {
    let mut observed = ServiceGraph::default();
    for (caller, callee) in calls {
        observed.declare(caller, callee);
    }
    let services = BTreeMap::new();
    let topology = Topology::new(&observed, &services);
    let windows: Vec<Window<'_>> = series
        .iter()
        .map(|((service, metric), (before, after))| Window {
            service,
            metric,
            measure: Measure::of(metric),
            before,
            after,
        })
        .collect();
    let symptoms: Vec<Symptom<'_>> =
        symptom.map(|(service, metric)| Symptom { service, metric }).into_iter().collect();
    // Scores ask for the first five.
    let settings = Settings { max_causes: 5, ..Settings::default() };
    let incident = IncidentId::derive(Timestamp::ZERO, &["bench"]);
    let diagnosis = diagnose(&Input {
        at: Timestamp::ZERO,
        incident: &incident,
        findings: Vec::new(),
        world: World {
            topology: &topology,
            observed: &observed,
            services: &services,
            changes: (&[], &[]),
            settings: &settings,
        },
        windows: &windows,
        symptoms: &symptoms,
        past: &[],
        request_rates: &BTreeMap::new(),
    });
    diagnosis.causes.into_iter().map(|cause| cause.service).collect()
}

/// How often the right service is among the first k.
#[derive(Clone, Default)]
pub(super) struct Hits {
    pub(super) cases: usize,
    /// By k - 1.
    hits: [usize; 5],
}

impl Hits {
    fn take(&mut self, place: Option<usize>) {
        self.cases += 1;
        for k in place.unwrap_or(5).min(5)..5 {
            self.hits[k] += 1;
        }
    }

    /// AC@k.
    pub(super) fn at(&self, k: usize) -> f64 {
        self.hits[k - 1] as f64 / self.cases.max(1) as f64
    }

    /// Mean of AC@1 to AC@5.
    pub(super) fn avg5(&self) -> f64 {
        (1..=5).map(|k| self.at(k)).sum::<f64>() / 5.0
    }
}

/// All cases by what they count for.
#[derive(Default)]
pub(super) struct Score {
    plain: Hits,
    calls: Hits,
    groups: BTreeMap<(bool, String), Hits>,
}

impl Score {
    /// Counts a case; `place` of the right service, from 0.
    pub(super) fn take(&mut self, case: &Case, place: Option<usize>) {
        let calls = super::has_calls(case);
        self.groups.entry((calls, case.group.clone())).or_default().take(place);
        if calls { self.calls.take(place) } else { self.plain.take(place) }
    }

    /// Rows of the table.
    pub(super) fn rows(&self) -> Vec<(String, &Hits)> {
        let groups = self.groups.iter().map(|((_, name), hits)| (format!("  {name}"), hits));
        let all = [("without calls".to_owned(), &self.plain), ("with calls".to_owned(), &self.calls)];
        all.into_iter().filter(|(_, hits)| hits.cases > 0).chain(groups).collect()
    }

    /// The keys of the bench.
    pub(super) fn to_json(&self) -> Map<String, Value> {
        let mut all = Map::new();
        if self.plain.cases > 0 {
            all.insert("sockshop_ac1".into(), json!(self.plain.at(1)));
            all.insert("sockshop_ac3".into(), json!(self.plain.at(3)));
            all.insert("sockshop_avg5".into(), json!(self.plain.avg5()));
        }
        if self.calls.cases > 0 {
            all.insert("petshop_top1".into(), json!(self.calls.at(1)));
            all.insert("petshop_top3".into(), json!(self.calls.at(3)));
        }
        let groups = self.groups.iter().map(|((_, name), hits)| {
            (
                name.clone(),
                json!({"cases": hits.cases, "ac1": hits.at(1), "ac3": hits.at(3), "avg5": hits.avg5()}),
            )
        });
        all.insert("groups".into(), Value::Object(groups.collect()));
        all
    }
}
