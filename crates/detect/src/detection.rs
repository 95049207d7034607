//! The whole stack: features first, then every detector, then the books of findings.

use model::{CorrelationId, Finding, MetricSeries, ServiceGraph, Signal, Timestamp};
use serde::{Deserialize, Serialize};

use crate::detectors::{Detectors, NAMES};
use crate::features::Features;
use crate::findings::{Context, Findings};
use crate::report::{DRIFTING, Report};
use crate::settings::Settings;

/// Judgement over windows happens at most this often; single signals are judged at once.
const JUDGE_EVERY_MS: i64 = 100;

/// A clock that goes back by more than this was set.
const CLOCK_STEP_MS: i64 = 60_000;
/// No clock is right beyond this: the end of the year 9999.
const LAST: Timestamp = Timestamp::from_unix_ms(253_402_300_799_999);

/// What one call gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// Findings opened, updated (at most one a second each) and cleared, in the order it happened.
    pub findings: Vec<Finding>,
    /// Derived series, one point per service and closed second: `request_rate`, `request_error_ratio`,
    /// `request_duration_p50_ms`, `request_duration_p95_ms`, `log_rate`, `log_error_rate`.
    pub derived: Vec<MetricSeries>,
}

/// A snapshot cannot be continued.
#[derive(Debug, thiserror::Error)]
#[error("the detection snapshot is not readable by this version; start detection afresh")]
pub struct RestoreError(#[from] rmp_serde::decode::Error);

/// The detection stack. See the crate for its promises.
#[derive(Clone, Debug)]
pub struct Detection {
    settings: Settings,
    state: State,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    now: Timestamp,
    judged_at: Timestamp,
    correlation: CorrelationId,
    features: Features,
    detectors: Detectors,
    findings: Findings,
}

impl Detection {
    /// A stack that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let state = State {
            now: Timestamp::ZERO,
            judged_at: Timestamp::ZERO,
            correlation: CorrelationId::derive(Timestamp::ZERO, &["detect"]),
            features: Features::new(&settings),
            detectors: Detectors::new(&settings),
            findings: Findings::default(),
        };
        Self { settings, state }
    }

    /// Feeds one received batch, in bus order. `now` is the time of receipt.
    pub fn observe(
        &mut self,
        now: Timestamp,
        correlation: &CorrelationId,
        signals: &[Signal],
        out: &mut Output,
    ) {
        self.advance(now);
        let state = &mut self.state;
        state.correlation = correlation.clone();
        let cx = Context { now: state.now, correlation, settings: &self.settings };
        for signal in signals {
            match signal {
                Signal::Change(change) => state.findings.note_change(change),
                Signal::Feedback(feedback) => state.findings.judge(state.now, feedback),
                _ => {}
            }
            let seen = state.features.see(state.now, signal);
            state.detectors.see(cx, &seen, &mut state.findings);
        }
        if state.now.since_ms(state.judged_at) >= JUDGE_EVERY_MS {
            self.judge();
        }
        out.findings.append(&mut self.state.findings.take());
    }

    /// Judges what only time can tell: windows, closed seconds, clearing, silence. Call it a few times a second.
    pub fn tick(&mut self, now: Timestamp, out: &mut Output) {
        self.advance(now);
        self.state.features.close(self.state.now, self.settings.lateness_ms, &mut out.derived);
        self.judge();
        let state = &mut self.state;
        state.findings.tick(Context {
            now: state.now,
            correlation: &state.correlation,
            settings: &self.settings,
        });
        out.findings.append(&mut state.findings.take());
    }

    /// The state as bytes (MessagePack), to be kept with the bus offset it belongs to. Take it between calls.
    ///
    /// # Panics
    /// Never: the state is plain data.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(&self.state).expect("plain data in memory always encodes")
    }

    /// Continues from a snapshot. Capacities keep the values they had when the snapshot's stack was made.
    ///
    /// # Errors
    /// The bytes are damaged or from an incompatible version; start afresh with [`Detection::new`].
    pub fn restore(settings: Settings, snapshot: &[u8]) -> Result<Self, RestoreError> {
        Ok(Self { settings, state: rmp_serde::from_slice(snapshot)? })
    }

    /// Adds the callees a service declares.
    pub fn declare(&mut self, service: &str, depends_on: &[String]) {
        self.state.features.declare(service, depends_on);
    }

    /// What is watched and where it drifts.
    #[must_use]
    pub fn report(&self) -> Report {
        let (series, drifting) = self.state.detectors.watched(DRIFTING);
        let detectors = NAMES.iter().map(|n| (*n).to_owned()).collect();
        let objectives = self.state.detectors.objectives(self.state.now, &self.settings);
        Report { detectors, series, dismissed: self.state.findings.dismissed(), drifting, objectives }
    }

    /// Who calls whom, as declared and as observed from spans; figures are those of the last [`Detection::tick`].
    #[must_use]
    pub fn graph(&self, _now: Timestamp) -> &ServiceGraph {
        self.state.features.graph()
    }

    /// Time runs on; a small step back is ignored. A clock set back further makes what was learned by time
    /// meaningless: open findings are cleared and learning begins anew.
    fn advance(&mut self, now: Timestamp) {
        let now = now.clamp(Timestamp::ZERO, LAST);
        let state = &mut self.state;
        if state.now.since_ms(now) > CLOCK_STEP_MS {
            state.findings.clear_all(now);
            state.features = Features::new(&self.settings);
            state.detectors = Detectors::new(&self.settings);
            (state.now, state.judged_at) = (now, now);
        }
        state.now = state.now.max(now);
    }

    fn judge(&mut self) {
        let state = &mut self.state;
        state.judged_at = state.now;
        let cx = Context { now: state.now, correlation: &state.correlation, settings: &self.settings };
        state.detectors.judge(cx, &mut state.findings);
    }
}
