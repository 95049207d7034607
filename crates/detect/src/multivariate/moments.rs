//! What is learned: scales, sums of products, and the model they give. Sums instead of points, so that state never grows.

use serde::{Deserialize, Serialize};

use super::CLIP;
use super::linear::{Matrix, principal, solve};

/// No metric is taken as steadier than this share of its range.
const LEAST_OF_RANGE: f64 = 0.01;
/// Ridge, as a share of the number of points.
const RIDGE: f64 = 0.01;
/// Most directions that metrics usually move in together; of few metrics, a third as many.
const DIRECTIONS: usize = 6;
/// What squared residuals seen before a refresh are worth after it.
const FADE: f64 = 0.25;

/// Level and deviation of each metric: as learned, and as in use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Frame {
    points: f64,
    mean: Vec<f64>,
    square: Vec<f64>,
    low: Vec<f64>,
    high: Vec<f64>,
    level: Vec<f64>,
    deviation: Vec<f64>,
}

impl Frame {
    pub(super) fn new(metrics: usize) -> Self {
        let of = |value: f64| vec![value; metrics];
        Self {
            points: 0.0,
            mean: of(0.0),
            square: of(0.0),
            low: of(f64::MAX),
            high: of(f64::MIN),
            level: of(0.0),
            deviation: of(0.0),
        }
    }

    /// In deviations from the level, clipped. All zero before the first [`Frame::renew`].
    pub(super) fn scale(&self, values: &[f64]) -> Vec<f64> {
        let scaled = values.iter().zip(&self.level).zip(&self.deviation);
        scaled
            .map(
                |((v, level), deviation)| {
                    if *deviation > 0.0 { ((v - level) / deviation).clamp(-CLIP, CLIP) } else { 0.0 }
                },
            )
            .collect()
    }

    pub(super) fn note(&mut self, values: &[f64]) {
        self.points += 1.0;
        for (i, v) in values.iter().enumerate() {
            let before = v - self.mean[i];
            self.mean[i] += before / self.points;
            self.square[i] += before * (v - self.mean[i]);
            self.low[i] = self.low[i].min(*v);
            self.high[i] = self.high[i].max(*v);
        }
    }

    /// Takes the scales learned into use. Gives how a scaled value of before becomes one of now: times, plus.
    pub(super) fn renew(&mut self) -> (Vec<f64>, Vec<f64>) {
        let (mut scale, mut shift) = (Vec::new(), Vec::new());
        for i in 0..self.mean.len() {
            let level = self.mean[i];
            let range = (self.high[i] - self.low[i]).max(0.0);
            let usual = (self.square[i] / self.points.max(1.0)).sqrt();
            // A metric that never moved yet is measured by its own size.
            let least =
                if range > 0.0 { LEAST_OF_RANGE * range } else { LEAST_OF_RANGE * level.abs().max(1e-9) };
            let deviation = usual.max(least);
            scale.push(self.deviation[i] / deviation);
            shift.push(if self.deviation[i] > 0.0 { (self.level[i] - level) / deviation } else { 0.0 });
            (self.level[i], self.deviation[i]) = (level, deviation);
        }
        (scale, shift)
    }
}

/// Sums of products of scaled points.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Moments {
    metrics: usize,
    /// Features by features, features by metrics; the last feature is the constant.
    features: Matrix,
    targets: Matrix,
    /// Sum and products of the slow course.
    course_points: f64,
    course_sum: Vec<f64>,
    course: Matrix,
    /// Sums of squares of what the model missed, by step and by course, and of how many points.
    missed: [Vec<f64>; 2],
    missed_points: f64,
}

/// What foretells a point and how metrics move together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Model {
    weights: Matrix,
    shape_level: Vec<f64>,
    shape: Matrix,
    course_level: Vec<f64>,
    course: Matrix,
}

impl Moments {
    pub(super) fn new(metrics: usize, lags: usize) -> Self {
        let features = metrics * lags + 1;
        Self {
            metrics,
            features: Matrix::new(features, features),
            targets: Matrix::new(features, metrics),
            course_points: 0.0,
            course_sum: vec![0.0; metrics],
            course: Matrix::new(metrics, metrics),
            missed: [vec![0.0; metrics], vec![0.0; metrics]],
            missed_points: 0.0,
        }
    }

    pub(super) fn lags(&self) -> usize {
        (self.features.columns - 1) / self.metrics
    }

    pub(super) fn add(&mut self, features: &[f64], point: &[f64]) {
        self.features.add_outer(features, features);
        self.targets.add_outer(features, point);
    }

    pub(super) fn add_course(&mut self, course: &[f64]) {
        self.course_points += 1.0;
        self.course_sum.iter_mut().zip(course).for_each(|(sum, c)| *sum += c);
        self.course.add_outer(course, course);
    }

    pub(super) fn add_residual(&mut self, residual: &[Vec<f64>; 2]) {
        self.missed_points += 1.0;
        for (missed, residual) in self.missed.iter_mut().zip(residual) {
            missed.iter_mut().zip(residual).for_each(|(sum, r)| *sum += r * r);
        }
    }

