/** Numbers, units and names as people read them. */
import { duration } from "./time";

const NONE = "–";
const known = (n: number | null | undefined): n is number => n !== null && n !== undefined && Number.isFinite(n);

/** `1,234`, `12.3 k`, `4.5 M`; small numbers keep the digits that matter. */
export function count(n: number | null | undefined): string {
  if (!known(n)) return NONE;
  const t = Math.abs(n);
  if (t >= 999_500) return `${(n / 1e6).toFixed(1)} M`;
  if (t >= 9_995) return `${(n / 1e3).toFixed(1)} k`;
  if (t >= 100 || Number.isInteger(n)) return Math.round(n).toLocaleString("en-US");
  return t >= 10 ? n.toFixed(1) : n.toFixed(2);
}

/** `24.6/s`: always one digit, so that columns and live numbers stand still. */
export const rate = (n: number | null | undefined): string => (known(n) ? `${Math.abs(n) >= 99.95 ? count(Math.round(n)) : n.toFixed(1)}/s` : NONE);

/** A share of one as `42 %`, with a digit more where it would read 0 or 100. */
export function percent(ratio: number | null | undefined): string {
  if (!known(ratio)) return NONE;
  const p = ratio * 100;
  if (p === 0) return "0 %";
  if (p >= 99.95 && p < 100) return "> 99.9 %";
  const fine = Math.abs(p) < 9.95 || (p > 99 && p < 100);
  return `${fine ? p.toFixed(1) : p.toFixed(0)} %`;
}

/** `12 kB`, `64.0 MB`, powers of 1000 as in what the server writes. */
export function bytes(n: number | null | undefined): string {
  if (!known(n)) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = n;
  let unit = 0;
  while (Math.abs(value) >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit] ?? ""}`;
}

/** A number of a metric, by the unit that ends its name (units last). */
export function metricValue(name: string, n: number | null | undefined): string {
  if (!known(n)) return NONE;
  if (name.endsWith("_ms")) return duration(n);
  if (name.endsWith("_seconds")) return duration(n * 1_000);
  if (name.endsWith("_bytes")) return bytes(n);
  if (name.endsWith("_ratio")) return percent(n);
  if (name.endsWith("_rate")) return rate(n);
  return count(n);
}

const METRICS: Record<string, string> = {
  request_rate: "Requests",
  request_error_ratio: "Errors",
  request_duration_p50_ms: "Latency p50",
  request_duration_p95_ms: "Latency p95",
  log_rate: "Log lines",
  log_error_rate: "Error log lines",
  process_cpu_ratio: "CPU",
  process_resident_memory_bytes: "Memory",
  data_folder_bytes: "Data folder",
  process_open_files: "Open files",
};
export const metricTitle = (name: string): string => METRICS[name] ?? name;

/** `slow_dependency` → `Slow dependency`; `restart-service` → `Restart service`; `resetState` → `Reset state`. */
export function words(name: string): string {
  const text = name.replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`).replace(/[_-]+/g, " ").replace(/\b(cpu|http|tls|api)\b/gi, (w) => w.toUpperCase()).trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `1 finding`, `3 findings`. */
export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

/** Sentences of the server, with a number and its unit kept on one line. */
export const tie = (text: string): string => text.replace(/(\d) (?=%|(?:ms|s|min|h|d|[kMGT]?B)\b)/g, "$1\u00a0");

/** An id short enough to read: prefix and the last six. */
export const shortId = (id: string): string => (id.length > 14 ? `${id.slice(0, id.indexOf("_") + 1)}…${id.slice(-6)}` : id);
