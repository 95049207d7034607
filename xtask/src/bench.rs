//! `cargo xtask bench`: one command a measurement. Tables and results on standard output, progress on standard
//! error; with `--json` one JSON object as the last line of standard output.

mod anomaly;
mod correlate;
mod faults;
mod log_anomaly;
mod log_templates;
mod multivariate;
mod packed;
mod rootcause;
mod start;
mod workflow;

use std::path::PathBuf;

use clap::ValueEnum;

use crate::run;

/// What can be measured.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Name {
    /// Process start to serving, idle memory, size of the binary.
    Start,
    /// From a signal to its incident, and signals a second.
    Loop,
    /// One decision, and a back-test over 100,000.
    Decide,
    /// Durable steps of the workflow engine; with `--peers` those of other engines too.
    Workflow,
    /// The streaming detector on labelled series.
    Anomaly,
    /// All metrics of a service together, on labelled machines.
    Multivariate,
    /// The grouping of labelled alerts of several faults at once.
    Correlate,
    /// The template miner on labelled log files.
    LogTemplates,
    /// The ranking of causes on labelled failures.
    Rootcause,
    /// Sessions of log lines that went wrong, on labelled logs and sequences.
    LogAnomaly,
    /// TypeScript packages of real OpenAPI documents: compiled, called, timed, beside a peer from npm.
    Connectors,
    /// Every fault of the demo, from injection to recovery, on real processes.
    Faults,
}

/// How to measure.
pub(crate) struct Options {
    pub(crate) data: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) runs: Option<usize>,
    pub(crate) faults: Vec<String>,
    pub(crate) peers: bool,
}

/// Measures.
pub(crate) fn run(name: Name, options: &Options) -> Result<(), String> {
    match name {
        Name::Anomaly => {
            let data = options.data.as_ref().ok_or("give the folder with the labelled series: --data DIR")?;
            anomaly::run(data, options.json)
        }
        Name::Correlate => {
            let data = options.data.as_ref().ok_or("give the folder with the labelled alerts: --data DIR")?;
            correlate::run(data, options.json)
        }
        Name::LogTemplates => {
            let data = options.data.as_ref().ok_or("give the folder with the labelled logs: --data DIR")?;
            log_templates::run(data, options.json)
        }
        Name::Rootcause => {
            let data =
                options.data.as_ref().ok_or("give the folder with the labelled failures: --data DIR")?;
            rootcause::run(data, options.json)
        }
        Name::Multivariate => {
            let data =
                options.data.as_ref().ok_or("give the folder with the labelled machines: --data DIR")?;
            multivariate::run(data, options.json)
        }
        Name::LogAnomaly => {
            let data = options.data.as_ref().ok_or("give the folder with the labelled logs: --data DIR")?;
            log_anomaly::run(data, options.json)
        }
        Name::Start => start::run(options.runs.unwrap_or(20), options.json),
        Name::Faults => faults::run(options.runs.unwrap_or(5), &options.faults, options.json),
        Name::Workflow => workflow::run(options.runs, options.peers, options.json),
        Name::Connectors => connectors(options),
        Name::Loop => example("loop", options),
        Name::Decide => example("decide", options),
    }
}

/// Packages of documents are judged beside the emitter, so that this program needs none of it.
fn connectors(options: &Options) -> Result<(), String> {
    let data = options.data.as_ref().ok_or("give the folder with the OpenAPI documents: --data DIR")?;
    let mut command =
        run::cargo(&["run", "--quiet", "--release", "-p", "typescript", "--example", "connectors", "--"]);
    command.arg(data).arg(crate::place::cache()?.join("connectors"));
    if options.json {
        command.arg("--json");
    }
    run::plainly(&mut command)
}

/// Measurements of the whole loop live beside its scenario runner.
fn example(name: &str, options: &Options) -> Result<(), String> {
    let mut command = run::cargo(&["run", "--quiet", "--release", "-p", "testkit", "--example", name, "--"]);
    if options.json {
        command.arg("--json");
    }
    if let Some(data) = &options.data {
        command.arg("--data").arg(data);
    }
    run::plainly(&mut command)
}

/// The middle value; of an even number the mean of the two in the middle.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_of_few_values() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
    }
}
