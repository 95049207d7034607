/** Instants and durations as people read them. Pure: "now" is an input. */

/** Milliseconds of an API time, which is RFC 3339 text (or already milliseconds). */
export const toMs = (at: string | number): number => (typeof at === "number" ? at : Date.parse(at));

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `840 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "–";
  const t = Math.abs(ms);
  if (t < SECOND) return `${String(Math.round(t))} ms`;
  if (t < 9_950) return `${(t / SECOND).toFixed(1)} s`;
  if (t < 59_500) return `${String(Math.round(t / SECOND))} s`;
  // Round to the smaller unit first, so that 119.9 s is 2 min and never "1 min 60 s".
  const whole = t < HOUR ? Math.round(t / SECOND) * SECOND : t < DAY ? Math.round(t / MINUTE) * MINUTE : Math.round(t / HOUR) * HOUR;
  const two = (big: number, bigName: string, small: number, smallName: string) => {
    const rest = Math.round((whole % big) / small);
    return `${String(Math.floor(whole / big))} ${bigName}${rest > 0 ? ` ${String(rest)} ${smallName}` : ""}`;
  };
  if (whole < HOUR) return two(MINUTE, "min", SECOND, "s");
  if (whole < DAY) return two(HOUR, "h", MINUTE, "min");
  return two(DAY, "d", HOUR, "h");
}

/** `now`, `12 s ago`, `5 min ago`, `in 3 h`. One unit only: it is read at a glance. */
export function ago(at: number, now: number): string {
  const d = now - at;
  const t = Math.abs(d);
  if (t < 5 * SECOND) return "now";
  const text =
    t < MINUTE ? `${String(Math.floor(t / SECOND))} s`
    : t < HOUR ? `${String(Math.floor(t / MINUTE))} min`
    : t < DAY ? `${String(Math.floor(t / HOUR))} h`
    : `${String(Math.floor(t / DAY))} d`;
  return d >= 0 ? `${text} ago` : `in ${text}`;
}

const two = (n: number) => String(n).padStart(2, "0");

/** `14:03:27`, local. */
export function clock(at: number): string {
  const d = new Date(at);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** `14:03:27.512`, local: for log lines. */
export const clockMs = (at: number): string => `${clock(at)}.${String(new Date(at).getMilliseconds()).padStart(3, "0")}`;

/** `21 Nov 2026, 14:03:27`, local. */
export function full(at: number): string {
  const d = new Date(at);
  const month = d.toLocaleString("en", { month: "short" });
  return `${String(d.getDate())} ${month} ${String(d.getFullYear())}, ${clock(at)}`;
}

export const RANGES = { "5m": 5 * MINUTE, "15m": 15 * MINUTE, "1h": HOUR, "6h": 6 * HOUR, "24h": DAY } as const;
export type Range = keyof typeof RANGES;
export const isRange = (text: unknown): text is Range => typeof text === "string" && text in RANGES;

/** A sentence of the server with its instants as the clock of the reader; with the date where it is another day. */
export const withClock = (text: string): string => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (at) => (new Date(at).toDateString() === new Date().toDateString() ? clock(toMs(at)) : full(toMs(at))));

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400].map((s) => s * SECOND);

/** Round instants between two others, at most `most` of them, and how to write them: seconds only where they differ. */
export function ticks(from: number, to: number, most: number): { at: number; text: string }[] {
  if (!(to > from) || most < 1) return [];
  const step = STEPS.find((s) => (to - from) / s <= most) ?? DAY * Math.ceil((to - from) / DAY / most);
  const all: { at: number; text: string }[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) all.push({ at, text: step < MINUTE ? clock(at) : clock(at).slice(0, 5) });
  return all;
}
