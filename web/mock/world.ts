/** The state of the mock: stories of incidents, who is signed in, switches. Everything starts the same on each start. */
import { createHash, randomBytes } from "node:crypto";
import type { components } from "../src/api/schema";
import { OPERATIONS } from "./contract";
import { FAULTS, UNKNOWN } from "./faults";
import { id, iso } from "./ids";
import { tell, type Story, type Told } from "./incidents";
import { Regroup } from "./regroup";
import { SERVICES, value, type Window } from "./telemetry";

type S = components["schemas"];
const MIN = 60_000;
const ROLES = ["viewer", "operator", "approver", "admin"];
/** Operations of the server's own contract that a role may call. */
const permissionsOf = (role: string) => OPERATIONS.map((o) => o.operation).filter((o) => ROLES.indexOf(o["x-required-role"]) <= ROLES.indexOf(role)).map((o) => o.operationId).sort();
const fault = (name: string) => FAULTS.find((f) => f.name === name)!;

export class World {
  readonly born = Date.now();
  stories: Story[] = this.history();
  stop: S["StopSwitch"] = { engaged: false, reason: "", by: "", at: iso(0) };
  grants: S["AutonomyGrant"][] = [
    { service: "*", action: "*", level: "auto" }, { service: "checkout", action: "deploy.rollback", level: "approve" },
    { service: "payments", action: "*", level: "auto" }, { service: "*", action: "data.reset", level: "approve" },
  ];
  tokens: S["Token"][] = [
    { id: id("tok", this.born - 9e8, "ci"), name: "ci deploys", role: "operator", ingest: true, created_by: "admin", created_at: iso(this.born - 9e8), expires_at: iso(this.born + 6e9) },
    { id: id("tok", this.born - 4e8, "grafana"), name: "grafana", role: "viewer", ingest: false, created_by: "admin", created_at: iso(this.born - 4e8), expires_at: null },
  ];
  readonly regroup = new Regroup();
  audit: S["AuditRow"][] = [];
  sessions = new Map<string, S["SessionView"]>();

  constructor() {
    for (let i = 90; i > 0; i -= 1) {
      const at = this.born - i * 97_000;
      const row: [S["Actor"], string, string][] = [
        [{ type: "system" }, "incident.opened", id("inc", at, "x")], [{ type: "system" }, "decision.made", id("dec", at, "x")], [{ type: "system" }, "run.started", id("run", at, "x")],
        [{ type: "system" }, "action.executed", "process.restart"], [{ type: "user", name: "admin" }, "session.created", "admin"], [{ type: "anonymous" }, "session.refused", "root"], [{ type: "token", name: "ci deploys" }, "events.received", "deploy"],
      ];
      const [actor, action, subject] = row[i % row.length]!;
      this.record(actor, action, subject, { service: SERVICES[i % 5] }, at);
    }
  }

  private history(): Story[] {
    const now = this.born;
    const h: Story[] = [
      { spec: fault("bad-release"), start: now - 3 * MIN, variant: "approve" },
      { spec: fault("crash-loop"), start: now - 11 * MIN, variant: "undone" },
      { spec: fault("slow-dependency"), start: now - 6_000, variant: "auto", frozenMs: 3_300 },
      { spec: fault("bad-config"), start: now - 20_000, variant: "auto", frozenMs: 7_500 },
      { spec: fault("disk-full"), start: now - 7 * MIN, variant: "schedule" },
      { spec: UNKNOWN, start: now - 26 * MIN, variant: "inconclusive", acknowledgedAt: now - 22 * MIN },
      { spec: fault("crash"), start: now - 38 * MIN, variant: "auto" },
      { spec: fault("memory-leak"), start: now - 64 * MIN, variant: "auto" },
      { spec: fault("log-flood"), start: now - 95 * MIN, variant: "auto" },
      { spec: fault("hang"), start: now - 140 * MIN, variant: "auto" },
      { spec: fault("cpu-spin"), start: now - 205 * MIN, variant: "auto" },
      { spec: fault("bad-release"), start: now - 400 * MIN, variant: "approve", approvedAt: now - 397 * MIN },
    ];
    for (let i = 0; i < 60; i += 1) h.push({ spec: FAULTS[(i * 3) % 10]!, start: now - (500 + i * 47) * MIN, variant: "auto" });
    for (const s of h) s.before = this.before(s, h);
    return h.map((s) => (s.variant === "auto" && s.spec.severity === "critical" ? { ...s, variant: "approve", approvedAt: s.start + 90_000 } : s));
  }

