/** Where a workflow that is not changed here comes from, in words. */
import type { WorkflowSummary } from "@/api/types";

export const ORIGINS: Record<Exclude<WorkflowSummary["origin"], "own">, string> = {
  shipped: "ships with Homeostat",
  folder: "a file of yours",
};
