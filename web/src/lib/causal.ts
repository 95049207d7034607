/** The way from a cause to where it shows, made ready to be drawn and to be read: what is on it, when, and what of it is not shown. */
import type { Cause, Edge, PathStep } from "@/api/types";
import { duration } from "./time";

export type Stop = PathStep & {
  role: "cause" | "between" | "symptom";
  /** Against the departure of the cause: `first`, `+ 0.4 s`. */
  timing: string;
  /** Why this stop does not support the way; nothing when it does. */
  doubt: string | null;
};

type Way = Pick<Cause, "path" | "path_verified">;

/** `+ 0.4 s`, in seconds from a tenth on: what is compared with one another has one unit. */
export function after(ms: number): string {
  if (ms === 0) return "at the same time";
  const t = Math.abs(ms);
  return `${ms < 0 ? "−" : "+"} ${t >= 100 && t < 1_000 ? `${(t / 1_000).toFixed(1)} s` : duration(t)}`;
}

export function stops({ path = [], path_verified }: Way): Stop[] {
  return path.map((step, i) => {
    const first = i === 0;
    const early = (step.after_ms ?? 0) < 0;
    return {
      ...step,
      role: first ? "cause" : i === path.length - 1 ? "symptom" : "between",
      timing: !step.departed ? "no departure seen" : first ? "first" : step.after_ms == null ? "time not known" : after(step.after_ms),
      // A little early is within what clocks and samples allow; then the way as a whole is verified.
      doubt: !step.departed ? "shows nothing unusual" : early && !path_verified ? "departed before the cause" : null,
    };
  });
}

/** In one sentence: whether the way is shown, and what is missing where it is not. */
export function standing(way: Way): { verified: boolean; text: string } {
  const all = stops(way);
  const doubts = all.filter((s) => s.doubt !== null);
  if (way.path_verified) {
    return { verified: true, text: all.length > 1 ? "Each service on the way departed from what is usual, and none before the cause." : "It departed from what is usual; nothing that calls it did." };
  }
  const said = doubts.map((s) => `${s.service} ${s.doubt ?? ""}`).join(", ");
  return { verified: false, text: said ? `Not all of the way is shown: ${said}.` : "Not all of the way is shown." };
}

export type CausalNode = { name: string; stop: Stop | null; /** Has findings of this incident. */ affected: boolean; /** Along the way, from 0; and beside it, from 1: 0 is the way itself. */ column: number; row: number };
export type CausalLink =
  /** The trouble went from one to the other. */
  | { kind: "way"; from: string; to: string; timing: string; doubt: boolean }
  /** `to` calls `from`: drawn in the direction in which trouble goes, as the way is. */
  | { kind: "call"; from: string; to: string };

const NEAR_MAX = 3;

/** Services on the way, others of the incident, and a few that call them and stayed well: those say how far it did not go. */
export function causalMap(way: Way, services: readonly string[], edges: readonly Pick<Edge, "from" | "to">[]): { nodes: CausalNode[]; links: CausalLink[] } {
  const all = stops(way);
  const involved = [...new Set([...all.map((s) => s.service), ...services])];
  const near = [...new Set(edges.filter((e) => all.some((s) => s.service === e.to) && !involved.includes(e.from)).map((e) => e.from))].slice(0, NEAR_MAX);
  const names = [...involved, ...near];
  const links: CausalLink[] = all.slice(1).flatMap((to, i) => {
    const from = all[i];
    return from ? [{ kind: "way" as const, from: from.service, to: to.service, timing: to.timing, doubt: from.doubt !== null || to.doubt !== null }] : [];
  });
  for (const e of edges) {
    const drawn = links.some((l) => (l.from === e.to && l.to === e.from) || (l.from === e.from && l.to === e.to));
    if (!drawn && e.from !== e.to && names.includes(e.from) && names.includes(e.to)) links.push({ kind: "call", from: e.to, to: e.from });
  }
  const places = beside(names, all.map((s) => s.service), links);
  const nodes = names.map((name): CausalNode => ({ name, stop: all.find((s) => s.service === name) ?? null, affected: services.includes(name), ...(places.get(name) ?? { column: 0, row: 0 }) }));
  return { nodes, links };
}

/** The way is a straight line; each other service stands beside it, one column on from what it calls. */
function beside(names: readonly string[], way: readonly string[], links: readonly CausalLink[]): Map<string, { column: number; row: number }> {
  const places = new Map(way.map((name, column) => [name, { column, row: 0 }]));
  const taken: number[] = [];
  for (const name of names) {
    if (places.has(name)) continue;
    const called = links.filter((l) => l.to === name).map((l) => places.get(l.from)?.column ?? -1);
    const calling = links.filter((l) => l.from === name).map((l) => places.get(l.to)?.column ?? Infinity);
    const column = Math.max(0, called.length > 0 ? Math.max(...called) + 1 : Math.min(...calling, 1) - 1);
    const row = (taken[column] ?? 0) + 1;
    taken[column] = row;
    places.set(name, { column, row });
  }
  return places;
}
