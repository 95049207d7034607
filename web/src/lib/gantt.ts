/**
 * The steps of a run as rows of bars over time. Pure: "now" is an input. Long waiting is drawn short, so that a run that
 * waited three hours for a person still shows its seconds of work.
 */
import type { StepItem } from "@/api/types";
import { toMs } from "./time";

export type Bar = { step: StepItem; from: number; to: number; live: boolean; /** When the attempt before it ended. */ waitedSince: number | null };
export type GanttRow = { key: string; name: string; path: string; depth: number; kind: string; call: string | null; compensation: boolean; group: boolean; bars: Bar[] };
export type Break = { from: number; to: number; left: number; width: number };
export type Scale = { at: (ms: number) => number; breaks: Break[]; ticks: { at: number; left: number }[] };

/** Steps in which the run itself does nothing. */
export const passive = (s: { kind: string; call?: string | null }): boolean => s.kind === "wait" || s.kind === "listen" || s.call === "approve";

const endOf = (s: StepItem, now: number) => (s.ended_at ? toMs(s.ended_at) : Math.max(now, toMs(s.started_at)));

/** One row for each task and for what undoes it; the turns and attempts of a task are bars of its row. */
export function ganttRows(steps: readonly StepItem[], now: number): GanttRow[] {
  const byNumber = new Map(steps.map((s) => [s.n, s]));
  const groups = new Set(steps.flatMap((s) => (typeof s.parent === "number" ? [s.parent] : [])));
  const depth = (s: StepItem): number => {
    let d = 0;
    for (let p = s.parent ?? null; p !== null && d < 32; d += 1) p = byNumber.get(p)?.parent ?? null;
    return d;
  };
  const rows = new Map<string, GanttRow>();
  for (const step of steps) {
    const key = `${step.path}${step.compensation ? "#undo" : ""}`;
    let row = rows.get(key);
    if (!row) {
      row = { key, name: step.name, path: step.path, depth: step.compensation ? 0 : depth(step), kind: step.kind, call: step.call ?? null, compensation: step.compensation, group: false, bars: [] };
      rows.set(key, row);
    }
    row.group ||= groups.has(step.n);
    const before = row.bars.at(-1);
    row.bars.push({ step, from: toMs(step.started_at), to: endOf(step, now), live: !step.ended_at, waitedSince: step.attempt > 1 && before && before.step.attempt < step.attempt ? before.to : null });
  }
  return [...rows.values()];
}

/** The time in which something was worked on, as intervals that do not meet. */
function busy(steps: readonly StepItem[], from: number, to: number): [number, number][] {
  const groups = new Set(steps.map((s) => s.parent));
  const spans = steps
    .filter((s) => !groups.has(s.n) && !passive(s))
    .map((s): [number, number] => [Math.max(from, toMs(s.started_at)), Math.min(to, endOf(s, to))])
    .filter(([a, b]) => b >= a)
    .sort((a, b) => a[0] - b[0]);
  const joined: [number, number][] = [];
  for (const [a, b] of spans) {
    const last = joined.at(-1);
    if (last && a <= last[1]) last[1] = Math.max(last[1], b);
    else joined.push([a, b]);
  }
  return joined;
}

/** Where an instant is between 0 and 1. Idle time more than twice as long as all work is squeezed to half of the work. */
export function ganttScale(steps: readonly StepItem[], from: number, to: number): Scale {
  const end = Math.max(to, from + 1);
  const work = busy(steps, from, end);
  const total = Math.max(work.reduce((n, [a, b]) => n + b - a, 0), (end - from) / 1_000);
  const parts: { from: number; to: number; weight: number; squeezed: boolean }[] = [];
  const idle = (a: number, b: number) => {
    if (b <= a) return;
    const squeezed = work.length > 0 && b - a > 2 * total && b - a > 5_000;
    parts.push({ from: a, to: b, weight: squeezed ? total / 2 : b - a, squeezed });
  };
  let t = from;
  for (const [a, b] of work) {
    idle(t, a);
    if (b > a) parts.push({ from: a, to: b, weight: b - a, squeezed: false });
    t = b;
  }
  idle(t, end);
  const sum = parts.reduce((n, p) => n + p.weight, 0) || 1;
  let left = 0;
  const placed = parts.map((p) => {
    const one = { ...p, left, width: p.weight / sum };
    left += one.width;
    return one;
  });
  const at = (ms: number): number => {
    if (ms <= from) return 0;
    const part = placed.find((p) => ms < p.to);
    return part ? part.left + part.width * Math.max(0, (ms - part.from) / (part.to - part.from)) : 1;
  };
  const breaks = placed.filter((p) => p.squeezed);
  return { at, breaks, ticks: ticks(at, breaks, from, end) };
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000];

/** Round offsets from the start, at least a tenth apart, none inside what is squeezed. */
function ticks(at: (ms: number) => number, breaks: readonly Break[], from: number, to: number): { at: number; left: number }[] {
  const drawn = to - from - breaks.reduce((n, b) => n + b.to - b.from, 0);
  const step = STEPS.find((s) => s * 6 >= drawn) ?? Math.ceil(drawn / 6 / 86_400_000) * 86_400_000;
  const found: { at: number; left: number }[] = [{ at: 0, left: 0 }];
  const regions = [from, ...breaks.map((b) => b.to)];
  for (const start of regions) {
    const stop = breaks.find((b) => b.from >= start)?.from ?? to;
    for (let t = from + Math.ceil((start - from) / step) * step; t < stop; t += step) {
      const left = at(t);
      if (left - (found.at(-1)?.left ?? 0) >= 0.1 && left < 0.97) found.push({ at: t - from, left });
    }
  }
  return found;
}
