/** The detection endpoints of the mock: findings with people's word, quality, drift, replay. */
import type { components } from "../src/api/schema";
import { id, iso } from "./ids";
import { offer, page, Refusal, text } from "./refusal";
import type { World } from "./world";

type S = components["schemas"];
const DAY = 86_400_000;
const NAMES = ["probe_failure", "process_exit", "restart_loop", "error_rate", "latency", "cpu", "memory_leak", "disk_filling", "log_new_pattern", "log_burst", "metric_anomaly"];
const FACTS = ["probe_failure", "process_exit", "restart_loop", "budget_burn", "alert"];
const SETTINGS = { warmup_s: 10, clear_after_s: 3, absorb_after_s: 1_800, lateness_ms: 1_000, probe_failures: 2, startup_grace_ms: 5_000, restart_loop_exits: 3, restart_loop_window_s: 120, latency_slack_ms: 75, cpu_floor_ratio: 0.7, horizon_s: 3_600, disk_full_ratio: 0.97, log_burst_min_per_s: 100, metric_anomaly: true, max_services: 1_000, max_series: 20_000, max_templates: 5_000 };

const MINUTE = 60_000;
const burns = (days: number): S["Burn"][] => ([[60, 0.02, 5, "critical"], [360, 0.05, 30, "high"], [1_440, 0.1, 120, "medium"]] as const).map(([long, share, short, severity]) => ({ rate: (share * days * DAY) / (long * MINUTE), long_ms: long * MINUTE, short_ms: short * MINUTE, severity }));
const promise = (name: string, title: string, service: string, target: number, indicator: S["Indicator"]): S["Objective"] => ({ name, title, service, target, window_ms: 30 * DAY, indicator, budgeting: { type: "occurrences" }, burns: burns(30) });
const OBJECTIVES: S["ObjectiveStatus"][] = [
  { objective: promise("checkout-availability", "Checkout answers", "checkout", 0.999, { type: "requests", within_ms: null }), met: 0.99958, budget_left: 0.58, known_ms: 12 * DAY, burning: [[0.3, 0], [0.4, 0.2], [0.42, 0.4]] },
  { objective: promise("gateway-speed", "Gateway is fast", "gateway", 0.99, { type: "requests", within_ms: 250 }), met: 0.9811, budget_left: -0.89, known_ms: 12 * DAY, burning: [[17.2, 21.5], [6.4, 9.8], [2.1, 6.4]] },
  { objective: promise("worker-queue", "Orders are worked off", "worker", 0.95, { type: "threshold", value: { metric: "queue_depth", matchers: [] }, keeps: "lt", limit: 50 }), met: null, budget_left: null, known_ms: 0, burning: [[null, null], [null, null], [null, null]] },
];

export class Detection {
  private readonly said = new Map<string, S["Feedback"]>();

  constructor(private readonly world: World, private readonly changed: (kind: string, what: string) => void) {}

  private all(): S["Finding"][] {
    return [...this.world.told().flatMap((t) => t.findings), this.quieted()].sort((a, b) => Date.parse(b.last_seen_at) - Date.parse(a.last_seen_at));
  }

  /** One that a rule keeps from opening an incident. */
  private quieted(): S["Finding"] {
    const at = this.world.born - 31 * 60_000;
    return {
      id: id("fnd", at, "backup"), kind: "disk_filling", detector: "disk_filling", service: "worker", instance: "worker-1", subject: { type: "metric", name: "data_folder_bytes", labels: { instance: "worker-1" } }, state: "firing", severity: "low", score: 0.97, direction: "up",
      observed: 21e6, expected: { low: 4e6, high: 9e6 }, started_at: iso(at), detected_at: iso(at + 4_000), last_seen_at: iso(Date.now()), summary: "data folder 21 MB of 64 MB and growing", samples: [], time_to_limit_ms: null, change: null,
      quieted: "muted by rule nightly-backup: The backup fills the disk of the worker each night.", correlation_id: id("cor", at, "backup"),
    };
  }

  view(f: S["Finding"], session: S["SessionView"]): S["FindingView"] {
    const feedback = this.said.get(f.id) ?? null;
    const path = `/findings/${f.id}/feedback`;
    const twice = (j: S["Judgement"]) => (feedback?.judgement === j ? "it was said already" : null);
    const fact = FACTS.includes(f.kind) ? "it states a fact; nothing is learned that could be wrong" : null;
    return { ...f, feedback, allowed_actions: [offer(session, "anomaly", "Was worth saying", path, "operator", twice("anomaly")), offer(session, "not_anomaly", "Not an anomaly", path, "operator", fact ?? twice("not_anomaly"))] };
  }

