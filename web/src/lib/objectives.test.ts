import { describe, expect, it } from "vitest";
import type { ObjectiveStatus } from "@/api/types";
import { budgetWords, measures, promised, speed } from "./objectives";

const status = (more: Partial<ObjectiveStatus>): ObjectiveStatus => ({
  objective: { name: "a", title: "A", service: "shop", target: 0.999, window_ms: 30 * 86_400_000, indicator: { type: "requests", within_ms: null }, budgeting: { type: "occurrences" }, burns: [] },
  met: 1, budget_left: 1, known_ms: 30 * 86_400_000, burning: [], ...more,
});

describe("objectives in words", () => {
  it("keeps the digits that a promise has", () => {
    expect([0.999, 0.99, 0.9995, 1, 0.98401].map(promised)).toEqual(["99.9 %", "99 %", "99.95 %", "100 %", "98.401 %"]);
    expect([14.4, 0, 250, null].map(speed)).toEqual(["14.4×", "0.0×", "250×", "no data"]);
  });

  it("says what is left, what is overdrawn and what is not known", () => {
    expect(budgetWords(status({ budget_left: 0.42 }))).toBe("42 % of the error budget left");
    expect(budgetWords(status({ budget_left: -0.5, known_ms: 3_600_000 }))).toMatch(/^Error budget overdrawn by 50 %, as far as the last /);
    expect(budgetWords(status({ budget_left: null }))).toBe("Nothing was measured yet");
  });

  it("says what is good", () => {
    expect(measures(status({}).objective)).toBe("requests that do not fail");
    expect(measures({ ...status({}).objective, indicator: { type: "threshold", value: { metric: "queue_depth", matchers: [] }, keeps: "lt", limit: 10 } })).toBe("queue_depth below 10");
  });
});
