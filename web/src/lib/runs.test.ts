import { describe, expect, it } from "vitest";
import type { StepItem } from "@/api/types";
import { tally } from "./bulk";
import { ganttRows, ganttScale } from "./gantt";
import { jsonLines, parseJson } from "./json-lines";
import { standsStill } from "./purpose";
import { filterWords, readRunSearch, runFilter } from "./run-filter";
import { toMs } from "./time";

const T = Date.UTC(2026, 0, 1);
const at = (ms: number) => new Date(T + ms).toISOString();
let count = 0;
const step = (path: string, from: number, to: number | null, more: Partial<StepItem> = {}): StepItem => ({
  n: count++, path, name: path.split("/").at(-1) ?? "", kind: "call", call: "http", status: "completed", attempt: 1, started_at: at(from), ended_at: to === null ? null : at(to), input: {}, output: {}, error: null, compensation: false, parent: null, revised: false, note: null, allowed_actions: [], ...more,
});

describe("rows of a timeline", () => {
  it("hold the attempts of a task together and tell how long was waited between them", () => {
    const rows = ganttRows([step("/do/0/a", 0, 100, { status: "faulted" }), step("/do/0/a", 2_100, 2_200, { attempt: 2 })], T + 2_200);
    expect(rows).toHaveLength(1);
    expect(rows[0]?.bars.map((b) => [b.from - T, b.to - T, b.waitedSince === null ? null : b.waitedSince - T])).toEqual([[0, 100, null], [2_100, 2_200, 100]]);
  });
  it("do not call the turns of a loop attempts, and keep what undoes apart", () => {
    const rows = ganttRows([step("/do/0/a", 0, 10), step("/do/0/a", 20, 30), step("/do/0/a", 40, 50, { compensation: true })], T + 50);
    expect(rows.map((r) => [r.key, r.bars.length])).toEqual([["/do/0/a", 2], ["/do/0/a#undo", 1]]);
    expect(rows[0]?.bars.every((b) => b.waitedSince === null)).toBe(true);
  });
  it("end at now where a step has no end, and are as deep as the steps around them", () => {
    const outer = step("/do/0/t", 0, null, { kind: "try" });
    const rows = ganttRows([outer, step("/do/0/t/try/0/b", 5, null, { parent: outer.n })], T + 900);
    expect(rows.map((r) => [r.depth, r.group, (r.bars[0]?.to ?? 0) - T, r.bars[0]?.live])).toEqual([[0, true, 900, true], [1, false, 900, true]]);
  });
});

describe("the scale of a timeline", () => {
  it("is even where there is work all along", () => {
    const scale = ganttScale([step("/do/0/a", 0, 500), step("/do/1/b", 500, 1_000)], T, T + 1_000);
    expect([0, 250, 500, 1_000].map((ms) => scale.at(T + ms))).toEqual([0, 0.25, 0.5, 1]);
    expect(scale.breaks).toEqual([]);
  });
  it("draws hours of waiting short, and keeps the order of time", () => {
    const hour = 3_600_000;
    const scale = ganttScale([step("/do/0/a", 0, 2_000), step("/do/1/ask", 2_000, hour, { call: "approve" }), step("/do/2/b", hour, hour + 2_000)], T, T + hour + 2_000);
    expect(scale.breaks).toHaveLength(1);
    expect(scale.breaks[0]?.width).toBeCloseTo(1 / 3, 5);
    expect(scale.at(T + 2_000)).toBeCloseTo(1 / 3, 5);
    const places = [0, 1_000, 2_000, hour / 2, hour, hour + 1_000, hour + 2_000].map((ms) => scale.at(T + ms));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places.at(-1)).toBe(1);
  });
  it("survives a run that has only just begun, and one that only waits", () => {
    expect(ganttScale([], T, T).at(T)).toBe(0);
    const waiting = ganttScale([step("/do/0/w", 0, null, { kind: "wait" })], T, T + 60_000);
    expect(waiting.breaks).toEqual([]);
    expect(waiting.at(T + 30_000)).toBeCloseTo(0.5, 5);
  });
  it("has round marks that are apart", () => {
    const { ticks } = ganttScale([step("/do/0/a", 0, 47_000)], T, T + 47_000);
    expect(ticks.map((t) => t.at)).toEqual([0, 10_000, 20_000, 30_000, 40_000]);
  });
});

