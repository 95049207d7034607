//! Confidence: how likely it is that a runbook fixes an incident, from four parts, then calibrated.

use model::{ConfidenceReport, Impact, Track};
use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;

const ANALYSIS: f64 = 0.4;
const HISTORY: f64 = 0.3;
const SIMPLICITY: f64 = 0.2;
const IMPACT: f64 = 0.1;

/// What a confidence is made of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// Probability of the diagnosed cause, 0 to 1.
    pub analysis: f64,
    /// Smoothed success of the runbook for this class, 0 to 1; see [`history`].
    pub history: f64,
    /// Outcomes behind it.
    pub history_count: u32,
    /// Services with findings in the incident.
    pub affected_services: u32,
    /// How bad for the business.
    pub impact: Impact,
}

/// What is believed of a runbook before it has run here.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryPrior {
    /// Share of runs believed to hold, 0 to 1.
    pub success: f64,
    /// How many outcomes that belief is worth.
    pub weight: f64,
}

impl Default for HistoryPrior {
    fn default() -> Self {
        Self { success: 0.8, weight: 4.0 }
    }
}

/// Success of a runbook for a class so far: a beta-binomial mean, so that the first outcome neither proves
/// nor damns it.
#[must_use]
pub fn history(track: Option<&Track>, prior: HistoryPrior) -> f64 {
    let (held, failed) = track.map_or((0.0, 0.0), |t| (f64::from(t.held), f64::from(t.failed)));
    let weight = clean(prior.weight / 1e6) * 1e6;
    let total = weight + held + failed;
    if total == 0.0 { 0.0 } else { (clean(prior.success) * weight + held) / total }
}

/// 1 for one affected service, 0.15 less for each further one, 0 from eight on.
#[must_use]
pub fn simplicity(affected_services: u32) -> f64 {
    (1.0 - 0.15 * f64::from(affected_services.saturating_sub(1))).max(0.0)
}

/// The confidence that a runbook fixes an incident, with its derivation.
#[must_use]
pub fn confidence(parts: &Parts, curve: &Calibration) -> ConfidenceReport {
    let analysis = clean(parts.analysis);
    let history = clean(parts.history);
    let simplicity = simplicity(parts.affected_services);
    let impact = match parts.impact {
        Impact::Low => 1.0,
        Impact::Medium => 0.5,
        Impact::High => 0.0,
    };
    let raw = ANALYSIS * analysis + HISTORY * history + SIMPLICITY * simplicity + IMPACT * impact;
    let calibrated = curve.at(raw);
    let formula = format!(
        "0.4 × {analysis:.2} (analysis) + 0.3 × {history:.2} (history of {} outcomes) + 0.2 × {simplicity:.2} \
         (simplicity: {} services) + 0.1 × {impact:.2} (low impact) = {raw:.3}; calibrated on {} outcomes: \
         {calibrated:.3}",
        parts.history_count,
        parts.affected_services,
        curve.outcomes(),
    );
    ConfidenceReport {
        analysis,
        history,
        history_count: parts.history_count,
        simplicity,
        impact,
        raw,
        calibrated,
        formula,
    }
}

fn clean(x: f64) -> f64 {
    if x.is_finite() { x.clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use model::{FailureClass, Timestamp};
    use proptest::prelude::*;

    use super::*;

    fn track(held: u32, failed: u32) -> Track {
        Track {
            class: FailureClass::Crash,
            runbook: "restart-service".into(),
            held,
            failed,
            consecutive_failures: 0,
            updated_at: Timestamp::ZERO,
        }
    }

    #[test]
    fn the_formula_is_the_one_in_the_manual() {
        let parts = Parts {
            analysis: 0.96,
            history: 0.8,
            history_count: 0,
            affected_services: 3,
            impact: Impact::Medium,
        };
        let report = confidence(&parts, &Calibration::default());
        assert!((report.raw - (0.384 + 0.24 + 0.14 + 0.05)).abs() < 1e-9);
        assert!((report.calibrated - report.raw).abs() < 1e-9);
        assert!(report.formula.contains("= 0.814"), "{}", report.formula);
    }

    #[test]
    fn outcomes_move_history_and_one_alone_does_not_decide() {
        let prior = HistoryPrior::default();
        assert_eq!(history(None, prior), 0.8);
        assert!((history(Some(&track(1, 0)), prior) - 0.84).abs() < 1e-9);
        assert!((history(Some(&track(0, 1)), prior) - 0.64).abs() < 1e-9);
        assert!(history(Some(&track(50, 0)), prior) > 0.98);
        assert!(history(Some(&track(0, 50)), prior) < 0.1);
        assert_eq!(history(None, HistoryPrior { success: f64::NAN, weight: f64::NAN }), 0.0);
    }

    proptest! {
        #[test]
        fn every_number_stays_between_0_and_1(a in any::<f64>(), h in any::<f64>(), n in any::<u32>()) {
            let parts = Parts { analysis: a, history: h, history_count: n, affected_services: n, impact: Impact::Low };
            let report = confidence(&parts, &Calibration::default());
            prop_assert!((0.0..=1.0).contains(&report.calibrated));
        }
    }
}
