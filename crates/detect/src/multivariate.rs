//! A streaming anomaly score for all metrics of one service together, and which of them made it.
//!
//! Four views of a point, each blind to what another sees: how far it is from what the last points and the season before
//! foretold (`step`), how far the metrics are from moving together as they usually do (`shape`), how far each has jumped
//! from where it just was (`jump`), and how far the slow course of the metrics has left the usual pattern (`course`).
//! Each view is measured in its own 99th percentile as found on points judged before they were learned, so that
//! one number holds for all services. Nothing looks ahead. State grows with the square of the number of metrics,
//! never with time.

mod linear;
mod moments;
mod season;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

pub use season::season;

use crate::tail::Tail;
use moments::{Frame, Model, Moments};

/// Metrics of one model; of more, the first ones count.
pub const METRICS_MAX: usize = 64;
/// A season of more points than this is not looked back to: the points of a whole season are kept for it.
pub const SEASON_MAX: usize = 2_048;
/// Beyond this many deviations a value says no more than that it is far out.
const CLIP: f64 = 10.0;
/// Points learned before the first word.
const FIRST: u64 = 64;
/// From here on older points count half at each refresh.
const FULL: u64 = 32_768;
/// Views, in the order of [`WEIGHTS`].
const VIEWS: usize = 4;
const WEIGHTS: [f64; VIEWS] = [2.0, 1.0, 1.0, 1.0];
/// Parts of a season over which each view is smoothed.
const SMOOTH: [f64; VIEWS] = [30.0, 60.0, 30.0, 60.0];
/// Parts of a season: the recent level that a jump is measured from, and the slow course.
const RECENT: f64 = 24.0;
const COURSE: f64 = 12.0;
/// A step counts from so many deviations on, the course from one.
const STEP_OUT: f64 = 2.0;
const COURSE_OUT: f64 = 1.0;
/// No deviation is smaller than this share of a usual one.
const LEAST: f64 = 0.05;
const LEAST_JUMP: f64 = 0.1;

/// What is said of one point.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// How unusual the point is: about 1 is the worst of a hundred usual points. 0 while too little is known.
    pub score: f64,
    /// What each metric adds to the score, in the order of the metrics.
    pub parts: Vec<f64>,
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Multivariate {
    metrics: usize,
    /// Points of a season; all spans follow from it.
    season: usize,
    learned: u64,
    frame: Frame,
    moments: Moments,
    model: Option<Model>,
    /// The newest points as they came, the newest last: one season, or two points when that is too long.
    recent: VecDeque<Vec<f32>>,
    level: Vec<f64>,
    course: Vec<f64>,
    /// Smoothed evidence by view and metric.
    evidence: [Vec<f64>; VIEWS],
    residual: [Vec<f64>; 2],
    jump_tails: Vec<Tail>,
    view_tails: [Tail; VIEWS],
    /// The point judged last, for [`Multivariate::learn`].
    #[serde(skip)]
    last: Option<Judged>,
}

#[derive(Clone, Debug)]
struct Judged {
    values: Vec<f64>,
    scaled: Vec<f64>,
    features: Option<Vec<f64>>,
    residual: [Vec<f64>; 2],
    jump: Vec<f64>,
    views: Option<[f64; VIEWS]>,
}

fn blend(old: &mut f64, new: f64, span: f64) {
    *old += (new - *old) * 2.0 / (span.max(1.0) + 1.0);
}

impl Multivariate {
    /// For points of so many metrics. `season` is the number of points after which life repeats, usually a day; see [`season`].
    #[must_use]
    pub fn new(metrics: usize, season: usize) -> Self {
        let metrics = metrics.clamp(1, METRICS_MAX);
        let season = season.max(60);
        let lags = if season <= SEASON_MAX { 3 } else { 2 };
        Self {
            metrics,
            season,
            learned: 0,
            frame: Frame::new(metrics),
            moments: Moments::new(metrics, lags),
            model: None,
            recent: VecDeque::new(),
            level: Vec::new(),
            course: Vec::new(),
            evidence: std::array::from_fn(|_| vec![0.0; metrics]),
            residual: std::array::from_fn(|_| vec![0.0; metrics]),
            jump_tails: vec![Tail::default(); metrics],
            view_tails: Default::default(),
            last: None,
        }
    }

    /// Points learned so far.
    #[must_use]
    pub fn learned(&self) -> u64 {
        self.learned
    }

    fn span(&self, parts: f64) -> f64 {
        self.season as f64 / parts
    }

