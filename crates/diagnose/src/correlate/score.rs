//! How well a burst fits a group: the change of the logarithm of the likelihood of everything.
//!
//! The likelihood of a group: incidents begin at random; the number of alerts of one is gamma distributed;
//! each comes at an age drawn from a density that falls (Omori), its own where enough was seen, until the
//! incident ends, after a time that is not known and summed over (a Neyman-Scott cluster process). What starts
//! once starts once. What repeats goes on at its pace.

use super::alert::Alert;
use super::burst::{Burst, BurstId, Bursts};
use super::hand::Links;
use super::learned::Learned;
use super::members::Members;
use super::why::{Reason, Why};
use super::{AlertId, GroupId, Settings};

/// How long incidents may live, in classes that double; each is as likely as the others.
const LIVES: usize = 10;
/// Upper end of the first class, s.
const FIRST_LIFE_S: f64 = 8.0;

/// Everything that scoring looks at.
#[derive(Clone, Copy)]
pub(super) struct Scorer<'a> {
    pub(super) settings: &'a Settings,
    pub(super) learned: &'a Learned,
    pub(super) links: &'a Links,
    pub(super) bursts: &'a Bursts,
    /// Seconds.
    pub(super) now: f64,
}

/// The parts of a score.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Score {
    pub(super) birth: f64,
    pub(super) timing: f64,
    pub(super) life: f64,
    pub(super) twice: f64,
    pub(super) series: f64,
    pub(super) together: f64,
    pub(super) nearest: Option<AlertId>,
    pub(super) apart: f64,
    pub(super) by_hand: f64,
    /// The only burst that stands in the way, by having started the same alerts.
    pub(super) rival: Option<BurstId>,
}

impl Score {
    pub(super) fn sum(&self) -> f64 {
        self.birth
            + self.timing
            + self.life
            + self.twice
            + self.series
            + self.together
            + self.apart
            + self.by_hand
    }

    /// In words and numbers, strongest first.
    pub(super) fn why(&self) -> Vec<Why> {
        let parts = [
            (Reason::NewIncident, self.birth),
            (Reason::Timing, self.timing),
            (Reason::Life, self.life),
            (Reason::StartedBefore, self.twice),
            (Reason::Series, self.series),
            (Reason::Together, self.together),
            (Reason::Apart, self.apart),
            (Reason::ByHand, self.by_hand),
        ];
        let told = parts.into_iter().filter(|(_, weight)| weight.abs() > 0.05);
        let mut why: Vec<Why> = told
            .map(|(reason, weight)| {
                let alert = if reason == Reason::Together { self.nearest } else { None };
                Why::new(reason, weight, alert)
            })
            .collect();
        why.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
        why
    }
}

