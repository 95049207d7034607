import { describe, expect, it } from "vitest";
import type { PathStep } from "@/api/types";
import { after, causalMap, standing, stops } from "./causal";
import { mapLine, placeMap, type MapSize } from "./map-layout";

const step = (service: string, more: Partial<PathStep> = {}): PathStep => ({ service, departed: true, after_ms: 0, covers: null, evidence: [], ...more });
const shown = { path: [step("payments"), step("checkout", { after_ms: 400 }), step("gateway", { after_ms: 900 })], path_verified: true };
const calls = [{ from: "gateway", to: "checkout" }, { from: "checkout", to: "payments" }, { from: "worker", to: "checkout" }, { from: "gateway", to: "catalog" }];

describe("the way from a cause to its symptom", () => {
  it("says who was first, and how long after it the others departed", () => {
    expect(stops(shown).map((s) => [s.role, s.timing, s.doubt])).toEqual([["cause", "first", null], ["between", "+ 0.4 s", null], ["symptom", "+ 0.9 s", null]]);
    expect([after(40), after(0), after(-2_300), after(95_000)]).toEqual(["+ 40 ms", "at the same time", "− 2.3 s", "+ 1 min 35 s"]);
  });

  it("names each service that does not support it", () => {
    const way = { path: [step("payments", { departed: false, after_ms: null }), step("checkout", { after_ms: -5_000 }), step("gateway", { after_ms: null })], path_verified: false };
    expect(stops(way).map((s) => [s.timing, s.doubt])).toEqual([["no departure seen", "shows nothing unusual"], ["− 5.0 s", "departed before the cause"], ["time not known", null]]);
    expect(standing(way)).toEqual({ verified: false, text: "Not all of the way is shown: payments shows nothing unusual, checkout departed before the cause." });
  });

  it("takes the server's word for what is early but within what clocks allow", () => {
    const way = { path: [step("payments"), step("checkout", { after_ms: -200 })], path_verified: true };
    expect(stops(way).map((s) => s.doubt)).toEqual([null, null]);
    expect(standing(way).verified).toBe(true);
  });

  it("is nothing without a path", () => {
    expect(stops({})).toEqual([]);
    expect(standing({}).verified).toBe(false);
  });

  it("is drawn with those who call it and stayed well, each line in the direction in which trouble goes", () => {
    const { nodes, links } = causalMap(shown, ["payments", "checkout", "gateway", "mailer"], calls);
    expect(nodes.map((n) => [n.name, n.stop !== null, n.affected])).toEqual([["payments", true, true], ["checkout", true, true], ["gateway", true, true], ["mailer", false, true], ["worker", false, false]]);
    // The way is the first row; the others stand one column on from what they call, or below the cause.
    expect(nodes.map((n) => [n.column, n.row])).toEqual([[0, 0], [1, 0], [2, 0], [0, 1], [2, 1]]);
    expect(links).toEqual([
      { kind: "way", from: "payments", to: "checkout", timing: "+ 0.4 s", doubt: false }, { kind: "way", from: "checkout", to: "gateway", timing: "+ 0.9 s", doubt: false },
      { kind: "call", from: "checkout", to: "worker" },
    ]);
  });
});

describe("the layout of a map", () => {
  const size = (way: MapSize["way"]): MapSize => ({ box: { width: 100, height: 40 }, way, gap: 20, reach: 60, margin: 10 });
  it("goes left to right, or top to bottom, whatever the numbers", () => {
    const wide = placeMap(["a", "b"], [["a", "b"]], size("LR"));
    expect([...wide.at.values()].map((p) => p.x)).toEqual([60, 220]);
    const tall = placeMap(["a", "b"], [["a", "b"], ["a", "gone"]], size("TB"));
    expect([...tall.at.values()].map((p) => p.y)).toEqual([30, 130]);
  });
  it("draws a line between the edges of boxes, its arrow towards where it ends", () => {
    const line = mapLine({ x: 60, y: 30 }, { x: 220, y: 30 }, size("LR"));
    expect(line.path).toMatch(/^M110,30 .* 163,30$/);
    expect(line.head).toBe("M170,30 l-9,-4.5 v9 z");
    expect(mapLine({ x: 220, y: 30 }, { x: 60, y: 30 }, size("LR")).head).toBe("M110,30 l9,-4.5 v9 z");
  });
});
