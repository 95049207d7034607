/** Why a run exists and what it runs, in words. */
import type { RunItem, RunPurpose } from "@/api/types";
import { words } from "./format";
import { withClock } from "./time";

export function purposeWords(p: RunPurpose): string {
  switch (p.type) {
    case "incident": return `for an incident (${words(p.class).toLowerCase()})`;
    case "manual": return `started by ${p.actor}`;
    case "schedule": return "started on its schedule";
    case "event": return "started by an event";
    case "subflow": return "part of another run";
  }
}

/** `shop.nightly-report:1.2.0` → `shop.nightly-report`: what a workflow is known by. */
export const workflowId = (workflow: string): string => workflow.split(":")[0] ?? workflow;

/** `shop.nightly-report` → `Nightly report`. */
export const workflowTitle = (workflow: string): string => words(workflowId(workflow).replace(/^[^.]*\./, ""));

/** A run that only waits for what it called works. */
const WORKS = "the answer of ";

/** Why a run stands still, as the end of a sentence; nothing when it works or is over. */
export function standsStill(run: Pick<RunItem, "held_by" | "waits_for" | "ended_at">): string | null {
  if (run.ended_at) return null;
  if (run.held_by) {
    const [hold, scope, ...name] = run.held_by.split(":");
    if (hold !== "hold") return `paused by ${run.held_by}`;
    return scope === "all" ? "held with every run" : `held with the runs ${scope === "service" ? "on" : "of"} ${name.join(":")}`;
  }
  const text = run.waits_for && withClock(run.waits_for);
  return !text || text.startsWith(WORKS) ? null : `waits for ${text}`;
}
