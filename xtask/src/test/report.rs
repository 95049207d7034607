//! What came of the steps, and the closing lines.

use std::time::Instant;

use super::count::Counted;
use crate::say;

pub(crate) type Result = std::result::Result<Step, String>;

/// What came of one step.
pub(crate) struct Step {
    pub(crate) ok: bool,
    counted: Counted,
}

impl Step {
    /// Succeeded, counts nothing.
    pub(crate) fn done() -> Self {
        Self::of_faults(0)
    }

    /// Failed by so many faults; none is success.
    pub(crate) fn of_faults(faults: usize) -> Self {
        Self { ok: faults == 0, counted: Counted { failed: faults, ..Counted::default() } }
    }

    /// A runner's own count. One that failed without a failed test (an error of its own) counts as one failure.
    pub(crate) fn counted(mut counted: Counted, ok: bool) -> Self {
        if !ok && counted.failed == 0 {
            counted.failed = 1;
        }
        Self { ok: ok && counted.failed == 0, counted }
    }
}

struct Row {
    name: String,
    state: &'static str,
    passed: usize,
    failed: usize,
    seconds: f64,
    closing: Vec<String>,
}

/// All steps so far.
pub(crate) struct Report {
    steps: usize,
    /// Only steps whose name has this in it.
    only: Option<String>,
    rows: Vec<Row>,
    began: Instant,
}

impl Report {
    pub(crate) fn new(steps: usize, only: Option<String>) -> Self {
        Self { steps, only, rows: Vec::new(), began: Instant::now() }
    }

    /// Does a step; whether it succeeded. A failed step does not end the others.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result) -> bool {
        if self.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            return true;
        }
        let place = format!("[{}/{}] {name}", self.rows.len() + 1, self.steps);
        say::note(format!("{place} …"));
        let began = Instant::now();
        let step = work().unwrap_or_else(|message| {
            say::note(format!("{name}: {message}"));
            Step::of_faults(1)
        });
        let seconds = began.elapsed().as_secs_f64();
        let state = if step.ok { "ok" } else { "FAILED" };
        say::note(format!("{place}: {state} ({seconds:.1} s)"));
        let Counted { passed, failed, closing } = step.counted;
        self.rows.push(Row { name: name.to_owned(), state, passed, failed, seconds, closing });
        step.ok
    }

    /// Does a step if the one it needs succeeded.
    pub(crate) fn step_after(&mut self, needed: bool, name: &str, work: impl FnOnce() -> Result) -> bool {
        if needed {
            return self.step(name, work);
        }
        // The step it needs has failed and counts; this one is shown, not counted.
        let row = Row {
            name: name.to_owned(),
            state: "not run",
            passed: 0,
            failed: 0,
            seconds: 0.0,
            closing: Vec::new(),
        };
        self.rows.push(row);
        false
    }

    /// Prints the runners' closing lines, the table and the sum; fails when a step did.
    pub(crate) fn close(self) -> std::result::Result<(), String> {
        say::out("");
        for row in &self.rows {
            for line in &row.closing {
                say::out(format!("{}: {line}", row.name));
            }
        }
        say::out("");
        say::out(format!("{:<26} {:<8} {:>7} {:>7} {:>9}", "step", "result", "passed", "failed", "seconds"));
        for row in &self.rows {
            let (name, state) = (&row.name, row.state);
            say::out(format!(
                "{name:<26} {state:<8} {:>7} {:>7} {:>9.1}",
                row.passed, row.failed, row.seconds
            ));
        }
        let (passed, failed) = self.sum();
        say::out(format!(
            "{:<26} {:<8} {passed:>7} {failed:>7} {:>9.1}",
            "all",
            "",
            self.began.elapsed().as_secs_f64()
        ));
        say::out("");
        say::out(format!("{passed} passed, {failed} failed"));
        if self.rows.is_empty() {
            return Err("no step has this in its name".to_owned());
        }
        match self.rows.iter().filter(|r| r.state != "ok").count() {
            0 => Ok(()),
            n => Err(format!("{n} of {} steps did not succeed", self.rows.len())),
        }
    }

    fn sum(&self) -> (usize, usize) {
        let rows = &self.rows;
        (rows.iter().map(|r| r.passed).sum(), rows.iter().map(|r| r.failed).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(passed: usize, failed: usize) -> Counted {
        Counted { passed, failed, closing: vec!["x".to_owned()] }
    }

    #[test]
    fn a_failed_step_fails_the_whole_and_what_needs_it_is_not_run() {
        let mut report = Report::new(3, None);
        assert!(report.step("a", || Ok(Step::counted(counted(3, 0), true))));
        let b = report.step("b", || Err("it broke".to_owned()));
        assert!(!report.step_after(b, "c", || panic!("must not run")));
        assert_eq!(report.sum(), (3, 1));
        assert!(report.close().is_err());
    }

    #[test]
    fn a_runner_that_fails_without_a_failed_test_counts_as_one_failure() {
        let step = Step::counted(counted(5, 0), false);
        assert_eq!((step.ok, step.counted.failed), (false, 1));
    }

    #[test]
    fn only_what_was_asked_for_is_run() {
        let mut report = Report::new(2, Some("b".to_owned()));
        assert!(report.step("a", || panic!("must not run")));
        assert!(report.step("b", || Ok(Step::done())));
        assert_eq!(report.rows.len(), 1);
        assert!(Report::new(2, Some("x".to_owned())).close().is_err(), "nothing run is no success");
    }

    #[test]
    fn all_well() {
        let mut report = Report::new(1, None);
        assert!(report.step("a", || Ok(Step::done())));
        assert!(report.close().is_ok());
    }
}
