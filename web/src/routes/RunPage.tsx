/** One run: every step with what went in and came out, and the workflow with its states. */
import { useSuspenseQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { ArrowLeft } from "lucide-react";
import { lazy, Suspense } from "react";
import { runQuery } from "@/api/queries";
import { ActionBar } from "@/features/actions/ActionBar";
import { words } from "@/lib/format";
import { duration, toMs } from "@/lib/time";
import { Facts, JsonView } from "@/ui/Bits";
import { Id } from "@/ui/Id";
import { PageHead, Panel } from "@/ui/Panel";
import { Skeleton } from "@/ui/States";
import { Status } from "@/ui/Status";
import { StepList } from "@/ui/StepList";
import { Time } from "@/ui/Time";

const WorkflowDiagram = lazy(() => import("@/features/automation/WorkflowDiagram"));
const route = getRouteApi("/app/automation/runs/$id");

export function RunPage() {
  const { id } = route.useParams();
  const { step } = route.useSearch();
  const navigate = useNavigate();
  const { data } = useSuspenseQuery(runQuery(id));
  const { run, definition, allowed_actions } = data;
  const undone = run.steps.some((s) => s.compensation);
  return (
    <>
      <Link to="/automation/runs" search={{}} className="mb-2 inline-flex min-h-6 items-center gap-1 text-xs text-faint hover:text-ink"><ArrowLeft aria-hidden className="size-3.5" />Runs</Link>
      <PageHead title={words(run.workflow)} actions={<ActionBar actions={allowed_actions} context={run.workflow} />}
        lead={(
          <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <Status kind="run" value={run.status} />
            {run.service && <Link to="/systems/$name" params={{ name: run.service }} search={{}} className="font-medium text-accent hover:underline">{run.service}</Link>}
            {run.purpose.type === "incident" ? <Link to="/incidents/$id" params={{ id: run.purpose.incident }} search={{}} className="text-accent hover:underline">for an incident ({words(run.purpose.class).toLowerCase()})</Link> : <span>started by {run.purpose.actor}</span>}
            <Id value={run.id} />
          </span>
        )}>
        {run.error && <p className="mt-3 rounded-lg bg-bad-soft px-3 py-2 text-sm text-bad">{run.error}</p>}
      </PageHead>
      <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1.3fr)_minmax(0,1fr)]">
        <Panel title="Steps" hint={undone ? "what was done was undone in reverse order" : undefined}>
          <StepList steps={run.steps} open={step} onOpen={(key) => void navigate({ to: "/automation/runs/$id", params: { id }, search: { step: key }, replace: true, resetScroll: false })}
            detail={(s) => (
              <div className="mt-2 grid gap-3 rounded-lg border bg-raised/50 p-3 sm:grid-cols-2">
                <div><h3 className="mb-1 text-xs font-medium text-faint">Input</h3><JsonView value={s.input} /></div>
                <div><h3 className="mb-1 text-xs font-medium text-faint">Output</h3><JsonView value={s.output} /></div>
                <p className="font-mono text-xs text-faint sm:col-span-2">{s.path}</p>
              </div>
            )} />
        </Panel>
        <div className="space-y-5">
          <Panel title="Workflow" hint={`version ${run.version}`}><Suspense fallback={<Skeleton className="h-64 w-full" />}><WorkflowDiagram definition={definition} steps={run.steps} /></Suspense></Panel>
          <Panel title="Details">
            <Facts items={[["Started", <Time key="s" at={run.started_at} as="full" />], ["Took", run.ended_at ? duration(toMs(run.ended_at) - toMs(run.started_at)) : "still working"], ["Input", <JsonView key="i" value={run.input} />], ["Output", <JsonView key="o" value={run.output} />], ["Runbook", <Link key="r" to="/automation/runbooks/$name" params={{ name: run.workflow }} className="text-accent hover:underline">{run.workflow}</Link>]]} />
          </Panel>
        </div>
      </div>
    </>
  );
}
