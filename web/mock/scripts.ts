/** The runs that the mock tells besides those of incidents: one of each kind a person should have seen. */
import { parse } from "yaml";
import type { RunPurpose } from "../src/api/types";
import { ownDocuments } from "./documents";
import { id, iso, noise } from "./ids";
import type { MockRun, Spec } from "./runs";
import { SERVICES } from "./telemetry";

const S = 1_000;
const MIN = 60 * S;

type Plan = { workflow: string; version?: string; service: string | null; purpose: RunPurpose; input: unknown; output?: unknown; start: number; steps: Spec[]; then?: Spec[]; end?: MockRun["end"]; parent?: string; undone?: boolean; paused?: { after: number; by: string; reason: string } };

export const runId = (workflow: string, start: number) => id("run", start, workflow, String(start));

function make(p: Plan, now: number): MockRun {
  const document = ownDocuments(now).find((d) => d.name === p.workflow);
  const kept = document?.versions.find((v) => v.version === p.version) ?? document?.versions.at(-1);
  return {
    id: runId(p.workflow, p.start), workflow: `shop.${p.workflow}`, version: kept?.version ?? "1.0.0", service: p.service, purpose: p.purpose, input: p.input, output: p.output ?? null, start: p.start, steps: p.steps, then: p.then, end: p.end,
    notes: p.paused ? [{ at: p.paused.after, type: "pause_requested", summary: `${p.paused.by} pauses: ${p.paused.reason}` }] : [],
    pausedAt: p.paused ? p.start + p.paused.after : null, pausedBy: p.paused?.by, parent: p.parent ?? null, undone: p.undone ?? false, correlation: id("cor", p.start, p.workflow), definition: kept ? (parse(kept.source) as unknown) : {},
  };
}

const release = (service: string, version: string) => ({ service, release: version, soak_s: 120, regions: ["eu", "us"] });

/** Canary: the first watch fails, the second holds. */
function canary(service: string, v: string): Spec[] {
  const input = { service, release: v };
  return [
    { path: "/do/0/checkBudget", kind: "call", call: "http", from: 10, to: 240, input: { method: "get", endpoint: `http://127.0.0.1:7102/budgets/${service}` }, output: { service, budget: { errors_left: 0.62, window: "30 d" } } },
    { path: "/do/1/canary", kind: "try", from: 250, to: 41_300, output: { healthy: true } },
    { path: "/do/1/canary/try/0/deployOne", kind: "call", call: "deploy.release", around: "/do/1/canary", from: 260, to: 3_180, input: { ...input, instances: 1 }, output: { instance: `${service}-1`, from: "1.1.0", to: v, took_ms: 2_871 } },
    { path: "/do/1/canary/try/1/watch", kind: "call", call: "verify", around: "/do/1/canary", from: 3_200, to: 15_200, status: "faulted", input: { service, window: { seconds: 120 }, conditions: ["healthy"] }, error: "probe of the new instance failed twice in 12 s: it was still filling its cache" },
    { path: "/do/1/canary/try/0/deployOne", kind: "call", call: "deploy.release", around: "/do/1/canary", attempt: 2, from: 17_200, to: 17_460, input: { ...input, instances: 1 }, output: { instance: `${service}-1`, to: v, replayed: true } },
    { path: "/do/1/canary/try/1/watch", kind: "call", call: "verify", around: "/do/1/canary", attempt: 2, from: 17_480, to: 41_280, input: { service, window: { seconds: 120 }, conditions: ["healthy"] }, output: { healthy: true, checks: { request_error_ratio: 0.002, request_duration_p95_ms: 51, probes: "6 of 6 pass" } } },
  ];
}

const rollOut = (service: string, v: string): Spec[] => [
  { path: "/do/3/rollOut", kind: "fork", from: 0, to: 6_900, output: [{ region: "eu" }, { region: "us" }] },
  { path: "/do/3/rollOut/fork/branches/0/europe", kind: "call", call: "deploy.release", around: "/do/3/rollOut", from: 10, to: 5_210, input: { service, release: v, region: "eu" }, output: { instances: 3, took_ms: 5_140 } },
  { path: "/do/3/rollOut/fork/branches/1/america", kind: "call", call: "deploy.release", around: "/do/3/rollOut", from: 10, to: 6_880, input: { service, release: v, region: "us" }, output: { instances: 3, took_ms: 6_810 } },
  { path: "/do/4/liftFlag", kind: "call", call: "http", from: 6_920, to: 7_100, input: { method: "post", endpoint: `http://127.0.0.1:7101/flags/${service}` }, output: { flag: "on" } },
  { path: "/do/5/verifyAll", kind: "call", call: "verify", from: 7_120, to: 67_120, input: { service, window: { minutes: 1 }, conditions: ["healthy", "no_firing_findings"] }, output: { healthy: true } },
  { path: "/do/6/tell", kind: "call", call: "notify", from: 67_140, to: 67_390, input: { channel: "releases", text: `${service} ${v} is out` }, output: { sent: true } },
];