  /** When the same fault acted before, as far as the diagnosis looks back. */
  before(story: Story, all: readonly Story[] = this.stories): number[] {
    return all.filter((s) => s.spec === story.spec && s.start < story.start && s.variant !== "inconclusive").map((s) => s.start).sort((a, b) => b - a).slice(0, 3);
  }

  told(now = Date.now()): Told[] {
    return this.regroup.apply(this.stories.map((s) => tell(s, now))).sort((a, b) => b.incident.opened_at.localeCompare(a.incident.opened_at));
  }

  windows(now = Date.now()): Window[] {
    return this.stories.slice(0, 40).map((story) => {
      const done = tell(story, now).incident.resolved_at;
      return { story, from: story.start, to: done ? Date.parse(done) - 8_000 : now };
    });
  }

  record(actor: S["Actor"], action: string, subject: string, details: S["AuditEntry"]["details"] = {}, at = Date.now()): void {
    const previous_hash = this.audit.at(-1)?.hash ?? "0".repeat(64);
    const body = { sequence: this.audit.length + 1, at: iso(at), actor, action, subject, details, correlation_id: null, previous_hash };
    this.audit.push({ ...body, hash: createHash("sha256").update(JSON.stringify(body)).digest("hex") });
  }

  signIn(name: string, role: S["Role"]): [string, S["SessionView"]] {
    const key = randomBytes(18).toString("hex");
    const session: S["SessionView"] = { user: { name, role }, permissions: permissionsOf(role), csrf_token: randomBytes(12).toString("hex") };
    this.sessions.set(key, session);
    return [key, session];
  }

  summary({ incident: i }: Told): S["IncidentSummary"] {
    return { id: i.id, title: i.title, status: i.status, severity: i.severity, impact: i.impact, priority: i.priority ?? "p4", flapping_since: i.flapping_since, services: i.services, class: i.causes[0]?.class ?? null, cause_service: i.conclusive ? i.causes[0]!.service : null, started_at: i.started_at, opened_at: i.opened_at, resolved_at: i.resolved_at, needs_person: i.needs_person, firing: i.firing };
  }

  health(name: string, told: Told[]): S["Health"] {
    const mine = told.filter((t) => t.incident.status !== "resolved" && t.findings.some((f) => f.service === name && f.state === "firing"));
    if (mine.some((t) => t.incident.services[0] === name && /loop|crash|hang/.test(t.incident.causes[0]?.class ?? ""))) return "down";
    return mine.length > 0 ? "degraded" : "healthy";
  }

  service(name: string, told: Told[]): S["Service"] {
    const i = SERVICES.indexOf(name);
    const health = this.health(name, told);
    const instances = (name === "payments" ? [1, 2] : [1]).map((n): S["Instance"] => ({
      name: `${name}-${String(n)}`, pid: health === "down" ? null : 41_200 + i * 7 + n, address: `127.0.0.1:71${String(i)}${String(n)}`, state: health === "down" ? "exited" : "running",
      started_at: iso(this.born - (38 + i * 11) * MIN), exits: name === "worker" ? 5 : name === "checkout" ? 1 : 0,
      health_url: `http://127.0.0.1:71${String(i)}${String(n)}/healthz`, metrics_url: `http://127.0.0.1:71${String(i)}${String(n)}/metrics`, log_file: `${name}-${String(n)}.log`,
    }));
    return { name, owner: ["web", "store", "store", "money", "store"][i] ?? null, tier: name === "worker" ? "internal" : "standard", depends_on: { gateway: ["catalog", "checkout"], checkout: ["payments"], worker: ["checkout"] }[name] ?? [], version: name === "checkout" ? "1.1.0" : "1.0.0", config_revision: name === "gateway" ? "42" : "7", instances, host: "http://127.0.0.1:7070", memory_limit_bytes: 268_435_456, disk_limit_bytes: 67_108_864, health };
  }

