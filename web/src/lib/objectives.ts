/** Objectives in words. */
import type { ObjectiveStatus } from "@/api/types";
import { percent } from "./format";
import { duration } from "./time";

/** A share with as many digits as promises have: `99.95 %`. */
export const promised = (share: number): string => `${(share * 100).toFixed(3).replace(/\.?0+$/, "")} %`;

/** `14.4×`: so many times faster than the budget lasts. */
export const speed = (rate: number | null | undefined): string => (rate == null || !Number.isFinite(rate) ? "no data" : `${rate >= 100 ? rate.toFixed(0) : rate.toFixed(1)}×`);

/** What counts as good. */
export function measures({ indicator: i }: ObjectiveStatus["objective"]): string {
  if (i.type === "requests") return i.within_ms == null ? "requests that do not fail" : `requests within ${duration(i.within_ms)}`;
  if (i.type === "ratio") return `${i.good ? "good" : "bad"}: ${i.part.metric}, of ${i.total.metric}`;
  return `${i.value.metric} ${{ lt: "below", lte: "at most", gt: "above", gte: "at least" }[i.keeps]} ${String(i.limit)}`;
}

/** What is left of the budget, and of how much time it tells. */
export function budgetWords({ budget_left: left, known_ms: known, objective }: ObjectiveStatus): string {
  if (left == null) return "Nothing was measured yet";
  const since = known < objective.window_ms ? `, as far as the last ${duration(known)} tell` : "";
  return left < 0 ? `Error budget overdrawn by ${percent(-left)}${since}` : `${percent(left)} of the error budget left${since}`;
}