    /// Judges a point. A metric that is missing or no finite number counts as unchanged.
    pub fn judge(&mut self, values: &[f64]) -> Verdict {
        let before = self.recent.back();
        let values: Vec<f64> = (0..self.metrics)
            .map(|i| {
                let known = values.get(i).copied().filter(|v| v.is_finite() && v.abs() < 1e30);
                known.or_else(|| before.map(|row| f64::from(row[i]))).unwrap_or(0.0)
            })
            .collect();
        let scaled = self.frame.scale(&values);
        if self.level.is_empty() {
            (self.level, self.course) = (scaled.clone(), scaled.clone());
        }
        let (recent, course) = (self.span(RECENT), self.span(COURSE));
        for (i, z) in scaled.iter().enumerate() {
            blend(&mut self.level[i], *z, recent);
            blend(&mut self.course[i], *z, course);
        }
        let features = self.features();
        let jump: Vec<f64> = scaled.iter().zip(&self.level).map(|(z, level)| z - level).collect();
        let mut judged = Judged { values, scaled, features, residual: Default::default(), jump, views: None };
        let verdict = self.look(&mut judged);
        let row = judged.values.iter().map(|v| *v as f32).collect();
        self.recent.push_back(row);
        while self.recent.len() > self.kept() {
            self.recent.pop_front();
        }
        self.last = Some(judged);
        verdict
    }

    fn kept(&self) -> usize {
        if self.moments.lags() == 3 { self.season } else { 2 }
    }

    /// What a point is foretold from: the two points before and the one a season before, and a constant.
    fn features(&self) -> Option<Vec<f64>> {
        let n = self.recent.len();
        if n < self.kept() {
            return None;
        }
        let mut lags = vec![n - 1, n - 2];
        if self.moments.lags() == 3 {
            lags.push(0);
        }
        let mut features = Vec::with_capacity(lags.len() * self.metrics + 1);
        for row in lags.into_iter().filter_map(|i| self.recent.get(i)) {
            let row: Vec<f64> = row.iter().map(|v| f64::from(*v)).collect();
            features.extend(self.frame.scale(&row));
        }
        features.push(1.0);
        Some(features)
    }

    fn look(&mut self, judged: &mut Judged) -> Verdict {
        let (Some(model), Some(features)) = (&self.model, &judged.features) else {
            return Verdict::default();
        };
        judged.residual = [model.step(features, &judged.scaled), model.off_course(&self.course)];
        let shape = model.off_shape(&judged.scaled);
        let sizes = |view: usize, i: usize| self.residual[view][i].max(LEAST);
        for i in 0..self.metrics {
            let step = (judged.residual[0][i].abs() / sizes(0, i) - STEP_OUT).max(0.0);
            let jump = judged.jump[i].abs() / self.jump_tails[i].edge().max(LEAST_JUMP) - 1.0;
            let course = judged.residual[1][i] / sizes(1, i) - COURSE_OUT;
            let now = [step, shape[i] * shape[i], jump.max(0.0), course.max(0.0)];
            for ((evidence, now), parts) in self.evidence.iter_mut().zip(now).zip(SMOOTH) {
                blend(&mut evidence[i], now, self.season as f64 / parts);
            }
        }
        let sums: [f64; VIEWS] = std::array::from_fn(|v| self.evidence[v].iter().sum());
        judged.views = Some(sums);
        let mut verdict = Verdict { score: 0.0, parts: vec![0.0; self.metrics] };
        for (view, sum) in sums.iter().enumerate() {
            let edge = self.view_tails[view].edge();
            if edge <= 0.0 || *sum <= 0.0 {
                continue;
            }
            let score = WEIGHTS[view] * (sum / edge).sqrt() / WEIGHTS.iter().sum::<f64>();
            verdict.score += score;
            for (part, evidence) in verdict.parts.iter_mut().zip(&self.evidence[view]) {
                *part += score * evidence / sum;
            }
        }
        verdict
    }

    /// Learns the point judged last as part of normal life.
    pub fn learn(&mut self) {
        let Some(judged) = self.last.take() else { return };
        self.learned += 1;
        self.frame.note(&judged.values);
        // Before the first scales are known all scaled values are nothing.
        if self.learned > FIRST {
            if let Some(features) = &judged.features {
                self.moments.add(features, &judged.scaled);
            }
            self.moments.add_course(&self.course);
        }
        if self.learned > FIRST {
            for (tail, jump) in self.jump_tails.iter_mut().zip(&judged.jump) {
                tail.add(jump.abs());
            }
        }
        if let Some(views) = judged.views {
            for (tail, view) in self.view_tails.iter_mut().zip(views) {
                tail.add(view);
            }
            self.moments.add_residual(&judged.residual);
        }
        let due =
            self.learned >= FIRST && (self.learned.is_power_of_two() || self.learned.is_multiple_of(FULL));
        if due {
            self.refresh();
        }
    }

