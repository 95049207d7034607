//! How far one series departed from what was usual, in widths of its usual spread. Knows nothing of services.
//!
//! The spread is robust (quartiles, after BARO's robust scorer: Pham et al., FSE 2024) and looks at the upper tail
//! too, so that a series with usual bursts needs a larger one. It is never less than a share of the level: a memory
//! series that stood still to the byte for five minutes has no spread, but a change of a hundredth is no event.

use model::{Point, Timestamp};

use crate::windows::{Measure, Window};

/// The least spread, as a share of the level. On labelled faults any value from 0.01 to 0.1 ranks alike.
const LEAST_SPREAD: f64 = 0.05;
/// For series that stood at zero: the least spread as a share of what they show now.
const LEAST_OF_NOW: f64 = 1e-3;
/// The least spread of a share of failing requests when nothing is known of how many there are.
const LEAST_ERRORS: f64 = 0.005;
/// Trouble need not be there all the time: this share of the points, the worst ones, is looked at.
const WORST: f64 = 0.4;
/// Fewer points say nothing of what is usual.
const LEAST_POINTS: usize = 8;
/// In spreads: from here on a single point counts as departed.
const POINT: f64 = 3.0;

/// How far a series departed.
#[derive(Clone, Debug)]
pub(crate) struct Departure<'a> {
    pub(crate) window: Window<'a>,
    /// Mean distance from the level of the worst points, in spreads. About 1 when nothing happened.
    pub(crate) size: f64,
    /// The usual level. Availability is turned into the share of failures.
    pub(crate) level: f64,
    /// The usual spread.
    pub(crate) spread: f64,
    /// What the worst points show, in the unit of the series.
    pub(crate) observed: f64,
    /// The first of two points in a row that departed, or the first that did.
    pub(crate) onset: Option<Timestamp>,
    /// Times of the worst points.
    pub(crate) worst: Vec<Timestamp>,
    /// What the failing share is reckoned from, for availability: 1 or 100.
    whole: Option<f64>,
}

impl<'a> Departure<'a> {
    /// Looks at one series; none when it says too little. `requests`: how many requests a point stands for.
    pub(crate) fn of(window: Window<'a>, requests: Option<f64>) -> Option<Self> {
        let whole = (window.measure == Measure::Availability).then(|| whole_of(&window));
        let read = |p: &Point| whole.map_or(p.value, |whole| 1.0 - p.value / whole);
        let mut usual: Vec<f64> = window.before.iter().map(read).filter(|v| v.is_finite()).collect();
        let now: Vec<(Timestamp, f64)> =
            window.after.iter().map(|p| (p.at, read(p))).filter(|(_, v)| v.is_finite()).collect();
        if usual.len() < LEAST_POINTS || now.is_empty() {
            return None;
        }
        let one_sided = window.measure.is_one_sided();
        let (level, spread) = usual_of(&mut usual, one_sided);
        let spread = spread.max(least_spread(&window, &usual, &now, level, requests)).max(f64::MIN_POSITIVE);
        let far = |value: f64| {
            let far = ((value - level) / spread).clamp(-1e12, 1e12);
            if one_sided { far } else { far.abs() }
        };
        let onset = onset(&now, far);
        let mut by_far: Vec<(f64, Timestamp, f64)> = now.iter().map(|(at, v)| (far(*v), *at, *v)).collect();
        let count = ((now.len() as f64 * WORST).ceil() as usize).clamp(1, now.len());
        by_far.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.total_cmp(&b.2)));
        by_far.truncate(count);
        let mean =
            |of: fn(&(f64, Timestamp, f64)) -> f64| by_far.iter().map(|one| of(one) / count as f64).sum();
        let (size, observed): (f64, f64) = (mean(|one| one.0), mean(|one| one.2));
        let worst = by_far.iter().map(|one| one.1).collect();
        Some(Self { window, size, level, spread, observed, onset, worst, whole })
    }

    /// What it shows more than usual, on the mean over these instants; none when it has no point near them.
    pub(crate) fn excess(&self, at: &[Timestamp], near_ms: i64) -> Option<f64> {
        let read = |p: &Point| self.whole.map_or(p.value, |whole| 1.0 - p.value / whole) - self.level;
        let seen = at.iter().filter_map(|at| nearest(self.window.after, *at, near_ms));
        mean(seen.map(read).filter(|v| v.is_finite()))
    }

    /// The band it was usually in, in the unit of the series.
    pub(crate) fn band(&self) -> model::Band {
        let (low, high) = (self.level - POINT * self.spread, self.level + POINT * self.spread);
        match self.whole {
            Some(whole) => model::Band { low: whole * (1.0 - high), high: (whole * (1.0 - low)).min(whole) },
            None => model::Band { low, high },
        }
    }

    /// What it shows now, in the unit of the series.
    pub(crate) fn shown(&self) -> f64 {
        self.whole.map_or(self.observed, |whole| whole * (1.0 - self.observed))
    }

    /// How sure it is that anything happened, 0 to 1: a half at three spreads.
    pub(crate) fn certainty(&self) -> f64 {
        let square = self.size.max(0.0).powi(2);
        square / (square + POINT * POINT)
    }

    /// The usual distance of two points, ms.
    pub(crate) fn pace_ms(&self) -> i64 {
        let mut gaps: Vec<i64> =
            self.window.after.windows(2).map(|pair| pair[1].at.since_ms(pair[0].at)).collect();
        gaps.sort_unstable();
        gaps.get(gaps.len() / 2).copied().unwrap_or(60_000).max(1)
    }
}

