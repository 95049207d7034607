//! Series in memory: what a store of metrics would answer to a diagnosis.

use std::collections::BTreeMap;

use engine::windows::{Measured, ReadWindows};
use model::{MetricSeries, Timestamp};
use ports::SeriesData;

/// Series in memory, for worlds without a store.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeptSeries(BTreeMap<(String, String, String), SeriesData>);

impl KeptSeries {
    /// Takes points; those of a series come in order.
    pub(crate) fn take(&mut self, batch: &[MetricSeries]) {
        for series in batch {
            let key = (series.service.clone(), series.name.clone(), format!("{:?}", series.labels));
            let kept = self.0.entry(key).or_insert_with(|| SeriesData {
                service: series.service.clone(),
                name: series.name.clone(),
                kind: series.kind,
                labels: series.labels.clone(),
                points: Vec::new(),
            });
            let newest = kept.points.last().map_or(Timestamp::ZERO, |p| p.at);
            kept.points.extend(series.points.iter().filter(|p| p.at > newest));
        }
    }

    /// What a store would answer.
    pub(crate) fn read(&self, wanted: &ReadWindows) -> Vec<Measured> {
        let range = wanted.range();
        let of = |service: &String| {
            let all = self.0.values().filter(|s| s.service == *service);
            let cut = all.map(|s| {
                let points = s.points.iter().filter(|p| range.contains(p.at)).copied().collect();
                SeriesData { points, ..s.clone() }
            });
            wanted.cut(cut.filter(|s| !s.points.is_empty()).collect())
        };
        wanted.services.iter().flat_map(of).collect()
    }
}
