/** A run that works on this incident, step by step, live. */
import { Link } from "@tanstack/react-router";
import type { Run } from "@/api/types";
import { words } from "@/lib/format";
import { Panel } from "@/ui/Panel";
import { Status } from "@/ui/Status";
import { StepList } from "@/ui/StepList";

export function RunCard({ run }: { run: Run }) {
  return (
    <Panel title={`Run: ${words(run.workflow)}`} actions={<><Status kind="run" value={run.status} /><Link to="/automation/runs/$id" params={{ id: run.id }} search={{}} className="inline-flex min-h-6 items-center text-xs font-medium text-accent hover:underline">Open run</Link></>}>
      <StepList steps={run.steps} />
      {run.error && <p className="mt-3 rounded-md bg-bad-soft px-3 py-2 text-sm text-bad">{run.error}</p>}
    </Panel>
  );
}
