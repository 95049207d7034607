/** The run as a whole: what it was given, what it gave, which definition it follows, and the runs it started. */
import { Link } from "@tanstack/react-router";
import type { RunDetail } from "@/api/types";
import { isEmpty } from "@/lib/json";
import { workflowTitle } from "@/lib/purpose";
import { Facts } from "@/ui/Bits";
import { Id } from "@/ui/Id";
import { JsonTree } from "@/ui/JsonTree";
import { Panel } from "@/ui/Panel";
import { Status } from "@/ui/Status";
import { Time } from "@/ui/Time";

export function RunFacts({ run, workflow }: { run: RunDetail; workflow: string | null }) {
  return (
    <div className="space-y-5">
      <Panel title="Details">
        <Facts items={[
          ["Workflow", workflow ? <Link key="w" to="/automation/workflows/$id" params={{ id: workflow }} search={{}} className="text-accent hover:underline">{run.workflow}</Link> : run.workflow],
          ["Version", run.version],
          ["Started", <Time key="s" at={run.started_at} as="full" />],
          ["Ended", run.ended_at ? <Time key="e" at={run.ended_at} as="full" /> : "still working"],
          ["Correlation", <Id key="c" value={run.correlation_id} />],
        ]} />
        <h3 className="mt-4 mb-1.5 text-xs font-medium text-soft">Input</h3><JsonTree label="Run input" value={run.input} />
        <h3 className="mt-3 mb-1.5 text-xs font-medium text-soft">Output</h3><JsonTree label="Run output" value={run.output} empty={run.ended_at ? "nothing" : "not yet"} />
        {!isEmpty(run.context) && <><h3 className="mt-3 mb-1.5 text-xs font-medium text-soft">Exported by tasks</h3><JsonTree label="Context" value={run.context} /></>}
      </Panel>
      {run.children.length > 0 && (
        <Panel flush title="Runs it started">
          <ul>{run.children.map((c) => <li key={c.id} className="flex items-center gap-3 border-b px-4 py-2 text-sm last:border-b-0"><Link to="/automation/runs/$id" params={{ id: c.id }} search={{}} className="min-w-0 flex-1 truncate font-medium text-accent hover:underline">{workflowTitle(c.workflow)}</Link><Status kind="run" value={c.status} /></li>)}</ul>
        </Panel>
      )}
    </div>
  );
}
