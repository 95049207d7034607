import { describe, expect, it } from "vitest";
import type { Cause, Evidence, EvidenceBody } from "@/api/types";
import { ticks } from "./time";
import { carries, charted, excursion, flags, moments, otherEvidence, pastIncidents, spanOf } from "./evidence";

const T = Date.parse("2026-01-01T10:00:00Z");
const iso = (s: number) => new Date(T + s * 1_000).toISOString();
const metric = (from = 0, to = 60): EvidenceBody => ({ type: "metric", name: "request_error_ratio", labels: {}, range: { from: iso(from), to: iso(to) }, observed: 1, expected: { low: 0, high: 0.1 } });
const piece = (id: string, service: string, body: EvidenceBody): Evidence => ({ id, service, title: id, body, finding: null });
const cause = (path: string[], evidence: string[]) => ({ path: path.map((service) => ({ service, departed: true, evidence: [] })), evidence }) as unknown as Cause;

describe("charts of an incident", () => {
  const past: EvidenceBody = { type: "past_incident", incident: "inc_1", fixed_by: "restart" };
  const change: EvidenceBody = { type: "change", change: "chg_1", at: iso(-6), summary: "checkout 1.0.0 → 1.1.0 with a very long line of what it brings" };
  const evidence = [piece("a", "gateway", metric(5, 90)), piece("b", "checkout", metric()), piece("c", "checkout", metric(-30)), piece("d", "other", metric()), piece("e", "checkout", past), piece("f", "checkout", change)];

  it("stand in the order in which trouble went, and share one time", () => {
    const charts = charted({ evidence, causes: [cause(["checkout", "gateway"], ["c"])] });
    expect(charts.map((c) => c.id)).toEqual(["c", "b", "a", "d"]);
    expect(spanOf(charts)).toEqual({ from: T - 30_000, to: T + 90_000 });
    expect(charted({ evidence, causes: [] })).toHaveLength(4);
  });

  it("leave the rest to lists of their own", () => {
    expect(pastIncidents(evidence).map((e) => e.id)).toEqual(["e"]);
    expect(otherEvidence(evidence).map((e) => e.id)).toEqual(["f"]);
  });

  it("carry what happened meanwhile, in order", () => {
    const all = moments({ started_at: iso(0), resolved_at: iso(40), evidence }, [{ started_at: iso(10) }]);
    expect(all.map((m) => [m.at - T, m.label])).toEqual([[-6_000, "checkout 1.0.0 → 1.1.0 with a v…"], [0, "began"], [10_000, "repair"], [40_000, "over"]]);
  });

  it("put words that would touch below each other, and those at the end before their line", () => {
    const at = (s: number, label: string) => ({ at: T + s * 1_000, label, tone: "bad" as const });
    const placed = flags([at(-99, "outside"), at(0, "a deploy of checkout"), at(6, "began"), at(60, "repair"), at(99, "over")], { from: T, to: T + 100_000 }, 500);
    expect(placed.map((f) => [f.label, f.row, f.before])).toEqual([["a deploy of checkout", 0, false], ["began", 1, false], ["repair", 0, false], ["over", 0, true]]);
  });
});

describe("what is outside its band", () => {
  const band = { low: 10, high: 20 };
  const points = [15, 25, 30, 15, 5, 15].map((v, i) => [T + i * 10_000, v]);
  it("is measured in time, with where it was furthest, on both sides", () => {
    expect(excursion(points, band)).toEqual({ from: T + 10_000, to: T + 50_000, ms: 30_000, worst: { at: T + 20_000, value: 30 } });
    expect(excursion([[T, 1]], band)).toEqual({ from: T, to: T, ms: 0, worst: { at: T, value: 1 } });
  });
  it("is nothing without a band, without points, and for what is no number", () => {
    expect(excursion(points, null)).toBeNull();
    expect(excursion([], band)).toBeNull();
    expect(excursion([[T, Number.NaN]], band)).toBeNull();
  });
});

it("a series is meant when it has every label that is asked for", () => {
  expect(carries({ instance: "a", route: "/" }, { instance: "a" })).toBe(true);
  expect(carries({ instance: "b" }, { instance: "a" })).toBe(false);
});

it("times on an axis are round, few, and with seconds only where they tell apart", () => {
  expect(ticks(T + 3_000, T + 243_000, 4).map((t) => t.at - T)).toEqual([60_000, 120_000, 180_000, 240_000]);
  expect(ticks(T, T + 60_000, 4).map((t) => t.text.slice(3))).toEqual(["00:00", "00:15", "00:30", "00:45", "01:00"]);
  expect(ticks(T, T + 9 * 86_400_000, 3)).toHaveLength(3);
  expect(ticks(T, T, 5)).toEqual([]);
});
