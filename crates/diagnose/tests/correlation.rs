//! Correlation of alerts: what belongs together, what does not, and what holds for every stream.

use std::collections::BTreeMap;

use diagnose::correlate::{
    Alert, AlertId, Correlator, Fingerprint, GroupId, Key, Mode, Reason, Settings, Told,
};
use proptest::prelude::*;

/// Where every alert ended.
fn groups(told: impl IntoIterator<Item = Told>) -> BTreeMap<AlertId, GroupId> {
    let mut at = BTreeMap::new();
    for told in told {
        match told {
            Told::Placed { alert, group, .. } | Told::Moved { alert, group, .. } => {
                at.insert(alert, group);
            }
            Told::Closed { .. } => {}
        }
    }
    at
}

fn run(correlator: &mut Correlator, alerts: &[Alert]) -> Vec<Told> {
    let mut told: Vec<Told> = alerts.iter().flat_map(|a| correlator.add(a.clone()).1).collect();
    told.extend(correlator.flush());
    told
}

fn alert(at_ms: i64, service: &str, what: &str) -> Alert {
    Alert::new(at_ms, Fingerprint::of(&[service, what]), &[Key::of(service)])
}

/// A fault that makes `count` different alerts start, thinning out.
fn fault(at_ms: i64, count: i64) -> Vec<Alert> {
    (0..count)
        .map(|n| alert(at_ms + n * n * 200, &format!("service-{}", n % 5), &format!("alert {n}")))
        .collect()
}

#[test]
fn one_fault_is_one_group_and_one_long_after_is_another() {
    let mut alerts = fault(1_000_000, 12);
    alerts.extend(fault(1_600_000, 12));
    let at = groups(run(&mut Correlator::new(Settings::default()), &alerts));
    assert!((0..12).all(|n| at[&AlertId(n)] == at[&AlertId(0)]), "{at:?}");
    assert!((12..24).all(|n| at[&AlertId(n)] == at[&AlertId(12)]), "{at:?}");
    assert_ne!(at[&AlertId(0)], at[&AlertId(12)]);
}

#[test]
fn what_starts_again_while_it_lasts_is_a_second_fault() {
    // Twelve alerts at one instant, then one after the other; the same forty seconds later.
    let faults = [1_000_000, 1_040_000].map(|at: i64| {
        let at_once = (0..12).map(move |n| alert(at, "gateway", &format!("endpoint {n} slow")));
        at_once.chain((0..6).map(move |n| alert(at + 300 + n * 400, "gateway", &format!("error {n}"))))
    });
    let alerts: Vec<Alert> = faults.into_iter().flatten().collect();
    let at = groups(run(&mut Correlator::new(Settings::default()), &alerts));
    assert!((0..18).all(|n| at[&AlertId(n)] == at[&AlertId(0)]), "{at:?}");
    assert!((18..36).all(|n| at[&AlertId(n)] == at[&AlertId(18)]), "{at:?}");
    assert_ne!(at[&AlertId(0)], at[&AlertId(18)]);
}

#[test]
fn every_place_has_reasons_and_the_words_carry_the_number() {
    let mut correlator = Correlator::new(Settings::default());
    for told in run(&mut correlator, &fault(1_000_000, 6)) {
        if let Told::Placed { why, opened, .. } = told {
            assert!(!why.is_empty());
            assert_eq!(opened, why.iter().any(|w| w.reason == Reason::NewIncident));
            assert!(why.iter().all(|w| w.weight.is_finite() && w.to_string().ends_with(')')), "{why:?}");
        }
    }
}

#[test]
fn a_shared_change_is_a_reason() {
    let change = Key::of("deploy 7");
    let alerts =
        [alert(1_000_000, "a", "errors").after(change), alert(1_001_500, "b", "errors").after(change)];
    let told = run(&mut Correlator::new(Settings::default()), &alerts);
    let together = |t: &Told| {
        matches!(t, Told::Placed { alert: AlertId(1), why, .. }
        if why.iter().any(|w| w.reason == Reason::Together && w.alert == Some(AlertId(0))))
    };
    assert!(told.iter().any(together), "{told:?}");
}

#[test]
fn what_people_split_stays_split_and_is_learned() {
    let mut correlator = Correlator::new(Settings::default());
    let twins = |at: i64| [alert(at, "a", "errors"), alert(at + 900, "b", "disk")];
    let at = groups(run(&mut correlator, &twins(1_000_000)));
    assert_eq!(at[&AlertId(0)], at[&AlertId(1)]);
    let (own, told) = correlator.split_group(&[AlertId(1)]);
    assert!(matches!(told.as_slice(), [Told::Moved { alert: AlertId(1), group, .. }] if *group == own));
    // Nothing that comes later moves it back.
    assert!(
        !run(&mut correlator, &fault(1_002_000, 30))
            .iter()
            .any(|t| matches!(t, Told::Moved { alert: AlertId(1), .. }))
    );
    let learned = run(&mut correlator, &twins(2_000_000));
    let by_hand = |t: &Told| {
        matches!(t, Told::Placed { why, .. }
        if why.iter().any(|w| w.reason == Reason::ByHand && w.weight < 0.0))
    };
    let apart = groups(learned.clone()).into_values().collect::<std::collections::BTreeSet<_>>();
    assert!(learned.iter().any(by_hand) || apart.len() == 2, "{learned:?}");
}

