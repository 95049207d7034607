//! Metrics requests to series.

use model::{Labels, MetricKind, MetricSeries, Point, Signal, Timestamp};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, DataPointFlags, HistogramDataPoint, Metric, NumberDataPoint, SummaryDataPoint,
};

use super::attributes::{Sender, size_bytes};
use crate::{Received, limits};

pub(super) fn collect(request: &ExportMetricsServiceRequest, now: Timestamp, received: &mut Received) {
    for resource in &request.resource_metrics {
        let metrics = resource.scope_metrics.iter().flat_map(|scope| &scope.metrics);
        match Sender::of(resource.resource.as_ref()) {
            Ok(sender) => {
                let mut writer = Writer { sender: &sender, now, received, name: "", suffix: "" };
                for metric in metrics {
                    writer.metric(metric);
                }
            }
            Err(reason) => received.rejected.add(metrics.map(data_points).sum(), reason),
        }
    }
}

/// Writes the data points of one metric after the other.
struct Writer<'a> {
    sender: &'a Sender,
    now: Timestamp,
    received: &'a mut Received,
    /// Name of the metric at hand.
    name: &'a str,
    /// `_delta` or nothing.
    suffix: &'static str,
}

/// What the points of a sum or histogram mean: kind, and suffix of the name.
fn meaning(temporality: i32, monotonic: bool) -> Option<(MetricKind, &'static str)> {
    match AggregationTemporality::try_from(temporality) {
        Ok(AggregationTemporality::Cumulative) if monotonic => Some((MetricKind::Counter, "")),
        Ok(AggregationTemporality::Cumulative) => Some((MetricKind::Gauge, "")),
        Ok(AggregationTemporality::Delta) => Some((MetricKind::Gauge, "_delta")),
        _ => None,
    }
}

const NO_TEMPORALITY: &str = "aggregationTemporality is not set; set it to 1 (delta) or 2 (cumulative)";

impl<'a> Writer<'a> {
    fn metric(&mut self, metric: &'a Metric) {
        let points = data_points(metric);
        if metric.name.is_empty() || metric.name.len() > limits::NAME_BYTES_MAX {
            let reason = format!("metric name is empty or longer than {} bytes", limits::NAME_BYTES_MAX);
            return self.received.rejected.add(points, reason);
        }
        (self.name, self.suffix) = (&metric.name, "");
        match &metric.data {
            None => {}
            Some(Data::Gauge(gauge)) => {
                gauge.data_points.iter().for_each(|point| self.number(point, MetricKind::Gauge));
            }
            Some(Data::Sum(sum)) => match meaning(sum.aggregation_temporality, sum.is_monotonic) {
                Some((kind, suffix)) => {
                    self.suffix = suffix;
                    sum.data_points.iter().for_each(|point| self.number(point, kind));
                }
                None => self.received.rejected.add(points, NO_TEMPORALITY),
            },
            Some(Data::Histogram(histogram)) => match meaning(histogram.aggregation_temporality, true) {
                Some((kind, suffix)) => {
                    self.suffix = suffix;
                    histogram.data_points.iter().for_each(|point| self.histogram(point, kind));
                }
                None => self.received.rejected.add(points, NO_TEMPORALITY),
            },
            Some(Data::ExponentialHistogram(histogram)) => {
                match meaning(histogram.aggregation_temporality, true) {
                    Some((kind, suffix)) => {
                        self.suffix = suffix;
                        for p in &histogram.data_points {
                            self.totals(&p.attributes, p.time_unix_nano, p.flags, kind, p.count, p.sum);
                        }
                    }
                    None => self.received.rejected.add(points, NO_TEMPORALITY),
                }
            }
            Some(Data::Summary(summary)) => {
                summary.data_points.iter().for_each(|point| self.summary(point));
            }
        }
    }

    fn number(&mut self, point: &NumberDataPoint, kind: MetricKind) {
        if no_value(point.flags) {
            return;
        }
        let value = match point.value {
            Some(Number::AsDouble(value)) => value,
            Some(Number::AsInt(value)) => value as f64,
            None => return self.received.rejected.add(1, "data point without asDouble or asInt"),
        };
        if let Some(labels) = self.labels(&point.attributes) {
            let at = self.at(point.time_unix_nano);
            self.write("", kind, labels, at, value);
        }
    }