  edges(now = Date.now()): S["Edge"][] {
    const w = this.windows(now);
    const edge = (from: string, to: string, share: number): S["Edge"] => ({
      from, to, calls_per_s: Math.round(value(to, "request_rate", now, w) * share * 10) / 10, error_ratio: value(to, "request_error_ratio", now, w), p95_ms: value(to, "request_duration_p95_ms", now, w), last_seen_at: iso(now),
    });
    return [edge("gateway", "catalog", 1), edge("gateway", "checkout", 0.95), edge("checkout", "payments", 1), edge("worker", "checkout", 0.05)];
  }

  map(now = Date.now()): S["ServiceMap"] {
    const told = this.told(now);
    const w = this.windows(now);
    return {
      nodes: SERVICES.map((name) => {
        const open = told.filter((t) => t.incident.status !== "resolved" && t.incident.services.includes(name));
        return { name, health: this.health(name, told), tier: name === "worker" ? "internal" : "standard", request_rate: value(name, "request_rate", now, w), error_ratio: value(name, "request_error_ratio", now, w), p95_ms: value(name, "request_duration_p95_ms", now, w), firing: open.flatMap((t) => t.findings).filter((f) => f.service === name && f.state === "firing").length, incident: open[0]?.incident.id ?? null };
      }),
      edges: this.edges(now),
    };
  }

  changes(told: Told[]): S["Change"][] {
    const rolled = told.flatMap((t) => t.runs.filter((r) => r.workflow === "rollback-release" && r.status === "completed").map((r): S["Change"] => ({ id: id("chg", Date.parse(r.started_at), "back"), service: r.service!, kind: "rollback", at: r.started_at, summary: `${r.service!} back to the release before`, from: "1.1.0", to: "1.0.0", actor: "homeostat" })));
    return [...told.flatMap((t) => (t.change ? [t.change] : [])), ...rolled, { id: id("chg", this.born - 170 * MIN, "scale"), service: "payments", kind: "scale" as const, at: iso(this.born - 170 * MIN), summary: "payments 1 → 2 instances", from: "1", to: "2", actor: "ana" }].sort((a, b) => b.at.localeCompare(a.at));
  }

  overview(now = Date.now()): S["Overview"] {
    const told = this.told(now);
    const open = told.filter((t) => t.incident.status !== "resolved");
    const states = SERVICES.map((s) => this.health(s, told));
    const n = (h: string) => states.filter((s) => s === h).length;
    const sev = (s: string) => open.filter((t) => t.incident.severity === s).length;
    return {
      at: iso(now), services: { total: 5, healthy: n("healthy"), degraded: n("degraded"), down: n("down"), unknown: n("unknown") },
      incidents: { open: open.length, by_severity: { critical: sev("critical"), high: sev("high"), medium: sev("medium"), low: sev("low") }, needs_person: open.filter((t) => t.incident.needs_person).length, resolved_24h: told.filter((t) => t.incident.resolved_at && now - Date.parse(t.incident.resolved_at) < 86_400_000).length },
      kpis: { mttd_ms: 820, mttr_ms: 12_400, auto_resolved_ratio: 0.86, verified_ratio: 0.97, signals_per_s: 312 + Math.round(Math.random() * 20) },
      stop_switch: this.stop, environment: "demo", simulated: true, recent: told.slice(0, 20).map((t) => this.summary(t)),
      timeline: told.slice(0, 12).flatMap((t) => t.incident.timeline.map((e) => ({ at: e.at, kind: e.kind, text: e.text, incident: t.incident.id, incident_title: t.incident.title }))).sort((a, b) => b.at.localeCompare(a.at)).slice(0, 40),
    };
  }
}
