/** Series and log lines as functions of time and of the faults that act: endless, deterministic, no storage. */
import type { components } from "../src/api/schema";
import type { Story } from "./incidents";
import { hash, iso, noise } from "./ids";

type S = components["schemas"];
export type Window = { story: Story; from: number; to: number };

const BASE: Record<string, Record<string, number>> = {
  request_rate: { gateway: 24.8, catalog: 15.1, checkout: 9.2, payments: 8.9, worker: 0.4 },
  request_error_ratio: { gateway: 0.004, catalog: 0.002, checkout: 0.004, payments: 0.003, worker: 0.008 },
  request_duration_p50_ms: { gateway: 31, catalog: 9, checkout: 24, payments: 14, worker: 60 },
  request_duration_p95_ms: { gateway: 86, catalog: 28, checkout: 64, payments: 33, worker: 210 },
  process_cpu_ratio: { gateway: 0.11, catalog: 0.08, checkout: 0.09, payments: 0.06, worker: 0.12 },
  process_resident_memory_bytes: { gateway: 41e6, catalog: 47e6, checkout: 39e6, payments: 33e6, worker: 52e6 },
  data_folder_bytes: { gateway: 0.4e6, catalog: 3e6, checkout: 4e6, payments: 2e6, worker: 6e6 },
  log_rate: { gateway: 26, catalog: 15, checkout: 10, payments: 11, worker: 3 },
  log_error_rate: { gateway: 0.1, catalog: 0.05, checkout: 0.08, payments: 0.04, worker: 0.03 },
  process_open_files: { gateway: 48, catalog: 31, checkout: 29, payments: 22, worker: 17 },
};
export const SERVICES = ["gateway", "catalog", "checkout", "payments", "worker"];
export const METRICS = Object.keys(BASE);
const DAY = 600_000;

export function value(service: string, name: string, t: number, windows: Window[]): number {
  const base = BASE[name]?.[service] ?? 1;
  const shape = /rate|cpu|duration/.test(name) ? 1 + 0.28 * Math.sin(((t % DAY) / DAY) * 2 * Math.PI) : 1;
  let v = base * shape * (0.9 + 0.2 * noise(Math.floor(t / 1_000), hash(service + name)));
  for (const w of windows) {
    if (t < w.from || t > w.to + 1_500) continue;
    for (const e of w.story.spec.effects) {
      if (e.service !== service || e.metric !== name) continue;
      const jitter = 0.94 + 0.12 * noise(Math.floor(t / 1_000), 7);
      v = e.ramp ? base + (e.to - base) * Math.min(1, (t - w.from) / Math.max(10_000, Math.min(w.to - w.from, 240_000))) : e.to * jitter;
    }
  }
  return v;
}

export function series(ask: URLSearchParams, now: number, windows: Window[]): S["Drawing"] {
  const to = Math.min(now, Date.parse(ask.get("to") ?? "") || now);
  const from = Date.parse(ask.get("from") ?? "") || to - 900_000;
  const n = Math.min(1_000, Number(ask.get("points") ?? 300));
  const step = Math.max(1_000, Math.ceil((to - from) / n / 1_000) * 1_000);
  const name = ask.get("name") ?? "request_rate";
  const one = (service: string, labels: S["DrawnSeries"]["labels"]): S["DrawnSeries"] => {
    const points: S["DrawnSeries"]["points"] = [];
    for (let t = Math.ceil(from / step) * step; t <= to; t += step) points.push([t, value(service, name, t, windows)]);
    return { service, name, kind: "gauge", labels, points };
  };
  const chosen = ask.get("service");
  const perInstance = /^(process|data)_/.test(name);
  return { series: (chosen ? [chosen] : SERVICES).filter((s) => SERVICES.includes(s)).map((s) => one(s, ask.get("instance") ? { instance: ask.get("instance")! } : perInstance ? { instance: `${s}-1` } : {})) };
}

