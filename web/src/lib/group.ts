/** Grouping and sorting of lists for display. Stable: equal rank keeps the server's order. */
import { toMs } from "./time";

type Summary = { status: string; severity: string; needs_person?: string | null; opened_at: string; resolved_at?: string | null };

const SEVERITY = ["critical", "high", "medium", "low"];

export type IncidentGroups<T> = { needsPerson: T[]; working: T[]; resolved: T[] };

/** Splits incidents into those that wait for a person, those under way and those that are over; worst and newest first. */
export function groupIncidents<T extends Summary>(items: readonly T[]): IncidentGroups<T> {
  const rank = (i: T) => SEVERITY.indexOf(i.severity);
  const sorted = [...items].sort((a, b) => rank(a) - rank(b) || toMs(b.opened_at) - toMs(a.opened_at));
  const open = sorted.filter((i) => i.status !== "resolved");
  return {
    needsPerson: open.filter((i) => i.needs_person),
    working: open.filter((i) => !i.needs_person),
    resolved: [...items].filter((i) => i.status === "resolved").sort((a, b) => toMs(b.resolved_at ?? b.opened_at) - toMs(a.resolved_at ?? a.opened_at)),
  };
}

/** Groups by a key, in order of first appearance. */
export function groupBy<T>(items: readonly T[], key: (item: T) => string): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const k = key(item);
    const group = groups.get(k);
    if (group) group.push(item);
    else groups.set(k, [item]);
  }
  return [...groups];
}