/// Mean of the points of a series nearest to some instants.
pub(crate) fn mean_at(points: &[Point], at: &[Timestamp], near_ms: i64) -> Option<f64> {
    mean(at.iter().filter_map(|at| nearest(points, *at, near_ms)).map(|p| p.value).filter(|v| v.is_finite()))
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

fn nearest(points: &[Point], at: Timestamp, near_ms: i64) -> Option<&Point> {
    let after = points.partition_point(|p| p.at < at);
    let candidates = [after.checked_sub(1).and_then(|i| points.get(i)), points.get(after)];
    let distance = |p: &&Point| p.at.since_ms(at).abs();
    candidates.into_iter().flatten().filter(|p| distance(p) <= near_ms).min_by_key(distance)
}

/// Whether a share of success is told of 1 or of 100.
fn whole_of(window: &Window<'_>) -> f64 {
    let values = window.before.iter().chain(window.after).map(|p| p.value);
    if values.filter(|v| v.is_finite()).any(|v| v > 1.5) { 100.0 } else { 1.0 }
}

/// The median, and the spread that a normal distribution with the same quartiles or the same tail would have.
fn usual_of(usual: &mut [f64], one_sided: bool) -> (f64, f64) {
    usual.sort_unstable_by(f64::total_cmp);
    let level = quantile(usual, 0.5);
    let middle = (quantile(usual, 0.75) - quantile(usual, 0.25)) / 1.349;
    let up = (quantile(usual, 0.95) - level) / 1.645;
    let down = (level - quantile(usual, 0.05)) / 1.645;
    let spread = middle.max(up).max(if one_sided { 0.0 } else { down });
    (level, if spread.is_finite() { spread } else { 0.0 })
}

/// Of sorted values, by linear interpolation between the two nearest ranks.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = (sorted.len() - 1) as f64 * q;
    let low = sorted[place.floor() as usize];
    let high = sorted[place.ceil() as usize];
    low + (high - low) * place.fract()
}

fn least_spread(
    window: &Window<'_>,
    usual: &[f64],
    now: &[(Timestamp, f64)],
    level: f64,
    requests: Option<f64>,
) -> f64 {
    let is_share = window.measure.told_as() == Measure::Errors
        && usual.iter().chain(now.iter().map(|(_, v)| v)).all(|v| (0.0..=1.0).contains(v));
    if !is_share {
        let now = now.iter().map(|(_, v)| v.abs() / now.len() as f64).sum::<f64>();
        return (LEAST_SPREAD * level.abs()).max(LEAST_OF_NOW * now);
    }
    // Of n requests of which a share fails, so many more or fewer fail by chance.
    let Some(n) = requests.filter(|n| *n >= 1.0) else { return LEAST_ERRORS };
    let share = usual.iter().map(|v| v / usual.len() as f64).sum::<f64>();
    let share = (share * n + 0.5) / (n + 1.0);
    (share * (1.0 - share) / n).max(0.0).sqrt()
}

fn onset(now: &[(Timestamp, f64)], far: impl Fn(f64) -> f64) -> Option<Timestamp> {
    let departed = |point: &(Timestamp, f64)| far(point.1) >= POINT;
    let lasting = now.windows(2).find(|pair| departed(&pair[0]) && departed(&pair[1])).map(|pair| pair[0].0);
    lasting.or_else(|| now.iter().find(|point| departed(point)).map(|point| point.0))
}