#[test]
fn what_people_merge_is_one_group() {
    let mut correlator = Correlator::new(Settings::default());
    run(&mut correlator, &[alert(1_000_000, "a", "errors")]);
    let (own, _) = correlator.split_group(&[]);
    assert!(correlator.alerts_of(own).is_empty());
    let first = correlator.open().find(|(_, n)| *n == 1).unwrap().0;
    let told = correlator.merge_groups(first, own);
    assert_eq!(told, [Told::Moved { alert: AlertId(0), from: first, group: own }]);
    assert_eq!(correlator.alerts_of(own), [AlertId(0)]);
}

#[test]
fn quiet_groups_close_when_time_passes() {
    let mut correlator = Correlator::new(Settings::default());
    run(&mut correlator, &fault(1_000_000, 3));
    let told = correlator.advance(1_300_000);
    assert!(told.iter().any(|t| matches!(t, Told::Closed { .. })));
    assert_eq!(correlator.open().count(), 0);
}

#[test]
fn a_million_alerts_take_bounded_room() {
    let settings = Settings { revisits: 1, max_bursts: 512, max_learned: 1_000, ..Settings::default() };
    let mut correlator = Correlator::new(settings);
    let (mut largest, mut storm) = (0, false);
    for n in 0..1_000_000_i64 {
        let text = n.to_string();
        let alert = Alert::new(n / 20, Fingerprint::of(&[&text]), &[Key::of(&text)]);
        correlator.add(if n % 3 == 0 { alert.repeating() } else { alert });
        if n % 10_000 == 0 {
            largest = largest.max(correlator.size());
            storm |= correlator.mode() == Mode::Storm;
        }
    }
    assert!(storm);
    assert!(largest < 120_000, "{largest}");
}

fn any_alert() -> impl Strategy<Value = Alert> {
    (0_i64..400_000, 0_u8..40, any::<bool>(), "\\PC{0,6}", prop::option::of(0_u8..3)).prop_map(
        |(at, what, repeats, place, change)| {
            let alert =
                Alert::new(1_700_000_000_000 + at, Fingerprint::of(&[&what.to_string()]), &[Key::of(&place)]);
            let alert = if repeats { alert.repeating() } else { alert };
            change.map_or(alert.clone(), |c| alert.after(Key::of(&c.to_string())))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_times_and_texts_are_grouped_once_and_for_all(
        alerts in prop::collection::vec((any::<i64>(), any::<String>()), 0..60)
    ) {
        let alerts: Vec<Alert> =
            alerts.iter().map(|(at, text)| Alert::new(*at, Fingerprint::of(&[text]), &[Key::of(text)])).collect();
        let at = groups(run(&mut Correlator::new(Settings::default()), &alerts));
        prop_assert_eq!(at.len(), alerts.len());
    }

    #[test]
    fn a_snapshot_goes_on_as_if_nothing_had_happened(
        alerts in prop::collection::vec(any_alert(), 2..120), cut in any::<prop::sample::Index>()
    ) {
        let mut alerts = alerts;
        alerts.sort_by_key(|a| serde_json::to_value(a).unwrap()["at_ms"].as_i64());
        let cut = cut.index(alerts.len());
        let mut live = Correlator::new(Settings::default());
        let mut restored = live.clone();
        let whole = run(&mut live, &alerts);
        let mut parts: Vec<Told> = alerts[..cut].iter().flat_map(|a| restored.add(a.clone()).1).collect();
        let text = serde_json::to_string(&restored).unwrap();
        let mut restored: Correlator = serde_json::from_str(&text).unwrap();
        parts.extend(run(&mut restored, &alerts[cut..]));
        prop_assert_eq!(format!("{whole:?}"), format!("{parts:?}"));
    }

    #[test]
    fn order_within_the_hold_does_not_matter(
        alerts in prop::collection::vec(any_alert(), 2..80), swaps in prop::collection::vec(any::<prop::sample::Index>(), 0..80)
    ) {
        let time = |a: &Alert| serde_json::to_value(a).unwrap()["at_ms"].as_i64().unwrap();
        let mut sorted = alerts;
        sorted.sort_by_key(time);
        // Two equal alerts at one time cannot be told apart by their numbers.
        sorted.dedup_by_key(|a| time(a));
        let mut shuffled: Vec<usize> = (0..sorted.len()).collect();
        for swap in swaps {
            let at = swap.index(shuffled.len() - 1);
            // Each moves by less than the hold, from its true place.
            let late = time(&sorted[shuffled[at + 1]]) - time(&sorted[shuffled[at]]);
            let first = shuffled[..=at].iter().map(|n| time(&sorted[*n])).max().unwrap();
            if (0..500).contains(&late) && first - time(&sorted[shuffled[at]]) < 400 {
                shuffled.swap(at, at + 1);
            }
        }
        let newest = shuffled.iter().scan(i64::MIN, |max, n| { *max = (*max).max(time(&sorted[*n])); Some(*max) });
        prop_assume!(shuffled.iter().zip(newest).all(|(n, max)| max - time(&sorted[*n]) < 1_000));
        let place = |order: &[usize]| {
            let alerts: Vec<Alert> = order.iter().map(|n| sorted[*n].clone()).collect();
            let at = groups(run(&mut Correlator::new(Settings::default()), &alerts));
            let mut by_alert: Vec<(usize, GroupId)> = order.iter().enumerate().map(|(i, n)| (*n, at[&AlertId(i as u64)])).collect();
            by_alert.sort_unstable();
            by_alert
        };
        let straight: Vec<usize> = (0..sorted.len()).collect();
        prop_assert_eq!(place(&straight), place(&shuffled));
    }
}
