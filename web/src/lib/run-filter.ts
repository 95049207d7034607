/** The filters of the list of runs: what stands in the address, and what the server is asked for. */
import type { RunFilter } from "@/api/types";

export const SPANS = { "15m": 900_000, "1h": 3_600_000, "6h": 21_600_000, "24h": 86_400_000, "7d": 604_800_000 } as const;
export type Span = keyof typeof SPANS;
export type RunSearch = Omit<RunFilter, "since" | "until"> & { span?: Span; since?: string; until?: string };

const isSpan = (v: unknown): v is Span => typeof v === "string" && v in SPANS;
const instant = (v: unknown): string | undefined => (typeof v === "string" && Number.isFinite(Date.parse(v)) ? v : undefined);

/** Reads the address; what it does not know is dropped. */
export function readRunSearch(s: Record<string, unknown>, text: (v: unknown) => string | undefined): RunSearch {
  const search: RunSearch = { status: text(s.status), workflow: text(s.workflow), service: text(s.service), purpose: text(s.purpose), text: text(s.text), span: isSpan(s.span) ? s.span : undefined, since: instant(s.since), until: instant(s.until) };
  return Object.fromEntries(Object.entries(search).filter(([, v]) => v !== undefined));
}

/** The filter of the API. The start of "the last hour" moves in steps, so that a list is not asked for anew at each look. */
export function runFilter({ span, ...rest }: RunSearch, now: number): RunFilter {
  if (!span) return rest;
  const step = SPANS[span] / 60;
  return { ...rest, since: new Date(Math.floor((now - SPANS[span]) / step) * step).toISOString(), until: undefined };
}

export const isFiltered = (search: RunSearch): boolean => Object.values(search).some((v) => v !== undefined);

/** `running` as people say a status filter in a sentence: `12 running runs of checkout`. */
export function filterWords(search: RunSearch): string {
  const parts = [search.status, "runs", search.workflow && `of ${search.workflow}`, search.service && `on ${search.service}`, search.purpose && `started by ${search.purpose === "incident" ? "an incident" : search.purpose === "manual" ? "a person" : search.purpose === "subflow" ? "another run" : `a${search.purpose === "event" ? "n event" : ` ${search.purpose}`}`}`, search.text && `with “${search.text}”`, search.span && `of the last ${search.span}`];
  return parts.filter(Boolean).join(" ");
}
