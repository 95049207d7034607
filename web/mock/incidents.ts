/** An incident as a function of its fault, its start and how much time has passed: so that it can be watched as it lives. */
import type { components } from "../src/api/schema";
import type { FaultSpec } from "./faults";
import { id, iso } from "./ids";
import { DEFINITIONS, WALKS, type Walk } from "./runbooks";

type S = components["schemas"];
type Json = S["WorkedRun"]["output"];
/** The server sends `null` for what a step or a run has not given yet; the schema knows any JSON as an object. */
const NOTHING = null as unknown as Json;
/** How the story goes: fixed by itself, waits for approval, undone, escalated, planned for later, inconclusive. */
export type Variant = "auto" | "approve" | "undone" | "escalate" | "schedule" | "inconclusive";
export type Story = { spec: FaultSpec; start: number; variant: Variant; approvedAt?: number; acknowledgedAt?: number; rejected?: string; resolvedBy?: string; resolvedAt?: number; frozenMs?: number; /** Starts of earlier ones of the same fault, newest first. */ before?: number[] };
export type Told = { incident: S["Incident"]; findings: S["Finding"][]; decisions: S["Decision"][]; runs: S["WorkedRun"][]; change?: S["Change"] };

/** Milliseconds after the fault at which the loop moves on. */
export const PHASES = { found: 700, opened: 900, diagnosed: 1_300, decided: 1_500, acted: 1_600, verifying: 4_200, resolved: 12_300 } as const;

export const RULES: { name: string; condition: string; verdict: S["Verdict"]; holds: (c: number, s: string, i: string) => boolean }[] = [
  { name: "critical-high-impact", condition: 'severity == "critical" && impact == "high"', verdict: "escalate_human", holds: (_c, s, i) => s === "critical" && i === "high" },
  { name: "very-sure", condition: 'confidence >= 0.9 && impact in ["low", "medium"]', verdict: "auto_resolve", holds: (c, _s, i) => c >= 0.9 && i !== "high" },
  { name: "sure-not-severe", condition: 'confidence >= 0.8 && severity in ["low", "medium"]', verdict: "auto_resolve", holds: (c, s) => c >= 0.8 && (s === "low" || s === "medium") },
  { name: "quite-sure-low-impact", condition: 'confidence >= 0.7 && severity == "high" && impact == "low"', verdict: "auto_resolve", holds: (c, s, i) => c >= 0.7 && s === "high" && i === "low" },
  { name: "plan-it", condition: 'confidence >= 0.6 && severity in ["low", "medium"] && impact == "medium"', verdict: "schedule_maintenance", holds: (c, s, i) => c >= 0.6 && (s === "low" || s === "medium") && i === "medium" },
  { name: "otherwise", condition: "true", verdict: "escalate_human", holds: () => true },
];

export const GUARDS: { name: string; condition: string; verdict: S["Verdict"]; calm: string }[] = [
  { name: "stop-switch", condition: "stop_switch", verdict: "escalate_human", calm: "the stop switch is not engaged" },
  { name: "critical-needs-person", condition: 'severity == "critical"', verdict: "escalate_human", calm: "severity is {severity}, the guard asks for critical" },
  { name: "critical-service", condition: 'tier == "critical" && confidence < 0.95', verdict: "escalate_human", calm: "tier of {service} is standard" },
  { name: "cooldown", condition: "last_action_age_s < 300", verdict: "escalate_human", calm: "last {action} on {service} was 22 min ago, cooldown is 5 min" },
  { name: "deployment-limit", condition: "deploys && deployments_last_hour >= 5", verdict: "escalate_human", calm: "1 automatic deployment in the last hour, the limit is 5" },
  { name: "actions-at-once", condition: "runs_active >= 3", verdict: "schedule_maintenance", calm: "1 run is active, the limit is 3" },
  { name: "blast-radius", condition: 'blast_radius == "system"', verdict: "escalate_human", calm: "touches one instance of one service" },
  { name: "change-freeze", condition: "change_freeze", verdict: "schedule_maintenance", calm: "no change freeze is set" },
  { name: "flapping", condition: "opened_last_hour >= 4", verdict: "escalate_human", calm: "opened once in the last hour, the limit is 4" },
  { name: "circuit-breaker", condition: "consecutive_failures >= 2", verdict: "escalate_human", calm: "no failed run of {runbook} since the last success" },
];