const shifted = (steps: Spec[], by: number): Spec[] => steps.map((s) => ({ ...s, from: s.from + by, to: s.to === null ? null : s.to + by }));

export function approvalStep(from: number): Spec {
  return { path: "/do/2/askSomeone", kind: "call", call: "approve", from, to: null, input: { message: "Roll 1.2.0 out to every region? The canary held for two minutes: errors 0.2 %, p95 latency 51 ms, 6 of 6 probes pass.", role: "approver", timeout: "PT30M" } };
}

function hero(now: number): MockRun[] {
  const plans: Plan[] = [
    { workflow: "release-with-care", service: "catalog", purpose: { type: "manual", actor: "ana" }, input: release("catalog", "1.2.0"), start: now - 12 * MIN, steps: [...canary("catalog", "1.2.0"), approvalStep(41_340)], then: rollOut("catalog", "1.2.0"), output: { out: "1.2.0" } },
    { workflow: "release-with-care", version: "1.1.0", service: "gateway", purpose: { type: "manual", actor: "ben" }, input: release("gateway", "2.0.0"), start: now - 27 * MIN, steps: [...canary("gateway", "2.0.0"), { ...approvalStep(41_340), input: { message: "Roll 2.0.0 out to every region? The canary held for two minutes: errors 0.1 %, p95 latency 44 ms.", role: "approver", timeout: "PT30M" } }], then: rollOut("gateway", "2.0.0"), output: { out: "2.0.0" } },
    {
      workflow: "release-with-care", service: "payments", purpose: { type: "manual", actor: "ben" }, input: release("payments", "3.1.0"), start: now - 190 * MIN, end: { status: "faulted", error: "verification failed: p95 latency of payments 812 ms, expected at most 60 ms" }, undone: true,
      steps: [
        ...canary("payments", "3.1.0"), { ...approvalStep(41_340), to: 5_640_000, output: { approved: true, by: "admin", note: "go" } },
        ...shifted(rollOut("payments", "3.1.0"), 5_640_020).slice(0, 3).map((s): Spec => (s.kind === "fork" ? s : { ...s, status: "compensated" })),
        ...shifted(rollOut("payments", "3.1.0"), 5_640_020).slice(3, 5).map((s): Spec => (s.call === "verify" ? { ...s, to: s.from + 14_300, status: "faulted", output: null, error: "p95 latency of payments 812 ms, expected at most 60 ms" } : s)),
        { path: "/do/3/rollOut/fork/branches/1/america", kind: "call", call: "deploy.rollback", from: 5_661_500, to: 5_664_900, input: { service: "payments", region: "us", release: "3.0.2" }, output: { to: "3.0.2" }, compensation: true },
        { path: "/do/3/rollOut/fork/branches/0/europe", kind: "call", call: "deploy.rollback", from: 5_664_940, to: 5_667_700, input: { service: "payments", region: "eu", release: "3.0.2" }, output: { to: "3.0.2" }, compensation: true },
        { path: "/do/1/canary/try/0/deployOne", kind: "call", call: "deploy.rollback", from: 5_667_740, to: 5_669_100, input: { service: "payments", release: "3.0.2" }, output: { to: "3.0.2" }, compensation: true },
      ],
    },
    {
      workflow: "sync-catalog", service: "catalog", purpose: { type: "schedule", due_at: iso(now - 100 * S) }, input: {}, start: now - 100 * S,
      steps: [
        { path: "/do/0/fetchPrices", kind: "try", from: 5, to: null },
        { path: "/do/0/fetchPrices/try/0/fetch", kind: "call", call: "http", around: "/do/0/fetchPrices", from: 10, to: 5_010, status: "faulted", input: { method: "get", endpoint: "https://supplier.example/prices" }, error: "the supplier answered 503 Service Unavailable" },
        { path: "/do/0/fetchPrices/try/0/fetch", kind: "call", call: "http", around: "/do/0/fetchPrices", attempt: 2, from: 25_010, to: 30_050, status: "faulted", input: { method: "get", endpoint: "https://supplier.example/prices" }, error: "the supplier answered 503 Service Unavailable" },
        { path: "/do/0/fetchPrices/try/0/fetch", kind: "call", call: "http", around: "/do/0/fetchPrices", attempt: 3, from: 70_050, to: null, input: { method: "get", endpoint: "https://supplier.example/prices" } },
      ],
      then: [{ path: "/do/1/apply", kind: "call", call: "http", from: 0, to: 900, input: { method: "post", endpoint: "http://127.0.0.1:7102/prices" }, output: { changed: 212 } }],
    },
    { workflow: "refund-order", service: "payments", purpose: { type: "event", event: "evt_88213" }, input: { order: "88213", total: 41.9 }, start: now - 43 * MIN, steps: [{ path: "/do/0/refund", kind: "call", call: "openapi", from: 8, to: 410, input: { operationId: "createRefund", parameters: { order: "88213" } }, output: { refund: "rf_20931", amount: 41.9 } }, { path: "/do/1/settled", kind: "listen", from: 420, to: null }], then: [{ path: "/do/2/tell", kind: "call", call: "notify", from: 0, to: 220, output: { sent: true } }] },
    { workflow: "release-with-care", service: "worker", purpose: { type: "manual", actor: "ana" }, input: release("worker", "1.4.0"), start: now - 75 * MIN, paused: { after: 20_000, by: "ana", reason: "the pool of test machines is being moved" }, steps: [...canary("worker", "1.4.0"), { ...approvalStep(41_340), to: 60_000, output: { approved: true } }, ...shifted(rollOut("worker", "1.4.0"), 60_020)] },
  ];
  return plans.map((p) => make(p, now));
}

