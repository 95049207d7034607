/** The `schedule` of a workflow document in a few words. Reads what it knows; anything else is shown as written. */
import { asObject, isEmpty } from "./json";

export type ScheduleWords = { kind: "cron" | "every" | "after" | "on" | "other"; how: string; what: string };

const UNITS = ["days", "hours", "minutes", "seconds", "milliseconds"] as const;

/** `PT15M` → `15 minutes`; what is no such duration stays as it is. */
function isoWords(text: string): string {
  const found = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(text)?.slice(1);
  return found?.some(Boolean) ? durationWords(Object.fromEntries(found.flatMap((n, i) => (n ? [[UNITS[i], Number(n)]] : [])))) : text;
}

export function durationWords(v: unknown): string {
  if (typeof v === "string") return isoWords(v);
  const parts = UNITS.flatMap((u) => { const n = asObject(v)[u]; return typeof n === "number" ? [`${String(n)} ${n === 1 ? u.slice(0, -1) : u}`] : []; });
  return parts.length > 0 ? parts.join(" ") : JSON.stringify(v);
}

const typeOf = (filter: unknown): string => { const t = asObject(asObject(filter).with).type; return typeof t === "string" ? t : "any event"; };

function eventWords(on: unknown): string {
  const { one, any, all } = asObject(on);
  if (one !== undefined) return typeOf(one);
  const list = Array.isArray(any) ? any : Array.isArray(all) ? all : [];
  return list.length > 0 ? list.map(typeOf).join(Array.isArray(all) ? " and " : " or ") : "any event";
}

export function scheduleWords(schedule: unknown): ScheduleWords | null {
  if (isEmpty(schedule)) return null;
  const s = asObject(schedule);
  if (typeof s.cron === "string") return { kind: "cron", how: "at set times", what: s.cron.replace(/^(?:CRON_)?TZ=(\S+) (.+)$/, "$2, time of $1") };
  if (s.every !== undefined && s.every !== null) return { kind: "every", how: "every", what: durationWords(s.every) };
  if (s.after !== undefined && s.after !== null) return { kind: "after", how: "after the last one ended, by", what: durationWords(s.after) };
  if (s.on !== undefined && s.on !== null) return { kind: "on", how: "on", what: eventWords(s.on) };
  return { kind: "other", how: "", what: JSON.stringify(schedule) };
}