  read(parts: string[], q: URLSearchParams, session: S["SessionView"]): unknown {
    const [a, b] = parts;
    if (a === "objectives") return { items: OBJECTIVES } satisfies S["ObjectivesView"];
    if (a === "detection") return this.overview(Number(q.get("hours") ?? 168), session);
    if (b) { const found = this.all().find((f) => f.id === b); if (!found) throw new Refusal("not_found", `there is no finding ${b}`); return this.view(found, session); }
    return page(this.all().filter((f) => (!q.get("service") || f.service === q.get("service")) && (!q.get("state") || f.state === q.get("state"))).map((f) => this.view(f, session)), q);
  }

  private overview(hours: number, session: S["SessionView"]): S["DetectionView"] {
    const now = Date.now();
    const from = now - hours * 3_600_000;
    const found = this.all().filter((f) => Date.parse(f.last_seen_at) >= from);
    const judged = (f: S["Finding"]) => this.said.get(f.id)?.judgement;
    const detectors = NAMES.map((name): S["DetectorQuality"] => {
      const own = found.filter((f) => f.detector === name);
      const [confirmed, dismissed] = [own.filter((f) => judged(f) === "anomaly").length, own.filter((f) => judged(f) === "not_anomaly").length];
      return { name, raised: own.length, firing: own.filter((f) => f.state === "firing").length, confirmed, dismissed, precision: confirmed + dismissed > 0 ? confirmed / (confirmed + dismissed) : null };
    });
    const days: S["DayCount"][] = [];
    for (let day = Math.floor(from / DAY); day <= Math.floor(now / DAY); day += 1) {
      const own = found.filter((f) => Math.floor(Date.parse(f.detected_at) / DAY) === day);
      days.push({ day: iso(day * DAY), raised: own.length, dismissed: own.filter((f) => judged(f) === "not_anomaly").length });
    }
    const members = [{ name: "level", weight: 0.12, error: 3.1 }, { name: "day", weight: 0.63, error: 2 }, { name: "week", weight: 0.25, error: 2.5 }];
    const drifting: S["DriftView"][] = [{ service: "checkout", metric: "queue_depth", labels: { instance: "checkout-1" }, points: 18_200, outside: 0.21, members }, { service: "worker", metric: "jobs_waiting", labels: {}, points: 4_020, outside: 0.08, members }];
    return { from: iso(from), to: iso(now), detectors, days, series: 184, dismissed: [...this.said.values()].filter((f) => f.judgement === "not_anomaly").length, drifting, settings: SETTINGS, allowed_actions: [offer(session, "replay", "Replay under other settings", "/detection/replay", "operator")] };
  }

  change(parts: string[], body: Record<string, unknown>, session: S["SessionView"]): unknown {
    const [a, b = ""] = parts;
    const actor: S["Actor"] = { type: "user", name: session.user.name };
    if (a === "detection") {
      const [from, to] = [Date.parse(text(body.from)), Date.parse(text(body.to))];
      if (!(from < to) || to - from > DAY) throw new Refusal("invalid_request", "/to: to must lie after from, by at most 24 hours");
      const inside = this.all().filter((f) => Date.parse(f.detected_at) >= from && Date.parse(f.detected_at) < to);
      const quiet = (body.settings as Record<string, unknown> | undefined)?.metric_anomaly === false;
      const gone = inside.filter((f) => quiet && f.detector === "metric_anomaly");
      const view: S["ReplayView"] = { from: iso(from), to: iso(to), cut: false, signals: 41_200, both: inside.filter((f) => !gone.includes(f)), only_now: gone, only_then: [] };
      return view;
    }
    const found = this.all().find((f) => f.id === b);
    if (!found) throw new Refusal("not_found", `there is no finding ${b}`);
    const judgement = body.judgement as S["Judgement"];
    if (judgement === "not_anomaly" && FACTS.includes(found.kind)) throw new Refusal("conflict", "it states a fact; nothing is learned that could be wrong");
    const feedback: S["Feedback"] = { finding: b, detector: found.detector, service: found.service, judgement, note: text(body.note), by: actor, at: iso(Date.now()) };
    this.said.set(b, feedback);
    this.world.record(actor, "finding.judged", b, { judgement });
    this.changed("feedback", b);
    return feedback;
  }
}
