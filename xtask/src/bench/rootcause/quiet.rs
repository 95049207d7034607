//! Specificity: data without an issue is cut in two, and nothing may be named for the second part.

use super::read::{AllSeries, Case, Scenario};
use super::score::named;

/// Where the data of a system with calls is cut, as PetShop's own evaluation does: from the half on, in tenths.
const TENTHS: [usize; 5] = [50, 60, 70, 80, 90];
/// Where the time before a case without calls is cut, in hundredths.
const PARTS: [usize; 3] = [50, 67, 80];
/// How many points follow: all, and as many as an issue has.
const FOLLOWING: [usize; 3] = [usize::MAX, 6, 20];

/// Share of cuts of systems with calls for which nothing is named.
pub(super) fn of_calls(scenarios: &[Scenario]) -> Option<f64> {
    let mut quiet = Vec::new();
    for scenario in scenarios {
        let points = scenario.usual.values().map(Vec::len).max().unwrap_or(0);
        for symptom in &scenario.symptoms {
            for (cut, following) in TENTHS.iter().flat_map(|cut| FOLLOWING.map(|f| (points * cut / 100, f))) {
                let end = cut.saturating_add(following).min(points);
                let series: AllSeries = scenario
                    .usual
                    .iter()
                    .filter(|(_, all)| all.len() == points)
                    .map(|(key, all)| (key.clone(), (all[..cut].to_vec(), all[cut..end].to_vec())))
                    .collect();
                quiet.push(named(&series, &scenario.calls, Some(symptom)).is_empty());
            }
        }
    }
    share(&quiet)
}

/// Share of cuts of the time before each case without calls for which nothing is named.
pub(super) fn of_cases(cases: &[Case]) -> Option<f64> {
    let mut quiet = Vec::new();
    for case in cases.iter().filter(|case| !super::has_calls(case)) {
        for part in PARTS {
            let halves = case.series.iter().map(|(key, (before, _))| {
                let cut = before.len() * part / 100;
                (key.clone(), (before[..cut].to_vec(), before[cut..].to_vec()))
            });
            quiet.push(named(&halves.collect(), &[], None).is_empty());
        }
    }
    share(&quiet)
}

fn share(quiet: &[bool]) -> Option<f64> {
    (!quiet.is_empty()).then(|| quiet.iter().filter(|q| **q).count() as f64 / quiet.len() as f64)
}