const LINES: [S["LogLevel"], string, string][] = [
  ["info", "gateway", "GET /products 200 in {n} ms"], ["info", "gateway", "POST /orders 201 in {n} ms"], ["info", "catalog", "listed {n} products"], ["debug", "catalog", "cache hit for page {n}"],
  ["info", "checkout", "order {n} placed, total {m} EUR"], ["info", "payments", "authorised {m} EUR for order {n}"], ["debug", "payments", "ledger settled {n} entries"],
  ["info", "worker", "job invoices finished: {n} rows"], ["warn", "worker", "job thumbnails took {n} ms, budget is 400 ms"], ["warn", "checkout", "retrying payments after {n} ms"], ["error", "gateway", "client went away after {n} ms"],
];
const WEIGHTS = [24, 14, 14, 10, 12, 11, 8, 4, 1, 1, 0.5];
const SLOT = 350;

function slot(i: number, windows: Window[]): S["LogRecord"] {
  const t = i * SLOT + Math.floor(noise(i, 3) * SLOT);
  const acting = windows.filter((w) => t >= w.from && t <= w.to && w.story.spec.logs.length > 0);
  const r = noise(i, 1);
  const record = (level: S["LogLevel"], service: string, body: string): S["LogRecord"] => ({
    service, at: iso(t), level, body, attributes: { instance: `${service}-${String(1 + (i % 2))}`, ...(service === "gateway" ? { route: i % 3 ? "/products" : "/orders" } : {}) },
    ...(i % 4 === 0 ? { trace_id: hash(String(i)).toString(16).padStart(8, "0").repeat(4) } : {}),
  });
  if (acting.length > 0 && r < 0.35) {
    const logs = acting[i % acting.length]!.story.spec.logs;
    const line = logs[i % logs.length]!;
    return record(line.level, line.service, line.text);
  }
  let at = noise(i, 2) * WEIGHTS.reduce((a, b) => a + b, 0);
  const k = WEIGHTS.findIndex((w) => (at -= w) <= 0);
  const [level, service, text] = LINES[Math.max(0, k)]!;
  return record(level, service, text.replace("{n}", String(Math.floor(noise(i, 5) * 90 + 8))).replace("{m}", (noise(i, 6) * 80 + 3).toFixed(2)));
}

const ORDER = ["trace", "debug", "info", "warn", "error", "fatal"];
function fits(l: S["LogRecord"], ask: URLSearchParams): boolean {
  const [service, level, text] = [ask.get("service"), ask.get("level"), ask.get("text")?.toLowerCase()];
  return (!service || l.service === service) && (!level || ORDER.indexOf(l.level) >= ORDER.indexOf(level)) && (!text || text.split(/\s+/).every((w) => l.body.toLowerCase().includes(w)));
}

export function logs(ask: URLSearchParams, now: number, windows: Window[]): { items: S["LogRecord"][]; next: string | null } {
  const to = Number(ask.get("cursor")) || Math.floor(Math.min(now, Date.parse(ask.get("to") ?? "") || now) / SLOT);
  const from = Math.floor((Date.parse(ask.get("from") ?? "") || now - 86_400_000) / SLOT);
  const limit = Number(ask.get("limit") ?? 100);
  const items: S["LogRecord"][] = [];
  let i = to - 1;
  for (; i > from && items.length < limit && to - i < 60_000; i -= 1) {
    const l = slot(i, windows);
    if (fits(l, ask)) items.push(l);
  }
  return { items, next: items.length === limit ? String(i + 1) : null };
}

export function histogram(ask: URLSearchParams, now: number, windows: Window[]): S["Histogram"] {
  const to = Math.min(now, Date.parse(ask.get("to") ?? "") || now);
  const from = Date.parse(ask.get("from") ?? "") || to - 900_000;
  const n = Number(ask.get("buckets") ?? 60);
  const counts = Array.from({ length: n }, () => 0);
  const stride = Math.max(1, Math.ceil((to - from) / SLOT / 20_000));
  for (let i = Math.ceil(from / SLOT); i * SLOT < to; i += stride) {
    const l = slot(i, windows);
    const b = Math.floor(((Date.parse(l.at) - from) / (to - from)) * n);
    if (b >= 0 && b < n && fits(l, ask)) counts[b]! += stride;
  }
  return { from: iso(from), to: iso(to), counts };
}
