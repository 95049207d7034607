/** Silences before they are made: conditions from what one looks at, and when they end. */
import type { Finding } from "@/api/types";

/** A text of CEL, whatever it holds. */
export const celText = (text: string): string => `'${text.replace(/[\\']/g, (c) => `\\${c}`).replace(/\n/g, "\\n").replace(/\r/g, "\\r")}'`;

/** What means a finding and such as it: its service, its kind, and the alert or objective where it is one. */
export function conditionFor({ service, kind, subject }: Pick<Finding, "service" | "kind" | "subject">): string {
  const parts = [`service == ${celText(service)}`, `kind == ${celText(kind)}`];
  if (subject.type === "alert" || subject.type === "objective") parts.push(`subject == ${celText(subject.name)}`);
  return parts.join(" && ");
}

export const SPANS = [["1h", "1 hour"], ["4h", "4 hours"], ["until", "Until a date"]] as const;
export type SilenceSpan = (typeof SPANS)[number][0];
const HOURS: Record<Exclude<SilenceSpan, "until">, number> = { "1h": 1, "4h": 4 };

export type Draft = { when: string; span: SilenceSpan; /** Local, as the browser's own control gives it. */ until: string; /** The same; now when there is none. */ from: string; reason: string };
type Wanted = { when: string; starts_at?: string; ends_at: string; reason: string };

/** What is sent, or what is missing. What is wrong beyond that the server says. */
export function readDraft({ when, span, until, from, reason }: Draft, now: number): { value: Wanted } | { error: string } {
  if (!when.trim()) return { error: "write a condition" };
  const start = from ? Date.parse(from) : now;
  if (!Number.isFinite(start)) return { error: "say when it begins" };
  const end = span === "until" ? Date.parse(until) : start + HOURS[span] * 3_600_000;
  if (!Number.isFinite(end)) return { error: "say until when" };
  if (end <= start) return { error: "it must end after it begins" };
  if (!reason.trim()) return { error: "say why" };
  return { value: { when: when.trim(), ...(from ? { starts_at: new Date(start).toISOString() } : {}), ends_at: new Date(end).toISOString(), reason: reason.trim() } };
}
