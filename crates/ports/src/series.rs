//! Metric series, kept with retention.

use async_trait::async_trait;
use model::{Labels, MetricKind, MetricSeries, Point, TimeRange, Timestamp};

use crate::bus::Offset;
use crate::error::Result;

/// A condition on a label. `service` and `__name__` are labels here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelMatch {
    /// Equals; an empty value also matches a missing label.
    Equal(String, String),
    /// Differs.
    NotEqual(String, String),
}

/// Selects series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Metric name; none selects all.
    pub name: Option<String>,
    /// All must hold.
    pub labels: Vec<LabelMatch>,
}

/// Samples of one selected series.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesData {
    /// The service it speaks of.
    pub service: String,
    /// Metric name.
    pub name: String,
    /// What the numbers mean.
    pub kind: MetricKind,
    /// Every other label.
    pub labels: Labels,
    /// Samples, oldest first, one for each instant.
    pub points: Vec<Point>,
}

/// Keeps metric series.
///
/// It has no log of its own: it takes batches from the bus together with their offset, and after a
/// crash its caller replays the bus after [`Series::applied`]. Batches at or before that are ignored.
#[async_trait]
pub trait Series: Send + Sync {
    /// Takes samples that came with bus offset `at`. Offsets grow. Seen by queries at once.
    /// Of two samples of one series at one instant the first wins.
    ///
    /// # Errors
    /// The store failed.
    async fn append(&self, batch: &[MetricSeries], at: Offset) -> Result<()>;

    /// The newest offset that will survive a crash, together with everything before it.
    fn applied(&self) -> Offset;

    /// Makes everything taken so far durable; `applied` moves to the newest offset.
    ///
    /// # Errors
    /// The store failed; what was durable before still is.
    async fn flush(&self) -> Result<()>;

    /// Samples of the selected series in a range, series sorted by name, service and labels. Series without
    /// a sample in the range are absent.
    ///
    /// # Errors
    /// `Invalid` when more than `max_points` samples would be returned.
    async fn query(
        &self,
        selector: &Selector,
        range: TimeRange,
        max_points: usize,
    ) -> Result<Vec<SeriesData>>;

    /// The selected series without samples, at most `limit`: name, service, labels.
    ///
    /// # Errors
    /// The store failed.
    async fn list(&self, selector: &Selector, limit: usize) -> Result<Vec<SeriesData>>;

    /// Removes samples before an instant (whole blocks at a time, so some may stay a little longer).
    ///
    /// # Errors
    /// The store failed.
    async fn expire(&self, before: Timestamp) -> Result<()>;
}