impl Scorer<'_> {
    /// What a new group for this burst is worth.
    pub(super) fn alone(&self, burst: &Burst) -> Score {
        let at = burst.at();
        let first = usize::from(burst.onset);
        let timing = if burst.onset {
            self.age(burst, at)
        } else {
            self.age(burst, at)
                + self.settings.series_new.ln()
                + (self.settings.size_shape / self.settings.size_rate).ln()
        };
        Score {
            birth: self.settings.birth,
            timing: timing + self.size(first),
            life: self.life(first, at, at),
            ..Score::default()
        }
    }

    /// What joining a group is worth to a burst that is in none.
    pub(super) fn join(&self, id: BurstId, burst: &Burst, group: GroupId, members: &Members) -> Score {
        if members.is_empty() {
            return self.alone(burst);
        }
        let (start, last, at) = (members.start(), members.last_onset(), burst.at());
        let first = start.min(at);
        let n = members.onsets();
        let mut score = Score::default();
        if burst.onset {
            score.life = self.life(n + 1, first, last.max(at)) - self.life(n, start, last);
            score.timing = (self.settings.size_shape + n as f64).ln() + self.age(burst, first);
            score.timing += self.follows(id, burst, members, first);
        } else {
            score.life = self.life(n, first, last) - self.life(n, start, last);
            (score.timing, score.series) = self.goes_on(burst, members, first, false);
        }
        if first < start {
            score.life += self.earlier(members, first, start);
        }
        self.started_before(burst, members, &mut score);
        self.neighbours(burst, group, &mut score);
        if self.settings.apart < 0.0 && !members.touches(burst) {
            score.apart = self.settings.apart;
        }
        score.by_hand = self.links.weigh(burst, members, self.settings.by_hand);
        score
    }

    /// The likelihood of a whole group.
    pub(super) fn total(&self, members: &Members) -> f64 {
        if members.is_empty() {
            return 0.0;
        }
        let start = members.start();
        let mut sum = self.settings.birth
            + self.size(members.onsets())
            + self.life(members.onsets(), start, members.last_onset());
        let mut before: Option<BurstId> = None;
        for id in members.bursts() {
            let Some(burst) = self.bursts.get(id) else { continue };
            sum += self.own_part(id, burst, members, before, start);
            before = Some(id);
        }
        sum
    }

    fn own_part(
        &self,
        id: BurstId,
        burst: &Burst,
        members: &Members,
        before: Option<BurstId>,
        start: f64,
    ) -> f64 {
        let mut sum = 0.0;
        let earlier = before.and_then(|b| self.bursts.get(b));
        if burst.onset {
            sum += self.age(burst, start);
            if let Some(earlier) = earlier {
                sum += self.follow(burst.at() - earlier.at(), burst.at() - start, members.onsets());
            }
        } else if earlier.is_some() {
            let (timing, series) = self.goes_on(burst, members, start, true);
            sum += timing + series;
        } else {
            sum += self.age(burst, start)
                + self.settings.series_new.ln()
                + (self.settings.size_shape / self.settings.size_rate).ln();
        }
        let inside = burst.neighbours.iter().filter(|(n, _)| *n < id && members.has(*n, self.bursts));
        sum += inside.map(|(_, bond)| bond).sum::<f64>();
        let again = burst.alerts.iter().filter(|a| !a.repeats);
        let again = again.filter(|a| members.fired(a.fingerprint).first().is_some_and(|f| *f != id)).count();
        sum + self.twice(again)
    }

    /// Logarithm of the density of a burst at its age.
    fn age(&self, burst: &Burst, start: f64) -> f64 {
        let age = (burst.at() - start).max(0.0);
        let prior = self.settings.delay_prior;
        let own: f64 = burst.alerts.iter().map(|a| self.learned.own_delay(a, age, prior)).sum();
        self.learned.log_density(age) + own / (burst.alerts.len() as f64).powf(self.settings.dependent)
    }

    /// The part of the gamma distribution that depends on the number of alerts alone.
    fn size(&self, n: usize) -> f64 {
        let (shape, rate) = (self.settings.size_shape, self.settings.size_rate);
        ln_gamma(shape + n as f64) - ln_gamma(shape) + shape * rate.ln()
    }

    /// That alerts came until `last` and none since, summed over how long the incident may live.
    fn life(&self, n: usize, start: f64, last: f64) -> f64 {
        let shape = self.settings.size_shape + n as f64;
        let (rate, known) = (self.settings.size_rate, last - start);
        let seen = (self.now - start).min(known + 2_000.0);
        let (mut logs, mut count, mut most) = ([0.0; LIVES], 0, f64::MIN);
        let mut life = FIRST_LIFE_S / 2.0;
        for class in 0..LIVES {
            life *= 2.0;
            if life < known {
                continue;
            }
            let open = life > seen;
            let share = if open { (LIVES - class) as f64 } else { 1.0 } / LIVES as f64;
            let x = share.ln() - shape * (rate + self.learned.share_until(seen.min(life).max(0.0))).ln();
            logs[count] = x;
            count += 1;
            most = most.max(x);
            if open {
                break;
            }
        }
        if count == 0 {
            return -shape * (rate + 1.0).ln();
        }
        most + logs[..count].iter().map(|x| (x - most).exp()).sum::<f64>().ln()
    }

    /// What it costs the others of a group when it began earlier.
    fn earlier(&self, members: &Members, first: f64, start: f64) -> f64 {
        let bursts = members.bursts().filter_map(|id| self.bursts.get(id)).filter(|b| b.onset);
        bursts.map(|b| self.age(b, first) - self.age(b, start)).sum()
    }

    /// Alerts follow each other more closely than chance has it.
    fn follow(&self, apart: f64, age: f64, n: usize) -> f64 {
        if self.settings.follow <= 0.0 || apart > 60.0 {
            return 0.0;
        }
        let usual = (self.settings.size_shape + n as f64) / (self.settings.size_rate + 1.0);
        let usual = usual * self.learned.log_density(age.max(0.0)).exp();
        (1.0 + self.settings.follow / ((self.settings.follow_s + apart.max(0.0)) * usual)).ln()
    }

    fn follows(&self, id: BurstId, burst: &Burst, members: &Members, first: f64) -> f64 {
        let (before, after) = members.around(burst.at_ms, id);
        let (at, n) = (burst.at(), members.onsets());
        let before = before.map(|ms| ms as f64 / 1000.0);
        let mut sum = before.map_or(0.0, |b| self.follow(at - b, at - first, n));
        let next = after.filter(|(_, id)| self.bursts.get(*id).is_some_and(|b| b.onset));
        if let Some((ms, _)) = next {
            let next = ms as f64 / 1000.0;
            sum += self.follow(next - at, next - first, n);
            sum -= before.map_or(0.0, |b| self.follow(next - b, next - first, n));
        }
        sum
    }

    /// A burst of repeating alerts alone: what it is worth as something new here, and what going on adds.
    fn goes_on(&self, burst: &Burst, members: &Members, first: f64, earlier: bool) -> (f64, f64) {
        let s = self.settings;
        let (mut best, mut pace, mut seen, mut share) = (f64::MAX, 0.0, 0.0, 0.0);
        let count = burst.alerts.len() as f64;
        for alert in &burst.alerts {
            share += self.learned.takes_part(alert.fingerprint, s.series_prior);
            let times = members.series(alert.fingerprint);
            let Some(nearest) = nearest_s(times, burst.at_ms, alert, earlier) else { continue };
            best = best.min(nearest);
            seen += 1.0;
            let span = (times[times.len() - 1] - times[0]) as f64 / 1000.0;
            pace += times.len() as f64 / (30.0 + span);
        }
        let new = s.series_new * (share / count) * self.age(burst, first).exp();
        let mut rate = 0.0;
        if seen > 0.0 {
            rate = (seen / count) * (s.series / (s.series_s + best)).max(s.series_pace * pace / count);
        }
        (new.ln(), ((new + rate) / new).ln())
    }

    fn twice(&self, again: usize) -> f64 {
        let s = self.settings;
        if again == 0 { 0.0 } else { s.twice * (again as f64).powf(s.twice_power).min(s.twice_max) }
    }

    fn started_before(&self, burst: &Burst, members: &Members, score: &mut Score) {
        let (mut again, mut alone) = (0, true);
        for alert in burst.alerts.iter().filter(|a| !a.repeats) {
            let bursts = members.fired(alert.fingerprint);
            let Some(first) = bursts.first() else { continue };
            again += 1;
            alone &= bursts.len() == 1 && score.rival.is_none_or(|rival| rival == *first);
            score.rival = Some(*first);
        }
        score.twice = self.twice(again);
        if !alone {
            score.rival = None;
        }
    }

    fn neighbours(&self, burst: &Burst, group: GroupId, score: &mut Score) {
        let mut strongest = 0.0;
        for (id, bond) in &burst.neighbours {
            if self.bursts.group(*id) == Some(group) {
                score.together += bond;
                if *bond > strongest {
                    strongest = *bond;
                    score.nearest = self.bursts.first_alert(*id);
                }
            }
        }
    }
}

/// Seconds to the nearest time of a series, or to the nearest before; none when it has none.
fn nearest_s(times: &[i64], at_ms: i64, alert: &Alert, earlier: bool) -> Option<f64> {
    if !alert.repeats {
        return None;
    }
    let place = times.partition_point(|x| *x < at_ms);
    let before = place.checked_sub(1).map(|p| at_ms - times[p]);
    let after = times.get(place).filter(|_| !earlier).map(|x| x - at_ms);
    let nearest = before.into_iter().chain(after).min()?;
    Some(nearest as f64 / 1000.0)
}

/// Logarithm of the gamma function by Stirling's series (Abramowitz and Stegun 6.1.41).
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 7.0 {
        shift -= x.ln();
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    let tail = (1.0 / 12.0 - z * (1.0 / 360.0 - z / 1260.0)) / x;
    shift + (x - 0.5) * x.ln() - x + 0.918_938_533_204_672_7 + tail
}
