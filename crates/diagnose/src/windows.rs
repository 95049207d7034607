//! What metrics did: a window is one series before the trouble and since. Types, and which words of a metric's
//! name say what it measures. No judgement is made here.

use model::Point;

/// One series of one service around the start of trouble.
///
/// Both parts are oldest first. What is not finite counts as missing. Times of `before` may lie anywhere.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// The service it speaks of.
    pub service: &'a str,
    /// Name of the series; series of one name are compared with each other first.
    pub metric: &'a str,
    /// What it measures.
    pub measure: Measure,
    /// How it was before: the longer, the better; at least eight points.
    pub before: &'a [Point],
    /// How it has been since.
    pub after: &'a [Point],
}

/// Where somebody noticed trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symptom<'a> {
    /// The service.
    pub service: &'a str,
    /// The series in which it shows.
    pub metric: &'a str,
}

/// What a series measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Time an answer takes.
    Latency,
    /// Share or number of requests that fail.
    Errors,
    /// Share of requests that succeed, of 1 or of 100.
    Availability,
    /// Requests: what a service is asked to do.
    Traffic,
    /// Processor.
    Processor,
    /// Memory.
    Memory,
    /// Disk and file system.
    Disk,
    /// Anything else.
    Other,
}

/// Words by measure, by which metrics are named in OpenTelemetry, Prometheus, Kubernetes and CloudWatch. The first
/// row that has a word of the name wins: `request_error_ratio` is of errors, `request_duration` of latency.
const WORDS: &[(Measure, &[&str])] = &[
    (Measure::Availability, &["availability", "available", "success", "uptime"]),
    (
        Measure::Errors,
        &["error", "errors", "err", "fail", "failed", "failure", "failures", "fault", "faults", "5xx"],
    ),
    (Measure::Latency, &["latency", "lat", "duration", "delay", "rtt"]),
    (Measure::Processor, &["cpu", "processor", "cores"]),
    (Measure::Memory, &["mem", "memory", "heap", "rss"]),
    (Measure::Disk, &["disk", "diskio", "fs", "filesystem", "volume"]),
    (
        Measure::Traffic,
        &[
            "request",
            "requests",
            "req",
            "reqs",
            "load",
            "lod",
            "workload",
            "traffic",
            "rps",
            "qps",
            "throughput",
            "calls",
        ],
    ),
];

impl Measure {
    /// What a series of this name measures, by the words in it.
    #[must_use]
    pub fn of(metric: &str) -> Self {
        let lower = metric.to_ascii_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        let row = WORDS.iter().find(|(_, known)| words.iter().any(|word| known.contains(word)));
        row.map_or(Self::Other, |(measure, _)| *measure)
    }

    /// Whether it shows at those who wait for an answer.
    pub(crate) const fn is_of_requests(self) -> bool {
        matches!(self, Self::Latency | Self::Errors | Self::Availability)
    }

    /// Whether only more of it is worse.
    pub(crate) const fn is_one_sided(self) -> bool {
        self.is_of_requests()
    }

    /// Availability is told as errors: both add up along calls.
    pub(crate) const fn told_as(self) -> Self {
        match self {
            Self::Availability => Self::Errors,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_measure() {
        let check = |name: &str, expect: Measure| assert_eq!(Measure::of(name), expect, "{name}");
        check("request_duration_p95_ms", Measure::Latency);
        check("request_error_ratio", Measure::Errors);
        check("http.server.request.duration", Measure::Latency);
        check("container_cpu_usage_seconds_total", Measure::Processor);
        check("process_memory_rss_bytes", Measure::Memory);
        check("availability", Measure::Availability);
        check("request_rate", Measure::Traffic);
        check("lat_99", Measure::Latency);
        check("queue_depth", Measure::Other);
        check("", Measure::Other);
    }
}