/** A run with a loop, a large output and a run of its own. */
function nightly(start: number, now: number): MockRun[] {
  const rows = Array.from({ length: 400 }, (_, i) => ({ service: SERVICES[i % 5], day: `2026-${String(1 + (i % 12)).padStart(2, "0")}-${String(1 + (i % 28)).padStart(2, "0")}`, requests: 20_000 + Math.floor(noise(i, 3) * 9_000), errors: Math.floor(noise(i, 5) * 90) }));
  const child = make({ workflow: "archive-report", service: null, purpose: { type: "subflow", run: runId("nightly-report", start), key: `${runId("nightly-report", start)}/do/2/archive#0` }, parent: runId("nightly-report", start), input: { report: { rows } }, output: { kept: "reports/2026-11.json" }, start: start + 4_300, steps: [{ path: "/do/0/write", kind: "call", call: "http", from: 10, to: 1_120, input: { method: "put", endpoint: "http://127.0.0.1:7101/archive", body: { report: { rows } } }, output: { kept: "reports/2026-11.json", bytes: 48_211 } }] }, now);
  const parent = make({
    workflow: "nightly-report", service: null, purpose: { type: "schedule", due_at: iso(start) }, input: {}, output: { report: { rows }, kept: "reports/2026-11.json" }, start,
    steps: [
      { path: "/do/0/list", kind: "call", call: "http", from: 6, to: 190, input: { method: "get", endpoint: "http://127.0.0.1:7101/services" }, output: { services: SERVICES } },
      { path: "/do/1/each", kind: "for", from: 200, to: 4_260, output: { rows } },
      ...SERVICES.map((service, i): Spec => ({ path: "/do/1/each/do/0/collect", kind: "call", call: "http", around: "/do/1/each", from: 210 + i * 810, to: 980 + i * 810, input: { method: "get", endpoint: `http://127.0.0.1:7101/services/${service}/numbers` }, output: { service, rows: rows.filter((r) => r.service === service) } })),
      { path: "/do/2/archive", kind: "run", call: "run.workflow", from: 4_280, to: 5_460, input: { namespace: "shop", name: "archive-report", version: "1.0.0" }, output: { kept: "reports/2026-11.json" } },
    ],
  }, now);
  return [parent, child];
}

export function ownRuns(now: number): MockRun[] {
  const runs = [...hero(now), ...nightly(now - 605 * MIN, now)];
  for (let i = 1; i <= 90; i += 1) {
    const start = now - i * 15 * MIN - 100 * S;
    const bad = i % 23 === 0;
    runs.push(make({
      workflow: "sync-catalog", service: "catalog", purpose: { type: "schedule", due_at: iso(start) }, input: {}, output: bad ? null : { changed: Math.floor(noise(i, 9) * 300) }, start, end: bad ? { status: "faulted", error: "fetch: the supplier answered 503 Service Unavailable, 5 of 5 attempts" } : undefined,
      steps: [
        { path: "/do/0/fetchPrices", kind: "try", from: 5, to: bad ? 9_020 : 812, ...(bad ? { status: "faulted" as const } : {}) },
        { path: "/do/0/fetchPrices/try/0/fetch", kind: "call", call: "http", around: "/do/0/fetchPrices", from: 10, to: bad ? 9_010 : 800, input: { method: "get", endpoint: "https://supplier.example/prices" }, ...(bad ? { status: "faulted" as const, error: "the supplier answered 503 Service Unavailable" } : { output: { prices: Math.floor(noise(i, 4) * 4_000) } }) },
        ...(bad ? [] : [{ path: "/do/1/apply", kind: "call", call: "http", from: 820, to: 1_700 + Math.floor(noise(i, 2) * 900), input: { method: "post", endpoint: "http://127.0.0.1:7102/prices" }, output: { changed: Math.floor(noise(i, 9) * 300) } } satisfies Spec]),
      ],
    }, now));
  }
  return runs;
}
