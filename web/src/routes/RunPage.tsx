/** One run, live or as it was at an earlier record: its steps over time or as a diagram, each with what went in and came out. */
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { History } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { pendingApprovalsQuery, runAtQuery, runQuery, servicesQuery, versionsQuery, workflowsQuery } from "@/api/queries";
import type { AllowedAction } from "@/api/types";
import { ActionBar } from "@/features/actions/ActionBar";
import { ApprovalCard } from "@/features/approvals/ApprovalCard";
import { HoldsBanner } from "@/features/holds/HoldsBanner";
import { HoldsDialog } from "@/features/holds/HoldsDialog";
import { RunFacts } from "@/features/run/RunFacts";
import { RunGantt } from "@/features/run/RunGantt";
import { RunHead } from "@/features/run/RunHead";
import { StepLogs } from "@/features/run/StepLogs";
import { StepPanel } from "@/features/run/StepPanel";
import { TimeTravel } from "@/features/run/TimeTravel";
import { words } from "@/lib/format";
import { workflowId, workflowTitle } from "@/lib/purpose";
import { toMs } from "@/lib/time";
import { Segmented } from "@/ui/Field";
import { Panel } from "@/ui/Panel";
import { Skeleton } from "@/ui/States";

const FlowDiagram = lazy(() => import("@/ui/FlowDiagram"));
const route = getRouteApi("/app/automation/runs/$id");
const VIEWS = [["timeline", "Timeline"], ["diagram", "Diagram"]] as const;

/** What is done, is done now: not to a moment of the past. */
const atRest = (actions: readonly AllowedAction[]): AllowedAction[] => actions.map((a) => ({ ...a, allowed: false, reason: "you look at an earlier record; go back to now first" }));

export function RunPage() {
  const { id } = route.useParams();
  const search = route.useSearch();
  const { at, view = "timeline" } = search;
  const navigate = useNavigate();
  const { data: live } = useSuspenseQuery(runQuery(id));
  const past = useQuery({ ...runAtQuery(id, at ?? 0), enabled: at !== undefined });
  const { data: pending } = useQuery({ ...pendingApprovalsQuery, throwOnError: false });
  const { data: workflows } = useQuery({ ...workflowsQuery, throwOnError: false });
  const { data: services } = useQuery(servicesQuery);
  const [holding, setHolding] = useState(false);
  const run = at !== undefined && past.data?.id === id ? past.data : live;
  const then = run !== live;
  const document = workflows?.find((w) => w.id === workflowId(run.workflow));
  const { data: versions } = useQuery({ ...versionsQuery(document?.id ?? ""), enabled: document !== undefined, throwOnError: false });
  const step = run.steps.find((s) => s.n === search.step);
  const asked = then ? [] : (pending ?? []).filter((a) => a.run === id);
  const until = then ? Math.max(toMs(run.started_at) + 1, ...run.steps.flatMap((s) => [toMs(s.started_at), s.ended_at ? toMs(s.ended_at) : 0])) : null;
  const show = (change: Partial<typeof search>) => void navigate({ to: "/automation/runs/$id", params: { id }, search: { ...search, ...change }, replace: true, resetScroll: false });
  const open = (n: number | undefined) => { show({ step: n }); };
  const choices = (versions ?? []).filter((v) => v.version !== run.version).map((v) => [v.version, `${v.version}${v.current ? " (newest)" : ""}`] as const);
  return (
    <>
      <RunHead run={run} until={until} asked={asked.length > 0} actions={<ActionBar actions={then ? atRest(live.allowed_actions) : live.allowed_actions} context={`${workflowTitle(run.workflow)}${run.service ? ` on ${run.service}` : ""}`} choices={choices} />} />
      {!live.ended_at && <HoldsBanner of={live} onOpen={() => { setHolding(true); }} />}
      {asked.map((a) => <ApprovalCard key={a.id} approval={a} actions={<ActionBar actions={a.allowed_actions} context={a.message} />} />)}
      {then && <p role="status" className="mb-4 flex items-center gap-2 rounded-xl border border-warn/40 bg-warn-soft px-4 py-2.5 text-sm text-warn"><History aria-hidden className="size-4 shrink-0" />You see the run as it was after record {at}. What came later is not drawn.</p>}
      {/* On a narrow screen the step that is open comes right below the steps. */}
      <div className="grid items-start gap-5 xl:grid-cols-[minmax(0,1.75fr)_minmax(22rem,1fr)] xl:grid-rows-[auto_1fr]">
        <Panel flush title="Steps" className="overflow-hidden" actions={<Segmented label="View" value={view} options={VIEWS} onChange={(v) => { show({ view: v === "diagram" ? v : undefined }); }} />}>
            {view === "timeline" ? <RunGantt run={run} until={until} open={search.step} onOpen={open} />
              : <Suspense fallback={<Skeleton className="m-4 h-96" />}><FlowDiagram graph={run.graph} steps={run.steps} open={step?.path} onOpen={(path) => { open(run.steps.findLast((s) => s.path === path && !s.compensation)?.n); }} /></Suspense>}
        </Panel>
        <div className="min-w-0 xl:sticky xl:top-18 xl:max-h-[calc(100dvh-5.5rem)] xl:row-span-2 xl:overflow-y-auto xl:rounded-xl">
          {step ? <StepPanel run={run} step={step} onOpen={open} logs={<StepLogs key={step.n} service={run.service ?? null} step={step} />} actions={<ActionBar small actions={then ? atRest(step.allowed_actions) : step.allowed_actions} context={words(step.name)} body={{ step: step.n }} start={{ input: step.input, output: step.output }} />} />
            : <RunFacts run={run} workflow={document?.id ?? null} />}
        </div>
        <div className="min-w-0"><TimeTravel run={live} at={at} onAt={(record) => { show({ at: record }); }} /></div>
      </div>
      {holding && <HoldsDialog services={(services ?? []).map((s) => s.name)} workflows={(workflows ?? []).map((w) => w.id)} onClose={() => { setHolding(false); }} />}
    </>
  );
}
