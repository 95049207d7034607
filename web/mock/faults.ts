/** The ten faults of the demo shop: what each does to the signals, what is found, and what fixes it. Data only. */
import type { components } from "../src/api/schema";

type S = components["schemas"];
export type Effect = { service: string; metric: string; to: number; ramp?: boolean };
export type FindingSpec = {
  kind: S["FindingKind"]; service: string; subject: S["Subject"]; observed?: number; low?: number; high?: number;
  summary: string; samples?: string[]; lead?: number;
};
export type FaultSpec = {
  name: string; title: string; summary: string; service: string; services: string[];
  class: S["FailureClass"]; severity: S["Severity"]; impact: S["Impact"]; incident: string; cause: string; instance: string | null;
  callers: string[]; change?: { kind: S["ChangeKind"]; summary: string; from: string; to: string };
  findings: FindingSpec[]; effects: Effect[]; logs: { level: S["LogLevel"]; service: string; text: string }[];
  runbook: string; analysis: number; history: number; count: number; rival: { service: string; class: S["FailureClass"]; title: string };
};

const metric = (name: string, labels: Record<string, string> = {}): S["Subject"] => ({ type: "metric", name, labels });

export const FAULTS: FaultSpec[] = [
  {
    name: "crash", title: "Crash", summary: "A checkout process aborts. It is gone until something starts it again.", service: "checkout", services: ["checkout", "catalog", "payments"],
    class: "crash", severity: "high", impact: "low", incident: "checkout ended by itself and does not answer", cause: "checkout-1 ended with signal 6 (abort) and was not started again", instance: "checkout-1", callers: ["gateway"],
    findings: [
      { kind: "process_exit", service: "checkout", subject: { type: "process", instance: "checkout-1" }, summary: "checkout-1 ended by itself: signal 6 after 14 min" },
      { kind: "probe_failure", service: "checkout", subject: { type: "probe", target: "http://127.0.0.1:7103/healthz" }, summary: "probe of checkout-1 fails: refused", lead: 300 },
      { kind: "error_rate", service: "gateway", subject: metric("request_error_ratio"), observed: 0.47, low: 0, high: 0.02, summary: "47 % of requests fail, expected at most 2 %", lead: 800 },
    ],
    effects: [{ service: "checkout", metric: "request_rate", to: 0 }, { service: "gateway", metric: "request_error_ratio", to: 0.47 }, { service: "checkout", metric: "process_cpu_ratio", to: 0 }],
    logs: [{ level: "fatal", service: "checkout", text: "thread 'main' panicked: order ledger is inconsistent, aborting" }, { level: "error", service: "gateway", text: "POST /orders failed: connect to 127.0.0.1:7103: connection refused" }],
    runbook: "restart-service", analysis: 0.96, history: 0.94, count: 31, rival: { service: "gateway", class: "bad_config", title: "gateway fails by itself" },
  },
  {
    name: "crash-loop", title: "Crash loop", summary: "The worker's state file is poisoned: it aborts two seconds after every start.", service: "worker", services: ["worker"],
    class: "crash_loop", severity: "high", impact: "low", incident: "worker ends again and again two seconds after each start", cause: "worker-1 cannot read its state file and aborts after every start", instance: "worker-1", callers: [],
    findings: [
      { kind: "restart_loop", service: "worker", subject: { type: "process", instance: "worker-1" }, summary: "worker-1 ended 5 times in 14 s, each time about 2 s after its start" },
      { kind: "log_new_pattern", service: "worker", subject: { type: "log_template", template_id: "t_81c2", template: "state file <*> is not readable: unexpected byte <*> at <*>" }, summary: "a pattern never seen before, 5 times", samples: ["state file data/state.json is not readable: unexpected byte 0xff at 0", "state file data/state.json is not readable: unexpected byte 0xff at 0"], lead: 200 },
    ],
    effects: [{ service: "worker", metric: "request_rate", to: 0 }],
    logs: [{ level: "fatal", service: "worker", text: "state file data/state.json is not readable: unexpected byte 0xff at 0" }],
    runbook: "reset-state", analysis: 0.88, history: 0.71, count: 6, rival: { service: "worker", class: "crash", title: "worker crashed once" },
  },
  {
    name: "hang", title: "Hang", summary: "catalog accepts connections and answers nothing.", service: "catalog", services: ["catalog", "payments"],
    class: "hang", severity: "high", impact: "low", incident: "catalog accepts connections but answers nothing", cause: "catalog-1 runs but has answered no request for 4 s", instance: "catalog-1", callers: ["gateway"],
    findings: [
      { kind: "probe_failure", service: "catalog", subject: { type: "probe", target: "http://127.0.0.1:7102/healthz" }, summary: "probe of catalog-1 fails: timeout after 1 s" },
      { kind: "latency", service: "gateway", subject: metric("request_duration_p95_ms"), observed: 5_020, low: 20, high: 140, summary: "p95 latency 5.0 s, expected at most 140 ms", lead: 700 },
    ],
    effects: [{ service: "catalog", metric: "request_rate", to: 0 }, { service: "gateway", metric: "request_duration_p95_ms", to: 5_020 }],
    logs: [{ level: "error", service: "gateway", text: "GET /products timed out after 5000 ms" }],
    runbook: "restart-service", analysis: 0.93, history: 0.92, count: 24, rival: { service: "gateway", class: "slow_dependency", title: "gateway is slow by itself" },
  },
  {
    name: "memory-leak", title: "Memory leak", summary: "catalog grows by about 12 MB a second towards its limit of 256 MB.", service: "catalog", services: ["catalog", "checkout", "worker"],
    class: "memory_leak", severity: "medium", impact: "low", incident: "catalog grows by 12 MB a second and meets its memory limit in 14 s", cause: "catalog-1 leaks memory: steady growth with no growth in requests", instance: "catalog-1", callers: [],
    findings: [{ kind: "memory_leak", service: "catalog", subject: metric("process_resident_memory_bytes", { instance: "catalog-1" }), observed: 176e6, low: 38e6, high: 62e6, summary: "memory 168 MB and growing by 12 MB/s, limit 256 MB in 14 s" }],
    effects: [{ service: "catalog", metric: "process_resident_memory_bytes", to: 210e6, ramp: true }],
    logs: [{ level: "warn", service: "catalog", text: "cache holds 48211 entries, none evicted" }],
    runbook: "restart-service", analysis: 0.95, history: 0.9, count: 18, rival: { service: "catalog", class: "unknown", title: "more requests than usual" },
  },
  {
    name: "cpu-spin", title: "CPU spin", summary: "Two threads of the worker burn a core each.", service: "worker", services: ["worker", "catalog"],
    class: "cpu_spin", severity: "medium", impact: "low", incident: "worker burns two cores", cause: "worker-1 uses 198 % of a core with no more work than usual", instance: "worker-1", callers: [],
    findings: [{ kind: "cpu_saturation", service: "worker", subject: metric("process_cpu_ratio", { instance: "worker-1" }), observed: 1.98, low: 0.01, high: 0.32, summary: "CPU 198 %, expected at most 32 %" }],
    effects: [{ service: "worker", metric: "process_cpu_ratio", to: 1.98 }],
    logs: [{ level: "info", service: "worker", text: "job reindex: pass 120311 of unknown" }],
    runbook: "restart-service", analysis: 0.91, history: 0.88, count: 15, rival: { service: "worker", class: "unknown", title: "a bursty job runs" },
  },
  {
    name: "slow-dependency", title: "Slow dependency", summary: "One payments instance adds 700 ms to each call; checkout and gateway get slow with it.", service: "payments", services: ["payments", "catalog"],
    class: "slow_dependency", severity: "high", impact: "low", incident: "payments answers slowly and slows checkout and gateway", cause: "payments-2 answers slowly (p95 812 ms) and slows checkout and gateway", instance: "payments-2", callers: ["checkout", "gateway"],
    findings: [
      { kind: "latency", service: "payments", subject: metric("request_duration_p95_ms", { instance: "payments-2" }), observed: 812, low: 12, high: 60, summary: "p95 latency 812 ms, expected at most 60 ms" },
      { kind: "latency", service: "checkout", subject: metric("request_duration_p95_ms"), observed: 874, low: 25, high: 110, summary: "p95 latency 874 ms, expected at most 110 ms", lead: 400 },
      { kind: "latency", service: "gateway", subject: metric("request_duration_p95_ms"), observed: 921, low: 30, high: 140, summary: "p95 latency 921 ms, expected at most 140 ms", lead: 900 },
    ],
    effects: [{ service: "payments", metric: "request_duration_p95_ms", to: 812 }, { service: "checkout", metric: "request_duration_p95_ms", to: 874 }, { service: "gateway", metric: "request_duration_p95_ms", to: 921 }],
    logs: [{ level: "warn", service: "checkout", text: "payments took 804 ms to authorise, budget is 250 ms" }],
    runbook: "replace-instance", analysis: 0.87, history: 0.86, count: 12, rival: { service: "checkout", class: "slow_dependency", title: "checkout is slow by itself" },
  },
  {
    name: "bad-release", title: "Bad release", summary: "checkout 1.1.0 is deployed. About 40 % of its orders fail with 500.", service: "checkout", services: ["checkout", "catalog"],
    class: "bad_release", severity: "critical", impact: "medium", incident: "checkout fails 41 % of orders since release 1.1.0", cause: "release 1.1.0 of checkout, deployed 6 s before the first failure, makes orders fail", instance: null, callers: ["gateway"],
    change: { kind: "deploy", summary: "checkout 1.0.0 → 1.1.0", from: "1.0.0", to: "1.1.0" },
    findings: [
      { kind: "error_rate", service: "checkout", subject: metric("request_error_ratio"), observed: 0.41, low: 0, high: 0.015, summary: "41 % of requests fail, expected at most 1.5 %" },
      { kind: "log_new_pattern", service: "checkout", subject: { type: "log_template", template_id: "t_4f09", template: "order <*> rejected: total <*> does not match <*>" }, summary: "a pattern never seen before, 37 times a minute", samples: ["order 88213 rejected: total 41.90 does not match 4190", "order 88217 rejected: total 12.00 does not match 1200", "order 88220 rejected: total 7.49 does not match 749"], lead: 300 },
      { kind: "error_rate", service: "gateway", subject: metric("request_error_ratio"), observed: 0.19, low: 0, high: 0.02, summary: "19 % of requests fail, expected at most 2 %", lead: 600 },
      { kind: "budget_burn", service: "gateway", subject: { type: "objective", name: "orders-availability" }, summary: "the error budget of orders-availability burns 14 times too fast and is gone in 2 d", lead: 650 },
      { kind: "alert", service: "checkout", subject: { type: "alert", source: "alertmanager", name: "OrdersFailing", labels: { severity: "page", team: "store" }, url: "https://alertmanager.example/#/alerts" }, summary: "OrdersFailing: 4 of 10 orders fail", lead: 680 },
    ],
    effects: [{ service: "checkout", metric: "request_error_ratio", to: 0.41 }, { service: "gateway", metric: "request_error_ratio", to: 0.19 }, { service: "checkout", metric: "log_error_rate", to: 9 }],
    logs: [{ level: "error", service: "checkout", text: "order 88213 rejected: total 41.90 does not match 4190" }],
    runbook: "rollback-release", analysis: 0.94, history: 0.89, count: 9, rival: { service: "payments", class: "unknown", title: "payments refuses valid orders" },
  },
  {
    name: "bad-config", title: "Bad configuration", summary: "gateway gets a revision with the wrong address of catalog.", service: "gateway", services: ["gateway"],
    class: "bad_config", severity: "high", impact: "low", incident: "gateway cannot reach catalog since revision 42", cause: "revision 42 of gateway names an address where no catalog listens", instance: null, callers: [],
    change: { kind: "config", summary: "gateway revision 41 → 42: catalog_url", from: "41", to: "42" },
    findings: [
      { kind: "error_rate", service: "gateway", subject: metric("request_error_ratio"), observed: 0.52, low: 0, high: 0.02, summary: "52 % of requests fail, expected at most 2 %" },
      { kind: "log_new_pattern", service: "gateway", subject: { type: "log_template", template_id: "t_90aa", template: "GET /products failed: connect to <*>: connection refused" }, summary: "a pattern never seen before, 12 times a second", samples: ["GET /products failed: connect to 127.0.0.1:7999: connection refused"], lead: 200 },
    ],
    effects: [{ service: "gateway", metric: "request_error_ratio", to: 0.52 }, { service: "catalog", metric: "request_rate", to: 0.4 }],
    logs: [{ level: "error", service: "gateway", text: "GET /products failed: connect to 127.0.0.1:7999: connection refused" }],
    runbook: "rollback-release", analysis: 0.95, history: 0.9, count: 11, rival: { service: "catalog", class: "crash", title: "catalog is gone" },
  },
  {
    name: "disk-full", title: "Disk full", summary: "Junk fills the data folder of checkout towards its quota of 64 MB; then writes fail.", service: "checkout", services: ["checkout", "worker"],
    class: "disk_full", severity: "medium", impact: "medium", incident: "data folder of checkout is full in 4 min", cause: "junk files grow in the data folder of checkout-1 by 160 kB/s", instance: "checkout-1", callers: [],
    findings: [{ kind: "disk_filling", service: "checkout", subject: metric("data_folder_bytes", { instance: "checkout-1" }), observed: 29e6, low: 2e6, high: 6e6, summary: "data folder 28 MB of 64 MB, full in 4 min" }],
    effects: [{ service: "checkout", metric: "data_folder_bytes", to: 40e6, ramp: true }],
    logs: [{ level: "warn", service: "checkout", text: "data folder holds 28 MB of 64 MB" }],
    runbook: "reclaim-disk", analysis: 0.72, history: 0.55, count: 3, rival: { service: "worker", class: "disk_full", title: "a job of worker writes there" },
  },
  {
    name: "log-flood", title: "Log flood", summary: "payments writes about 2,000 debug lines a second.", service: "payments", services: ["payments", "gateway", "worker"],
    class: "log_flood", severity: "low", impact: "low", incident: "payments writes 2,041 log lines a second", cause: "payments-1 writes one debug line over and over", instance: "payments-1", callers: [],
    findings: [{ kind: "log_burst", service: "payments", subject: metric("log_rate"), observed: 2_041, low: 4, high: 38, summary: "2,041 log lines a second, expected at most 38", samples: ["ledger tick 77120031: nothing to settle", "ledger tick 77120032: nothing to settle"] }],
    effects: [{ service: "payments", metric: "log_rate", to: 2_041 }],
    logs: [{ level: "debug", service: "payments", text: "ledger tick 77120031: nothing to settle" }],
    runbook: "restart-service", analysis: 0.9, history: 0.85, count: 14, rival: { service: "payments", class: "unknown", title: "debug logging was switched on" },
  },
];

export const UNKNOWN: FaultSpec = {
  name: "unknown", title: "Odd latency", summary: "", service: "gateway", services: ["gateway"],
  class: "unknown", severity: "low", impact: "low", incident: "gateway was a little slower than usual", cause: "no service stands out: inconclusive", instance: null, callers: [],
  findings: [{ kind: "latency", service: "gateway", subject: metric("request_duration_p50_ms"), observed: 71, low: 18, high: 52, summary: "p50 latency 71 ms, expected at most 52 ms" }],
  effects: [{ service: "gateway", metric: "request_duration_p50_ms", to: 71 }], logs: [],
  runbook: "restart-service", analysis: 0.24, history: 0.5, count: 0, rival: { service: "catalog", class: "unknown", title: "catalog may be slow at the edge of its band" },
};