describe("lines of JSON", () => {
  it("fold what is long and open it when asked", () => {
    const value = { rows: Array.from({ length: 5_000 }, (_, i) => i), ok: true };
    expect(jsonLines(value, new Set()).map((l) => l.text)).toEqual(["{", "[ 5,000 items ]", "true", "}"]);
    expect(jsonLines(value, new Set(["/rows"]))).toHaveLength(5_000 + 5);
  });
  it("cut a long text and say how long it is", () => {
    const [line] = jsonLines("x".repeat(90_000), new Set());
    expect(line?.cut).toBe(90_000);
    expect(line?.text.length).toBeLessThan(500);
    expect(jsonLines("x".repeat(90_000), new Set([""]))[0]?.text).toHaveLength(90_002);
  });
  it("show what is empty as it is", () => { expect(jsonLines({ a: {}, b: [], c: null }, new Set()).map((l) => l.text)).toEqual(["{", "{}", "[]", "null", "}"]); });
  it("are parsed with a sentence for what is wrong", () => {
    expect(parseJson(" ")).toEqual({ value: undefined });
    expect(parseJson('{"a":1}')).toEqual({ value: { a: 1 } });
    expect(parseJson("{a}")).toHaveProperty("error");
  });
});

describe("bulk actions", () => {
  it("tell what can be done and why not the rest", () => {
    const run = (id: string, allowed: boolean, reason: string | null) => ({ id, allowed_actions: [{ name: "pause", title: "Pause", method: "POST", path: "/x", allowed, reason }] });
    const { able, refused } = tally([run("a", true, null), run("b", false, "it is over"), run("c", false, "it is over"), { id: "d", allowed_actions: [] }], "pause");
    expect(able.map((r) => r.id)).toEqual(["a"]);
    expect(refused.map((r) => [r.reason, r.ids.length])).toEqual([["it is over", 2], ["it cannot be done to this run", 1]]);
  });
});

describe("filters of runs", () => {
  const text = (v: unknown) => (typeof v === "string" && v !== "" ? v : undefined);
  it("drop what they do not know", () => {
    expect(readRunSearch({ status: "faulted", span: "2y", since: "soon", nonsense: 1 }, text)).toEqual({ status: "faulted" });
  });
  it("move the start of a span in steps", () => {
    const now = toMs("2026-01-01T12:00:30Z");
    expect(runFilter({ span: "1h", service: "checkout" }, now)).toEqual({ service: "checkout", since: "2026-01-01T11:00:00.000Z", until: undefined });
    expect(runFilter({ span: "1h" }, now + 10_000)).toEqual(runFilter({ span: "1h" }, now));
  });
  it("are said as a sentence", () => { expect(filterWords({ status: "running", workflow: "release", purpose: "incident" })).toBe("running runs of release started by an incident"); });
});

describe("why a run stands still", () => {
  const check = (run: Partial<Parameters<typeof standsStill>[0]>, expected: string | null) => { expect(standsStill({ held_by: null, waits_for: null, ended_at: null, ...run })).toBe(expected); };
  it("is who paused it or what holds it, before what it waits for", () => {
    check({ held_by: "ana", waits_for: "somebody to let it go on" }, "paused by ana");
    check({ held_by: "hold:all", waits_for: "somebody to let it go on" }, "held with every run");
    check({ held_by: "hold:service:a:b", waits_for: "somebody to let it go on" }, "held with the runs on a:b");
    check({ held_by: "hold:workflow:shop.sync" }, "held with the runs of shop.sync");
  });
  it("is said once, with the clock of the reader", () => {
    check({ waits_for: "its turn: at most 1 at once for checkout" }, "waits for its turn: at most 1 at once for checkout");
    check({ waits_for: "a person's approval" }, "waits for a person's approval");
    expect(standsStill({ waits_for: `time to pass, until ${new Date().toISOString()}` })).toMatch(/^waits for time to pass, until \d\d:\d\d:\d\d$/);
    expect(standsStill({ waits_for: "time to pass, until 2026-01-01T10:20:30.000Z" })).toMatch(/ 1 Jan 2026/);
  });
  it("is nothing for a run that works or is over", () => {
    check({ waits_for: "the answer of process.restart" }, null);
    check({ waits_for: "an event", ended_at: at(1) }, null);
    check({}, null);
  });
});
