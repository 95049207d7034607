/** Why a run exists, in words. */
import type { RunPurpose } from "@/api/workflow-types";
import { words } from "./format";

export function purposeWords(p: RunPurpose): string {
  switch (p.type) {
    case "incident": return `for an incident (${words(p.class).toLowerCase()})`;
    case "manual": return `started by ${p.actor}`;
    case "schedule": return "on its schedule";
    case "event": return `on event ${p.event}`;
    case "subflow": return "part of another run";
  }
}
