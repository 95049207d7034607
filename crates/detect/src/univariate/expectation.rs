//! What the next point should be: an ensemble of the level, the level at this time of the day and at this hour of
//! the week. Who was right lately has most of the say, so that a series without a season has none.

use serde::{Deserialize, Serialize};

use super::blend;

/// Quarters of an hour of a day, hours of a week.
const DAY: Profile = Profile { bins: 96, period_s: 86_400, memory: 4 };
const WEEK: Profile = Profile { bins: 168, period_s: 604_800, memory: 3 };
/// Points that the level, the distance from it and the errors remember.
const SPAN: f64 = 2_000.0;
/// Further from the level than so many mean distances is trouble, not a level; before so many points nothing is.
const REACH: f64 = 3.0;
const YOUNG: u32 = 20;
/// Out of reach on one side for so many points and seconds is a new level: longer than a weekend.
const SHIFTED: u32 = 400;
const SHIFTED_S: i64 = 3 * 86_400;
/// Span of the mean that a new level starts from.
const LATELY: f64 = 30.0;

/// How a period is divided, and how many visits of a bin its mean remembers.
struct Profile {
    bins: usize,
    period_s: i64,
    memory: u8,
}

/// Mean distance from the level for each bin of a period. A visit counts when it is over, so that what goes on now
/// is measured by earlier days alone, however often a point comes.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Season {
    means: Vec<f32>,
    /// Visits of each bin, up to the memory.
    seen: Vec<u8>,
    bin: usize,
    /// Points of this visit, and the sum of their distances.
    points: u32,
    sum: f64,
}

impl Season {
    fn new(profile: &Profile) -> Self {
        Self { means: vec![0.0; profile.bins], seen: vec![0; profile.bins], bin: 0, points: 0, sum: 0.0 }
    }

    fn bin(profile: &Profile, at_s: i64) -> usize {
        (at_s.rem_euclid(profile.period_s) * profile.bins as i64 / profile.period_s) as usize
    }

    /// The mean at a time, and after how many visits; none before the first.
    fn at(&self, profile: &Profile, at_s: i64) -> Option<(f64, u8)> {
        let bin = Self::bin(profile, at_s);
        (self.seen[bin] > 0).then(|| (f64::from(self.means[bin]), self.seen[bin]))
    }

    fn learn(&mut self, profile: &Profile, at_s: i64, off: f64) {
        let bin = Self::bin(profile, at_s);
        if bin != self.bin && self.points > 0 {
            let seen = &mut self.seen[self.bin];
            *seen = (*seen + 1).min(profile.memory);
            let mean = &mut self.means[self.bin];
            *mean += ((self.sum / f64::from(self.points) - f64::from(*mean)) / f64::from(*seen)) as f32;
            (self.points, self.sum) = (0, 0.0);
        }
        self.bin = bin;
        self.points = self.points.saturating_add(1);
        self.sum += off;
    }

    const fn bytes(profile: &Profile) -> usize {
        profile.bins * (size_of::<f32>() + size_of::<u8>())
    }
}

/// A member of the ensemble.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Member {
    /// `level`, `day` or `week`.
    pub name: String,
    /// Its share of the say, 0 to 1; all together 1.
    pub weight: f64,
    /// Its mean error lately, in the unit of the series.
    pub error: f64,
}

const NAMES: [&str; 3] = ["level", "day", "week"];

/// What is expected at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expected {
    pub(super) value: f64,
    /// What each member says, as [`NAMES`].
    members: [f64; 3],
    /// How often this time of the day, and of the week, was seen before; counted up to a few.
    pub(super) seen: [u8; 2],
}

impl Expected {
    /// What the member that knows the day says, and the one that knows the week.
    pub(super) fn seasons(&self) -> [f64; 2] {
        [self.members[1], self.members[2]]
    }
}

/// Points out of reach in a row.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Out {
    above: bool,
    points: u32,
    since_s: i64,
}

impl Out {
    /// Whether it has gone on for so long that it is a new level.
    fn goes_on(&mut self, at_s: i64, off: f64, reach: f64) -> bool {
        let above = off > 0.0;
        if off.abs() <= reach {
            *self = Self::default();
        } else if self.points == 0 || self.above != above {
            *self = Self { above, points: 1, since_s: at_s };
        } else {
            self.points = self.points.saturating_add(1);
        }
        self.points > SHIFTED && at_s.saturating_sub(self.since_s) > SHIFTED_S
    }
}

/// See the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Expectation {
    level: f64,
    /// Mean distance from the level, blind to what lies far out.
    deviation: f64,
    lately: f64,
    day: Season,
    week: Season,
    errors: [f64; 3],
    out: Out,
}

impl Expectation {
    /// Memory beside the struct itself, in bytes.
    pub(super) const HEAP: usize = Season::bytes(&DAY) + Season::bytes(&WEEK);

    pub(super) fn new() -> Self {
        Self {
            level: 0.0,
            deviation: 0.0,
            lately: 0.0,
            day: Season::new(&DAY),
            week: Season::new(&WEEK),
            errors: [0.0; 3],
            out: Out::default(),
        }
    }

    /// The first point is the level.
    pub(super) fn begin(&mut self, value: f64) {
        (self.level, self.lately) = (value, value);
    }

    pub(super) fn at(&self, at_s: i64) -> Expected {
        let day = self.day.at(&DAY, at_s);
        let week = self.week.at(&WEEK, at_s);
        let off = |season: Option<(f64, u8)>| season.map_or(0.0_f64, |(mean, _)| mean);
        let members = [self.level, self.level + off(day), self.level + off(week.or(day))];
        let value = self.weights().iter().zip(&members).map(|(w, m)| w * m).sum();
        Expected { value, members, seen: [day, week].map(|season| season.map_or(0, |(_, seen)| seen)) }
    }

    fn weights(&self) -> [f64; 3] {
        let tiny = 1e-9 * (self.level.abs() + self.deviation) + 1e-12;
        let trust = self.errors.map(|e| 1.0 / (e / tiny + 1.0).powi(4));
        let all: f64 = trust.iter().sum();
        trust.map(|t| t / all)
    }

    pub(super) fn members(&self) -> [Member; 3] {
        let weights = self.weights();
        std::array::from_fn(|i| Member {
            name: NAMES[i].to_owned(),
            weight: weights[i],
            error: self.errors[i],
        })
    }

    /// How far from the level what is learned from may lie, in the unit of the series.
    fn reach(&self, points: u32) -> f64 {
        if points > YOUNG { REACH * self.deviation } else { f64::INFINITY }
    }

    /// `expected` is what [`Expectation::at`] said of this point; `points` counts it.
    pub(super) fn learn(&mut self, at_s: i64, value: f64, expected: &Expected, points: u32) {
        let reach = self.reach(points);
        for (error, member) in self.errors.iter_mut().zip(&expected.members) {
            *error = blend(*error, (value - member).abs().min(reach), points, SPAN);
        }
        self.lately = blend(self.lately, value, points, LATELY);
        if self.out.goes_on(at_s, value - self.level, reach) {
            (self.level, self.out) = (self.lately, Out::default());
        }
        // A point far out counts as one at the edge: trouble must not shift what it is measured from.
        let off = (value - self.level).clamp(-reach, reach);
        self.deviation = blend(self.deviation, off.abs(), points, SPAN);
        // What the season explains moves no level.
        let unexplained = (value - expected.value).clamp(-reach, reach);
        self.level = blend(self.level, self.level + unexplained, points, SPAN);
        self.day.learn(&DAY, at_s, off);
        self.week.learn(&WEEK, at_s, off);
    }
}