    /// Takes what was learned into use. Happens by itself at 64 points, 128, 256 and so on.
    pub fn refresh(&mut self) {
        let (scale, shift) = self.frame.renew();
        self.moments.reframe(&scale, &shift);
        for i in 0..self.metrics {
            let of = |z: &mut f64| *z = (*z * scale[i] + shift[i]).clamp(-CLIP, CLIP);
            self.level.get_mut(i).map(of);
            self.course.get_mut(i).map(of);
            self.jump_tails[i].scale(scale[i]);
        }
        self.residual = self.moments.residual();
        self.model = self.moments.solve();
        self.moments.fade(self.learned >= FULL);
        self.view_tails.iter_mut().chain(&mut self.jump_tails).for_each(Tail::fade);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn noise(i: usize) -> f64 {
        let mut x = (i as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 40) as f64 / (1u64 << 24) as f64 - 0.5
    }

    /// Five metrics that follow one wave, in their own units; the last one is noise.
    fn point(i: usize, scale: f64, shift: f64) -> Vec<f64> {
        let wave = (i as f64 / 120.0 * std::f64::consts::TAU).sin();
        let of = |m: usize| (wave * (1.0 + m as f64) + 0.2 * noise(i * 7 + m)) * scale + shift;
        (0..4).map(of).chain([noise(i * 13 + 5) * scale + shift]).collect()
    }

    fn learned(scale: f64, shift: f64) -> Multivariate {
        let mut model = Multivariate::new(5, 120);
        for i in 0..2_000 {
            model.judge(&point(i, scale, shift));
            model.learn();
        }
        model.refresh();
        model
    }

    #[test]
    fn a_metric_that_no_longer_moves_with_the_others_is_found_and_named() {
        let mut model = learned(1.0, 0.0);
        let usual: Vec<f64> = (2_000..2_200).map(|i| model.judge(&point(i, 1.0, 0.0)).score).collect();
        assert!(usual.iter().all(|s| *s < 2.0), "{:?}", usual.iter().copied().fold(0.0, f64::max));
        let broken = (2_200..2_220).map(|i| {
            let mut values = point(i, 1.0, 0.0);
            // Within its own range, but against the others.
            values[2] = -values[2];
            model.judge(&values)
        });
        let worst = broken.max_by(|a, b| a.score.total_cmp(&b.score)).unwrap_or_default();
        assert!(worst.score > 4.0, "{worst:?}");
        let most = worst.parts.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(i, _)| i);
        assert_eq!(most, Some(2), "{worst:?}");
        assert!((worst.parts.iter().sum::<f64>() - worst.score).abs() < 1e-9);
    }

    #[test]
    fn units_make_no_difference() {
        let (mut one, mut other) = (learned(1.0, 0.0), learned(1_000.0, 50_000.0));
        for i in 2_000..2_100 {
            let (a, b) = (one.judge(&point(i, 1.0, 0.0)), other.judge(&point(i, 1_000.0, 50_000.0)));
            // The points of the last season are kept in single precision.
            assert!((a.score - b.score).abs() < 0.02 * (1.0 + a.score), "{} {}", a.score, b.score);
        }
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<f64>(),
            -10.0..10.0,
            prop::sample::select(vec![0.0, f64::NAN, f64::INFINITY, f64::MAX])
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn hostile_points_give_finite_words_and_a_restored_model_goes_on_the_same(
            points in prop::collection::vec(prop::collection::vec(value(), 0..5), 1..300),
            cut in 0usize..300,
        ) {
            let mut straight = Multivariate::new(3, 60);
            let mut parted = Multivariate::new(3, 60);
            for (i, point) in points.iter().enumerate() {
                if i == cut {
                    parted = rmp_serde::from_slice(&rmp_serde::to_vec_named(&parted).unwrap()).unwrap();
                }
                let verdict = straight.judge(point);
                prop_assert!(verdict.score.is_finite() && verdict.score >= 0.0, "{verdict:?}");
                prop_assert_eq!(&verdict, &parted.judge(point));
                straight.learn();
                parted.learn();
            }
        }

        #[test]
        fn what_comes_later_changes_nothing_said_before(cut in 100usize..400, wild in value()) {
            let judge = |to: usize, wild: Option<f64>| {
                let mut model = Multivariate::new(5, 120);
                let mut said = Vec::new();
                for i in 0..to {
                    let mut values = point(i, 1.0, 0.0);
                    if let Some(wild) = wild && i >= cut {
                        values[0] = wild;
                    }
                    said.push(model.judge(&values).score);
                    model.learn();
                }
                said.truncate(cut);
                said
            };
            prop_assert_eq!(judge(cut, None), judge(450, Some(wild)));
        }
    }
}
