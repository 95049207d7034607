/** Why a run exists and what it runs, in words. */
import type { RunPurpose } from "@/api/types";
import { words } from "./format";

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