export const POLICY_VERSION = "sha256:9f2c41d7ab03";
const FAULT_KINDS: Record<S["FailureClass"], S["FaultKind"]> = {
  crash: "crash", crash_loop: "crash", hang: "crash", memory_leak: "resource", cpu_spin: "resource", slow_dependency: "latency", bad_release: "change", bad_config: "change", disk_full: "resource", log_flood: "resource", unknown: "unknown",
};
/** As the server does: severity and impact together. */
const priorityOf = ({ severity, impact }: FaultSpec): S["Priority"] => (["p4", "p4", "p3", "p2", "p1", "p1"] as const)[["low", "medium", "high", "critical"].indexOf(severity) + ["low", "medium", "high"].indexOf(impact)]!;
const round = (n: number) => Math.round(n * 1000) / 1000;

function confidence(spec: FaultSpec): S["ConfidenceReport"] {
  const services = new Set(spec.findings.map((f) => f.service)).size;
  const simplicity = round(1 - (services - 1) / 5);
  const impact = { low: 0.9, medium: 0.5, high: 0.1 }[spec.impact];
  const raw = round(0.4 * spec.analysis + 0.3 * spec.history + 0.2 * simplicity + 0.1 * impact);
  const calibrated = round(raw + (spec.count > 10 ? 0.015 : -0.02));
  return {
    analysis: spec.analysis, history: spec.history, history_count: spec.count, simplicity, impact, raw, calibrated,
    formula: `0.4 × ${String(spec.analysis)} + 0.3 × ${String(spec.history)} + 0.2 × ${String(simplicity)} + 0.1 × ${String(impact)} = ${String(raw)}`,
  };
}