    fn histogram(&mut self, point: &HistogramDataPoint, kind: MetricKind) {
        let (bounds, counts) = (&point.explicit_bounds, &point.bucket_counts);
        let fits = counts.is_empty() || counts.len() == bounds.len() + 1;
        if !fits || !bounds.is_sorted_by(|a, b| a < b) || counts.len() > limits::BUCKETS_MAX {
            return self.received.rejected.add(
                1,
                format!(
                    "histogram needs rising explicitBounds, one more bucketCounts, at most {} of them",
                    limits::BUCKETS_MAX
                ),
            );
        }
        let Some(labels) =
            self.totals(&point.attributes, point.time_unix_nano, point.flags, kind, point.count, point.sum)
        else {
            return;
        };
        let at = self.at(point.time_unix_nano);
        let mut below = 0_u64;
        for (i, count) in counts.iter().enumerate() {
            below = below.saturating_add(*count);
            let mut labels = labels.clone();
            let le = bounds.get(i).map_or_else(|| "+Inf".to_owned(), f64::to_string);
            labels.insert("le".to_owned(), le);
            self.write("_bucket", kind, labels, at, below as f64);
        }
    }

    fn summary(&mut self, point: &SummaryDataPoint) {
        let counter = MetricKind::Counter;
        let Some(labels) = self.totals(
            &point.attributes,
            point.time_unix_nano,
            point.flags,
            counter,
            point.count,
            Some(point.sum),
        ) else {
            return;
        };
        let at = self.at(point.time_unix_nano);
        for quantile in point.quantile_values.iter().take(limits::BUCKETS_MAX) {
            let mut labels = labels.clone();
            labels.insert("quantile".to_owned(), quantile.quantile.to_string());
            self.write("", MetricKind::Gauge, labels, at, quantile.value);
        }
    }

    /// Writes `…_count` and `…_sum`; gives the labels for what else the point has to say.
    fn totals(
        &mut self,
        attributes: &[KeyValue],
        time_unix_nano: u64,
        flags: u32,
        kind: MetricKind,
        count: u64,
        sum: Option<f64>,
    ) -> Option<Labels> {
        if no_value(flags) {
            return None;
        }
        let labels = self.labels(attributes)?;
        let at = self.at(time_unix_nano);
        self.write("_count", kind, labels.clone(), at, count as f64);
        if let Some(sum) = sum {
            self.write("_sum", kind, labels.clone(), at, sum);
        }
        Some(labels)
    }

    fn labels(&mut self, attributes: &[KeyValue]) -> Option<Labels> {
        self.sender.labels(attributes).map_err(|reason| self.received.rejected.add(1, reason)).ok()
    }

    fn at(&self, nanos: u64) -> Timestamp {
        if nanos == 0 { self.now } else { Timestamp::from_unix_nanos(nanos) }
    }

    fn write(&mut self, part: &str, kind: MetricKind, labels: Labels, at: Timestamp, value: f64) {
        let name = [self.name, part, self.suffix].concat();
        let point = Point { at, value };
        // Several points of one series usually follow each other: keep them together.
        if let Some(Signal::Metric(last)) = self.received.signals.last_mut()
            && last.name == name
            && last.service == self.sender.service
            && last.kind == kind
            && last.labels == labels
            && last.points.last().is_some_and(|p| p.at < at)
        {
            last.points.push(point);
            return;
        }
        let size = name.len() + self.sender.service.len() + size_bytes(&labels) + 128;
        let service = self.sender.service.clone();
        let series = MetricSeries { service, name, kind, labels, points: vec![point] };
        self.received.push(Signal::Metric(series), size);
    }
}

/// Whether a point only says that its series has ended (a Prometheus stale marker).
fn no_value(flags: u32) -> bool {
    flags & DataPointFlags::NoRecordedValueMask as u32 != 0
}

fn data_points(metric: &Metric) -> u64 {
    let count = match &metric.data {
        None => 0,
        Some(Data::Gauge(m)) => m.data_points.len(),
        Some(Data::Sum(m)) => m.data_points.len(),
        Some(Data::Histogram(m)) => m.data_points.len(),
        Some(Data::ExponentialHistogram(m)) => m.data_points.len(),
        Some(Data::Summary(m)) => m.data_points.len(),
    };
    count as u64
}
