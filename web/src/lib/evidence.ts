/** Evidence made ready to be shown together: charts on one axis of time, moments across them, what is outside its band. */
import type { Band, Evidence, EvidenceBody, Incident, Run } from "@/api/types";
import { toMs } from "./time";

export type MetricEvidence = Evidence & { body: Extract<EvidenceBody, { type: "metric" }> };
export type PastEvidence = Evidence & { body: Extract<EvidenceBody, { type: "past_incident" }> };
export type Span = { from: number; to: number };
export type Moment = { at: number; label: string; tone: "bad" | "warn" | "ok" | "accent" };

const isMetric = (e: Evidence): e is MetricEvidence => e.body.type === "metric";
const isPast = (e: Evidence): e is PastEvidence => e.body.type === "past_incident";

/** Charts in the order in which trouble went: services of the first cause's path, then what it cites, then the rest. */
export function charted({ evidence, causes }: Pick<Incident, "evidence" | "causes">): MetricEvidence[] {
  const [cause] = causes;
  const way = (cause?.path ?? []).map((s) => s.service);
  const rank = (e: Evidence) => {
    const at = way.indexOf(e.service);
    return (at < 0 ? way.length : at) * 2 + (cause?.evidence.includes(e.id) ? 0 : 1);
  };
  return evidence.filter(isMetric).toSorted((a, b) => rank(a) - rank(b));
}

export const pastIncidents = (evidence: readonly Evidence[]): PastEvidence[] => evidence.filter(isPast);

/** Everything that is neither a chart nor an earlier incident: those have places of their own. */
export const otherEvidence = (evidence: readonly Evidence[]): Evidence[] => evidence.filter((e) => !isMetric(e) && !isPast(e));

/** The time that all charts together show. */
export function spanOf(charts: readonly MetricEvidence[]): Span {
  return { from: Math.min(...charts.map((c) => toMs(c.body.range.from))), to: Math.max(...charts.map((c) => toMs(c.body.range.to))) };
}

const LABEL_MAX = 32;
const brief = (text: string) => (text.length > LABEL_MAX ? `${text.slice(0, LABEL_MAX - 1).trimEnd()}…` : text);

/** What happened meanwhile: changes, the start of the trouble, repairs, the end. In order of time. */
export function moments(incident: Pick<Incident, "started_at" | "resolved_at" | "evidence">, runs: readonly Pick<Run, "started_at">[]): Moment[] {
  const changes = incident.evidence.flatMap((e): Moment[] => (e.body.type === "change" ? [{ at: toMs(e.body.at), label: brief(e.body.summary), tone: "accent" }] : []));
  const all: Moment[] = [...changes, { at: toMs(incident.started_at), label: "began", tone: "bad" }, ...runs.map((r): Moment => ({ at: toMs(r.started_at), label: "repair", tone: "warn" }))];
  if (incident.resolved_at) all.push({ at: toMs(incident.resolved_at), label: "over", tone: "ok" });
  return all.sort((a, b) => a.at - b.at);
}

type Points = readonly (readonly number[])[];
export type Excursion = { from: number; to: number; /** Milliseconds outside, gaps in between not counted. */ ms: number; worst: { at: number; value: number } };

/** When a series was outside its band; nothing when it never was. A point holds until the next one, the last for as long as the one before. */
export function excursion(points: Points, band: Band | null | undefined): Excursion | null {
  if (!band) return null;
  const beyond = (v: number) => Math.max(v - band.high, band.low - v);
  let found: Excursion | null = null;
  points.forEach(([at = 0, value = 0], i) => {
    if (!(beyond(value) > 0)) return;
    const step = i + 1 < points.length ? (points[i + 1]?.[0] ?? at) - at : at - (points[i - 1]?.[0] ?? at);
    if (!found) found = { from: at, to: at + step, ms: step, worst: { at, value } };
    else found = { from: found.from, to: at + step, ms: found.ms + step, worst: beyond(value) > beyond(found.worst.value) ? { at, value } : found.worst };
  });
  return found;
}

/** Whether a series is one that a piece of evidence speaks of. */
export const carries = (labels: Record<string, string>, wanted: Record<string, string>): boolean => Object.entries(wanted).every(([k, v]) => labels[k] === v);

export type Flag = Moment & { /** 0 to 1 of the span. */ share: number; row: number; /** Words stand before the line rather than after it. */ before: boolean };

/** Room that a letter takes, as a share of the span, is an estimate: words that might touch stand in rows below each other. */
export function flags(all: readonly Moment[], span: Span, widthPx: number): Flag[] {
  const LETTER_PX = 6.4;
  const ends: number[] = [];
  return all.filter((m) => m.at >= span.from && m.at <= span.to).map((m) => {
    const share = span.to > span.from ? (m.at - span.from) / (span.to - span.from) : 0;
    const length = (m.label.length * LETTER_PX + 14) / widthPx;
    const before = share + length > 1;
    const [start, end] = before ? [share - length, share] : [share, share + length];
    let row = ends.findIndex((taken) => taken <= start);
    if (row < 0) row = ends.length;
    ends[row] = end;
    return { ...m, share, row, before };
  });
}