    /// How large residuals usually are, by step and by course; 1 while unknown.
    pub(super) fn residual(&self) -> [Vec<f64>; 2] {
        let of = |sum: &f64| if self.missed_points > 0.0 { (sum / self.missed_points).sqrt() } else { 1.0 };
        [0, 1].map(|i| self.missed[i].iter().map(of).collect())
    }

    /// Scaled values of before become `z * scale + shift`.
    pub(super) fn reframe(&mut self, scale: &[f64], shift: &[f64]) {
        let (mut wide, mut moved) = (Vec::new(), Vec::new());
        for _ in 0..self.lags() {
            wide.extend_from_slice(scale);
            moved.extend_from_slice(shift);
        }
        wide.push(1.0);
        moved.push(0.0);
        let constant = self.features.columns - 1;
        // Columns first, rows second; the ones of a row are its product with the constant.
        let ones = |m: &Matrix| (0..m.rows()).map(|i| m.row(i)[constant]).collect::<Vec<_>>();
        let ones_of_features = ones(&self.features);
        self.targets.reframe_columns(scale, shift, &ones_of_features);
        self.features.reframe_columns(&wide, &moved, &ones_of_features);
        let mut turned = self.features.transposed();
        let ones_of_turned = ones(&turned);
        turned.reframe_columns(&wide, &moved, &ones_of_turned);
        self.features = turned;
        let mut turned = self.targets.transposed();
        let ones_of_turned = ones(&turned);
        turned.reframe_columns(&wide, &moved, &ones_of_turned);
        self.targets = turned.transposed();

        let before = self.course_sum.clone();
        self.course.reframe_columns(scale, shift, &before);
        for (sum, (scale, shift)) in self.course_sum.iter_mut().zip(scale.iter().zip(shift)) {
            *sum = *sum * scale + self.course_points * shift;
        }
        let mut turned = self.course.transposed();
        turned.reframe_columns(scale, shift, &self.course_sum);
        self.course = turned;
        for missed in &mut self.missed {
            missed.iter_mut().zip(scale).for_each(|(sum, scale)| *sum *= scale * scale);
        }
    }

    /// The model of what was learned; none while that is too little.
    pub(super) fn solve(&self) -> Option<Model> {
        let constant = self.features.columns - 1;
        let points = self.features.row(constant)[constant];
        if points < 1.0 {
            return None;
        }
        let mut ridged = self.features.clone();
        for i in 0..=constant {
            ridged.row_mut(i)[i] += RIDGE * points;
        }
        let weights = solve(&ridged, &self.targets)?;
        let m = self.metrics;
        // The features begin with the point before: their products are those of the points.
        let mut products = Matrix::new(m, m);
        for i in 0..m {
            products.row_mut(i).copy_from_slice(&self.features.row(i)[..m]);
        }
        let (shape_level, shape) = directions(&products, &self.features.row(constant)[..m], points);
        let (course_level, course) = directions(&self.course, &self.course_sum, self.course_points);
        Some(Model { weights: weights.transposed(), shape_level, shape, course_level, course })
    }

    /// Residuals of an older model count less; with `half`, everything learned counts half.
    pub(super) fn fade(&mut self, half: bool) {
        self.missed.iter_mut().flatten().for_each(|sum| *sum *= FADE);
        self.missed_points *= FADE;
        if half {
            self.features.times(0.5);
            self.targets.times(0.5);
            self.course.times(0.5);
            self.course_sum.iter_mut().for_each(|sum| *sum *= 0.5);
            self.course_points *= 0.5;
        }
    }
}

/// Level and main directions of points whose products and sums are given.
fn directions(products: &Matrix, sums: &[f64], points: f64) -> (Vec<f64>, Matrix) {
    let level: Vec<f64> = sums.iter().map(|sum| sum / points).collect();
    let mut spread = products.clone();
    spread.times(1.0 / points);
    for i in 0..level.len() {
        for (j, cell) in spread.row_mut(i).iter_mut().enumerate() {
            *cell -= level[i] * level[j];
        }
    }
    let count = (level.len() / 3).clamp(1, DIRECTIONS);
    let main = principal(&spread, count);
    (level, main)
}

/// A point without what lies in the main directions.
fn off(point: &[f64], level: &[f64], main: &Matrix) -> Vec<f64> {
    let mut rest: Vec<f64> = point.iter().zip(level).map(|(p, level)| p - level).collect();
    let whole = rest.clone();
    for i in 0..main.rows() {
        let along: f64 = main.row(i).iter().zip(&whole).map(|(a, b)| a * b).sum();
        rest.iter_mut().zip(main.row(i)).for_each(|(r, m)| *r -= along * m);
    }
    rest
}

impl Model {
    /// What was not foretold.
    pub(super) fn step(&self, features: &[f64], point: &[f64]) -> Vec<f64> {
        let foretold = |i: usize| self.weights.row(i).iter().zip(features).map(|(w, f)| w * f).sum::<f64>();
        point.iter().enumerate().map(|(i, p)| p - foretold(i)).collect()
    }

    /// How far the metrics are from moving together as usual.
    pub(super) fn off_shape(&self, point: &[f64]) -> Vec<f64> {
        off(point, &self.shape_level, &self.shape)
    }

    /// The same of their slow course.
    pub(super) fn off_course(&self, course: &[f64]) -> Vec<f64> {
        off(course, &self.course_level, &self.course)
    }
}