export function tell(story: Story, now: number): Told {
  const { spec, start, variant } = story;
  const age = Math.min(now - start, story.frozenMs ?? Infinity);
  const at = (ms: number) => iso(start + ms);
  const inc = id("inc", start, spec.name);
  const cor = id("cor", start, spec.name);
  const seen = spec.findings.filter((f, i) => i === 0 || age >= PHASES.found + (f.lead ?? 0));
  const actAt = story.approvedAt !== undefined ? story.approvedAt - start : variant === "auto" || variant === "undone" ? PHASES.acted : Infinity;
  const verifyAt = actAt + 2_600;
  const endAt = verifyAt + 8_100;
  const held = variant !== "undone" && age >= endAt;
  const over = held || story.resolvedAt !== undefined;
  const overAt = story.resolvedAt ?? start + endAt;

  const findings = seen.map((f, i): S["Finding"] => ({
    id: id("fnd", start, spec.name, String(i)), kind: f.kind, detector: f.kind, service: f.service,
    instance: f.service === spec.service ? spec.instance : null, subject: f.subject, state: over ? "cleared" : "firing",
    severity: i === 0 ? spec.severity : "medium", score: 0.99 - i * 0.03, direction: f.observed === undefined ? null : "up", observed: f.observed ?? null,
    expected: f.high === undefined ? null : { low: f.low ?? 0, high: f.high }, started_at: at(f.lead ?? 0), detected_at: at(PHASES.found + (f.lead ?? 0)),
    last_seen_at: iso(over ? overAt : Math.min(now, start + age)), summary: f.summary, samples: f.samples ?? [],
    time_to_limit_ms: f.kind === "disk_filling" ? 240_000 : f.kind === "memory_leak" ? 14_000 : null, change: spec.change ? id("chg", start - 6_000, spec.service) : null, correlation_id: cor,
  }));
  const change: S["Change"] | undefined = spec.change && { id: id("chg", start - 6_000, spec.service), service: spec.service, at: iso(start - 6_000), actor: "release-bot", ...spec.change };

  const range = { from: iso(start - 180_000), to: iso(Math.max(start + 60_000, Math.min(now, over ? overAt + 60_000 : start + age))) };
  const evidence: S["Evidence"][] = [];
  const add = (service: string, title: string, body: S["EvidenceBody"], finding: string | null = null) =>
    evidence.push({ id: id("evd", start, spec.name, String(evidence.length)), service, title, body, finding });
  spec.findings.slice(0, seen.length).forEach((f, i) => {
    const fid = findings[i]!.id;
    if (f.subject.type === "metric") add(f.service, f.summary, { type: "metric", name: f.subject.name, labels: f.subject.labels ?? {}, range, observed: f.observed ?? null, expected: { low: f.low ?? 0, high: f.high ?? 0 } }, fid);
    else if (f.subject.type === "probe") add(f.service, f.summary, { type: "probe", target: f.subject.target, reason: f.summary.split(": ")[1] ?? "failed" }, fid);
    else if (f.subject.type === "process") add(f.service, f.summary, { type: "process", instance: f.subject.instance, detail: f.summary }, fid);
    else if (f.subject.type === "alert") add(f.service, f.summary, { type: "alert", source: f.subject.source, name: f.subject.name, url: f.subject.url ?? null }, fid);
    else if (f.subject.type === "objective") add(f.service, f.summary, { type: "objective", name: f.subject.name, detail: f.summary }, fid);
    else add(f.service, `New log pattern: ${f.subject.template}`, { type: "logs", query: f.samples?.[0]?.split(" ").slice(0, 1).join(" ") ?? "", range, samples: f.samples ?? [] }, fid);
  });
  if (change) add(spec.service, `${change.summary}, 6 s before the first failure`, { type: "change", change: change.id, at: change.at, summary: change.summary });
  if (spec.callers.length > 0) {
    add(spec.service, `Trouble travelled from ${spec.service} to its callers`, { type: "structure", path: [...spec.callers].reverse().concat(spec.service) });
    add(spec.service, `${spec.service} moved first`, { type: "timing", order: [[spec.service, 0], ...spec.callers.map((c, i): [string, number] => [c, 400 + i * 500])] });
  }
  for (const earlier of story.before ?? []) add(spec.service, `an incident that looked alike: ${spec.incident}`, { type: "past_incident", incident: id("inc", earlier, spec.name), fixed_by: `a run of ${spec.runbook} held: verified` });

  const diagnosed = age >= PHASES.diagnosed;
  const p = variant === "inconclusive" ? 0.24 : round(spec.analysis);
  const shows = (service: string) => evidence.filter((e) => e.service === service && e.finding).slice(0, 1).map((e) => e.id);
  const pathOf = (way: string[]) => way.map((service, i): S["PathStep"] => {
    const from = seen.find((f) => f.service === way[0]);
    const first = seen.find((f) => f.service === service);
    return { service, departed: first !== undefined, after_ms: first && from ? (first.lead ?? 0) - (from.lead ?? 0) : null, covers: first && i < way.length - 1 ? round(Math.min(1, spec.analysis + i * 0.06)) : null, evidence: shows(service) };
  });
  const way = [spec.service, ...spec.callers];
  const path = pathOf(way);
  const { service: other } = spec.rival;
  const rivalPath = pathOf(way.includes(other) ? way.slice(way.indexOf(other)) : [other, ...way]);
  const causes: S["Cause"][] = diagnosed ? [
    { id: id("cau", start, spec.name, "1"), fault: FAULT_KINDS[spec.class], path, path_verified: path.every((s) => s.departed), rank: 1, service: spec.service, instance: spec.instance, class: spec.class, title: spec.cause, probability: p, scores: { structure: spec.callers.length > 0 ? 0.92 : 0.6, deviation: 0.97, timing: 0.9, change: spec.change ? 0.95 : 0, history: spec.history }, evidence: evidence.map((e) => e.id), change: change?.id ?? null },
    { id: id("cau", start, spec.name, "2"), fault: FAULT_KINDS[spec.rival.class], path: rivalPath, path_verified: rivalPath.every((s) => s.departed), rank: 2, service: spec.rival.service, instance: null, class: spec.rival.class, title: spec.rival.title, probability: round((1 - p) * 0.6), scores: { structure: 0.4, deviation: 0.61, timing: 0.22, change: 0, history: 0.1 }, evidence: evidence.slice(-1).map((e) => e.id), change: null },
    { id: id("cau", start, spec.name, "3"), rank: 3, service: "host", instance: null, class: "unknown", title: "the machine itself is short of processor or memory", probability: round((1 - p) * 0.2), scores: { structure: 0.2, deviation: 0.18, timing: 0.1, change: 0, history: 0.05 }, evidence: [], change: null },
  ] : [];

  const book = DEFINITIONS[spec.runbook]!;
  const report = confidence(spec);
  const rec: S["Recommendation"] = {
    id: id("rec", start, spec.name), cause: id("cau", start, spec.name, "1"), class: spec.class, service: spec.service, runbook: spec.runbook,
    title: `${book.title} (${spec.service})`, reason: `${spec.runbook} held ${String(Math.round(spec.count * spec.history))} of ${String(spec.count)} times for ${spec.class}`,
    actions: book.actions, input: { service: spec.service, instance: spec.instance }, blast_radius: book.radius, deploys: spec.runbook === "rollback-release", confidence: report.calibrated,
  };
  const hasRec = diagnosed && variant !== "inconclusive";
  const runId = id("run", start, spec.name);
  const decId = id("dec", start, spec.name);
  const decisions = age >= PHASES.decided ? [decide()] : [];
  const runs = age >= actAt && hasRec ? [run()] : [];

  function decide(): S["Decision"] {
    const c = variant === "inconclusive" ? 0.31 : report.calibrated;
    const firstMatch = RULES.find((r) => r.holds(c, spec.severity, spec.impact))!;
    const fired = (name: string) => (name === "critical-needs-person" && spec.severity === "critical") || (name === "circuit-breaker" && variant === "escalate");
    const guards = GUARDS.map((g): S["GuardReport"] => ({
      name: g.name, fired: fired(g.name), verdict: fired(g.name) ? g.verdict : null,
      reason: fired(g.name) ? (g.name === "circuit-breaker" ? "2 failed runs of reset-state since the last success, the limit is 2" : "severity is critical: a person must agree") : g.calm.replace("{severity}", spec.severity).replace("{service}", spec.service).replace("{action}", book.actions[0]!).replace("{runbook}", spec.runbook),
    }));
    const verdict: S["Verdict"] = guards.some((g) => g.fired) ? "escalate_human" : firstMatch.verdict;
    const autonomy: S["Autonomy"] = variant === "approve" ? "approve" : "auto";
    const disposition: S["Disposition"] = story.rejected ? "rejected" : story.approvedAt ? "approved" : verdict === "escalate_human" ? (variant === "approve" ? "proposed" : "escalated") : variant === "schedule" ? "scheduled" : variant === "approve" ? "proposed" : "started";
    return {
      id: decId, incident: inc, recommendation: hasRec ? rec.id : null, at: at(PHASES.decided), verdict,
      summary: verdict === "auto_resolve" ? `Sure enough (${String(c)}) to ${book.title.toLowerCase()} now: rule ${firstMatch.name} decided.` : verdict === "schedule_maintenance" ? `Not urgent and not sure enough (${String(c)}): planned for the next maintenance window.` : `A person is needed: ${guards.find((g) => g.fired)?.reason ?? `confidence ${String(c)} matches no rule for automation`}.`,
      confidence: variant === "inconclusive" ? { ...report, analysis: 0.24, raw: 0.33, calibrated: 0.31, formula: "0.4 × 0.24 + 0.3 × 0.5 + 0.2 × 1 + 0.1 × 0.9 = 0.33" } : report,
      guards, rules: RULES.map((r) => ({ name: r.name, condition: r.condition, matched: r.holds(c, spec.severity, spec.impact), decided: r === firstMatch, verdict: r.verdict })),
      autonomy, autonomy_reason: autonomy === "approve" ? `grant ${spec.service} × ${book.actions[0]!} = approve (set by admin)` : "grant * × * = auto (demo default)",
      facts: { confidence: c, severity: spec.severity, impact: spec.impact, class: spec.class, service: spec.service, tier: "standard", runbook: spec.runbook, actions: book.actions, blast_radius: book.radius, deploys: rec.deploys, affected_services: new Set(spec.findings.map((f) => f.service)).size, deployments_last_hour: 1, runs_active: 1, last_action_age_s: 1_320, opened_last_hour: 1, consecutive_failures: variant === "escalate" ? 2 : 0, change_freeze: false, stop_switch: false },
      policy_version: POLICY_VERSION, disposition, decided_by: story.approvedAt || story.rejected ? "admin" : null, run: age >= actAt ? runId : null, correlation_id: cor,
    };
  }

  function run(): S["WorkedRun"] {
    const steps: S["Step"][] = [];
    const t = age - actAt;
    const put = (w: Walk, from: number, to: number, output: Json, more: Partial<S["Step"]> = {}) => {
      if (t < from) return;
      const done = t >= to;
      steps.push({ path: w.path, name: w.path.split("/").at(-1)!, kind: w.kind, call: w.call, status: done ? "completed" : "running", attempt: 1, started_at: at(actAt + from), ended_at: done ? at(actAt + to) : null, input: { service: spec.service, ...(spec.instance ? { instance: spec.instance } : {}) }, output: done ? output : NOTHING, error: null, compensation: false, ...(done ? more : {}) });
    };
    const walk = WALKS[spec.runbook]!;
    const work = walk.filter((w) => w.call !== "verify" && w.kind !== "try");
    const each = Math.round(2_400 / work.length);
    const undone = variant === "undone";
    let from = 0;
    for (const w of walk) {
      if (w.kind === "try") put(w, from, 10_750, { verified: true });
      else if (w.call === "verify") {
        if (undone) put(w, 2_600, 10_700, NOTHING, { status: "faulted", error: "process_exit still firing on worker-1 after 8 s; 3 exits in the window" });
        else put(w, 2_600, 10_700, { healthy: true, checks: { request_error_ratio: 0.003, request_duration_p95_ms: 48, probes: "3 of 3 pass" } });
      } else {
        const length = w.kind === "switch" ? 4 : each;
        put(w, from, from + length, w.call ? { pid: 41_877, took_ms: length - 40, replayed: false } : {}, undone && w.call ? { status: "compensated" } : {});
        from += length + 20;
      }
    }
    if (undone) put({ path: walk[0]!.path, kind: "call", call: "data.restore", around: null }, 10_800, 11_700, { restored: 14 }, { compensation: true, name: "restore state" });
    const ended = t >= (variant === "undone" ? 11_700 : 10_700);
    return {
      id: runId, workflow: spec.runbook, version: "1.0.0", service: spec.service, purpose: { type: "incident", incident: inc, decision: decId, class: spec.class, confidence: report.calibrated },
      status: ended ? (variant === "undone" ? "faulted" : "completed") : t >= 2_600 ? "waiting" : "running", input: rec.input, output: ended && variant !== "undone" ? { verified: true } : NOTHING,
      steps, steps_done: steps.filter((s) => s.status === "completed").length, steps_failed: steps.filter((s) => s.status === "faulted").length, current: [], acts: [], undone: variant === "undone" && ended, error: ended && variant === "undone" ? "verification failed: process_exit still firing on worker-1; the change was undone" : null, started_at: at(actAt), ended_at: ended ? at(actAt + (variant === "undone" ? 11_700 : 10_700)) : null, correlation_id: cor,
    };
  }

  const status: S["IncidentStatus"] = over ? "resolved" : variant === "undone" && age >= endAt ? "open" : age >= verifyAt ? "verifying" : age >= actAt ? "mitigating" : story.acknowledgedAt ? "acknowledged" : "open";
  const needs = over || story.rejected ? null : variant === "approve" && !story.approvedAt && age >= PHASES.decided ? `Approve or reject: ${book.title.toLowerCase()}` : variant === "undone" && age >= endAt ? "The fix did not hold and was undone" : variant === "escalate" && age >= PHASES.decided ? "Circuit breaker is open after 2 failed runs" : null;
  const lines: [number, S["TimelineKind"], string, string | null][] = [
    ...findings.map((f): [number, S["TimelineKind"], string, string | null] => [Date.parse(f.detected_at) - start, "finding", `${f.service}: ${f.summary}`, f.id]),
    [PHASES.opened, "status", `Opened as ${spec.severity}`, null],
    [PHASES.diagnosed, "diagnosis", variant === "inconclusive" ? "Diagnosis is inconclusive: no service stands out" : `Most probable cause (${String(Math.round(p * 100))} %): ${spec.cause}`, null],
    [PHASES.decided, "decision", decisions[0]?.summary ?? "", decId],
  ];
  if (story.acknowledgedAt) lines.push([story.acknowledgedAt - start, "person", "admin took it", null]);
  if (story.approvedAt) lines.push([story.approvedAt - start, "person", "admin approved the recommendation", decId]);
  if (story.rejected) lines.push([120_000, "person", `admin rejected the recommendation: ${story.rejected}`, decId]);
  if (Number.isFinite(actAt)) {
    lines.push([actAt, "run", `Run of ${spec.runbook} started`, runId], [actAt + 1, "status", "Mitigating", null], [verifyAt, "status", "Verifying", null]);
    lines.push(variant === "undone" ? [endAt, "verification", "Verification failed after 8 s; inverses ran in reverse order", runId] : [endAt, "verification", "Verified: every signal is back in its band", runId]);
  }
  if (over) lines.push([overAt - start + 1, "status", "Resolved", null]);
  return {
    incident: {
      id: inc, title: spec.incident, status, severity: spec.severity, impact: spec.impact, priority: priorityOf(spec), flapping_since: variant === "undone" ? at(40_000) : null, merged_into: null, services: [...new Set([spec.service, ...seen.map((f) => f.service)])],
      findings: findings.map((f) => f.id), firing: over ? 0 : findings.length,
      grouping: seen.map((f, i) => (i === 0 ? "no other incident is open" : f.subject.type === "alert" ? "alerts: close in time to an alert on the same or a neighbouring thing (+3.2); fits the time since the start and the number of alerts (+0.4)" : f.service === spec.service ? `${spec.service} is in the incident already` : `${f.service} calls ${spec.service}; errors and slowness travel up`)),
      causes, evidence: diagnosed ? evidence : [], conclusive: diagnosed && variant !== "inconclusive", recommendations: hasRec ? [rec] : [], decisions: decisions.map((d) => d.id), runs: runs.map((r) => r.id),
      started_at: at(0), opened_at: at(PHASES.opened), acknowledged_at: story.acknowledgedAt ? iso(story.acknowledgedAt) : null, resolved_at: over ? iso(overAt) : null,
      resolution: over ? (story.resolvedBy ?? `A run of ${spec.runbook} held: verified over 8 s`) : null, needs_person: needs,
      timeline: lines.filter(([ms]) => ms <= age + 1 || (over && ms <= overAt - start + 1)).sort((a, b) => a[0] - b[0]).map(([ms, kind, text, subject]) => ({ at: at(ms), kind, text, subject })), correlation_id: cor,
    },
    findings, decisions, runs, change,
  };
}
